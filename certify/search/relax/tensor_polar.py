"""The polar of a tensor by a general solver: an upper bound, of real vectors, untrusted."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from scipy import sparse

from certify.base.arrays import Array
from certify.norms import Gauge
from certify.polar.product_query import ProductQuery
from certify.polar.relaxation.products import ProductForm

from ._cvxpy import Expression, cp

MATRIX = 2  # modes


@dataclass(frozen=True)
class TensorProgram:
    """The least bound of the polar, and the variables: J, and D of the diagonal."""

    program: Expression
    bound: Expression
    J: Expression
    D: Expression


def form_of(query: ProductQuery) -> ProductForm:
    """Choose the groups: halves of a symmetric tensor, else of the most equal sizes.

    One group is enough for a symmetric tensor of even order ("square").
    """
    K = query.T.ndim
    rows = tuple(range(K // 2)) if query.symmetric else halves(query.T.shape)
    kind = "square" if query.symmetric and K % 2 == 0 else "hat"
    return ProductForm(query, rows, kind)


def halves(dims: tuple[int, ...]) -> tuple[int, ...]:
    """Return the modes of the smaller group, as large as it can be."""
    K = len(dims)
    sets = [tuple(k for k in range(K) if code >> k & 1) for code in range(1, 2**K - 1)]
    small = [s for s in sets if prod(dims[k] for k in s) ** 2 <= prod(dims)]
    return max(small, key=lambda s: (prod(dims[k] for k in s), len(s)))


def least_bound(form: ProductForm) -> TensorProgram:
    """State the least bound of the polar, by the partial-transpose relaxation.

    S is the tensor with the modes of one group as rows, those of the other as columns.  For
    every J_A and J_B that are nonnegative on products, and N >= 0 where products are,

        [[J_A, S + N], [(S + N)^T, J_B]] <= Diag(D) + t I

    bounds twice the polar by the cost of D and t over the balls: the J are 0, or at least 0, in
    the sum over each class of entries that products have alike.
    """
    program, d = form.program(), form.size
    J, S = cp.Variable((d, d), symmetric=True), cp.Variable((d, d), PSD=True)
    D, t = cp.Variable(d, nonneg=True), cp.Variable(nonneg=True)
    entries = np.ones(d * d), (program.labels.reshape(-1), np.arange(d * d))
    sums = sparse.csr_array(entries) @ cp.vec(J, order="C")
    cone = [sums[at] == 0 for at in [np.flatnonzero(program.signed == 0)] if len(at)]
    cone += [sums[at] >= 0 for at in [np.flatnonzero(program.signed)] if len(at)]
    cone += [cp.diag(D) + t * np.eye(d) - program.C - J == S]
    cone += [] if form.cubes else [D == 0]  # then t says it all
    costs = [cp.max(rows @ D[at]) for rows, at in cube_sums(form)]
    bound = (sum(costs) + t * program.total) / (len(form.groups) * form.times)
    return TensorProgram(cp.Problem(cp.Minimize(bound), cone), bound, J, D)


def cube_sums(form: ProductForm) -> list[tuple[Array, slice]]:
    """Return for each group of modes the rows that sum over its cubes, and where the group is.

    sum d_a x_a^2 <= the largest of these sums of d >= 0: squares in a ball sum to at most 1,
    in a cube each is at most 1.
    """
    query, out = form.query, list[tuple[Array, slice]]()
    for group, (first, at) in zip(form.groups, form.blocks(), strict=True):
        rows = cube_rows([query.gauges[k] for k in group], [query.T.shape[k] for k in group])
        out.append((rows, slice(first, first + at.size)))
    return out


def cube_rows(gauges: Sequence[Gauge], dims: Sequence[int]) -> Array:
    """Return a row for each multi-index of the round modes, 1 at all of those of the cubes."""
    out: Array = np.ones((1, 1))
    for g, n in zip(gauges, dims, strict=True):
        out = np.asarray(np.kron(out, np.ones((1, n)) if g.cubic else np.eye(n)))
    return out
