"""Parts of tensors, read and written: by ``x[index]`` and by tensors of positions."""
