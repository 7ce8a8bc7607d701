"""Modules in a row, fused, against the same modules one by one."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn
from tinyconv.autograd.observe import observe
from tinyconv.core.errors import ShapeError
from tinyconv.models.zoo.resnet import resnet18
from tinyconv.nn import folding
from tinyconv.nn.fused import in_row, in_row_with_shortcut

ROWS = {
    "norm, relu": lambda: (nn.BatchNorm2d(5), nn.ReLU()),
    "norm, relu in place": lambda: (nn.BatchNorm2d(5), nn.ReLU(inplace=True)),
    "norm without weight": lambda: (nn.BatchNorm2d(5, affine=False), nn.ReLU()),
    "norm without statistics": lambda: (nn.BatchNorm2d(5, track_running_stats=False), nn.ReLU(), nn.MaxPool2d(2)),
    "norm, relu, pool": lambda: (nn.BatchNorm2d(5), nn.ReLU(), nn.MaxPool2d(2)),
    "norm, relu, gaps": lambda: (nn.BatchNorm2d(5), nn.ReLU(), nn.MaxPool2d((3, 2), 3, (1, 0), ceil_mode=True)),
    "norm, relu, overlap": lambda: (nn.BatchNorm2d(5), nn.ReLU(), nn.MaxPool2d(3, 2, 1)),
    "relu, pool": lambda: (nn.ReLU(), nn.MaxPool2d(3, 2)),
    "conv, norm, relu, pool": lambda: (nn.Conv2d(5, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)),
    "conv, relu": lambda: (nn.Conv2d(5, 4, 3, padding=1), nn.ReLU()),
    "conv, relu, pool": lambda: (nn.Conv2d(5, 4, 3, bias=False), nn.ReLU(), nn.MaxPool2d(2)),
    "conv around, relu": lambda: (nn.Conv2d(5, 4, 3, padding=1, padding_mode="circular"), nn.ReLU(inplace=True)),
    "linear, relu": lambda: (nn.Linear(9, 4), nn.ReLU()),
    "plain average": lambda: (nn.BatchNorm2d(5, momentum=None), nn.ReLU(), nn.MaxPool2d(2)),
}


class Plain(nn.Module):
    """The modules one by one."""

    def __init__(self, *modules):
        super().__init__()
        self.row = nn.ModuleList(modules)

    def forward(self, x):
        for module in self.row:
            x = module(x)
        return x


def twins(name, dtype=tc.float64):
    """A row that is fused and one that is not, with the same parameters, drawn at random."""
    modules = tuple(ROWS[name]())
    for module in modules:
        for parameter in module.parameters():
            parameter.array[...] = np.random.default_rng(parameter.array.size).standard_normal(parameter.shape)
    one, other = nn.Sequential(*modules).to(dtype), Plain(*ROWS[name]()).to(dtype)
    other.row.load_state_dict(one.state_dict())
    return one, other


def images(dtype=tc.float64, requires_grad=True):
    values = np.random.default_rng(1).standard_normal((3, 5, 8, 9)) * 2 + 1
    return tc.tensor(values, dtype=dtype, requires_grad=requires_grad)


def operations_of(model, x):
    """The names of what is on the tape behind ``model(x)``."""
    names, waiting = [], [model(x).grad_fn]
    while waiting:
        operation = waiting.pop()
        names.append(operation.name)
        waiting.extend(edge[0] for edge in operation.edges if isinstance(edge, tuple))
    return names


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("dtype", [tc.float64, tc.float32])
@pytest.mark.parametrize("training", [True, False])
def test_fused_rows_equal_the_modules_one_by_one(name, dtype, training):
    tolerance = 1e-11 if dtype is tc.float64 else 1e-4
    results = []
    for model in twins(name, dtype):
        x = images(dtype)
        model.train(training)
        for _ in range(2):
            model.zero_grad()
            x.grad = None
            y = model(x)
            y.backward(tc.tensor(np.random.default_rng(2).standard_normal(y.shape), dtype=dtype))
        gradients = [parameter.grad.array for parameter in model.parameters()]
        results.append([y.array, x.grad.array, *gradients, *(buffer.array for buffer in model.buffers())])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", ["norm, relu", "norm, relu, pool", "relu, pool", "conv, relu", "linear, relu"])
@pytest.mark.parametrize("training", [True, False])
def test_gradients_of_gradients_are_those_of_the_modules_one_by_one(name, training):
    results = []
    for model in twins(name):
        x = images()
        model.train(training)
        leaves = [x, *model.parameters()]
        y = model(x)
        cotangent = tc.tensor(np.random.default_rng(2).standard_normal(y.shape), requires_grad=True)
        first = tc.autograd.grad(y, leaves, cotangent, create_graph=True)
        total = sum((gradient * gradient).sum() for gradient in first)
        results.append(
            [
                gradient.array
                for gradient in tc.autograd.grad(total, [*leaves, cotangent], allow_unused=True)
                if gradient is not None
            ]
        )
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("training", [True, False])
def test_the_end_of_a_residual_block_equals_its_steps(training):
    results = []
    for fuse in (True, False):
        tc.manual_seed(3)
        norm, relu = nn.BatchNorm2d(5).double(), nn.ReLU()
        norm.train(training)
        x, shortcut = images(), tc.tensor(images().array[:, ::-1].copy(), requires_grad=True)
        y = in_row_with_shortcut((norm,), x, shortcut, relu) if fuse else relu(norm(x) + shortcut)
        assert (y.grad_fn.name == "BatchNorm") is fuse
        leaves = [x, shortcut, norm.weight, norm.bias]
        first = tc.autograd.grad(y, leaves, tc.cos(y.detach() * 5), create_graph=True)
        total = (first[0] * first[0]).sum()
        second = tc.autograd.grad(total, [x, norm.weight], materialize_grads=True)
        again = tc.autograd.grad(
            in_row_with_shortcut((norm,), x, shortcut, relu) if fuse else relu(norm(x) + shortcut), leaves, y.detach()
        )
        results.append([tensor.array for tensor in (y, *first, *second, *again)])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


def test_what_is_fused_is_one_operation():
    fused_row, _ = twins("conv, norm, relu, pool")
    assert operations_of(fused_row, images()) == ["BatchNormMaxPool", "Convolution2d"]
    fused_row, _ = twins("norm, relu")
    assert operations_of(fused_row, images()) == ["BatchNorm"]
    fused_row, _ = twins("relu, pool")
    assert operations_of(fused_row, images()) == ["Relu", "MaxPool2d"]
    fused_row, _ = twins("conv, relu")
    assert operations_of(fused_row, images()) == ["Convolution2d"]
    fused_row, _ = twins("linear, relu")
    assert operations_of(fused_row, images()) == ["Linear"]


@pytest.mark.parametrize("name", ["conv, relu", "conv, relu, pool", "conv around, relu", "linear, relu"])
def test_without_gradients_results_are_those_of_the_modules_too(name):
    model, plain = twins(name)
    with tc.no_grad():
        np.testing.assert_allclose(model(images()).array, plain(images()).array, rtol=1e-12, atol=1e-12)


class OwnReLU(nn.ReLU):
    """A class that may do what it likes."""

    def forward(self, input):
        return super().forward(input) + 0


def with_forward_hook(model):
    model[0].register_forward_hook(lambda *_: None)


def with_pre_hook(model):
    model[1].register_forward_pre_hook(lambda *_: None)


def with_backward_hook(model):
    model[1].register_full_backward_hook(lambda *_: None)


def with_backward_pre_hook(model):
    model[0].register_full_backward_pre_hook(lambda *_: None)


def with_own_class(model):
    model[1] = OwnReLU()


def with_own_forward(model):
    plain = model[1].forward
    model[1].forward = lambda x: plain(x)


@pytest.mark.parametrize(
    "notice",
    [with_forward_hook, with_pre_hook, with_backward_hook, with_backward_pre_hook, with_own_class, with_own_forward],
)
def test_whoever_could_notice_gets_the_modules_one_by_one(notice):
    model, _ = twins("norm, relu")
    assert "Relu" not in operations_of(model, images())
    notice(model)
    assert "Relu" in operations_of(model, images())


def test_observers_and_exact_precision_get_the_modules_one_by_one():
    model, _ = twins("norm, relu, pool")
    seen = []
    with observe(lambda observation: seen.append((observation.operation.name, observation.scope[-1]))):
        model(images())
    assert [name for name, _ in seen if name in ("BatchNorm", "Relu", "MaxPool2d")] == [
        "BatchNorm",
        "Relu",
        "MaxPool2d",
    ]
    assert seen[-1][1] is model[2]
    with tc.set_float32_precision("exact"):
        assert operations_of(model, images()) == ["MaxPool2d", "Relu", "BatchNorm"]


def test_an_error_names_the_layer():
    model = nn.Sequential(nn.Conv2d(5, 4, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2))
    for _ in range(2):
        with pytest.raises(ShapeError, match=r"^layer 1 \(BatchNorm2d\(3.*num_features=3"), tc.no_grad():
            model(images(tc.float32))
        model.eval()
    model = nn.Sequential(nn.BatchNorm2d(5), nn.ReLU(), nn.MaxPool2d(9, 9))
    with pytest.raises(ShapeError, match=r"^layer 2 \(MaxPool2d"):
        model(images(tc.float32))
    model = nn.Sequential(nn.BatchNorm2d(5), nn.ReLU())
    with pytest.raises(ShapeError, match=r"^layer 0 \(BatchNorm2d.*more than one value"):
        model(tc.ones(1, 5, 1, 1))
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
    with pytest.raises(ShapeError, match=r"^layer 0 \(Conv2d"), tc.no_grad():
        model(images(tc.float32))


def test_in_evaluation_batch_norm_is_folded_into_the_convolution(monkeypatch):
    model, plain = twins("conv, norm, relu, pool", tc.float32)
    x = images(tc.float32)
    for one in (model, plain):
        one(x)
        one.eval()
    made = []
    original = folding.fuse_conv_bn_weights
    monkeypatch.setattr(folding, "fuse_conv_bn_weights", lambda *given: made.append(given) or original(*given))
    with tc.no_grad():
        for _ in range(2):
            np.testing.assert_allclose(model(x).array, plain(x).array, rtol=1e-4, atol=1e-4)
    assert len(made) == 1


@pytest.mark.parametrize("row", ["conv, relu", "linear, relu"])
def test_a_packed_weight_follows_the_weight(row):
    model, plain = twins(row, tc.float32)
    with tc.no_grad():
        model(images(tc.float32))
        for parameter in (*model.parameters(), *plain.parameters()):
            parameter.mul_(1.5)
        ours, expected = model(images(tc.float32)), plain(images(tc.float32))
    np.testing.assert_allclose(ours.array, expected.array, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var"])
def test_the_folded_weight_follows_what_it_is_made_of(name):
    model, _ = twins("conv, norm, relu, pool")
    x = images()
    model(x)
    model.eval()
    with tc.no_grad():
        before = model(x).array.copy()
        model.state_dict()[name].mul_(1.5)
        after = model(x)
    with tc.set_float32_precision("exact"):
        expected = model(x)
    np.testing.assert_allclose(after.array, expected.array, rtol=1e-10, atol=1e-10)
    assert abs(after.array - before).max() > 1e-6


def test_a_replaced_parameter_is_folded_anew():
    model, _ = twins("conv, norm, relu, pool")
    model.eval()
    x = images()
    with tc.no_grad():
        model(x)
        model[0].bias = None
        model[1].eps = 0.5
        ours = model(x)
    with tc.set_float32_precision("exact"):
        np.testing.assert_allclose(ours.array, model(x).array, rtol=1e-10, atol=1e-10)


def test_a_row_of_its_own_functions_takes_any_module():
    assert in_row([nn.Flatten(), nn.ReLU()], tc.tensor([[[-1.0], [2.0]]])).tolist() == [[0.0, 2.0]]
    assert in_row([], 3) == 3


def test_a_residual_network_trains_as_its_steps_do():
    gradients = []
    for mode in ("fast", "exact"):
        tc.manual_seed(0)
        model = resnet18(3, 4, (32, 32), width=4).double()
        x = tc.tensor(np.random.default_rng(0).standard_normal((4, 3, 8, 8)))
        with tc.set_float32_precision(mode):
            model(x).sum().backward()
        gradients.append([parameter.grad.array for parameter in model.parameters()])
    for ours, theirs in zip(*gradients, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)
