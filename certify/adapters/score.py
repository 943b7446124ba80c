"""Proved suboptimality as a score, for scikit-learn's model selection."""

from typing import Any

from certify.base.errors import InputError, OutOfScopeError
from certify.pipeline.check import check

from . import from_model, library_of


def score(
    estimator: Any, X: Any, y: Any = None, *, budget: float | None = None, seed: int = 0
) -> float:
    """Return -(upper - lower) / |upper|: near 0 for a proved optimum, the lower the less is proved.

    The optimum is within that share of the objective of the fitted model, proved; without a
    penalty (PCA, plain NMF) that is the optimum of its number of components.  The signature is
    a scikit-learn scorer's: give it as scoring=certify.score.

        GridSearchCV(NMF(8), {"random_state": range(5)}, scoring=score, cv=[(rows, rows)])

    On the rows of the fit (a split that trains and scores on the same rows, as above) it says
    how good the fit is.  On other rows, as in cross_val_score, the components of a factorization
    are kept, the codes are the best for these rows, and the score says how far the components
    are, at most, from the best ones of these rows.

    A model that keeps no codes (NMF) has them solved for again: fit it until they agree.

    Raises what `from_model` and `check` raise, and OutOfScopeError, with the cure, for a model
    of which nothing is proved.
    """
    try:
        problem, factors = from_model(estimator, X, y)
    except InputError:
        pair = other_rows(estimator, X)
        if pair is None:
            raise
        problem, factors = pair
    result = check(problem, factors, q=factors.q, budget=budget, seed=seed)
    if result.certificate is None:
        raise OutOfScopeError(f"nothing is proved about this model: {result.reason}")
    return -result.relative_gap


def other_rows(estimator: Any, X: Any) -> Any:
    """Return the problem and factors of a model on rows it was not fitted to, or None."""
    if library_of(estimator) != "sklearn":
        return None
    from .sklearn import held_out  # noqa: PLC0415  imports the library

    return held_out(estimator, X)
