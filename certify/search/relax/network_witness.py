"""Witnesses of the kernel's rule "network" from a general solver: for a few samples.

The solver's multipliers are rounded to a grid and made feasible: any N of the right signs proves
a bound.  The bound is as tight as the solver is accurate.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from certify.base.arrays import Array
from certify.norms import gauge
from certify.polar import Proposal
from certify.polar import eigen as spectra
from certify.polar.branching.pooled import by_signs, whole
from certify.polar.layer_query import Layer, LayerQuery
from certify.polar.layers import each
from certify.polar.relaxation.layer_leaf import value_bound, write_leaf
from certify.polar.relaxation.layer_multiplier import LayerMultiplier
from certify.polar.relaxation.layers import LayerForm, form_of

from ._cvxpy import cp
from ._solve import Using, numbers, unit
from .witness import matrix_witness

BITS = 40  # of multipliers: short integers for the verifier, far below a solver's accuracy


def network_witness(W: Array, layer: Layer, using: Using) -> Proposal | None:
    """Return a bound of sup { |W^T pool(s(F u))|_* : |u| <= 1 } with its proof.

    W (samples, outputs).  With p = (F u)_+, q = (-F u)_+ and s = |u|, the products of the
    facts p, q, s, |f_i| s - p_i, |f_i| s - q_i >= 0 are nonnegative, and p_i q_i = 0:

        C + B^T N B <= Diag(0, level, bias, radial)
        =>  the polar, or its square, <= level + radial + bias reach^2.

    One output is split by the sign of w^T s; outputs in l1 are bounded one by one, those in l2
    together, those in linf in both ways.  The polar of a linear layer is that of a matrix.  A layer
    that takes the largest of its rows is bounded for one output and one sign of v at a time, by a
    layer above it that sums its rows.  None if the solver fails.  It takes seconds from about
    twenty samples on.
    """
    if layer.max_pooled:
        return of_largest(W, layer, using)
    if layer.slope == 1 and (not layer.left.spherical or not layer.free):
        return of_linear(W, layer, using)
    if layer.right.axial and W.shape[1] > 1:
        return by_outputs(W, layer, using)
    whole = of_tree(W, layer, using)
    if layer.right.spherical or W.shape[1] == 1 or whole is None:
        return whole
    whole = Proposal(whole.upper * layer.right.cost(np.ones(W.shape[1])) ** 0.5, whole.proof)
    parted = by_outputs(W, layer, using)
    return whole if parted is None else min(whole, parted, key=lambda p: p.upper)


def of_largest(W: Array, layer: Layer, using: Using) -> Proposal | None:
    """Return the proof of a layer that takes the largest of its rows."""

    def by(one: LayerQuery) -> Proposal:
        """Return the bound of one output."""
        return by_signs(one, lambda q, signed: whole(q, signed, lambda x: sum_bound(x, using)))

    query = LayerQuery(layer, W)
    proposal = each(query, by) if W.shape[1] > 1 else by(query)
    if proposal.upper == np.inf:
        return None
    return replace(proposal, upper=proposal.upper * (1 + 1e-12))


def of_linear(W: Array, layer: Layer, using: Using) -> Proposal | None:
    """Return the proof of the matrix F^T W."""
    back = layer.features.T @ layer.spread(W)
    right = gauge(f"l1{layer.right.cone}") if W.shape[1] == 1 else layer.right  # |v|, any norm
    proposal = matrix_witness(back, layer.left, right, using)
    return proposal and proposal.linear()


def by_outputs(W: Array, layer: Layer, using: Using) -> Proposal | None:
    """Bound each output alone, and all of them by the dual norm of their bounds."""
    proposal = each(LayerQuery(layer, W), lambda q: sum_bound(q, using))
    return None if proposal.upper == np.inf else proposal


def sum_bound(query: LayerQuery, using: Using) -> Proposal:
    """Return the bound of one output of a layer that sums; infinite if the solver fails."""
    return of_tree(query.W, query.layer, using) or Proposal(np.inf, {"nodes": []})


def of_tree(W: Array, layer: Layer, using: Using) -> Proposal | None:
    """Return one leaf, or one for each sign of the only output."""
    signs = layer.right.unit_signs if W.shape[1] == 1 else (0,)
    nodes: list[dict[str, Any]] = [{"signs": [1 + k for k in range(len(signs))]}]
    nodes, arrays, top = nodes if W.shape[1] == 1 else [], dict[str, Any](), 0.0
    for k, sign in enumerate(signs):
        form = replace(form_of(LayerQuery(layer, W)), sign=sign, ranges=True)
        result = leaf(form, form.cuts[:, :-1], using)
        if result is None:
            return None
        made, bound = result
        nodes.append({"leaf": k, **made["node"]})
        arrays |= {f"{name}{k}": x for name, x in made["arrays"].items()}
        top = max(top, bound)
    return Proposal(top, {"rule": "network", "nodes": nodes, **arrays})


def leaf(form: LayerForm, cuts: Array, using: Using) -> tuple[dict[str, Any], float] | None:
    """Solve one part, round its multipliers, and return its leaf and bound as the engine does.

    cuts  the rows of the part's path over (p, u), with their signs, which are facts of the form
    """
    size = unit(form.omega)
    solution = solve_part(replace(form, omega=form.omega / size), using)
    if solution is None:
        return None
    by = size if form.sign else size * size
    N, *prices = (spectra.on_grid(x * by, BITS) for x in solution)
    level, bias, radial = map(float, prices)
    bound = max(level + radial, 0.0) + max(bias, 0.0) * form.reach**2
    rounded = LayerMultiplier(N, form.no_cones(), level, bias, radial, bound)
    made, value = write_leaf(form, cuts, rounded, value_bound(form, bound))
    return made, value * (1 + 1e-12)


def solve_part(form: LayerForm, using: Using) -> list[Array] | None:
    """Return N and the prices of |u|^2, b^2 and s^2 of the least bound; None without an answer."""
    (m, d), k = form.F.shape, form.size
    p, u = np.eye(m, k), np.eye(d, k, m)
    B = np.vstack([p, p - form.F @ u, form.rows])
    N, S = cp.Variable((len(B), len(B)), symmetric=True), cp.Variable((k, k), PSD=True)
    prices, priced = cp.Variable(3), np.zeros((k, 3))
    priced[m : m + d, 0], priced[m + d :, 2] = 1.0, 1.0
    if form.reach:
        priced[m + d - 1] = [0.0, 1.0, 0.0]
    free = np.zeros((len(B), len(B)), dtype=bool)
    free[np.arange(m), np.arange(m, 2 * m)] = free[np.arange(m, 2 * m), np.arange(m)] = True
    cone = [cp.diag(priced @ prices) - form.C - B.T @ N @ B == S, prices[1] >= 0]
    cone += [cp.multiply((~free).astype(float), N) >= 0]
    cone += [prices[at] == 0 for at in np.flatnonzero(~priced.any(axis=0)).tolist()]
    bound = prices[0] + prices[2] + form.reach**2 * prices[1]
    if not using.solve(cp.Problem(cp.Minimize(bound), cone)):
        return None
    values = numbers([N, prices])
    if values is None:
        return None
    half = 0.5 * (values[0] + values[0].T)
    return [np.where(free, half, np.maximum(half, 0.0)), *values[1]]
