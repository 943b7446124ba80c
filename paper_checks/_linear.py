"""Exact elimination on small matrices of Fractions: rows of equal length."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations
from typing import Any

from flint import fmpq, fmpq_mat

LARGE = 80  # entries from which FLINT's elimination is the faster one; the result is the same
Vector = tuple[Fraction, ...]
Matrix = tuple[Vector, ...]


def exact(values: Sequence[object]) -> Vector:
    """Return the values as Fractions; a float becomes the dyadic rational it is."""
    return tuple(Fraction(x) for x in values)  # type: ignore[arg-type]


def linf(a: Sequence[Fraction]) -> Fraction:
    """Return |a|_inf; 0 of nothing."""
    return max(map(abs, a), default=Fraction(0))


def plus(a: Sequence[Fraction], b: Sequence[Fraction], t: object = 1) -> Vector:
    """Return a + t b."""
    s = Fraction(t)  # type: ignore[arg-type]
    return tuple(x + s * y for x, y in zip(a, b, strict=True))


def outer(*sides: Sequence[Fraction]) -> Vector:
    """Return u x v x ..., flattened, the last index running fastest."""
    out: Vector = (Fraction(1),)
    for side in sides:
        out = tuple(x * y for x in out for y in side)
    return out


def combine(weights: Sequence[Fraction], vectors: Sequence[Vector], size: int) -> Vector:
    """Return sum w_i v_i, of the given size even when there is none."""
    total = [Fraction(0)] * size
    for w, v in zip(weights, vectors, strict=True):
        if w:
            total = [x + w * y for x, y in zip(total, v, strict=True)]
    return tuple(total)


def transposed(a: Sequence[Vector]) -> Matrix:
    """Return the columns."""
    return tuple(zip(*a, strict=True))


def reduced(a: Sequence[Sequence[Fraction]]) -> tuple[list[list[Fraction]], list[int]]:
    """Return the reduced row echelon form and its pivot columns."""
    rows, pivots, k = [list(r) for r in a], [], 0
    for j in range(len(rows[0]) if rows else 0):
        p = next((i for i in range(k, len(rows)) if rows[i][j]), None)
        if p is None:
            continue
        rows[k], rows[p] = rows[p], rows[k]
        lead = rows[k][j]
        rows[k] = [x / lead if x else x for x in rows[k]]
        for i, row in enumerate(rows):
            if i != k and row[j]:
                m = row[j]
                rows[i] = [x - m * y if y else x for x, y in zip(row, rows[k], strict=True)]
        pivots.append(j)
        k += 1
        if k == len(rows):
            break
    return rows, pivots


def echelon(a: Sequence[Sequence[Fraction]]) -> tuple[Any, list[int]]:
    """Return the reduced row echelon form as FLINT's matrix, and its pivot columns."""
    numbers = [fmpq(x.numerator, x.denominator) if x else 0 for row in a for x in row]
    form, rank = fmpq_mat(len(a), len(a[0]), numbers).rref()
    pivots, j = [], 0
    for i in range(rank):
        while not form[i, j]:
            j += 1
        pivots.append(j)
    return form, pivots


def large(a: Sequence[Sequence[Fraction]]) -> bool:
    """Whether FLINT is worth its conversions."""
    return len(a) * len(a[0] if a else ()) >= LARGE


def independent(columns: Sequence[Vector]) -> list[int]:
    """Return the columns that do not depend on those before them."""
    rows = transposed(columns)
    return echelon(rows)[1] if large(rows) else reduced(rows)[1]


def solve(a: Sequence[Sequence[Fraction]], b: Sequence[Fraction]) -> Vector | None:
    """Return one x with A x = b, its free entries 0, or None if there is none."""
    n, both = len(a[0]), [[*r, x] for r, x in zip(a, b, strict=True)]
    x = [Fraction(0)] * n
    if large(both):
        form, pivots = echelon(both)
        ends = [Fraction(int(form[k, n].p), int(form[k, n].q)) for k in range(len(pivots))]
    else:
        rows, pivots = reduced(both)
        ends = [row[n] for row in rows]
    if n in pivots:
        return None
    for end, j in zip(ends, pivots, strict=False):
        x[j] = end
    return tuple(x)


def dependences(columns: Sequence[Vector]) -> Iterator[Vector]:
    """Yield a basis of {beta : sum beta_i column_i = 0}."""
    if not columns:
        return
    rows, pivots = reduced(transposed(columns))
    for free in set(range(len(columns))) - set(pivots):
        beta = [Fraction(0)] * len(columns)
        beta[free] = Fraction(1)
        for row, j in zip(rows, pivots, strict=False):
            beta[j] = -row[free]
        yield tuple(beta)


def dependence(columns: Sequence[Vector]) -> Vector | None:
    """Return beta != 0 with sum beta_i column_i = 0, or None if they are independent."""
    return next(dependences(columns), None)


def rank(columns: Sequence[Vector]) -> int:
    """Return the rank of the columns."""
    return len(independent(columns)) if columns else 0


def independent_sets(columns: Sequence[Vector], size: int) -> list[tuple[int, ...]]:
    """Return every set of `size` linearly independent columns."""
    chosen = combinations(range(len(columns)), size)
    return [s for s in chosen if rank([columns[i] for i in s]) == size]
