"""The Neocognitron: its cells by their formulas, what it learns without labels, and that shifts hardly change it."""

import copy
import functools
import io

import numpy as np
import pytest
from thirty_two_faces import epochs_until_all_are_learnt, thirty_two_faces

import tinyconv as tc
from tinyconv import nn, optim
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.models import registry
from tinyconv.models.zoo import winner_takes_all
from tinyconv.models.zoo.neocognitron import SATURATION, CCells, Neocognitron, SCells, fading
from tinyconv.models.zoo.winner_takes_all import learn, seeds
from tinyconv.train import Callback, Trainer, find_learning_rate
from tinyconv.train.progress import progress

SHIFTS = ((0, 0), (1, 0), (0, 1), (-1, -1))
SHAPES = {"s1": (16, 16), "c1": (10, 10), "s2": (8, 8), "c2": (6, 6), "s3": (2, 2), "c3": (1, 1)}


def bars(size=16):
    """Patterns (5, 1, size, size): a bar that stands, one that lies, two slanting ones, a corner."""
    images, middle, ends = np.zeros((5, 1, size, size), np.float32), size // 2, slice(4, size - 4)
    images[0, 0, ends, middle] = images[1, 0, middle, ends] = 1
    for step in range(4, size - 4):
        images[2, 0, step, step] = images[3, 0, step, size - 1 - step] = 1
    images[4, 0, ends, 4] = images[4, 0, 4, ends] = 1
    return images


@functools.cache
def learnt_once():
    tc.manual_seed(0)
    model = Neocognitron(1, 5)
    shifted = [np.roll(bars(), shift, (2, 3)) for shift in SHIFTS]
    model.learn_unsupervised(tc.tensor(np.concatenate(shifted)), lambda _: None)
    return model


def taught():
    """A network that has seen the bars in several places."""
    return copy.deepcopy(learnt_once())


# --- the cells --------------------------------------------------------------------------------------------------------


def test_its_layers_have_the_sizes_of_1980():
    model = Neocognitron(planes=3)
    x = tc.zeros(1, 1, 16, 16)
    for name, size in SHAPES.items():
        x = getattr(model, name)(x)
        assert x.shape == (1, 3, *size), name


def test_an_s_cell_is_what_its_formula_says():
    generator = np.random.default_rng(0)
    cells = SCells(2, 3, padding=1, selectivity=1.5).double()
    cells.a.copy_(tc.tensor(generator.uniform(0, 0.04, (3, 2, 5, 5))))
    cells.b.copy_(tc.tensor(generator.uniform(0, 6, 3)))
    u = generator.uniform(0, 1, (2, 2, 6, 7))
    a, b, c = cells.a.numpy(), cells.b.numpy(), cells.c.numpy()[0]
    framed = np.pad(u, ((0, 0), (0, 0), (1, 1), (1, 1)))
    expected = np.zeros((2, 3, 4, 5))
    for n, k, i, j in np.ndindex(*expected.shape):
        window = framed[n, :, i : i + 5, j : j + 5]
        v = np.sqrt((c * window**2).sum())
        expected[n, k, i, j] = 1.5 * max((1 + (a[k] * window).sum()) / (1 + 1.5 / 2.5 * b[k] * v) - 1, 0)
    assert 0 < (expected > 0).mean() < 1
    np.testing.assert_allclose(cells(tc.tensor(u)).numpy(), expected, atol=1e-9)
    assert c.sum() == pytest.approx(1)
    assert c[0, 2, 3] == pytest.approx(0.9 * c[0, 2, 2])


def test_a_c_cell_is_what_its_formula_says():
    generator = np.random.default_rng(1)
    cells = CCells(3, (3, 2), stride=2).double()
    u, d = generator.uniform(0, 1, (2, 3, 5, 6)), cells.d.numpy()[0, 0]
    expected = np.zeros((2, 3, 2, 3))
    for n, i, j in np.ndindex(2, 2, 3):
        seen = (d * u[n, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 2]).sum((1, 2))
        above = np.maximum((1 + seen) / (1 + seen.mean()) - 1, 0)
        expected[n, :, i, j] = above / (SATURATION + above)
    np.testing.assert_allclose(cells(tc.tensor(u)).numpy(), expected, atol=1e-12)


