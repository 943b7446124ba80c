"""Nonnegative factors: multipliers N >= 0 tighten the spectral bound (NP-hard exactly)."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
from scipy import linalg, sparse

from certify._arrays import Array

from . import _spectra as spectra
from ._base import Ask, Matrix, Method, Proposal
from .spectral import of_gram, of_matrix

Prox: TypeAlias = Callable[[Array, float], Array]
Size: TypeAlias = Callable[[Array], float]
ITERATIONS, EVERY = 300, 10  # steps, and how often a bound is taken
LARGEST = 400_000  # entries up to which the multiplier is searched for


class Multiplier(Method):
    """u^T W v <= u^T (W + N) v for u, v, N >= 0, so the polar is at most sigma_1(W + N).

    N = 0 is the spectral bound and N = W_- the Perron bound.  With one factor
    nonnegative, its Gram matrix takes a multiplier instead: v^T G v <= v^T (G + M) v.
    """

    def applies(self, ask: Ask) -> bool:
        """Tell whether a factor is nonnegative and no side is l1 (closed)."""
        signs = ask.left.nonneg or ask.right.nonneg
        return signs and "l1" not in (ask.left.name, ask.right.name)

    def propose(self, ask: Ask) -> Proposal | None:
        """Return the best bound found."""
        both = ask.left.nonneg and ask.right.nonneg
        tries = two_sided(ask) if both else one_sided(ask)
        return min((p for p in tries if p), key=lambda p: p.upper, default=None)


def two_sided(ask: Ask) -> Iterator[Proposal | None]:
    """Try N = W_-, then N minimizing sigma_1(W + N)."""
    yield with_multiplier(ask, negative_part(ask.W))
    if not sparse.issparse(ask.W) and ask.W.size <= LARGEST and not ask.expired():
        yield with_multiplier(ask, smallest(ask.W, ask, prox_top, top_singular))


def one_sided(ask: Ask) -> Iterator[Proposal | None]:
    """Try M = G_- off the diagonal, then M minimizing lambda_max(G + M)."""
    axis = int(ask.right.nonneg)
    if ask.W.shape[axis] > spectra.DENSE:
        return
    g = spectra.gram(ask.W, axis)
    yield with_gram(ask, g, np.maximum(-g, 0.0), axis)
    if g.size <= LARGEST and not ask.expired():
        yield with_gram(ask, g, smallest(g, ask, prox_largest, largest_eigenvalue), axis)


def with_gram(ask: Ask, g: Array, found: Array, axis: int) -> Proposal | None:
    """Return the bound of G + M, M >= 0 symmetric."""
    m = spectra.on_grid(np.maximum(found, 0.0), 40)
    m = np.minimum(m, m.T)
    best = of_gram(g + m, axis, ask.target, ask.seed)
    return best and Proposal(best.upper, {**best.proof, "M": m})


def with_multiplier(ask: Ask, field: Array) -> Proposal | None:
    """Return the spectral bound of W + N, N >= 0 a field like W's."""
    n = spectra.on_grid(np.maximum(field, 0.0), 40)
    found = of_matrix(shifted(ask.W, n), ask.target, ask.seed)
    return found and Proposal(found.upper, {**found.proof, "N": n})


def shifted(W: Matrix, field: Array) -> Matrix:
    """Return W + N."""
    if not sparse.issparse(W):
        return np.asarray(W + field)
    return sparse.csr_array((W.data + field, W.indices, W.indptr), shape=W.shape)


def negative_part(W: Matrix) -> Array:
    """Return the field W_- >= 0."""
    return np.asarray(np.maximum(-(W.data if sparse.issparse(W) else W), 0.0))


def smallest(W: Array, ask: Ask, prox: Prox, size: Size) -> Array:
    """Minimize a spectral norm of X over X >= W by alternating directions; return X - W.

    Every X >= W gives a valid bound, so the best one seen is returned.
    """
    scale = float(np.linalg.norm(W)) or 1.0
    low = W / scale
    X, D, t = np.maximum(low, 0.0), np.zeros_like(low), 0.1
    best, least = X, np.inf
    for k in range(ITERATIONS):
        S = prox(X - D, t)
        before, X = X, np.maximum(S + D, low)
        D += S - X
        if k % EVERY == EVERY - 1:
            if (top := size(X)) < least:
                best, least = X, top
            t = balanced(t, float(np.linalg.norm(S - X)), float(np.linalg.norm(X - before)))
            if ask.expired():
                break
    return np.asarray((best - low) * scale)


def balanced(t: float, primal: float, dual: float) -> float:
    """Return the next step: larger when the dual residual dominates."""
    if primal > 4 * dual:
        return t / 2
    return t * 2 if dual > 4 * primal else t


def decomposed(X: Array) -> tuple[Array, Array, Array]:
    """Return (X tall, eigenvectors V, singular values) by the smaller Gram matrix."""
    tall = X if X.shape[0] >= X.shape[1] else X.T
    values, vectors = linalg.eigh(tall.T @ tall)
    return tall, vectors, np.sqrt(np.maximum(values, 0.0))


def rescaled(X: Array, wanted: Array, parts: tuple[Array, Array, Array]) -> Array:
    """Return X with its singular values replaced by `wanted`."""
    tall, vectors, values = parts
    factor = wanted / np.where(values > 0, values, 1.0)
    out = ((tall @ vectors) * factor) @ vectors.T
    return out if tall is X else out.T


def top_singular(X: Array) -> float:
    """Return sigma_1."""
    return float(decomposed(X)[2].max(initial=0.0))


def prox_top(X: Array, t: float) -> Array:
    """Return argmin_S t sigma_1(S) + 1/2 |S - X|^2: the largest values are levelled."""
    parts = decomposed(X)
    values = parts[2]
    return rescaled(X, np.minimum(values, max(level(values, t), 0.0)), parts)


def level(values: Array, t: float) -> float:
    """Return c with sum (values - c)_+ = t."""
    ordered = np.sort(values)[::-1]
    return float(((np.cumsum(ordered) - t) / np.arange(1, ordered.size + 1)).max())


def largest_eigenvalue(X: Array) -> float:
    """Return lambda_max of a symmetric matrix."""
    return float(spectra.leading(X, 1)[0][-1])


def prox_largest(X: Array, t: float) -> Array:
    """Return argmin_S t lambda_max(S) + 1/2 |S - X|^2 for symmetric X."""
    values, vectors = linalg.eigh(0.5 * (X + X.T))
    return np.asarray((vectors * np.minimum(values, level(values, t))) @ vectors.T)
