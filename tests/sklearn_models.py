"""Small scikit-learn models, fitted to digits; shared by the tests of the adapter."""

import re
import warnings

import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.decomposition import (
    NMF,
    PCA,
    DictionaryLearning,
    IncrementalPCA,
    MiniBatchDictionaryLearning,
    MiniBatchNMF,
    MiniBatchSparsePCA,
    SparsePCA,
    TruncatedSVD,
)
from sklearn.exceptions import ConvergenceWarning

DIGITS = load_digits().data / 16  # multiples of 1/16: exact in half of a float's bits
X, OTHER = DIGITS[:40], DIGITS[40:80]
SMALL = np.random.default_rng(0).integers(0, 33, (11, 7)) / 8
N, M = X.shape
TIGHT = 1e-10  # two float64 sums of a few thousand terms
RELEASE = tuple(int(x) for x in sklearn.__version__.split(".")[:2])
NUMBER = r"\d+\.?\d*(?:e-?\d+)?"


def since(*release):
    """Skip a test on a scikit-learn older than what it fits."""
    told = ".".join(map(str, release))
    return pytest.mark.skipif(release > RELEASE, reason=f"scikit-learn {told} brought it")


def fitted(estimator, data=X):
    """Fit, whatever the library thinks of its own convergence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator, estimator.fit_transform(data)


def alphas(data=X):
    """Return two unequal weights, a few hundredths of the data."""
    n, m = data.shape
    top = sparse.linalg.norm(data) if sparse.issparse(data) else np.linalg.norm(data)
    top = top / np.sqrt(n * m)
    return {"alpha_W": 0.125 * top, "alpha_H": 0.0625 * top}


def nonnegative(kind=NMF, data=X, **settings):
    """Fit a penalized nonnegative factorization with 4 parts."""
    settings = {"n_components": 4, "random_state": 0, **alphas(data), **settings}
    return fitted(kind(**settings), data)


def dictionary(kind=DictionaryLearning, data=X, **settings):
    """Fit a dictionary of 5 atoms."""
    few = {"max_iter": 20, "batch_size": 20} if kind is MiniBatchDictionaryLearning else {}
    settings = {"n_components": 5, "alpha": 0.5, "random_state": 0, **few, **settings}
    return fitted(kind(**settings), data)


def sparse_components(kind=SparsePCA, data=X, **settings):
    """Fit 4 sparse components."""
    few = {"max_iter": 20, "batch_size": 16} if kind is MiniBatchSparsePCA else {}
    settings = {"n_components": 4, "alpha": 0.5, "random_state": 0, **few, **settings}
    return fitted(kind(**settings), data)[0]


def objective(problem, factors):
    """Return the problem's objective at the factors and their offsets."""
    return problem.objective(tuple(factors), factors.q or ())


def figures(error):
    """Return the numbers with a decimal point in a refusal."""
    return [float(x) for x in re.findall(r"\d+\.\d+(?:e-?\d+)?", str(error.value))]


MADE = {
    "PCA": lambda: fitted(PCA(3)),
    "IncrementalPCA": lambda: fitted(IncrementalPCA(3)),
    "TruncatedSVD": lambda: fitted(TruncatedSVD(3, random_state=0)),
    "NMF": nonnegative,
    "MiniBatchNMF": lambda: nonnegative(MiniBatchNMF),
    "DictionaryLearning": dictionary,
    "SparsePCA": lambda: (sparse_components(), None),
    "MiniBatchSparsePCA": lambda: (sparse_components(MiniBatchSparsePCA), None),
    "MiniBatchDictionaryLearning": lambda: (dictionary(MiniBatchDictionaryLearning)[0], None),
}
UNREPORTED = {"MiniBatchDictionaryLearning"}  # reports no figure and keeps no mean
