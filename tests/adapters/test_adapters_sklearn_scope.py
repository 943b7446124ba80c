"""What the theory does not cover, and wrong input, are refused in one sentence."""

import re
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.decomposition import (
    PCA,
    DictionaryLearning,
    FactorAnalysis,
    IncrementalPCA,
    MiniBatchDictionaryLearning,
    MiniBatchNMF,
    MiniBatchSparsePCA,
    SparsePCA,
    TruncatedSVD,
)
from sklearn.linear_model import LinearRegression

from certify import InputError, OutOfScopeError, check
from certify.adapters import _fitted
from certify.adapters.sklearn import MODELS, from_model
from tests.sklearn_models import (
    MADE,
    M,
    N,
    X,
    alphas,
    dictionary,
    fitted,
    nonnegative,
    objective,
    sparse_components,
)


@pytest.mark.parametrize(
    ("settings", "cure"),
    [
        (
            {"solver": "mu", "beta_loss": "itakura-saito"},
            "'itakura-saito' has a loss that is not convex in W H, .* fit with beta_loss='frob",
        ),
        ({"solver": "mu", "beta_loss": 0.5}, "beta_loss=0.5 has a loss that is not convex"),
        ({"solver": "mu", "beta_loss": 3}, "beta_loss=3 has a loss that is not convex"),
        (
            {"solver": "mu", "beta_loss": 1.5},
            "beta_loss=1.5 is not covered: fit with beta_loss='frob",
        ),
    ],
)
def test_nmf_outside_the_theory_names_the_cure(settings, cure):
    model, W = nonnegative(data=X + 1 / 16, max_iter=3, **settings)
    with pytest.raises(OutOfScopeError, match=cure):
        from_model(model, X + 1 / 16, codes=W)


@pytest.mark.parametrize("loss", ["frobenius", 2, 2.0])
def test_the_multiplicative_solver_of_the_frobenius_loss_is_covered(loss):
    model, W = nonnegative(solver="mu", beta_loss=loss)
    problem, _ = from_model(model, X, codes=W)
    assert (problem.loss.name, problem.lam > 0) == ("squared", True)


@pytest.mark.parametrize("loss", ["kullback-leibler", 1, 1.0])
def test_the_kullback_leibler_loss_is_covered(loss):
    model, W = nonnegative(solver="mu", beta_loss=loss)
    problem, _ = from_model(model, X, codes=W)
    assert (problem.loss.name, problem.lam > 0) == ("kullback_leibler", True)


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        (DictionaryLearning, dictionary),
        (MiniBatchDictionaryLearning, dictionary),
        (SparsePCA, sparse_components),
        (MiniBatchSparsePCA, sparse_components),
    ],
)
def test_alpha_zero_asks_for_the_best_fit_of_its_size(kind, make):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = make(kind, max_iter=9, alpha=0, **({"tol": 1e-3} if kind is SparsePCA else {}))
    model = made[0] if isinstance(made, tuple) else made
    problem, (U, V) = from_model(model, X)
    Y = problem.loss.arrays()["Y"].reshape(problem.loss.shape)
    s = np.linalg.svd(Y, compute_uv=False)
    least = 0.5 * (s[U.shape[1] :] ** 2).sum()
    assert problem.lam == 0
    assert least * (1 - 1e-9) <= problem.objective((U, V)) <= 1.5 * least


@pytest.mark.parametrize(
    "estimator",
    [
        LinearRegression(),
        "PCA",
        None,
    ],
    ids=lambda e: type(e).__name__,
)
def test_other_estimators_are_out_of_scope_by_name(estimator):
    if hasattr(estimator, "fit"):
        estimator.fit(X, X[:, 0])
    name = type(estimator).__name__
    with pytest.raises(OutOfScopeError, match=f"not {name}: state its objective as a Problem"):
        from_model(estimator, X)


@pytest.mark.parametrize(
    ("estimator", "why"),
    [
        (FactorAnalysis(2), "a likelihood that is not convex"),
        (KMeans(2, n_init=1, random_state=0), "a choice, not a sum of components: fit an NMF"),
    ],
)
def test_why_no_bound_is_of_an_objective_is_said(estimator, why):
    with pytest.raises(OutOfScopeError, match=f"{type(estimator).__name__} .*{why}"):
        from_model(estimator.fit(X), X)


@pytest.mark.parametrize("whiten", [False, True])
def test_a_pca_by_batches_is_judged_as_a_pca(whiten):
    model = IncrementalPCA(2, batch_size=16, whiten=whiten)
    codes = model.fit_transform(X)
    problem, factors = from_model(model, X, codes=codes)
    assert [o.name for o in problem.offsets] == ["column"]
    back = X - model.inverse_transform(codes)
    assert objective(problem, factors) == pytest.approx(0.5 * np.square(back).sum())
    alone = from_model(model, X)[1]
    assert np.allclose(alone[0], factors[0])
    assert check(problem, factors, q=factors.q).verdict.name == "REFUTED"


