"""Rows of layers that were prepared for inputs of one shape, against the same layers one by one."""

import gc
import weakref

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn
from tinyconv.models.zoo.resnet import resnet18
from tinyconv.nn import prepared

ROWS = {
    "lenet": lambda: (
        *(nn.Conv2d(5, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 17, 2), nn.ReLU()),
        *(nn.Flatten(), nn.Dropout(), nn.Linear(17 * 3 * 3, 20), nn.ReLU(), nn.Linear(20, 3)),
    ),
    "norms": lambda: (
        *(nn.Conv2d(5, 33, 3, stride=2, bias=False), nn.BatchNorm2d(33), nn.ReLU(), nn.Conv2d(33, 4, 1)),
        *(nn.BatchNorm2d(4, affine=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Identity(), nn.Linear(4, 2)),
    ),
    "pools": lambda: (nn.MaxPool2d(3, 2, 1), nn.ReLU(inplace=True), nn.Conv2d(5, 8, 3, groups=5 // 5), nn.Flatten()),
    "others between": lambda: (nn.Conv2d(5, 4, 3), nn.Tanh(), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Sigmoid()),
    "depthwise": lambda: (nn.Conv2d(5, 5, 3, groups=5), nn.ReLU()),
    "rows": lambda: (nn.Flatten(), nn.Linear(5 * 8 * 8, 4), nn.Dropout(), nn.ReLU()),
}


def network(name, dtype=tc.float64):
    tc.manual_seed(0)
    model = nn.Sequential(*ROWS[name]()).to(dtype)
    for buffer in model.buffers():
        if buffer.dtype is dtype:
            buffer.array[...] = np.random.default_rng(0).uniform(0.5, 2, buffer.shape)
    return model.eval()


@pytest.fixture
def threads():
    before = tc.get_num_threads()
    yield tc.set_num_threads
    tc.set_num_threads(before)


def images(count=2, dtype=tc.float64):
    return tc.tensor(np.random.default_rng(count).standard_normal((count, 5, 8, 8)), dtype=dtype)


def one_by_one(model, x):
    for layer in model:
        x = layer(x)
    return x


def inferred(model, x):
    with tc.no_grad():
        return model(x).array.copy()


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("dtype", [tc.float64, tc.float32])
def test_prepared_rows_equal_the_layers_one_by_one(name, dtype):
    tolerance = 1e-12 if dtype is tc.float64 else 1e-4
    model = network(name, dtype)
    for count in (2, 3, 2):
        for _ in range(3):
            x = images(count, dtype)
            before = x.array.copy()
            ours, expected = inferred(model, x), one_by_one(model, x)
            assert ours.shape == expected.shape
            assert ours.dtype == dtype.numpy
            np.testing.assert_allclose(ours, expected.detach().array, rtol=tolerance, atol=tolerance)
            np.testing.assert_array_equal(x.array, before)


@pytest.mark.parametrize("count", [1, 2, 13, 31])
@pytest.mark.parametrize("name", ["lenet", "pools"])
def test_a_small_network_is_one_kernel_that_gives_the_layers_results(name, count, threads):
    x, results = images(count), []
    for number in (1, tc.get_num_threads()):
        threads(number)
        model = network(name)
        results += [inferred(model, x) for _ in range(2)]
        (ready,) = prepared._rows[model[0]].values()
        assert len(ready.call.layers) == 1
    np.testing.assert_allclose(results[1], one_by_one(model, x).detach().array, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(results[1], results[3])


def test_a_large_network_is_not():
    model = nn.Sequential(nn.Conv2d(5, 200, 3), nn.ReLU(), nn.Conv2d(200, 200, 3), nn.ReLU()).eval()
    x = images(1, tc.float32)
    for _ in range(2):
        inferred(model, x)
    (ready,) = prepared._rows[model[0]].values()
    assert len(ready.call.layers) == 2


def test_every_input_of_a_shape_is_computed_by_one_prepared_row(monkeypatch):
    model, made = network("lenet", tc.float32), []
    original = prepared._prepare
    monkeypatch.setattr(prepared, "_prepare", lambda *given: made.append(given) or original(*given))
    results = [inferred(model, images(dtype=tc.float32)) for _ in range(4)]
    assert len(made) == 1
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])
    inferred(model, images(3, tc.float32))
    assert len(made) == 2


CHANGES = {
    "a parameter written": lambda model: model[0].weight.mul_(2),
    "a parameter's data": lambda model: setattr(model[0].weight, "data", model[0].weight.detach() * 2),
    "a parameter replaced": lambda model: setattr(model[0], "weight", nn.Parameter(model[0].weight.detach() * 2)),
    "a bias taken away": lambda model: setattr(model[0], "bias", None),
    "a later parameter": lambda model: model[7].weight.mul_(2),
    "a setting": lambda model: setattr(model[2], "stride", 3) or setattr(model[2], "kernel_size", 3),
    "a layer replaced": lambda model: model.__setitem__(1, nn.Tanh()),
    "a hook": lambda model: model[1].register_forward_hook(lambda module, inputs, output: output * 2),
    "a pre-hook": lambda model: model[1].register_forward_pre_hook(lambda module, inputs: (inputs[0] * 2,)),
    "a forward of its own": lambda model: setattr(model[1], "forward", lambda x: x * 2),
    "a loaded state": lambda model: model.load_state_dict(
        {name: value * 2 for name, value in model.state_dict().items()}
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen(change):
    model = network("lenet")
    if change == "a setting":
        model = nn.Sequential(*list(model)[:5]).eval()
    for _ in range(3):
        before = inferred(model, images())
    with tc.no_grad():
        CHANGES[change](model)
        for _ in range(3):
            ours, expected = inferred(model, images()), one_by_one(model, images()).array
            np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-12)
    assert before.shape != ours.shape or abs(before - ours).max() > 1e-3


def test_statistics_of_a_batch_norm_that_change_are_seen():
    model = network("norms")
    for _ in range(3):
        inferred(model, images())
    model[1].running_var.mul_(3)
    np.testing.assert_allclose(
        inferred(model, images()), one_by_one(model, images()).detach().array, rtol=1e-12, atol=1e-12
    )


def test_rows_that_share_their_first_layers_are_told_apart():
    model = network("lenet")
    part = nn.Sequential(*list(model)[:3])
    for _ in range(3):
        assert inferred(part, images()).shape == (2, 6, 4, 4)
        assert inferred(model, images()).shape == (2, 3)


def test_nothing_is_prepared_where_gradients_are_recorded_or_sums_must_be_exact(monkeypatch):
    monkeypatch.setattr(prepared, "_prepare", None)
    model = network("lenet")
    for _ in range(3):
        assert model(images()).requires_grad
        with tc.set_float32_precision("exact"):
            inferred(model, images())


def test_a_prepared_row_does_not_keep_its_layers_alive():
    model = network("lenet")
    for _ in range(3):
        inferred(model, images())
    first = weakref.ref(model[0])
    del model
    gc.collect()
    assert first() is None


def test_any_memory_order_and_read_only_inputs_are_taken():
    model, x = network("lenet"), images()
    expected = inferred(model, x)
    for array in (np.ascontiguousarray(x.array), np.repeat(x.array, 2, axis=3)[..., ::2]):
        for writable in (True, False):
            array.flags.writeable = writable
            np.testing.assert_allclose(inferred(model, tc.from_numpy(array)), expected, rtol=1e-12, atol=1e-12)


def test_nan_passes_pools_and_rectifiers():
    model, x = network("pools"), images()
    x.array[0, 1, 2, 3] = np.nan
    for _ in range(3):
        ours = inferred(model, x)
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(one_by_one(model, x).detach().array))


def test_a_residual_network_infers_as_its_steps_do():
    tc.manual_seed(0)
    model = resnet18(3, 4, (32, 32), width=4).double()
    x = tc.tensor(np.random.default_rng(0).standard_normal((2, 3, 9, 9)))
    model(x)
    model.eval()
    with tc.set_float32_precision("exact"):
        expected = inferred(model, x)
    for _ in range(3):
        np.testing.assert_allclose(inferred(model, x), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "layers",
    [
        (lambda: [nn.MaxPool2d(3)]),
        (lambda: [nn.Conv2d(3, 2, 5)]),
        (lambda: [nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(3)]),
    ],
    ids=["pooling", "convolution", "row"],
)
def test_images_too_small_for_a_window_are_refused_as_in_training(layers):
    model = nn.Sequential(*layers()).eval()
    for size in ((2, 9), (4, 4))[: 1 + (len(model) > 1)]:
        with pytest.raises(tc.TinyconvError, match="pixels, more than the padded input"):
            inferred(model, tc.zeros(1, 3, *size))
