"""Nonnegative factors: multipliers N >= 0 tighten the spectral bound (NP-hard exactly)."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from scipy import linalg, sparse

from certify.base.arrays import Array
from certify.base.minimize import even_out, threshold_level
from certify.norms import Gauge
from certify.polar import eigen as spectra
from certify.polar.query import Matrix, Method, PolarQuery, Proposal, least

from ._balance import scales
from .spectral import Scales, aim, of_gram, of_matrix, scale_both, with_cost

Prox: TypeAlias = Callable[[Array, float], Array]
Size: TypeAlias = Callable[[Array], float]
ITERATIONS, EVERY = 300, 10  # steps, and how often a bound is taken
LARGEST = 400_000  # entries up to which the multiplier is searched for


class Multiplier(Method):
    """u^T W v <= u^T (W + N) v where N_ij u_i v_j >= 0, so sigma_1(W + N) bounds W.

    For u, v >= 0 that is any N >= 0: N = 0 is the spectral bound and N = W_- the Perron
    bound.  A coordinate <= 0 turns the sign of its line of N, a free one has zeros there.
    With signs on one factor only, its Gram matrix takes a multiplier instead:
    v^T G v <= v^T (G + M) v.  Scales are those of W's positive part.
    """

    def applies(self, query: PolarQuery) -> bool:
        """Tell whether a factor has signs and no side is l1 (closed)."""
        signs = not (query.left.free and query.right.free)
        closed = query.symmetric or "l1" in (query.left.name, query.right.name)
        return signs and not closed

    def propose(self, query: PolarQuery) -> Proposal | None:
        """Return the best bound found."""
        both = not (query.left.free or query.right.free)
        tries = try_two_sided(query) if both else try_one_sided(query)
        return least(query.target, tries)


def marks(gauge: Gauge, d: int) -> Array:
    """Return each coordinate's sign: 1, -1, 0 for a free one, nan for one fixed to zero."""
    low, high = gauge.sides(d)
    return np.where(low == high, np.nan, gauge.signs(d))


def allowed_signs(left: Array, right: Array, W: Matrix) -> Array:
    """Return the field of signs that a multiplier may have: 1, -1, 0 none, nan any."""
    if not sparse.issparse(W):
        return np.outer(left, right)
    csr = W.tocsr()
    rows = np.repeat(np.arange(csr.shape[0]), np.diff(csr.indptr))
    return np.asarray(left[rows] * right[csr.indices])


def nearest_reachable(low: Array, signs: Array, x: Array) -> Array:
    """Return the field nearest to x that a multiplier can make of `low`."""
    above = np.where(signs > 0, np.maximum(x, low), np.where(signs < 0, np.minimum(x, low), low))
    return np.where(np.isnan(signs), x, above)


def try_two_sided(query: PolarQuery) -> Iterator[Proposal | None]:
    """Try N = W_-, then N minimizing sigma_1(W + N)."""
    m, n = query.W.shape
    signs = allowed_signs(marks(query.left, m), marks(query.right, n), query.W)
    field = query.W.tocsr().data if sparse.issparse(query.W) else query.W
    best = nearest_reachable(field, signs, np.zeros_like(field))
    by = scales(add_multiplier(query.W, best - field), query.left, query.right, query.seed)
    yield with_multiplier(query, best - field, signs, by)
    if not sparse.issparse(query.W) and query.W.size <= LARGEST and not query.expired():
        low = query.W if by is None else scale_both(query.W, by)
        N = smallest(low, signs, query, (prox_top, top_singular))
        yield with_multiplier(query, N if by is None else N / np.outer(*by), signs, by)


def try_one_sided(query: PolarQuery) -> Iterator[Proposal | None]:
    """Try M = G_- off the diagonal, then M minimizing lambda_max(G + M)."""
    axis = int(query.left.free)
    if query.W.shape[axis] > spectra.DENSE:
        return
    side = marks((query.left, query.right)[axis], query.W.shape[axis])
    by = scales(query.W, query.left, query.right, query.seed)
    g = spectra.gram(query.W if by is None else scale_both(query.W, by), axis)
    signs = np.outer(side, side)
    yield with_gram(query, g, (nearest_reachable(g, signs, np.zeros_like(g)) - g, signs), by)
    if g.size <= LARGEST and not query.expired():
        M = smallest(g, signs, query, (prox_largest, spectra.largest_eigenvalue))
        yield with_gram(query, g, (M, signs), by)


