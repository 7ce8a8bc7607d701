"""Sums, extremes, norms."""

from __future__ import annotations

from operation_cases.case import IMAGES, case, normal, separated
from tinyconv.ops import reduction

CASES = [
    *(
        case(function, normal(2, 3, 4), label=label, **keywords)
        for function in (reduction.sum, reduction.mean, reduction.var, reduction.std)
        for label, keywords in (
            ("all", {}),
            ("middle", {"dim": 1}),
            ("outer two, kept", {"dim": (0, -1), "keepdim": True}),
        )
    ),
    case(reduction.sum, normal(*IMAGES), dim=(0, 2, 3), label="channels"),
    case(reduction.mean, normal(*IMAGES), dim=(2, 3), keepdim=True, label="pixels"),
    case(reduction.var, normal(2, 5), dim=1, unbiased=False, label="biased"),
    case(reduction.prod, separated(2, 3), dim=1),
    case(reduction.prod, separated(4), label="all"),
    *(
        case(function, separated(2, 3, 4), dim=dim, label=str(dim))
        for function in (reduction.amax, reduction.amin)
        for dim in (1, (0, 2))
    ),
    *(
        case(function, separated(2, 3, 4), label=label, torch=torch, **keywords)
        for function, torch in ((reduction.max, "max"), (reduction.min, "min"))
        for label, keywords in (("all", {}), ("along", {"dim": 1}), ("kept", {"dim": -1, "keepdim": True}))
    ),
    case(reduction.logsumexp, normal(2, 3, 4), dim=1),
    case(reduction.logsumexp, normal(2, 3, 4), dim=(0, 2), keepdim=True, label="two"),
    *(case(reduction.norm, separated(2, 3), p=p, dim=1, label=f"p {p}") for p in (1, 2, 3, float("inf"))),
]
