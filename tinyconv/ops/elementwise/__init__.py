"""Functions of each element by itself, and of pairs of elements."""