def round_multiplier(multiplier: Array, signs: Array) -> Array:
    """Round a multiplier to a short grid, and to the signs it may have."""
    return spectra.on_grid(nearest_reachable(np.zeros_like(multiplier), signs, multiplier), 40)


def with_gram(
    query: PolarQuery, g: Array, multiplier: tuple[Array, Array], by: Scales | None
) -> Proposal | None:
    """Return the bound of G + M, M symmetric."""
    m = round_multiplier(*multiplier)
    m = np.where(np.abs(m) <= np.abs(m.T), m, m.T)
    best = of_gram(g + m, int(query.left.free), aim(query, by), query.seed)
    return with_cost(query, best and replace(best, proof={**best.proof, "M": m}), by)


def with_multiplier(
    query: PolarQuery, field: Array, signs: Array, by: Scales | None
) -> Proposal | None:
    """Return the spectral bound of W + N, N a field like W's."""
    n = round_multiplier(field, signs)
    moved = add_multiplier(query.W, n)
    scaled = moved if by is None else scale_both(moved, by)
    best = of_matrix(scaled, aim(query, by), query.seed)
    return with_cost(query, best and replace(best, proof={**best.proof, "N": n}), by)


def add_multiplier(W: Matrix, field: Array) -> Matrix:
    """Return W + N."""
    if not sparse.issparse(W):
        return np.asarray(W + field)
    return sparse.csr_array((W.data + field, W.indices, W.indptr), shape=W.shape)


def smallest(W: Array, signs: Array, query: PolarQuery, by: tuple[Prox, Size]) -> Array:
    """Minimize a spectral norm of X over X >= W by alternating directions; return X - W.

    (X <= W, X = W or X free where the signs say so.)  Every such X gives a valid bound, so
    the best one seen is returned.
    """
    prox, size = by
    scale = float(np.linalg.norm(W)) or 1.0
    low = W / scale
    X, D, t = nearest_reachable(low, signs, np.zeros_like(low)), np.zeros_like(low), 0.1
    best, least = X, np.inf
    for k in range(ITERATIONS):
        S = prox(X - D, t)
        before, X = X, nearest_reachable(low, signs, S + D)
        D += S - X
        if k % EVERY == EVERY - 1:
            if (top := size(X)) < least:
                best, least = X, top
            apart, moved = float(np.linalg.norm(S - X)), float(np.linalg.norm(X - before))
            t *= even_out(apart, moved, 0.5, 4.0)
            if query.expired():
                break
    return np.asarray((best - low) * scale)


def gram_svd(X: Array) -> tuple[Array, Array, Array]:
    """Return (X tall, eigenvectors V, singular values) by the smaller Gram matrix."""
    tall = X if X.shape[0] >= X.shape[1] else X.T
    values, vectors = linalg.eigh(spectra.demand_finite(tall.T @ tall))
    return tall, vectors, np.sqrt(np.maximum(values, 0.0))


def with_singular_values(X: Array, wanted: Array, parts: tuple[Array, Array, Array]) -> Array:
    """Return X with its singular values replaced by `wanted`."""
    tall, vectors, values = parts
    factor = wanted / np.where(values > 0, values, 1.0)
    out = ((tall @ vectors) * factor) @ vectors.T
    return out if tall is X else out.T


def clip_singular(X: Array, most: float) -> Array:
    """Return X with its singular values cut at the most."""
    parts = gram_svd(X)
    return with_singular_values(X, np.minimum(parts[2], most), parts)


def top_singular(X: Array) -> float:
    """Return sigma_1."""
    return float(gram_svd(X)[2].max(initial=0.0))


def prox_top(X: Array, t: float) -> Array:
    """Return argmin_S t sigma_1(S) + 1/2 |S - X|^2: the largest values are levelled."""
    parts = gram_svd(X)
    values = parts[2]
    return with_singular_values(X, np.minimum(values, threshold_level(values, t)), parts)


def prox_largest(X: Array, t: float) -> Array:
    """Return argmin_S t lambda_max(S) + 1/2 |S - X|^2 for symmetric X."""
    values, vectors = linalg.eigh(spectra.demand_finite(0.5 * (X + X.T)))
    return np.asarray(
        (vectors * np.minimum(values, threshold_level(values, t, -np.inf))) @ vectors.T
    )