def test_cells_at_the_edge_are_left_out_by_a_negative_padding():
    u = tc.rand(1, 3, 9, 8)
    whole, inner = CCells(3, (5, 5)), CCells(3, (5, 5), padding=-1)
    np.testing.assert_allclose(inner(u).numpy(), whole(u)[:, :, 1:-1, 1:-1].numpy(), atol=1e-6)


def test_fixed_connections_fade_with_distance():
    weights = fading((3, 3), 0.5)
    assert weights.sum() == pytest.approx(1)
    assert weights[1, 0] / weights[1, 1] == pytest.approx(0.5)
    assert weights[0, 0] / weights[1, 1] == pytest.approx(0.5 ** np.sqrt(2))


@pytest.mark.parametrize("r", [0.5, 1.5, 4.0, 9.0])
def test_a_strong_cell_answers_where_the_cosine_is_above_r_by_1_plus_r(r):
    cells = SCells(1, 1, padding=0, selectivity=r).double()
    c = cells.c.numpy().reshape(-1)
    generator = np.random.default_rng(2)
    learnt = generator.uniform(0, 1, 25)
    strong = 1e7
    cells.a.copy_(tc.tensor(strong * c * learnt).reshape(1, 1, 5, 5))
    cells.b.fill_(strong * np.sqrt((c * learnt**2).sum()))
    shown = learnt + generator.standard_normal((400, 25)) * generator.uniform(0, 3, (400, 1))
    cosines = (c * learnt * shown).sum(1) / np.sqrt((c * learnt**2).sum() * (c * shown**2).sum(1))
    answers = cells(tc.tensor(shown.reshape(400, 1, 5, 5))).numpy().reshape(400)
    assert ((answers > 0) == (cosines > r / (1 + r))).all()
    assert 0 < (answers > 0).mean() < 1


