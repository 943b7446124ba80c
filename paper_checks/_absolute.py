"""The loss |Z - y|_1 over rays: linear programs for the best slices and the best dual value."""

from collections.abc import Sequence
from fractions import Fraction

from ._exact import dot, l1, scale
from ._linear import Vector, plus, transposed
from ._lp import maximize_over, minimize, unit
from ._rays import Rays

ONE = Fraction(1)


def value(Z: Vector, y: Sequence[Fraction]) -> Fraction:
    """Return |Z - y|_1."""
    return l1(plus(Z, y, -1))


def coefficients(rays: Rays, y: Sequence[Fraction], lam: Fraction) -> Vector:
    """Return c of min |sum c_j phi_j - y|_1 + lam theta.c, a vertex."""
    errors = [scale(s, unit(k, len(y))) for s in (ONE, -ONE) for k in range(len(y))]
    costs = [*scale(lam, rays.theta), *[ONE] * (2 * len(y))]
    return minimize(costs, transposed([*rays.phi, *errors]), y).x[: len(rays.phi)]


def bound(rays: Rays, y: Sequence[Fraction], lam: Fraction) -> Fraction:
    """Return max <W, y> over |W|_inf <= 1 and Omega*(W) <= lam, a bound below all f."""
    box = [scale(s, unit(k, len(y))) for k in range(len(y)) for s in (ONE, -ONE)]
    bounds = [*[ONE] * (2 * len(y)), *scale(lam, rays.theta)]
    return dot(maximize_over(y, [*box, *rays.phi], bounds).y, y)
