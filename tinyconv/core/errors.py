"""The errors a user can cause.

Each derives from ``TinyconvError`` (the command turns that into one line and exit code 2) and from the built-in that
PyTorch raises in the same place, so ``except RuntimeError`` in a ported script keeps working.
A message names the layer, operation or file, the actual values, the rule or formula that they break, and the way out.
"""


class TinyconvError(Exception):
    """Base of every error that a user's input can cause.

    >>> issubclass(tc.TinyconvError, Exception)
    True
    """


class ShapeError(TinyconvError, RuntimeError, ValueError):
    """Array shapes that an operation cannot combine.

    >>> try:
    ...     tc.ones(2) + tc.ones(3)
    ... except tc.core.errors.ShapeError as error:
    ...     isinstance(error, RuntimeError), isinstance(error, ValueError)
    (True, True)
    """


class DimensionError(TinyconvError, IndexError):
    """A dimension or index outside its range.

    >>> try:
    ...     tc.ones(2).sum(5)
    ... except IndexError as error:
    ...     type(error).__name__
    'DimensionError'
    """


class ArgumentError(TinyconvError, ValueError):
    """An argument outside its domain, whatever the arrays are.

    >>> try:
    ...     nn.Dropout(1.5)
    ... except ValueError as error:
    ...     type(error).__name__
    'ArgumentError'
    """


class DTypeError(TinyconvError, RuntimeError, TypeError):
    """A data type that an operation does not take.

    >>> try:
    ...     tc.tensor([1, 2]).mean()
    ... except RuntimeError as error:
    ...     type(error).__name__
    'DTypeError'
    """


class DeviceError(TinyconvError, RuntimeError, TypeError):
    """A device that does not exist here, or tensors on different devices.

    >>> try:
    ...     tc.zeros(1, device="cuda:7")
    ... except RuntimeError as error:
    ...     type(error).__name__
    'DeviceError'
    """


class DeviceMemoryError(DeviceError, MemoryError):
    """The memory of a GPU is full.

    >>> issubclass(tc.core.errors.DeviceMemoryError, MemoryError)
    True
    """


class GraphError(TinyconvError, RuntimeError):
    """Use of the tape that has no defined gradient: a freed graph, a value overwritten before its backward.

    >>> try:
    ...     tc.ones(1).backward()
    ... except RuntimeError as error:
    ...     type(error).__name__
    'GraphError'
    """


class ExchangeError(TinyconvError, BufferError, RuntimeError):
    """Memory that cannot be shared with another library as it is.

    >>> try:
    ...     np.from_dlpack(tc.ones(2, requires_grad=True))
    ... except BufferError as error:
    ...     type(error).__name__
    'ExchangeError'
    """


class DataError(TinyconvError, ValueError):
    """A dataset or an image that cannot be used as given.

    >>> issubclass(tc.core.errors.DataError, ValueError)
    True
    """


class RunError(TinyconvError, RuntimeError):
    """A run folder or checkpoint that is missing, damaged, in the way, or made for another model.

    >>> try:
    ...     nn.Linear(2, 1).load_state_dict({})
    ... except RuntimeError as error:
    ...     type(error).__name__
    'RunError'
    """


class MissingFileError(RunError, FileNotFoundError):
    """A file of weights that is not there.

    >>> try:
    ...     tc.load("nothing.safetensors")
    ... except FileNotFoundError as error:
    ...     type(error).__name__
    'MissingFileError'
    """


class UnsupportedError(TinyconvError, NotImplementedError):
    """Part of PyTorch's interface that tinyconv does not offer.

    >>> try:
    ...     tc.save(nn.Linear(2, 2), "model.pt")
    ... except NotImplementedError as error:
    ...     type(error).__name__
    'UnsupportedError'
    """
