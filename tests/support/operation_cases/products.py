"""Matrix products and linear layers."""

from __future__ import annotations

from operation_cases.case import case, normal
from tinyconv.ops import linear, matmul

CASES = [
    *(
        case(matmul.matmul, normal(*first), normal(*second), label=f"{first} {second}")
        for first, second in (
            ((2, 3), (3, 4)),
            ((3,), (3,)),
            ((2, 3), (3,)),
            ((3,), (3, 4)),
            ((5, 2, 3), (3, 4)),
            ((2, 3), (5, 3, 4)),
            ((2, 1, 2, 3), (5, 3, 4)),
        )
    ),
    case(matmul.mm, normal(2, 3), normal(3, 4)),
    case(matmul.bmm, normal(2, 2, 3), normal(2, 3, 4)),
    case(linear.linear, normal(2, 3), normal(4, 3), normal(4)),
    case(linear.linear, normal(2, 5, 3), normal(4, 3), normal(4), label="3-D"),
    case(linear.linear, normal(2, 2, 2, 3), normal(4, 3), label="4-D, no bias"),
    case(linear.linear, normal(3), normal(4, 3), normal(4), label="1-D"),
    case(linear.linear, normal(2, 3), normal(4, 3), label="constant weight", constants=(1,)),
]
