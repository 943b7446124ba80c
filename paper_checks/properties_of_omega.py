"""Properties of Omega, over rays: matrices, a 2 x 2 x 2 tensor, a ReLU layer, a hexagon.

One side is the linear program's exact value, the other a closed form, a bound by definition, or
the cheapest of all bases, tried one after another.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from hypothesis import strategies as st

from . import _nuclear
from ._base import ZERO, Check, Statement
from ._draw import rationals, vectors
from ._exact import dot, l1, scale
from ._linear import Vector, exact, plus
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
    gap="As usually told, positivity and attainment are taken for granted; they need theta >= c "
    "|phi| and compactness of phi({theta <= 1}).",
)
AT_ZERO, DEGREE = "1 + Omega(0) = 1", "Omega(aZ) = a Omega(Z)"
SUM, CONVEX = "Omega is subadditive", "Omega is convex"
EVEN, POSITIVE = "Omega(-Z) = Omega(Z)", "c |Z|_1 <= Omega(Z)"
ATTAINED, FEW = "the cheapest basis costs Omega(Z)", "slices <= card(D)"
NUCLEAR = "l2 x l2, 2 x 2: two slices cost the largest <W, Z>"
SUM_L2 = "Omega is subadditive in l2 norms, in squares"
NET = relu((exact([1, 2]), exact([-1, 1]), exact([2, -1])))
FAMILIES = (entries(2, 2), rows(1, 3), rows(2, 2), signs(2), hexagon(), NET, signs(3))


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
    outputs, weights = vectors(rays.size), st.integers(0, 4).map(lambda k: Fraction(k, 4))
    return st.builds(Instance, st.just(rays), outputs, outputs, rationals(0), weights)


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
    if len(rays.phi) <= 14:  # 3432 bases at most
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


def fixed() -> Iterator[Check]:
    """Yield each family at parallel outputs and at one of its rays, and the counterexamples."""
    for rays in FAMILIES:
        ray = min(rays.phi, key=lambda p: rays.omega(p).value / l1(p))
        yield from sides(Instance(rays, ray, exact(scale(Fraction(2), ray)), Fraction(3), ZERO))
        generic = exact([Fraction(7 * k * k + 1, k + 1) for k in range(1, rays.size + 1)])
        double = exact(scale(Fraction(2), generic))
        yield from sides(Instance(rays, generic, double, Fraction(2, 3), Fraction(1, 4)))
    yield from dropped()


def dropped() -> Iterator[Check]:
    """Yield the counterexamples."""
    one, zero = Fraction(1), Fraction(0)
    yield Check(AT_ZERO, one + Fraction(-1, 2) + Fraction(1, 4), "==", one, dropped="theta >= 0")
    at_4, at_1 = (
        Fraction(2 + 2),
        Fraction(1 + 1),
    )  # 2 sqrt z, at u = v
    yield Check(DEGREE, at_4, "==", 4 * at_1, dropped="equal degrees")
    yield Check(CONVEX, at_1, "<=", at_4 / 4 + 3 * zero / 4, dropped="equal degrees")
    yield Check(SUM, off_axes(1, 1), "<=", off_axes(1, 0) + off_axes(0, 1), dropped=ONE_SLICE)
    lopsided = Rays("", (exact([1]), exact([-1])), exact([1, 2]))
    up, down = (lopsided.cheapest_basis(exact([z])) for z in (1, -1))
    yield Check(EVEN, down, "==", up, dropped="sign symmetry")
    c, e1 = Fraction(1, 10**6), exact([1, 0])
    yield Check(POSITIVE, c * l1(e1), "<=", fan(2 * 10**6).omega(e1).value, dropped=DOMINATED)
    slopes = [Fraction(s, n) for n in (1, 2, 3) for s in (1, -1)]
    phi = (e1, *(exact([1, x]) for x in slopes))
    jump = Rays("", phi, (Fraction(2), *(1 + abs(x) for x in slopes)))
    yield Check(ATTAINED, jump.cheapest_basis(e1), "==", dot(e1, e1), dropped="compactness")


ONE_SLICE, DOMINATED = "any number of slices", "theta >= c |phi|"


def off_axes(a: int, b: int) -> Fraction:
    """Return theta of (a, b): three times its l1 norm off the axes."""
    return l1(exact([a, b])) * (3 if a and b else 1)


def fan(n: int) -> Rays:
    """Return the rays (1, +-1/n) of cost 1/n, and (1, +-1) of cost 1."""
    slopes = [Fraction(s, k) for k in (n, 1) for s in (1, -1)]
    return Rays("", tuple(exact([1, x]) for x in slopes), tuple(map(abs, slopes)))
