"""Linearly dependent slices (u, v) that are no global minimum, and the lower ones.

Two equal slices may be moved against each other without changing f, so that f - f(X) is no sum of
powers near X. But a convex loss is above its tangent: f(X') - f(X) is at least the sum over the
slices of what lam theta - <W, phi> changes, and each slice can be looked at alone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial

from . import _counterpoints
from ._base import ZERO, Check
from ._counterpoints import outer
from ._exact import scale, vector
from ._points import NEAR, Loss, Number, Point, Slice, squared
from ._polynomial import ONE, nonnegative, orthants

HALF = Fraction(1, 2)
Turn = Callable[[Sequence[Number]], Sequence[Number]]


def halved(x: Sequence[Number]) -> Number:
    """Return (|u|_2^2 + |v|_2^2) / 2."""
    return sum((t * t for t in x), ZERO) / 2


def squares_l1(x: Sequence[Number]) -> Number:
    """Return (|u|_1^2 + |v|_1^2) / 2 for u, v in R^2."""
    return halved([abs(x[0]) + abs(x[1]), abs(x[2]) + abs(x[3])])


def squares_linf(x: Sequence[Number]) -> Number:
    """Return the same of the linf norms: max(|a|, |b|) = (|a + b| + |a - b|) / 2."""
    return squares_l1(turned(x)) / 4


def turned(x: Sequence[Number]) -> list[Number]:
    """Return u and v turned by 45 degrees, times sqrt(2)."""
    return [x[0] + x[1], x[0] - x[1], x[2] + x[3], x[2] - x[3]]


def relus(x: Sequence[Number]) -> list[Number]:
    """Return (u+ v, (-u)+ v): a neuron of one input at the data 1 and -1."""
    return [(abs(x[0]) + x[0]) / 2 * x[1], (abs(x[0]) - x[0]) / 2 * x[1]]


def slices_alone(p: Point, turn: Turn | None = None) -> Iterator[Check]:
    """Yield that lam theta - <W, phi> of each slice is nowhere lower near it, W = -grad loss.

    With `turn`, which turned twice is twice the slice, the cube around it is turned.
    """
    Z = p.sum(p.X)
    W = [-slope(p.loss, Z, k) for k in range(p.size)]
    yield from p.convex()
    yield from p.loss.gradient(W, Z)
    for x in p.X:
        back = tuple(x if turn is None else scale(HALF, turn(x)))
        for near in orthants(back, NEAR):
            there = near if turn is None else turn(near)
            yield from nonnegative("a slice near X_i", gain(p, W, there) - gain(p, W, x))


def gain(p: Point, W: Sequence[Fraction], x: Sequence[Number]) -> Number:
    """Return lam theta - <W, phi>."""
    return p.lam * p.theta(x) - sum((w * z for w, z in zip(W, p.phi(x), strict=True)), ZERO)


def slope(loss: Loss, Z: Sequence[Fraction], k: int) -> Fraction:
    """Return the slope of the loss at Z along its k-th output, to the right."""
    (s,) = next(orthants((ZERO,), NEAR))
    return loss.value([z + s * (i == k) for i, z in enumerate(Z)]).terms.get((1,), ZERO)


def slices(*rows: Sequence[object]) -> tuple[Slice, ...]:
    """Return slices by their numbers."""
    return tuple(tuple(vector(*row)) for row in rows)


E1, E2 = (1, 0, 1, 0), (0, 1, 0, 1)
LINE = Point(
    4, outer, halved, squared(10, 0, 0, 5), ONE, slices(("9/5", 0) * 2, ("12/5", 0) * 2),
    slices((3, 0) * 2, (0, 2) * 2), slices((0, "4/5") * 2, (0, "-3/5") * 2), size=4,
)  # fmt: skip
HEAVY = Loss(
    tuple(replace(t, weight=w) for t, w in zip(LINE.loss.terms, (1, 3, 3, 1), strict=True))
)
ALONE = replace(LINE, loss=HEAVY, X=LINE.others[1:], others=LINE.others[:1], down=())
L1 = replace(
    LINE, theta=squares_l1, loss=squared("5/2", 0, 0, 2), lam=HALF, X=slices(E1, E1),
    others=slices(E1, E1, E2), down=(), proof=slices_alone,
)  # fmt: skip
LINF = replace(
    L1, theta=squares_linf, loss=squared("9/2", "1/2", "1/2", "9/2"), lam=4 * HALF,
    X=tuple(tuple(turned(x)) for x in L1.X), others=tuple(tuple(turned(x)) for x in L1.others),
    proof=partial(slices_alone, turn=turned),
)  # fmt: skip
RELU = Point(
    2, relus, halved, squared(9, 5), ONE, slices((2, 2), (2, 2)), slices((2, 2), (2, 2), (-2, 2)),
    size=2, proof=slices_alone,
)  # fmt: skip
WELL = replace(_counterpoints.POINTS["convex loss"], theta=halved, others=slices((2, "3/2")))
ROUGH = replace(
    _counterpoints.POINTS["differentiable loss"], theta=halved,
    others=slices(("1/2", 0, 1, 0), (0, "1/2", 0, 1)),
)  # fmt: skip
POINTS = (
    ("second order", LINE, ("22", "14")),
    ("rank < r", ALONE, ("109/2", "22")),
    ("l2 norms", L1, ("25/8", "17/8")),
    ("l2 norms", LINF, ("25/2", "17/2")),
    ("phi = u v^T", RELU, ("21", "13")),
    ("convex loss", WELL, ("0", "-29/8")),
    ("differentiable loss", ROUGH, ("0", "-1/8")),
)
