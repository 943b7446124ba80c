"""Properties of Omega, over rays: matrices, a 2 x 2 x 2 tensor, a ReLU layer, a hexagon.

One side is the linear program's exact value, the other a closed form, a bound by definition, or
the cheapest of all bases, tried one after another.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from hypothesis import strategies as st

from . import _nuclear
from ._base import ZERO, Check, Counterexample, Statement
from ._cases import Case, among
from ._counterpoints import product as _product
from ._curves import Curve
from ._draw import rationals, vectors
from ._exact import dot, l1, scale
from ._linear import Vector, exact, plus
from ._necessity import NoCounterexampleError
from ._points import Point, everywhere, squared
from ._rays import Rays, entries, hexagon, relu, rows, signs

STATEMENT = Statement(
    title="Properties of Omega",
    words="Omega is zero at zero, of degree 1 whatever the degree of phi, subadditive and convex; "
    "a norm where each slice has one with the opposite phi and the same theta; and attained by at "
    "most card(D) slices.",
    formula="Omega(0) = 0; Omega(aZ) = a Omega(Z); Omega(Z + Z') <= Omega(Z) + Omega(Z'); "
    "Omega(tZ + (1-t)Z') <= t Omega(Z) + (1-t) Omega(Z'); Omega(-Z) = Omega(Z) >= c |Z|; "
    "Omega(Z) = sum_{i <= r} theta(X_i) for some r <= card(D)",
    needs={
        "theta >= 0": "phi = x, theta(1) = -1/2, theta(-1) = 1/4: the slices 1 and -1 sum to 0 and "
        "cost -1/4, their multiples -a/4, so Omega(0) is not bounded below",
        "equal degrees": "phi = u v, theta = |u| + |v|: Omega(z) = 2 sqrt |z|",
        "any number of slices": "with one slice, theta = 3 |z|_1 off the axes of the plane and "
        "|z|_1 on them: 6 at (1, 1), and 1 at each unit vector",
        "sign symmetry": "phi = x, theta = x for x > 0 and -2x for x < 0",
        "theta >= c |phi|": "phi = z in the plane and theta(1, +-1/n) = 1/n: (1, 0) is half the "
        "sum of two slices, for 1/n in all, so Omega(1, 0) = 0",
        "compactness": "theta = |z|_1 but 2 at (1, 0): Omega(1, 0) = 1, and slices of slopes at "
        "least 1/n cost at least 1 + 1/n, whatever n",
    },
    rests={
        "1 + Omega(0) = 1": ("theta >= 0",),
        "Omega(aZ) = a Omega(Z)": ("equal degrees",),
        "Omega is subadditive": ("any number of slices",),
        "Omega is subadditive in l2 norms, in squares": ("any number of slices",),
        "Omega is convex": ("equal degrees", "any number of slices"),
        "Omega(-Z) = Omega(Z)": ("sign symmetry",),
        "c |Z|_1 <= Omega(Z)": ("theta >= 0", "theta >= c |phi|"),
        "the cheapest basis costs Omega(Z)": ("theta >= 0", "theta >= c |phi|", "compactness"),
    },
    implies={"theta >= c |phi|": ("theta >= 0",), "compactness": ("theta >= c |phi|",)},
    gap="Positivity and attainment are usually taken for granted. They need theta >= c |phi| and "
    "compactness of phi({theta <= 1}).",
)
AT_ZERO, DEGREE = "1 + Omega(0) = 1", "Omega(aZ) = a Omega(Z)"
SUM, CONVEX = "Omega is subadditive", "Omega is convex"
EVEN, POSITIVE = "Omega(-Z) = Omega(Z)", "c |Z|_1 <= Omega(Z)"
ATTAINED, FEW = "the cheapest basis costs Omega(Z)", "slices <= card(D)"
NUCLEAR = "l2 x l2, 2 x 2: two slices cost the largest <W, Z>"
SUM_L2 = "Omega is subadditive in l2 norms, in squares"
NET = relu((exact([1, 2]), exact([-1, 1]), exact([2, -1])))
FAMILIES = (entries(2, 2), rows(1, 3), rows(2, 2), signs(2), hexagon(), NET, signs(3))


BASES = 14  # rays: 3432 bases at most


@dataclass(frozen=True)
class Instance:
    """Rays, two outputs, a factor a >= 0 and a weight t in [0, 1]."""

    rays: Rays
    Z: Vector
    other: Vector
    a: Fraction
    t: Fraction


def drawn(rays: Rays) -> st.SearchStrategy[Instance]:
    """Draw an instance over these rays."""
    zero, some = st.just([ZERO] * rays.size), vectors(rays.size)
    outputs, weights = st.one_of(some, some, zero), st.integers(0, 4).map(lambda k: Fraction(k, 4))
    factors = st.one_of(st.just(ZERO), rationals(0))
    return st.builds(Instance, st.just(rays), outputs, outputs, factors, weights)


INSTANCES = st.sampled_from(FAMILIES).flatmap(drawn)


def known(rays: Rays, Z: Vector) -> Fraction:
    """Return Omega(Z) by its closed form, or as <W, Z> at the program's multipliers W."""
    return rays.gauge(Z) if rays.gauge else dot(rays.omega(Z).y, Z)


