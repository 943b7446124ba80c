"""Proved suboptimality as a score, for scikit-learn's model selection."""

from typing import Any

from certify.base.errors import OutOfScopeError
from certify.pipeline.check import check

from . import from_model


def score(
    estimator: Any, X: Any, y: Any = None, *, budget: float | None = None, seed: int = 0
) -> float:
    """Return -(upper - lower) / |upper|: near 0 for a proved optimum, the lower the less is proved.

    The optimum is within that share of the objective of the fitted model, proved, so fits of
    one model to the same X compare by it.  The signature is a scikit-learn scorer's: give it
    as scoring=certify.score, with a split that trains and scores on the same rows (X must be
    what the estimator was fitted to; a mismatch is refused with both figures).

        GridSearchCV(NMF(8), {"random_state": range(5)}, scoring=score, cv=[(rows, rows)])

    A model that keeps no codes (NMF) has them solved for again: fit it until they agree.

    Raises what `from_model` and `check` raise, and OutOfScopeError, with the cure, for a model
    of which nothing is proved.
    """
    problem, factors = from_model(estimator, X, y)
    result = check(problem, factors, q=factors.q, budget=budget, seed=seed)
    if result.certificate is None:
        raise OutOfScopeError(f"nothing is proved of this model: {result.reason}")
    return -result.relative_gap
