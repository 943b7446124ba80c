"""Conjugate and subgradient of Omega, over rays, in rationals.

The conjugate is taken over {Z : Omega(Z) <= R}, where it is a linear program; the claim for
every R is the indicator.  Subgradients come from the program's multipliers, and all of them at
once from a second program over the polar ball.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from hypothesis import strategies as st

from ._base import ZERO, Check, Counterexample, Statement
from ._cases import Case, among, order
from ._counterpoints import product as _product
from ._counterpoints import size as _size
from ._draw import vectors
from ._exact import dot, scale
from ._linear import Vector, exact, plus
from ._lp import maximize_over, minimize
from ._necessity import NoCounterexampleError
from ._points import Point, everywhere, squared
from ._rays import Rays, entries, hexagon, relu, rows, signs

STATEMENT = Statement(
    title="Conjugate and subgradient",
    words="The conjugate of Omega is 0 if the polar is at most 1, and infinite otherwise. W is a "
    "subgradient at Z exactly if its polar is at most 1 and <W, Z> reaches Omega(Z).",
    formula="sup { <W, Z> - Omega(Z) } = 0 if Omega*(W) <= 1, else infinite;  "
    "W in dOmega(Z)  <=>  <W, Z> = Omega(Z), Omega*(W) <= 1",
    needs={
        "equal degrees": "phi = u v, theta = |u| + |v|: Omega(z) = 2 sqrt |z| and the polar of w "
        "is |w| / 4, so <W, Z> = 16 at w = 1 exceeds Omega Omega* = 2",
        "polar at most 1": "W = 3 on the line, |u| |v|: at Z = 0 it reaches Omega(0) = 0, and "
        "Omega(1) = 1 < 3",
        "<W, Z> reaches Omega": "W = 1/2 on the line, |u| |v|, at Z = 2: Omega(0) < 2 - 1",
    },
    rests={
        "the conjugate over Omega <= R": ("equal degrees",),
        "<W, Z> <= Omega(Z) Omega*(W)": ("equal degrees",),
        "the slope along D is the largest <W, D>": ("equal degrees",),
    },
    gap="Two more facts are tested, and not proved by machine: the supremum over Omega(Z) <= R is "
    "R (Omega*(W) - 1)_+, and the slope of Omega at Z along D is the largest <W, D> over W in "
    "dOmega(Z).",
)
CONJUGATE, YOUNG = "the conjugate over Omega <= R", "<W, Z> <= Omega(Z) Omega*(W)"
BELOW = "Omega(Z') >= Omega(Z) + <W, Z' - Z>"
SLOPE = "the slope along D is the largest <W, D>"
NET = relu((exact([1, 2]), exact([-1, 1]), exact([2, -1])))
FAMILIES = (entries(2, 2), rows(1, 3), rows(2, 2), signs(2), hexagon(), NET, signs(3))


@dataclass(frozen=True)
class Instance:
    """Rays, a point Z, a direction or second point, any W, and a radius R > 0."""

    rays: Rays
    Z: Vector
    other: Vector
    W: Vector
    R: Fraction


def drawn(rays: Rays) -> st.SearchStrategy[Instance]:
    """Draw an instance over these rays."""
    zero, some = st.just([ZERO] * rays.size), vectors(rays.size)
    outputs, radius = st.one_of(some, some, zero), st.integers(1, 9).map(Fraction)
    sizes = st.sampled_from((None, *map(Fraction, ("1/2", 1, 2))))
    weights = st.builds(lambda W, t: scaled(rays, W, t), outputs, sizes)
    return st.builds(Instance, st.just(rays), outputs, outputs, weights, radius)


def scaled(rays: Rays, W: Vector, size: Fraction | None) -> Vector:
    """Return W, scaled to a polar of this size if one is given."""
    top = rays.polar(W)
    return exact(scale(size / top if size and top else Fraction(1), W))


INSTANCES = st.sampled_from(FAMILIES).flatmap(drawn)


def polar(rays: Rays, W: Vector) -> Fraction:
    """Return Omega*(W) by its closed form, or over the enumerated rays."""
    return rays.closed_polar(W) if rays.closed_polar else rays.polar(W)


def value(rays: Rays, Z: Vector) -> Fraction:
    """Return Omega(Z) by its closed form, or by the program."""
    return rays.gauge(Z) if rays.gauge else rays.omega(Z).value


def sides(i: Instance) -> Iterator[Check]:
    """Yield the conjugate, Fenchel-Young, a subgradient against another point, and the slope."""
    rays, here, there = i.rays, i.rays.omega(i.Z), value(i.rays, i.other)
    beyond = max(ZERO, polar(rays, i.W) - 1)
    yield Check(CONJUGATE, truncated(rays, i.W, i.R), "==", i.R * beyond)
    yield Check(YOUNG, dot(i.W, i.Z), "<=", here.value * polar(rays, i.W))
    change = dot(here.y, plus(i.other, i.Z, -1))
    yield Check(BELOW, value(rays, i.Z) + change, "<=", there)
    yield Check(SLOPE, slope(rays, i.Z, i.other), "==", steepest(rays, i.Z, i.other))


def truncated(rays: Rays, W: Vector, radius: Fraction) -> Fraction:
    """Return max { <W, Z> - Omega(Z) : Omega(Z) <= R }, over coefficients c >= 0 and a slack.

    min sum (theta - <W, phi_j>) c_j : theta.c + slack = R; at its optimum theta.c is Omega where
    it matters, for a dearer way to the same Z only lowers <W, Z> - theta.c.
    """
    costs = [t - dot(W, p) for p, t in zip(rays.phi, rays.theta, strict=True)]
    return -minimize([*costs, ZERO], [(*rays.theta, Fraction(1))], [radius]).value


def slope(rays: Rays, Z: Vector, D: Vector) -> Fraction:
    """Return the quotient (Omega(Z + tD) - Omega(Z)) / t at two t's where it is the same.

    Omega is convex and piecewise linear, so the quotient is constant once t is small enough, and
    equal at two t's only when all smaller t's have it too.
    """
    t, here = Fraction(1), value(rays, Z)
    last = value(rays, plus(Z, D)) - here
    while True:
        t /= 8
        now = (value(rays, plus(Z, D, t)) - here) / t
        if now == last:
            return now
        last = now


def steepest(rays: Rays, Z: Vector, D: Vector) -> Fraction:
    """Return max <W, D> over the subgradients: Omega*(W) <= 1 and <W, Z> = Omega(Z).

    The equation is the inequality -<W, Z> <= -Omega(Z); its other half follows from the ball.
    """
    bounds = [*rays.theta, -value(rays, Z)]
    return maximize_over(D, [*rays.phi, exact(scale(Fraction(-1), Z))], bounds).value


CASES: dict[str, Case] = {
    **among("rays:", lambda i: i.rays.name, [rays.name for rays in FAMILIES]),
    **order("the polar of W", "1", lambda i: i.rays.polar(i.W) - 1),
    "Z = 0": lambda i: not any(i.Z),
    "D = 0": lambda i: not any(i.other),
}
NEVER: dict[str, tuple[str, ...]] = {
    YOUNG: ("Z = 0: strict",),
    BELOW: ("D = 0: strict",),
}


def fixed() -> Iterator[Check]:
    """Yield each family where all four are equalities."""
    for rays in FAMILIES:
        ray = rays.phi[-1]
        W = rays.omega(ray).y
        yield from sides(Instance(rays, ray, exact(scale(Fraction(3), ray)), W, Fraction(2)))
        steep = exact(scale(Fraction(5, 2), W))
        yield from sides(Instance(rays, ray, rays.phi[0], steep, Fraction(2)))


@dataclass(frozen=True)
class Support:
    """A problem with one output, Z, W, another output, and slices that sum to Z and to it.

    Omega and the polar are those of |u v| on the line; of |u| + |v| they are bounded.
    """

    point: Point
    Z: Fraction
    W: Fraction
    other: Fraction = ZERO

    def polar(self) -> Iterator[Check]:
        """Yield Omega*(W) <= 1."""
        yield Check("polar", entries(1, 1).polar([self.W]), "<=", Fraction(1))

    def reaches(self) -> Iterator[Check]:
        """Yield <W, Z> = Omega(Z)."""
        yield Check("<W, Z>", self.W * self.Z, "==", entries(1, 1).omega([self.Z]).value)

    def below(self) -> Check:
        """Return Omega against the line through Omega(Z) with slope W."""
        line = entries(1, 1)
        here, there = (line.omega([z]).value for z in (self.Z, self.other))
        return Check(BELOW, here + self.W * (self.other - self.Z), "<=", there)

    def young(self) -> Check:
        """Return <W, Z> against Omega Omega*, of theta = |u| + |v|: both bounded from above.

        Omega by the slices of the point, the polar by theta^2 / 4 - phi >= 0.
        """
        p = self.point
        square = everywhere("theta^2", p.arity, lambda x: p.theta(x) ** 2 / 4 - p.phi(x)[0])
        if p.sum(p.X) != [self.Z] or not all(c.true() for c in square):
            raise NoCounterexampleError("Omega or its polar may be larger")
        return Check(YOUNG, self.W * self.Z, "<=", sum(map(p.theta, p.X), ZERO) * abs(self.W) / 4)


HYPOTHESES = {
    "equal degrees": lambda s: s.point.equal_degrees(),
    "polar at most 1": Support.polar,
    "<W, Z> reaches Omega": Support.reaches,
}


def counterexamples() -> Iterator[Counterexample]:
    """Yield W that is no subgradient, and a pair without its inequality."""
    one, two = Fraction(1), Fraction(2)
    line = Point(2, _product, _size, squared(0), one, ())
    four = (Fraction(4), Fraction(4))
    added = Point(2, _product, lambda x: abs(x[0]) + abs(x[1]), squared(0), one, (four,))
    yield Counterexample("equal degrees", Support(added, Fraction(16), one), Support.young)
    steep = Support(line, ZERO, Fraction(3), one)
    yield Counterexample("polar at most 1", steep, Support.below)
    flat = Support(line, two, one / 2)
    yield Counterexample("<W, Z> reaches Omega", flat, Support.below)
