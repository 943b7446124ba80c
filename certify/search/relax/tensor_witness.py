"""Witnesses of the kernel's rules for tensors from a general solver.

What the solver returns is rounded to a grid and made feasible by itself: any multipliers
of the right signs prove a bound.  It is worth as much as the solver's accuracy.
"""

from dataclasses import replace

import numpy as np

from certify.polar import Proposal
from certify.polar.methods._slices import axis_of, largest_slice
from certify.polar.product_query import ProductQuery
from certify.polar.relaxation.product_leaf import assemble_leaf, factor_leaf, flat, proposal
from certify.polar.relaxation.products import pin

from ._solve import Using, numbers, unit
from .tensor_polar import Tensor, cube_sums, form_of, least_bound
from .witness import matrix_witness


def propose_tensor(tensor: Tensor, using: Using) -> Proposal | None:
    """Return the proof of a tensor, a slice, or a matrix."""
    if tensor.flat:
        left, right = tensor.gauges
        return matrix_witness(tensor.T, left, right, using)
    query = ProductQuery(tensor.T, tensor.gauges)
    axis = None if tensor.symmetric else axis_of(query)
    if axis is None:
        return leaf(tensor, using)

    def bound(part: ProductQuery) -> Proposal:
        """Return the bound of a slice; infinite if the solver fails."""
        return propose_tensor(Tensor(part.T, part.gauges), using) or Proposal(np.inf)

    proposal = largest_slice(query, axis, bound)
    return None if proposal.upper == np.inf else proposal


def leaf(tensor: Tensor, using: Using) -> Proposal | None:
    """Solve the relaxation, and write its multipliers as the engine does."""
    scale = unit(tensor.T)
    program = least_bound(form_of(replace(tensor, T=tensor.T / scale)))
    values = numbers([program.J, program.D]) if using.solve(program.asked) else None
    if values is None:
        return None
    J, D = (scale * x for x in values)
    form = pin(form_of(tensor), J)
    cost = sum(float((rows @ D[at]).max()) for rows, at in cube_sums(form))
    arrays = flat(form, J, 0)
    made = factor_leaf(form, arrays, assemble_leaf(form, arrays, 0), (np.maximum(D, 0.0), cost), 0)
    return None if made is None else proposal(form, [made], [{"leaf": 0} | made.node], [])
