"""scikit-learn's matrix factorizations: the problem each one solved, and its factors."""

from typing import Any

from certify._errors import OutOfScopeError
from certify.problem import Problem

from ._dictionary import (
    dictionary_learning,
    mini_batch_dictionary_learning,
    mini_batch_sparse_pca,
    sparse_pca,
)
from ._fitted import Factors, library, read
from ._nmf import nmf
from ._svd import pca, truncated_svd

__all__ = ["MODELS", "Factors", "from_model"]

MODELS = {
    "PCA": pca,
    "TruncatedSVD": truncated_svd,
    "NMF": nmf,
    "MiniBatchNMF": nmf,
    "DictionaryLearning": dictionary_learning,
    "MiniBatchDictionaryLearning": mini_batch_dictionary_learning,
    "SparsePCA": sparse_pca,
    "MiniBatchSparsePCA": mini_batch_sparse_pca,
}


def from_model(estimator: Any, X: Any, *, codes: Any = None) -> tuple[Problem, Factors]:  # noqa: ANN401  as scikit-learn takes them
    """Return the problem a fitted estimator solved on X (n, m), and its factors (U, V).

        check(problem, factors, q=factors.q)

    estimator  one of MODELS, fitted; the objective of each is in its module
    X          the data of the fit; the missing entries of a sparse X are zeros
    codes      (n, k), what fit_transform returned when the model was fitted.  A model keeps
               its components only; without codes they are solved for again

    The objective the library reports is computed anew, and must agree to 1e-6 (check()'s
    epsilon), or to the rounding of a single-precision fit.  The mini-batch dictionaries
    report none: what is returned is then judged as it is.

    Raises InputError, with both figures, where they disagree; InputError too for an
    unfitted model, wrong shapes, values that are not finite, or without scikit-learn;
    OutOfScopeError, with the cure, for what the theory does not cover.
    """
    known = library("decomposition")
    name = next((k for k in MODELS if type(estimator) is getattr(known, k)), None)
    if name is None:
        cure = "state its objective as a Problem, or fit one of them"
        listed = ", ".join(MODELS)
        raise OutOfScopeError(f"from_model knows {listed}, not {type(estimator).__name__}: {cure}")
    return MODELS[name](read(estimator, X, codes))
