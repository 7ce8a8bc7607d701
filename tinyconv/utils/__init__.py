"""Floor 5: PyTorch's ``utils.data``, and the writing of files that are never half-written."""
