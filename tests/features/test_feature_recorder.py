import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn, optim
from tinyconv.core.errors import ArgumentError, RunError, ShapeError
from tinyconv.features import FeatureRecorder, Probes, choose_probes, load_features
from tinyconv.features.dump import activations_of
from tinyconv.features.recorder import default_epochs
from tinyconv.train.callbacks import Callback
from tinyconv.train.trainer import Trainer

rng = np.random.default_rng(0)
PICTURES = rng.random((2, 1, 8, 8)).astype(np.float32)


@pytest.fixture
def probes():
    return Probes(PICTURES - 0.5, PICTURES, ["face", "no face"], [4, 9])


def network():
    tc.manual_seed(2)
    return nn.Sequential(
        nn.Conv2d(1, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(45, 2)
    )


def train(recorder, epochs, *others, model=None):
    model = model or network()
    images = tc.tensor(PICTURES.repeat(2, axis=0))
    batches = [(images, tc.tensor([0, 0, 1, 1]))]
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    trainer = Trainer(model, nn.CrossEntropyLoss(), optimizer, callbacks=[recorder, *others])
    trainer.fit(batches, epochs=epochs)
    return model


def test_maps_are_recorded_along_the_training(probes, tmp_path):
    recorder = FeatureRecorder(tmp_path / "features", probes, epochs=[0, 2], meta={"seed": 2})
    start = activations_of(network(), probes.inputs)
    model = train(recorder, 4)
    end = activations_of(model, probes.inputs)
    found = load_features(tmp_path / "features" / "features.npz")
    assert {name: array.shape for name, array in found.arrays.items()} == {
        "conv1": (3, 2, 5, 6, 6),
        "pool1": (3, 2, 5, 3, 3),
    }
    assert found.meta["epochs"] == [0, 2, 4]
    for name, array in found.arrays.items():
        np.testing.assert_array_equal(array[0], start[name])
        np.testing.assert_array_equal(array[-1], end[name])
        assert (array[0] != array[1]).any()
    assert (found.meta["probe_indices"], found.meta["probe_labels"]) == ([4, 9], ["face", "no face"])
    assert (found.meta["seed"], found.meta["channels"]) == (2, {"conv1": 5, "pool1": 5})
    np.testing.assert_array_equal(found.images, PICTURES)
    names = [f"{layer}-{what}.png" for layer in ("conv1", "pool1")
             for what in ("epoch-000", "epoch-002", "epoch-004", "evolution")]  # fmt: skip
    for folder in ("probe-1-face", "probe-2-no-face"):
        assert sorted(path.name for path in (tmp_path / "features" / folder).iterdir()) == names
    assert sorted(recorder.paths) == sorted(path for path in tmp_path.rglob("*.*") if path.is_file())


def test_every_picture_shows_its_layer_probe_and_epoch(probes, tmp_path, monkeypatch):
    shown = {}

    def save(path, maps, layer, *, image, epoch, subject, **_):
        shown[path.parent.name, path.name] = layer.name, epoch, subject, maps, image

    monkeypatch.setattr("tinyconv.features.recorder.save_feature_grid", save)
    train(FeatureRecorder(tmp_path, probes), 1)
    found = load_features(tmp_path / "features.npz")
    assert len(shown) == 2 * 2 * 2
    for (folder, name), (layer, epoch, subject, maps, image) in shown.items():
        probe = ["probe-1-face", "probe-2-no-face"].index(folder)
        assert name == f"{layer}-epoch-00{epoch}.png"
        assert subject == ["probe 1 (face)", "probe 2 (no face)"][probe]
        np.testing.assert_array_equal(maps, found.arrays[layer][epoch, probe])
        np.testing.assert_array_equal(image, PICTURES[probe])


def test_recording_changes_neither_the_weights_nor_the_mode(probes, tmp_path):
    recorded = train(FeatureRecorder(tmp_path, probes), 3)
    alone = train(Callback(), 3)
    assert recorded.training == alone.training
    for name, tensor in alone.state_dict().items():
        np.testing.assert_array_equal(recorded.state_dict()[name].numpy(), tensor.numpy())


def test_two_equal_trainings_write_equal_bytes(probes, tmp_path):
    recorders = [FeatureRecorder(tmp_path / name, probes) for name in ("first", "second")]
    for recorder in recorders:
        train(recorder, 2)
    files = [[(path.name, path.read_bytes()) for path in recorder.paths] for recorder in recorders]
    assert files[0] == files[1]
    assert len(files[0]) == 2 * 2 * (3 + 1) + 1


def test_a_shared_scale_is_the_same_at_every_epoch(probes, tmp_path, monkeypatch):
    scales = {}

    def save(path, maps, layer, *, scale, **_):
        scales.setdefault(layer.name, []).append(scale)

    monkeypatch.setattr("tinyconv.features.recorder.save_feature_grid", save)
    train(FeatureRecorder(tmp_path, probes, scale="shared"), 2)
    found = load_features(tmp_path / "features.npz")
    for name, used in scales.items():
        assert len(used) == 6
        assert {scale.mode for scale in used} == {"shared"}
        assert {scale.limit for scale in used} == {float(np.abs(found.arrays[name]).max())}


class StopAt(Callback):
    def __init__(self, epoch, error=None):
        self.epoch, self.error = epoch, error

    def on_epoch_end(self, trainer, record):
        if record.epoch == self.epoch:
            if self.error is not None:
                raise self.error
            trainer.stop = True


def test_the_state_at_an_early_stop_is_recorded(probes, tmp_path):
    model = train(FeatureRecorder(tmp_path, probes, epochs=[0, 1]), 9, StopAt(3))
    found = load_features(tmp_path / "features.npz")
    assert found.meta["epochs"] == [0, 1, 3]
    np.testing.assert_array_equal(found.arrays["conv1"][-1], activations_of(model, probes.inputs)["conv1"])
    assert (tmp_path / "probe-1-face" / "conv1-epoch-003.png").is_file()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RunError("loss became nan")])
