"""The Neocognitron: S-cells that look for features, C-cells that allow them to be shifted, three times in turn.

After Fukushima, "Neocognitron: A self-organizing neural network model for a mechanism of pattern recognition unaffected
by shift in position", 1980. How it learns, without labels, is in ``winner_takes_all.py``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyconv import nn
from tinyconv.autograd.grad_mode import no_grad
from tinyconv.core.arrays import FloatArray, Pair
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.models.zoo.winner_takes_all import learn
from tinyconv.nn import functional as F
from tinyconv.nn.arguments import new_parameter
from tinyconv.ops.creation.creation import ones, tensor, zeros
from tinyconv.ops.shape.join import cat
from tinyconv.ops.tensor import Tensor

WINDOW = 5
"""The side of what an S-cell sees, and a C-cell but for the last one's."""

NEARER_COUNTS_MORE = 0.9, 0.9, 0.8
"""By which a connection is weaker for each cell of distance from the middle (γ, δ), for each of the three stages."""

SATURATION = 0.5
"""α: a C-cell gives half of its largest output where it gets this much."""

GROWTH = 1.0, 16.0, 16.0
"""q: what a seed cell's connections grow by, for each stage."""

FIRST_WEIGHTS = 0.01
"""The largest connection before anything is learnt, so that every S-cell answers a little, each plane differently."""

TINY = 1e-12
"""The least under the square root, whose slope at 0 would be infinite."""

LEAST_DEVIATION = 0.01
"""A cell of U_C3 that hardly ever answers is not magnified beyond this."""

SMALLEST_SIDE = 15


class SCells(nn.Module):
    """Simple cells: planes of cells that answer to one feature each, wherever it is.

        u_S = r φ[ (1 + Σ a u) / (1 + r/(1 + r) b v) - 1 ],   v = √(Σ c u²),   φ(x) = max(x, 0)

    Both sums run over a window of all planes of ``u``, ``a`` (planes, in_planes, 5, 5) and ``b`` (planes,) are learnt
    without gradients, c is fixed, largest in the middle, and sums to 1. Inhibition divides instead of subtracting
    (shunting): learnt from one pattern x, Σ a u is q ⟨x, u⟩ and b v is q |x| |u|, so a strong cell answers where the
    cosine between pattern and window is above r / (1 + r): ``selectivity`` (r) says how alike they have to be.

    Shape: input (N, in_planes, H, W); result (N, planes, H + 2 padding - 4, W + 2 padding - 4).
    Dtype: float32 or float64, the same as the layer's; the result has it too.
    Raises: ``ArgumentError`` for a selectivity that is not positive; ``ShapeError`` for other planes or small maps.
    Source: Fukushima, 1980, "Neocognitron: A self-organizing neural network model", equations 1 to 3, with twice its b.

    >>> from tinyconv.models.zoo.neocognitron import SCells
    >>> SCells(1, 4, padding=2, selectivity=4.0)(tc.zeros(2, 1, 16, 16)).shape
    (2, 4, 16, 16)
    """

    c: Tensor

    def __init__(
        self, in_planes: int, planes: int, padding: int, selectivity: float, growth: float = 1.0, nearer: float = 0.9
    ) -> None:
        super().__init__()
        if not isinstance(selectivity, int | float) or not selectivity > 0:
            raise ArgumentError(f"SCells: selectivity must be positive, got {selectivity!r}")
        self.padding, self.selectivity, self.growth = padding, selectivity, growth
        self.a = new_parameter((planes, in_planes, WINDOW, WINDOW), None, None).requires_grad_(False)
        self.b = new_parameter((planes,), None, None).requires_grad_(False)
        middle = fading((WINDOW, WINDOW), nearer) / in_planes
        self.register_buffer("c", tensor(np.tile(middle, (1, in_planes, 1, 1))), persistent=False)
        nn.init.uniform_(self.a, 0, FIRST_WEIGHTS)
        nn.init.zeros_(self.b)

    def forward(self, input: Tensor) -> Tensor:
        excitation = F.conv2d(input, self.a, padding=self.padding)
        share = self.selectivity / (1 + self.selectivity)
        inhibition = share * self.b.reshape(-1, 1, 1) * self.strength(input)
        # (1 + e) / (1 + h) - 1
        return self.selectivity * F.relu((excitation - inhibition) / (1 + inhibition))

    def strength(self, input: Tensor) -> Tensor:
        """v, the weighted root mean square of each window: (N, 1, H', W')."""
        return F.conv2d(input * input, self.c, padding=self.padding).clamp(TINY).sqrt()

    def extra_repr(self) -> str:
        return f"{self.a.shape[1]}, {self.a.shape[0]}, padding={self.padding}, selectivity={self.selectivity:g}"


