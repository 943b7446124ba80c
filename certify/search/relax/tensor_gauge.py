"""A convex lower bound of the gauge of a CP model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
import numpy.typing as npt

from certify.base.arrays import Ints
from certify.norms import Gauge

from ._cvxpy import Expression, cp
from ._groups import Group
from ._norms import marks, signs
from .omega import Expressed, omega
from .tensor_polar import MATRIX, entry_signs, halves


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
    a, b = (group_modes(tensor, g) for g in (rows, others))
    at = np.transpose(tensor.at, rows + others).reshape(a.size, b.size)
    M = cp.Variable((a.size + b.size,) * 2, PSD=True)
    corner = pick(tensor.z, at)
    cone = [M[: a.size, a.size :] == corner]
    group_signs = [entry_signs(g) for g in (a, b)]
    if all(s.all() for s in group_signs):
        cone.append(cp.multiply(np.outer(*group_signs), corner) >= 0)
    return blocks(M, (a, b), cone)


def group_modes(tensor: TensorGauge, modes: Sequence[int]) -> Group:
    """Return a group of modes."""
    return Group(
        tuple(tensor.gauges[k] for k in modes),
        tuple(tensor.at.shape[k] for k in modes),
        tensor.symmetric,
    )


def blocks(M: Expression, groups: Sequence[Group], cone: list[Expression]) -> Expressed:
    """Return the mean cost of the diagonal blocks, each with the constraints of products."""
    first, total = 0, 0.0
    for g in groups:
        rows = slice(first, first + g.size)
        block = cp.vec(M[rows, rows], order="C")
        if g.nulls.shape[1]:
            cone.append(g.nulls.T @ block == 0)
        if g.lifts.shape[1]:
            cone.append(g.lifts.T @ block >= 0)
        total = total + spent(g, cp.diag(M[rows, rows]))
        first += g.size
    return total / len(groups), cone


def spent(g: Group, d: Expression) -> Expression:
    """Return the largest sum c_a d_a over c >= 0 that cost at most 1, as `cubes` counts."""
    if not g.cubic:
        return cp.sum(d)
    return sum(cp.max(d[np.nonzero(row)[0]]) for row in g.cubes)


def alike(tensor: TensorGauge) -> Expressed:
    """Return the price of x o x o ... o x: one block of even order, two of odd.

    For even order the tensor itself, unfolded in halves, is sum x x^T over products.
    """
    K, dims = tensor.at.ndim, tensor.at.shape
    a, b = group_modes(tensor, range(K // 2)), group_modes(tensor, range(K // 2, K))
    corner = pick(tensor.z, tensor.at.reshape(a.size, b.size))
    if K % 2 == 0:
        M = cp.Variable((a.size, a.size), PSD=True)
        return blocks(M, (a,), [cp.Zero(M - corner)])
    M = cp.Variable((a.size + b.size,) * 2, PSD=True)
    every = Group((tensor.gauges[0],) * K, dims, alike=True)
    cone = [M[: a.size, a.size :] == corner, *same(tensor.z, every)]
    group_signs = [entry_signs(g) for g in (a, b)]
    if all(s.all() for s in group_signs):
        cone.append(cp.multiply(np.outer(*group_signs), corner) >= 0)
    return blocks(M, (a, b), cone)


def same(z: Expression, every: Group) -> list[Expression]:
    """Return the constraints that entries with permuted indices are equal."""
    index = np.sort(np.array(np.unravel_index(np.arange(every.size), every.dims)), axis=0)
    first = np.ravel_multi_index(tuple(index), every.dims)
    moved = np.nonzero(first != np.arange(every.size))[0]
    return [z[moved] == z[first[moved]]] if len(moved) else []
