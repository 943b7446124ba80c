"""The polar of one matrix from both sides: an attained value, and a proved bound."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from certify.base.arrays import as_dense
from certify.base.errors import InputError
from certify.kernel.errors import RejectedError
from certify.kernel.scalars import power
from certify.polar import Matrix, PolarBound, Proposal
from certify.polar.proved import (
    above,
    attained_below,
    below,
    layer_above,
    layer_below,
    proved_above,
)
from certify.polar.scale import at_scale_one, rescale_proof

from ._base import Atom
from ._hidden import matrix

Propose = Callable[[Any], Proposal]
Sides = tuple[Callable[[Any, Any], float], Callable[[Any, Any], float]]


def enclose(atom: Any, W: Matrix, propose: Propose, seed: int, sides: Sides) -> PolarBound:  # noqa: ANN401  an atom
    """Enclose the polar of W; in floats, unproved, if the kernel does not have the atom's norms.

    `upper` is proved by the kernel's rule in outward-rounded floats; `lower` is attained by
    `witness` after allowing for every rounding.

    sides  (lower, upper): bounds of the polar of W at scale 1, by a witness and by a proof
    """
    if not atom.statement():
        return Atom.enclose(atom, W, propose, seed)
    scaled, e = at_scale_one(W)
    proposal = propose(scaled)
    witness = atom.attain(scaled, seed)[1]
    lower, upper = sides
    low = below(Fraction(lower(scaled, witness)) * power(e))
    unproved = PolarBound(low, np.inf, witness, {}, proposal.note)
    if proposal.upper == np.inf:
        return unproved
    try:
        high = upper(scaled, proposal.proof)
    except RejectedError as error:
        if not proposal.note:
            raise
        message = f"{proposal.note}, and the kernel refuses what it left: {error}"
        return replace(unproved, note=message)
    if high == np.inf:
        return unproved
    high = above(Fraction(high) * power(e))
    return PolarBound(low, high, witness, rescale_proof(proposal.proof, e))


def enclose_matrix(
    atom: Any,  # noqa: ANN401  an atom
    W: Any,  # noqa: ANN401  an array or scipy.sparse
    propose: Propose,
    seed: int,
) -> PolarBound:
    """Enclose the polar of W for phi = u v^T, or x x^T if a slice has one part.

    Raises InputError if W is not a finite real matrix of a shape that the norms fit.
    """
    given = matrix(W)
    atom.check(given.shape)
    copies = 2 // atom.parts
    norms = atom.gauges * copies
    sides = (
        lambda M, witness: attained_below(M, witness * copies, norms),
        lambda M, proof: proved_above(M, norms, proof, symmetric=copies > 1),
    )
    return enclose(atom, given, propose, seed, sides)


def enclose_network(
    atom: Any,  # noqa: ANN401  an atom
    W: Any,  # noqa: ANN401  an array or scipy.sparse
    propose: Propose,
    seed: int,
) -> PolarBound:
    """Enclose the polar of W for a network, both sides in the kernel's rounded arithmetic.

    If rounded arithmetic overflows, a side is 0 or infinite.

    Raises InputError as `enclose_matrix`, and for a free bias if a column of W has a sum.
    """
    whole = as_dense(matrix(W))
    atom.check(whole.shape)
    sums = [sum(map(Fraction, column)) for column in whole.T.tolist()]
    if getattr(atom, "bias", "") == "free" and any(sums):
        raise InputError("W must have columns that sum to zero exactly: the bias is free")
    sides = (
        lambda M, witness: inside_floats(lambda: layer_below(M, atom, witness), 0.0),
        lambda M, proof: inside_floats(lambda: layer_above(M, atom, proof), np.inf),
    )
    return enclose(atom, whole, propose, seed, sides)


def inside_floats(bounded: Callable[[], float], otherwise: float) -> float:
    """Return the bound, or `otherwise` if rounded arithmetic overflows."""
    try:
        return bounded()
    except RejectedError as error:
        if error.code != "overflow":
            raise
        return otherwise
