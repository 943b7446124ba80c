"""Witnesses of the kernel's rules for tensors from a general solver.

The solver's multipliers are rounded to a grid and made feasible: any multipliers of the right
signs prove a bound.  The bound is as tight as the solver is accurate.
"""

from dataclasses import replace

import numpy as np

from certify.polar import Proposal
from certify.polar.methods._slices import axis_of, largest_slice
from certify.polar.product_query import ProductQuery
from certify.polar.relaxation.product_leaf import assemble_leaf, factor_leaf, flat, proposal
from certify.polar.relaxation.products import pin

from ._solve import Using, numbers, unit
from .tensor_polar import MATRIX, cube_sums, form_of, least_bound
from .witness import matrix_witness, symmetric_witness


def propose_tensor(query: ProductQuery, using: Using) -> Proposal | None:
    """Return the proof of a tensor, of its slices, or of a matrix; None if the solver fails."""
    if query.T.ndim == MATRIX:
        left, right = query.gauges
        if query.symmetric:
            return symmetric_witness(query.T, left, using)
        return matrix_witness(query.T, left, right, using)
    axis = None if query.symmetric else axis_of(query)
    if axis is None:
        return leaf(query, using)

    def bound(part: ProductQuery) -> Proposal:
        """Return the bound of a slice; infinite if the solver fails."""
        return propose_tensor(part, using) or Proposal(np.inf)

    proposal = largest_slice(query, axis, bound)
    return None if proposal.upper == np.inf else proposal


def leaf(query: ProductQuery, using: Using) -> Proposal | None:
    """Solve the relaxation, and write its multipliers as the engine does."""
    scale = unit(query.T)
    least = least_bound(form_of(replace(query, T=query.T / scale)))
    values = numbers([least.J, least.D]) if using.solve(least.program) else None
    if values is None:
        return None
    J, D = (scale * x for x in values)
    form = pin(form_of(query), J)
    cost = sum(float((rows @ D[at]).max()) for rows, at in cube_sums(form))
    arrays = flat(form, J, 0)
    made = factor_leaf(form, arrays, assemble_leaf(form, arrays, 0), (np.maximum(D, 0.0), cost), 0)
    return None if made is None else proposal(form, [made], [{"leaf": 0} | made.node], [])
