"""Small exact linear algebra on lists of Fractions."""

from collections.abc import Iterable, Sequence
from fractions import Fraction

from ._base import ZERO

Vector = list[Fraction]
Matrix = list[Vector]


def vector(*entries: float | str | Fraction) -> Vector:
    """Return the entries as Fractions, exactly."""
    return [Fraction(x) for x in entries]


def zeros(m: int, n: int) -> Matrix:
    """Return 0 of shape (m, n)."""
    return [[ZERO] * n for _ in range(m)]


def total(terms: Iterable[Fraction]) -> Fraction:
    """Return the sum."""
    return sum(terms, ZERO)


def sign_of(x: Fraction) -> Fraction:
    """Return -1, 0 or 1."""
    return Fraction((x > 0) - (x < 0))


def scale(a: Fraction, x: Sequence[Fraction]) -> Vector:
    """Return a x."""
    return [a * e for e in x]


def flat(a: Matrix) -> Vector:
    """Return the entries, row by row."""
    return [x for row in a for x in row]


def product(us: Sequence[Vector], vs: Sequence[Vector], m: int, n: int) -> Matrix:
    """Return sum u v^T over the slices."""
    pairs = list(zip(us, vs, strict=True))
    return [[total(u[i] * v[j] for u, v in pairs) for j in range(n)] for i in range(m)]


def difference(a: Matrix, b: Matrix) -> Matrix:
    """Return A - B."""
    return [[x - y for x, y in zip(r, s, strict=True)] for r, s in zip(a, b, strict=True)]


def l1(x: Iterable[Fraction]) -> Fraction:
    """Return the l1 norm: rational, unlike the l2 norm."""
    return total(map(abs, x))


def dot(x: Sequence[Fraction], y: Sequence[Fraction]) -> Fraction:
    """Return <x, y>."""
    return total(a * b for a, b in zip(x, y, strict=True) if a and b)


def inner(a: Matrix, b: Matrix) -> Fraction:
    """Return <A, B>."""
    return dot(flat(a), flat(b))


def half_squares(a: Matrix, b: Matrix) -> Fraction:
    """Return 1/2 |A - B|^2."""
    d = difference(a, b)
    return inner(d, d) / 2


def price(us: Sequence[Vector], vs: Sequence[Vector]) -> Fraction:
    """Return sum |u|_1 |v|_1 over the slices."""
    return total(l1(u) * l1(v) for u, v in zip(us, vs, strict=True))


def objective(Y: Matrix, us: Sequence[Vector], vs: Sequence[Vector], lam: Fraction) -> Fraction:
    """Return 1/2 |U V^T - Y|^2 + lam sum |u|_1 |v|_1."""
    return half_squares(product(us, vs, len(Y), len(Y[0])), Y) + lam * price(us, vs)


def dual_value(W: Matrix, Y: Matrix) -> Fraction:
    """Return d(W) = <W, Y> - 1/2 |W|^2 of the loss 1/2 |Z - Y|^2."""
    return inner(W, Y) - inner(W, W) / 2


def least(Y: Matrix, lam: Fraction) -> Fraction:
    """Return min 1/2 |Z - Y|^2 + lam sum |Z_ij|, entry by entry: F of |u|_1 |v|_1."""
    sizes = map(abs, flat(Y))
    return total(y * y / 2 if y <= lam else lam * y - lam * lam / 2 for y in sizes)


def largest(W: Matrix) -> Fraction:
    """Return max |W_ij|, the polar of |u|_1 |v|_1; 0 without entries."""
    return max(map(abs, flat(W)), default=ZERO)
