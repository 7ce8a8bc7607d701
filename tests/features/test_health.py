"""Planted faults are found, at the epoch since which they are there; figures are those of plain NumPy."""

import csv
import io

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn, optim
from tinyconv.core.errors import ArgumentError, RunError
from tinyconv.features.dump import activations_of
from tinyconv.features.health import (
    HealthRecord,
    HealthRecorder,
    always_on,
    faults,
    findings,
    load_health,
    measure_health,
    save_health,
    verdict,
)
from tinyconv.features.health.chart import health_png
from tinyconv.features.health.recorder import health_epochs
from tinyconv.features.health.table import CHANNEL_HEADERS, channel_rows, health_csv, layer_rows
from tinyconv.features.health.units import find_units
from tinyconv.nn import functional as F
from tinyconv.train.callbacks import Callback
from tinyconv.train.trainer import Trainer

rng = np.random.default_rng(0)
IMAGES = rng.normal(size=(20, 1, 8, 8)).astype(np.float32)


def network(activation=nn.ReLU):
    tc.manual_seed(2)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3), activation(), nn.Conv2d(6, 4, 3), activation(), nn.Flatten(), nn.Linear(64, 2)
    )


def planted(activation=nn.ReLU):
    """Channel 1 of the first layer is dead, 4 a copy of 0, 5 always on; channel 2 of the second is constant."""
    model = network(activation)
    first, second = model[0], model[2]
    with tc.no_grad():
        first.bias[1].fill_(-100.0)
        first.weight[4].copy_(first.weight[0])
        first.bias[4].copy_(first.bias[0])
        first.bias[5].fill_(10.0)
        second.weight[:, 5].fill_(0.0)
        second.weight[2].fill_(0.0)
        second.bias[2].fill_(0.25)
    return model


def found(record, layer):
    return {fault: np.flatnonzero(where[-1]).tolist() for fault, where in faults(record, layer).items() if where.any()}


def test_planted_faults_are_found_and_nothing_else():
    record = measure_health(planted(), IMAGES)
    assert found(record, "conv1") == {"dead": [1], "duplicate": [4]}
    assert found(record, "conv2") == {"constant": [2]}
    assert np.flatnonzero(always_on(record, "conv1")[-1]).tolist() == [5]
    assert int(record.figures["conv1"]["twin"][0, 4]) == 0
    assert verdict(record)[:2] == [
        "conv1: 1 of 6 dead (0 everywhere): channel 1",
        "conv1: 1 of 6 a duplicate of another (correlation beyond ±0.98): channel 4 of 0 (1)",
    ]


@pytest.mark.parametrize(
    ("activation", "bias"), [("Tanh", 50.0), ("Tanh", -4.0), ("Sigmoid", -20.0), ("ReLU6", 90.0), ("Hardtanh", -9.0)]
)
def test_a_channel_at_the_bound_of_its_activation_is_saturated(activation, bias):
    model = network(getattr(nn, activation))
    with tc.no_grad():
        model[0].bias[3].fill_(bias)
        model[2].weight[:, 3].fill_(0.0)
    record = measure_health(model, IMAGES)
    assert found(record, "conv1") == {"saturated": [3]}
    assert (record.figures["conv1"]["bound"][0, :3] < 0.5).all()


def test_a_rectifier_that_cuts_at_zero_is_not_saturated_there():
    model = network(nn.ReLU6)
    with tc.no_grad():
        model[0].bias[3].fill_(-90.0)
    assert found(measure_health(model, IMAGES), "conv1") == {"dead": [3]}


