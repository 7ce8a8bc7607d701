"""Layers of the networks of the 1990s: squashed units, subsampling that learns, convolutions with chosen connections.

All of LeNet-5 is made of them, and the Convolutional Face Finder's maps too.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinyconv import nn
from tinyconv.core.errors import ArgumentError
from tinyconv.nn import functional as F
from tinyconv.nn import init
from tinyconv.nn.arguments import new_parameter, positive
from tinyconv.ops.creation.creation import tensor
from tinyconv.ops.tensor import Tensor

AMPLITUDE, SLOPE = 1.7159, 2 / 3
"""Then f(1) = 1 and f(-1) = -1, where the curvature is largest: targets of ±1 are reached without saturation."""


class Squash(nn.Tanh):
    """f(a) = 1.7159 tanh(2a / 3), for each element: the squashing function of LeNet-5.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``DTypeError`` for integers.
    Source: LeCun, Bottou, Bengio & Haffner, 1998, "Gradient-based learning applied to document recognition",
        equation 6 and appendix A.

    >>> from tinyconv.models.zoo.early_layers import Squash
    >>> Squash()(tc.tensor([-1.0, 0.0, 1.0]))
    tensor([-1.,  0.,  1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return AMPLITUDE * super().forward(SLOPE * input)


class Subsampling(nn.AvgPool2d):
    """y_k = w_k Σ x_k + b_k: the sum of the pixels of each 2x2 window, times a coefficient and plus a bias of the map.

    Two parameters a map: ``weight`` and ``bias``. A last row or column without a partner is left out.

    Shape: input (N, channels, H, W); result (N, channels, floor(H / 2), floor(W / 2)).
    Dtype: float32 or float64, the same as the layer's; the result has it too.
    Raises: ``ArgumentError`` for fewer than 1 channel; ``ShapeError`` for other channels, or maps smaller than 2x2.
    Source: LeCun, Bottou, Bengio & Haffner, 1998, "Gradient-based learning applied to document recognition",
        section II.B.

    >>> from tinyconv.models.zoo.early_layers import Subsampling
    >>> layer = Subsampling(1)
    >>> layer.load_state_dict({"weight": tc.tensor([2.0]), "bias": tc.tensor([0.5])})
    <All keys matched successfully>
    >>> layer(tc.ones(1, 1, 2, 2)).item()
    8.5
    """

    def __init__(self, channels: int) -> None:
        super().__init__(2)
        self.channels = positive(channels, "Subsampling: channels")
        self.weight = new_parameter((channels,), None, None)
        self.bias = new_parameter((channels,), None, None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw coefficients and biases anew: a unit has four inputs."""
        for parameter in (self.weight, self.bias):
            early_uniform_(parameter, fan_in=4)

    def forward(self, input: Tensor) -> Tensor:
        sums = 4 * self.weight  # of a mean, four times as much is that of a sum
        return sums.reshape(-1, 1, 1) * super().forward(input) + self.bias.reshape(-1, 1, 1)

    def extra_repr(self) -> str:
        return f"{self.channels}, kernel_size=2, stride=2"


class PartialConv2d(nn.Module):
    """A convolution each of whose maps sees only some input maps: map k those that ``connections[k]`` lists.

    ``weight``: (connections in all, kernel_size, kernel_size), those of map 0 first, each map's in the order of its
    list; ``bias``: (maps,). What is not connected has no weight, and none is computed with as if it were zero and
    learnt: the full kernel is put together from ``weight`` and zeros in every call.

    Shape: input (N, in_channels, H, W); result (N, maps, H - kernel_size + 1, W - kernel_size + 1).
    Dtype: float32 or float64, the same as the layer's; the result has it too.
    Raises: ``ArgumentError`` for a map without an input, or with one that is not there or there twice; in the call
        ``ShapeError`` for other channels, or images smaller than the kernel.
    Source: LeCun, Bottou, Bengio & Haffner, 1998, "Gradient-based learning applied to document recognition", table I.

    >>> from tinyconv.models.zoo.early_layers import PartialConv2d
    >>> layer = PartialConv2d(3, [(0, 1), (2,)], kernel_size=5)
    >>> layer.weight.shape, layer(tc.zeros(1, 3, 8, 8)).shape
    ((3, 5, 5), (1, 2, 4, 4))
    """

    def __init__(self, in_channels: int, connections: Sequence[Sequence[int]], kernel_size: int) -> None:
        super().__init__()
        self.in_channels = positive(in_channels, "PartialConv2d: in_channels")
        self.kernel_size = positive(kernel_size, "PartialConv2d: kernel_size")
        self.connections = tuple(tuple(inputs) for inputs in connections)
        for number, inputs in enumerate(self.connections):
            if not inputs or len({*inputs} & {*range(in_channels)}) < len(inputs):
                raise ArgumentError(
                    f"PartialConv2d: map {number} must see one or more of the {in_channels} input maps, each once, "
                    f"got {inputs}"
                )
        count = sum(map(len, self.connections))
        # For each pair of maps, the number of its weights, and whether it is connected.
        pairs = len(self.connections) * in_channels
        places, connected, number = [0] * pairs, [0.0] * pairs, 0
        for output, inputs in enumerate(self.connections):
            for source in inputs:
                places[output * in_channels + source] = number
                connected[output * in_channels + source] = 1.0
                number += 1
        self.register_buffer("places", tensor(places), persistent=False)
        self.register_buffer("connected", tensor(connected).reshape(-1, 1, 1), persistent=False)
        self.weight = new_parameter((count, kernel_size, kernel_size), None, None)
        self.bias = new_parameter((len(self.connections),), None, None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights and biases anew, in a range that depends on how many inputs each map's units have."""
        taps, first = self.kernel_size**2, 0
        for number, inputs in enumerate(self.connections):
            last = first + len(inputs)
            for part in (self.weight.data[first:last], self.bias.data[number : number + 1]):
                early_uniform_(part, fan_in=taps * len(inputs))
            first = last

    def kernels(self) -> Tensor:
        """The weight of the full convolution that this is: (maps, in_channels, kernel_size, kernel_size)."""
        size = self.kernel_size
        # No operation that counts as a layer: what is captured of this one is its maps.
        chosen = self.weight[self.places] * self.connected
        return chosen.reshape(len(self.connections), self.in_channels, size, size)

    def forward(self, input: Tensor) -> Tensor:
        return F.conv2d(input, self.kernels(), self.bias)

    def extra_repr(self) -> str:
        count = sum(map(len, self.connections))
        return (
            f"{self.in_channels}, {len(self.connections)}, kernel_size={self.kernel_size}, {count} of "
            f"{len(self.connections) * self.in_channels} connections"
        )


def early_uniform_(values: Tensor, fan_in: int) -> None:
    """Fill ``values`` from U(-2.4 / F, 2.4 / F), F the number of inputs of a unit: LeNet-5's initial weights."""
    init.uniform_(values, -2.4 / fan_in, 2.4 / fan_in)