def ratio(rays: Rays) -> Fraction:
    """Return the largest c with theta >= c |phi|_1."""
    return min(t / l1(p) for p, t in zip(rays.phi, rays.theta, strict=True))


def sides(i: Instance) -> Iterator[Check]:
    """Yield the properties on one instance."""
    rays, t = i.rays, i.t
    found, here, there = rays.omega(i.Z), known(rays, i.Z), known(rays, i.other)
    yield Check(AT_ZERO, 1 + rays.omega([ZERO] * rays.size).value, "==", Fraction(1))
    yield Check(DEGREE, rays.omega(scale(i.a, i.Z)).value, "==", i.a * here)
    yield Check(SUM, rays.omega(plus(i.Z, i.other)).value, "<=", here + there)
    between = plus(scale(t, i.Z), i.other, 1 - t)
    yield Check(CONVEX, rays.omega(between).value, "<=", t * here + (1 - t) * there)
    yield Check(EVEN, known(rays, scale(Fraction(-1), i.Z)), "==", found.value)
    yield Check(POSITIVE, ratio(rays) * l1(i.Z), "<=", found.value)
    if len(rays.phi) <= BASES:
        yield Check(ATTAINED, rays.cheapest_basis(i.Z), "==", found.value)
    yield Check(FEW, Fraction(sum(c > 0 for c in found.x)), "<=", Fraction(rays.size))
    if rays.size == 4:
        yield from nuclear(i.Z, i.other)


def nuclear(Z: Vector, other: Vector) -> Iterator[Check]:
    """Yield 2 x 2 matrices in l2 norms: slices against M, and subadditivity in squares.

    With Omega = N: N' <= N1 + N2 where (N'^2 - N1^2 - N2^2)_+ <= 2 N1 N2.
    """
    M = _nuclear.orthogonal(Z)
    if any(Z):
        cost = _nuclear.cost_times(_nuclear.spectral(M), _nuclear.slices(Z))
        yield Check(NUCLEAR, cost, "==", dot(M, Z))  # both times N, the spectral norm of M
    one, two, both = map(_nuclear.square, (Z, other, plus(Z, other)))
    yield Check(SUM_L2, max(ZERO, both - one - two) ** 2, "<=", 4 * one * two)


CASES: dict[str, Case] = {
    **among("rays:", lambda i: i.rays.name, [rays.name for rays in FAMILIES]),
    "Z = 0": lambda i: not any(i.Z),
    "Z' = 0": lambda i: not any(i.other),
    "a = 0": lambda i: i.a == 0,
    "a > 0": lambda i: i.a > 0,
    "t = 0 or 1": lambda i: i.t in (0, 1),
    "0 < t < 1": lambda i: 0 < i.t < 1,
}
_FAR = tuple(f"rays: {rays.name}" for rays in FAMILIES if rays.size != 4)
_ZERO = ("Z = 0: strict", "Z' = 0: strict")
NEVER: dict[str, tuple[str, ...]] = {
    SUM: _ZERO,
    CONVEX: (*_ZERO, "t = 0 or 1: strict"),
    POSITIVE: ("Z = 0: strict", f"rays: {FAMILIES[0].name}: strict"),
    ATTAINED: tuple(f"rays: {rays.name}" for rays in FAMILIES if len(rays.phi) > BASES),
    FEW: ("Z = 0: equal",),
    NUCLEAR: (*_FAR, "Z = 0"),
    SUM_L2: (*_FAR, *_ZERO),
}


def fixed() -> Iterator[Check]:
    """Yield each family at parallel outputs and at one of its rays."""
    for rays in FAMILIES:
        ray = min(rays.phi, key=lambda p: rays.omega(p).value / l1(p))
        yield from sides(
            Instance(rays, ray, exact(scale(Fraction(2), ray)), Fraction(3), Fraction(1, 2))
        )
        generic = exact([Fraction(7 * k * k + 1, k + 1) for k in range(1, rays.size + 1)])
        double = exact(scale(Fraction(2), generic))
        yield from sides(Instance(rays, generic, double, Fraction(2, 3), Fraction(1, 4)))


