"""Each operation that is written as ONNX operators, run by ONNX Runtime on another batch, beside our own."""

import io

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn

onnx = pytest.importorskip("onnx", reason="ONNX files need the extra [onnx]")
onnxruntime = pytest.importorskip("onnxruntime", reason="exported files are held against ONNX Runtime")


class Function(nn.Module):
    """A function as a model."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def frozen(layer):
    """A normalisation whose running statistics and weights are not what they start from."""
    for number, tensor in enumerate(layer.state_dict().values()):
        if tensor.dtype.is_floating_point:
            tensor.array[...] = np.random.default_rng(number).uniform(0.5, 1.5, tensor.shape)
    return layer


SIGNAL, IMAGE, VOLUME, ROWS = (2, 4, 9), (2, 4, 7, 8), (2, 4, 3, 5, 6), (2, 3, 6)

LAYERS = {
    "conv 1d": (lambda: nn.Conv1d(4, 6, 3, 2, 1), SIGNAL),
    "conv strided, dilated, grouped": (lambda: nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 0), (1, 2), groups=2), IMAGE),
    "conv same": (lambda: nn.Conv2d(4, 3, (2, 3), padding="same", bias=False), IMAGE),
    "conv reflected margins": (lambda: nn.Conv2d(4, 3, 3, padding=1, padding_mode="reflect"), IMAGE),
    "conv circular margins": (lambda: nn.Conv2d(4, 3, 3, padding=(1, 2), padding_mode="circular"), IMAGE),
    "conv transposed": (lambda: nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, groups=2), IMAGE),
    "conv transposed 1d": (lambda: nn.ConvTranspose1d(4, 2, 3, 2, dilation=2), SIGNAL),
    "locally connected": (lambda: nn.LocallyConnected2d(4, 3, (7, 8), 3, stride=2, padding=1), IMAGE),
    "unfold": (lambda: nn.Unfold((2, 3), dilation=2, padding=1, stride=2), IMAGE),
    "conv 3d": (lambda: nn.Conv3d(4, 6, (2, 3, 3), (1, 2, 1), (1, 0, 1), groups=2), VOLUME),
    "conv transposed 3d": (lambda: nn.ConvTranspose3d(4, 2, 2, (1, 2, 3)), VOLUME),
    "max pool 3d": (lambda: nn.MaxPool3d((1, 3, 2), 2, (0, 1, 1)), VOLUME),
    "average pool 3d, ceil": (lambda: nn.AvgPool3d((1, 2, 3), 2, ceil_mode=True), VOLUME),
    "adaptive average 3d": (lambda: nn.AdaptiveAvgPool3d((2, 3, 4)), VOLUME),
    "batch norm 3d": (lambda: frozen(nn.BatchNorm3d(4)), VOLUME),
    "trilinear": (lambda: nn.Upsample(size=(4, 3, 5), mode="trilinear"), VOLUME),
    "linear": (lambda: nn.Linear(6, 5), (2, 6)),
    "linear of rows": (lambda: nn.Linear(6, 5), ROWS),
    "linear without bias": (lambda: nn.Linear(6, 5, bias=False), (2, 6)),
    "max pool": (lambda: nn.MaxPool2d((3, 2), 2, 1, 2), IMAGE),
    "max pool, ceil": (lambda: nn.MaxPool2d(3, 2, ceil_mode=True), IMAGE),
    "max pool, ceil, margin": (lambda: nn.MaxPool2d(2, 3, 1, ceil_mode=True), (2, 4, 8, 9)),
    "max pool, margin as wide as the kernel": (lambda: nn.MaxPool2d(2, 1, 2, 4), (2, 4, 9, 9)),
    "max pool 1d": (lambda: nn.MaxPool1d(2), SIGNAL),
    "average pool": (lambda: nn.AvgPool2d(3, 2, 1), IMAGE),
    "average pool, margins not counted": (lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False), IMAGE),
    "average pool, ceil": (lambda: nn.AvgPool2d(3, 2, ceil_mode=True), IMAGE),
    "average pool, ceil, margin": (lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True), (2, 4, 8, 9)),
    "average pool, ceil, margin not counted": (
        lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False),
        (2, 4, 8, 9),
    ),
    "average pool, divisor": (lambda: nn.AvgPool2d(2, 2, 1, divisor_override=3), IMAGE),
    "average pool 1d": (lambda: nn.AvgPool1d(3, 2, 1), SIGNAL),
    "power pool": (lambda: nn.LPPool2d(2, 3, 2, ceil_mode=True), IMAGE),
    "power pool 1d, odd": (lambda: nn.Sequential(nn.ReLU(), nn.LPPool1d(3, 2)), SIGNAL),
    "adaptive average of all": (lambda: nn.AdaptiveAvgPool2d(1), IMAGE),
    "adaptive average, equal shares": (lambda: nn.AdaptiveAvgPool2d((7, 4)), IMAGE),
    "adaptive average, overlapping": (lambda: nn.AdaptiveAvgPool2d((3, 5)), IMAGE),
    "adaptive average 1d": (lambda: nn.AdaptiveAvgPool1d(4), SIGNAL),
    "adaptive maximum of all": (lambda: nn.AdaptiveMaxPool2d(1), IMAGE),
    "adaptive maximum, equal shares": (lambda: nn.AdaptiveMaxPool2d((1, 4)), IMAGE),
    "adaptive maximum, overlapping": (lambda: nn.AdaptiveMaxPool2d((3, 5)), IMAGE),
    "batch norm": (lambda: frozen(nn.BatchNorm2d(4)), IMAGE),
    "batch norm of rows": (lambda: frozen(nn.BatchNorm1d(6)), (2, 6)),
    "batch norm without weights": (lambda: frozen(nn.BatchNorm2d(4, affine=False)), IMAGE),
    "instance norm": (lambda: frozen(nn.InstanceNorm2d(4, affine=True)), IMAGE),
    "instance norm, running": (lambda: frozen(nn.InstanceNorm2d(4, track_running_stats=True)), IMAGE),
    "group norm": (lambda: frozen(nn.GroupNorm(2, 4)), IMAGE),
    "group norm of rows": (lambda: frozen(nn.GroupNorm(2, 6)), (2, 6)),
    "layer norm": (lambda: frozen(nn.LayerNorm((4, 7, 8))), IMAGE),
    "layer norm without weights": (lambda: nn.LayerNorm(6, elementwise_affine=False), ROWS),
    "root mean square norm": (lambda: frozen(nn.RMSNorm(6, eps=1e-5)), ROWS),
    "local response norm": (lambda: nn.LocalResponseNorm(3, alpha=0.5), IMAGE),
    "local response norm, even": (lambda: nn.LocalResponseNorm(2, alpha=0.5, k=2.0), IMAGE),
    "local response norm of signals": (lambda: nn.LocalResponseNorm(3, alpha=0.5), SIGNAL),
    "prelu": (lambda: frozen(nn.PReLU(4)), IMAGE),
    "pixel shuffle": (lambda: nn.PixelShuffle(2), IMAGE),
    "pixel unshuffle": (lambda: nn.PixelUnshuffle(2), (2, 3, 4, 6)),
    "channel shuffle": (lambda: nn.ChannelShuffle(2), IMAGE),
    "nearest": (lambda: nn.Upsample(scale_factor=2), IMAGE),
    "bilinear": (lambda: nn.Upsample(size=(5, 11), mode="bilinear"), IMAGE),
    "zero margins": (lambda: nn.ZeroPad2d((1, 2, 0, 3)), IMAGE),
    "constant margins, one negative": (lambda: nn.ConstantPad2d((1, -2, 0, 3), 1.5), IMAGE),
    "flatten": (lambda: nn.Flatten(), IMAGE),
    "dropout": (lambda: nn.Dropout(0.5), IMAGE),
    "in place": (lambda: nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU(inplace=True)), IMAGE),
    **{
        name: (lambda layer=layer: layer, IMAGE)
        for name, layer in {
            "relu": nn.ReLU(), "relu6": nn.ReLU6(), "hardtanh": nn.Hardtanh(-0.5, 0.7), "leaky": nn.LeakyReLU(0.2),
            "elu": nn.ELU(0.7), "selu": nn.SELU(), "celu": nn.CELU(0.7), "softplus": nn.Softplus(),
            "softplus, steep": nn.Softplus(beta=2.0), "logsigmoid": nn.LogSigmoid(), "softsign": nn.Softsign(),
            "tanhshrink": nn.Tanhshrink(), "hardshrink": nn.Hardshrink(), "softshrink": nn.Softshrink(0.3),
            "hardsigmoid": nn.Hardsigmoid(), "hardswish": nn.Hardswish(), "silu": nn.SiLU(), "gelu": nn.GELU(),
            "gelu tanh": nn.GELU(approximate="tanh"), "mish": nn.Mish(), "glu": nn.GLU(1), "sigmoid": nn.Sigmoid(),
            "tanh": nn.Tanh(), "threshold": nn.Threshold(0.3, -2.0), "softmax": nn.Softmax(1),
            "log softmax": nn.LogSoftmax(1), "rrelu": nn.RReLU(),
        }.items()
    },
}  # fmt: skip

FUNCTIONS = {
    "arithmetic": lambda x: (2 - x) * (x + 1) / (x * x + 3),
    "powers": lambda x: (x.abs() + 1) ** 1.5 + (x.square() + 1).rsqrt() + (x.abs() + 1).reciprocal().sqrt(),
    "exponentials": lambda x: x.exp().log() + x.sin() - x.cos() + x.sinh() - x.cosh() + x.tan(),
    "inverses": lambda x: x.tanh().asin() + x.tanh().acos() + x.atan() + x.asinh() + (x.abs() + 1).acosh(),
    "inverse hyperbolic": lambda x: (x.tanh() * 0.9).atanh() + x.sign() + x.erf() - (-x),
    "rounding": lambda x: x.floor() + 2 * x.ceil() + 4 * x.trunc() + 8 * x.round(),
    "bounds": lambda x: tc.maximum(x.clamp(-0.5, 0.5), x.clamp(max=0)) + tc.minimum(x, x.clamp(min=0.2)),
    "bounds that are tensors": lambda x: x.clamp(tc.tensor(-0.5), x.abs()),
    "comparison": lambda x: tc.where((x > 0) & (x <= 1) | (x == 2), x, x * 0.5) + (x != 0).float(),
    "logic": lambda x: tc.logical_not(x >= 0.5).float() + tc.logical_xor(x < 0, x.isnan()).float(),
    "logic of numbers": lambda x: tc.logical_and(x.round(), x > 0).float(),
    "sums": lambda x: x.sum((2, 3)) + x.mean((2, 3)) + x.amax((2, 3)) + x.amin((2, 3)),
    "a sum of each image": lambda x: x.sum((1, 2, 3), keepdim=True) + x.prod(1, keepdim=True),
    "norms": lambda x: x.norm(dim=1) + x.norm(p=1, dim=1) + x.norm(p=float("inf"), dim=1) + x.logsumexp(1),
    "variance": lambda x: x.var(1) + x.std(1, unbiased=False),
    "positions": lambda x: x.argmax(1).float() + x.argmin(1).float() * 10,
    "joining": lambda x: tc.cat([x, x * 2], 1) + tc.stack([x, -x], 1).flatten(1, 2),
    "parts": lambda x: x[:, 1:3, ::2, -3:] + x[:, :2, 1::2, 2:5].sum(),
    "parts that lose and gain dimensions": lambda x: x[:, -1, None, 2] + x[..., 0, :].mean(1)[:, None],
    "chunks": lambda x: sum(x.chunk(2, 1)) + x.narrow(1, 1, 2),
    "choosing channels": lambda x: x.index_select(1, tc.tensor([3, 0, 0])) + x[:, [1, 2, 0]],
    "transposing": lambda x: x.mT @ x.permute(0, 1, 3, 2).swapaxes(2, 3),
    "a batch of rows": lambda x: x.reshape(len(x), 4, -1).transpose(1, 2) @ tc.ones(4, 2),
    "sizes merged": lambda x: x.reshape(-1, 7, 8).sum(1),
    "views": lambda x: x.view(x.size(0), -1)[:, :5],
    "expanding": lambda x: x[:, :1].expand(-1, 5, -1, -1) + x.mean(1, keepdim=True).expand(x.size(0), 5, 7, 8),
    "other types": lambda x: (x * 3).long().float() + (x > 0).double().float() + x.int().float(),
    "detached": lambda x: (x * 2).detach() + 1,
    "the input itself": lambda x: x,
    "distance": lambda x: ((x.flatten(1)[:, None] - tc.arange(448.0).reshape(2, 224) / 224) ** 2).sum(-1),
}

CASES = {**LAYERS, **{name: (lambda f=f: Function(f), IMAGE) for name, f in FUNCTIONS.items()}}


@pytest.mark.parametrize("name", CASES)
def test_onnx_runtime_gives_what_we_give(name):
    make, shape = CASES[name]
    tc.manual_seed(0)
    compare(make().eval(), shape)


def compare(model, shape, **options):
    """The exported file beside the model, on a batch of another size."""
    from tinyconv.interop.onnx import export

    file = io.BytesIO()
    export(model, tc.zeros(*shape), file, **options)
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    x = np.random.default_rng(0).standard_normal((3, *shape[1:])).astype(np.float32)
    with tc.no_grad(), tc.set_float32_precision("exact"):
        expected = model(tc.tensor(x)).numpy()
    (found,) = session.run(None, {"images": x})
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
