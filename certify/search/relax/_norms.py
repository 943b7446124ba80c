"""Every norm of a factor as cvxpy sees it: itself, its dual, and its square lifted.

The lifted square N of a norm g is convex and homogeneous on matrices A >= 0 (psd) with

    N(x x^T) <= g(x)^2,

so that constraints on x x^T which a general solver can hold follow from those on x.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from certify.base.arrays import Array
from certify.norms import Gauge

from ._cvxpy import Expression, cp

Marks = npt.NDArray[np.str_]


def marks(norm: Gauge, d: int) -> Marks:
    """Return the cone of each coordinate: "*" free, "+", "-", or "0"."""
    cone = norm.cone or "*"
    return np.array(list(cone if len(cone) == d else cone * d))


def signs(symbols: Marks) -> Array:
    """Return 1, -1, or 0 where a coordinate has no sign."""
    return np.where(symbols == "+", 1.0, np.where(symbols == "-", -1.0, 0.0))


def inside(norm: Gauge, X: Expression) -> list[Expression]:
    """Return the constraints that keep every row of X in the cone."""
    symbols = marks(norm, X.shape[1])
    s, fixed = signs(symbols), np.nonzero(symbols == "0")[0]
    out = [X[:, fixed] == 0] if len(fixed) else []
    if s.any():
        k = np.nonzero(s)[0]
        out.append(cp.multiply(X[:, k], s[k][None, :]) >= 0)
    return out


def lengths(norm: Gauge, X: Expression) -> Expression:
    """Return the sum of the norms of the rows, or less: that of the ellipsoids around the ball."""
    mixture, d = norm.mixture, X.shape[1]
    if mixture is not None:
        out = mixture.a * cp.sum(cp.abs(X if mixture.edges is None else X @ mixture.A(d).T))
        out += mixture.b * plain(X) if mixture.b else 0.0
    elif norm.summed:
        out = sum(plain(X[:, list(g)]) for g in norm.blocks(d))
    else:
        sizes = cp.vstack([cp.norm(part, 2, axis=1) for part in stretched_blocks(norm, X)])
        out = cp.sum(cp.max(sizes, axis=0))
    return out


def stretched_blocks(norm: Gauge, X: Expression) -> list[Expression]:
    """Return the columns of each ellipsoid's block, times the roots of its weights."""
    around = norm.ellipsoids(X.shape[1])
    parts = [np.flatnonzero(around.labels == k) for k in range(int(around.labels.max()) + 1)]
    if (around.weights == 1).all():
        return [X[:, at] for at in parts]
    return [cp.multiply(X[:, at], around.weights[at][None, :] ** 0.5) for at in parts]


def plain(X: Expression) -> Expression:
    """Return the sum of the l2 norms of the rows."""
    return cp.sum(cp.norm(X, 2, axis=1))


def square(norm: Gauge, A: Expression) -> Expression:
    """Return the lifted square N(A).

    a |B x|_1 + b |x|_2   p sum |B A B^T| + q tr A, p and q of `chord`
    sums of groups        the sum of the Frobenius norms of the blocks, exact
    else                  the largest sum of w_i A_ii over an ellipsoid of `ellipsoids`: exact
                          where that is the ball
    """
    mixture, d = norm.mixture, A.shape[0]
    if mixture is not None:
        p, q = mixture.chord(d)
        B = mixture.A(d)
        out = p * cp.sum(cp.abs(A if mixture.edges is None else B @ A @ B.T))
        out += q * cp.trace(A) if q else 0.0
    elif norm.summed and not norm.spherical:
        blocks = [list(g) for g in norm.blocks(d)]
        out = sum(cp.norm(A[g][:, h], "fro") for g in blocks for h in blocks)
    else:
        around = norm.ellipsoids(d)
        each = cp.multiply(around.weights, cp.diag(A))
        counts = range(int(around.labels.max()) + 1)
        out = cp.max(cp.hstack([cp.sum(each[np.flatnonzero(around.labels == k)]) for k in counts]))
    return out


@dataclass(frozen=True)
class Matched:
    """x^T C x <= cost g(x)^2 by C = D + A^T S A; D is the multiple d of I where S is there."""

    C: Expression
    cost: Expression
    cone: list[Expression]
    S: Expression | None = None
    d: Expression | None = None


def dual_cost(norm: Gauge, d: int) -> Matched:
    """Return C and its cost with <C, A> <= cost N(A): the dual of the lifted square."""
    mixture, c = norm.mixture, cp.Variable(nonneg=True)
    if mixture is not None:
        (p, q), A = mixture.chord(d), mixture.A(d)
        S = cp.Variable((len(A), len(A)), symmetric=True)
        rest = q * c * np.eye(d) if q else 0.0
        return Matched(A.T @ S @ A + rest, c, [cp.abs(S) <= p * c], S, q * c)
    if norm.summed and not norm.spherical:
        S = cp.Variable((d, d), symmetric=True)
        blocks = [list(g) for g in norm.blocks(d)]
        return Matched(S, c, [cp.norm(S[g][:, h], "fro") <= c for g in blocks for h in blocks])
    around = norm.ellipsoids(d)
    each = cp.Variable(int(around.labels.max()) + 1, nonneg=True)
    placed = np.eye(each.size)[around.labels] * around.weights[:, None]
    return Matched(cp.diag(placed @ each), cp.sum(each), [])


def cover(C: Expression, W: Array, symbols: Marks) -> list[Expression]:
    """C - W - N psd, N >= 0 where the signs of two coordinates allow it (free at zeros)."""
    k, s = len(W), signs(symbols)
    S = cp.Variable((k, k), PSD=True)
    N = C - W - S
    signed_pairs = np.outer(s, s)
    zero = (symbols == "0")[:, None] | (symbols == "0")[None, :]
    free = (signed_pairs == 0) & ~zero
    cone = [cp.multiply(free.astype(float), N) == 0]
    if s.any():
        cone.append(cp.multiply(signed_pairs, N) >= 0)
    return cone
