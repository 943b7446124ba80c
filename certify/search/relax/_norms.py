"""Every norm of a factor as cvxpy sees it: itself, its dual, and its square lifted.

The lifted square N of a norm g is convex and homogeneous on semidefinite matrices A, with

    N(x x^T) <= g(x)^2,

so that constraints on x x^T that a general solver takes follow from those on x.
"""

from dataclasses import dataclass

import numpy as np

from certify.base.arrays import Array, Ints
from certify.norms import L2, Gauge

from ._cvxpy import Expression, cp


def inside(norm: Gauge, X: Expression) -> list[Expression]:
    """Return the constraints that keep every row of X in the cone."""
    low, high = (np.flatnonzero(side == 0) for side in norm.sides(X.shape[1]))
    out = [X[:, low] >= 0] if low.size else []
    return [*out, X[:, high] <= 0] if high.size else out


def in_groups(norm: Gauge) -> bool:
    """Whether the norm is a sum over groups."""
    return norm.summed and not norm.axial and not norm.spherical


def group_norm(norm: Gauge, d: int, group: Ints) -> L2 | None:
    """Return the l2 norm of a group's coordinates; None if all of them are fixed to zero."""
    cone = norm.cone if len(norm.cone) == d else (norm.cone or "*") * d
    kept = "".join(cone[i] for i in group)
    return None if set(kept) == {"0"} else L2(cone=kept)


def lengths(norm: Gauge, X: Expression) -> Expression:
    """Return the sum of the norms of the rows, or of the norms of the ellipsoids around."""
    mixture, d = norm.mixture, X.shape[1]
    if mixture is not None:
        out = mixture.a * cp.sum(cp.abs(X @ mixture.A(d).T))
        return out + mixture.b * cp.sum(cp.norm(X, 2, axis=1)) if mixture.b else out
    if norm.summed:
        return sum(cp.sum(cp.norm(X[:, list(g)], 2, axis=1)) for g in norm.blocks(d))
    each = [X @ np.diag(w**0.5)[:, w > 0] for w in ellipsoids(norm, d)]
    return cp.sum(cp.max(cp.vstack([cp.norm(x, 2, axis=1) for x in each]), axis=0))


def ellipsoids(norm: Gauge, d: int) -> Array:
    """Return the weights of each ellipsoid around the ball, 0 outside its block: (blocks, d)."""
    around = norm.ellipsoids(d)
    blocks = np.arange(int(around.labels.max()) + 1)
    return np.where(blocks[:, None] == around.labels, around.weights, 0.0)


def square(norm: Gauge, A: Expression) -> Expression:
    """Return the lifted square N(A).

    a |B x|_1 + b |x|_2   p sum |B A B^T| + q tr A, p and q of `chord`
    sums of groups        the sum of the Frobenius norms of the blocks, exact
    else                  the largest sum of w_i A_ii over an ellipsoid of `ellipsoids`: exact
                          where that is the ball
    """
    mixture, d = norm.mixture, A.shape[0]
    if mixture is not None:
        (p, q), B = mixture.chord(d), mixture.A(d)
        out = p * cp.sum(cp.abs(B @ A @ B.T))
        return out + q * cp.trace(A) if q else out
    if norm.summed and not norm.spherical:
        blocks = [list(g) for g in norm.blocks(d)]
        return sum(cp.norm(A[g][:, h], "fro") for g in blocks for h in blocks)
    return cp.max(ellipsoids(norm, d) @ cp.diag(A))


@dataclass(frozen=True)
class Matched:
    """x^T C x <= cost g(x)^2, C = D + A^T S A, under constraints `cone`.

    D is the multiple d of I if there is an S, and C without one.
    """

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
        return Matched(A.T @ S @ A + q * c * np.eye(d), c, [cp.abs(S) <= p * c], S, q * c)
    if norm.summed and not norm.spherical:
        S = cp.Variable((d, d), symmetric=True)
        blocks = [list(g) for g in norm.blocks(d)]
        return Matched(S, c, [cp.norm(S[g][:, h], "fro") <= c for g in blocks for h in blocks])
    weights = ellipsoids(norm, d)
    each = cp.Variable(len(weights), nonneg=True)
    return Matched(cp.diag(weights.T @ each), cp.sum(each), [])


def cover(C: Expression, W: Array, signs: Array) -> tuple[Expression, list[Expression]]:
    """Return N and the constraints that C - W - N is semidefinite, N >= 0 on products.

    N is 0 where one of two coordinates is free, and any number where one is fixed to zero;
    signs: `marks`.
    """
    N, products = C - W - cp.Variable(W.shape, PSD=True), np.outer(signs, signs)
    cone = [cp.multiply(products == 0, N) == 0]
    if (np.abs(products) > 0).any():
        cone.append(cp.multiply(np.nan_to_num(products), N) >= 0)
    return N, cone


def lifted_signs(M: Expression, signs: Array) -> list[Expression]:
    """Return the constraints on M = z z^T: the signs of products, and zeros; signs: `marks`."""
    fixed, k = np.isnan(signs), np.flatnonzero(np.abs(signs) > 0)
    out = [M[fixed] == 0] if fixed.any() else []
    return [*out, cp.multiply(np.outer(signs[k], signs[k]), M[k][:, k]) >= 0] if k.size else out
