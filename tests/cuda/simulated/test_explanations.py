"""Explanations are computed where the model is, and are the host's: no array is mixed with one from elsewhere."""

import numpy as np
import pytest
from explained import images, plain

import tinyconv as tc
from tinyconv.explain import METHODS, attribute, project

ONE_OF_EACH_WAY = ("gradient", "guided-backprop", "hires-cam", "lrp-epsilon-gamma-box", "occlusion")
"""The backward, rules for it, a layer's values, relevance, scores alone: the other methods go one of these ways."""
FEWER = {"window": 2, "stride": 2}


def twins():
    return plain(widths=(2,), side=4), plain(widths=(2,), side=4).to("cuda")


@pytest.mark.parametrize("method", ONE_OF_EACH_WAY)
def test_a_method_gives_the_host_s_map(method):
    here, there = twins()
    batch = images(2, 1, 4, 4)
    options = {name: value for name, value in FEWER.items() if name in METHODS[method].options}
    expected, found = (attribute(model, batch, method, [0, 1], **options) for model in (here, there))
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-9)


def test_images_may_lie_on_either_side_and_units_are_projected():
    here, there = twins()
    batch = images(2, 1, 4, 4)
    expected = project(here, batch, "relu1", 1)
    for given in (batch, tc.tensor(batch), tc.tensor(batch).to("cuda")):
        np.testing.assert_allclose(project(there, given, "relu1", 1), expected, rtol=1e-9, atol=1e-13)
