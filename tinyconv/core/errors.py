"""The errors a user can cause.

Each derives from ``TinyconvError`` (the command turns that into one line and exit code 2) and from the built-in that
PyTorch raises in the same place, so ``except RuntimeError`` in a ported script keeps working.
A message names the layer, operation or file, the actual values, the rule or formula that they break, and the way out.
"""


class TinyconvError(Exception):
    """Base of every error that a user's input can cause."""


class ShapeError(TinyconvError, RuntimeError, ValueError):
    """Array shapes that an operation cannot combine."""


class DimensionError(TinyconvError, IndexError):
    """A dimension or index outside its range."""


class ArgumentError(TinyconvError, ValueError):
    """An argument outside its domain, whatever the arrays are."""


class DTypeError(TinyconvError, RuntimeError, TypeError):
    """A data type that an operation does not take."""


class DeviceError(TinyconvError, RuntimeError):
    """A device that does not exist here, or tensors on different devices."""


class GraphError(TinyconvError, RuntimeError):
    """Use of the tape that has no defined gradient: a freed graph, a value overwritten before its backward."""


class DataError(TinyconvError, ValueError):
    """A dataset or an image that cannot be used as given."""


class RunError(TinyconvError, RuntimeError):
    """A run folder or checkpoint that is missing, damaged, in the way, or made for another model."""


class UnsupportedError(TinyconvError, NotImplementedError):
    """Part of PyTorch's interface that tinyconv does not offer."""