def test_figures_are_those_of_the_activations():
    model = planted()
    record = measure_health(model, IMAGES)
    for layer, response in (("conv1", "relu1"), ("conv2", "relu2")):
        values = np.moveaxis(activations_of(model, IMAGES)[response].astype(np.float64), 1, 0)
        values = values.reshape(len(values), -1)
        known = {name: figure[0] for name, figure in record.figures[layer].items()}
        np.testing.assert_allclose(known["mean"], values.mean(axis=1), rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(known["sd"], values.std(axis=1), rtol=1e-4, atol=1e-6)
        np.testing.assert_array_equal(known["min"], values.min(axis=1))
        np.testing.assert_array_equal(known["max"], values.max(axis=1))
        np.testing.assert_allclose(known["zero"], (values == 0).mean(axis=1))
        with np.errstate(invalid="ignore"):
            correlations = np.tril(np.nan_to_num(np.corrcoef(values)), -1)
        strongest = np.take_along_axis(correlations, np.abs(correlations).argmax(axis=1)[:, None], axis=1)[:, 0]
        alive = values.std(axis=1) > 1e-6
        np.testing.assert_allclose(known["correlation"][alive], strongest[alive], atol=1e-4)
    norms = np.sqrt((model[0].weight.numpy(force=True).astype(np.float64) ** 2).sum(axis=(1, 2, 3)))
    np.testing.assert_allclose(record.figures["conv1"]["kernel_norm"][0], norms, rtol=1e-6)
    assert np.isnan(record.figures["conv1"]["gradient_norm"]).all()


def test_figures_do_not_depend_on_how_images_are_split_into_batches(monkeypatch):
    whole = measure_health(planted(), IMAGES)
    monkeypatch.setattr("tinyconv.features.health.measure.BATCH", 7)
    parts = measure_health(planted(), IMAGES)
    for layer, figures in whole.figures.items():
        for name, values in figures.items():
            np.testing.assert_allclose(parts.figures[layer][name], values, rtol=2e-4, atol=1e-6, err_msg=name)


class Functional(nn.Module):
    """As ``Residual``'s neighbours write it: functions, an in-place activation, a sum."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x):
        y = F.relu_(self.norm(self.first(x)))
        y = F.max_pool2d(y, 2)
        return F.relu(self.second(y) + y)


def test_weights_of_single_pixels_are_not_taken_for_those_of_channels():
    # Two rows of pixels and two channels: the first dimension of the weight counts rows.
    model = nn.Sequential(nn.LocallyConnected2d(1, 2, (4, 4), 3), nn.ReLU())
    (unit,) = find_units(model, np.zeros((1, 1, 4, 4), np.float32))
    assert unit.channels == 2
    assert unit.weight is None


def test_a_layer_is_judged_by_the_activation_behind_it():
    units = {unit.layer: unit for unit in find_units(Functional(), IMAGES)}
    assert {name: (unit.response, unit.rectified) for name, unit in units.items()} == {
        "first": ("relu1", True),
        "second": ("second", False),  # a sum stands between it and the activation
    }
    sequential = {unit.layer: unit.response for unit in find_units(network(nn.Tanh), IMAGES)}
    assert list(sequential.values()) == ["tanh1", "tanh2", "linear1"]
    pooled = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.MaxPool2d(2), nn.ReLU())
    assert [unit.response for unit in find_units(pooled, IMAGES)] == ["relu1"]
    with pytest.raises(ArgumentError, match="no convolution and no linear layer"):
        find_units(nn.ReLU(), IMAGES)


def test_what_is_no_number_is_the_first_thing_said():
    model = network()
    with tc.no_grad():
        model[0].weight[2].fill_(float("nan"))
    record = measure_health(model, IMAGES)
    assert found(record, "conv1") == {"not finite": [2]}
    assert "1 of 6 NaN or infinite: channel 2" in verdict(record)[0]


def figures(rows, channels=3):
    base = {"mean": 1.0, "sd": 1.0, "min": 0.0, "max": 1.0, "zero": 0.5, "bound": 0.0, "twin": -1.0, "correlation": 0.0}
    base |= {"kernel_norm": 1.0, "gradient_norm": 1.0, "update_ratio": 1e-3}
    return {name: np.full((rows, channels), value) for name, value in base.items()}


def record_of(known, epochs, rectified=True):
    return HealthRecord(epochs, 64, {"conv2": {"response": "relu2", "rectified": rectified}}, {"conv2": known})


def test_the_verdict_says_since_when():
    known = figures(4)
    known["max"][2:, 0] = 0
    known["max"][2:, 2] = 0
    known["max"][1, 1] = 0  # came back
    [finding] = findings(record_of(known, [0, 1, 3, 5]))
    assert (finding.channels, finding.epochs) == ((0, 2), (3, 3))
    assert finding.text == "conv2: 2 of 3 dead (0 everywhere) since epoch 3: channels 0, 2"
    known["max"][:, 1] = 0
    [finding] = findings(record_of(known, [0, 1, 3, 5]))
    assert finding.text == (
        "conv2: all 3 dead (0 everywhere), since before training (epoch 0) the first, all since epoch 3"
    )


def test_layers_that_do_not_learn_or_learn_too_fast_are_named():
    slow, fast, good = figures(2), figures(2), figures(2)
    slow["update_ratio"][:] = 1e-9
    fast["update_ratio"][1] = 0.4
    assert "learns nothing" in verdict(record_of(slow, [0, 1]))[-1]
    assert "changed 40% of the weights at epoch 1" in verdict(record_of(fast, [0, 1]))[-1]
    assert verdict(record_of(good, [0, 1])) == [
        "no dead, constant, saturated or duplicate channel among 3, over 64 images"
    ]
    good["gradient_norm"][:, 1] = 0
    assert "without a gradient at any recorded step: channel 1" in verdict(record_of(good, [0, 1]))[0]


def train(callbacks, epochs=3, model=None, learning_rate=0.05):
    model = model or network()
    optimizer = optim.SGD(model.parameters(), lr=learning_rate)
    images, labels = tc.tensor(IMAGES), tc.tensor(np.arange(20) % 2)
    trainer = Trainer(model, nn.CrossEntropyLoss(), optimizer, callbacks=callbacks)
    trainer.fit([(images[:10], labels[:10]), (images[10:], labels[10:])], epochs=epochs)
    return trainer


def test_a_recording_has_every_epoch_with_gradients_and_updates(tmp_path):
    steps = []

    class Watch(Callback):
        def on_train_start(self, trainer):
            weight = trainer.model[0].weight

            def before(*_):
                steps.append([weight.grad.numpy().copy(), weight.numpy(force=True).copy(), None])

            def after(*_):
                steps[-1][2] = weight.numpy(force=True).copy()

            trainer.optimizer.register_step_pre_hook(before)
            trainer.optimizer.register_step_post_hook(after)

    trainer = train([HealthRecorder(tmp_path / "health.npz", IMAGES), Watch()])
    record = load_health(tmp_path / "health.npz")
    assert (record.epochs, record.images) == ([0, 1, 2, 3], 20)
    now = measure_health(trainer.model, IMAGES)
    for name in ("mean", "min", "max", "correlation", "kernel_norm"):
        np.testing.assert_array_equal(record.figures["conv1"][name][-1], now.figures["conv1"][name][0])
    known = record.figures["conv1"]
    assert np.isnan(known["gradient_norm"][0]).all()
    for epoch in (1, 2, 3):
        gradient, old, new = steps[2 * epoch - 2]  # of two steps the first is the middle one
        axes = (1, 2, 3)
        expected = np.sqrt((gradient.astype(np.float64) ** 2).sum(axis=axes))
        np.testing.assert_allclose(known["gradient_norm"][epoch], expected, rtol=1e-5)
        change = np.sqrt(((new - old).astype(np.float64) ** 2).sum(axis=axes))
        expected = change / np.sqrt((old.astype(np.float64) ** 2).sum(axis=axes))
        np.testing.assert_allclose(known["update_ratio"][epoch], expected, rtol=1e-5)


def test_recording_changes_neither_the_weights_nor_the_modes_nor_leaves_hooks(tmp_path):
    recorded, alone = train([HealthRecorder(tmp_path / "health.npz", IMAGES)]), train([])
    for name, tensor in alone.model.state_dict().items():
        np.testing.assert_array_equal(recorded.model.state_dict()[name].numpy(), tensor.numpy())
    assert recorded.model.training == alone.model.training
    assert not recorded.optimizer.step_pre_hooks
    assert not recorded.optimizer.step_post_hooks


def test_a_channel_that_dies_in_training_is_dated(tmp_path):
    class Kill(Callback):
        def on_epoch_end(self, trainer, record):
            if record.epoch == 2:
                with tc.no_grad():
                    trainer.model[0].bias[3].fill_(-1e4)

    train([Kill(), HealthRecorder(tmp_path / "health.npz", IMAGES)], epochs=4)
    texts = [finding.text for finding in findings(load_health(tmp_path / "health.npz")) if finding.layer == "conv1"]
    assert texts == ["conv1: 1 of 6 dead (0 everywhere) since epoch 2: channel 3"]


class StopAt(Callback):
    def __init__(self, step):
        self.step = step

    def on_settled(self, trainer):
        if trainer.step == self.step:
            raise KeyboardInterrupt


@pytest.mark.parametrize("step", [2, 3, 4])
def test_a_training_that_goes_on_writes_the_same_record(tmp_path, step):
    train([HealthRecorder(tmp_path / "whole.npz", IMAGES)])
    first = HealthRecorder(tmp_path / "parts.npz", IMAGES)
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.05)
    images, labels = tc.tensor(IMAGES), tc.tensor(np.arange(20) % 2)
    batches = [(images[:10], labels[:10]), (images[10:], labels[10:])]
    trainer = Trainer(model, nn.CrossEntropyLoss(), optimizer, callbacks=[first, StopAt(step)])
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(batches, epochs=3)
    state = trainer.state_dict()
    again = Trainer(model, nn.CrossEntropyLoss(), optimizer, callbacks=[HealthRecorder(tmp_path / "parts.npz", IMAGES)])
    again.load_state_dict(state)
    again.fit(batches, epochs=3 - again.epoch)
    assert (tmp_path / "parts.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()


def test_a_lost_record_is_told_and_begun_anew(tmp_path):
    messages = []
    recorder = HealthRecorder(tmp_path / "health.npz", IMAGES, message=messages.append)
    recorder.load_state_dict({"epochs": [0, 1], "step": {}})
    train([recorder], epochs=1)
    assert "is lost" in messages[0]
    assert load_health(tmp_path / "health.npz").epochs == [0, 1]


def test_epochs_are_dense_at_first_and_include_the_last():
    assert health_epochs(1) == [0, 1]
    assert health_epochs(8) == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert health_epochs(30) == [0, 1, 2, 3, 4, 5, 10, 15, 20, 25, 30]
    assert len(health_epochs(1000)) < 13


def test_a_file_that_is_no_record_is_refused(tmp_path):
    (tmp_path / "text.npz").write_text("no")
    np.savez(tmp_path / "other.npz", a=np.zeros(2))
    with pytest.raises(RunError, match="damaged"):
        load_health(tmp_path / "text.npz")
    with pytest.raises(RunError, match="not a health record"):
        load_health(tmp_path / "other.npz")
    path = save_health(tmp_path / "health.npz", measure_health(network(), IMAGES))
    assert path.read_bytes() == save_health(tmp_path / "again.npz", load_health(path)).read_bytes()
    with pytest.raises(ArgumentError, match="at least one"):
        HealthRecorder(tmp_path / "health.npz", IMAGES[:0])


def test_tables_and_picture_show_what_was_found():
    record = measure_health(planted(), IMAGES)
    assert [row[:8] for row in layer_rows(record)][:2] == [
        ("conv1", "relu1", "6", "1", "", "", "1", "1"),
        ("conv2", "relu2", "4", "", "1", "", "", ""),
    ]
    rows = channel_rows(record, "conv1")
    assert [row[-1] for row in rows] == ["", "dead", "", "", "duplicate", "always on"]
    assert {len(row) for row in rows} == {len(CHANNEL_HEADERS)}
    lines = list(csv.DictReader(io.StringIO(health_csv(record))))
    assert len(lines) == 6 + 4 + 2
    assert (lines[1]["layer"], lines[1]["channel"], lines[1]["max"], lines[1]["fault"]) == ("conv1", "1", "0", "dead")
    shown = record._repr_html_()
    assert "<li>conv1: 1 of 6 dead (0 everywhere): channel 1</li>" in shown
    assert shown.count("<tr>") == 4
    assert health_png(record, "planted") == health_png(record, "planted")
    trained = record_of(figures(3), [0, 1, 2])
    assert health_png(trained, "nothing wrong") != health_png(record, "planted")
