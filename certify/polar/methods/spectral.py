"""The largest singular value: exact for l2 x l2, an upper bound for every pair here."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from scipy import sparse

from certify.base.arrays import Array
from certify.polar import eigen as spectra
from certify.polar.lanczos import is_large, largest
from certify.polar.query import Matrix, Method, PolarQuery, Proposal

from ._balance import scales

TINY = 1e-290  # a shift that is positive
Scales = tuple[Array, Array]
Bound = Callable[[Matrix, float | None, int], Proposal | None]  # of W, a target and a seed


class Spectral(Method):
    """t I - X^T X >= 0 proves sigma_1(X) <= sqrt(t), X = S W S' with diagonal scales.

    No scales where a ball lies in the l2 ball; D^(-1/2) for a weighted norm; for linf and
    the largest norm of groups the best ones (Grothendieck's bound).
    """

    def applies(self, query: PolarQuery) -> bool:
        """Every pair of norms that `lines` does not close."""
        return not query.symmetric and not (query.left.axial or query.right.axial)

    def propose(self, query: PolarQuery) -> Proposal | None:
        """Return sigma_1 with the Cholesky factor of t I - X^T X."""
        return of_pair(query, of_matrix)


def estimated_bound(query: PolarQuery, margin: float) -> Proposal | None:
    """Return the bound that an estimate of sigma_1 promises, sigma_1^2 (1 + margin) proved.

    Of a large W: neither its Gram matrix nor a factor is made.  The proof makes both, once; it
    fails where the estimate is short by more than the margin.
    """
    return of_pair(query, partial(of_estimate, margin=margin))


def of_estimate(
    W: Matrix, target: float | None, seed: int, *, margin: float = 0.0
) -> Proposal | None:
    """Return a bound a margin above the estimate, or the target if that is larger."""
    if not is_large(W) or min(W.shape) <= spectra.DENSE:  # where a factor is stored
        return of_matrix(W, target, seed)
    top = float(largest(W, seed=seed, tol=spectra.SHARP).values[0])
    shift = max(top**2 * (1 + margin), (target or 0.0) ** 2, TINY)
    return Proposal(
        float(np.sqrt(shift)), {"rule": "spectral", "axis": spectra.side(W), "shift": shift}
    )


def bound_by_rows(query: PolarQuery) -> Proposal:
    """Return the bound by the rows of a Gram matrix, which is proved without a factorization.

    sigma_1(X)^2 <= |X^T X|_inf <= max |X|^T |X| 1
    """
    return of_pair(query, of_rows) or Proposal(np.inf)


def of_rows(W: Matrix, target: float | None, seed: int) -> Proposal:
    """Return that bound of sigma_1(W)."""
    del target, seed
    axis, size = spectra.side(W), abs(W)
    ones = np.ones(W.shape[axis])
    rows = size.T @ (size @ ones) if axis else size @ (size.T @ ones)
    top = float(np.sqrt(rows.max(initial=0.0)))
    return Proposal(top, {"rule": "spectral", "axis": axis, "shift": TINY})


def of_pair(query: PolarQuery, bound: Bound) -> Proposal | None:
    """Return the bound of W under the best scales, times their cost."""
    by = scales(query.W, query.left, query.right, query.seed)
    scaled = query.W if by is None else scale_both(query.W, by)
    return with_cost(query, bound(scaled, aim(query, by), query.seed), by)


def aim(query: PolarQuery, by: Scales | None) -> float | None:
    """Return the value of sigma_1 under the scales that proves the target, if there is one."""
    return None if query.target is None else query.target / max(cost(query, by), 1e-300)


def with_cost(query: PolarQuery, proposal: Proposal | None, by: Scales | None) -> Proposal | None:
    """Return a bound of sigma_1 under the scales as one of the polar, with the scales."""
    if proposal is None:
        return None
    arrays = {} if by is None else dict(zip(("scale.left", "scale.right"), by, strict=True))
    wide = cost(query, by)
    upper = proposal.upper * (wide if wide == 1 else wide * (1 + 1e-14))
    return replace(proposal, upper=upper, proof={**proposal.proof, **arrays})


def cost(query: PolarQuery, by: Scales | None) -> float:
    """Return sup |S^-1 u|_2 |S'^-1 v|_2 over the unit balls; None: S = I, S' = I."""
    of = by or [np.ones(d) for d in query.W.shape]
    costs = (g.cost(1.0 / np.square(s)) for g, s in zip((query.left, query.right), of, strict=True))
    return float(np.sqrt(np.prod(list(costs))))


def scale_both(W: Matrix, by: Scales) -> Matrix:
    """Return S W S'."""
    if not sparse.issparse(W):
        return np.asarray((W * by[0][:, None]) * by[1])
    csr = W.tocsr()
    rows = np.repeat(np.arange(csr.shape[0]), np.diff(csr.indptr))
    data = (csr.data * by[0][rows]) * by[1][csr.indices]
    return sparse.csr_array((data, csr.indices, csr.indptr), shape=csr.shape)


def of_matrix(W: Matrix, target: float | None = None, seed: int = 0) -> Proposal | None:
    """Return a bound of sigma_1(W)."""
    axis, top = spectra.side(W), None
    if is_large(W):
        top = float(largest(W, seed=seed, tol=spectra.SHARP).values[0]) ** 2
    return of_gram(spectra.gram(W, axis), axis, target, seed, top)


def of_gram(
    g: Array, axis: int, target: float | None, seed: int, top: float | None = None
) -> Proposal | None:
    """Return a bound from a Gram matrix; at the target first, when that may succeed.

    top: an estimate of the largest eigenvalue, if there is one; a target below it is not tried
    """
    small = g.shape[0] <= spectra.DENSE
    pair = None
    if target is not None and not small and (top is None or top <= target**2):
        pair = spectra.prove_top(g, target**2, spectra.AT_TARGET)
    if pair is None:
        top = spectra.top_pair(g, seed)[0] if top is None else top
        pair = spectra.prove_top(g, top, spectra.MARGINS if small else spectra.COARSE)
    if pair is None:
        return None
    shift, factor = pair
    proof: dict[str, Any] = {"rule": "spectral", "axis": axis, "shift": shift}
    if small:
        proof["L"] = spectra.pack_triangle(factor)
    return Proposal(float(np.sqrt(shift)), proof)
