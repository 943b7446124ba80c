"""The method "cvxpy": the problems that it takes, and a bound of any atom's polar."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from certify.atoms import Atom
from certify.atoms._layers import by_layers
from certify.base.arrays import Array, as_dense
from certify.base.errors import InputError
from certify.norms import gauge
from certify.polar import Proposal, eigen
from certify.polar.methods.spectral import of_gram
from certify.polar.product_query import ProductQuery
from certify.problem import Problem

from ._cvxpy import cp
from ._solve import Using, accept_solver, numbers, unit
from .convex import NOISE, UNKNOWN, has_own, of_family, require_own
from .network_witness import network_witness
from .tensor_polar import MATRIX, halves
from .tensor_witness import propose_tensor
from .witness import matrix_witness, symmetric_witness, witness

SIDE = 80  # of a semidefinite matrix: a solver takes a minute
UNITS = 32  # rows and inputs of a hidden layer: its polar has the products of four facts a row
ENTRIES = 4096  # observed: the solver's own units of a loss
CURE = "the engine takes any size: leave out method='cvxpy'"


def require(problem: Problem, solver: str | None = None) -> None:
    """Raise InputError for a problem that the method does not take, saying why.

    An unknown solver, lam = 0, an atom or loss without a relaxation, or one that is too large.
    """
    accept_solver(solver)
    if problem.lam == 0:
        raise InputError("no relaxation is known at lam = 0, where the rank is fixed; give lam > 0")
    require_own(problem)
    count = problem.loss.observed.size
    if count > ENTRIES:
        raise InputError(
            f"method='cvxpy' takes at most {ENTRIES} observed entries, got {count}; {CURE}"
        )
    require_small(problem.atom, problem.loss.dims)


def require_small(atom: Any, dims: Sequence[int]) -> None:  # noqa: ANN401  an atom of ours
    """Raise InputError if the relaxation of a polar is larger than the method takes."""
    layer = atom.layer
    if not of_family(atom, BOUNDS):
        units, most = prod(dims), ENTRIES
        noun = "entries"
    elif layer is not None and layer.slope != 1:
        units, most = sum(layer.features.shape), UNITS
        noun = "rows and inputs of a layer"
    else:
        units, most = side_of(atom, tuple(dims)), SIDE
        noun = "rows and columns of a semidefinite matrix"
    if units > most:
        raise InputError(f"method='cvxpy' takes at most {most} {noun}, got {units}; {CURE}")


def side_of(atom: Any, dims: tuple[int, ...]) -> int:  # noqa: ANN401  an atom of ours
    """Return the side of the semidefinite matrix of an atom that is linear in its data.

    0 where a closed form takes the place of the matrix: of two modes, one of them l1.
    """
    if atom.family == "deep" and atom.slope != 1:
        return int(max(sum(dims), sum(atom.V.shape)))
    if atom.family == "deep":
        return int(atom.V.shape[1] + dims[1])
    if atom.parts == 1:
        return dims[0] if len(dims) == MATRIX else product_side(dims)
    axial = [g.axial or (atom.layer is not None and dims[1] == 1) for g in atom.gauges]
    if atom.layer is not None:
        dims = (atom.layer.features.shape[1], dims[1])
    modes = list(zip(dims, axial, strict=True))
    while len(modes) > MATRIX and any(line for _, line in modes):  # one of its slices
        modes.remove(next(mode for mode in modes if mode[1]))
    if len(modes) == MATRIX:
        return 0 if any(line for _, line in modes) else sum(n for n, _ in modes)
    return product_side(tuple(n for n, _ in modes))


def product_side(dims: tuple[int, ...]) -> int:
    """Return the sum of the numbers of products of both groups of modes."""
    small = prod(dims[k] for k in halves(dims))
    return small + prod(dims) // small


def propose(atom: Atom, W: Any, using: Using) -> Proposal | None:  # noqa: ANN401  a polar Matrix
    """Return a bound of the polar of W by a solver, or None without an answer.

    It is untrusted, like the solver: the kernel derives the bound from the proof.
    Raises InputError for an atom without a relaxation, or sizes beyond the method's.
    """
    accept_solver(using.solver)
    bound = BOUNDS[atom.family] if of_family(atom, BOUNDS) else of_relaxation
    if bound is of_relaxation and not has_own(atom):
        raise InputError(UNKNOWN.format(type(atom).__name__))
    dense = as_dense(W).astype(np.float64)
    require_small(atom, dense.shape)
    try:
        with np.errstate(all="ignore"):  # a liar's numbers may be anything
            proposal = bound(atom, dense, using)
    except (ArithmeticError, np.linalg.LinAlgError, ValueError):
        return None
    return proposal if proposal is not None and np.isfinite(proposal.upper) else None


def of_relaxation(atom: Any, W: Array, using: Using) -> Proposal | None:  # noqa: ANN401
    """Return max { <W, Z> : r(Z) <= 1 } >= Omega*(W) for the atom's own relaxation r <= Omega.

    It is not below what is attained by less than a solver's noise.  If the kernel knows the atom,
    the proof is that of its own `propose`.
    """
    flat, scale = W.reshape(len(W), -1), unit(W)
    Z = cp.Variable(flat.shape)
    price, cone = atom.relaxation(cp, Z)
    program = cp.Problem(cp.Maximize(cp.vdot(flat / scale, Z)), [price <= 1, *cone])
    values = numbers([program.objective]) if using.solve(program) else None
    if values is None:
        return None
    upper, least = float(values[0]) * scale, float(atom.attain(W, 0)[0])
    proof = atom.propose(W, None, 0, using.deadline).proof if atom.statement() else {}
    return Proposal(max(upper, least) if least <= upper * (1 + NOISE) else upper, proof)


def of_deep(atom: Any, W: Array, using: Using) -> Proposal | None:  # noqa: ANN401
    """Return the spectral norm of V^T W, or with an activation the bound of `by_layers`."""
    if atom.slope != 1:
        return by_layers(atom.V, W, atom.steep, lambda matrix: spectral_norm(matrix, using))
    proposal = witness(atom.V.T @ W, gauge("l2"), gauge("l2"), using)
    return proposal and proposal.linear()


def spectral_norm(W: Array, using: Using) -> Proposal | None:
    """Return a bound of sigma_1(W), the least s with [[s I, W], [W^T, s I]] >= 0."""
    s, scale, (m, n) = cp.Variable(), unit(W), W.shape
    block = cp.bmat([[s * np.eye(m), W / scale], [W.T / scale, s * np.eye(n)]])
    values = numbers([s]) if using.solve(cp.Problem(cp.Minimize(s), [block >> 0])) else None
    if values is None:
        return None
    axis = eigen.side(W)
    return of_gram(eigen.gram(W, axis), axis, None, 0, float(values[0] * scale) ** 2)


BOUNDS: dict[str, Callable[[Any, Array, Using], Proposal | None]] = {
    "pairs": lambda atom, W, using: matrix_witness(W, atom.gauges[0], atom.gauges[1], using),
    "squares": lambda atom, W, using: symmetric_witness(W, atom.gauges[0], using),
    "products": lambda atom, T, using: propose_tensor(
        ProductQuery(T, atom.gauges, atom.parts == 1), using
    ),
    "layers": lambda atom, W, using: network_witness(W, atom.layer, using),
    "deep": of_deep,
}
