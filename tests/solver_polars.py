"""Polars as a general solver values them, and witnesses of tensors: oracles, proved by nothing."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from certify import InputError
from certify.base.arrays import finite, real
from certify.norms import PLAIN, gauge
from certify.polar.methods.multiplier import marks
from certify.polar.product_query import ProductQuery
from certify.search.relax import Using
from certify.search.relax._cvxpy import cp
from certify.search.relax._norms import cover, dual_cost, group_norm, in_groups
from certify.search.relax._solve import numbers, unit
from certify.search.relax.tensor_polar import MATRIX, form_of, least_bound
from certify.search.relax.tensor_witness import propose_tensor


@dataclass(frozen=True)
class RelaxedPolar:
    """A solver's value of the polar, untrusted; None without an answer."""

    value: float | None
    status: str


def polar(W, left, right, solver=None, budget=None):
    """Bound sup { u^T W v : |u|_left <= 1, |v|_right <= 1 } by a general solver.

    Exact where `exact` says so; else the doubly nonnegative relaxation with every
    norm's lifted square (Grothendieck's for linf), an upper bound.
    W: (m, n) array or scipy.sparse matrix.

    Raises InputError for an unknown norm, a solver that is not installed, or a W that is
    not a finite real matrix.
    """
    dense = matrix(W)
    norms = gauge(left), gauge(right)
    for norm, d in zip(norms, dense.shape, strict=True):
        norm.check(d)
    scale = unit(dense)
    return solve_program(multipliers(dense / scale, *norms), scale, solver, budget)


def matrix(W):
    """Return W as a finite array with an entry."""
    dense = finite(real(W.toarray() if sparse.issparse(W) else W, "W", ndim=2), "W")
    if not dense.size:
        raise InputError(f"W must not be empty, got shape {dense.shape}")
    return dense


def solve_program(program, scale, solver, budget):
    """Solve, and return the value in the caller's units."""
    bound, cone = program
    return least_value(cp.Problem(cp.Minimize(bound), cone), bound, scale, (solver, budget))


def least_value(program, bound, scale, route):
    """Solve, and return the value of the bound."""
    solver, budget = route
    using = Using.within(budget, solver)
    values = numbers([bound]) if using.solve(program) else None
    value = None if values is None else float(values[0]) * scale
    return RelaxedPolar(value, using.statuses[-1][1])


def multipliers(W, left, right):
    """Return P and the constraints under which it bounds the polar."""
    for fits, rule in ((lambda g: g.axial, by_lines), (in_groups, by_groups)):
        if fits(left):
            return rule(W, left, right)
        if fits(right):
            return rule(W.T, right, left)
    return by_blocks(W, left, right)


def by_lines(W, line, other):
    """P >= g*(y) for y = w and -w of every row w, as far as its sign of u allows.

    sup <y, v> over v in its cone is the least dual norm of y + n, <n, v> >= 0 on the cone.
    """
    rows = marks(line, len(W))
    P = cp.Variable(nonneg=True)
    down = rows < 0 if other.free else rows <= 0
    turned = [W[rows >= 0], -W[down]]
    Y = np.vstack(turned)
    N, cone = polar_rows(Y.shape, marks(other, W.shape[1]))
    return P, [*within(other, Y + N, P), *cone]


def polar_rows(shape, s):
    """Return N with <n, v> >= 0 for its rows n and every v in the cone; s: `marks`."""
    N, k = cp.Variable(shape), np.flatnonzero(np.abs(s) > 0)
    cone = [N[:, s == 0] == 0] if (s == 0).any() else []
    if k.size:
        cone.append(cp.multiply(N[:, k], s[k][None, :]) >= 0)
    return N, cone


def by_groups(W, norm, other):
    """Take the largest polar of a group's rows, u there in the l2 ball."""
    P, cone = cp.Variable(nonneg=True), []
    for g in map(list, norm.blocks(len(W))):
        inner = group_norm(norm, len(W), g)
        if inner is not None:
            part, more = multipliers(W[g], inner, other)
            cone += [*more, part <= P]
    return P, cone


