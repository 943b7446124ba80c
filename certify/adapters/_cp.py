"""CP tensors: the weights and factors of other packages, judged at a lam of the user."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from certify.atoms import CP, Atom, RankOne
from certify.base.arrays import BESIDE, Array, finite, from_torch, has_masked, real
from certify.base.errors import InputError, OutOfScopeError
from certify.losses import Squared
from certify.pipeline.units import OBJECTIVE, Units
from certify.problem import Problem

from ._fitted import Factors

MATRIX = 2  # modes
LEAST = "pass rejudge=lam"
JUDGED = "to judge these factors by 1/2 |T - Z|^2 + lam sum_i prod_k |x_i^k|"
TUCKER = (
    "is a core times a basis for each mode, not a sum of components that could each be added or "
    "removed, so no theory here bounds it"
)
OTHER = "is not a sum of rank-one components with a penalty on each"
FOREIGN = {"core": TUCKER, "projections": OTHER}  # by an attribute that a CPTensor does not have
SWEEPS = 500  # over the components
SETTLED = 1e-13  # the largest change in the last sweep, relative to the largest multiple


class Modes(tuple[Array, ...]):  # noqa: SLOT001  a tuple's subclass cannot have slots
    """One array (n_k, r) for each mode, or one array (n, r) of a symmetric tensor.

    q      None: these problems have no offsets
    note   what check() adds to its reason, or ""
    units  the loss that the library reports: objective = multiple * loss + constant
    """

    q: None = None
    note: str = ""
    units: Units = OBJECTIVE

    multiple, constant = Factors.multiple, Factors.constant


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
    if [np.ndim(x) for x in cp if not isinstance(x, tuple | list)] == [1, 2]:
        cure = "pass (weights, [factor] * K) for a tensor of K modes, or the fitted SymmetricCP"
        raise InputError(f"cp has weights and only one factor: {cure}")
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
    tensor, shape = real(T, "T", unmask=BESIDE), tuple(len(x) for x in factors)
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
    if has_masked(mask):
        raise InputError("mask has masked entries: give True or False for each entry of T")
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


def start(problem: Problem, factors: Sequence[Any]) -> Modes:
    """Return the components at their best lengths, with the same norm in every mode:

        min over b >= 0 of  l(sum_i b_i phi(x_i)) + lam sum_i b_i theta(x_i),

    a convex problem, solved by coordinate descent.  Components with b_i = 0 are dropped.
    Components of a fit without a penalty are too long for a positive lam; after this their
    directions alone are judged.

    The result is another candidate: check(problem, factors) judges the factors of the fit.

    Raises InputError for another loss than least squares, or factors that do not fit.
    """
    loss = problem.loss
    if not isinstance(loss, Squared):
        raise InputError(f"start knows least squares, not {type(loss).__name__}")
    modes = problem.accept(factors)
    theta = np.asarray(problem.atom.theta(modes))
    modes = tuple(x[..., theta > 0] for x in modes)
    prices = problem.lam * theta[theta > 0]
    slices = [tuple(x[..., k : k + 1] for x in modes) for k in range(len(prices))]
    fields = [problem.predict(s) for s in slices]
    weighted = [loss.weigh(f) for f in fields]
    G = np.array([np.vdot(f, g) for f in fields for g in weighted]).reshape(len(prices), -1)
    inner = np.array([np.vdot(g, loss.data) for g in weighted])
    b = multiples(G, inner - prices)
    return balance(tuple(x[..., b > 0] for x in modes), b[b > 0], problem.atom.degree)


def multiples(G: Array, c: Array) -> Array:
    """Return argmin over b >= 0 of b^T G b / 2 - c^T b, by coordinate descent."""
    b = np.zeros(len(c))
    curved = np.diag(G)
    for _ in range(SWEEPS):
        moved = 0.0
        for i in np.flatnonzero(curved > 0):
            new = max(0.0, b[i] + float(c[i] - G[i] @ b) / float(curved[i]))
            moved, b[i] = max(moved, abs(new - b[i])), new
        if moved <= SETTLED * b.max(initial=0.0):
            break
    return b


def balance(factors: tuple[Array, ...], b: Array, degree: int) -> Modes:
    """Return factors of the components b_i phi(x_i), with the same norm in every mode."""
    norms = [np.sqrt((x * x).sum(axis=0)) for x in factors]
    if len(factors) == 1:
        return Modes((factors[0] * b ** (1.0 / degree),))
    size = np.exp(sum(np.log(n) for n in norms) / len(norms)) * b ** (1.0 / len(norms))
    return Modes(x * (size / n) for x, n in zip(factors, norms, strict=True))
