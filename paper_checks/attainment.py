"""Attainment: for polyhedral theta and a squared or an absolute loss, all in rationals.

The slices are found from the primal side; the dual value bounds every factorization of every
size. Where they meet the infimum is attained, at a counted number of slices.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from hypothesis import strategies as st

from . import _absolute
from ._base import Check, Statement
from ._draw import rationals, vectors
from ._exact import dot
from ._fit import below, dual_value, enumerated, fit
from ._linear import Vector, exact, plus
from ._rays import Rays, entries, hexagon, relu, rows, signs

STATEMENT = Statement(
    title="Attainment",
    words="With theta >= c |phi|, compact phi({theta <= 1}), a loss that is bounded below and "
    "lam > 0, the infimum of f_r over all sizes r is attained, by independent slices, so at most "
    "card(D) of them; it is min F.",
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
    gap="As usually told, a minimizer is taken to exist; theta >= c |phi| bounds the slices, and "
    "compactness keeps their limits. A compact set is bounded, so the second contains the first; "
    "its counterexample has a bounded set that is not closed. That max d(W) is as much is tested, "
    "and not proved by machine.",
)
SQUARED, ABSOLUTE = "f_r(X) = max d(W), squared loss", "f_r(X) = max d(W), absolute loss"
FEW = "slices <= card(D)"
NET = relu((exact([1, 2]), exact([-1, 1]), exact([2, -1])))
FAMILIES = (entries(2, 2), rows(1, 3), rows(2, 2), signs(2), hexagon(), NET, signs(3))


@dataclass(frozen=True)
class Instance:
    """Rays, the data and lam."""

    rays: Rays
    y: Vector
    lam: Fraction


@st.composite
def _instances(draw: st.DrawFn) -> Instance:
    rays = draw(st.sampled_from(FAMILIES))
    return Instance(rays, exact(draw(vectors(rays.size))), draw(rationals(1, 4)))


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


def fixed() -> Iterator[Check]:
    """Yield each family with large data, and the counterexamples."""
    one = Fraction(1)
    for rays in FAMILIES:
        y = exact([(-1) ** k * Fraction(7 * k * k + 9, k + 1) for k in range(rays.size)])
        yield from sides(Instance(rays, y, one / 2))
    e1 = exact([1, 0])
    fan = rays_of([Fraction(s, k) for k in (1, 2, 10) for s in (1, -1)], Fraction(0))
    limit = dual_value(exact([0, 0]), e1)
    yield Check(SQUARED, enumerated(fan, e1, one), "==", limit, dropped="theta >= c |phi|")
    slopes = rays_of([Fraction(s, k) for k in (1, 2, 10) for s in (1, -1)], one)
    jump = Rays("", (*slopes.phi, e1), (*slopes.theta, 2 * one))
    y = exact([3, 0])
    limit = dual_value(e1, y)  # Omega*(1, 0) = 1 = lam
    yield Check(SQUARED, enumerated(jump, y, one), "==", limit, dropped="compactness")
    near, far = (-2 * z + abs(z) for z in exact([1, 1000]))
    yield Check(SQUARED, near, "==", far, dropped="bounded loss")
    small = Fraction(1, 1000)
    near = exact([small**2, small * (1 / small) - 1])
    limit = dual_value(exact([0, 0]), exact([0, 1]))
    yield Check(SQUARED, dot(near, near) / 2, "==", limit, dropped="lam > 0")


def rays_of(slopes: list[Fraction], base: Fraction) -> Rays:
    """Return the rays (1, s) of cost base + |s|."""
    return Rays("", tuple(exact([1, s]) for s in slopes), tuple(base + abs(s) for s in slopes))
