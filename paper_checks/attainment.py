"""Attainment: for polyhedral theta and a squared or an absolute loss, all in rationals.

The slices are found from the primal side; the dual value bounds every factorization of every
size. Where they meet the infimum is attained, at a counted number of slices.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from hypothesis import strategies as st

from . import _absolute
from ._base import ZERO, Check, Counterexample, Statement
from ._cases import Case, among, order
from ._counterpoints import product as _product
from ._counterpoints import size as _size
from ._curves import Curve
from ._draw import rationals, vectors
from ._exact import dot, l1, scale
from ._fit import below, dual_value, enumerated, fit
from ._linear import Vector, exact, plus
from ._points import Loss, Point, Term, degrees, everywhere, squared
from ._rays import Rays, entries, hexagon, relu, rows, signs

STATEMENT = Statement(
    title="Attainment",
    words="Assume theta >= c |phi|, a compact set phi({theta <= 1}), a loss that is bounded "
    "below, and lam > 0. Then the infimum of f_r over all sizes r is min F, and independent "
    "slices attain it, so at most card(D) of them.",
    formula="f_r(X) = min F = max { d(W) : Omega*(W) <= lam } for some r <= card(D) and X",
    needs={
        "theta >= c |phi|": "phi = z in the plane, theta(1, +-1/n) = 1/n, Y = (1, 0): f = lam / n "
        "is possible for every n, 0 is not",
        "compactness": "theta = |z|_1 but 2 at (1, 0); Y = (3, 0), lam = 1: slopes of at least 1/n "
        "have more than 5/2, which is the infimum",
        "bounded loss": "-2 z on the line, |u| |v|, lam = 1: f = -z at the slice z > 0, as low as "
        "one likes",
        "lam > 0": "phi(a, b) = (a^2, ab), theta = a^2 + b^2, Y = (0, 1): without a price f is "
        "a^4 / 2 at b = 1/a, never the infimum 0",
    },
    implies={"compactness": ("theta >= c |phi|",)},
    gap="Usually a minimizer is assumed to exist. Here theta >= c |phi| bounds the slices, and "
    "compactness keeps their limits. A compact set is bounded, so the second hypothesis implies "
    "the first; its counterexample has a bounded set that is not closed. That max d(W) has the "
    "same value is tested, and not proved by machine.",
)
SQUARED, ABSOLUTE = "f_r(X) = max d(W), squared loss", "f_r(X) = max d(W), absolute loss"
FEW = "slices <= card(D)"
NET = relu((exact([1, 2]), exact([-1, 1]), exact([2, -1])))
FAMILIES = (entries(2, 2), rows(1, 3), rows(2, 2), signs(2), hexagon(), NET, signs(3))


RATIOS = tuple(map(Fraction, ("1/2", 1, 2)))


@dataclass(frozen=True)
class Instance:
    """Rays, the data and lam."""

    rays: Rays
    y: Vector
    lam: Fraction


@st.composite
def _instances(draw: st.DrawFn) -> Instance:
    rays = draw(st.sampled_from(FAMILIES))
    y, lam = exact(draw(vectors(rays.size))), draw(rationals(1, 4))
    if draw(st.booleans()):  # at the size where slices are needed
        y = exact(scale(lam / (rays.polar(y) or 1) * draw(st.sampled_from(RATIOS)), y))
    return Instance(rays, y, lam)


INSTANCES = _instances()


def sides(i: Instance) -> Iterator[Check]:
    """Yield both losses: the slices' objective, the best dual value, and the slices' number."""
    whole = fit(i.rays, i.y, i.lam)
    c = whole.minimum()
    yield Check(SQUARED, whole.value(c), "==", below(i.rays, whole.residual(c), i.y, i.lam))
    yield Check(FEW, Fraction(sum(x > 0 for x in c)), "<=", Fraction(i.rays.size))
    x = _absolute.coefficients(i.rays, i.y, i.lam)
    Z = plus(i.y, whole.residual(x), -1)
    f = _absolute.value(Z, i.y) + i.lam * dot(i.rays.theta, x)
    yield Check(ABSOLUTE, f, "==", _absolute.bound(i.rays, i.y, i.lam))
    yield Check(FEW, Fraction(sum(v > 0 for v in x)), "<=", Fraction(i.rays.size))


CASES: dict[str, Case] = {
    **among("rays:", lambda i: i.rays.name, [rays.name for rays in FAMILIES]),
    **order("the polar of y", "lam", lambda i: i.rays.polar(i.y) - i.lam),
    "y = 0": lambda i: not any(i.y),
}
NEVER: dict[str, tuple[str, ...]] = {FEW: ("y = 0: equal",)}


def fixed() -> Iterator[Check]:
    """Yield each family with large data."""
    one = Fraction(1)
    for rays in FAMILIES:
        y = exact([(-1) ** k * Fraction(7 * k * k + 9, k + 1) for k in range(rays.size)])
        yield from sides(Instance(rays, y, one / 2))


@dataclass(frozen=True)
class Fan:
    """Rays of a curve, the squared loss of y, and W of polar lam: max d(W) is at least d(W)."""

    curve: Curve
    y: Vector
    W: Vector

    def conclusion(self) -> Check:
        """Return the best of a few rays against d(W), which all of them come near."""
        best = enumerated(self.curve.rays((1, 2, 10)), self.y, self.curve.lam)
        return Check(SQUARED, best, "==", dual_value(self.W, self.y))

    def bounded(self) -> Iterator[Check]:
        """Yield that 1/2 |Z - y|^2 is bounded below."""
        yield from squared(*self.y).bounded()

    def positive(self) -> Iterator[Check]:
        """Yield lam > 0."""
        yield Check("lam", ZERO, "<", self.curve.lam)

    def dominated(self) -> Iterator[Check]:
        """Yield theta >= c |phi|."""
        yield from self.curve.dominated()

    def compact(self) -> Iterator[Check]:
        """Yield that phi({theta <= 1}) is compact."""
        yield from self.curve.compact()


@dataclass(frozen=True)
class Smooth:
    """A point whose phi and theta are polynomials on each orthant, and a poor point."""

    point: Point
    below: Fraction  # a bound of f that no slice attains, or that f falls below

    def conclusion(self) -> Check:
        """Return f at X against the bound."""
        return Check(SQUARED, self.point.value(self.point.X), "==", self.below)

    def bounded(self) -> Iterator[Check]:
        """Yield that the loss is bounded below."""
        yield from self.point.loss.bounded()

    def positive(self) -> Iterator[Check]:
        """Yield lam > 0."""
        yield Check("lam", ZERO, "<", self.point.lam)

    def dominated(self) -> Iterator[Check]:
        """Yield 2 theta >= |phi|_1 everywhere."""
        p = self.point
        yield from everywhere("2 theta", p.arity, lambda x: 2 * p.theta(x) - l1(p.phi(x)))

    def compact(self) -> Iterator[Check]:
        """Yield theta >= |x_k|^degree: phi, continuous, maps a closed bounded set."""
        p = self.point
        (degree,) = degrees(p.arity, lambda x: [p.theta(x)])
        for k in range(p.arity):
            yield from everywhere("theta", p.arity, lambda x, k=k: p.theta(x) - abs(x[k]) ** degree)


HYPOTHESES = {
    "theta >= c |phi|": lambda i: i.dominated(),
    "compactness": lambda i: i.compact(),
    "bounded loss": lambda i: i.bounded(),
    "lam > 0": lambda i: i.positive(),
}


def counterexamples() -> Iterator[Counterexample]:
    """Yield rays and losses without a minimum."""
    one, small = Fraction(1), Fraction(1, 1000)
    e1 = exact([1, 0])
    fan = Fan(Curve(ZERO), e1, exact([0, 0]))
    yield Counterexample("theta >= c |phi|", fan, Fan.conclusion)
    jump = Fan(Curve(one, 2 * one), exact([3, 0]), e1)
    yield Counterexample("compactness", jump, Fan.conclusion)
    fall = Loss((Term("linear", weight=-2),))
    line = Point(1, _product, _size, fall, one, ((one,),))
    far = line.value([(1000 * one,)])
    yield Counterexample("bounded loss", Smooth(line, far), Smooth.conclusion)
    plane = Point(2, lambda x: [x[0] * x[0], x[0] * x[1]], lambda x: x[0] ** 2 + x[1] ** 2,
                  squared(0, 1), ZERO, ((small, 1 / small),), size=2)  # fmt: skip
    yield Counterexample("lam > 0", Smooth(plane, ZERO), Smooth.conclusion)
