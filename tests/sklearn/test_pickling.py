"""Estimators in pickles: weights as safetensors, the same predictions, and equal bytes from equal estimators."""

import copy
import pickle

import joblib
import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn
from tinyconv.sklearn import CNNClassifier, CNNFeatures
from tinyconv.sklearn.portable import Portable


def fitted(bars, **options):
    return CNNClassifier(**{"epochs": 2, "random_state": 0, "model_options": {"widths": (4, 4)}, **options}).fit(*bars)


def test_predictions_survive(bars, tmp_path):
    classifier = fitted(bars)
    wanted = classifier.predict_proba(bars[0])
    joblib.dump(classifier, tmp_path / "classifier.joblib")
    for again in (
        pickle.loads(pickle.dumps(classifier)),
        joblib.load(tmp_path / "classifier.joblib"),
        copy.deepcopy(classifier),
    ):
        assert np.array_equal(again.predict_proba(bars[0]), wanted)
        assert again.get_params() == classifier.get_params()
        assert again.loss_curve_ == classifier.loss_curve_


def test_equal_estimators_have_equal_pickles(bars):
    first = pickle.dumps(fitted(bars))
    assert pickle.dumps(fitted(bars)) == first
    assert pickle.dumps(fitted(bars, random_state=1)) != first
    assert b"conv1.weight" in first
    assert b"exp_avg" not in first, "the optimiser of a training that is over"


def test_unpickling_draws_no_random_numbers(bars):
    content = pickle.dumps(fitted(bars))
    tc.manual_seed(3)
    expected = tc.rand(3)
    tc.manual_seed(3)
    pickle.loads(content)
    assert np.array_equal(tc.rand(3).numpy(), expected.numpy())


def test_passes_go_on_after_a_pickle_as_without(bars):
    plain, pickled = (
        CNNClassifier(random_state=0, model_options={"dropout": 0.5}).partial_fit(*bars, ["lying", "standing"])
        for _ in "ab"
    )
    pickled = pickle.loads(pickle.dumps(pickled))
    for classifier in (plain, pickled):
        classifier.partial_fit(*bars)
    assert np.array_equal(plain.predict_proba(bars[0]), pickled.predict_proba(bars[0]))
    fresh = CNNClassifier(random_state=0, model_options={"dropout": 0.5}).partial_fit(*bars, ["lying", "standing"])
    fresh._network.optimizer(fresh._recipe(), fresh=True)  # forgets the moments
    assert not np.array_equal(fresh.partial_fit(*bars).predict_proba(bars[0]), plain.predict_proba(bars[0]))


def test_a_module_keeps_shared_and_frozen_parameters_and_buffers():
    module = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 3))
    module[2].weight = module[0].weight
    module[0].bias.requires_grad_(False)
    module.register_buffer("seen", tc.arange(3), persistent=False)
    again = pickle.loads(pickle.dumps(Portable(module))).module
    assert again[2].weight is again[0].weight
    assert not again[0].bias.requires_grad
    assert again[2].bias.requires_grad
    assert again.seen.tolist() == [0, 1, 2]
    assert sorted(again.state_dict()) == sorted(module.state_dict())
    x = tc.ones(2, 3)
    assert np.array_equal(again.eval()(x).detach().numpy(), module.eval()(x).detach().numpy())
    again[0].weight.array[...] = 0
    assert module[0].weight.array.any()


@pytest.mark.parametrize("is_fitted", [False, True])
def test_features_of_a_given_module(bars, is_fitted):
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 2))
    features = CNNFeatures(network, "relu1")
    if is_fitted:
        features.fit(bars[0])
    again = pickle.loads(pickle.dumps(features))
    if is_fitted:
        assert again.network_ is again.network
        assert len(pickle.dumps(features)) < len(pickle.dumps(CNNFeatures(network))) + 2000
    assert np.array_equal(again.fit(bars[0]).transform(bars[0]), features.fit(bars[0]).transform(bars[0]))
    assert features.network is network
