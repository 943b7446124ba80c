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
    formed,
    posed,
    programmed,
    sliced,
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
    return proposed(posed(T, norms, symmetric=symmetric), using or Using())


def proposed(asked: Tensor, using: Using) -> Proposal | None:
    """Return the proof of a tensor, a slice, or a matrix."""
    if asked.flat:
        left, right = asked.gauges
        return matrix_witness(asked.T, left, right, using)
    at = sliced(asked)
    if at is None:
        return leaf(asked, using)
    each = [proposed(part, using) for part in slices_of(asked, at)]
    top, told, arrays = 0.0, [], dict[str, Any]()
    for i, part in enumerate(each):
        if part is None:
            return None
        top = max(top, part.upper)
        text, own = part.parted(f"s{i}.")
        told.append(text)
        arrays |= own
    return Proposal(top, {"rule": "slices", "axis": at, "each": told, **arrays})


def leaf(asked: Tensor, using: Using) -> Proposal | None:
    """Solve the relaxation, round its multipliers, and bound what they leave."""
    scale = unit(asked.T)
    form = formed(replace(asked, T=asked.T / scale))
    program = programmed(form)
    if not using.solve(program.asked):
        return None
    held = rounded(program, form, scale)
    if held is None:
        return None
    form = formed(asked)
    G = assembled(form, held)
    D = held.get("D0", np.zeros(form.size))
    spent = [float((g.cubes @ d).max()) for g, d in zip(form.groups, parts(form, D), strict=True)]
    wide = sum(g.wide for g in form.groups)
    made = spectra.shifted(G - np.diag(D), 0.0)
    if made is None:
        return None
    shift, held["L0"] = made
    upper = (sum(spent) + shift * wide) / (len(form.groups) * form.count)
    return Proposal(upper * (1 + 1e-14), proof_of(form, held, shift, asked.T.shape))


def rounded(program: TensorProgram, form: TensorForm, scale: float) -> dict[str, Array] | None:
    """Return the multipliers in the caller's units: of the right signs, on a grid."""
    out = {}
    for side, g, *variables in zip(SIDES, form.groups, program.nulls, program.lifts, strict=False):
        for name, basis, x in zip("KP", (g.nulls, g.lifts), variables, strict=True):
            if not basis.shape[1]:
                continue
            found = numbers([x])
            if found is None:
                return None
            clean = found[0] if name == "K" else np.maximum(found[0], 0.0)
            out[f"{name}0.{side}"] = spectra.on_grid(clean * scale, BITS)
    if any(g.cubic for g in form.groups):
        found = numbers(list(program.cubes))
        if found is None:
            return None
        out["D0"] = spectra.on_grid(np.maximum(np.concatenate(found), 0.0) * scale, BITS)
    if program.N is not None:
        found = numbers([program.N])
        if found is None:
            return None
        out["N"] = spectra.on_grid(found[0] * scale, BITS)
    return out


def assembled(form: TensorForm, held: dict[str, Array]) -> Array:
    """Return G from the rounded multipliers."""
    J = []
    for side, g in zip(SIDES, form.groups, strict=False):
        flat = np.zeros(g.size * g.size)
        for name, basis in (("K", g.nulls), ("P", g.lifts)):
            if f"{name}0.{side}" in held:
                flat = flat + basis @ held[f"{name}0.{side}"]
        J.append(flat.reshape(g.size, g.size))
    S = form.S + held.get("N", 0.0)
    return J[0] + S if len(J) == 1 else np.block([[J[0], S], [S.T, J[1]]])


def parts(form: TensorForm, D: Array) -> list[Array]:
    """Return the part of each group."""
    return np.split(D, np.cumsum([g.size for g in form.groups])[:-1])


def proof_of(
    form: TensorForm, held: dict[str, Array], shift: float, dims: tuple[int, ...]
) -> dict[str, Any]:
    """Return the proof: N goes back to the order of the tensor."""
    if "N" in held:
        others = [k for k in range(len(dims)) if k not in form.rows]
        order = [*form.rows, *others]
        N = held["N"].reshape([dims[k] for k in order])
        held["N"] = np.transpose(N, np.argsort(order)).reshape(-1)
    return {
        "rule": "transpose",
        "rows": list(form.rows),
        "form": form.kind,
        "nodes": [{"leaf": 0, "shift": Fraction(shift)}],
        "splits": [],
        **held,
    }
