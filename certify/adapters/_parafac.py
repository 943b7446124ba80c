"""TensorLy's parafac and related models: their objectives, and which need a lam of the user."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Any

import numpy as np

from certify.atoms import CP
from certify.base.arrays import Array, scalar
from certify.base.errors import InputError
from certify.problem import Problem

from . import _cp
from ._cp import MATRIX, Modes, Tensor, as_array, components, data, refusal
from ._fitted import AGREE, MARGIN, SCALE, squares

COUNTED = "with sparsity fits T - S, where S has a chosen number of entries, which is not convex"
UNSTATED = "with normalize_factors and l2_reg rescales its penalty, so it has no fixed objective"
CONSTRAINED = (
    "stops where neither its penalties nor its constraints make the gradient vanish, "
    "which is not a minimum of a stated objective"
)
HAND_OVER = f"pass its CPTensor to parafac or non_negative_parafac with rejudge=lam, {_cp.JUDGED}"
OUTSIDE = {
    **dict.fromkeys(("Tucker", "Tucker_NN", "Tucker_NN_HALS"), (_cp.TUCKER, "fit a CP model")),
    **dict.fromkeys(("Parafac2", "TensorTrain", "TensorRing"), (_cp.OTHER, "fit a CP model")),
    "ConstrainedCP": (CONSTRAINED, HAND_OVER),
}


def parafac(
    cp: Any, T: Any, *, l2_reg: float = 0.0, mask: Any = None, rejudge: float | None = None
) -> Tensor:
    """Return the problem behind the factors that parafac(T, r, l2_reg=c) returned.

        c = 0:            1/2 |T - Z|^2,                               lam = 0
        order 2, c > 0:   1/2 |T - A B^T|^2 + c/2 (|A|^2 + |B|^2),     lam = c
        rejudge=lam:      1/2 |T - Z|^2 + lam sum_i prod_k |x_i^k|     any order, any c

    cp     CPTensor, (weights, factors) or factors, (n_k, r) each; weights are multiplied into
           the first factor, which changes neither Z nor prod_k |x^k|
    T      (n_1, ..., n_K)        mask   None, or True (or 1) where T is observed

    At order K >= 3 the penalty of l2_reg has degree 2 but Z has degree K.  Its least value over
    rescalings that do not change Z is c K/2 prod_k |x^k|^(2/K), which is concave, so the theory
    does not cover it.  At lam = 0 models with r components are compared.  `rejudge` judges these
    factors by another objective; start(problem, factors) rescales them for it.

    Raises OutOfScopeError, with the cure, for an objective that needs `rejudge`;
    InputError for shapes that do not fit, values that are not finite, NaN without a mask.
    """
    if rejudge is not None:
        lam = scalar(rejudge, "rejudge", zero=False)
        return _cp.problem_of_fit(cp, (T, mask), ["l2"] * len(components(cp)[1]), lam)
    weights, factors = components(cp)
    c, order = scalar(l2_reg, "l2_reg", zero=True), len(factors)
    if c == 0:
        return _cp.problem_of_fit(cp, (T, mask), ["l2"] * order, 0.0)
    if (weights != 1).any():
        raise refusal(f"parafac {UNSTATED}")
    if order > MATRIX:
        degrees = f"a penalty of degree 2 on a product of degree {order}"
        raise refusal(f"parafac with l2_reg={c:g} at order {order} has {degrees}")
    modes = Modes(factors)
    return Problem(data(T, mask, modes), _cp.atom_of(("l2", "l2"), "sum"), c), modes


def non_negative_parafac(
    cp: Any,
    T: Any,
    *,
    nn_modes: str | Collection[int] | None = "all",
    mask: Any = None,
    rejudge: float | None = None,
) -> Tensor:
    """Return the problem of the factors of non_negative_parafac or non_negative_parafac_hals.

        1/2 |T - Z|^2,   x^k >= 0 for k in nn_modes,                                 lam = 0
        rejudge=lam:   1/2 |T - Z|^2 + lam sum_i prod_k |x_i^k|,   x^k >= 0 for k in nn_modes

    nn_modes   "all", None, or the modes that are nonnegative

    With sparsity_coefficients the objective has a penalty of degree 1 on a product of degree K,
    which the theory does not cover; use `rejudge`.

    Raises InputError as parafac, and for weights < 0 where all modes are nonnegative.
    """
    order = len(components(cp)[1])
    norms = mode_norms(nn_modes, order)
    lam = 0.0 if rejudge is None else scalar(rejudge, "rejudge", zero=False)
    return _cp.problem_of_fit(cp, (T, mask), norms, lam)


def mode_norms(nn_modes: str | Collection[int] | None, order: int) -> list[str]:
    """Return the norm of each mode, l2+ for nonnegative ones; raise InputError for other modes."""
    if nn_modes == "all":
        return ["l2+"] * order
    chosen = set() if nn_modes is None else set(nn_modes)
    if wrong := chosen - set(range(order)):
        modes = sorted(map(str, wrong))
        raise InputError(f"nn_modes must be 'all' or modes in 0..{order - 1}, got {modes}")
    return ["l2+" if k in chosen else "l2" for k in range(order)]


@dataclass(frozen=True)
class FittedTensor:
    """A fitted model, its tensor, the mask, and the lam at which it is judged."""

    model: Any
    T: Any
    mask: Any
    rejudge: float | None

    @property
    def name(self) -> str:
        """The model's class."""
        return type(self.model).__name__

    def setting(self, name: str) -> Any:
        """Return a setting of the model, or None if it has none of that name."""
        return getattr(self.model, name, None)


