"""Laplacians of graphs in float64, with the error of the roundings."""

from fractions import Fraction

import numpy as np
from scipy import sparse

from certify.kernel.graphs import Graph

from .bounds import ETA, Floats, finite, gamma, norm_up, up


def laplacian(x: Floats, graph: Graph, prices: tuple[float, float]) -> tuple[Floats, Fraction]:
    """Return rho L x + ridge x = B^T (rho w B x) + ridge x, flat, and its Frobenius error.

    B takes the difference of an edge's two ends.  Each entry is a sum of at most k + 1
    products, k the largest number of edges at a vertex, of factors with 3 roundings: off by
    at most gamma_{k+5} times the sum S of their sizes; S itself is formed the same way.
    A product that underflows is off by ETA, times the factor that follows: difference or weight.
    """
    rho, ridge = prices
    ends = np.asarray(graph.edges, dtype=np.int64).reshape(-1, 2)
    weights = np.ones(len(ends)) if graph.weights is None else np.asarray(graph.weights)
    count, shape = np.arange(len(ends)), (len(x), len(ends))
    heads, tails = (
        sparse.csr_array((np.ones(len(ends)), (ends[:, side], count)), shape) for side in (0, 1)
    )
    pull = rho * weights[:, None] * (x[ends[:, 0]] - x[ends[:, 1]])
    ridge_term = ridge * x
    mid = np.asarray(heads @ pull - tails @ pull + ridge_term)
    size = np.asarray((heads + tails) @ np.abs(pull) + np.abs(ridge_term))
    steps = int(np.bincount(ends.reshape(-1), minlength=1).max()) + 6
    tiny = (steps + 2) * (len(ends) + 1) * x.size * ETA
    reach = 1 + 2 * finite(np.abs(x).max(initial=0.0))
    error = gamma(steps) * up(norm_up(size), steps) + tiny * reach
    return mid.reshape(-1), error
