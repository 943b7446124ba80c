"""Every norm of a factor as cvxpy sees it: itself, its dual, and its square lifted.

The lifted square N of a norm g is convex and homogeneous on matrices A >= 0 (psd) with

    N(x x^T) <= g(x)^2,

so that constraints on x x^T which a general solver can hold follow from those on x.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from certify.base.arrays import Array
from certify.norms import Elastic, Gauge, Group, Variation, Weighted

from ._cvxpy import Expression, cp

Marks = npt.NDArray[np.str_]


def marks(norm: Gauge, d: int) -> Marks:
    """Return the cone of each coordinate: "*" free, "+", "-", or "0"."""
    cone = norm.cone or "*"
    return np.array(list(cone if len(cone) == d else cone * d))


def signs(held: Marks) -> Array:
    """Return 1, -1, or 0 where a coordinate has no sign."""
    return np.where(held == "+", 1.0, np.where(held == "-", -1.0, 0.0))


def inside(norm: Gauge, X: Expression) -> list[Expression]:
    """Return the constraints that keep every row of X in the cone."""
    held = marks(norm, X.shape[1])
    s, fixed = signs(held), np.nonzero(held == "0")[0]
    out = [X[:, fixed] == 0] if len(fixed) else []
    if s.any():
        k = np.nonzero(s)[0]
        out.append(cp.multiply(X[:, k], s[k][None, :]) >= 0)
    return out


def lengths(norm: Gauge, X: Expression) -> Expression:
    """Return the sum of the norms of the rows."""
    if norm.name == "l1":
        out = cp.sum(cp.abs(X))
    elif norm.name == "linf":
        out = cp.sum(cp.max(cp.abs(X), axis=1))
    elif isinstance(norm, Weighted):
        out = plain(cp.multiply(X, np.sqrt(norm.weights)[None, :]))
    elif isinstance(norm, Elastic):
        out = norm.alpha * cp.sum(cp.abs(X)) + (1 - norm.alpha) * plain(X)
    elif isinstance(norm, Group):
        sizes = cp.vstack([cp.norm(X[:, list(g)], 2, axis=1) for g in norm.parts])
        out = cp.sum(sizes if norm.outer == "l1" else cp.max(sizes, axis=0))
    elif isinstance(norm, Variation):
        out = norm.rho * cp.sum(cp.abs(X @ incidence(norm, X.shape[1]).T)) + plain(X)
    else:
        out = plain(X)
    return out


def plain(X: Expression) -> Expression:
    """Return the sum of the l2 norms of the rows."""
    return cp.sum(cp.norm(X, 2, axis=1))


def within(norm: Gauge, Y: Expression, P: Expression) -> list[Expression]:
    """Return the constraints that bound the dual norm of every row of Y, on no cone, by P."""
    if norm.name == "l1":
        out = [cp.abs(Y) <= P]
    elif norm.name == "linf":
        out = [cp.norm(Y, 1, axis=1) <= P]
    elif isinstance(norm, Weighted):
        out = longest(cp.multiply(Y, 1 / np.sqrt(norm.weights)[None, :]), P)
    elif isinstance(norm, Elastic):  # the dual ball is the sum of a cube and a ball
        cube = cp.Variable(Y.shape)
        out = [cp.abs(cube) <= norm.alpha * P, *longest(Y - cube, (1 - norm.alpha) * P)]
    elif isinstance(norm, Group):
        sizes = cp.vstack([cp.norm(Y[:, list(g)], 2, axis=1) for g in norm.parts])
        out = [(sizes if norm.outer == "l1" else cp.sum(sizes, axis=0)) <= P]
    elif isinstance(norm, Variation):  # y = B^T flow + rest
        B = incidence(norm, Y.shape[1])
        flow = cp.Variable((Y.shape[0], len(B)))
        out = [cp.abs(flow) <= norm.rho * P, *longest(Y - flow @ B, P)]
    else:
        out = longest(Y, P)
    return out


def longest(Y: Expression, P: Expression) -> list[Expression]:
    """Bound the l2 norm of every row by P."""
    return [cp.norm(Y, 2, axis=1) <= P]


def square(norm: Gauge, A: Expression) -> Expression:
    """Return the lifted square N(A).

    l2, weighted        <w, diag A>, exact: N(x x^T) = g(x)^2
    linf, group linf    the largest (group sum of) A_ii, exact
    l1, group l1        sum |A_ij|, or of the Frobenius norms of its blocks, exact
    elastic, variation  p s + q t with s = sum |A_ij| (of the jumps' matrix), t = tr A:
                        the line through the ends of { g^2 = 1 }, at most g^2 between them
    """
    d = A.shape[0]
    if norm.name == "linf":
        out = cp.max(cp.diag(A))
    elif norm.name == "l1":
        out = cp.sum(cp.abs(A))
    elif isinstance(norm, Weighted):
        out = cp.sum(cp.multiply(norm.weights, cp.diag(A)))
    elif isinstance(norm, Group) and norm.outer == "linf":
        out = cp.max(cp.hstack([cp.sum(cp.diag(A)[list(g)]) for g in norm.parts]))
    elif isinstance(norm, Group):
        out = sum(cp.norm(A[list(g)][:, list(h)], "fro") for g in norm.parts for h in norm.parts)
    elif isinstance(norm, Elastic):
        p, q = line(norm, d)
        out = p * cp.sum(cp.abs(A)) + q * cp.trace(A)
    elif isinstance(norm, Variation):
        (p, q), B = line(norm, d), incidence(norm, d)
        out = p * cp.sum(cp.abs(B @ A @ B.T)) + q * cp.trace(A)
    else:
        out = cp.trace(A)
    return out


def matched(norm: Gauge, d: int) -> tuple[Expression, Expression, list[Expression]]:
    """Return (C, c, constraints) with <C, A> <= c N(A): the dual of the lifted square."""
    out: tuple[Expression, Expression, list[Expression]]
    c = cp.Variable(nonneg=True)
    if norm.name == "linf":
        each = cp.Variable(d, nonneg=True)
        out = cp.diag(each), cp.sum(each), []
    elif isinstance(norm, Group) and norm.outer == "linf":
        each = cp.Variable(len(norm.parts), nonneg=True)
        out = cp.diag(np.eye(len(norm.parts))[norm.labels] @ each), cp.sum(each), []
    elif isinstance(norm, Weighted):
        out = c * np.diag(norm.weights), c, []
    elif norm.name in ("l1", "elastic"):
        p, q = line(norm, d) if isinstance(norm, Elastic) else (1.0, 0.0)
        S = cp.Variable((d, d), symmetric=True)
        out = S + q * c * np.eye(d), c, [cp.abs(S) <= p * c]
    elif isinstance(norm, Group):
        S = cp.Variable((d, d), symmetric=True)
        pairs = [(list(g), list(h)) for g in norm.parts for h in norm.parts]
        out = S, c, [cp.norm(S[g][:, h], "fro") <= c for g, h in pairs]
    elif isinstance(norm, Variation):
        (p, q), B = line(norm, d), incidence(norm, d)
        S = cp.Variable((len(B), len(B)), symmetric=True)
        out = B.T @ S @ B + q * c * np.eye(d), c, [cp.abs(S) <= p * c]
    else:
        out = c * np.eye(d), c, []
    return out


@cache
def line(norm: Elastic | Variation, d: int) -> tuple[float, float]:
    """Return p, q with p y^2 + q x^2 <= g^2 wherever g = 1, equal at both ends.

    elastic    g = a y + (1 - a) x, x <= y <= sqrt(d) x    (y = |u|_1, x = |u|_2)
    variation  g = rho y + x, 0 <= y <= k x                (y = sum |jumps|)

    g = 1 is a segment in (x, y), so a convex function is largest at one of its ends.
    """
    if isinstance(norm, Elastic):
        a, low, high = norm.alpha, 1.0, d**0.5
        top, rest = a, 1 - a
    else:
        top, rest, low, high = norm.rho, 1.0, 0.0, jumpiest(norm, d)
    if high <= low:  # one coordinate, or no jump
        return 0.0, 1.0
    first, last = ((top * k + rest) ** 2 for k in (low, high))
    p = (last - first) / (high**2 - low**2)
    return p, first - p * low**2


def jumpiest(norm: Variation, d: int) -> float:
    """Return k with sum |x_i - x_j| <= k |x|_2: sum degree_i |x_i| is at most k |x|_2."""
    return float(np.linalg.norm(np.abs(incidence(norm, d)).sum(axis=0)))


def incidence(norm: Variation, d: int) -> Array:
    """Return B, one row x_i - x_j for each edge."""
    B = np.zeros((len(norm.edges), d))
    for row, (i, j) in zip(B, norm.edges, strict=True):
        row[i], row[j] = 1.0, -1.0
    return B
