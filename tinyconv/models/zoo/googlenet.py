"""GoogLeNet: nine inception modules, and two auxiliary classifiers that help to train them.

After Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke and Rabinovich, "Going deeper with convolutions",
2014. The one with batch norm is torchvision's, by name and shape; the other is the network of the paper.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from tinyconv import nn
from tinyconv.core.arrays import Pair
from tinyconv.core.errors import ArgumentError
from tinyconv.models.zoo.inception import Classifier, ConvolutionUnit, Inception
from tinyconv.models.zoo.stem import has_small_stem, require_side
from tinyconv.ops.shape.join import cat
from tinyconv.ops.tensor import Tensor

# The filters of each branch: 1x1; 1x1 and 3x3 behind it; 1x1 and 5x5 behind it; 1x1 behind the pooling (table 1).
INCEPTIONS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
FIRST_WIDTH = 64


class GoogLeNetOutputs(NamedTuple):
    """What GoogLeNet gives in training: its logits, and those of the later and of the earlier auxiliary head.

    Raises: nothing of its own.

    >>> from tinyconv.models.zoo.googlenet import GoogLeNetOutputs
    >>> GoogLeNetOutputs._fields
    ('logits', 'aux_logits2', 'aux_logits1')
    """

    logits: Tensor
    aux_logits2: Tensor
    aux_logits1: Tensor


class GoogLeNet(nn.Module):
    """Three convolutions, nine inception modules with poolings between, the average over the map, one linear layer.

    ``aux_logits``: two auxiliary classifiers, behind inceptions 4a and 4d, take part in training: ``forward`` then
    gives ``GoogLeNetOutputs``, of which ``models.auxiliary.total_loss`` makes the loss (the trainer does). In
    evaluation they rest, and logits (N, num_classes) are all. 13,004,888 parameters for ImageNet, 6,624,904 without
    the heads.

    ``transform_input``: channels normalised with ImageNet's means and deviations are shifted to [-1, 1], which the
    weights that torchvision offers were made for. ``batch_norm=False``: the network of the paper, whose convolutions
    have biases, whose 5x5 branches are 5x5 (torchvision's are 3x3), and which normalises the responses of the first two
    stages over neighbouring channels: ``googlenet_2014``.
    ``stem``: "published", a 7x7 convolution of stride 2 and two poolings; "small", a 3x3 one of stride 1 and none, for
    small images; "auto", small below 112 pixels. ``width``: filters of the first convolution; all others stand in
    proportion to it. ``dropout``: before the last layer; ``dropout_aux``: in the heads.

    Raises: ``ShapeError`` for images of which no pixel would be left; ``ArgumentError`` for no filters, an unknown
        stem, and ``transform_input`` without three channels.
    Source: Szegedy et al., 2014, "Going deeper with convolutions", table 1 and section 5; with batch norm: Ioffe &
        Szegedy, 2015, "Batch normalization".

    >>> from tinyconv.models.zoo.googlenet import GoogLeNet
    >>> model = GoogLeNet(3, 10, (32, 32), width=8)
    >>> model(tc.zeros(2, 3, 32, 32)).aux_logits1.shape, model.eval()(tc.zeros(2, 3, 32, 32)).shape
    ((2, 10), (2, 10))
    """

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 1000,
        image_size: Pair = (224, 224),
        aux_logits: bool = True,
        transform_input: bool = False,
        dropout: float = 0.2,
        dropout_aux: float = 0.7,
        batch_norm: bool = True,
        stem: str = "auto",
        width: int = FIRST_WIDTH,
    ) -> None:
        super().__init__()
        small = has_small_stem("googlenet", stem, image_size)
        require_side("googlenet", image_size, 4 if small else 31, small)
        if width < 1:
            raise ArgumentError(f"googlenet needs at least one filter in its first convolution: width is {width}")
        if transform_input and in_channels != 3:
            raise ArgumentError(f"googlenet: transform_input is for 3 channels (RGB), and there are {in_channels}")
        self.transform_input = transform_input

        def scaled(filters: int) -> int:
            return max(1, filters * width // FIRST_WIDTH)

        first, second = scaled(64), scaled(192)
        seven = {"kernel_size": 3, "padding": 1} if small else {"kernel_size": 7, "stride": 2, "padding": 3}
        self.conv1 = ConvolutionUnit(in_channels, first, batch_norm, **seven)
        self.maxpool1 = _halving(not small)
        self.norm1 = _response_norm(not batch_norm)
        self.conv2 = ConvolutionUnit(first, first, batch_norm, kernel_size=1)
        self.conv3 = ConvolutionUnit(first, second, batch_norm, kernel_size=3, padding=1)
        self.norm2 = _response_norm(not batch_norm)
        self.maxpool2 = _halving(not small)
        channels, behind = second, {}
        for place, filters in INCEPTIONS.items():
            module = Inception(channels, tuple(scaled(each) for each in filters), batch_norm)
            self.add_module(f"inception{place}", module)
            behind[place] = channels = module.out_channels
            if place == "3b":
                self.maxpool3 = nn.MaxPool2d(3, 2, ceil_mode=True)
            if place == "4e":
                self.maxpool4 = nn.MaxPool2d(2 if batch_norm else 3, 2, ceil_mode=True)
        self.aux1: Classifier | None = None
        self.aux2: Classifier | None = None
        if aux_logits:
            halvings = 1 if small else 3
            sides = [(side if small else (side + 1) // 2) >> halvings for side in image_size]
            sizes: dict[str, Any] = {
                "reduced": scaled(128),
                "hidden": scaled(1024),
                "num_classes": num_classes,
                "dropout": dropout_aux,
            }
            # The paper's pooling leaves 4x4 of its 14x14; where maps have another size, the windows are shared out.
            strided = not batch_norm and all(14 <= side <= 16 for side in sides)
            self.aux1 = Classifier(behind["4a"], batch_norm=batch_norm, strided=strided, **sizes)
            self.aux2 = Classifier(behind["4d"], batch_norm=batch_norm, strided=strided, **sizes)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels, num_classes)
        _initialise(self, batch_norm)

    def forward(self, x: Tensor) -> Any:
        if self.transform_input:
            x = _from_imagenet_to_unit(x)
        for layer in (self.conv1, self.maxpool1, self.norm1, self.conv2, self.conv3, self.norm2, self.maxpool2):
            x = x if layer is None else layer(x)
        x = self.maxpool3(self.inception3b(self.inception3a(x)))
        early = self.inception4a(x)
        late = self.inception4d(self.inception4c(self.inception4b(early)))
        x = self.maxpool4(self.inception4e(late))
        x = self.inception5b(self.inception5a(x))
        logits = self.fc(self.dropout(self.avgpool(x).flatten(1)))
        if self.training and self.aux1 is not None and self.aux2 is not None:
            aux1 = self.aux1(early)
            return GoogLeNetOutputs(logits, self.aux2(late), aux1)
        return logits


def googlenet_2014(
    in_channels: int = 3,
    num_classes: int = 1000,
    image_size: Pair = (224, 224),
    aux_logits: bool = True,
    dropout: float = 0.4,
    dropout_aux: float = 0.7,
    stem: str = "auto",
    width: int = FIRST_WIDTH,
) -> GoogLeNet:
    """GoogLeNet as the paper has it: without batch norm, with biases and true 5x5 convolutions.

    13,378,280 parameters for ImageNet, 6,998,552 without the auxiliary heads. Options as ``GoogLeNet``'s.

    Raises: what ``GoogLeNet`` raises.
    Source: Szegedy et al., 2014, "Going deeper with convolutions", table 1, figure 3 and section 5.

    >>> from tinyconv.models.zoo.googlenet import googlenet_2014
    >>> googlenet_2014(1, 2, (32, 32), width=4).inception3a.branch3[1].conv
    Conv2d(1, 2, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2))
    """
    return GoogLeNet(
        in_channels,
        num_classes,
        image_size,
        aux_logits=aux_logits,
        dropout=dropout,
        dropout_aux=dropout_aux,
        batch_norm=False,
        stem=stem,
        width=width,
    )


def _halving(wanted: bool) -> nn.MaxPool2d | None:
    return nn.MaxPool2d(3, 2, ceil_mode=True) if wanted else None


def _response_norm(wanted: bool) -> nn.LocalResponseNorm | None:
    return nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0) if wanted else None


def _from_imagenet_to_unit(x: Tensor) -> Tensor:
    """Undo ImageNet's mean and deviation of each channel, and take 0.5 for both instead."""
    statistics = ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))
    channels = [
        x[:, number : number + 1] * (deviation / 0.5) + (mean - 0.5) / 0.5
        for number, (mean, deviation) in enumerate(statistics)
    ]
    return cat(channels, 1)


def _initialise(model: nn.Module, batch_norm: bool) -> None:
    """With batch norm as torchvision does; the paper does not say how: without, the variance of signals is kept."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear) and batch_norm:
            nn.init.trunc_normal_(module.weight, std=0.01, a=-2, b=2)
        elif isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