def test_a_subclass_may_minimize_something_else_and_is_out_of_scope():
    class Mine(PCA):
        pass

    with pytest.raises(OutOfScopeError, match="not Mine"):
        from_model(Mine(2).fit(X), X)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (X[:, :10], r"64 features, as in the fit, got shape \(40, 10\)"),
        (X[0], r"X must have 2 dimensions, got shape \(64,\)"),
        (X[:0], r"X must not be empty, got shape \(0, 64\)"),
        (np.where(np.eye(N, M) > 0, np.nan, X), r"X must be finite, got nan at \[0, 0\]"),
        (X + 0j, "got dtype complex128"),
    ],
)
def test_wrong_data_are_named(data, told):
    model, codes = fitted(PCA(3))
    with pytest.raises(InputError, match=told):
        from_model(model, data, codes=codes)


@pytest.mark.parametrize(
    ("codes", "told"),
    [
        (np.zeros((N, 2)), r"codes must have shape \(40, 3\), got \(40, 2\)"),
        (np.zeros((M, 3)), r"codes must have shape \(40, 3\), got \(64, 3\)"),
        (np.full((N, 3), np.inf), r"codes must be finite, got inf at \[0, 0\]"),
    ],
)
def test_wrong_codes_are_named(codes, told):
    model, _ = fitted(PCA(3))
    with pytest.raises(InputError, match=told):
        from_model(model, X, codes=codes)


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("name", sorted(MODELS))
def test_an_unfitted_model_is_named(name):
    model = MADE[name]()[0].__class__(n_components=2)
    with pytest.raises(InputError, match=rf"must be fitted first, got an unfitted {name}\("):
        from_model(model, X)


def test_a_dictionary_without_a_step_is_refused():
    model, codes = dictionary(max_iter=0)
    with pytest.raises(InputError, match=r"max_iter=0 made no step: error_ is empty"):
        from_model(model, X, codes=codes)


def test_sparse_pca_without_a_step_is_refused():
    model = sparse_components(max_iter=0)
    with pytest.raises(InputError, match=r"max_iter=0 made no step: error_ is empty"):
        from_model(model, X)


def test_atoms_longer_than_one_are_refused():
    model, _ = dictionary(MiniBatchDictionaryLearning)
    from_model(model, X)
    model.components_[2] *= 1 + 2.0**-30
    with pytest.raises(InputError, match=r"an atom of norm 1\.\d+, above 1: fit with max_iter > 0"):
        from_model(model, X)


def test_sparse_pca_takes_no_codes():
    with pytest.raises(
        InputError, match="keeps no codes; they are computed again: leave codes out"
    ):
        from_model(sparse_components(), X, codes=np.zeros((N, 4)))


def test_a_sparse_pca_stopped_early_is_noted_with_both_figures():
    model = sparse_components(max_iter=2)
    _, factors = from_model(model, X)
    theirs, mine = (float(x) for x in re.findall(r"\d+\.\d+", factors.note))
    assert factors.note.startswith("D was re-solved; the fit's own was not kept")
    assert theirs == pytest.approx(model.error_[-1], rel=1e-7)
    assert mine < theirs


def test_nmf_by_partial_fit_has_no_figure_and_says_so():
    model = MiniBatchNMF(2, random_state=0, **alphas()).partial_fit(X)
    _, factors = from_model(model, X)
    assert factors.note == "W was re-solved; partial_fit keeps none, nor a figure to compare"


def test_data_the_library_refuses_are_refused_in_its_words():
    model, W = nonnegative()
    with pytest.raises(InputError, match="NMF cannot solve for codes on this X: Negative values"):
        from_model(model, X - 1)
    with pytest.raises(InputError, match="NMF reports reconstruction_err_"):
        from_model(model, X - 1, codes=W)


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csr_array, sparse.csc_array])
def test_the_missing_entries_of_a_sparse_x_are_zeros(form):
    held = form(X)
    model, codes = nonnegative(data=held)
    problem, factors = from_model(model, held, codes=codes)
    assert problem.loss.observed.full
    assert np.array_equal(problem.loss.data, X)
    plain = from_model(model, X, codes=codes)
    assert objective(problem, factors) == objective(*plain)
    svd, _ = fitted(TruncatedSVD(3, random_state=0), held)
    assert np.array_equal(from_model(svd, held)[0].loss.data, X)


def test_a_sparse_x_too_large_to_hold_is_refused_before_it_is_made_dense(monkeypatch):
    """But for the models whose zeros may be observed without that: see `search/test_zeros`."""
    model, _ = fitted(PCA(3, random_state=0))
    monkeypatch.setattr(_fitted, "DENSE", X.size)
    from_model(model, sparse.csr_array(X))
    monkeypatch.setattr(_fitted, "DENSE", X.size - 1)
    told = r"X is sparse and 40 x 64: the model treats its missing entries as zeros, too many"
    with pytest.raises(InputError, match=told):
        from_model(model, sparse.csr_array(X))
    from_model(model, X)
    with pytest.raises(InputError, match="1000000000 x 64"):
        _fitted.dense(sparse.csr_array((10**9, 64)))
