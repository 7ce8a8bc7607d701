"""CNNClassifier: what it takes, what it gives, and what it says to mistakes."""

import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import tinyconv as tc
from tinyconv import nn
from tinyconv.data.transforms import RandomShift
from tinyconv.models.zoo.facenet import FaceNet
from tinyconv.sklearn import CNNClassifier, tables
from tinyconv.sklearn.thin_net import ThinNet


def classifier(**options):
    return CNNClassifier(**{"epochs": 6, "batch_size": 12, "lr": 0.01, "random_state": 0, **options})


def test_it_learns_images_with_labels_that_are_words(bars):
    images, labels = bars
    fitted = classifier(epochs=12).fit(images[:32], labels[:32])
    assert fitted.score(images[32:], labels[32:]) >= 0.9
    assert fitted.classes_.tolist() == ["lying", "standing"]
    assert fitted.n_features_in_ == 36
    assert fitted.n_iter_ == len(fitted.loss_curve_) == 12
    assert fitted.loss_curve_[-1] < fitted.loss_curve_[0]
    assert isinstance(fitted.network_, FaceNet)
    assert not fitted.network_.training


def test_tables_with_a_shape_and_images_with_and_without_channels_are_the_same(bars):
    images, labels = bars
    wanted = classifier().fit(images, labels).predict_proba(images)
    for form, options in [
        (images[:, None], {}),
        (images.reshape(48, 36), {"image_shape": (1, 6, 6)}),
        (images.reshape(48, 36), {"image_shape": (6, 6)}),
        (images.tolist(), {}),
    ]:
        fitted = classifier(**options).fit(form, labels)
        assert np.array_equal(fitted.predict_proba(form), wanted)
        assert np.array_equal(fitted.predict_proba(images.reshape(48, 36)), wanted)


def test_bytes_are_kept_as_they_are_and_learnt_from_like_numbers(bars):
    images, labels = bars
    as_bytes = np.clip(100 * images + 50, 0, 255).astype(np.uint8)
    assert np.shares_memory(tables.checked(classifier(), as_bytes, reset=True)[0], as_bytes)
    fitted = classifier().fit(as_bytes, labels)
    assert np.array_equal(
        fitted.predict_proba(as_bytes), classifier().fit(as_bytes.astype(np.float32), labels).predict_proba(as_bytes)
    )


def test_images_of_any_scale_are_learnt_from(bars):
    images, labels = bars
    for scaled in (1000 * images + 5000, 1e-6 * images):
        assert classifier(epochs=12).fit(scaled[:32], labels[:32]).score(scaled[32:], labels[32:]) >= 0.9


@pytest.mark.parametrize("shape", [(3, 1, 1), (1, 1, 20), (2, 9, 1)])
def test_what_is_thin_has_a_network_too(shape):
    images = np.random.default_rng(1).normal(size=(24, *shape))
    labels = (images.mean(axis=(1, 2, 3)) > 0).astype(int)
    images[labels == 1] += 1
    fitted = classifier().fit(images, labels)
    assert isinstance(fitted.network_, ThinNet)
    assert fitted.score(images, labels) >= 0.9


def test_decisions_probabilities_and_predictions_agree(bars):
    images, labels = bars
    fitted = classifier(epochs=2).fit(images, labels)
    decision, probabilities = fitted.decision_function(images), fitted.predict_proba(images)
    assert decision.shape == (48,)
    assert np.allclose(probabilities[:, 1], 1 / (1 + np.exp(-decision)), rtol=1e-12)
    assert np.allclose(np.exp(fitted.predict_log_proba(images)), probabilities, rtol=1e-12)
    assert np.array_equal(fitted.predict(images), fitted.classes_[(decision > 0).astype(int)])
    three = np.arange(48) % 3
    fitted = classifier(epochs=1).fit(images, three)
    assert fitted.decision_function(images).shape == fitted.predict_proba(images).shape == (48, 3)


def order_decides(images, labels, state):
    """What a network learns that always starts from zero, and has no dropout."""

    def build(in_channels, num_classes, image_size):
        network = nn.Sequential(nn.Flatten(), nn.Linear(in_channels * image_size[0] * image_size[1], num_classes))
        nn.init.zeros_(network[1].weight)
        nn.init.zeros_(network[1].bias)
        return network

    return classifier(model=build, epochs=2, random_state=state).fit(images, labels).predict_proba(images)


