"""The nuclear norm of a 2 x 2 matrix, Omega of |u|_2 |v|_2, in rationals up to one root N.

With M = Z +- cofactors(Z), the sign of det Z:  M^T M = N^2 I,  N^2 = |Z|^2 + 2 |det Z|, so M / N is
orthogonal, and M^T Z is positive semidefinite of trace N^2: its L D L^T gives two slices.
"""

from fractions import Fraction

from ._base import ZERO
from ._exact import dot, scale
from ._linear import Vector
from ._nets import root

Slices = list[tuple[Vector, Vector]]


def square(Z: Vector) -> Fraction:
    """Return N^2 = |Z|^2 + 2 |det Z|, by the closed form; Z = (a, b, c, d) by rows."""
    a, b, c, d = Z
    return dot(Z, Z) + 2 * abs(a * d - b * c)


def orthogonal(Z: Vector) -> Vector:
    """Return M, N times an orthogonal matrix."""
    a, b, c, d = Z
    s = 1 if a * d >= b * c else -1
    return (a + s * d, b - s * c, c - s * b, d + s * a)


def slices(Z: Vector) -> Slices:
    """Return slices (u, v) that sum to Z != 0 and cost N."""
    a, b, c, d = M = orthogonal(Z)
    n = spectral(M)
    e, f, g, h = Z
    p, q, r = a * e + c * g, a * f + c * h, b * f + d * h  # M^T Z = [[p, q], [q, r]]
    found = [(p, (Fraction(1), q / p)), (r - q * q / p, (ZERO, Fraction(1)))] if p else []
    found = found or [(r, (ZERO, Fraction(1)))]
    turned = [(size, (a * x + b * y, c * x + d * y), (x, y)) for size, (x, y) in found]
    return [(tuple(scale(size / n, u)), v) for size, u, v in turned]


def spectral(M: Vector) -> Fraction:
    """Return the largest absolute row sum of M^T M: at least sigma_1(M)^2, here equal."""
    a, b, c, d = M
    across = abs(a * b + c * d)
    return max(a * a + c * c, b * b + d * d) + across


def cost_times(n_square: Fraction, found: Slices) -> Fraction:
    """Return N sum |u|_2 |v|_2: each term is the root of a rational square, or is rounded up."""
    return sum((root(n_square * dot(u, u) * dot(v, v))[1] for u, v in found), ZERO)
