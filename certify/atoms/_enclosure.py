"""The polar of one matrix from both sides: an attained value, and a proved bound."""

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
from scipy import sparse

from certify.base.arrays import Array, as_dense, finite, real
from certify.base.errors import InputError
from certify.kernel.errors import RejectedError
from certify.kernel.scalars import power
from certify.norms import Gauge, gauge
from certify.polar import Matrix, PolarBound, Proposal
from certify.polar.proved import (
    above,
    attained_below,
    below,
    layer_above,
    layer_below,
    proved_above,
    tensor_above,
)
from certify.polar.scale import at_scale_one, rescale_proof

from ._base import Atom, Slice


def enclose(
    atom: Atom,
    norms: tuple[Gauge, Gauge],
    W: Matrix,
    propose: Callable[[Matrix], Proposal],
    seed: int,
) -> PolarBound:
    """Enclose the polar of W for phi = u v^T, or x x^T where a slice has one part.

    `upper` is proved by the kernel's rule in outward-rounded floats; `lower` is attained by
    `witness` after allowing for every rounding.

    Raises InputError if W is not a finite real matrix of a shape that the norms fit.
    """
    scaled, e = at_scale_one(matrix(W))
    atom.check(scaled.shape)
    proposal = propose(scaled)
    witness = atom.attain(scaled, seed)[1]
    single = len(witness) == 1
    lower = attained_below(scaled, witness * 2 if single else witness, norms)
    proved = partial(proved_above, scaled, norms, proposal.proof, symmetric=single)
    return bracket((lower, proved), witness, proposal, e)


def bracket(
    sides: tuple[float, Callable[[], float]], witness: Slice, proposal: Proposal, e: int
) -> PolarBound:
    """Return both sides at the caller's scale; without a proof the upper one is infinite."""
    lower, proved = sides
    down = below(Fraction(lower) * power(e))
    if proposal.upper == np.inf:
        return PolarBound(down, np.inf, witness, {}, proposal.note)
    try:
        upper = proved()
    except RejectedError as error:
        if not proposal.note:
            raise
        note = f"{proposal.note}, and the kernel refuses what it left: {error}"
        return PolarBound(down, np.inf, witness, {}, note)
    if upper == np.inf:
        return PolarBound(down, np.inf, witness, {}, proposal.note)
    up = above(Fraction(upper) * power(e))
    return PolarBound(down, up, witness, rescale_proof(proposal.proof, e))


def enclose_tensor(
    atom: Atom, T: Array, propose: Callable[[Array], Proposal], seed: int
) -> PolarBound:
    """Enclose the polar of a tensor for one of our atoms; as `enclose`."""
    scaled, e = at_scale_one(T)
    proposal = propose(scaled)
    witness = atom.attain(scaled, seed)[1]
    statement, shape = atom.statement(), T.shape
    gauges = tuple(gauge(k) for k in statement["norms"])
    every = witness * len(shape) if statement["symmetric"] else witness
    lower = attained_below(scaled, every, gauges)
    return bracket(
        (lower, partial(tensor_above, scaled, statement, proposal.proof)), witness, proposal, e
    )


def enclose_network(
    atom: Any,  # noqa: ANN401  a network, which is above
    W: Any,  # noqa: ANN401  an array or scipy.sparse
    propose: Callable[[Array], Proposal],
    seed: int,
) -> PolarBound:
    """Enclose the polar of W for a hidden layer; as `enclose`.

    The value of the witness is computed in the kernel's rounded arithmetic; a side whose
    numbers leave the floats is 0 or infinite, which holds, and has no proof.
    """
    given = matrix(W)
    whole = as_dense(given)
    atom.check(whole.shape)
    sums = [sum(map(Fraction, column)) for column in whole.T.tolist()]
    if getattr(atom, "bias", "") == "free" and any(sums):
        raise InputError("W must have columns that sum to zero exactly: the bias is free")
    scaled, e = at_scale_one(whole)
    proposal = propose(scaled)
    witness = atom.attain(scaled, seed)[1]
    lower = inside_floats(lambda: layer_below(scaled, atom, witness), 0.0)

    def proved() -> float:
        """Return the bound; infinite where rounded arithmetic overflows."""
        return inside_floats(lambda: layer_above(scaled, atom, proposal.proof), np.inf)

    return bracket((lower, proved), witness, proposal, e)


def inside_floats(bounded: Callable[[], float], otherwise: float) -> float:
    """Return a bound, or another where rounded arithmetic overflows."""
    try:
        return bounded()
    except RejectedError as error:
        if error.code != "overflow":
            raise
        return otherwise


def matrix(W: Any) -> Matrix:  # noqa: ANN401  an array or scipy.sparse
    """Return W as float64, dense or in rows."""
    if not sparse.issparse(W):
        dense = finite(real(W, "W", ndim=2), "W")
        if not dense.size:
            raise InputError(f"W must not be empty, got shape {dense.shape}")
        return dense
    coo = sparse.coo_array(W, copy=True)
    data = finite(real(coo.data, "W.data"), "W.data")
    out = sparse.coo_array((data, coo.coords), shape=coo.shape).tocsr()
    finite(out.data, "W.data")  # stored twice, the sum may overflow
    return out
