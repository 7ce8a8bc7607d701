"""Losses, and the distances that some of them are made of."""
