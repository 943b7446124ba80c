"""The polar of a tensor by a general solver: an upper bound, of real vectors, untrusted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from scipy import sparse

from certify.base.arrays import Array, finite, real
from certify.base.errors import InputError
from certify.norms import PLAIN, Gauge, gauge
from certify.polar.product_query import ProductQuery
from certify.polar.relaxation.products import ProductForm

from ._cvxpy import Expression, cp
from ._solve import numbers, solve, unit
from .polar_sdp import RelaxedPolar, polar

MATRIX = 2  # modes


@dataclass(frozen=True)
class Tensor:
    """What is asked: sup <T, x^1 o ... o x^K> over unit balls, or of one x in all modes."""

    T: Array
    gauges: tuple[Gauge, ...]
    symmetric: bool = False

    @property
    def flat(self) -> bool:
        """Whether it is the polar of a matrix."""
        return self.T.ndim == MATRIX and not self.symmetric


@dataclass(frozen=True)
class TensorProgram:
    """The least bound of the polar, and the variables: J, and D of the diagonal."""

    asked: Expression
    bound: Expression
    J: Expression
    D: Expression


def tensor_polar(
    T: object,
    norms: Sequence[str | Gauge],
    *,
    symmetric: bool = False,
    solver: str | None = None,
    budget: float | None = None,
) -> RelaxedPolar:
    """Bound sup { <T, x^1 o ... o x^K> : |x^k|_k <= 1 } by the partial-transpose relaxation.

    The modes are split into groups A and B, S is T with rows A and columns B.  For every
    J_A and J_B that are nonnegative on products, and N >= 0 where products are,

        [[J_A, S + N], [(S + N)^T, J_B]] <= Diag(D) + t I

    bounds twice the polar by what D and t cost over the balls.  An l1 mode is split into
    slices first.  symmetric: the same x in every mode.  Over complex vectors the value may
    be larger.

    Raises InputError for norms other than l1, l2 and linf, a solver that is not installed,
    or a T that is not a finite real array with an axis for each norm.
    """
    answers = [
        solve_tensor(part, solver, budget)
        for part in split_lines(pose(T, norms, symmetric=symmetric))
    ]
    failed = [t for t in answers if t.value is None]
    return failed[0] if failed else max(answers, key=lambda t: t.value or 0.0)


def pose(T: object, norms: Sequence[str | Gauge], *, symmetric: bool) -> Tensor:
    """Return what is asked, checked."""
    gauges = tuple(gauge(n) for n in norms)
    array = finite(real(T, "T"), "T")
    if array.ndim != len(gauges) or array.ndim < MATRIX or not array.size:
        raise InputError(f"T must have {len(gauges)} axes, two or more, got shape {array.shape}")
    for g, n in zip(gauges, array.shape, strict=True):
        g.check(n)
        if not g.is_plain:
            raise InputError(f"norms must be {', '.join(PLAIN)}, with a sign or none, got {g}")
    if symmetric and (len(set(array.shape)) > 1 or len(set(gauges)) > 1):
        raise InputError(f"a symmetric T must have one size and one norm, got {array.shape}")
    return Tensor(array, gauges, symmetric)


def split_lines(tensor: Tensor) -> list[Tensor]:
    """Return the slices of the l1 modes, each with the signs its unit vector may have.

    A free mode among the others takes a slice's sign, so one of them is enough there.
    """
    at = line_mode(tensor)
    if at is None:
        return [tensor]
    return [piece for part in slices_of(tensor, at) for piece in split_lines(part)]


def line_mode(tensor: Tensor) -> int | None:
    """Return the first l1 mode of a tensor that is no matrix."""
    modes = [k for k, g in enumerate(tensor.gauges) if g.axial]
    return modes[0] if modes and not tensor.symmetric and not tensor.flat else None


def slices_of(tensor: Tensor, at: int) -> list[Tensor]:
    """Return the slices of mode `at` with a sign that its unit vectors may have."""
    g, rest = tensor.gauges[at], tensor.gauges[:at] + tensor.gauges[at + 1 :]
    unit_signs = {"+": (1.0,), "-": (-1.0,), "": (1.0, -1.0)}[g.cone]
    unit_signs = unit_signs[:1] if any(g.free for g in rest) else unit_signs
    parts = np.moveaxis(tensor.T, at, 0)
    return [Tensor(sign * part, rest) for sign in unit_signs for part in parts]


def solve_tensor(tensor: Tensor, solver: str | None, budget: float | None) -> RelaxedPolar:
    """Solve one part."""
    if tensor.flat:
        left, right = tensor.gauges
        return polar(tensor.T, left, right, solver, budget)
    scale = unit(tensor.T)
    program = least_bound(form_of(replace(tensor, T=tensor.T / scale)))
    status, _, has_answer = solve(program.asked, solver, budget)
    values = numbers([program.bound]) if has_answer else None
    return RelaxedPolar(None if values is None else float(values[0]) * scale, status)


def form_of(tensor: Tensor) -> ProductForm:
    """Choose the groups: halves of a symmetric tensor, else of the most equal sizes.

    One group is enough for a symmetric tensor of even order ("square").
    """
    K = tensor.T.ndim
    rows = tuple(range(K // 2)) if tensor.symmetric else halves(tensor.T.shape)
    kind = "square" if tensor.symmetric and K % 2 == 0 else "hat"
    return ProductForm(ProductQuery(tensor.T, tensor.gauges, tensor.symmetric), rows, kind)


def halves(dims: tuple[int, ...]) -> tuple[int, ...]:
    """Return the modes of the smaller group, as large as it can be."""
    K = len(dims)
    sets = [tuple(k for k in range(K) if code >> k & 1) for code in range(1, 2**K - 1)]
    small = [s for s in sets if prod(dims[k] for k in s) ** 2 <= prod(dims)]
    return max(small, key=lambda s: (prod(dims[k] for k in s), len(s)))


def least_bound(form: ProductForm) -> TensorProgram:
    """State the least bound over all multipliers: of J the sum over each class counts."""
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
