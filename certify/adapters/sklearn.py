"""scikit-learn's factorizations and networks: the problem each one solved, and its factors."""

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
from ._mlp import mlp, rebuilt_mlp
from ._nmf import nmf
from ._rebuilt import REBUILT, Rebuild, inner_attribute, last_active_step, rebuilt
from ._rows import training_rows
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
SAID = 300  # characters of another library's sentence
NETWORKS = ("MLPClassifier", "MLPRegressor")
CENTERS = "assigns each row to one center, which is a choice, not a sum of components"
LIKELIHOOD = "maximizes a likelihood that is not convex in a sum of components"
OUTSIDE = {  # why no bound here is of its objective
    "FactorAnalysis": LIKELIHOOD,
    "FastICA": "makes sources independent, and does not minimize the loss of a reconstruction",
    "GaussianMixture": LIKELIHOOD,
    "KMeans": CENTERS,
    "LatentDirichletAllocation": LIKELIHOOD,
    "MiniBatchKMeans": CENTERS,
}


def from_model(  # noqa: PLR0913  what a fit takes, and what it threw away
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
    y          of a network: its targets
    codes      (n, k), what fit_transform returned when the model was fitted.  A model keeps
               its components only; without codes they are solved for again
    rows       of a network fitted with early_stopping: the rows it trained on
    sample_weight   of a network that was fitted with it

    A pipeline is read at its last step, on what the steps before it make of X; a search at its
    best estimator; a TransformedTargetRegressor at its regressor, on the transformed y; a
    FrozenEstimator at what it holds.

    The objective the library reports is computed anew, and must agree to 1e-6 (check()'s
    epsilon), or to the rounding of a single-precision fit; to 1 % where the codes were solved
    for again, which `factors.note` then says.  The mini-batch dictionaries
    report none: what is returned is then judged as it is.  A network's objective is judged
    as `factors.multiple` times the library's.

    Raises InputError, with both figures, where they disagree; InputError too for an
    unfitted model, wrong shapes, values that are not finite, or without scikit-learn;
    OutOfScopeError, with the cure, for what the theory does not cover.
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
    """Record in the factors which fit they belong to; tol=0.0 (PCA) is no tolerance."""
    tol = getattr(estimator, "tol", None) or None
    pair[1].origin = Origin(type(estimator).__name__, tol, rebuild)
    return pair


def held_out(estimator: Any, X: Any) -> tuple[Problem, Factors] | None:
    """Return the problem of a factorization on rows X that it was not fitted to.

    The components are the model's, the codes the best for these rows.  None for a model that
    keeps no components.
    """
    estimator, X, _ = unwrap(estimator, X)
    name = factorization(estimator)
    return None if name is None else MODELS[name](read(estimator, X, None, own=False))


def factorization(estimator: Any) -> str | None:
    """Return which of MODELS it is, or None."""
    known = library("decomposition")
    return next((k for k in MODELS if type(estimator) is getattr(known, k)), None)


def unwrap(estimator: Any, X: Any, y: Any = None) -> tuple[Any, Any, Any]:
    """Return the estimator that a wrapper of scikit-learn holds, and its X and y.

    Wrappers stand in each other in any order: a search, a pipeline, a frozen estimator, a
    regressor of transformed targets.

    Raises InputError for a search that has no best estimator, a wrapper that is not fitted,
    and, with the library's own words, where what stands before the estimator refuses the data.
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
    """Return the last step of a fitted pipeline that does anything, and X as it gets it."""
    at = last_active_step(pipeline)
    last = pipeline.steps[at][1]
    if not at:
        return last, X
    return last, apply_transformer(
        pipeline[:at], X, f"the steps before {type(last).__name__} do", "X"
    )


def transform_targets(regressor: Any, y: Any) -> Any:
    """Return the targets as the regressor within a TransformedTargetRegressor gets them."""
    given = np.asarray(y)
    column = given.reshape(-1, 1) if given.ndim == 1 else given
    new = np.asarray(
        apply_transformer(regressor.transformer_, column, "the transformer of y does", "y")
    )
    return new[:, 0] if new.ndim == 2 and new.shape[1] == 1 else new  # noqa: PLR2004  a column


def apply_transformer(transformer: Any, data: Any, who: str, what: str) -> Any:
    """Return the data transformed; InputError, with the library's own words, if it refuses."""
    try:
        return transformer.transform(data)
    except (ValueError, AttributeError) as error:
        said = " ".join(str(error).split())[:SAID]
        raise InputError(f"{who} not transform this {what}: {said}") from None
