"""Results against NumPy, and against PyTorch where it is installed, with its types."""

import math

import numpy as np
import pytest
from operation_cases import CASES, Case

import tinyconv as tc
from tinyconv.nn import functional

TYPES = ["bool", "uint8", "int32", "int64", "float32", "float64"]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


REDUCE = {"mean": np.mean, "sum": np.sum, "none": np.asarray}

NUMPY = {
    "add": lambda x, y, alpha=1: x + alpha * y,
    "sub": lambda x, y, alpha=1: x - alpha * y,
    "mul": lambda x, y=2.5: x * y,
    "div": lambda x, y, rounding_mode=None: getattr(np, rounding_mode or "positive")(x / y),
    "where": np.where,
    "exp": np.exp,
    "expm1": np.expm1,
    "square": np.square,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "neg": np.negative,
    "abs": np.abs,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "reciprocal": lambda x: 1 / x,
    "sign": np.sign,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.round,
    "floor_divide": np.floor_divide,
    "remainder": np.remainder,
    "clamp": lambda x, low=None, high=None, **bounds: np.clip(x, bounds.get("min", low), bounds.get("max", high)),
    "sum": lambda x, dim=None, keepdim=False: x.sum(axis=dim, keepdims=keepdim),
    "mean": lambda x, dim=None, keepdim=False: x.mean(axis=dim, keepdims=keepdim),
    "var": lambda x, dim=None, keepdim=False, unbiased=True: x.var(axis=dim, keepdims=keepdim, ddof=int(unbiased)),
    "std": lambda x, dim=None, keepdim=False: x.std(axis=dim, keepdims=keepdim, ddof=1),
    "prod": lambda x, dim=None: x.prod(axis=dim),
    "amax": lambda x, dim: x.max(axis=dim),
    "amin": lambda x, dim: x.min(axis=dim),
    "logsumexp": lambda x, dim, keepdim=False: np.log(np.exp(x).sum(axis=dim, keepdims=keepdim)),
    "norm": lambda x, p, dim: np.linalg.norm(x, ord=p, axis=dim),
    "matmul": np.matmul,
    "mm": np.matmul,
    "bmm": np.matmul,
    "linear": lambda x, weight, bias=0: x @ weight.T + bias,
    "relu": lambda x: x.clip(0),
    "softmax": lambda x, dim: np.exp(x) / np.exp(x).sum(axis=dim, keepdims=True),
    "log_softmax": lambda x, dim: x - np.log(np.exp(x).sum(axis=dim, keepdims=True)),
    "logsigmoid": lambda x: np.log(sigmoid(x)),
    "mse_loss": lambda x, y, reduction="mean": REDUCE[reduction]((x - y) ** 2),
    "l1_loss": lambda x, y, reduction="mean": REDUCE[reduction](np.abs(x - y)),
}


@pytest.mark.parametrize("case", [case for case in CASES if case.name in NUMPY], ids=str)
def test_it_computes_what_numpy_computes(case: Case):
    tensors = case.arguments()
    expected = NUMPY[case.name](*(tensor.array for tensor in tensors), **case.keywords)
    result = case.run(*tensors)
    assert result.shape == np.shape(expected)
    np.testing.assert_allclose(result.array, expected, rtol=1e-12, atol=1e-12)


# --- PyTorch ---------------------------------------------------------------------------------------------------------


def in_torch(torch, case: Case, tensors):
    """The case's function as PyTorch calls it, applied to the same numbers."""
    theirs = [
        torch.tensor(tensor.array.copy(), requires_grad=tensor.requires_grad and tensor.dtype.is_floating_point)
        for tensor in tensors
    ]
    keywords = {
        name: torch.tensor(value.array.copy()) if isinstance(value, tc.Tensor) else value
        for name, value in case.keywords.items()
    }
    if callable(case.torch):
        return theirs, case.torch(*theirs)
    name = case.torch or case.name
    function = getattr(torch.nn.functional, name, None) if name in dir(functional) else None
    function = function or getattr(torch, name)
    if case.call is not None:
        return theirs, case.call(function, *theirs)
    return theirs, function(*theirs, **keywords)


def as_list(results):
    return list(results) if isinstance(results, tuple | list) else [results]