def test_an_interrupted_training_leaves_what_was_recorded(probes, tmp_path, error):
    with pytest.raises(type(error)):
        train(FeatureRecorder(tmp_path, probes, epochs=[0, 1, 2, 3]), 9, StopAt(2, error))
    assert load_features(tmp_path / "features.npz").meta["epochs"] == [0, 1, 2]
    assert (tmp_path / "probe-2-no-face" / "pool1-evolution.png").is_file()


def test_memory_is_bounded_by_keeping_fewer_channels_and_says_so(probes, tmp_path):
    messages = []
    # Of 3 epochs and 2 probes, a channel takes 4 * 3 * 2 * (36 + 9) bytes: 1080.
    recorder = FeatureRecorder(tmp_path, probes, message=messages.append, max_bytes=3 * 1080)
    train(recorder, 2)
    found = load_features(tmp_path / "features.npz")
    assert found.arrays["conv1"].shape == (3, 2, 3, 6, 6)
    assert found.meta["channels"] == {"conv1": 5, "pool1": 5}
    assert len(messages) == 1
    assert "only the first 3 channels of a layer are kept" in messages[0]


@pytest.mark.parametrize(
    ("allowed", "probes_drawn", "epochs_drawn"), [(12, 2, 2), (11, 1, 2), (8, 1, 2), (4, 1, 1), (1, 1, 1)]
)
def test_the_number_of_pictures_is_bounded_and_says_so(probes, tmp_path, allowed, probes_drawn, epochs_drawn):
    messages = []
    recorder = FeatureRecorder(tmp_path, probes, epochs=[0], message=messages.append, max_pictures=allowed)
    train(recorder, 1)
    pictures = [path for path in recorder.paths if path.suffix == ".png"]
    assert len(pictures) == 2 * probes_drawn * (epochs_drawn + 1)
    assert load_features(tmp_path / "features.npz").arrays["conv1"].shape[:2] == (2, 2)
    assert bool(messages) == (allowed < 12)


def test_epochs_are_dense_at_first_and_include_the_last():
    assert default_epochs(1) == [0, 1]
    assert default_epochs(5) == [0, 1, 2, 5]
    assert default_epochs(30) == [0, 1, 2, 5, 10, 20, 30]
    assert default_epochs(1000) == [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]


def test_probes_come_from_as_many_classes_as_possible():
    labels = [1, 1, 0, 2, 0, 1]
    assert choose_probes(labels, 2) == [2, 0]
    assert choose_probes(labels, 4) == [2, 0, 3, 4]
    assert choose_probes(labels, 99) == [2, 0, 3, 4, 1, 5]
    assert choose_probes([], 2) == []


def test_a_recorder_that_makes_no_sense_is_refused(probes, tmp_path):
    with pytest.raises(ArgumentError, match="scale 'global' does not exist"):
        FeatureRecorder(tmp_path, probes, scale="global")
    with pytest.raises(ArgumentError, match="count from 0"):
        FeatureRecorder(tmp_path, probes, epochs=[-1])
    with pytest.raises(ShapeError, match="labels"):
        Probes(PICTURES, PICTURES, ["face"], [1, 2])
    with pytest.raises(ShapeError, match="at least one image"):
        Probes(PICTURES[:0], PICTURES[:0], [], [])
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be made"):
        train(FeatureRecorder(tmp_path / "file" / "features", probes), 1)
