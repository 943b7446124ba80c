"""sup { x^T W x : |x| <= 1 }: one leaf that bounds it.

x^T W x = x^T S x with S = (W + W^T) / 2.  For x >= 0 any N >= 0 gives x^T S x <= x^T (S + N) x,
so lambda_max(S + N) bounds l2+ (copositive: NP-hard exactly) and l1+ (|x|_2 <= |x|_1).
"""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from certify.base.arrays import Array, as_dense
from certify.polar import eigen as spectra
from certify.polar.query import Matrix, PolarQuery, Proposal, exact_text

from .multiplier import LARGEST, prox_largest, smallest


def part(W: Matrix) -> Array:
    """Return (W + W^T) / 2, dense."""
    dense = as_dense(W)
    return np.asarray(dense / 2 + dense.T / 2)


def leaves(query: PolarQuery) -> Iterator[Proposal]:
    """Yield bounds by one leaf of the conic rule: N = 0; for x >= 0 S_-, and the best found."""
    S = part(query.W)
    yield from leaf(S, None)
    if not query.left.nonneg:
        return
    yield from leaf(S, np.maximum(-S, 0.0) * (1 - np.eye(len(S))))
    if S.size <= LARGEST and not query.expired():
        signs = np.ones_like(S)
        yield from leaf(S, smallest(S, signs, query, (prox_largest, spectra.largest_eigenvalue)))


def leaf(S: Array, multiplier: Array | None) -> Iterator[Proposal]:
    """Yield the bound lambda_max(S + N), with N and the Cholesky factor that proves it."""
    g, arrays, (i, j) = S, {}, np.tril_indices(len(S))
    if multiplier is not None:
        n = spectra.on_grid(np.maximum(multiplier, 0.0), 40)
        n = np.minimum(n, n.T)
        g, arrays = S + n, {"N0": n[i, j]}
    made = spectra.shifted_factor(g)
    if made is not None:
        shift, L = made
        size = float(np.abs(g).sum(axis=0).max(initial=0.0))
        node = {"leaf": 0, "shift": exact_text(Fraction(shift))}
        proof = {"rule": "conic", "nodes": [node], "L0": spectra.pack_triangle(L), **arrays}
        yield Proposal(max(shift, 0.0) + 1e-14 * size, proof)