def test_the_same_random_state_gives_the_same_bits_and_no_other_numbers_are_touched(bars):
    images, labels = bars
    options = {"epochs": 2, "model_options": {"dropout": 0.5}, "augmentation": [RandomShift(1)]}

    def probabilities(state):
        return classifier(**options, random_state=state).fit(images, labels).predict_proba(images)

    first = probabilities(3)
    tc.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002  (the generator that must not be touched)
    expected, expected_by_numpy = tc.rand(3), np.random.rand(3)  # noqa: NPY002
    tc.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002  (the generator that must not be touched)
    assert np.array_equal(probabilities(3), first)
    assert np.array_equal(tc.rand(3).numpy(), expected.numpy())
    assert np.array_equal(np.random.rand(3), expected_by_numpy)  # noqa: NPY002
    assert not np.array_equal(probabilities(4), first)
    assert np.array_equal(probabilities(np.random.RandomState(1)), probabilities(np.random.RandomState(1)))
    assert not np.array_equal(*(order_decides(images, labels, state) for state in (0, 1)))
    generator = np.random.RandomState(1)
    assert not np.array_equal(probabilities(generator), probabilities(generator))


@pytest.mark.parametrize(
    "changed",
    [
        {"model_options": {"dropout": 0.0}},
        {"model_options": {"widths": (8,)}},
        {"batch_size": 7},
        {"optimizer": "sgd"},
        {"schedule": "constant"},
        {"early_stopping": True},
        {"lr": 0.002},
        {"weight_decay": 1.0},
        {"label_smoothing": 0.2},
        {"augmentation": [RandomShift(2)]},
        {"epochs": 3},
    ],
    ids=str,
)
def test_every_option_has_an_effect(bars, changed):
    images, labels = bars
    plain, other = (classifier(epochs=2, **options) for options in ({}, {}))
    other.set_params(**changed)
    plain, other = (estimator.fit(images, labels).predict_proba(images) for estimator in (plain, other))
    assert not np.array_equal(plain, other)


