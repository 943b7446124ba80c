"""Values that every path from a point to a lower one must exceed, if large r lacks a hypothesis."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product as every

from ._base import Check
from ._counterpoints import norms as _norms
from ._counterpoints import outer as _outer
from ._counterpoints import product as _product
from ._counterpoints import size as _size
from ._linear import exact
from ._necessity import NoCounterexampleError
from ._points import Loss, Number, Point, Term, squared
from ._polynomial import nonnegative, variables

FALLS, HALF = "f never rises", Fraction(1, 2)


@dataclass(frozen=True)
class Barrier:
    """A point, better slices, and a value of f that every path between them must reach."""

    point: Point
    pass_over: Callable[[Point], Fraction]

    def enough(self) -> Iterator[Check]:
        """Yield r > card(D)."""
        yield Check("slices", Fraction(self.point.size), "<", Fraction(len(self.point.X)))

    def conclusion(self) -> Check:
        """Return the value that must be reached against the start's; the end is lower."""
        start, end = self.point.value(self.point.X), self.point.value(self.point.others)
        if end >= start or len(self.point.others) != len(self.point.X):
            raise NoCounterexampleError(f"no path is needed from {start} to {end}")
        return Check(FALLS, self.pass_over(self.point), "<=", start)


def steep(x: Sequence[Number]) -> Number:
    """Return a + 2b of the absolute values on the axes, 20 (a + b) between."""
    a, b = map(abs, x)
    return 20 * (a + b) if a and b else a + 2 * b


def barriers() -> Iterator[tuple[str, Barrier]]:
    """Yield each hypothesis, and a start that is separated from a lower point without it."""
    z, one = Fraction(0), Fraction(1)
    sums = Point(2, lambda x: [abs(x[0]) + abs(x[1])], steep, squared(10), one,
                 ((z, Fraction(8)),), ((Fraction(9), z),))  # fmt: skip
    yield "r > card(D)", Barrier(sums, off_the_axis)
    X, better = exact([0, Fraction(3, 2), 0, 1]), exact([Fraction(5, 2), 0, 1, 0])
    matrix = Point(4, _outer, _norms, squared(3, 0, 0, 2), HALF, (X,), (better,), size=4)
    yield "r > card(D)", Barrier(matrix, rank_one_border)
    wells = Loss(
        (
            Term("fourth"),
            Term("square", weight=-4),
            Term("linear", b=-8, weight=Fraction(-1, 4)),
        ),
        ((-one,), (one,)),
    )
    line = Point(1, _product, _size, wells, one / 8, ((-one,), (z,)), ((one,), (z,)))
    yield "convex loss", Barrier(line, through_zero)
    cube = Point(3, _product, lambda x: sum(a * a for a in x), squared(10), 2 * one,
                 ((z,) * 3,) * 2, ((2 * one,) * 3, (z,) * 3))  # fmt: skip
    yield "equal degrees", Barrier(cube, small_price)


def off_the_axis(p: Point) -> Fraction:
    """Return the least f where theta = 20 (a + b), or at (0, 0); a path from (0, b) meets these.

    f = 1/2 (s - y)^2 + 20 lam s, s = a + b >= 0.
    """
    (t,) = variables((None,))
    y = -Fraction(p.loss.terms[0].b)
    s = max(Fraction(0), y - 20 * p.lam)
    least = (s - y) ** 2 / 2 + 20 * p.lam * s
    ((a, _),), ((_, b),) = p.X, p.others
    if a or b:
        raise NoCounterexampleError("the slices are not on two axes")
    if p.theta([t, t]).terms != {(1,): 40} or p.value([(Fraction(0),) * 2]) < least:
        raise NoCounterexampleError("theta is another")
    return least


def rank_one_border(p: Point) -> Fraction:
    """Return f(X) plus its proved rise on the border of a neighbourhood without the others.

    Z = [[x, q], [r, z]] of rank 1 with z >= 1 has x = q r w, w = 1 / z in [0, 1]. On each face,
    |z - z_X| = side or |q| or |r| = corner, f - f(X) - rise is a polynomial, proved >= 0.
    """
    sizes = (HALF, Fraction(1, 12), Fraction(1, 12))
    Z, f, rise = p.sum(p.X), p.value(p.X), rank_one_rise(*sizes[:2])
    (x,), last = p.X, Z[3]
    if any(Z[:3]) or p.theta(x) != last or last < 1 + HALF or p.sum(p.others)[3] > last - HALF:
        raise NoCounterexampleError("the point is not inside, or the others are not outside")
    *steps, w = variables((*sizes, Fraction(1)))
    for face, signs in every(range(3), every((1, -1), repeat=3)):
        edge = [sizes[k] if k == face else steps[k] for k in range(3)]
        s, q, r = (a * b for a, b in zip(signs, edge, strict=True))
        there = [q * r * w, q, r, s + last]
        price = p.lam * sum(map(abs, there))
        if not all(c.true() for c in nonnegative("", p.loss.value(there) + price - f - rise)):
            raise NoCounterexampleError("f may be lower on the border")
    return f + rise


def through_zero(p: Point) -> Fraction:
    """Return the loss at 0: the sum of phi has a zero on every path, and theta >= 0."""
    (here,), (there,) = p.sum(p.X), p.sum(p.others)
    if here * there >= 0:
        raise NoCounterexampleError("the sum need not pass 0")
    return Fraction(p.loss.value([Fraction(0)]))


def small_price(p: Point) -> Fraction:
    """Return the least f where sum theta = 3/4, which every path from 0 meets: there |Z| <= 1/8.

    |abc| <= (theta / 3)^(3/2) by the means, and the power 3/2 is superadditive.
    """
    theta, far = Fraction(3, 4), Fraction(1, 8)
    if sum(map(p.theta, p.X)) >= theta or sum(map(p.theta, p.others)) <= theta:
        raise NoCounterexampleError("the price need not pass 3/4")
    if (theta / 3) ** 3 != far**2:
        raise NoCounterexampleError("|Z| may be more")
    return p.loss.value([far]) + p.lam * theta


def rank_one_rise(side: Fraction, corner: Fraction) -> Fraction:
    """Return the rise of 1/2 |Z - diag(3, 2)|^2 + 1/2 |Z|_1 on the border of a neighbourhood.

    Z = [[x, q], [p, z]] of rank 1 with |z - 3/2| <= side = 1/2 and |p|, |q| <= corner has
    |x| = |pq / z| <= |pq|, so f - f(diag(0, 3/2)) >= 1/2 (z - 3/2)^2 + 1/2 (|p| + |q|) -
    5/2 |pq|, and |pq| <= corner (|p| + |q|) / 2.
    """
    return min(side**2 / 2, corner * (Fraction(1, 2) - Fraction(5, 4) * corner))
