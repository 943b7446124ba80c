"""TensorLy's CP models: the problem that each one solved, or one at a lam of your choice.

from certify.adapters.tensorly import from_model, parafac, start
problem, factors = from_model(CP(rank=4).fit(T), T, rejudge=lam)
problem, factors = parafac(cp_tensor, T, rejudge=lam)
check(problem, start(problem, factors))
"""

from typing import Any

from certify.base.errors import InputError, OutOfScopeError
from certify.base.extras import optional

from ._cp import Modes, Tensor, refusal, start
from ._parafac import MODELS, OUTSIDE, FittedTensor, non_negative_parafac, parafac
from ._regression import cp_regressor

UNSIGNED = (
    "no factor has a negative entry, but each may have some here: after a nonnegative fit, ask "
    "certify.adapters.tensorly.non_negative_parafac"
)
__all__ = ["Modes", "cp_regressor", "from_model", "non_negative_parafac", "parafac", "start"]


def from_model(
    estimator: Any, T: Any, y: Any = None, *, mask: Any = None, rejudge: float | None = None
) -> Tensor:
    """Return the problem of a fitted TensorLy estimator on T, and its factors, one for each mode.

        check(problem, factors)

    estimator  CP, RandomizedCP, CPPower, CP_NN, CP_NN_HALS, SymmetricCP: see parafac and
               non_negative_parafac; or CPRegressor, fitted to T = X and y: see cp_regressor;
               or the result of parafac(), a CPTensor or (weights, factors), of any signs; if no
               factor has a negative entry, check() adds a note, since a CPTensor does not say
               whether its fit was nonnegative
    mask       None: that of the fit
    rejudge    lam of 1/2 |T - Z|^2 + lam sum_i prod_k |x_i^k|, an objective that judges the
               factors instead of their own

    The relative error that a model reports is recomputed and must agree to 1e-6 or to the
    rounding of its precision.  Tensors of any backend are converted to arrays.

    Raises OutOfScopeError, with the cure, for models that the theory does not cover: Tucker,
    constrained_parafac, sparsity, and, without `rejudge`, penalties.  Raises InputError for an
    unfitted model, another T, NaN without a mask, or without TensorLy.
    """
    if isinstance(estimator, tuple | list) or hasattr(estimator, "factors"):
        if y is not None:
            raise InputError("y belongs to a CPRegressor, not to a CP tensor: leave it out")
        problem, modes = parafac(estimator, T, mask=mask, rejudge=rejudge)
        if all((x >= 0).all() for x in modes):
            modes.note = UNSIGNED
        return problem, modes
    optional("tensorly.regression", "TensorLy", "models")
    known = optional("tensorly", "TensorLy", "models")
    name = type(estimator).__name__
    at_home = type(estimator).__module__.split(".")[0] == "tensorly"
    if at_home and isinstance(estimator, known.regression.CPRegressor):
        if rejudge is not None:
            raise InputError("a CPRegressor is judged by its own objective: leave rejudge out")
        return cp_regressor(estimator, T, y)
    if y is not None:
        raise InputError(f"y belongs to a CPRegressor, not to {name}: leave it out")
    if at_home and name in OUTSIDE:
        why, cure = OUTSIDE[name]
        raise refusal(f"{name} {why}", cure)
    if not at_home or name not in MODELS:
        listed = ", ".join([*MODELS, "CPRegressor"])
        cure = "state its objective as a Problem, or fit one of them"
        raise OutOfScopeError(f"from_model knows {listed}, not {name}: {cure}")
    if not hasattr(estimator, "decomposition_"):
        raise InputError(f"the estimator must be fitted first, got an unfitted {name}")
    return MODELS[name](FittedTensor(estimator, T, mask, rejudge))