def cp(fit: FittedTensor) -> Tensor:
    """Read CP, RandomizedCP or CPPower."""
    c = float(fit.setting("l2_reg") or 0.0)
    if fit.setting("sparsity"):
        cure = "pass T - S and its CPTensor to parafac with rejudge=lam"
        raise refusal(f"{fit.name} {COUNTED}", cure)
    if fit.rejudge is None:
        refuse_fixed_modes(fit)
        if c and fit.setting("normalize_factors"):
            raise refusal(f"{fit.name} {UNSTATED}")
    tensor, mask = compare_error(fit)
    return parafac(tensor, fit.T, l2_reg=c, mask=mask, rejudge=fit.rejudge)


def cp_nn(fit: FittedTensor) -> Tensor:
    """Read CP_NN or CP_NN_HALS."""
    if fit.rejudge is None:
        refuse_fixed_modes(fit)
        if fit.setting("sparsity_coefficients") is not None:
            reason = "with sparsity_coefficients has penalties of degree 1 on a product"
            raise refusal(f"{fit.name} {reason}")
    modes, (tensor, mask) = getattr(fit.model, "nn_modes", "all"), compare_error(fit)
    return non_negative_parafac(tensor, fit.T, nn_modes=modes, mask=mask, rejudge=fit.rejudge)


def symmetric_cp(fit: FittedTensor) -> Tensor:
    """Read SymmetricCP: sum_i w_i x_i (x) ... (x) x_i.

    At odd order the sign of w is multiplied into x; at even order negative w are refused.
    """
    mask, T = mask_of(fit), as_array(fit.T)
    order = T.ndim
    weights, factor = fit.model.decomposition_
    w, (x, _) = components((weights, [factor, factor]))
    if order % 2 == 0 and (w < 0).any():
        reason = f"a negative weight at even order {order}: no real x (x) ... (x) x is negative"
        raise refusal(f"{fit.name} has {reason}", f"pass its factors to parafac, {_cp.LEAST}")
    root = np.sign(w) * np.abs(w) ** (1.0 / order)
    lam = 0.0 if fit.rejudge is None else scalar(fit.rejudge, "rejudge", zero=False)
    loss = data(T, mask, [x] * order)
    return Problem(loss, CP(("l2",) * order, symmetric=True), lam), Modes((x * root,))


MODELS: dict[str, Callable[[FittedTensor], Tensor]] = {
    "CP": cp,
    "RandomizedCP": cp,
    "CPPower": cp,
    "CP_NN": cp_nn,
    "CP_NN_HALS": cp_nn,
    "SymmetricCP": symmetric_cp,
}


def refuse_fixed_modes(fit: FittedTensor) -> None:
    """Raise OutOfScopeError for a fit with fixed modes, which minimized over the others only."""
    if fit.setting("fixed_modes"):
        reason = f"with fixed_modes={fit.setting('fixed_modes')} minimizes over the others only"
        raise refusal(f"{fit.name} {reason}")


def mask_of(fit: FittedTensor) -> Any:
    """Return the mask of the fit; raise InputError if another one is given."""
    theirs = fit.setting("mask")
    if theirs is None or fit.mask is None:
        return fit.mask if theirs is None else theirs
    shape = as_array(theirs).shape
    if not np.array_equal(_cp.boolean_mask(theirs, shape), as_array(fit.mask)):
        raise InputError(f"{fit.name} was fitted with another mask: leave mask out")
    return theirs


def compare_error(fit: FittedTensor) -> tuple[Any, Any]:
    """Return the fitted tensor and the mask of the fit, after comparing the error.

    |T - Z| / |T| is compared with the last of errors_, if the model has any.  With a mask, the
    missing entries of T are replaced by those of Z in both norms.

    Raises InputError, with both figures, if they disagree.
    """
    tensor, mask, errors = fit.model.decomposition_, mask_of(fit), fit.setting("errors_")
    if errors is None or not len(errors):
        return tensor, mask
    weights, factors = components(tensor)
    data(fit.T, mask, factors)  # checks the shape and NaN
    given, Z = as_array(fit.T), full(_cp.fold_weights(weights, factors))
    T = given if mask is None else np.where(_cp.boolean_mask(mask, Z.shape), given, Z)
    total, theirs = squares(T), float(as_array(errors[-1])) ** 2
    if not (isfinite(total) and isfinite(theirs)):
        raise InputError(f"the sum of the squares of T overflows float64: {SCALE}")
    mine = squares(T - Z) / total if total else 0.0
    eps = float(np.finfo(np.result_type(*map(as_array, _cp.parts(tensor)[1]))).eps)
    lost = MARGIN * eps * sqrt(T.size) * (1 + squares(Z) / total) if total else np.inf
    if not abs(mine - theirs) <= 2 * AGREE * theirs + lost:
        message = f"{fit.name} reports a relative error {sqrt(theirs):.10g}"
        cure = "pass the T, and the mask, of the fit"
        raise InputError(f"{message}, but these factors on this T give {sqrt(mine):.10g}: {cure}")
    return tensor, mask


def full(factors: Modes) -> Array:
    """Return Z = sum_i x_i^1 (x) ... (x) x_i^K as a K-dimensional array."""
    out = factors[0]
    for x in factors[1:]:
        out = out[..., None, :] * x
    return np.asarray(out.sum(axis=-1))
