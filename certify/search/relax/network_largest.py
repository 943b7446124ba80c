"""A layer whose samples take the largest of their rows: its gauge lifted, and its polar bounded."""

from dataclasses import replace

import numpy as np

from certify.base.arrays import Array, Ints
from certify.polar import Proposal
from certify.polar.ascent.pooled import owners
from certify.polar.branching.pooled import by_signs, whole
from certify.polar.layer_query import Layer, LayerQuery
from certify.polar.layers import each

from ._cvxpy import Expression, cp
from ._norms import square
from ._solve import Using
from .network_witness import sum_bound
from .omega import Expressed

PAIR = 2  # rows of a sample of which one is the largest: a quadratic equation


def largest_omega(Z: Expression, F: Array, layer: Layer) -> Expressed:
    """Return half the cost of the moments M of (h, p, u, v), p = (F u)_+, h_k the largest p_i.

    Nonnegative: p, p - F u, h_k - p_i for each row i of sample k, and sum p_i - h_k; so are
    their products.  p_i (p_i - f_i u) = 0, and (h_k - p_i)(h_k - p_j) = 0 for two rows.  With
    |u_k| = |v_k|, Omega(Z) >= 1/2 (tr M_uu + N(M_vv)), N the lifted square of the norm of v.
    """
    (m, d), (s, n), samples = F.shape, Z.shape, owners(layer)
    k = s + m + d
    M = cp.Variable((k + n, k + n), PSD=True)
    h, p, u = np.eye(s, k), np.eye(m, k, s), np.eye(d, k, s + m)
    gather = np.eye(s)[samples]  # (rows, samples)
    facts = np.vstack([p, p - F @ u, gather @ h - p, gather.T @ p - h])
    X = facts @ M[:k, :k] @ facts.T
    cone = [X >= 0, cp.diag(X[:m, m : 2 * m]) == 0, M[:s, k:] == Z]
    cone += [X[2 * m + i, 2 * m + j] == 0 for i, j in pairs(samples)]
    if layer.right.cone:
        sign = 1.0 if layer.right.cone == "+" else -1.0
        cone += [sign * (facts @ M[:k, k:]) >= 0, M[k:, k:] >= 0]
    return 0.5 * (cp.trace(M[s + m : k, s + m : k]) + square(layer.right, M[k:, k:])), cone


def pairs(samples: Ints) -> list[tuple[int, int]]:
    """Return the rows of the samples that have two, and twice the row of those that have one."""
    rows = [np.flatnonzero(samples == k) for k in range(int(samples.max()) + 1)]
    return [(int(r[0]), int(r[-1])) for r in rows if len(r) <= PAIR]


def largest_witness(W: Array, layer: Layer, using: Using) -> Proposal | None:
    """Return a bound of the polar with its proof, or None if the solver fails.

    One output and one sign of v at a time, by a layer that sums its rows and lies above.
    """

    def by(one: LayerQuery) -> Proposal:
        """Return the bound of one output."""
        return by_signs(one, lambda q, signed: whole(q, signed, lambda x: sum_bound(x, using)))

    query = LayerQuery(layer, W)
    proposal = each(query, by) if W.shape[1] > 1 else by(query)
    if proposal.upper == np.inf:
        return None
    return replace(proposal, upper=proposal.upper * (1 + 1e-12))
