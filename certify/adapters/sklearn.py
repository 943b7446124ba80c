"""scikit-learn's factorizations and networks: the problem that each one solved, and its factors."""

from functools import partial
from typing import Any

import numpy as np

from certify.base.errors import InputError, OutOfScopeError
from certify.pipeline.origin import Origin
from certify.problem import Problem

from ._dictionary import (
    dictionary_learning,
    mini_batch_dictionary_learning,
    recover_dictionary,
    sparse_pca,
)
from ._fitted import Factors, library, read
from ._mlp import mlp, rebuilt_mlp, training_rows
from ._nmf import nmf
from ._rebuilt import REBUILT, Rebuild, inner_attribute, last_active_step, rebuilt
from ._svd import incremental_pca, pca, truncated_svd

__all__ = ["MODELS", "NETWORKS", "Factors", "from_model", "training_rows"]

MODELS = {
    "PCA": pca,
    "IncrementalPCA": incremental_pca,
    "TruncatedSVD": truncated_svd,
    "NMF": nmf,
    "MiniBatchNMF": nmf,
    "DictionaryLearning": dictionary_learning,
    "MiniBatchDictionaryLearning": mini_batch_dictionary_learning,
    "SparsePCA": sparse_pca,
    "MiniBatchSparsePCA": recover_dictionary,
}
LONGEST = 300  # characters of another library's message
NETWORKS = ("MLPClassifier", "MLPRegressor")
CENTERS = "assigns each row to one center, which is a choice, not a sum of components"
LIKELIHOOD = "maximizes a likelihood that is not convex in a sum of components"
OUTSIDE = {  # why an estimator is not covered
    "FactorAnalysis": LIKELIHOOD,
    "FastICA": "makes sources independent, and does not minimize the loss of a reconstruction",
    "GaussianMixture": LIKELIHOOD,
    "KMeans": CENTERS,
    "LatentDirichletAllocation": LIKELIHOOD,
    "MiniBatchKMeans": CENTERS,
}


def from_model(  # noqa: PLR0913  the arguments of a fit, and its codes
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    codes: Any = None,
    rows: Any = None,
    sample_weight: Any = None,
) -> tuple[Problem, Factors]:
    """Return the problem a fitted estimator solved on X (n, m), and its factors (U, V).

        check(problem, factors, q=factors.q)                        # to 1e-6
        check(problem, factors, q=factors.q, rtol=factors.rtol)     # to the fit's own tol

    estimator  one of MODELS or NETWORKS, fitted; the objective of each is in its module
    X          the data of the fit; the missing entries of a sparse X are zeros
    y          the targets of a network
    codes      (n, k), the result of fit_transform in the fit.  A model keeps only its components;
               without codes they are solved for again
    rows       the rows that a network with early_stopping was trained on
    sample_weight   the sample weights of a network's fit

    Wrappers are opened: the last step of a pipeline, with X transformed by the steps before it;
    the best estimator of a search; the regressor of a TransformedTargetRegressor, with transformed
    y; the estimator in a FrozenEstimator.

    The objective that the library reports is recomputed.  It must agree to 1e-6 (check()'s
    epsilon), to the rounding of a single-precision fit, or, if the codes were solved for again, to
    1 %, with a note in `factors.note`.  The fit of an NMF that is further off is repeated.  The
    mini-batch dictionaries report none.  The objective of a network is `factors.multiple` times
    the loss that `factors.units.name` names, plus `factors.constant`.

    Raises InputError, with both figures, if they disagree, and for an unfitted model, wrong shapes,
    values that are not finite, or without scikit-learn; OutOfScopeError, with the cure, for models
    that the theory does not cover.
    """
    estimator, X, y = unwrap(estimator, X, y)
    name = factorization(estimator)
    if name is not None:
        for key, given in (("y", y), ("rows", rows), ("sample_weight", sample_weight)):
            if given is not None:
                raise InputError(f"{key} belongs to a network, not to {name}: leave it out")
        rebuild = rebuilt if name in REBUILT else None
        return mark(estimator, rebuild, MODELS[name](read(estimator, X, codes)))
    known = library("neural_network")
    if type(estimator) in [getattr(known, k) for k in NETWORKS]:
        if codes is not None:
            message = "codes belong to a factorization, not to"
            raise InputError(f"{message} {type(estimator).__name__}: leave them out")
        given = (X, y, rows, sample_weight)
        return mark(estimator, partial(rebuilt_mlp, given), mlp(estimator, *given))
    kind = type(estimator).__name__
    if kind in OUTSIDE:
        raise OutOfScopeError(f"{kind} {OUTSIDE[kind]}: fit an NMF or a PCA")
    cure = "state its objective as a Problem, or fit one of them"
    listed = ", ".join([*MODELS, *NETWORKS])
    raise OutOfScopeError(f"from_model knows {listed}, not {kind}: {cure}")


