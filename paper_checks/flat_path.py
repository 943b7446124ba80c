"""Flat path: phi = u v^T, theta = |u|_1 |v|_1, both of degree 2.

The slices are (u, v), (u, w), (u, (v + w) / 3), with beta = (1, 1, -3).  All factors are scaled
by (1 + t beta)^(1/2), which is rational where 1 + t = a^2 and 1 - 3t = b^2: the conic
3 a^2 + b^2 = 4 has the rational points below, and t = -1 is one of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from hypothesis import strategies as st

from ._base import ZERO, Check, Counterexample, Statement
from ._counterpoints import decay, size
from ._counterpoints import product as product_of
from ._draw import positives, rationals, vectors
from ._exact import (
    Matrix,
    Vector,
    dot,
    dual_value,
    flat,
    l1,
    objective,
    price,
    product,
    scale,
    total,
    vector,
)
from ._points import Point, squared

STATEMENT = Statement(
    title="Flat path",
    words="A linear dependence of the slices' phi moves the slices without moving their sum. At a "
    "local minimum f is constant on the way, and where the way ends a slice is zero.",
    formula="sum_i beta_i phi(X_i) = 0  =>  X_i(t) = (1 + t beta_i)^(1/p) X_i keeps sum_i phi(X_i) "
    "and sum_i theta(X_i(t)) is linear in t; at min_i (1 + t beta_i) = 0 a slice is zero",
    needs={
        "dependence": "without it the sum moves: phi = z, the slices 2 and 1 for y = 4, lam = 1 "
        "are a minimum, and beta = (1, -1) leads from f = 7/2 to 29/8",
        "equal degrees": "phi = z, theta = z^2: the slices 1 and 1 for y = 4, lam = 1 are a "
        "minimum, and beta = (1, -1) raises sum theta, so f from 4 to 9/2",
        "local minimum": "the slices 1 and -1 for y = 0 cancel, and scaling both changes f alone",
    },
    rests={
        "the sum of phi stays": ("dependence",),
        "the sum of theta is linear in t": ("equal degrees",),
        "slices vanish at the end": (),
    },
)
STAYS, LINEAR = "the sum of phi stays", "the sum of theta is linear in t"
FLAT, VANISHES = "f is constant from a local minimum", "slices vanish at the end"
BETA = vector(1, 1, -3)


@dataclass(frozen=True)
class Instance:
    """u >= 0, v >= 0, w >= 0, lam, and the slope m of a line that meets the conic."""

    u: Vector
    v: Vector
    w: Vector
    lam: Fraction
    m: Fraction

    def slices(self) -> tuple[list[Vector], list[Vector]]:
        """Return the three slices."""
        third = [(a + b) / 3 for a, b in zip(self.v, self.w, strict=True)]
        return [self.u] * 3, [self.v, self.w, third]

    def roots(self) -> list[Vector]:
        """Return (1 + t beta)^(1/2) at three times: the start, the line's point, the end."""
        s = -(6 + 2 * self.m) / (3 + self.m**2)
        a, b = abs(1 + s), abs(1 + self.m * s)
        return [vector(1, 1, 1), [a, a, b], vector(0, 0, 2)]


NAMED = Instance(vector(1, 0, 2), vector(1, 2), vector(0, 2), Fraction(1), Fraction(2))
_NATURAL = rationals(0)
INSTANCES = st.builds(
    Instance,
    vectors(3, _NATURAL).filter(any),
    vectors(2, _NATURAL).filter(any),
    vectors(2, _NATURAL).filter(any),
    positives(),
    rationals(),
)


def moved(roots: Vector, xs: list[Vector]) -> list[Vector]:
    """Scale each slice's factor."""
    return [scale(s, x) for s, x in zip(roots, xs, strict=True)]