@dataclass(frozen=True)
class Few:
    """Rays on the line or in the plane, and how many slices may be used, where not any number."""

    rays: Rays
    most: int | None = None

    def positive(self) -> Iterator[Check]:
        """Yield theta >= 0."""
        for cost in self.rays.theta:
            yield Check("a cost", ZERO, "<=", cost)

    def symmetric(self) -> Iterator[Check]:
        """Yield that each ray has its negative at the same cost."""
        pairs = set(zip(self.rays.phi, self.rays.theta, strict=True))
        for phi, cost in pairs:
            twin = tuple(-x for x in phi), cost
            yield Check("twins", Fraction(twin in pairs), "==", Fraction(1))

    def any_number(self) -> Iterator[Check]:
        """Yield that card(D) slices may be used: with them Omega is that of any number."""
        most = self.rays.size if self.most is None else self.most
        yield Check("slices", Fraction(self.rays.size), "<=", Fraction(most))

    def at_zero(self) -> Check:
        """Return Omega(0), at most the cost of all rays, which sum to 0, against 0."""
        if any(map(sum, zip(*self.rays.phi, strict=True))):
            raise NoCounterexampleError("the rays do not sum to 0")
        return Check(AT_ZERO, 1 + sum(self.rays.theta), "==", Fraction(1))

    def even(self) -> Check:
        """Return Omega on both sides of 0."""
        up, down = (self.rays.cheapest_basis(exact([z])) for z in (1, -1))
        return Check(EVEN, down, "==", up)

    def at_once(self, Z: Vector) -> Fraction:
        """Return the least cost of one slice with phi = Z."""
        rays = zip(self.rays.phi, self.rays.theta, strict=True)
        return min(t * l1(Z) / l1(p) for p, t in rays if exact(scale(l1(p) / l1(Z), Z)) == p)

    def subadditive(self) -> Check:
        """Return the cost of e1 + e2 against those of e1 and e2, each at once."""
        e1, e2 = exact([1, 0]), exact([0, 1])
        both = self.at_once(plus(e1, e2))
        return Check(SUM, both, "<=", self.at_once(e1) + self.at_once(e2))


@dataclass(frozen=True)
class Root:
    """|u| + |v| for u v: Omega(z) = 2 sqrt|z|, as theta^2 >= 4 |phi|, with any number of slices."""

    point: Point

    def any_number(self) -> Iterator[Check]:
        """Yield that more slices than one are no cheaper: the square of a sum of roots."""
        yield from everywhere("one slice", 2, lambda x: (abs(x[0]) + abs(x[1])) ** 2 - x[0] ** 2)

    def omega(self, root: Fraction) -> Fraction:
        """Return Omega(root^2), at u = v = root."""
        p = self.point
        square = everywhere("theta^2", 2, lambda x: p.theta(x) ** 2 - 4 * abs(p.phi(x)[0]))
        if not all(c.true() for c in square) or p.phi((root, root)) != [root**2]:
            raise NoCounterexampleError("Omega may be less")
        if p.theta((root, root)) ** 2 != 4 * root**2:
            raise NoCounterexampleError("Omega may be more")
        return Fraction(p.theta((root, root)))

    def degree(self) -> Check:
        """Return Omega(4) against 4 Omega(1)."""
        return Check(DEGREE, self.omega(Fraction(2)), "==", 4 * self.omega(Fraction(1)))

    def convex(self) -> Check:
        """Return Omega(1) against the chord from 0 to 4."""
        return Check(CONVEX, self.omega(Fraction(1)), "<=", self.omega(Fraction(2)) / 4)


def thin(curve: Curve) -> Check:
    """Return |e1| / 10^6 against Omega(e1), at most the cost of two rays."""
    rays, e1 = curve.rays((2 * 10**6, 1)), exact([1, 0])
    return Check(POSITIVE, l1(e1) / 10**6, "<=", rays.omega(e1).value)


def unreached(curve: Curve) -> Check:
    """Return the cheapest of a few rays against <W, Z> at W = Z = e1, which all come near."""
    rays, e1 = curve.rays((1, 2, 3)), exact([1, 0])
    return Check(ATTAINED, rays.cheapest_basis(e1), "==", dot(e1, e1))


HYPOTHESES = {
    "theta >= 0": lambda i: i.positive(),
    "equal degrees": lambda i: i.point.equal_degrees(),
    "any number of slices": lambda i: i.any_number(),
    "sign symmetry": lambda i: i.symmetric(),
    "theta >= c |phi|": lambda i: i.dominated(),
    "compactness": lambda i: i.compact(),
}


def counterexamples() -> Iterator[Counterexample]:
    """Yield rays and prices without each property."""
    two = exact([1]), exact([-1])
    paid = Few(Rays("", two, exact([Fraction(-1, 2), Fraction(1, 4)])))
    yield Counterexample("theta >= 0", paid, Few.at_zero)
    added = Root(Point(2, _product, lambda x: abs(x[0]) + abs(x[1]), squared(0), Fraction(1), ()))
    yield Counterexample("equal degrees", added, Root.degree)
    yield Counterexample("equal degrees", added, Root.convex)
    axes = (exact([1, 0]), exact([0, 1]), exact([1, 1]))
    alone = Few(Rays("", axes, exact([1, 1, 6])), most=1)
    yield Counterexample("any number of slices", alone, Few.subadditive)
    yield Counterexample("sign symmetry", Few(Rays("", two, exact([1, 2]))), Few.even)
    yield Counterexample("theta >= c |phi|", Curve(ZERO), thin)
    yield Counterexample("compactness", Curve(Fraction(1), Fraction(2)), unreached)
