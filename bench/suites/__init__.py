"""The measurements, one file each; every file has a ``command``."""
