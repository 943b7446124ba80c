"""Models after .fit(), as people have them: no codes kept, saved and loaded, inside a pipeline."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.decomposition import (
    NMF,
    PCA,
    DictionaryLearning,
    MiniBatchNMF,
    SparsePCA,
    non_negative_factorization,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from certify import InputError, check, from_model
from certify.adapters import _nmf
from certify.adapters.sklearn import held_out
from tests.sklearn_models import (
    OTHER,
    SMALL,
    X,
    alphas,
    dictionary,
    figures,
    nonnegative,
    objective,
)


def after_fit(estimator, data=X, y=None):
    """Fit as most people do, and keep nothing else."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(data, y)


ROUGH = {
    "NMF": lambda: NMF(4, random_state=0, **alphas()),
    "NMF mu": lambda: NMF(4, random_state=0, solver="mu", **alphas()),
    "NMF kl": lambda: NMF(4, random_state=0, solver="mu", beta_loss="kullback-leibler", **alphas()),
    "MiniBatchNMF": lambda: MiniBatchNMF(4, random_state=0, **alphas()),
    "DictionaryLearning": lambda: DictionaryLearning(5, alpha=0.5, random_state=0, max_iter=10),
    "SparsePCA": lambda: SparsePCA(4, alpha=0.5, random_state=0, max_iter=10),
}


@pytest.mark.parametrize("name", ROUGH)
def test_a_model_after_fit_is_read_with_a_note_that_its_codes_were_solved_for_again(name):
    model = after_fit(ROUGH[name]())
    problem, factors = from_model(model, X)
    assert "was re-solved; the fit's own was not kept (" in factors.note
    result = check(problem, factors, q=factors.q, budget=0.2)
    assert result.lower <= result.upper
    assert result.reason.endswith(factors.note)
    with pytest.raises(InputError):
        from_model(model, OTHER)


def test_the_note_has_both_figures_and_the_codes_of_the_fit_have_none():
    model, W = nonnegative(tol=1e-3)
    figure, mine = figures_of(from_model(model, X)[1].note)
    assert figure == pytest.approx(model.reconstruction_err_, rel=1e-7)
    assert mine != figure
    assert from_model(model, X, codes=W)[1].note == ""


def figures_of(note):
    """Return the numbers of a note."""
    return figures(type("Said", (), {"value": note}))


def test_w_is_the_optimum_for_the_fitted_h():
    model, W = nonnegative(data=SMALL, tol=1e-3, n_components=2)
    (U, V), problem = from_model(model, SMALL)[::-1]
    pull = problem.dual_point((U, V)) @ V - problem.lam * U  # minus the gradient in U >= 0
    scale = np.abs(problem.dual_point((U, V)) @ V).max()
    assert (pull <= 1e-8 * scale).all()
    assert np.abs(pull * U).max() <= 1e-8 * scale * U.max()
    own = from_model(model, SMALL, codes=W)[1]
    assert problem.objective((U, V)) < problem.objective(tuple(own))


@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0])
def test_w_is_the_optimum_for_the_fitted_h_under_the_divergence(ratio):
    settings = {"solver": "mu", "beta_loss": "kullback-leibler", "l1_ratio": ratio}
    model, W = nonnegative(data=SMALL, n_components=2, **settings)
    (U, V), problem = from_model(model, SMALL)[::-1]
    paid = problem.lam * U + (problem.l1[0] if problem.l1 else 0.0)
    pull = problem.dual_point((U, V)) @ V - paid  # minus the gradient in U >= 0
    scale = (paid + V.sum(axis=0)).max()
    assert (pull <= 1e-4 * scale).all()
    assert np.abs(pull * U).max() <= 1e-4 * scale * U.max()
    own = from_model(model, SMALL, codes=W)[1]
    assert problem.objective((U, V)) < problem.objective(tuple(own))


@pytest.mark.parametrize("solver", ["cd", "mu"])
def test_a_fit_whose_components_are_penalized_away_is_read(solver):
    settings = {"solver": solver, "alpha_W": 3.0, "l1_ratio": 0.5, "max_iter": 2000}
    model = after_fit(NMF(2, init="random", random_state=0, **settings), SMALL)
    assert not model.components_.any()
    problem, (U, V) = from_model(model, SMALL)
    assert (U.shape, V.shape) == ((len(SMALL), 2), (SMALL.shape[1], 2))
    assert check(problem, (U, V), budget=None).certified  # nothing is the best there is
    with pytest.raises(InputError, match="NMF reports reconstruction_err_"):
        from_model(model, SMALL + 1)