def mark(
    estimator: Any, rebuild: Rebuild | None, pair: tuple[Problem, Factors]
) -> tuple[Problem, Factors]:
    """Return the pair with the origin of the factors; tol=0.0 (PCA) is not a tolerance."""
    tol = getattr(estimator, "tol", None) or None
    pair[1].origin = Origin(type(estimator).__name__, tol, rebuild)
    return pair


def held_out(estimator: Any, X: Any) -> tuple[Problem, Factors] | None:
    """Return the problem of a factorization for rows X that it was not fitted to.

    The components are the model's, the codes the best for these rows.  None for other models.
    """
    estimator, X, _ = unwrap(estimator, X)
    name = factorization(estimator)
    return None if name is None else MODELS[name](read(estimator, X, None, own=False))


def factorization(estimator: Any) -> str | None:
    """Return the name of an estimator in MODELS, or None."""
    known = library("decomposition")
    return next((k for k in MODELS if type(estimator) is getattr(known, k)), None)


def unwrap(estimator: Any, X: Any, y: Any = None) -> tuple[Any, Any, Any]:
    """Return the estimator in wrappers of scikit-learn, nested in any order, and its X and y.

    Raises InputError for a search without a best estimator, a wrapper that is not fitted, and,
    with the library's message, if a transformer refuses the data.
    """
    if (within := inner_attribute(estimator)) is not None:
        if within == "regressor_" and y is not None:
            y = transform_targets(estimator, y)
        return unwrap(getattr(estimator, within), X, y)
    if hasattr(estimator, "steps"):
        return unwrap(*last_step(estimator, X), y)
    name = type(estimator).__name__
    if hasattr(estimator, "refit"):
        raise InputError(f"{name} must be fitted first, with refit=True, to have a best estimator")
    if hasattr(estimator, "regressor"):
        raise InputError(f"{name} must be fitted first")
    return estimator, X, y


def last_step(pipeline: Any, X: Any) -> tuple[Any, Any]:
    """Return the last active step of a fitted pipeline, and X transformed for it."""
    at = last_active_step(pipeline)
    last = pipeline.steps[at][1]
    if not at:
        return last, X
    who = f"the steps before {type(last).__name__} do"
    return last, apply_transformer(pipeline[:at], X, who, "X")


def transform_targets(regressor: Any, y: Any) -> Any:
    """Return the targets of the regressor in a TransformedTargetRegressor."""
    given = np.asarray(y)
    column = given.reshape(-1, 1) if given.ndim == 1 else given
    who = "the transformer of y does"
    new = np.asarray(apply_transformer(regressor.transformer_, column, who, "y"))
    return new[:, 0] if new.ndim == 2 and new.shape[1] == 1 else new  # noqa: PLR2004  a column


def apply_transformer(transformer: Any, data: Any, who: str, what: str) -> Any:
    """Return the transformed data; raise InputError, with the library's message, on failure."""
    try:
        return transformer.transform(data)
    except (ValueError, AttributeError) as error:
        message = " ".join(str(error).split())[:LONGEST]
        raise InputError(f"{who} not transform this {what}: {message}") from None
