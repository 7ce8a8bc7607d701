"""All checks, and how they are run on a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tinyconv.explain.checks.arithmetic import (
    cells_are_patch_times_kernel,
    convolutions_are_adjoint,
    pooling_undoes_unpooling,
)
from tinyconv.explain.checks.attributions import (
    activation_map_sums_to_the_score,
    covering_all_is_the_whole_difference,
    epsilon_keeps_little_where_it_is_small,
    projections_stay_in_the_receptive_field,
)
from tinyconv.explain.checks.conduct import a_batch_changes_nothing, the_model_stays_as_it_is, the_same_again
from tinyconv.explain.checks.finding import Finding
from tinyconv.explain.checks.linearity import score_is_pixels_plus_biases
from tinyconv.explain.checks.relevance import (
    every_layer_accounts_for_its_relevance,
    relevance_is_conserved_without_biases,
    the_plain_rule_is_pixel_times_gradient,
)
from tinyconv.explain.checks.slopes import (
    gradient_is_the_slope,
    integrated_gradients_are_complete,
    integrated_gradients_need_one_step_without_biases,
    smoothgrad_without_noise_is_the_gradient,
)
from tinyconv.explain.checks.subject import Subject
from tinyconv.nn.module import Module

CHECKS: tuple[Callable[[Subject], Finding], ...] = (
    convolutions_are_adjoint,
    cells_are_patch_times_kernel,
    pooling_undoes_unpooling,
    gradient_is_the_slope,
    score_is_pixels_plus_biases,
    smoothgrad_without_noise_is_the_gradient,
    integrated_gradients_are_complete,
    integrated_gradients_need_one_step_without_biases,
    the_plain_rule_is_pixel_times_gradient,
    relevance_is_conserved_without_biases,
    every_layer_accounts_for_its_relevance,
    epsilon_keeps_little_where_it_is_small,
    activation_map_sums_to_the_score,
    projections_stay_in_the_receptive_field,
    covering_all_is_the_whole_difference,
    a_batch_changes_nothing,
    the_same_again,
    the_model_stays_as_it_is,
)
"""In the order in which they are reported: the layers first, then what stands on them, then how it behaves."""


def verify(model: Module, images: Any, targets: Any = None, seed: int = 0) -> Iterator[Finding]:
    """Check the invariants of explanation methods on ``model`` and ``images``; each finding as soon as it is known.

    All is computed on a copy of the model in float64. ``targets``: as for every explanation. ``seed``: of what is drawn
    at random, such as directions and cells.

    Shape: images (N, C, H, W), preprocessed; a handful is enough. The model gives (N, classes).
    Dtype: images of any floating-point type.
    Raises: ``ArgumentError``, ``ShapeError``, ``DTypeError``, ``DimensionError`` for images, models and targets that do
        not fit each other.

    >>> from tinyconv.explain.checks import verify
    >>> model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 2))
    >>> findings = list(verify(model, np.random.default_rng(0).normal(size=(2, 1, 6, 6))))
    >>> [finding.name for finding in findings if finding.failed]
    []
    """
    subject = Subject(model, images, targets, seed)
    return (check(subject) for check in CHECKS)