@pytest.mark.parametrize("made", [NMF, MiniBatchNMF])
def test_a_fit_far_from_converged_is_repeated_to_find_its_own_w(made):
    data = load_wine().data  # the columns' scales differ by 1000: no default fit converges
    model = after_fit(made(None), data)
    before = np.random.get_state()[1].copy()  # noqa: NPY002  the library draws from it
    problem, factors = from_model(model, data)
    assert factors.note == ""
    assert np.sqrt(2 * objective(problem, factors)) == pytest.approx(model.reconstruction_err_)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    with pytest.raises(InputError, match="NMF reports reconstruction_err_"):
        from_model(model, data[::-1] + 1)


def test_a_fit_from_a_start_of_the_caller_cannot_be_repeated():
    start = {"W": np.ones((len(X), 2)), "H": X[:2] + 0.5}
    model = NMF(2, init="custom", max_iter=1)
    with pytest.warns(ConvergenceWarning):
        W = model.fit_transform(X, **start)
    with pytest.raises(InputError, match=r"codes=W, the W that its fit_transform"):
        from_model(model, X)
    assert from_model(model, X, codes=W)[1].note == ""


@pytest.mark.parametrize("alpha", [0.0, 0.01])
def test_w_is_optimal_for_components_that_are_close_to_each_other(alpha):
    data = load_wine().data
    model = after_fit(NMF(5, random_state=0, alpha_W=alpha), data)
    problem, (U, V) = held_out(model, data[::2])
    pull = problem.dual_point((U, V)) @ V - problem.lam * U  # minus the gradient in U >= 0
    scale = (np.abs(data[::2] - U @ V.T) @ V).max()
    assert (pull <= 1e-8 * scale).all()
    assert np.abs(pull * U).max() <= 1e-8 * scale * U.max()


def test_w_of_components_that_are_nearly_dependent_needs_many_changes_of_the_active_set():
    data = load_breast_cancer().data
    model = after_fit(NMF(None, init="random", random_state=3, max_iter=50), data)
    problem, (U, V) = held_out(model, data[:60])
    with pytest.warns(ConvergenceWarning):
        descent = model.transform(data[:60])
    assert problem.objective((U, V)) < problem.objective((descent, V)) / 2


def test_an_active_set_that_does_not_end_leaves_w_to_the_library(monkeypatch):
    def cycles(*_, **__):
        raise RuntimeError

    model = after_fit(NMF(2, random_state=0), SMALL)
    exact = held_out(model, SMALL)[1]
    monkeypatch.setattr(_nmf, "nnls", cycles)
    descent = held_out(model, SMALL)[1]
    assert not np.array_equal(exact[0], descent[0])
    assert np.allclose(exact[0], descent[0], rtol=1e-4, atol=1e-6)


def test_a_converged_fit_has_no_note():
    model = after_fit(NMF(4, random_state=0, tol=1e-12, max_iter=5000, **alphas()))
    assert from_model(model, X)[1].note == ""


def test_partial_fit_is_read_too_and_says_that_there_is_no_figure():
    model = MiniBatchNMF(3, random_state=0, batch_size=20, **alphas())
    for part in (X[:20], X[20:]):
        model.partial_fit(part)
    factors = from_model(model, X)[1]
    assert "nor a figure to compare" in factors.note


def test_a_model_that_was_saved_and_loaded_is_read():
    model = after_fit(ROUGH["NMF"]())
    back = pickle.loads(pickle.dumps(model))  # noqa: S301  our own
    assert np.array_equal(from_model(back, X)[1][0], from_model(model, X)[1][0])


def test_a_pipeline_is_read_at_its_last_step():
    pipeline = after_fit(make_pipeline(MinMaxScaler(), NMF(3, random_state=0, **alphas())))
    inside = MinMaxScaler().fit_transform(X)
    problem, factors = from_model(pipeline, X)
    assert np.array_equal(problem.loss.data, inside)
    assert np.array_equal(factors[1], from_model(pipeline[-1], inside)[1][1])
    alone = after_fit(make_pipeline(PCA(2)))
    assert np.array_equal(from_model(alone, X)[1][0], from_model(alone[-1], X)[1][0])
    with pytest.raises(InputError, match="the steps before NMF do not transform this X: "):
        from_model(pipeline, X[:, :5])
    with pytest.raises(InputError, match="Complex data not supported") as refused:
        from_model(pipeline, X * 1j)  # whose array the library shows
    assert "\n" not in str(refused.value)


def test_a_search_is_read_at_its_best_estimator():
    rows = np.arange(len(X))
    search = GridSearchCV(PCA(), {"n_components": [2, 3]}, cv=[(rows, rows)])
    search.fit(X)
    assert from_model(search, X)[1][0].shape[1] == search.best_params_["n_components"]


def test_pipelines_and_searches_are_read_within_each_other():
    rows = np.arange(len(X))
    search = GridSearchCV(PCA(), {"n_components": [2, 3]}, cv=[(rows, rows)])
    inner = make_pipeline(StandardScaler(), search)
    outer = make_pipeline(MinMaxScaler(), inner).fit(X)
    problem, factors = from_model(outer, X)
    inside = StandardScaler().fit_transform(MinMaxScaler().fit_transform(X))
    assert np.allclose(problem.loss.data, inside, rtol=1e-12, atol=1e-12)
    assert factors[1].shape[1] == outer[-1][-1].best_params_["n_components"]


