"""Weights of samples: a weight of 2 is standing there twice, to the last bit, and the order of rows has no effect."""

import numpy as np
import pytest

from tinyconv.data.transforms import RandomShift
from tinyconv.sklearn import CNNClassifier
from tinyconv.sklearn.samples import Samples
from tinyconv.train import Preprocessing


def probabilities(images, labels, weights=None, **options):
    fitted = CNNClassifier(epochs=2, batch_size=12, random_state=0, **options).fit(images, labels, weights)
    return fitted.predict_proba(np.linspace(0, 1, 72).reshape(2, 6, 6))


@pytest.mark.parametrize(
    "options", [{}, {"augmentation": [RandomShift(1)]}, {"model_options": {"dropout": 0.5}}], ids=str
)
def test_a_weight_is_a_repetition_wherever_it_stands(bars, options):
    images, labels = bars
    weights = np.random.default_rng(0).integers(4, size=48)
    wanted = probabilities(images.repeat(weights, axis=0), labels.repeat(weights), **options)
    order = np.random.default_rng(1).permutation(48)
    assert np.array_equal(probabilities(images[order], labels[order], weights[order], **options), wanted)
    assert not np.array_equal(probabilities(images, labels, **options), wanted)


def test_partial_fit_takes_weights_too(bars):
    images, labels = bars
    weights = np.arange(48) % 3

    def learnt(*arguments):
        fitted = CNNClassifier(random_state=0).partial_fit(*arguments[:2], ["lying", "standing"], *arguments[2:])
        return fitted.predict_proba(images)

    assert np.array_equal(
        learnt(images, labels, weights), learnt(images.repeat(weights, axis=0), labels.repeat(weights))
    )


def test_a_class_of_weight_zero_is_not_there(bars):
    images, labels = bars
    labels = np.where(np.arange(48) < 8, "leaning", labels)
    fitted = CNNClassifier(epochs=1, random_state=0).fit(images, labels, labels != "leaning")
    assert fitted.classes_.tolist() == ["lying", "standing"]


def table(rows=6):
    return np.random.default_rng(3).normal(size=(rows, 4)).astype(np.float32), np.arange(rows) % 2


def test_fractions_of_a_weight_are_spread_over_copies():
    rows, labels = table()
    samples = Samples.of(rows, labels, np.array([2.5, 1.0, 0.25, 0.0, 3.0, 1.0]))
    found = {int(row): samples.weights[samples.rows == row].tolist() for row in np.unique(samples.rows)}
    assert found == {0: [2.5 / 3] * 3, 1: [1.0], 2: [0.25], 4: [1.0] * 3, 5: [1.0]}
    assert not samples.has_equal_weights
    thirds = Samples.of(rows[[0, 0, 0]], labels[[0, 0, 0]], np.array([1.1, 1.3, 0.6]))
    assert thirds.rows.tolist() == [0, 0, 0]  # though in binary these weights add up to a little more than 3
    assert thirds.weights == pytest.approx([1.0] * 3)


def test_equal_images_of_different_classes_are_different_samples():
    rows, _ = table()
    samples = Samples.of(rows[[0, 0, 0]], np.array([0, 1, 1]), None)
    assert sorted(samples.rows.tolist()) == [0, 1, 1]


def test_copies_are_on_one_side_of_a_split():
    rows, labels = table(20)
    samples = Samples.of(rows.repeat(3, axis=0), labels.repeat(3), None)
    learnt, judged = samples.split(labels.repeat(3), 0.25, seed=0)
    assert len(learnt), len(judged) == (48, 12)
    assert not set(learnt.rows) & set(judged.rows)
    weighted = Samples.of(rows, labels, np.full(20, 3.0))
    assert weighted.split(labels, 0.25, seed=0)[1].rows.tolist() == (judged.rows // 3).tolist()


def test_the_targets_are_the_distributions_times_the_weights():
    rows, labels = table(3)
    samples = Samples.of(rows, labels, np.array([0.5, 1.0, 1.0]))
    plain = samples.targets(labels, 2, 0.0)
    assert plain.dtype == np.float32
    assert plain.mean(axis=0).sum() == pytest.approx(1)
    (half,) = np.flatnonzero(samples.rows == 0)
    assert plain[half] == pytest.approx([0.5 / (2.5 / 3), 0])
    assert samples.targets(labels, 2, 0.1)[half] == pytest.approx([0.95 * 0.6, 0.05 * 0.6])
    equal = Samples.of(rows, labels, np.full(3, 0.3))
    assert equal.targets(labels, 2, 0.1).tolist() == labels[equal.rows].tolist()


def test_training_with_fractions_follows_the_weights(bars):
    images, labels = bars
    images, twisted = np.concatenate([images, images]), np.where(labels == "lying", "standing", "lying")
    both = np.concatenate([labels, twisted])
    for weights, wanted in [((1.0, 0.1), labels), ((0.1, 1.0), twisted)]:
        fitted = CNNClassifier(epochs=10, lr=0.01, random_state=0).fit(images, both, np.repeat(weights, 48))
        assert (fitted.predict(images[:48]) == wanted).mean() >= 0.9


def test_the_normalisation_is_that_of_the_weighted_images(bars):
    images, _ = bars
    rows, labels = images.reshape(48, 36).astype(np.float32), np.zeros(48, int)
    shape = (4, 3, 3)
    found = Samples.of(rows, labels, None).preprocessing(rows, shape)
    wanted = Preprocessing.fit(rows.reshape(48, *shape))
    assert found.image_size == wanted.image_size
    assert found.mean == pytest.approx(wanted.mean, rel=1e-6)
    assert found.std == pytest.approx(wanted.std, rel=1e-6)
    weighted = Samples.of(rows, labels, np.where(np.arange(48) == 5, 0.5, 0) + (np.arange(48) == 6)).preprocessing(
        rows, shape
    )
    five, six = rows.reshape(48, 4, 9)[5:7].mean(axis=2)
    assert weighted.mean == pytest.approx((0.5 * five + six) / 1.5, rel=1e-6)


def test_a_constant_channel_is_centred_and_a_tiny_one_scaled():
    rows = np.array([[7.1, 1e-9], [7.1, 3e-9]], np.float32)
    found = Samples.of(rows, np.array([0, 1]), None).preprocessing(rows, (2, 1, 1))
    assert found.mean == pytest.approx([7.1, 2e-9])
    assert found.std == pytest.approx([1, 1e-9])


def test_weights_that_are_none_are_refused(bars):
    images, labels = bars
    for weights, message in [
        (np.zeros(48), "zero"),
        (-np.ones(48), "[Nn]egative"),
        (np.ones(47), "sample_weight"),
        (np.full(48, 1e4), "sample_weight is 10000 on average, .* divide sample_weight by its mean"),
    ]:
        with pytest.raises(ValueError, match=message):
            CNNClassifier(epochs=1).fit(images, labels, weights)
