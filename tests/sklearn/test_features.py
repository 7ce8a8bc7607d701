"""CNNFeatures: the activations of a layer, of trained and of given networks."""

import re

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from tiny_run import train_tiny_run

import tinyconv as tc
from tinyconv import nn
from tinyconv.features import capture
from tinyconv.sklearn import CNNClassifier, CNNFeatures
from tinyconv.train import load_run


@pytest.fixture(scope="module")
def network():
    tc.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3))


def maps(network, images, layer):
    with capture(network) as activations:
        network(tc.from_numpy(images[:, None].astype(np.float32)))
    return activations[layer]


def test_they_are_the_activations_of_a_given_network(bars, network):
    images, _ = bars
    relu = maps(network, images, "relu1")
    features = CNNFeatures(network, "relu1")
    found = features.fit_transform(images)
    assert found.dtype == np.float32
    assert np.array_equal(found, relu.reshape(48, 32))
    assert features.get_feature_names_out()[[0, 1, 4, 16]].tolist() == [
        "relu1_0_0_0",
        "relu1_0_0_1",
        "relu1_0_1_0",
        "relu1_1_0_0",
    ]
    for pooling, reduced in [("average", relu.mean(axis=(2, 3))), ("max", relu.max(axis=(2, 3)))]:
        features = CNNFeatures(network, "relu1", pooling=pooling)
        assert np.array_equal(features.fit_transform(images), reduced)
        assert features.get_feature_names_out().tolist() == ["relu1_0", "relu1_1"]


def test_without_a_layer_they_are_what_the_last_linear_one_is_given(bars, network):
    images, _ = bars
    features = CNNFeatures(network, image_shape=(6, 6)).fit(images.reshape(48, 36))
    assert features.layer_ == "relu1"
    assert np.array_equal(features.transform(images), maps(network, images, "relu1").reshape(48, 32))


def test_a_classifier_is_trained_and_a_frozen_one_is_not(bars):
    images, labels = bars
    classifier = CNNClassifier(epochs=2, random_state=0)
    features = CNNFeatures(classifier, "relu2").fit(images, labels)
    assert not hasattr(classifier, "classes_")
    classifier.fit(images, labels)
    frozen = CNNFeatures(FrozenEstimator(classifier), "relu2").fit(images)
    assert frozen.network_ is classifier.network_
    assert np.array_equal(frozen.transform(images), features.transform(images))
    assert np.array_equal(features.estimator_.predict(images), classifier.predict(images))
    with pytest.raises(ValueError, match="requires y to be passed"):
        CNNFeatures(CNNClassifier(epochs=1)).fit(images)


def test_the_network_of_a_run(tmp_path):
    path = train_tiny_run(tmp_path)
    run = load_run(path)
    side = run.preprocessing.image_size[0]
    images = np.random.default_rng(0).random((3, run.preprocessing.channels, side, side)).astype(np.float32)
    features = CNNFeatures(str(path), "relu1").fit(images)
    with capture(run.model) as activations:
        run.model(tc.from_numpy(run.preprocessing.normalize(images)))
    assert np.array_equal(features.transform(images), activations["relu1"].reshape(3, -1))


def test_columns_have_names_in_a_data_frame(bars, network):
    pytest.importorskip("pandas")
    images, _ = bars
    frame = CNNFeatures(network, "conv1", pooling="max").set_output(transform="pandas").fit_transform(images)
    assert frame.columns.tolist() == ["conv1_0", "conv1_1"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layer": "relu7"}, "relu1"),
        ({"pooling": "sum"}, "pooling is 'average', 'max' or None, got 'sum'"),
        ({"network": 7}, "network is a int; give a CNNClassifier, an nn.Module, or the path of a run's folder"),
        ({"network": "no/such/run"}, "no/such/run"),
        (
            {"network": nn.Conv2d(1, 2, 3)},
            "the network has no layer before a last linear one; give layer, one of: conv1",
        ),
        ({"image_shape": (5, 5)}, "image_shape is (5, 5)"),
    ],
    ids=str,
)
def test_a_mistake_is_an_error_that_says_what_to_give_instead(bars, network, arguments, message):
    with pytest.raises((ValueError, RuntimeError), match=re.escape(message)):
        CNNFeatures(**{"network": network, **arguments}).fit(bars[0])
