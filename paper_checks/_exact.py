"""Small exact linear algebra on lists of Fractions."""

import random
from fractions import Fraction

Vector = list[Fraction]
Matrix = list[Vector]


def vector(rng: random.Random, n: int) -> Vector:
    """Return a random vector of small rationals."""
    return [Fraction(rng.randint(-6, 6), rng.randint(1, 3)) for _ in range(n)]


def matrix(rng: random.Random, m: int, n: int) -> Matrix:
    """Return a random matrix of small rationals."""
    return [vector(rng, n) for _ in range(m)]


def product(us: list[Vector], vs: list[Vector], m: int, n: int) -> Matrix:
    """Return sum u v^T over the slices."""
    pairs = list(zip(us, vs, strict=True))
    return [[sum((u[i] * v[j] for u, v in pairs), Fraction(0)) for j in range(n)] for i in range(m)]


def l1(x: Vector) -> Fraction:
    """Return the l1 norm: rational, unlike the l2 norm."""
    return sum(map(abs, x), Fraction(0))


def inner(a: Matrix, b: Matrix) -> Fraction:
    """Return <A, B>."""
    return sum(
        (x * y for r, s in zip(a, b, strict=True) for x, y in zip(r, s, strict=True)), Fraction(0)
    )


def half_squares(a: Matrix, b: Matrix) -> Fraction:
    """Return 1/2 |A - B|^2."""
    d = [[x - y for x, y in zip(r, s, strict=True)] for r, s in zip(a, b, strict=True)]
    return inner(d, d) / 2


def objective(Y: Matrix, us: list[Vector], vs: list[Vector], lam: Fraction) -> Fraction:
    """Return 1/2 |U V^T - Y|^2 + lam sum |u|_1 |v|_1."""
    fit = half_squares(product(us, vs, len(Y), len(Y[0])), Y)
    return fit + lam * sum((l1(u) * l1(v) for u, v in zip(us, vs, strict=True)), Fraction(0))