def test_raising_r_raises_the_selectivity():
    def answering(r):
        """Which of the patterns each plane of U_S1 answers to, somewhere."""
        model.s1.selectivity = r
        return (model.s1(tc.tensor(bars())).numpy() > 1e-3).any((2, 3))

    model = taught()
    counts = [answering(r).sum() for r in (0.5, 2.0, 4.0, 8.0)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 2 * counts[-1] > 0


def test_a_c_layer_changes_less_than_its_s_layer_when_the_pattern_moves_by_a_pixel():
    model, still = taught(), bars()
    for axis in (2, 3):
        pair, changes = [tc.tensor(images) for images in (still, np.roll(still, 1, axis))], []
        for layer in (model.s1, model.c1, model.s2, model.c2, model.s3, model.c3):
            pair = [layer(u) for u in pair]
            before, after = (u.numpy() for u in pair)
            changes.append(abs(before - after).sum() / (before + after).sum())
        assert changes[1] < 0.5 * changes[0]
        assert changes[3] < changes[2]
        assert max(changes[4:]) < 0.2 * changes[0]


# --- learning without labels ------------------------------------------------------------------------------------------


def test_seeds_are_the_strongest_of_their_surroundings_and_of_their_planes():
    answers = np.random.default_rng(3).uniform(0, 1, (4, 7, 9))
    candidates = set()
    for i, j in np.ndindex(7, 9):
        rows, columns = slice(max(i - 2, 0), i + 3), slice(max(j - 2, 0), j + 3)
        around = np.zeros_like(answers)
        around[:, rows, columns] = answers[:, rows, columns]
        candidates.add(np.unravel_index(around.argmax(), answers.shape))
    expected = {}
    for cell in sorted(candidates, key=lambda cell: answers[cell]):
        expected[cell[0]] = cell[1] * 9 + cell[2]
    planes, places = seeds(answers)
    assert dict(zip(planes.tolist(), places.tolist(), strict=True)) == expected


def test_where_no_cell_answers_there_is_no_seed():
    planes, places = seeds(np.zeros((3, 4, 4)))
    assert len(planes) == len(places) == 0


def test_a_seed_learns_what_it_sees_and_its_plane_with_it(monkeypatch):
    monkeypatch.setattr(winner_takes_all, "PRESENTATIONS", 1)
    tc.manual_seed(0)
    cells = SCells(1, 3, padding=2, selectivity=4.0, growth=2.0)
    first = cells.a.numpy().copy()
    image = np.zeros((1, 1, 8, 8), np.float32)
    image[0, 0, 3, 3:6] = 1
    used = learn(cells, tc.tensor(image))
    grown, b = cells.a.numpy()[:, 0] - first[:, 0], cells.b.numpy()
    assert used == grown.any((1, 2)).sum() > 0
    c = cells.c.numpy()[0, 0]
    windows = [np.pad(image[0, 0], 2)[i : i + 5, j : j + 5] for i, j in np.ndindex(8, 8)]
    places = []
    for plane in np.flatnonzero(grown.any((1, 2))):
        (place,) = [n for n, seen in enumerate(windows) if np.allclose(grown[plane], 2 * c * seen, atol=1e-6)]
        assert b[plane] == pytest.approx(2 * np.sqrt((c * windows[place] ** 2).sum()), abs=1e-5)
        places.append(place)
    assert len({*places}) == used
    assert not b[~grown.any((1, 2))].any()


def test_planes_learn_different_features():
    model = taught()
    answers = model.s1(tc.tensor(bars()[:4])).numpy().max((2, 3))  # (patterns, planes)
    best = [{int(plane) for plane in np.flatnonzero(row > 0.5 * answers.max(1)[i])} for i, row in enumerate(answers)]
    assert all(first - second for i, first in enumerate(best) for second in best[:i])


def test_without_labels_patterns_are_told_apart_wherever_they_are():
    model = taught()
    with tc.no_grad():
        known, moved = (
            model.c3(model.s3(model.c2(model.s2(model.c1(model.s1(tc.tensor(images))))))).flatten(1).numpy()
            for images in (bars(), np.roll(bars(), (1, -1), (2, 3)))
        )
    distances = ((moved[:, None] - known) ** 2).sum(2)
    assert distances.argmin(1).tolist() == [0, 1, 2, 3, 4]


def test_the_read_out_sees_answers_of_mean_0_and_deviation_1():
    model, seen = taught(), []
    model.fc.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].numpy()))
    shifted = [np.roll(bars(), shift, (2, 3)) for shift in SHIFTS]
    with tc.no_grad():
        model(tc.tensor(np.concatenate(shifted)))
    np.testing.assert_allclose(seen[0].mean(0), 0, atol=1e-4)
    deviations = seen[0].std(0)
    assert (abs(deviations - 1) < 1e-3).sum() >= 5
    assert deviations.max() < 1.001


def test_where_nothing_is_seen_the_gradient_is_finite():
    u = tc.zeros(1, 1, 16, 16, requires_grad=True)
    taught().s1(u).sum().backward()
    assert np.isfinite(u.grad.numpy()).all()


# --- in a training ----------------------------------------------------------------------------------------------------


class Notes(Callback):
    def __init__(self):
        self.texts, self.steps = [], []

    def on_note(self, trainer, text):
        self.texts.append(text)
        self.steps.append(trainer.step)


@pytest.fixture
def few(monkeypatch):
    """Few images are shown, for what does not depend on how much is learnt from them."""
    monkeypatch.setattr(winner_takes_all, "PRESENTATIONS", 10)


def training(callbacks=()):
    tc.manual_seed(0)
    model = Neocognitron(1, 5, (16, 16), planes=4)
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    return model, Trainer(model, nn.CrossEntropyLoss(), optimizer, callbacks=callbacks)


def batches():
    return [(tc.tensor(bars()), tc.arange(5))]