class CCells(nn.Module):
    """Complex cells: each answers if any of the S-cells of its plane does that lie around its place.

        u_C = ψ[ (1 + Σ d u_S) / (1 + v_S) - 1 ],   ψ(x) = φ(x) / (α + φ(x))

    The sum runs over a window of one plane, with fixed d, largest in the middle, that sum to 1; v_S is the mean of
    these sums over all planes, so what is everywhere is held back. A feature shifted by a cell meets another d that is
    little different. A ``padding`` below 0 leaves cells at the edge out.

    Shape: input (N, planes, H, W); result (N, planes, H', W') with H' = floor((H + 2 padding - kernel) / stride) + 1.
    Dtype: float32 or float64, the same as the layer's; the result has it too.
    Raises: ``ShapeError`` for other planes or maps smaller than the window.
    Source: Fukushima, 1980, "Neocognitron: A self-organizing neural network model", equations 4 to 6.

    >>> from tinyconv.models.zoo.neocognitron import CCells
    >>> CCells(4, (5, 5), padding=-1)(tc.zeros(2, 4, 16, 16)).shape
    (2, 4, 10, 10)
    """

    d: Tensor

    def __init__(self, planes: int, kernel_size: Pair, padding: int = 0, stride: int = 1, nearer: float = 0.9) -> None:
        super().__init__()
        self.kernel_size, self.padding, self.stride = kernel_size, padding, stride
        self.register_buffer("d", tensor(np.tile(fading(kernel_size, nearer), (planes, 1, 1, 1))), persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        padding = self.padding
        if padding < 0:
            input, padding = F.pad(input, [padding] * 4), 0
        seen = F.conv2d(input, self.d, stride=self.stride, padding=padding, groups=self.d.shape[0])
        everywhere = seen.mean(1, keepdim=True)
        # (1 + seen) / (1 + everywhere) - 1; and x / (α + x) = x/α / (1 + x/α)
        return F.softsign(F.relu((seen - everywhere) / (1 + everywhere)) / SATURATION)

    def extra_repr(self) -> str:
        return f"{self.d.shape[0]}, kernel_size={self.kernel_size}, padding={self.padding}, stride={self.stride}"


class Neocognitron(nn.Module):
    """U_0, then U_S1, U_C1, U_S2, U_C2, U_S3, U_C3, and a linear layer that reads the last one out.

    Each has ``planes`` planes: of 16x16 pixels U_S1 is 16x16, U_C1 10x10, U_S2 8x8, U_C2 6x6, U_S3 2x2 and U_C3 a
    single cell for each plane. ``selectivity``: r of the three S-layers. Of larger images U_C1 has fewer cells, one for
    each round(side / 16) pixels, and U_C3's window is as large as U_S3. U_0 is light: what is below 0 in the input
    counts as dark, unless ``off_cells`` give it planes of its own, as on- and off-centre cells of the eye (and
    Fukushima's later networks) do.

    S-cells learn without labels: ``learn_unsupervised``, which ``Trainer.fit``, and so ``tinyconv train``, calls before
    the first step. Then ``fc`` alone is trained, by gradients, on the answers of U_C3, less their ``mean`` and divided
    by their ``deviation`` over those images; in 1980 the largest cell of U_C3 told the pattern.
    ``forward`` takes (N, in_channels, height, width), gives logits (N, num_classes).

    Raises: ``ShapeError`` for images smaller than 15x15; ``ArgumentError`` for fewer than two planes, or other than
        three selectivities.
    Source: Fukushima, 1980, "Neocognitron: A self-organizing neural network model for a mechanism of pattern
        recognition unaffected by shift in position".

    >>> from tinyconv.models.zoo.neocognitron import Neocognitron
    >>> model = Neocognitron(planes=4)
    >>> model(tc.zeros(2, 1, 16, 16)).shape, [name for name, p in model.named_parameters() if p.requires_grad]
    ((2, 10), ['fc.weight', 'fc.bias'])
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 10,
        image_size: Pair = (16, 16),
        planes: int = 24,
        selectivity: tuple[float, float, float] = (4.0, 1.5, 1.5),
        off_cells: bool = False,
    ) -> None:
        super().__init__()
        if min(image_size) < SMALLEST_SIDE:
            raise ShapeError(
                f"neocognitron needs images of at least {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels, so that its third "
                f"stage has a cell, got {image_size[0]}x{image_size[1]}; give a larger image size, or use facenet"
            )
        if not isinstance(planes, int) or planes < 2:
            raise ArgumentError(f"neocognitron needs at least 2 planes, which inhibit each other, got {planes!r}")
        if not isinstance(selectivity, list | tuple) or len(selectivity) != 3:
            raise ArgumentError(f"neocognitron: selectivity is one number for each of 3 S-layers, got {selectivity!r}")
        self.off_cells = off_cells
        light = in_channels * (2 if off_cells else 1)
        stride = max(1, round(min(image_size) / 16))
        height, width = ((side - 2 - WINDOW) // stride + 1 - 8 for side in image_size)
        r, q, near = selectivity, GROWTH, NEARER_COUNTS_MORE
        self.s1 = SCells(light, planes, 2, r[0], q[0], near[0])
        self.c1 = CCells(planes, (WINDOW, WINDOW), -1, stride, near[0])
        self.s2 = SCells(planes, planes, 1, r[1], q[1], near[1])
        self.c2 = CCells(planes, (WINDOW, WINDOW), 1, 1, near[1])
        self.s3 = SCells(planes, planes, 0, r[2], q[2], near[2])
        self.c3 = CCells(planes, (height, width), 0, 1, near[2])
        self.register_buffer("mean", zeros(planes))
        self.register_buffer("deviation", ones(planes))
        self.fc = nn.Linear(planes, num_classes)

    def light(self, input: Tensor) -> Tensor:
        """U_0: what is bright, and with ``off_cells`` what is dark."""
        bright = F.relu(input)
        return cat([bright, F.relu(-input)], 1) if self.off_cells else bright

    def forward(self, x: Tensor) -> Tensor:
        x = self.c1(self.s1(self.light(x)))
        x = self.c2(self.s2(x))
        x = self.c3(self.s3(x)).flatten(1)
        return self.fc((x - self.mean) / self.deviation)

    def learn_unsupervised(self, images: Tensor, tell: Callable[[str], None]) -> None:
        """Let the S-layers learn from ``images`` (N, in_channels, H, W), one after the other; ``tell`` what came of it.

        They go on from the connections that they have, which are small and random at first.
        """
        with no_grad():
            u = self.light(images)
            for number, (simple, complex_) in enumerate(
                ((self.s1, self.c1), (self.s2, self.c2), (self.s3, self.c3)), start=1
            ):
                used = learn(simple, u)
                tell(
                    f"neocognitron: U_S{number} has learnt from {len(images.array)} images without their labels, and "
                    f"{used} of its {simple.a.shape[0]} planes a feature"
                )
                u = complex_(simple(u))
            answers = u.flatten(1)
            self.mean.copy_(answers.mean(0))
            self.deviation.copy_(answers.std(0, correction=0).clamp(LEAST_DEVIATION))


def fading(size: Pair, nearer: float) -> FloatArray:
    """nearer^distance for each place of a window, the distance that from its middle, divided by their sum."""
    down, across = (np.arange(side) - (side - 1) / 2 for side in size)
    weights: FloatArray = nearer ** np.hypot(down[:, None], across)
    return (weights / weights.sum()).astype(np.float32)
