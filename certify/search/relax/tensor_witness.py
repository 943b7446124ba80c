"""Witnesses of the kernel's rules for tensors from a general solver.

What the solver returns is rounded to a grid and made feasible by itself: any multipliers
of the right signs prove a bound.  It is worth as much as the solver's accuracy.
"""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from certify.base.arrays import Array
from certify.norms import Gauge
from certify.polar import Proposal
from certify.polar import eigen as spectra

from ._solve import Using, numbers, unit
from .tensor_polar import (
    Tensor,
    TensorForm,
    TensorProgram,
    choose_groups,
    least_bound,
    line_mode,
    pose,
    slices_of,
)
from .witness import matrix_witness

BITS = 40  # of multipliers: short integers for the verifier, far below a solver's accuracy
SIDES = ("rows", "cols")


def tensor_witness(
    T: object,
    norms: Sequence[str | Gauge],
    *,
    symmetric: bool = False,
    using: Using | None = None,
) -> Proposal | None:
    """Return a bound of the polar of T with its proof, or None if the solver fails.

    Rule "transpose" with one leaf; "slices" for an l1 mode, and then the rules of matrices.
    Raises InputError as tensor_polar() does.
    """
    return propose_tensor(pose(T, norms, symmetric=symmetric), using or Using())


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
    """Solve the relaxation, round its multipliers, and bound what they leave."""
    scale = unit(tensor.T)
    form = choose_groups(replace(tensor, T=tensor.T / scale))
    program = least_bound(form)
    if not using.solve(program.asked):
        return None
    arrays = round_multipliers(program, form, scale)
    if arrays is None:
        return None
    form = choose_groups(tensor)
    G = assemble(form, arrays)
    D = arrays.get("D0", np.zeros(form.size))
    spent = [float((g.cubes @ d).max()) for g, d in zip(form.groups, parts(form, D), strict=True)]
    wide = sum(g.wide for g in form.groups)
    made = spectra.shifted_factor(G - np.diag(D), 0.0)
    if made is None:
        return None
    shift, arrays["L0"] = made
    upper = (sum(spent) + shift * wide) / (len(form.groups) * form.count)
    return Proposal(upper * (1 + 1e-14), proof_of(form, arrays, shift, tensor.T.shape))


def round_multipliers(
    program: TensorProgram, form: TensorForm, scale: float
) -> dict[str, Array] | None:
    """Return the multipliers in the caller's units: of the right signs, on a grid."""
    out = {}
    for side, g, *variables in zip(SIDES, form.groups, program.nulls, program.lifts, strict=False):
        for name, basis, x in zip("KP", (g.nulls, g.lifts), variables, strict=True):
            if not basis.shape[1]:
                continue
            values = numbers([x])
            if values is None:
                return None
            clean = values[0] if name == "K" else np.maximum(values[0], 0.0)
            out[f"{name}0.{side}"] = spectra.on_grid(clean * scale, BITS)
    if any(g.cubic for g in form.groups):
        values = numbers(list(program.cubes))
        if values is None:
            return None
        out["D0"] = spectra.on_grid(np.maximum(np.concatenate(values), 0.0) * scale, BITS)
    if program.N is not None:
        values = numbers([program.N])
        if values is None:
            return None
        out["N"] = spectra.on_grid(values[0] * scale, BITS)
    return out


def assemble(form: TensorForm, arrays: dict[str, Array]) -> Array:
    """Return G from the rounded multipliers."""
    J = []
    for side, g in zip(SIDES, form.groups, strict=False):
        flat = np.zeros(g.size * g.size)
        for name, basis in (("K", g.nulls), ("P", g.lifts)):
            if f"{name}0.{side}" in arrays:
                flat = flat + basis @ arrays[f"{name}0.{side}"]
        J.append(flat.reshape(g.size, g.size))
    S = form.S + arrays.get("N", 0.0)
    return J[0] + S if len(J) == 1 else np.block([[J[0], S], [S.T, J[1]]])


def parts(form: TensorForm, D: Array) -> list[Array]:
    """Return the part of each group."""
    return np.split(D, np.cumsum([g.size for g in form.groups])[:-1])


def proof_of(
    form: TensorForm, arrays: dict[str, Array], shift: float, dims: tuple[int, ...]
) -> dict[str, Any]:
    """Return the proof, with N in the order of the tensor's modes."""
    if "N" in arrays:
        others = [k for k in range(len(dims)) if k not in form.rows]
        order = [*form.rows, *others]
        N = arrays["N"].reshape([dims[k] for k in order])
        arrays["N"] = np.transpose(N, np.argsort(order)).reshape(-1)
    return {
        "rule": "transpose",
        "rows": list(form.rows),
        "form": form.kind,
        "nodes": [{"leaf": 0, "shift": Fraction(shift)}],
        "splits": [],
        **arrays,
    }
