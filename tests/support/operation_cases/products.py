"""Matrix products and linear layers."""

from __future__ import annotations

from operation_cases.case import case, normal
from tinyconv.ops.product import einsum, linear, matmul, products

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
    case(linear.linear, normal(2, 3), normal(3), label="weight of one row"),
    case(
        linear.linear_relu,
        normal(2, 3),
        normal(4, 3),
        normal(4),
        torch=lambda *x: __import__("torch").nn.functional.linear(*x).relu(),
    ),
    case(linear.bilinear, normal(2, 3), normal(2, 4), normal(5, 3, 4), normal(5)),
    case(linear.bilinear, normal(2, 2, 3), normal(2, 2, 4), normal(5, 3, 4), label="3-D, no bias"),
    case(matmul.mv, normal(2, 3), normal(3)),
    case(matmul.dot, normal(3), normal(3)),
    case(matmul.vdot, normal(3), normal(3)),
    case(matmul.inner, normal(2, 3), normal(4, 3)),
    case(matmul.outer, normal(2), normal(3)),
    case(matmul.ger, normal(2), normal(3)),
    *(
        case(function, *(normal(*shape) for shape in shapes), beta=0.5, alpha=2)
        for function, *shapes in (
            (products.addmm, (4,), (2, 3), (3, 4)),
            (products.addmv, (2,), (2, 3), (3,)),
            (products.addr, (2, 1), (2,), (3,)),
            (products.baddbmm, (2, 1, 4), (2, 2, 3), (2, 3, 4)),
            (products.addbmm, (2, 4), (2, 2, 3), (2, 3, 4)),
        )
    ),
    case(products.tensordot, normal(2, 3, 2), normal(3, 2, 2)),
    case(products.kron, normal(2, 2), normal(1, 2)),
    *(
        case(
            einsum.einsum,
            *(normal(*shape) for shape in shapes),
            call=lambda f, *x, equation=equation: f(equation, *x),
            torch=lambda *x, equation=equation: __import__("torch").einsum(equation, *x),
            label=equation,
        )
        for equation, *shapes in (
            ("bij,bjk->kib", (2, 3, 2), (2, 2, 4)),
            ("iij,j->i", (3, 3, 2), (2,)),
            ("...i,...i", (2, 3), (3,)),
            ("nchw,oc->nohw", (2, 3, 2, 2), (4, 3)),
        )
    ),
]
