"""A convex lower bound of the gauge of a CP model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
import numpy.typing as npt

from certify.base.arrays import Array, Ints
from certify.norms import Gauge
from certify.polar.product_query import ProductQuery
from certify.polar.relaxation.products import ProductForm

from ._cvxpy import Expression, cp
from .omega import Expressed, omega
from .tensor_polar import MATRIX, cube_sums, form_of


@dataclass(frozen=True)
class TensorGauge:
    """The entries `at` of a flat expression z, as a tensor, and its norms."""

    z: Expression
    at: npt.NDArray[np.int64]
    gauges: tuple[Gauge, ...]
    symmetric: bool = False


def tensor_omega(
    z: Expression, dims: Sequence[int], gauges: Sequence[Gauge], *, symmetric: bool
) -> Expressed:
    """Return a lower bound of Omega(Z) and its constraints; z holds Z flat, in C order.

    The dual of the partial-transpose relaxation: a sum of products x o y, x over a group of
    modes and y over the others, is a block of a semidefinite M = sum (x; y)(x; y)^T whose
    diagonal blocks do not change when two indices of a mode are exchanged, and have the
    signs of products.  Half of the cost of their diagonals is at most the price.  Along an l1
    mode the gauges of the tensor's slices add up.
    """
    at = np.arange(prod(dims)).reshape(tuple(dims))
    return tensor_price(TensorGauge(z, at, tuple(gauges), symmetric))


def tensor_price(tensor: TensorGauge) -> Expressed:
    """Return the price of a tensor, of slices, or of a matrix."""
    lines = [k for k, g in enumerate(tensor.gauges) if g.axial]
    if tensor.symmetric:
        return by_products(tensor)
    if tensor.at.ndim == MATRIX:
        return omega(pick(tensor.z, tensor.at), *tensor.gauges)
    return by_slices(tensor, lines[0]) if lines else by_products(tensor)


def pick(z: Expression, at: Ints) -> Expression:
    """Return the entries `at`, a matrix of positions."""
    return cp.reshape(z[at.reshape(-1)], at.shape, order="C")


def by_slices(tensor: TensorGauge, k: int) -> Expressed:
    """Add over the slices of mode k; a slice of both signs is a difference, as in `omega`."""
    rest = tensor.gauges[:k] + tensor.gauges[k + 1 :]
    mode_signs = tensor.gauges[k].signs(tensor.at.shape[k])
    free, total, cone = any(g.free for g in rest), 0.0, []
    for at, sign in zip(np.moveaxis(tensor.at, k, 0), mode_signs.tolist(), strict=True):
        part = TensorGauge(tensor.z, at, rest)
        if free or sign > 0:
            each = [tensor_price(part)]
        elif sign < 0:
            each = [tensor_price(replace(part, z=-tensor.z))]
        else:
            up, down = cp.Variable(tensor.z.shape), cp.Variable(tensor.z.shape)
            cone.append((up - down - tensor.z)[at.reshape(-1)] == 0)
            each = [tensor_price(replace(part, z=x)) for x in (up, down)]
        total = total + sum(price for price, _ in each)
        cone += [c for _, more in each for c in more]
    return total, cone


def by_products(tensor: TensorGauge) -> Expressed:
    """Return the mean cost of the diagonal blocks of M, whose corner is the tensor.

    One block of x o ... o x for even order: the tensor itself, unfolded in halves.
    """
    form = form_of(ProductQuery(np.zeros(tensor.at.shape), tensor.gauges, tensor.symmetric))
    M, p = cp.Variable((form.size, form.size), PSD=True), form.lengths[0]
    at = np.transpose(tensor.at, form.rows + form.columns).reshape(p, -1)
    corner = M if form.form == "square" else form.sign * M[:p, p:]
    cone = [corner == pick(tensor.z, at), *equal_products(form, M)]
    if tensor.symmetric and form.form == "hat":
        cone += equal_permuted(tensor.z, tensor.at.shape)
    costs = [ball_value(rows, cp.diag(M)[block]) for rows, block in cube_sums(form)]
    return sum(costs) / len(costs), cone


def equal_products(form: ProductForm, M: Expression) -> list[Expression]:
    """Return the constraints on entries of M that are equal, or nonnegative, at all products."""
    (labels, signed), flat = form.classes(), cp.vec(M, order="C")
    first = np.unique(labels, return_index=True)[1]
    upper = np.flatnonzero(np.triu(np.ones(M.shape)))
    others = first[labels.reshape(-1)[upper]]
    moved = others != upper
    cone = [flat[upper[moved]] == flat[others[moved]]] if moved.any() else []
    return cone + ([flat[first[signed]] >= 0] if signed.any() else [])


def ball_value(rows: Array, d: Expression) -> Expression:
    """Return the largest sum c_a d_a over c >= 0 that cost at most 1, as `cube_rows` counts."""
    if rows.shape[0] == rows.shape[1]:
        return cp.sum(d)
    return sum(cp.max(d[np.nonzero(row)[0]]) for row in rows)


def equal_permuted(z: Expression, dims: Sequence[int]) -> list[Expression]:
    """Return the constraints that entries with permuted indices are equal."""
    index = np.sort(np.array(np.unravel_index(np.arange(prod(dims)), dims)), axis=0)
    first = np.ravel_multi_index(tuple(index), tuple(dims))
    moved = np.nonzero(first != np.arange(len(first)))[0]
    return [z[moved] == z[first[moved]]] if len(moved) else []
