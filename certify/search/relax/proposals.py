"""The method "cvxpy": which problems it takes, and a bound of any atom's polar."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from certify.atoms import ATOMS, Atom
from certify.base.arrays import Array, as_dense
from certify.base.errors import InputError
from certify.norms import gauge
from certify.polar import Proposal
from certify.problem import Problem

from ._solve import Using, must_be_installed
from .convex import own, relaxable
from .network_witness import network_witness
from .tensor_polar import Tensor, halves
from .tensor_witness import propose_tensor
from .witness import matrix_witness, symmetric_witness, witness

SIDE = 80  # of a semidefinite matrix: a solver takes a minute
UNITS = 32  # rows and inputs of a hidden layer: its polar has the products of four facts a row
ENTRIES = 4096  # observed: the solver's own units of a loss
MATRIX = 2  # modes
CURE = "the engine takes any size: leave out method='cvxpy'"


def require(problem: Problem, solver: str | None = None) -> None:
    """Raise InputError for a problem that the method does not take, saying why.

    An unknown solver, lam = 0, an atom or loss without a relaxation, or one that is too large.
    """
    must_be_installed(solver)
    if problem.lam == 0:
        raise InputError("no relaxation is known at lam = 0, where the rank is fixed; give lam > 0")
    own(problem)
    count = problem.loss.observed.size
    if count > ENTRIES:
        raise InputError(
            f"method='cvxpy' takes at most {ENTRIES} observed entries, got {count}; {CURE}"
        )
    require_small(problem.atom, problem.loss.dims)


def require_small(atom: Any, dims: Sequence[int]) -> None:  # noqa: ANN401  an atom of ours
    """Raise InputError if the relaxation of a polar is larger than the method takes."""
    layer = atom.layer
    if layer is not None and layer.slope != 1:
        units, most = sum(layer.features.shape), UNITS
        noun = "rows and inputs of a layer"
    else:
        units, most = side_of(atom, tuple(dims)), SIDE
        noun = "rows and columns of a semidefinite matrix"
    if units > most:
        raise InputError(f"method='cvxpy' takes at most {most} {noun}, got {units}; {CURE}")


def side_of(atom: Any, dims: tuple[int, ...]) -> int:  # noqa: ANN401  an atom of ours
    """Return the side of the semidefinite matrix of an atom that is linear in its data."""
    if atom.family == "squares" or (atom.parts == 1 and len(dims) == MATRIX):
        return dims[0]
    if atom.layer is not None:
        inputs = atom.layer.features.shape[1]
        return 0 if has_unit_vectors(atom) or dims[1] == 1 else inputs + dims[1]
    if atom.family == "deep":
        return int(atom.V.shape[1] + dims[1])
    if len(dims) == MATRIX:
        return 0 if has_unit_vectors(atom) else sum(dims)
    kept = dims if atom.parts == 1 else rest(atom, dims)
    if len(kept) <= MATRIX:
        lines = len(kept) < len(dims) and any(g.axial for g in atom.gauges[-MATRIX:])
        return 0 if lines else sum(kept)
    rows = halves(kept)
    small = int(np.prod([kept[k] for k in rows]))
    return small + int(np.prod(kept)) // small


def has_unit_vectors(atom: Any) -> bool:  # noqa: ANN401  an atom of ours
    """Whether a side's extreme points are unit vectors."""
    return any(g.axial for g in atom.gauges)


def rest(atom: Any, dims: tuple[int, ...]) -> tuple[int, ...]:  # noqa: ANN401  a CP
    """Return the sizes of a tensor's slices along its l1 modes, two modes at least."""
    kept = list(zip(dims, (g.axial for g in atom.gauges), strict=True))
    while len(kept) > MATRIX and any(axial for _, axial in kept):
        kept.remove(next(pair for pair in kept if pair[1]))
    return tuple(n for n, _ in kept)


def propose(atom: Atom, W: Any, using: Using) -> Proposal | None:  # noqa: ANN401  a polar Matrix
    """Return a bound of the polar of W by a solver, or None where it has none.

    It is as untrusted as the solver: the kernel proves what it is worth.
    Raises InputError for an atom without a relaxation, or sizes beyond the method's.
    """
    must_be_installed(using.solver)
    if not isinstance(atom, tuple(ATOMS.values())) or not relaxable(atom):
        raise InputError(f"no relaxation is known for {type(atom).__name__}")
    dense = as_dense(W).astype(np.float64)
    require_small(atom, dense.shape)
    try:
        with np.errstate(all="ignore"):  # a liar's numbers may be anything
            proposal = BOUNDS[atom.family](atom, dense, using)
    except (ArithmeticError, np.linalg.LinAlgError, ValueError):
        return None
    return proposal if proposal is not None and np.isfinite(proposal.upper) else None


def of_tensor(atom: Any, T: Array, using: Using) -> Proposal | None:  # noqa: ANN401
    """Return the bound of a tensor, of its slices, or of a matrix."""
    if T.ndim == MATRIX and atom.parts == 1:
        return symmetric_witness(T, atom.gauges[0], using)
    return propose_tensor(Tensor(T, atom.gauges, atom.parts == 1), using)


def of_deep(atom: Any, W: Array, using: Using) -> Proposal | None:  # noqa: ANN401
    """Return the bound of parallel deep linear networks: the spectral norm of V^T W."""
    proposal = witness(atom.V.T @ W, gauge("l2"), gauge("l2"), using)
    return proposal and proposal.linear()


BOUNDS: dict[str, Callable[[Any, Array, Using], Proposal | None]] = {
    "pairs": lambda atom, W, using: matrix_witness(W, atom.gauges[0], atom.gauges[1], using),
    "squares": lambda atom, W, using: symmetric_witness(W, atom.gauges[0], using),
    "products": of_tensor,
    "layers": lambda atom, W, using: network_witness(W, atom.layer, using),
    "deep": of_deep,
}
