"""Outputs of one number, phi = x1 x2 ...: slopes of a loss, the polar, a loss with two valleys."""

from collections.abc import Iterator
from fractions import Fraction

from ._base import ZERO, Check
from ._points import NEAR, Loss, Point, Term
from ._polynomial import ONE, UndecidedError, nonnegative, orthants, variables

CUSP = Loss((Term("cubed", weight=Fraction(1, 12)), Term("square", weight=Fraction(-5, 4))),
            ((ZERO,), (ONE,)))  # fmt: skip


def subgradient(loss: Loss, W: Fraction, z: Fraction) -> Iterator[Check]:
    """Yield that -W is between the slopes of the loss at z: a subgradient, if it is convex."""
    for (s,), slope in zip(orthants((ZERO,), NEAR), (-W, W), strict=True):
        change = loss.value([s + z])
        yield Check("-W", slope, "<=", change.terms.get((1,), ZERO))


def polar(p: Point, W: Fraction) -> Fraction:
    """Return Omega*(W) = |W|: reached by ones, and no slice with theta <= 1 has |phi| > 1.

    phi and theta have one degree, or theta is the mean of three squares: `means`.
    """
    ones = [ONE] * p.arity
    if p.theta(ones) != 1 or p.phi(ones) != [ONE]:
        raise UndecidedError("ones do not reach it")
    if p.arity == 3:
        means(p)
        return abs(W)
    for x in orthants((ZERO,) * p.arity, None):
        for sign in (1, -1):
            list(nonnegative("theta", p.theta(x) - sign * p.phi(x)[0]))
    return abs(W)


def means(p: Point) -> None:
    """Prove phi^2 <= theta^3, theta = (A + B + C) / 3 and phi^2 = A B C, squares A, B, C.

    (A + B + C)^3 - 27 A B C is (A + B + C) / 2 times the sum of (A - B)^2, plus 3 times that of
    A (B - C)^2.
    """
    x = variables((None,) * 3)
    A, B, C = (a * a for a in x)
    squares = (A - B) ** 2 + (B - C) ** 2 + (C - A) ** 2
    mixed = A * (B - C) ** 2 + B * (C - A) ** 2 + C * (A - B) ** 2
    if 27 * (p.theta(x) ** 3 - p.phi(x)[0] ** 2) - (A + B + C) * squares / 2 - 3 * mixed:
        raise UndecidedError("phi^2 may be above theta^3")


def least_of_cusp(p: Point) -> Fraction:
    """Return min F = -2/3 of |z|^3 / 12 - 5 z^2 / 8 + |z|, at |z| = 4, by its factors."""
    (t,) = variables((None,))
    for z in (t, -t):
        rest = p.loss.value([z]) + p.lam * abs(z) + Fraction(2, 3)
        if rest - (t - 4) ** 2 * (2 * t + 1) / 24:
            raise UndecidedError("the loss is another")
    return Fraction(-2, 3)