@pytest.mark.parametrize("idle", [None, "passthrough"])
def test_a_last_step_that_does_nothing_is_passed_over(idle):
    pipeline = make_pipeline(MinMaxScaler(), NMF(3, random_state=0, **alphas()), idle).fit(X)
    problem, factors = from_model(pipeline, X)
    assert np.array_equal(problem.loss.data, MinMaxScaler().fit_transform(X))
    assert factors[1].shape == (X.shape[1], 3)


def test_a_frozen_estimator_is_read_at_what_it_holds():
    frozen = pytest.importorskip("sklearn.frozen", reason="since scikit-learn 1.6").FrozenEstimator
    pipeline = make_pipeline(StandardScaler(), PCA(2)).fit(X)
    for held in (pipeline, make_pipeline(StandardScaler().fit(X), frozen(pipeline[-1])).fit(X)):
        problem, factors = from_model(frozen(held), X)
        assert np.allclose(problem.loss.data, StandardScaler().fit_transform(X), rtol=1e-12)
        assert np.array_equal(factors[1], from_model(pipeline, X)[1][1])


TRANSFORMED = {
    "a column": (X[:, 2], {"transformer": StandardScaler()}),
    "columns": (X[:, 2:4], {"transformer": MinMaxScaler()}),
    "functions": (1 + X[:, 2], {"func": np.log, "inverse_func": np.exp}),
}


@pytest.mark.parametrize("name", TRANSFORMED)
def test_a_regressor_of_transformed_targets_is_read_on_those(name):
    y, how = TRANSFORMED[name]
    network = MLPRegressor(
        hidden_layer_sizes=(3,), alpha=1.0, solver="lbfgs", max_iter=5, random_state=0
    )
    model = TransformedTargetRegressor(make_pipeline(MinMaxScaler(), network), **how)
    after_fit(model, X, y)
    inside = MinMaxScaler().fit_transform(X)
    column = y.reshape(len(y), -1)
    new = model.transformer_.transform(column) if "func" not in how else np.log(column)
    problem, factors = from_model(model, X, y)
    other, same = from_model(model.regressor_[-1], inside, new)
    assert np.allclose(problem.loss.data, other.loss.data, rtol=1e-12, atol=1e-15)
    assert all(np.array_equal(a, b) for a, b in zip(factors, same, strict=True))
    with pytest.raises(InputError, match="MLPRegressor reports loss_ "):
        from_model(model.regressor_, X, 2 * y)


def test_a_transformer_that_refuses_y_is_quoted_and_an_unfitted_one_is_named():
    network = MLPRegressor(
        hidden_layer_sizes=(3,), alpha=1.0, solver="lbfgs", max_iter=5, random_state=0
    )
    model = TransformedTargetRegressor(network, transformer=StandardScaler())
    with pytest.raises(InputError, match="TransformedTargetRegressor must be fitted first"):
        from_model(model, X, X[:, 0])
    after_fit(model, X, X[:, 0])
    with pytest.raises(InputError, match="the transformer of y does not transform this y: X has 2"):
        from_model(model, X, X[:, :2])


@pytest.mark.parametrize("refit", [True, False])
def test_a_search_without_a_best_estimator_is_told_to_refit(refit):
    rows = np.arange(len(X))
    search = GridSearchCV(PCA(), {"n_components": [2]}, cv=[(rows, rows)], refit=refit)
    given = search if refit else search.fit(X)
    with pytest.raises(InputError, match=r"GridSearchCV must be fitted first, with refit=True"):
        from_model(given, X)


def test_a_dictionary_after_fit_is_read_at_its_best_codes():
    model, codes = dictionary(max_iter=10)
    own, ours = from_model(model, X, codes=codes)[1], from_model(model, X)
    assert ours[0].objective(tuple(ours[1])) <= ours[0].objective(tuple(own))
    assert "U was re-solved" in ours[1].note


def test_codes_far_from_the_fit_are_refused_with_both_figures():
    lost = np.random.RandomState(0)
    model = after_fit(NMF(4, init="random", random_state=lost, max_iter=1, **alphas()))
    with pytest.raises(InputError, match=r"codes=W, the W that its fit_transform") as error:
        from_model(model, X)
    theirs, mine = figures(error)
    assert theirs == pytest.approx(model.reconstruction_err_, rel=1e-8)
    W, *_ = non_negative_factorization(
        X, H=model.components_, update_H=False, n_components=4, alpha_W=model.alpha_W, alpha_H=0.0,
        tol=1e-12, max_iter=5000,
    )  # fmt: skip
    assert mine == pytest.approx(np.linalg.norm(X - W @ model.components_), rel=1e-8)
