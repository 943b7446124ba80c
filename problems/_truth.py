"""Closed forms that owe nothing to certify: 50 digits, or exact enumeration."""

from collections.abc import Iterable, Iterator
from itertools import chain, combinations

import mpmath
import numpy as np

from certify.base.arrays import Array

DIGITS = 50
CLEAN = 1e-9  # entries of a singular vector this small are rounding; all cases are far from it
HADAMARD = 0.5 * np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, -1, 1], [1, -1, 1, -1]])
FIVE = np.subtract.outer(range(5), range(5)) % 5
HORN = np.where(np.isin(FIVE, [1, 4]), -1.0, 1.0)  # Hall and Newman 1963: copositive
GAP = (
    "G = 4 I - H, H Horn's matrix (copositive: v^T H v >= 0 for v >= 0), is positive definite, "
    "so sup u^T G v = sup v^T G v = 4 over unit u, v >= 0, and H is no sum of a semidefinite and a "
    "nonnegative matrix: bounds from multipliers stop at 2 + sqrt 5 = 4.236"
)
Pair = tuple[Array, Array]


def huber(s: float, lam: float) -> float:
    """Return min over z of 1/2 (z - s)^2 + lam |z|, s >= 0; exact for small dyadic s, lam."""
    return lam * s - lam * lam / 2 if s > lam else s * s / 2


def denoised(Y: Array, lam: float) -> float:
    """Return min over Z of 1/2 |Y - Z|^2 + lam |Z|_*, the nearest float.

    Von Neumann: |Y - Z| >= |sigma(Y) - sigma(Z)|, so the singular values part into
    scalar problems.
    """
    with mpmath.workdps(DIGITS):
        values = mpmath.svd_r(mpmath.matrix(Y.tolist()), compute_uv=False)
        return float(mpmath.fsum(huber(s, lam) for s in values))


def thresholded(Y: Array, lam: float) -> Pair:
    """Return balanced factors of Y with its singular values lowered by lam (in floats)."""
    left, values, right = np.linalg.svd(Y)
    keep = np.nonzero(values > lam)[0]
    root = np.sqrt(values[keep] - lam)
    return left[:, keep] * root, right[keep].T * root


def entries(shape: tuple[int, int], listed: Iterable[tuple[int, int, float]]) -> Pair:
    """Return one slice e_i (z e_j)^T for each (i, j, z)."""
    found = list(listed)
    U, V = np.zeros((shape[0], len(found))), np.zeros((shape[1], len(found)))
    for k, (i, j, z) in enumerate(found):
        U[i, k], V[j, k] = 1.0, z
    return U, V


def padded(factors: Pair, zeros: int = 1) -> Pair:
    """Append zero slices: the same product at a larger size."""
    U, V = (np.hstack([x, np.zeros((len(x), zeros))]) for x in factors)
    return U, V


def first(factors: Pair, r: int) -> Pair:
    """Keep the first r slices."""
    return factors[0][:, :r], factors[1][:, :r]


def supports(d: int) -> Iterator[list[int]]:
    """Yield every nonempty set of indices below d."""
    sets = chain.from_iterable(combinations(range(d), k) for k in range(1, d + 1))
    return (list(s) for s in sets)


def nonnegative_top(Y: Array, *, both: bool) -> float:
    """Return sup u^T Y v over unit v >= 0, and u >= 0 if `both`, by enumerating supports.

    On its support the maximizer's v (and u) is positive, hence it is a singular pair of
    that block of Y.  So the largest singular value of a block with such a pair is it.
    """
    rows = supports(len(Y)) if both else [list(range(len(Y)))]
    blocks = (Y[np.ix_(i, j)] for i in rows for j in supports(Y.shape[1]))
    return max(top_of_block(block, both=both) for block in blocks)


def horn_gap(lam: float) -> Array:
    """Return 4 I - H, whose largest u^T Y v over unit u, v >= 0 is below lam by enumeration."""
    G: Array = 4.0 * np.eye(5) - HORN
    if not nonnegative_top(G, both=True) < lam:
        message = "the enumeration of supports contradicts this case"
        raise ArithmeticError(message)
    return G


def top_of_block(block: Array, *, both: bool) -> float:
    """Return the largest singular value whose vectors have one sign, or 0."""
    left, values, right = np.linalg.svd(block, full_matrices=False)
    best = 0.0
    for k, s in enumerate(values):
        v = right[k] if right[k].sum() > 0 else -right[k]
        u = left[:, k] if right[k].sum() > 0 else -left[:, k]
        if v.min() > -CLEAN and (not both or u.min() > -CLEAN):
            best = max(best, float(s))
    return best


def lined(Y: Array, lam: float, pair: tuple[str, str]) -> float:
    """Return min of 1/2 |Y - Z|^2 + lam Omega(Z) where one norm is l1, the nearest float.

    The extreme points of the l1 ball are unit vectors, so Omega adds over lines (rows, if
    the l1 norm is on the left) and lines part; within one, norms of R^d shorten it by lam.
    A nonnegative line's negative entries stay at 0, or are a second slice with a signed
    code; the norm of a line is then measured on each sign alone.
    """
    (outer, inner), lines = (pair, Y) if pair[0][:2] == "l1" else (pair[::-1], Y.T)
    with mpmath.workdps(DIGITS):
        return float(mpmath.fsum(shortened(line, lam, outer, inner) for line in lines.tolist()))


def shortened(line: list[float], lam: float, outer: str, inner: str) -> float:
    """Return the least value of one line."""
    up, down = [max(y, 0.0) for y in line], [max(-y, 0.0) for y in line]
    if not inner.endswith("+"):
        return shrunk(line, lam, inner)
    if not outer.endswith("+"):
        return shrunk(up, lam, inner) + shrunk(down, lam, inner)
    return shrunk(up, lam, inner) + mpmath.fsum(y * y for y in down) / 2


def shrunk(line: list[float], lam: float, inner: str) -> float:
    """Return min over z of 1/2 |z - line|^2 + lam |z|: entries part, or the length does."""
    if inner[:2] == "l1":
        return mpmath.fsum(huber(abs(mpmath.mpf(y)), lam) for y in line)
    return huber(mpmath.sqrt(mpmath.fsum(mpmath.mpf(y) ** 2 for y in line)), lam)
