"""Layer-wise relevance propagation: the score of a class, handed down layer by layer to the pixels.

The relevance of the class's score is the score itself. Each layer hands what it has received down to its inputs, in
proportion to what these contributed (rules), until it arrives at the pixels. What biases and epsilon keep to themselves
(a negative part, where a bias speaks against) does not arrive, and is stated: ``measures["kept"]`` is the score minus
what the pixels got.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.explain.attribution import Attribution
from tinyconv.explain.lrp.composites import Composite
from tinyconv.explain.lrp.layers import LayerRelevance, LayerRelevances
from tinyconv.explain.lrp.passages import Plan
from tinyconv.explain.running import Target, batches, host, resolve_targets
from tinyconv.explain.trace import Passage, Step, Trace
from tinyconv.nn.module import Module
from tinyconv.ops.tensor import Tensor


def lrp(
    model: Module, images: Any, target: Target = None, *, composite: Composite, method: str = "lrp", **options: Any
) -> Attribution:
    """The relevance of each pixel for the target's score, by the rules of ``composite``.

    Batch normalisation right behind a convolution or a linear layer counts as part of it. ``method``, ``options``: what
    the result calls itself. ``measures["kept"]``: the score minus the sum of the pixels' relevance.

    Shape: images (N, C, H, W); the model gives (N, classes).
    Dtype: images of any floating-point type; the values have the model's.
    Raises: as ``gradient``, and ``ArgumentError`` for an operation that no rule is known for.
    Source: Bach et al., "On pixel-wise explanations for non-linear classifier decisions by layer-wise relevance
        propagation", 2015.

    >>> from tinyconv.explain.lrp import Epsilon, lrp, uniform
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 8, bias=False), nn.ReLU(), nn.Linear(8, 2, bias=False))
    >>> found = lrp(model, np.ones((1, 1, 2, 2), np.float32), composite=uniform(Epsilon()))
    >>> bool(np.allclose(found.values.sum(), found.scores[0], atol=1e-5))
    True
    """
    parts = []
    for batch, wanted in batches(model, images, target):
        trace = Trace(model, batch, keep_values=True)
        targets, scores, relevance = _of_scores(trace, wanted)
        pixels = trace.backward(trace.logits, relevance, Plan(trace, composite).rules)
        parts.append((host(pixels), targets, scores))
    values, classes, scores = (np.concatenate(part) for part in zip(*parts, strict=True))
    kept = scores - values.sum(axis=(1, 2, 3), dtype=np.float64)
    return Attribution(values, method, classes, scores, options, {"kept": kept})


def layer_relevance(
    model: Module, images: Any, target: Target = None, *, composite: Composite, method: str = "lrp"
) -> LayerRelevances:
    """The relevance at every layer, from the scores down to the pixels.

    Where a network branches, the layers of one branch receive only that branch's part. ``method``: what the result
    calls itself.

    Shape: images (N, C, H, W), all sent through the model at once; the model gives (N, classes).
    Dtype: images of any floating-point type.
    Raises: as ``lrp``.

    >>> from tinyconv.explain.lrp import Epsilon, layer_relevance, uniform
    >>> model = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(2, 2, bias=False))
    >>> layers = layer_relevance(model, np.ones((1, 1, 3, 3), np.float32), composite=uniform(Epsilon(0.1)))
    >>> [(layer.name, layer.rule) for layer in layers]
    [('linear1', 'epsilon 0.1'), ('relu1', 'handed on'), ('conv1', 'epsilon 0.1')]
    """
    trace = Trace(model, images, keep_values=True)
    targets, scores, relevance = _of_scores(trace, target)
    plan = Plan(trace, composite)
    found: list[LayerRelevance] = []

    def noting(step: Step, passage: Passage) -> Passage:
        def noted(received: Any, *others: Any) -> Any:
            handed_down = passage(received, *others)
            passed = np.sum([_sums(part) for part in handed_down if part is not None], axis=0)
            words = plan.words[step.operation]
            found.append(LayerRelevance(step.name, step.kind, words, host(received), _sums(received), passed))
            return handed_down

        return noted

    def rules(step: Step) -> Passage | None:
        passage = plan.rules(step)
        return noting(step, passage) if passage is not None and step.name else passage

    pixels = trace.backward(trace.logits, relevance, rules)
    return LayerRelevances(found, host(pixels), targets, scores, method)


def _of_scores(trace: Trace, target: Target) -> tuple[Array, FloatArray, Any]:
    """The targets (N,), their scores (N,), and the relevance of all scores: that of the target is its score."""
    logits = host(trace.logits)
    targets = resolve_targets(logits, target)
    chosen = np.arange(len(targets)), targets
    relevance = np.zeros_like(logits)
    relevance[chosen] = logits[chosen]
    return targets, logits[chosen], Tensor(relevance).to(trace.logits.device)


def _sums(values: Any) -> FloatArray:
    """(N,): over all but the first dimension."""
    array = host(values)
    sums: FloatArray = array.reshape(len(array), -1).sum(axis=1, dtype=np.float64)
    return sums
