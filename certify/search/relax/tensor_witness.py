"""Witnesses of the kernel's rules for tensors from a general solver.

What the solver returns is rounded to a grid and made feasible by itself: any multipliers
of the right signs prove a bound.  It is worth as much as the solver's accuracy.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from certify.polar import Proposal
from certify.polar.relaxation.product_leaf import assemble_leaf, factor_leaf, flat, proposal
from certify.polar.relaxation.products import pin

from ._solve import Using, numbers, unit
from .tensor_polar import Tensor, cube_sums, form_of, least_bound, line_mode, slices_of
from .witness import matrix_witness


def propose_tensor(tensor: Tensor, using: Using) -> Proposal | None:
    """Return the proof of a tensor, a slice, or a matrix."""
    if tensor.flat:
        left, right = tensor.gauges
        return matrix_witness(tensor.T, left, right, using)
    at = line_mode(tensor)
    if at is None:
        return leaf(tensor, using)
    each = [propose_tensor(part, using) for part in slices_of(tensor, at)]
    top, texts, arrays = 0.0, [], dict[str, Any]()
    for i, part in enumerate(each):
        if part is None:
            return None
        top = max(top, part.upper)
        text, part_arrays = part.with_prefix(f"s{i}.")
        texts.append(text)
        arrays |= part_arrays
    return Proposal(top, {"rule": "slices", "axis": at, "each": texts, **arrays})


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
