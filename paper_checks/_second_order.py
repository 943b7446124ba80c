"""Matrix factorization to second order, in rationals: its Hessian, and whether it is >= 0.

f(U, V) = 1/2 sum c (U V^T - Y)^2 + lam/2 (|U|^2 + |V|^2)
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from itertools import product as every

from ._exact import Matrix, Vector, dot, inner, scale, total, zeros


def times(A: Matrix, B: Matrix) -> Matrix:
    """Return A B."""
    return [[dot(row, column) for column in zip(*B, strict=True)] for row in A]


def across(U: Matrix, V: Matrix) -> Matrix:
    """Return U V^T; the slices are the columns of U and V."""
    return [[dot(u, v) for v in V] for u in U]


def value(Y: Matrix, c: Matrix, lam: Fraction, factors: tuple[Matrix, Matrix]) -> Fraction:
    """Return f by its definition."""
    U, V = factors
    rows = zip(across(U, V), Y, c, strict=True)
    fit = total(w * (z - y) ** 2 for row in rows for z, y, w in zip(*row, strict=True))
    return (fit + lam * (inner(U, U) + inner(V, V))) / 2


def residual(Y: Matrix, c: Matrix, factors: tuple[Matrix, Matrix]) -> Matrix:
    """Return W = c (Y - U V^T), entry by entry: minus the gradient of the loss."""
    rows = zip(across(*factors), Y, c, strict=True)
    return [[w * (y - z) for z, y, w in zip(*row, strict=True)] for row in rows]


def hessian(W: Matrix, c: Matrix, lam: Fraction, factors: tuple[Matrix, Matrix]) -> Matrix:
    """Return the form sum c (A V^T + U B^T)^2 - 2 <W, A B^T> + lam (|A|^2 + |B|^2) of (A, B).

    Its rows and columns are the entries of A and then of B, row by row.
    """
    U, V = factors
    m, r = len(U), len(U[0])
    weights = [*c, *([row[b] for row in c] for b in range(len(V)))]
    places = list(every(range(m + len(V)), range(r)))
    out = zeros(len(places), len(places))
    for (p, (a, j)), (q, (b, k)) in every(enumerate(places), repeat=2):
        if a == b:
            other = zip(weights[a], V if a < m else U, strict=True)
            out[p][q] = total(w * x[j] * x[k] for w, x in other) + lam * (j == k)
        elif a < m <= b:
            mixed = c[a][b - m] * V[b - m][j] * U[a][k] - W[a][b - m] * (j == k)
            out[p][q] = out[q][p] = mixed
    return out


def negative(form: Matrix) -> Vector | None:
    """Return d with d^T H d < 0, or None if H is positive semidefinite: by elimination."""
    H, left = [list(row) for row in form], list(range(len(form)))
    basis = [[Fraction(int(i == j)) for j in left] for i in left]
    while left:
        low, p = min(left, key=lambda j: H[j][j]), max(left, key=lambda j: H[j][j])
        if H[low][low] < 0:
            return basis[low]
        if not H[p][p]:  # then all are zero
            pairs = (pair for pair in combinations(left, 2) if H[pair[0]][pair[1]])
            return next((combined(basis[a], basis[b], H[a][b]) for a, b in pairs), None)
        left.remove(p)
        for j in left:
            by = H[p][j] / H[p][p]
            basis[j] = combined(basis[j], basis[p], by)
            for k in left if by else ():
                H[j][k] -= by * H[p][k]
    return None


def combined(x: Vector, y: Vector, by: Fraction) -> Vector:
    """Return x - by y."""
    return [a - by * b for a, b in zip(x, y, strict=True)] if by else x


def orthogonal(normals: Sequence[Vector]) -> Matrix:
    """Return the product of the reflections I - 2 x x^T / |x|^2."""
    n = len(normals[0])
    out = [[Fraction(int(i == j)) for j in range(n)] for i in range(n)]
    for x in normals:
        onto = scale(2 / dot(x, x), x)
        out = [combined(row, onto, dot(row, x)) for row in out]
    return out


def moved(factors: tuple[Matrix, Matrix], d: Vector, step: Fraction) -> tuple[Matrix, Matrix]:
    """Return the factors plus a step along d, ordered as the Hessian is."""
    U, V = factors
    r, entries = len(U[0]), iter(d)
    rows = [[x + step * next(entries) for x in row] for row in (*U, *V)]
    if len(rows) * r != len(d):
        raise ValueError(f"{len(d)} entries do not fill {len(rows)} rows of {r}")
    return rows[: len(U)], rows[len(U) :]
