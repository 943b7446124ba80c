"""Norms with an l1 side: the polar is the largest dual norm of a line, in closed form."""

import numpy as np
from scipy import sparse

from certify._arrays import Array
from certify.gauges import Gauge

from ._base import Ask, Matrix, Method, Proposal


class Lines(Method):
    """sup u^T W v over |u|_1 <= 1 is at a signed unit vector: a row of W."""

    def applies(self, ask: Ask) -> bool:
        """One side is an l1 norm."""
        return "l1" in (ask.left.name, ask.right.name)

    def propose(self, ask: Ask) -> Proposal:
        """Return the exact value; the kernel needs no witness for it."""
        best = line_values(ask.W, ask.left, ask.right)[0].max(initial=0.0)
        return Proposal(float(best) * (1 + 1e-14), {"rule": "lines"})


def oriented(W: Matrix, left: Gauge, right: Gauge) -> tuple[Matrix, Gauge, Gauge]:
    """Return (A, l1 side, other side): the lines are the columns of A."""
    if left.name == "l1":
        return W.T, left, right
    return W, right, left


def line_values(W: Matrix, left: Gauge, right: Gauge) -> tuple[Array, Array]:
    """Return the dual norm of each line and the sign of the unit vector that earns it."""
    lines, outer, inner = oriented(W, left, right)
    up = dual_of_columns(inner, lines)
    if outer.nonneg or not inner.nonneg:
        return up, np.ones_like(up)
    down = dual_of_columns(inner, -lines)
    return np.maximum(up, down), np.where(up >= down, 1.0, -1.0)


def dual_of_columns(gauge: Gauge, lines: Matrix) -> Array:
    """Return the dual norm of each column, sparse or dense."""
    if not sparse.issparse(lines):
        return gauge.dual(lines)
    held = lines.tocsc()
    data = gauge.positive(held.data)
    if gauge.name == "l2":
        top = np.abs(data).max(initial=0.0) or 1.0
        sums = sparse.csc_array(((data / top) ** 2, held.indices, held.indptr), shape=held.shape)
        return np.asarray(np.sqrt(sums.sum(axis=0)) * top).reshape(-1)
    sized = sparse.csc_array((np.abs(data), held.indices, held.indptr), shape=held.shape)
    return np.asarray(sized.max(axis=0).todense()).reshape(-1)
