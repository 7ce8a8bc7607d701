"""Sums, extremes, norms."""

from __future__ import annotations

from operation_cases.case import IMAGES, after, case, normal, separated
from tinyconv.ops.reduction import cumulative, extremes, reduction, sorting, spread

CASES = [
    *(
        case(function, normal(2, 3, 4), label=label, **keywords)
        for function in (reduction.sum, reduction.mean, spread.var, spread.std)
        for label, keywords in (
            ("all", {}),
            ("middle", {"dim": 1}),
            ("outer two, kept", {"dim": (0, -1), "keepdim": True}),
        )
    ),
    case(reduction.sum, normal(*IMAGES), dim=(0, 2, 3), label="channels"),
    case(reduction.mean, normal(*IMAGES), dim=(2, 3), keepdim=True, label="pixels"),
    case(spread.var, normal(2, 5), dim=1, unbiased=False, label="biased"),
    case(reduction.prod, separated(2, 3), dim=1),
    case(reduction.prod, separated(4), label="all"),
    *(
        case(function, separated(2, 3, 4), dim=dim, label=str(dim))
        for function in (extremes.amax, extremes.amin)
        for dim in (1, (0, 2))
    ),
    *(
        case(function, separated(2, 3, 4), label=label, torch=torch, **keywords)
        for function, torch in ((extremes.max, "max"), (extremes.min, "min"))
        for label, keywords in (("all", {}), ("along", {"dim": 1}), ("kept", {"dim": -1, "keepdim": True}))
    ),
    case(spread.logsumexp, normal(2, 3, 4), dim=1),
    case(spread.logsumexp, normal(2, 3, 4), dim=(0, 2), keepdim=True, label="two"),
    *(case(spread.norm, separated(2, 3), p=p, dim=1, label=f"p {p}") for p in (1, 2, 3, float("inf"))),
    *(
        case(function, normal(2, 3, 4), call=after(dim))
        for function in (reduction.nansum, reduction.nanmean, spread.var_mean, spread.std_mean)
        for dim in (1,)
    ),
    case(extremes.aminmax, separated(2, 3), dim=1),
    case(spread.norm, separated(2, 3), p=-float("inf"), dim=1, label="smallest"),
    case(cumulative.cumsum, normal(*IMAGES), dim=1),
    case(cumulative.cumprod, separated(2, 4), dim=-1),
    case(cumulative.cumprod, lambda generator: generator.permutation([0.0, 1.5, -2.0, 0.0, 0.5]), dim=0, label="zeros"),
    case(cumulative.logcumsumexp, normal(2, 4), dim=1),
    case(cumulative.cummax, separated(2, 4), dim=1),
    case(cumulative.cummin, separated(2, 4), dim=1),
    case(cumulative.diff, normal(2, 5), n=2),
    case(sorting.sort, separated(2, 5)),
    case(sorting.sort, separated(*IMAGES), dim=1, descending=True, label="channels"),
    case(sorting.msort, separated(4, 2)),
    case(sorting.topk, separated(2, 5), call=after(3)),
    case(sorting.kthvalue, separated(2, 5), call=after(2)),
    case(sorting.median, separated(2, 5)),
    case(sorting.median, separated(2, 4), dim=1, label="along"),
    case(sorting.nanmedian, separated(2, 5), dim=1),
    case(sorting.quantile, separated(2, 5), call=after(0.3, 1)),
    case(reduction.prod, lambda generator: generator.permutation([0.0, 1.5, -2.0]), label="a zero"),
]
