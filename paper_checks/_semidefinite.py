"""Whether a symmetric matrix is positive semidefinite, by its L D L^T in rationals."""

from collections.abc import Iterator

from ._base import Check
from ._exact import Matrix, Vector, total, zeros
from ._polynomial import ONE

POSITIVE = "the block is L D L^T with D >= 0"


def block(d: Vector, W: Matrix, e: Vector) -> Matrix:
    """Return [[Diag d, -W], [-W^T, Diag e]]."""
    m, B = len(d), zeros(len(d) + len(e), len(d) + len(e))
    for k, x in enumerate([*d, *e]):
        B[k][k] = x
    for i, row in enumerate(W):
        for j, w in enumerate(row):
            B[i][m + j] = B[m + j][i] = -w
    return B


def pivots(B: Matrix) -> tuple[Vector, Matrix]:
    """Return D and L of B = L D L^T; a pivot that is not > 0 ends its column."""
    n, rest = len(B), [list(row) for row in B]
    D, L = [], [[ONE * (i == j) for j in range(n)] for i in range(n)]
    for k in range(n):
        D.append(rest[k][k])
        if D[k] <= 0:
            continue
        for i in range(k + 1, n):
            L[i][k] = rest[i][k] / D[k]
            rest[i] = [x - L[i][k] * y for x, y in zip(rest[i], rest[k], strict=True)]
    return D, L


def positive(B: Matrix) -> Iterator[Check]:
    """Yield that B is L D L^T, entry by entry, and that no entry of D is below 0."""
    D, L = pivots(B)
    for i, row in enumerate(B):
        for j, x in enumerate(row):
            yield Check(POSITIVE, total(p * d * q for p, d, q in zip(L[i], D, L[j], strict=True)),
                        "==", x)  # fmt: skip
    yield Check(POSITIVE, total(map(abs, D)), "==", total(D))