PARITY = [case for case in CASES if case.torch is not None and case.name != "floor_divide"]  # PyTorch's has no backward


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("case", PARITY, ids=str)
def test_results_and_gradients_are_those_of_pytorch(case: Case):
    torch = pytest.importorskip("torch")
    ours = case.arguments()
    results = as_list(case.run(*ours))
    theirs, expected = in_torch(torch, case, ours)
    expected = as_list(expected)
    generator = np.random.default_rng(3)
    roots, cotangents, their_roots, their_cotangents = [], [], [], []
    for result, reference in zip(results, expected, strict=True):
        assert result.shape == tuple(reference.shape)
        assert result.dtype.name == str(reference.dtype).removeprefix("torch.")
        np.testing.assert_allclose(result.array, reference.detach().numpy(), rtol=1e-10, atol=1e-11)
        if result.requires_grad and reference.requires_grad:
            cotangent = generator.standard_normal(result.shape)
            roots.append(result)
            cotangents.append(tc.tensor(cotangent))
            their_roots.append(reference)
            their_cotangents.append(torch.tensor(cotangent))
    tc.autograd.backward(roots, cotangents)
    torch.autograd.backward(their_roots, their_cotangents)
    for own, their in zip(ours, theirs, strict=True):
        if their.grad is not None:
            np.testing.assert_allclose(own.grad.array, their.grad.numpy(), rtol=1e-9, atol=1e-10)


NUMBERS = {"number of bool": True, "number of int": 2, "number of float": 2.5}


def pairs_of_types():
    """What PyTorch combines: its maximum takes tensors only, and it raises truth values to no power."""
    for operator in ("add", "mul", "div", "maximum", "pow"):
        for first in TYPES:
            for second in (*TYPES, *NUMBERS, "0-d float64"):
                refused = (operator == "maximum" and second in NUMBERS) or (
                    operator == "pow" and ("bool" in (first, second) or second == "number of bool")
                )
                if not refused:
                    yield operator, first, second


@pytest.mark.parametrize(("operator", "first", "second"), list(pairs_of_types()))
def test_types_are_promoted_as_in_pytorch(operator: str, first: str, second: str):
    torch = pytest.importorskip("torch")

    def operands(library):
        def array(name):
            if name in NUMBERS:
                return NUMBERS[name]
            if name == "0-d float64":
                return library.ones((), dtype=library.float64)
            return library.ones(2, dtype=getattr(library, name))

        return array(first), array(second)

    def dtype(library):
        return str(getattr(library, operator)(*operands(library)).dtype).rpartition(".")[2]

    assert dtype(tc) == dtype(torch)


# --- losses, at the edges of the number range ------------------------------------------------------------------------


def test_cross_entropy_of_enormous_logits_is_finite_and_right():
    logits = tc.tensor([[1e4, 0.0, -1e4], [-1e4, 0.0, 1e4]], requires_grad=True)
    loss = functional.cross_entropy(logits, tc.tensor([0, 1]), reduction="none")
    assert loss.tolist() == [0.0, 1e4]
    loss.sum().backward()
    assert logits.grad.tolist() == [[0.0, 0.0, 0.0], [0.0, -1.0, 1.0]]


def test_cross_entropy_of_a_class_switched_off_by_minus_infinity_is_finite():
    logits = tc.tensor([[0.0, 0.0, -math.inf]], requires_grad=True)
    loss = functional.cross_entropy(logits, tc.tensor([1]))
    loss.backward()
    np.testing.assert_allclose(loss.item(), math.log(2), rtol=1e-6)
    np.testing.assert_allclose(logits.grad.array, [[0.5, -0.5, 0.0]], rtol=1e-6)


def test_binary_cross_entropy_neither_overflows_nor_cancels():
    logits = tc.tensor([1e4, -1e4, -30.0, 0.0], requires_grad=True)
    loss = functional.binary_cross_entropy_with_logits(logits, tc.tensor([0.0, 0.0, 0.0, 1.0]), reduction="none")
    np.testing.assert_allclose(loss.detach().numpy(), [1e4, 0.0, math.exp(-30.0), math.log(2)], rtol=1e-6)
    loss.sum().backward()
    np.testing.assert_allclose(logits.grad.array, [1.0, 0.0, math.exp(-30.0), -0.5], rtol=1e-6)


def test_a_mean_over_no_target_is_nan_and_ignored_targets_get_no_gradient():
    logits = tc.randn(2, 3, requires_grad=True)
    assert math.isnan(functional.cross_entropy(logits, tc.tensor([-100, -100])).item())
    functional.cross_entropy(logits, tc.tensor([1, -100])).backward()
    assert logits.grad[1].tolist() == [0.0, 0.0, 0.0]
    assert logits.grad[0].abs().sum().item() > 0


def test_softmax_and_log_softmax_of_enormous_numbers_are_finite():
    x = tc.tensor([[1e30, 1e30, -1e30]])
    assert functional.softmax(x, dim=1).tolist() == [[0.5, 0.5, 0.0]]
    assert functional.log_softmax(x, dim=1)[0, 2].item() == pytest.approx(-2e30)


def test_nan_passes_through_every_layer():
    x = tc.full((1, 2, 4, 4), math.nan)
    assert functional.relu(x).isnan().all()
    assert functional.max_pool2d(x, 2).isnan().all()
    assert functional.avg_pool2d(x, 2).isnan().all()
    assert functional.conv2d(x, tc.ones(1, 2, 3, 3)).isnan().all()
    assert functional.batch_norm(x, None, None, training=True).isnan().all()
    assert functional.softmax(x, dim=1).isnan().all()