@pytest.mark.usefixtures("few")
def test_the_trainer_lets_it_learn_without_labels_before_the_first_step_and_once():
    notes, stream = Notes(), io.StringIO()
    model, trainer = training([notes, progress(stream)])
    before = model.s3.a.numpy().copy()
    trainer.fit(batches(), epochs=2)
    after = model.s3.a.numpy().copy()
    trainer.fit(batches(), epochs=1)
    assert (after != before).any()
    assert (model.s3.a.numpy() == after).all()
    assert notes.steps == [0, 0, 0]
    assert notes.texts[0].startswith("neocognitron: U_S1 has learnt from 5 images without their labels, and ")
    assert [text in stream.getvalue().splitlines() for text in notes.texts] == [True] * 3


@pytest.mark.usefixtures("few")
def test_a_training_that_goes_on_does_not_begin_with_it_again():
    _, first = training()
    first.fit(batches(), epochs=2)
    whole = first.model.fc.weight.detach().numpy().copy()
    _, begun = training()
    begun.fit(batches(), epochs=1)
    notes = Notes()
    _, second = training([notes])
    second.load_state_dict(begun.state_dict())
    second.fit(batches(), epochs=1)
    assert notes.texts == []
    assert (second.model.fc.weight.detach().numpy() == whole).all()


@pytest.mark.usefixtures("few")
def test_the_search_for_a_learning_rate_begins_with_it_and_puts_back_what_it_learnt():
    model, _ = training()
    before, learnt = model.s1.a.numpy().copy(), []
    model.register_forward_pre_hook(lambda *_: learnt.append((model.s1.a.numpy() != before).any()))
    find_learning_rate(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters()), batches(), steps=12)
    assert len(learnt) == 12
    assert all(learnt)
    assert (model.s1.a.numpy() == before).all()


def test_gradients_train_the_read_out_alone():
    model = Neocognitron(planes=2)
    assert [name for name, values in model.named_parameters() if values.requires_grad] == ["fc.weight", "fc.bias"]
    learnt = (2 * 25 + 2) + 2 * (2 * 2 * 25 + 2)  # a and b of U_S1; of U_S2 and U_S3, which see two planes
    assert sum(values.numel() for values in model.parameters()) == learnt + 2 * 10 + 10


@pytest.mark.parametrize(
    ("size", "off_cells"), [((15, 15), False), ((28, 28), True), ((25, 40), False), ((64, 64), True)]
)
def test_it_adapts_to_size_channels_and_classes(size, off_cells):
    model = registry.build("neocognitron", 3, 7, size, planes=2, off_cells=off_cells)
    with tc.no_grad():
        assert model(tc.zeros(2, 3, *size)).shape == (2, 7)
    assert model.s1.a.shape[1] == (6 if off_cells else 3)


def test_what_makes_no_network_is_refused():
    with pytest.raises(ShapeError, match=r"neocognitron needs images of at least 15x15.*got 14x20.*facenet"):
        Neocognitron(image_size=(14, 20))
    for planes in (1, "24"):
        with pytest.raises(ArgumentError, match=f"at least 2 planes.*got {planes!r}"):
            Neocognitron(planes=planes)
    for selectivity in ((4.0, 1.5), 4.0):
        with pytest.raises(ArgumentError, match=r"selectivity is one number for each of 3 S-layers, got \(?4.0"):
            Neocognitron(selectivity=selectivity)
    for selectivity in (0, "4"):
        with pytest.raises(ArgumentError, match=f"SCells: selectivity must be positive, got {selectivity!r}"):
            SCells(1, 2, 0, selectivity)


def test_it_learns_32_photographs_by_heart(monkeypatch):
    tc.manual_seed(0)
    images, labels = thirty_two_faces()
    images = images[:, :, 4:20, 4:20]
    monkeypatch.setattr(winner_takes_all, "PRESENTATIONS", 64)
    model = Neocognitron(1, 2, (16, 16), planes=48, off_cells=True)
    assert epochs_until_all_are_learnt(model, images, labels, rate=0.1, most=60)
