"""A convex lower bound of the gauge of a CP model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
import numpy.typing as npt

from certify.base.arrays import Array, Ints
from certify.norms import Gauge
from certify.polar.relaxation.groups import pairs

from ._cvxpy import Expression, cp
from ._norms import marks, signs
from .omega import Expressed, omega
from .tensor_polar import MATRIX, cube_rows, halves


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
    signs of products.  Half of what their diagonals cost is at most the price.  An l1 mode
    parts the tensor into slices, whose gauges add.
    """
    at = np.arange(prod(dims)).reshape(tuple(dims))
    return tensor_price(TensorGauge(z, at, tuple(gauges), symmetric))


def tensor_price(tensor: TensorGauge) -> Expressed:
    """Return the price of a tensor, of slices, or of a matrix."""
    lines = [k for k, g in enumerate(tensor.gauges) if g.axial]
    if tensor.symmetric:
        return alike(tensor)
    if tensor.at.ndim == MATRIX:
        return omega(pick(tensor.z, tensor.at), *tensor.gauges)
    return by_slices(tensor, lines[0]) if lines else by_groups(tensor)


def pick(z: Expression, at: Ints) -> Expression:
    """Return the entries `at`, a matrix of positions."""
    return cp.reshape(z[at.reshape(-1)], at.shape, order="C")


def by_slices(tensor: TensorGauge, k: int) -> Expressed:
    """Add over the slices of mode k; a slice of both signs is a difference, as in `omega`."""
    rest = tensor.gauges[:k] + tensor.gauges[k + 1 :]
    mode_signs = signs(marks(tensor.gauges[k], tensor.at.shape[k]))
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


def by_groups(tensor: TensorGauge) -> Expressed:
    """Return half the cost of M's diagonal blocks; their corner is the tensor."""
    rows = halves(tensor.at.shape)
    others = tuple(k for k in range(tensor.at.ndim) if k not in rows)
    p = prod(tensor.at.shape[k] for k in rows)
    at = np.transpose(tensor.at, rows + others).reshape(p, -1)
    return corner_blocks(tensor, (rows, others), pick(tensor.z, at))


def corner_blocks(
    tensor: TensorGauge, groups: Sequence[Sequence[int]], corner: Expression
) -> Expressed:
    """Return the cost of a matrix whose corner is the tensor, of one sign if products are."""
    p = corner.shape[0]
    M = cp.Variable((sum(corner.shape),) * 2, PSD=True)
    cone = [M[:p, p:] == corner]
    if not any(g.free for g in tensor.gauges):
        sign = (-1) ** sum(g.cone == "-" for g in tensor.gauges)
        cone.append(sign * corner >= 0)
    return blocks(M, tensor, groups, cone)


def blocks(
    M: Expression, tensor: TensorGauge, groups: Sequence[Sequence[int]], cone: list[Expression]
) -> Expressed:
    """Return the mean cost of the diagonal blocks, each with the constraints of products."""
    first, total = 0, 0.0
    for group in groups:
        gauges, dims = [tensor.gauges[k] for k in group], [tensor.at.shape[k] for k in group]
        at = pairs(dims, [not g.free for g in gauges], symmetric=tensor.symmetric)
        block = M[first : first + at.size, first : first + at.size]
        a, b, c, d = (x[at.null] for x in (at.a, at.b, at.c, at.d))
        cone += [block[a, b] == block[c, d]] if len(a) else []
        cone += [block[at.a[at.signed], at.b[at.signed]] >= 0] if at.signed.any() else []
        total = total + spent(cube_rows(gauges, dims), cp.diag(block))
        first += at.size
    return total / len(groups), cone


def spent(rows: Array, d: Expression) -> Expression:
    """Return the largest sum c_a d_a over c >= 0 that cost at most 1, as `cube_rows` counts."""
    if rows.shape[0] == rows.shape[1]:
        return cp.sum(d)
    return sum(cp.max(d[np.nonzero(row)[0]]) for row in rows)


def alike(tensor: TensorGauge) -> Expressed:
    """Return the price of x o x o ... o x: one block of even order, two of odd.

    For even order the tensor itself, unfolded in halves, is sum x x^T over products.
    """
    K, dims = tensor.at.ndim, tensor.at.shape
    corner = pick(tensor.z, tensor.at.reshape(prod(dims[: K // 2]), -1))
    if K % 2 == 0:
        M = cp.Variable(corner.shape, PSD=True)
        return blocks(M, tensor, [range(K // 2)], [cp.Zero(M - corner)])
    price, cone = corner_blocks(tensor, [range(K // 2), range(K // 2, K)], corner)
    return price, [*cone, *same(tensor.z, dims)]


def same(z: Expression, dims: Sequence[int]) -> list[Expression]:
    """Return the constraints that entries with permuted indices are equal."""
    index = np.sort(np.array(np.unravel_index(np.arange(prod(dims)), dims)), axis=0)
    first = np.ravel_multi_index(tuple(index), tuple(dims))
    moved = np.nonzero(first != np.arange(len(first)))[0]
    return [z[moved] == z[first[moved]]] if len(moved) else []
