"""Tensors made from data, by a rule, at random."""