def test_a_model_is_a_name_or_what_builds_one(bars):
    images, labels = bars

    def build(in_channels, num_classes, image_size, width=4):
        height, breadth = image_size
        return nn.Sequential(
            nn.Conv2d(in_channels, width, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(width * height * breadth, num_classes),
        )

    fitted = clone(classifier(model=build, model_options={"width": 3})).fit(images, labels)
    assert fitted.network_[0].out_channels == 3
    fitted = classifier(model="resnet18", model_options={"width": 2}, epochs=1).fit(images, labels)
    assert fitted.network_.conv1.out_channels == 2


def test_warm_start_goes_on_and_plain_fits_begin_anew(bars):
    images, labels = bars
    warm = classifier(epochs=3, warm_start=True).fit(images, labels)
    first = warm.loss_curve_[-1]
    warm.fit(images, labels)
    assert warm.n_iter_ == len(warm.loss_curve_) == 6
    assert warm.loss_curve_[-1] < first
    warm.set_params(warm_start=False).fit(images, labels)
    assert np.array_equal(warm.predict_proba(images), classifier(epochs=3).fit(images, labels).predict_proba(images))
    assert warm.n_iter_ == 3


def test_early_stopping_ends_with_the_best_weights(bars):
    images, labels = bars
    twisted = np.where(np.arange(48) % 5 == 0, labels[::-1], labels)  # what cannot be learnt, only by heart
    options = {"early_stopping": True, "validation_fraction": 0.3, "schedule": "constant", "random_state": 2}
    fitted = classifier(**options, epochs=40, n_iter_no_change=3).fit(images, twisted)
    best = fitted.n_iter_ - 3
    assert 1 <= best < 37
    assert len(fitted.validation_scores_) == fitted.n_iter_
    until_then = classifier(**options, epochs=best).fit(images, twisted)
    assert np.array_equal(fitted.predict_proba(images), until_then.predict_proba(images))
    assert until_then.validation_scores_ == fitted.validation_scores_[:best]
    until_then.set_params(early_stopping=False).fit(images, twisted)
    assert not hasattr(until_then, "validation_scores_")


def test_partial_fit_learns_pass_by_pass(bars):
    images, labels = bars
    learning = classifier(lr=0.003)
    for _ in range(6):
        learning.partial_fit(images, labels, classes=["standing", "lying"])
    assert learning.classes_.tolist() == ["lying", "standing"]
    assert learning.n_iter_ == len(learning.loss_curve_) == 6
    assert learning.score(images, labels) >= 0.9
    more = classifier().partial_fit(images, labels, classes=["leaning", "standing", "lying"])
    assert more.predict_proba(images).shape == (48, 3)
    before = learning.predict_proba(images)
    learning.partial_fit(images[labels == "lying"], labels[labels == "lying"])
    assert not np.array_equal(learning.predict_proba(images), before)


def test_a_table_is_learnt_from_row_by_row():
    rows = np.random.default_rng(2).normal(size=(40, 3))
    labels = (rows[:, 0] > 0).astype(int)
    learning = CNNClassifier(random_state=0).partial_fit(rows[:20], labels[:20], classes=[0, 1])
    for row, label in zip(rows, labels, strict=True):
        learning.partial_fit(row[None], [label])
    assert learning.score(rows, labels) >= 0.85


def test_verbose_prints_a_line_for_each_epoch(bars, capsys):
    images, labels = bars
    classifier(epochs=2, verbose=1).fit(images, labels)
    printed = capsys.readouterr().out
    assert re.findall(r"^epoch (\d)/2  loss \d", printed, re.MULTILINE) == ["1", "2"]
    classifier(epochs=1).fit(images, labels)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "facenett"}, "did you mean 'facenet'"),
        ({"model": FaceNet()}, "model is a FaceNet that is built already; give 'auto', a name (facenet, "),
        ({"model": 3}, "model is a int; give 'auto', a name (facenet, "),
        ({"model": dict}, "model must return an nn.Module, got dict"),
        ({"model": "lenet"}, "lenet needs images of at least 12x12 pixels"),
        ({"model_options": {"depth": 3}}, "has no option 'depth'"),
        ({"image_shape": (1, 5, 5)}, "X has images of shape (1, 6, 6), but image_shape is (1, 5, 5)"),
        ({"image_shape": "6x6"}, "image_shape must be (channels, height, width) or (height, width), got '6x6'"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"epochs": 2.5}, "epochs must be a whole number, got 2.5"),
        ({"batch_size": 0}, "the batch size must be at least 1, got 0"),
        ({"optimizer": "adamax"}, "there is no optimizer 'adamax'; known: adam, adamw, sgd"),
        ({"lr": -1.0}, "lr must be a number of at least 0, got -1.0"),
        ({"lr": "fast"}, "lr must be a number of at least 0, got 'fast'"),
        ({"label_smoothing": 1}, "label_smoothing must be 0 to below 1, got 1"),
        ({"schedule": "cyclic"}, "there is no schedule 'cyclic'; known: one-cycle, cosine, step, constant"),
        ({"early_stopping": True, "n_iter_no_change": 0}, "patience must be at least 1 epoch, got 0"),
        ({"early_stopping": True, "validation_fraction": 2}, "validation_fraction must lie between 0 and 1, got 2"),
        ({"lr": 1e30, "optimizer": "sgd"}, "CNNClassifier: loss became "),
    ],
    ids=str,
)
def test_a_mistake_is_a_value_error_that_says_what_to_give_instead(bars, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        classifier(**options).fit(*bars)


def test_mistakes_in_the_data_are_value_errors(bars):
    images, labels = bars
    table = images.reshape(48, 36)
    with pytest.raises(ValueError, match="image_shape \\(3, 4\\) has 12 numbers, but X has 36 features"):
        classifier(image_shape=(3, 4)).fit(table, labels)
    with pytest.raises(ValueError, match="image_shape=\\(channels, height, width\\) says which images the rows are"):
        classifier(model="lenet").fit(table, labels)
    with pytest.raises(ValueError, match="X has 5 dimensions; give images"):
        classifier().fit(images[:, None, None], labels)
    with pytest.raises(ValueError, match="needs at least 2 classes in y, got 1 class: 'lying'"):
        classifier().fit(images[::2], labels[::2])
    with pytest.raises(ValueError, match="requires y to be passed"):
        classifier().fit(images, None)
    with pytest.raises(ValueError, match="the first call of partial_fit needs classes"):
        classifier().partial_fit(images, labels)
    fitted = classifier(epochs=1, warm_start=True).fit(images, labels)
    with pytest.raises(ValueError, match="X has images of shape \\(1, 9, 4\\), but those of fit were \\(1, 6, 6\\)"):
        fitted.predict(images.reshape(48, 9, 4))
    with pytest.raises(ValueError, match="X has 35 features, but CNNClassifier is expecting 36 features"):
        fitted.predict(table[:, 1:])
    for learn in (fitted.fit, fitted.partial_fit):
        with pytest.raises(
            ValueError, match="y holds 'leaning', which is none of the classes \\['lying', 'standing'\\]"
        ):
            learn(images, np.where(labels == "lying", "leaning", labels))
    with pytest.raises(NotFittedError):
        classifier().predict(images)
    with pytest.raises(NotFittedError):
        _ = classifier().network_
