"""CP tensors: the weights and factors of other packages, judged at a lam of the user."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from certify.atoms import CP, Atom, RankOne
from certify.base.arrays import Array, finite, from_torch, real
from certify.base.errors import InputError, OutOfScopeError
from certify.losses import Squared
from certify.problem import Problem

MATRIX = 2  # modes
LEAST = "pass rejudge=lam"
JUDGED = "to judge these factors by 1/2 |T - Z|^2 + lam sum_i prod_k |x_i^k|"
TUCKER = (
    "is a core times a basis for each mode, not a sum of components that could each be added or "
    "removed, so no theory here bounds it"
)
OTHER = "is not a sum of rank-one components with a penalty on each"
FOREIGN = {"core": TUCKER, "projections": OTHER}  # by an attribute that a CPTensor does not have


class Modes(tuple[Array, ...]):  # noqa: SLOT001  a tuple's subclass cannot have slots
    """One array (n_k, r) for each mode, or one array (n, r) of a symmetric tensor.

    q   None: these problems have no offsets
    """

    q: None = None


Tensor = tuple[Problem, Modes]


def as_array(x: Any) -> Any:
    """Return a numpy array, also of a torch tensor."""
    return np.asarray(from_torch(x))


def components(cp: Any) -> tuple[Array, list[Array]]:
    """Return (weights, factors) of a CPTensor, a pair (weights, factors), or factors alone.

    Raises InputError for arrays that are not finite, not (n_k, r), or of different r.
    """
    weights, given = parts(cp)
    if len(given) < MATRIX:
        raise InputError(f"a CP tensor must have at least 2 modes, got {len(given)}")
    names = [f"factors[{k}]" for k in range(len(given))]
    factors = [finite(real(x, n, ndim=2), n) for x, n in zip(given, names, strict=True)]
    if len(ranks := {x.shape[1] for x in factors}) > 1:
        shapes = ", ".join(str(x.shape) for x in factors)
        raise InputError(f"factors must have the same number of columns, got {shapes}")
    r = ranks.pop()
    if weights is None:
        return np.ones(r), factors
    values = finite(real(weights, "weights", ndim=1), "weights")
    if values.shape != (r,):
        raise InputError(f"weights must have shape {(r,)}, got {values.shape}")
    return values, factors


def parts(cp: Any) -> tuple[Any, Sequence[Any]]:
    """Return the weights, or None, and the list of factors.

    Raises OutOfScopeError for a Tucker or a PARAFAC2 tensor, which has factors too.
    """
    for mark, why in FOREIGN.items():
        if hasattr(cp, mark):
            raise refusal(f"{type(cp).__name__} {why}", "fit a CP model")
    if hasattr(cp, "weights") and hasattr(cp, "factors"):
        return cp.weights, cp.factors
    if not isinstance(cp, tuple | list):
        wanted = "a CPTensor, (weights, factors) or a list of factors"
        raise InputError(f"cp must be {wanted}, got {type(cp).__name__}")
    if len(cp) and hasattr(cp[0], "factors"):
        cure = "pass its first element: return_errors and sparsity add others"
        raise InputError(f"cp must be a CPTensor, got a tuple of {len(cp)}: {cure}")
    if len(cp) == MATRIX and isinstance(cp[1], tuple | list):
        return cp[0], cp[1]
    return None, cp


def fold_weights(weights: Array, factors: Sequence[Array]) -> Modes:
    """Return factors with the weights multiplied into the first; Z and theta do not change."""
    return Modes((factors[0] * weights, *factors[1:]))


def data(T: Any, mask: Any, factors: Sequence[Array]) -> Squared:
    """Return 1/2 |T - Z|^2 over the observed entries.

    Raises InputError for another shape than the factors', or NaN without a mask.
    """
    tensor, shape = real(T, "T"), tuple(len(x) for x in factors)
    if tensor.shape != shape:
        raise InputError(f"T must have shape {shape} as the factors, got {tensor.shape}")
    if mask is None and np.isnan(tensor).any():
        cure = "give mask=, True where T is observed"
        raise InputError(f"T has {int(np.isnan(tensor).sum())} NaN entries: {cure}")
    return Squared(tensor, mask=None if mask is None else boolean_mask(mask, shape))


def boolean_mask(mask: Any, shape: tuple[int, ...]) -> Any:
    """Return a mask of booleans, or of 0 and 1, as booleans.

    Raises InputError for other numbers or another shape.
    """
    array = as_array(mask)
    if array.shape != shape:
        raise InputError(f"mask must have shape {shape}, got {array.shape}")
    if array.dtype != bool and not np.isin(array, (0, 1)).all():
        raise InputError("mask must hold booleans, or 0 and 1: 0 where T is missing")
    return array.astype(bool)


def atom_of(norms: Sequence[str], form: str = "product") -> Atom:
    """Return the atom of a CP tensor; that of matrices for order 2."""
    if len(norms) == MATRIX:
        return RankOne(norms[0], norms[1], form)
    return CP(tuple(norms), form=form)


def problem_of_fit(cp: Any, loss: tuple[Any, Any], norms: Sequence[str], lam: float) -> Tensor:
    """Return the problem at lam, and the factors with the weights multiplied in.

    loss   (T, mask)
    """
    weights, factors = components(cp)
    signed = all(n.endswith("+") for n in norms)
    if signed and weights.size and weights.min() < 0:
        raise InputError(f"weights must be >= 0 where all modes are, got {weights.min()}")
    modes = fold_weights(weights, factors)
    return Problem(data(*loss, modes), atom_of(norms), lam), modes


def refusal(why: str, cure: str = f"{LEAST} {JUDGED}") -> OutOfScopeError:
    """Return the error for an objective that is not covered, with the cure."""
    return OutOfScopeError(f"{why}: {cure}")