# --- batch normalisation ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 3, 2, 5), (7, 3)])
def test_the_running_statistics_move_towards_the_batch_with_its_unbiased_variance(shape):
    x = np.random.default_rng(0).standard_normal(shape) * 3 + 2
    mean, variance = tc.zeros(3, dtype=tc.float64), tc.ones(3, dtype=tc.float64)
    versions = mean.version, variance.version
    functional.batch_norm(tc.tensor(x), mean, variance, training=True, momentum=0.25)
    axes = tuple(axis for axis in range(x.ndim) if axis != 1)
    np.testing.assert_allclose(mean.array, 0.25 * x.mean(axes))
    np.testing.assert_allclose(variance.array, 0.75 + 0.25 * x.var(axes, ddof=1))
    assert (mean.version, variance.version) > versions


def test_a_training_step_between_forward_and_backward_of_a_frozen_norm_does_not_change_its_gradient():
    x = tc.randn(4, 3, 2, 2, dtype=tc.float64).requires_grad_()
    weight = tc.full((3,), 2.0, dtype=tc.float64, requires_grad=True)
    for create_graph in (False, True):
        mean, variance = tc.zeros(3, dtype=tc.float64), tc.ones(3, dtype=tc.float64)
        y = functional.batch_norm(x, mean, variance, weight)
        functional.batch_norm(x.detach() * 10 + 5, mean, variance, training=True)
        dx, dweight = tc.autograd.grad(y.sum(), [x, weight], create_graph=create_graph)
        np.testing.assert_allclose(dx.array, 2 / math.sqrt(1 + 1e-5))
        np.testing.assert_allclose(dweight.array, x.array.sum((0, 2, 3)) / math.sqrt(1 + 1e-5))


def test_batch_norm_of_a_large_mean_keeps_its_digits():
    x = tc.tensor((np.random.default_rng(0).standard_normal((8, 1, 9, 9)) + 1e4).astype(np.float32))
    y = functional.batch_norm(x, None, None, training=True)
    assert abs(y.mean().item()) < 1e-3
    assert y.std().item() == pytest.approx(1.0, abs=1e-2)


# --- dropout ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inplace", [False, True])
def test_dropout_zeroes_a_share_p_and_scales_the_rest(inplace):
    tc.manual_seed(0)
    x = tc.ones(8, 16, 16, 16)
    y = functional.dropout(x, 0.25, inplace=inplace)
    assert (y is x) == inplace
    kept = y.array != 0
    assert kept.mean() == pytest.approx(0.75, abs=0.01)
    np.testing.assert_allclose(y.array[kept], 1 / 0.75, rtol=1e-6)


def test_dropout_follows_the_seed_and_draws_anew_on_each_call():
    x = tc.ones(100)
    tc.manual_seed(3)
    first, second = functional.dropout(x), functional.dropout(x)
    tc.manual_seed(3)
    assert functional.dropout(x).tolist() == first.tolist() != second.tolist()


def test_dropout_sends_the_gradient_through_what_it_kept():
    x = tc.ones(100, requires_grad=True)
    y = functional.dropout(x, 0.5)
    y.sum().backward()
    assert x.grad.tolist() == y.tolist()


def test_dropout_does_nothing_without_training_and_everything_at_one():
    x = tc.ones(4)
    assert functional.dropout(x, 0.5, training=False) is x
    assert functional.dropout(x, 1.0).tolist() == [0.0] * 4


# --- observing -------------------------------------------------------------------------------------------------------


def test_layers_announce_their_kind_and_parameters():
    from tinyconv.autograd.observe import observe

    seen = []
    x = tc.randn(2, 2, 6, 6)
    with tc.no_grad(), observe(lambda observation: seen.append(observation.operation)):
        x = functional.conv2d(x, tc.randn(4, 2, 3, 2), stride=(2, 1), padding=1, dilation=(1, 2))
        x = functional.batch_norm(x, None, None, training=True)
        x = functional.relu(x)
        x = functional.max_pool2d(x, 2, stride=1)
        x = functional.avg_pool2d(x, 2, padding=1)
        x = functional.adaptive_avg_pool2d(x, 1)
        x = functional.dropout(x.flatten(1))
        functional.softmax(functional.linear(x, tc.randn(3, 4)), dim=1)
    kinds = [operation.kind for operation in seen if operation.kind]
    assert kinds == ["conv", "norm", "relu", "pool", "pool", "pool", "dropout", "linear", "softmax"]
    conv = seen[0]
    assert (conv.stride, conv.padding, conv.dilation, conv.kernel_size) == ((2, 1), (1, 1), (1, 2), (3, 2))
    pool = next(operation for operation in seen if operation.kind == "pool")
    assert (pool.kernel_size, pool.stride, pool.padding, pool.dilation) == ((2, 2), (1, 1), (0, 0), (1, 1))
