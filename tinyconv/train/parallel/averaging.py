"""Gradients of all processes added up, in messages that leave while backward still computes the others.

    g = Σ over processes r of g_r

Backward reaches the last layer first. As soon as a parameter's gradient is there it is copied into its bucket, and a
full bucket's sum begins, while earlier layers are computed. Li et al., "PyTorch Distributed: Experiences on
Accelerating Data Parallel Training", VLDB 2020, section 3.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tinyconv.core import layout
from tinyconv.core.arrays import Array
from tinyconv.core.communication import Communicator, Pending
from tinyconv.core.errors import UnsupportedError
from tinyconv.nn.parameter import Parameter
from tinyconv.ops.tensor import Tensor

BUCKET_BYTES = 2 * 2**20
"""Messages of less than a megabyte spend their time on latency; larger ones leave late. See ``bench communication``."""


class GradientSum:
    """The sum over all processes of every parameter's gradient.

    ``parameters``: the same on every process. Those that need no gradient now are left out for good.
    ``bucket_bytes``: what a message holds, or a single parameter that is larger.

    Messages leave in one order, the same on all processes, whatever comes first on each: at first that of the
    parameters from the last to the first, after one backward that in which process 0 saw them ready.

    Raises: ``UnsupportedError`` for parameters on a GPU.

    >>> from tinyconv.train.parallel import Alone, GradientSum
    >>> layer = nn.Linear(2, 1)
    >>> gradients = GradientSum(layer.parameters(), Alone())
    >>> gradients.begin()
    >>> layer(tc.ones(3, 2)).sum().backward()
    >>> gradients.finish()
    >>> layer.weight.grad
    tensor([[3., 3.]])
    """

    def __init__(
        self, parameters: Iterable[Parameter], communicator: Communicator, bucket_bytes: int = BUCKET_BYTES
    ) -> None:
        self._parameters = [parameter for parameter in parameters if parameter.requires_grad]
        for parameter in self._parameters:
            if parameter.device.type != "cpu":
                raise UnsupportedError(
                    f"GradientSum: a parameter is on {parameter.device}; several processes train on processors only: "
                    "start one process for a GPU"
                )
        self._communicator, self._bucket_bytes = communicator, bucket_bytes
        self._numbers = {id(parameter): number for number, parameter in enumerate(self._parameters)}
        self._handles = [parameter.register_post_accumulate_grad_hook(self._is_ready) for parameter in self._parameters]
        self._is_open, self._is_settled = False, False
        self._arrived: list[int] = []
        self._arrange(list(range(len(self._parameters)))[::-1])

    def begin(self) -> None:
        """The next backward is the last before ``finish``: what it brings may leave at once."""
        self._is_open, self._arrived, self._started = True, [], 0
        for bucket in self._buckets:
            bucket.empty()

    def finish(self) -> None:
        """Wait for the sums, and put them in the place of the gradients, those of all backwards since they were zeroed.

        A parameter whose gradient is None on this process gets that of the others; None stays if it is None on all.
        They lie in the messages' own memory: copy what is to outlast the next step.
        """
        if not self._is_open:
            self.begin()
        self._is_open = False
        self._start(len(self._buckets))
        for bucket in self._buckets:
            bucket.give_back()
        if not self._is_settled:
            self._settle()

    def close(self) -> None:
        """Take the hooks off the parameters."""
        for handle in self._handles:
            handle.remove()

    def _arrange(self, order: Sequence[int]) -> None:
        """Fill buckets with the parameters in this ``order``, each with those of one type."""
        self._buckets: list[_Bucket] = []
        self._places: dict[int, tuple[_Bucket, int]] = {}
        waiting: dict[np.dtype[Any], list[int]] = {}

        def close(members: list[int]) -> None:
            bucket = _Bucket([self._parameters[number] for number in members], self._communicator)
            self._places |= {number: (bucket, position) for position, number in enumerate(members)}
            self._buckets.append(bucket)

        for number in order:
            dtype = self._parameters[number].array.dtype
            members = waiting.setdefault(dtype, [])
            members.append(number)
            if sum(self._parameters[member].array.nbytes for member in members) >= self._bucket_bytes:
                close(waiting.pop(dtype))
        for members in waiting.values():
            close(members)

    def _is_ready(self, parameter: Any) -> None:
        number = self._numbers[id(parameter)]
        if not self._is_open or number in self._arrived:
            return
        self._arrived.append(number)
        bucket, position = self._places[number]
        bucket.put(position)
        full = self._started
        while full < len(self._buckets) and self._buckets[full].is_full:
            full += 1
        self._start(full)
        for begun in self._buckets[: self._started]:
            begun.poke()

    def _start(self, stop: int) -> None:
        for bucket in self._buckets[self._started : stop]:
            bucket.start()
        self._started = max(self._started, stop)

    def _settle(self) -> None:
        """Order the buckets as process 0 saw its gradients ready; those that it did not see come last."""
        missing = [number for number in range(len(self._parameters)) if number not in self._arrived]
        order = np.array(self._arrived + missing, np.int64)
        self._communicator.broadcast(order)
        self._arrange(order.tolist())
        self._is_settled = True


class _Bucket:
    """Parameters whose gradients travel in one message: all their numbers, then for each 1 if it has a gradient."""

    def __init__(self, parameters: list[Parameter], communicator: Communicator) -> None:
        self._parameters, self._communicator = parameters, communicator
        sizes = [parameter.array.size for parameter in parameters]
        ends = np.cumsum(sizes)
        self._message = np.zeros(int(ends[-1]) + len(parameters), parameters[0].array.dtype)
        self._present = self._message[int(ends[-1]) :]
        self._views = [
            _like(self._message[end - size : end], parameter.array.shape)
            for parameter, size, end in zip(parameters, sizes, ends.tolist(), strict=True)
        ]
        self._sum: Pending | None = None

    def empty(self) -> None:
        self._present[...] = 0
        self._sum = None

    @property
    def is_full(self) -> bool:
        return bool(self._present.all())

    def put(self, position: int) -> None:
        """The gradient of the parameter at ``position`` is there."""
        gradient = self._parameters[position].grad
        if gradient is not None:
            self._views[position][...] = gradient.array
            self._present[position] = 1

    def start(self) -> None:
        # A gradient that this backward did not bring may be one of an earlier backward, or none at all.
        for position, present in enumerate(self._present.tolist()):
            if not present:
                self._views[position][...] = 0
                self.put(position)
        self._sum = self._communicator.start_sum(self._message)

    def poke(self) -> None:
        if self._sum is not None:
            self._sum.poke()

    def give_back(self) -> None:
        if self._sum is not None:
            self._sum.wait()
        for parameter, view, processes in zip(self._parameters, self._views, self._present.tolist(), strict=True):
            if processes:
                parameter.grad = Tensor(view)


def _like(numbers: Array, shape: tuple[int, ...]) -> Array:
    """Flat ``numbers`` in the engine's order: channels last, for images and volumes."""
    stored = (shape[0], *shape[2:], shape[1]) if len(shape) in layout.CHANNELS_LAST else shape
    return layout.logical(numbers.reshape(stored))
