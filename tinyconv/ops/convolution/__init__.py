"""Convolution and its kin."""
