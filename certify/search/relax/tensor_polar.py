"""The polar of a tensor by a general solver: an upper bound, of real vectors, untrusted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from math import factorial, prod

import numpy as np

from certify.base.arrays import Array, finite, real
from certify.base.errors import InputError
from certify.norms import PLAIN, Gauge, gauge

from ._cvxpy import Expression, cp
from ._groups import Group
from ._norms import marks, signs
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
class TensorForm:
    """S and the groups of modes of its rows and columns.

    A symmetric tensor is replaced by the sum over all orders of its modes, K! times it;
    for even K one group is enough ("square"), else there are two ("hat").
    """

    rows: tuple[int, ...]
    groups: tuple[Group, ...]
    S: Array
    count: int

    @property
    def kind(self) -> str:
        """The name of the form."""
        return "square" if len(self.groups) == 1 else "hat"

    @property
    def size(self) -> int:
        """The size of G."""
        return sum(g.size for g in self.groups)


@dataclass(frozen=True)
class TensorProgram:
    """The least bound, and the variables: of each group J, P and D; and N."""

    asked: Expression
    bound: Expression
    nulls: tuple[Expression, ...]
    lifts: tuple[Expression, ...]
    cubes: tuple[Expression, ...]
    N: Expression


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
    program = least_bound(choose_groups(replace(tensor, T=tensor.T / scale)))
    status, _, has_answer = solve(program.asked, solver, budget)
    values = numbers([program.bound]) if has_answer else None
    return RelaxedPolar(None if values is None else float(values[0]) * scale, status)


def choose_groups(tensor: Tensor) -> TensorForm:
    """Choose the groups: halves of a symmetric tensor, else of the most equal sizes."""
    K, dims, S = tensor.T.ndim, tensor.T.shape, tensor.T
    rows, count = tuple(range(K // 2)), factorial(K)
    if tensor.symmetric:
        S = np.sum([np.transpose(S, p) for p in permutations(range(K))], axis=0)
    else:
        rows, count = halves(dims), 1
    others = tuple(k for k in range(K) if k not in rows)
    groups = tuple(
        Group(tuple(tensor.gauges[k] for k in g), tuple(dims[k] for k in g), tensor.symmetric)
        for g in (rows, others)
    )
    flat = np.transpose(S, rows + others).reshape(groups[0].size, groups[1].size)
    return TensorForm(rows, groups[: 1 if tensor.symmetric and K % 2 == 0 else 2], flat, count)


def halves(dims: tuple[int, ...]) -> tuple[int, ...]:
    """Return the modes of the smaller group, as large as it can be."""
    K = len(dims)
    sets = [tuple(k for k in range(K) if code >> k & 1) for code in range(1, 2**K - 1)]
    small = [s for s in sets if prod(dims[k] for k in s) ** 2 <= prod(dims)]
    return max(small, key=lambda s: (prod(dims[k] for k in s), len(s)))


def least_bound(form: TensorForm) -> TensorProgram:
    """State the least bound over all multipliers."""
    groups, t = form.groups, cp.Variable(nonneg=True)
    nulls = tuple(cp.Variable(max(g.nulls.shape[1], 1)) for g in groups)
    lifts = tuple(cp.Variable(max(g.lifts.shape[1], 1), nonneg=True) for g in groups)
    cubes = tuple(cp.Variable(g.size, nonneg=True) for g in groups)
    N, S = cover(form)
    pairs = zip(groups, nulls, lifts, strict=True)
    J = [
        multiplier_matrix(g.nulls, k, g.size) + multiplier_matrix(g.lifts, p, g.size)
        for g, k, p in pairs
    ]
    G = J[0] + S if len(J) == 1 else cp.bmat([[J[0], S], [S.T, J[1]]])
    psd = cp.Variable((form.size, form.size), PSD=True)
    cone = [cp.diag(cp.hstack(cubes)) + t * np.eye(form.size) - G == psd]
    if not any(g.cubic for g in groups):  # then t says it all
        cone += [d == 0 for d in cubes]
    spent = sum(cp.max(g.cubes @ d) + t * g.wide for g, d in zip(groups, cubes, strict=True))
    bound = spent / (len(groups) * form.count)
    return TensorProgram(cp.Problem(cp.Minimize(bound), cone), bound, nulls, lifts, cubes, N)


def multiplier_matrix(basis: Expression, x: Expression, size: int) -> Expression:
    """Return the matrix of these multipliers."""
    if not basis.shape[1]:
        return np.zeros((size, size))
    return cp.reshape(basis @ x, (size, size), order="C")


def cover(form: TensorForm) -> tuple[Expression, Expression]:
    """Return N, of the sign of all factors' product where there is one, and S + N."""
    group_signs = [entry_signs(g) for g in form.groups]
    if len(group_signs) == 1 or not all(s.all() for s in group_signs):
        return None, form.S
    N = cp.multiply(np.outer(*group_signs), cp.Variable(form.S.shape, nonneg=True))
    return N, form.S + N


def entry_signs(g: Group) -> Array:
    """Return the sign of every product of a group, 0 where it has none."""
    out: Array = np.ones(1)
    for norm, n in zip(g.gauges, g.dims, strict=True):
        out = np.asarray(np.kron(out, signs(marks(norm, n))))
    return out
