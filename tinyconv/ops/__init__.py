"""Floor 3: what can be done with tensors. One folder per family; each operation's forward and backward stand together.

An operation checks shapes and types, raises the errors that a user reads, and picks the kernels of its operands'
device. The public ``Tensor`` is put together in ``tensor``; the functions are public as ``tinyconv.<name>``, those
that build networks as ``tinyconv.nn.functional.<name>``.
"""