def sides(instance: Instance) -> Iterator[Check]:
    """Yield the path's sums by factors, against the start's and against a straight line.

    The slices are >= 0, so theirs is a global minimum where Y = Z + lam: W = lam everywhere is
    in the polar ball and <W, Z> = lam sum theta.  The value of f is then d(W).
    """
    us, vs = instance.slices()
    start = product(us, vs, 3, 2)
    W = [[instance.lam] * 2 for _ in range(3)]
    Y = [[z + instance.lam for z in row] for row in start]
    end = price(moved(vector(0, 0, 2), us), moved(vector(0, 0, 2), vs))
    for roots in instance.roots():
        there = moved(roots, us), moved(roots, vs)
        yield from _same(product(*there, 3, 2), start)
        t = roots[0] ** 2 - 1
        yield Check(LINEAR, price(*there), "==", (1 + t) * price(us, vs) - t * end)
        yield Check(FLAT, objective(Y, *there, instance.lam), "==", dual_value(W, Y))
    left = sum(any(u) for u in moved(vector(0, 0, 2), us))
    yield Check(VANISHES, Fraction(left), "==", Fraction(sum(b < max(BETA) for b in BETA)))


def _same(there: Matrix, start: Matrix) -> Iterator[Check]:
    for x, y in zip(flat(there), flat(start), strict=True):
        yield Check(STAYS, x, "==", y)


def fixed() -> Iterator[Check]:
    """Yield one path."""
    yield from sides(NAMED)


@dataclass(frozen=True)
class Path:
    """Slices of one number x with phi = x, of degree 1; beta, and a time t."""

    point: Point
    beta: tuple[Fraction, ...]
    t: Fraction = Fraction(1)

    def at(self, t: Fraction) -> list[tuple[Fraction, ...]]:
        """Return (1 + t beta_i) X_i."""
        return [tuple(scale(1 + t * b, x)) for b, x in zip(self.beta, self.point.X, strict=True)]

    def dependence(self) -> Iterator[Check]:
        """Yield that sum beta_i phi(X_i) = 0, and that beta is not 0."""
        phi = [self.point.phi(x)[0] for x in self.point.X]
        yield Check("sum beta phi", dot(self.beta, phi), "==", ZERO)
        yield Check("beta", ZERO, "<", l1(self.beta))

    def flat(self) -> Check:
        """Return f on the way against f at the start."""
        return Check(FLAT, self.point.value(self.at(self.t)), "==", self.point.value(self.point.X))

    def sum(self) -> Check:
        """Return the sum of phi on the way against the start's."""
        there, here = self.point.sum(self.at(self.t)), self.point.sum(self.point.X)
        return Check(STAYS, there[0], "==", here[0])

    def linear(self) -> Check:
        """Return sum theta at t against the line through its values at 0 and 2t."""
        start, there, end = (total(map(self.point.theta, self.at(k * self.t))) for k in range(3))
        return Check(LINEAR, there, "==", (start + end) / 2)


HYPOTHESES = {
    "dependence": Path.dependence,
    "equal degrees": lambda p: p.point.equal_degrees(),
    "local minimum": lambda p: p.point.local_minimum(),
}


def counterexamples() -> Iterator[Counterexample]:
    """Yield two slices of one number, and how each is scaled."""
    half = Fraction(1, 2)
    line = Point(1, product_of, size, squared(4), Fraction(1), ((Fraction(2),), (Fraction(1),)))
    free = Path(line, (Fraction(1), Fraction(-1)), half)
    yield Counterexample("dependence", free, Path.flat)
    yield Counterexample("dependence", free, Path.sum)
    square = replace(line, theta=decay, X=((Fraction(1),),) * 2)
    steep = Path(square, (Fraction(1), Fraction(-1)), half)
    yield Counterexample("equal degrees", steep, Path.flat)
    yield Counterexample("equal degrees", steep, Path.linear)
    pair = ((Fraction(1),), (Fraction(-1),))
    cancel = replace(line, loss=squared(0), X=pair, down=(((Fraction(-1),), (Fraction(1),))))
    yield Counterexample("local minimum", Path(cancel, (Fraction(1),) * 2, half), Path.flat)
