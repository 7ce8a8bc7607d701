"""What ``python -m bench cuda --check`` does on a GPU: sections of cases, each section in a process of its own."""