def by_blocks(W, left, right):
    """[[C_a, -W], [-W^T, C_b]] - N psd, <C, x x^T> <= c |x|^2 for each norm.

    For |u|, |v| <= 1: 0 <= z^T (...) z <= c_a + c_b - 2 u^T W v - z^T N z with z = (u; v),
    and z^T N z >= 0.
    """
    m, n = W.shape
    a, b = dual_cost(left, m), dual_cost(right, n)
    C = cp.bmat([[a.C, np.zeros((m, n))], [np.zeros((n, m)), b.C]])
    both = np.block([[np.zeros((m, m)), W], [W.T, np.zeros((n, n))]])
    signs = np.hstack([marks(left, m), marks(right, n)])
    return (a.cost + b.cost) / 2, [*a.cone, *b.cone, *cover(C, both, signs)[1]]


def within(norm, Y, P):
    """Return constraints under which P bounds the dual norm of every row of Y, on no cone.

    The dual ball of a |A x|_1 + b |x|_2 is the sum of A^T times a cube, and a ball; that of
    ellipsoids has the sum of their dual norms.
    """
    mixture, d = norm.mixture, Y.shape[1]
    if mixture is not None and not mixture.b and mixture.edges is None:
        out = [cp.abs(Y) <= mixture.a * P]
    elif mixture is not None:
        A = mixture.A(d)
        flow = cp.Variable((Y.shape[0], len(A)))
        out = [cp.abs(flow) <= mixture.a * P, *longest(Y - flow @ A, mixture.b * P)]
    elif norm.summed:
        sizes = cp.vstack([cp.norm(Y[:, list(g)], 2, axis=1) for g in norm.blocks(d)])
        out = [sizes <= P]
    else:
        around = norm.ellipsoids(d)
        shrunk = cp.multiply(Y, around.weights[None, :] ** -0.5)
        parts = [np.flatnonzero(around.labels == k) for k in np.unique(around.labels)]
        out = [cp.sum(cp.vstack([cp.norm(shrunk[:, at], 2, axis=1) for at in parts]), axis=0) <= P]
    return out


def longest(Y, P):
    """Bound the l2 norm of every row by P."""
    return [cp.norm(Y, 2, axis=1) <= P]


def exact(left, right):
    """Whether Omega is exact: one side l1, or free l2 norms, weighted or in groups."""
    if left.axial or right.axial:
        return True
    return all(g.free and ((g.exact and g.is_round) or in_groups(g)) for g in (left, right))


def tensor_polar(T, norms, *, symmetric=False, solver=None, budget=None):
    """Bound sup { <T, x^1 o ... o x^K> : |x^k|_k <= 1 } by the partial-transpose relaxation.

    An l1 mode is split into slices first.  symmetric: the same x in every mode.

    Raises InputError for norms other than l1, l2 and linf, a solver that is not installed,
    or a T that is not a finite real array with an axis for each norm.
    """
    answers = [
        solve_tensor(part, solver, budget)
        for part in split_lines(pose(T, norms, symmetric=symmetric))
    ]
    failed = [t for t in answers if t.value is None]
    return failed[0] if failed else max(answers, key=lambda t: t.value or 0.0)


def pose(T, norms, *, symmetric):
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
    return ProductQuery(array, gauges, symmetric)


def split_lines(tensor):
    """Return the slices of the l1 modes, each with the signs its unit vector may have.

    A free mode among the others takes a slice's sign, so one of them is enough there.
    """
    modes = [k for k, g in enumerate(tensor.gauges) if g.axial]
    if not modes or tensor.symmetric or tensor.T.ndim == MATRIX:
        return [tensor]
    at = modes[0]
    g, rest = tensor.gauges[at], tensor.gauges[:at] + tensor.gauges[at + 1 :]
    signs = g.unit_signs[:1] if any(x.free for x in rest) else g.unit_signs
    parts = [
        ProductQuery(sign * part, rest) for sign in signs for part in np.moveaxis(tensor.T, at, 0)
    ]
    return [piece for part in parts for piece in split_lines(part)]


def solve_tensor(tensor, solver, budget):
    """Solve one part."""
    if tensor.T.ndim == MATRIX and not tensor.symmetric:
        left, right = tensor.gauges
        return polar(tensor.T, left, right, solver, budget)
    scale = unit(tensor.T)
    least = least_bound(form_of(replace(tensor, T=tensor.T / scale)))
    return least_value(least.program, least.bound, scale, (solver, budget))


def tensor_witness(T, norms, *, symmetric=False, using=None):
    """Return a bound of the polar of T with its proof, or None if the solver fails.

    Rule "transpose" with one leaf; "slices" for an l1 mode, and then the rules of matrices.
    Raises InputError as tensor_polar() does.
    """
    return propose_tensor(pose(T, norms, symmetric=symmetric), using or Using())
