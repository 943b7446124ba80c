"""Proved suboptimality as a score, for scikit-learn's model selection."""

from typing import Any

from certify.base.errors import InputError, OutOfScopeError
from certify.pipeline.check import check

from . import from_model, library_of


def score(
    estimator: Any, X: Any, y: Any = None, *, budget: float | None = None, seed: int = 0
) -> float:
    """Return -(upper - lower) / |upper|, rounded down, which is near 0 for a proved optimum.

    The objective of the model is above the optimum by at most this share of `upper`; without a
    penalty (PCA, plain NMF) the optimum is that of its number of components.  The function is a
    scorer of scikit-learn: pass it as scoring=certify.score.

        GridSearchCV(NMF(8), {"random_state": range(5)}, scoring=score, cv=[(rows, rows)])

    On the rows of the fit (as above, where the split trains and scores on the same rows) it rates
    the fit.  On other rows, as in cross_val_score, it keeps the components of a factorization,
    takes the best codes for these rows, and bounds the distance of the components from the best
    ones for these rows.

    A model that keeps no codes (NMF) gets codes that are solved for again; it must be fitted to
    convergence for these to agree with its own.

    Raises the errors of `from_model` and `check`, and OutOfScopeError, with the cure, if nothing
    is proved about the model.
    """
    try:
        problem, factors = from_model(estimator, X, y)
    except InputError:
        from .sklearn import held_out  # noqa: PLC0415  imports the library

        pair = held_out(estimator, X) if library_of(estimator) == "sklearn" else None
        if pair is None:
            raise
        problem, factors = pair
    result = check(problem, factors, q=factors.q, budget=budget, seed=seed)
    if result.certificate is None:
        raise OutOfScopeError(f"nothing is proved about this model: {result.reason}")
    return -result.relative_gap
