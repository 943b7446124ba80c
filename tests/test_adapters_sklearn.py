"""Each scikit-learn model is read with the objective it minimized, or refused."""

import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import (
    NMF,
    PCA,
    DictionaryLearning,
    FactorAnalysis,
    IncrementalPCA,
    MiniBatchDictionaryLearning,
    MiniBatchNMF,
    MiniBatchSparsePCA,
    SparsePCA,
    TruncatedSVD,
    sparse_encode,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline

from certify import InputError, OutOfScopeError, Verdict, check, verify
from certify.adapters import _fitted
from certify.adapters._dictionary import group_lasso
from certify.adapters.sklearn import MODELS, Factors, from_model

DIGITS = load_digits().data / 16  # multiples of 1/16: exact in half of a float's bits
X, OTHER = DIGITS[:40], DIGITS[40:80]
SMALL = np.random.default_rng(0).integers(0, 33, (11, 7)) / 8
N, M = X.shape
TIGHT = 1e-10  # two float64 sums of a few thousand terms
NUMBER = r"\d+\.?\d*(?:e-?\d+)?"


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
    return problem.objective(tuple(factors), factors.q or ())


def figures(error):
    """Return the numbers with a decimal point in a refusal."""
    return [float(x) for x in re.findall(r"\d+\.\d+(?:e-?\d+)?", str(error.value))]


# ---------------------------------------------------------------- the objectives


@pytest.mark.parametrize("data", [X, SMALL], ids=["digits", "small"])
@pytest.mark.parametrize("solver", ["full", "covariance_eigh", "arpack"])
@pytest.mark.parametrize("whiten", [False, True])
def test_pca_is_the_residual_that_its_singular_values_leave(data, solver, whiten):
    model, codes = fitted(PCA(3, svd_solver=solver, whiten=whiten, random_state=0), data)
    centred = data - data.mean(axis=0)
    left = 0.5 * ((centred**2).sum() - (model.singular_values_**2).sum())
    for given in (None, codes):
        problem, factors = from_model(model, data, codes=given)
        assert problem.lam == 0
        assert [o.name for o in problem.offsets] == ["column"]
        assert np.array_equal(factors.q[0], model.mean_)
        assert objective(problem, factors) == pytest.approx(left, rel=TIGHT)
        rebuilt = 0.5 * ((data - model.inverse_transform(codes)) ** 2).sum()
        assert objective(problem, factors) == pytest.approx(rebuilt, rel=TIGHT)


@pytest.mark.parametrize("data", [X, SMALL], ids=["digits", "small"])
@pytest.mark.parametrize("algorithm", ["randomized", "arpack"])
def test_truncated_svd_is_the_residual_without_a_mean(data, algorithm):
    model, codes = fitted(TruncatedSVD(3, algorithm=algorithm, random_state=0), data)
    rebuilt = 0.5 * ((data - model.inverse_transform(codes)) ** 2).sum()
    for given in (None, codes):
        problem, factors = from_model(model, data, codes=given)
        assert (problem.lam, problem.offsets, factors.q) == (0, (), None)
        assert objective(problem, factors) == pytest.approx(rebuilt, rel=TIGHT)


@pytest.mark.parametrize("data", [X, SMALL], ids=["digits", "small"])
@pytest.mark.parametrize("kind", [NMF, MiniBatchNMF])
def test_nmf_weights_w_by_features_and_h_by_samples(data, kind):
    model, W = nonnegative(kind, data)
    n, m = data.shape
    a, b, H = model.alpha_W, model.alpha_H, model.components_
    library = 0.5 * ((data - W @ H) ** 2).sum()
    library += 0.5 * a * m * (W**2).sum() + 0.5 * b * n * (H**2).sum()
    problem, factors = from_model(model, data, codes=W)
    assert (problem.atom.left, problem.atom.right, problem.atom.form) == ("l2+", "l2+", "sum")
    assert problem.lam == pytest.approx(np.sqrt(n * m * a * b), rel=TIGHT)
    assert objective(problem, factors) == pytest.approx(library, rel=TIGHT)
    swapped = library + 0.5 * (n - m) * (a * (W**2).sum() - b * (H**2).sum())
    assert objective(problem, factors) != pytest.approx(swapped, rel=1e-3)


def test_nmf_with_one_alpha_uses_it_for_both_factors():
    model, W = nonnegative(alpha_H="same")
    problem, _ = from_model(model, X, codes=W)
    assert problem.lam == pytest.approx(model.alpha_W * np.sqrt(N * M), rel=TIGHT)


def complementarity(problem, factors):
    """Return max |U grad_U|, |V grad_V|, relative: 0 where nonnegative factors are stationary."""
    U, V = factors
    W = problem.dual_point(tuple(factors))
    pulls = ((U, W @ V), (V, W.T @ U))
    return max(np.abs(x * (p - problem.lam * x)).max() / np.abs(x * p).max() for x, p in pulls)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (NMF, {"tol": 1e-12, "max_iter": 50_000}),
        (MiniBatchNMF, {"tol": 0, "max_no_improvement": None, "batch_size": N, "max_iter": 20_000}),
    ],
    ids=["NMF", "MiniBatchNMF"],
)
def test_a_converged_nmf_is_stationary_for_its_problem_and_not_with_n_and_m_swapped(kind, settings):
    model, W = nonnegative(kind, n_components=2, **settings)
    problem, (U, V) = from_model(model, X, codes=W)
    assert complementarity(problem, (U, V)) < 1e-6
    s = (N / M) ** 0.5  # the scale of U in the problem with n and m exchanged
    assert complementarity(problem, (U * s, V / s)) > 1e-2


@pytest.mark.parametrize("data", [X, SMALL], ids=["digits", "small"])
@pytest.mark.parametrize("positive", [False, True])
def test_dictionary_learning_is_its_last_error(data, positive):
    settings = {"positive_code": positive, "positive_dict": positive, "fit_algorithm": "cd"}
    model, codes = dictionary(data=data, **settings)
    problem, factors = from_model(model, data, codes=codes)
    signs = ("l1+", "l2+") if positive else ("l1", "l2")
    assert (problem.atom.left, problem.atom.right, problem.atom.form) == (*signs, "product")
    assert problem.lam == 0.5
    used = np.abs(codes).sum(axis=0) > 0
    assert np.linalg.norm(model.components_[used], axis=1) == pytest.approx(1, rel=TIGHT)
    assert objective(problem, factors) == pytest.approx(model.error_[-1], rel=TIGHT)


@pytest.mark.parametrize("sign", ["positive_code", "positive_dict"])
def test_one_sign_of_a_dictionary_is_one_sign_of_the_atom(sign):
    model, codes = dictionary(fit_algorithm="cd", **{sign: True})
    problem, _ = from_model(model, X, codes=codes)
    wanted = ("l1+", "l2") if sign == "positive_code" else ("l1", "l2+")
    assert (problem.atom.left, problem.atom.right) == wanted


def test_a_shorter_atom_costs_what_its_rescaled_twin_costs():
    model, codes = dictionary()
    whole, whole_factors = from_model(model, X, codes=codes)
    expected = objective(whole, whole_factors)
    model.components_[0] /= 2
    codes[:, 0] *= 2
    model.error_[-1] += 0.5 * np.abs(codes[:, 0]).sum() / 2  # the library pays the code alone
    problem, factors = from_model(model, X, codes=codes)
    assert objective(problem, factors) == expected
    assert objective(problem, factors) < model.error_[-1]


def test_without_codes_a_dictionary_is_read_at_its_lasso_codes():
    model, codes = dictionary()
    problem, (U, V) = from_model(model, X)
    assert np.array_equal(U, sparse_encode(X, V.T, algorithm="lasso_lars", alpha=0.5))
    assert objective(problem, Factors(U, V)) <= objective(problem, Factors(codes, V))
    assert objective(problem, Factors(U, V)) == pytest.approx(model.error_[-1], rel=1e-6)


def test_mini_batch_dictionary_is_read_at_its_lasso_codes():
    model, _ = dictionary(MiniBatchDictionaryLearning)
    best = sparse_encode(X, model.components_, algorithm="lasso_lars", alpha=0.5)
    cost = 0.5 * ((X - best @ model.components_) ** 2).sum() + 0.5 * np.abs(best).sum()
    for given in (None, best):
        problem, factors = from_model(model, X, codes=given)
        assert problem.lam == 0.5
        assert objective(problem, factors) == pytest.approx(cost, rel=TIGHT)


@pytest.mark.parametrize("data", [X, SMALL], ids=["digits", "small"])
def test_sparse_pca_recovers_its_discarded_dictionary(data):
    model = sparse_components(data=data, tol=1e-12, max_iter=10_000)
    problem, (C, V) = from_model(model, data)
    assert (problem.atom.left, problem.atom.right) == ("l1", "l2")
    assert np.array_equal(problem.loss.data, (data - data.mean(axis=0)).T)
    assert np.array_equal(C, model.components_.T)
    assert V.shape == (len(data), 4)
    assert objective(problem, Factors(C, V)) == pytest.approx(model.error_[-1], rel=1e-8)


def test_mini_batch_sparse_pca_is_read_like_sparse_pca():
    model = sparse_components(MiniBatchSparsePCA)
    problem, (C, V) = from_model(model, X)
    assert problem.lam == 0.5
    assert np.array_equal(problem.loss.data, (X - X.mean(axis=0)).T)
    assert np.array_equal(V, group_lasso(problem.loss.data, C, 0.5))


def test_group_lasso_meets_its_optimality_conditions():
    rng = np.random.default_rng(3)
    target, C = rng.integers(-8, 9, (9, 20)) / 8, rng.integers(-8, 9, (9, 4)) / 8
    C[:, 2] = 0
    alpha = 0.375 * np.linalg.norm(target.T @ C[:, 3]) / np.abs(C[:, 3]).sum()
    V = group_lasso(target, C, alpha)
    pull, price = (target - C @ V.T).T @ C, alpha * np.abs(C).sum(axis=0)
    sizes = np.linalg.norm(V, axis=0)
    assert sizes[2] == 0
    assert (sizes > 0).sum() >= 1
    for k in range(4):
        if sizes[k] > 0:
            assert pull[:, k] == pytest.approx(price[k] * V[:, k] / sizes[k], abs=1e-6)
        else:
            assert np.linalg.norm(pull[:, k]) <= price[k] * (1 + 1e-6)


def test_group_lasso_drops_a_group_that_does_not_pay():
    target, C = np.array([[4.0, 0.0], [0.0, 0.5]]), np.eye(2)
    assert np.array_equal(group_lasso(target, C, 1.0), [[3.0, 0.0], [0.0, 0.0]])


# ---------------------------------------------------------------- the traps


def test_transform_of_nmf_solves_for_another_w_and_is_refused_with_both_figures():
    model, W = nonnegative(tol=1e-2)
    other = model.transform(X)
    with pytest.raises(InputError, match=r"codes=W, the W that its fit_transform") as error:
        from_model(model, X, codes=other)
    theirs, mine = figures(error)
    assert theirs == pytest.approx(model.reconstruction_err_, rel=1e-8)
    assert mine == pytest.approx(np.linalg.norm(X - other @ model.components_), rel=1e-8)
    with pytest.raises(InputError, match=r"codes=W, the W that its fit_transform"):
        from_model(model, X)
    assert from_model(model, X, codes=W)[1][0].shape == (N, 4)


@pytest.mark.parametrize("precision", [np.float64, np.float32])
def test_without_codes_a_converged_nmf_is_solved_for_again(precision):
    data = X.astype(precision)
    model, W = nonnegative(data=data, tol=1e-12, max_iter=5_000)
    problem, factors = from_model(model, data)
    same = from_model(model, data, codes=W)[1]
    assert objective(problem, factors) == pytest.approx(objective(problem, same), rel=1e-6)


def test_orthogonal_matching_pursuit_is_refused_with_both_figures():
    model, codes = dictionary()
    pursued = model.transform(X)
    cost = 0.5 * ((X - pursued @ model.components_) ** 2).sum() + 0.5 * np.abs(pursued).sum()
    with pytest.raises(InputError, match=r"codes=U, the U that fit_transform") as error:
        from_model(model, X, codes=pursued)
    theirs, mine = figures(error)
    assert theirs == pytest.approx(model.error_[-1], rel=1e-8)
    assert mine == pytest.approx(cost, rel=1e-8)
    assert cost > 1.1 * model.error_[-1]
    assert from_model(model, X, codes=codes)[1][0].shape == (N, 5)


def test_fit_transform_of_a_mini_batch_dictionary_is_matching_pursuit_and_refused():
    model, pursued = dictionary(MiniBatchDictionaryLearning)
    with pytest.raises(InputError, match="leave codes out") as error:
        from_model(model, X, codes=pursued)
    best, given = figures(error)
    assert best < given


def test_codes_of_a_whitened_pca_are_not_taken_at_their_own_scale():
    model, codes = fitted(PCA(3, svd_solver="full", whiten=True))
    _, (U, _) = from_model(model, X, codes=codes)
    assert np.abs(U - (X - model.mean_) @ model.components_.T).max() < TIGHT
    model.whiten = False
    with pytest.raises(InputError, match="PCA reports a squared residual of"):
        from_model(model, X, codes=codes)


def test_split_signs_of_a_code_are_not_codes():
    model, _ = dictionary(split_sign=True)
    with pytest.raises(InputError, match=re.escape("codes must have shape (40, 5), got (40, 10)")):
        from_model(model, X, codes=model.transform(X))


def test_the_codes_of_a_randomized_pca_are_judged_as_they_are():
    rough = {"svd_solver": "randomized", "iterated_power": 0, "n_oversamples": 1}
    model, codes = fitted(PCA(3, random_state=0, **rough), X.T)
    problem, factors = from_model(model, X.T, codes=codes)
    left = 0.5 * (((X.T - model.mean_) ** 2).sum() - (model.singular_values_**2).sum())
    assert objective(problem, factors) == pytest.approx(left, rel=TIGHT)
    with pytest.raises(InputError, match=r"codes=fit_transform\(X\) for a randomized") as error:
        from_model(model, X.T)
    theirs, mine = figures(error)
    assert theirs == pytest.approx(left, rel=1e-8)
    assert mine < theirs


# ---------------------------------------------------------------- other data are refused


MADE = {
    "PCA": lambda: fitted(PCA(3)),
    "TruncatedSVD": lambda: fitted(TruncatedSVD(3, random_state=0)),
    "NMF": nonnegative,
    "MiniBatchNMF": lambda: nonnegative(MiniBatchNMF),
    "DictionaryLearning": dictionary,
    "SparsePCA": lambda: (sparse_components(), None),
    "MiniBatchSparsePCA": lambda: (sparse_components(MiniBatchSparsePCA), None),
    "MiniBatchDictionaryLearning": lambda: (dictionary(MiniBatchDictionaryLearning)[0], None),
}
UNREPORTED = {"MiniBatchDictionaryLearning"}  # reports no figure and keeps no mean


def test_every_model_has_a_case():
    assert set(MADE) == set(MODELS)


@pytest.mark.parametrize("name", sorted(set(MADE) - UNREPORTED))
def test_a_model_is_refused_on_other_data_with_both_figures(name):
    model, codes = MADE[name]()
    from_model(model, X, codes=codes)
    with pytest.raises(InputError, match=f"{NUMBER}.*, but .* {NUMBER}") as error:
        from_model(model, OTHER, codes=codes)
    theirs, mine = figures(error)[-2:]
    assert theirs != mine


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_model_is_checked_and_its_certificate_verified(name, tmp_path):
    model, codes = MADE[name]()
    problem, factors = from_model(model, X, codes=codes)
    result = check(problem, factors, q=factors.q, budget=2)
    exact = {"PCA", "TruncatedSVD"}
    assert (result.verdict is Verdict.CERTIFIED) == (name in exact)
    assert 0 < result.lower <= result.upper
    result.certificate.save(tmp_path / "x.cert")
    proved = verify(tmp_path / "x.cert", problem, factors, q=factors.q)
    assert (proved.verdict, proved.tier) == (result.verdict, "exact")


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_single_precision_fit_is_read(name):
    data = X.astype(np.float32)
    made = {
        "PCA": lambda: fitted(PCA(3), data),
        "TruncatedSVD": lambda: fitted(TruncatedSVD(3, random_state=0), data),
        "NMF": lambda: nonnegative(data=data),
        "MiniBatchNMF": lambda: nonnegative(MiniBatchNMF, data=data),
        "DictionaryLearning": lambda: dictionary(data=data),
        "MiniBatchDictionaryLearning": lambda: (
            dictionary(MiniBatchDictionaryLearning, data=data)[0],
            None,
        ),
        "SparsePCA": lambda: (sparse_components(data=data), None),
        "MiniBatchSparsePCA": lambda: (sparse_components(MiniBatchSparsePCA, data=data), None),
    }
    model, codes = made[name]()
    assert model.components_.dtype == np.float32
    _, factors = from_model(model, data, codes=codes)
    assert {x.dtype for x in factors} == {np.dtype(np.float64)}
    if name not in UNREPORTED:
        with pytest.raises(InputError, match=", but "):
            from_model(model, OTHER.astype(np.float32), codes=codes)


# ---------------------------------------------------------------- what the theory covers


@pytest.mark.parametrize(
    ("settings", "cure"),
    [
        ({"l1_ratio": 0.5}, "l1_ratio=0.5 .* fit with l1_ratio=0"),
        ({"l1_ratio": 1}, "l1_ratio=1 .* fit with l1_ratio=0"),
        ({"alpha_W": 0.0}, "alpha_W=0.0 .* fit with alpha_W > 0"),
        ({"alpha_H": 0.0}, "alpha_H=0.0 .* fit with alpha_H > 0"),
        ({"alpha_W": 0.0, "alpha_H": "same"}, "alpha_W=0.0 .* fit with alpha_W > 0"),
        (
            {"solver": "mu", "beta_loss": "kullback-leibler"},
            "'kullback-leibler' .* fit with beta_loss='frobenius'",
        ),
        ({"solver": "mu", "beta_loss": 1.5}, "beta_loss=1.5 .* fit with beta_loss='frobenius'"),
    ],
)
def test_nmf_outside_the_theory_names_the_cure(settings, cure):
    model, W = nonnegative(data=X + 1 / 16, max_iter=3, **settings)
    with pytest.raises(OutOfScopeError, match=cure):
        from_model(model, X + 1 / 16, codes=W)


@pytest.mark.parametrize("loss", ["frobenius", 2, 2.0])
def test_the_multiplicative_solver_of_the_frobenius_loss_is_covered(loss):
    model, W = nonnegative(solver="mu", beta_loss=loss)
    assert from_model(model, X, codes=W)[0].lam > 0


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        (DictionaryLearning, dictionary),
        (MiniBatchDictionaryLearning, dictionary),
        (SparsePCA, sparse_components),
        (MiniBatchSparsePCA, sparse_components),
    ],
)
def test_alpha_zero_is_out_of_scope_with_the_cure(kind, make):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = make(kind, max_iter=1, alpha=0, **({"tol": 0.1} if kind is SparsePCA else {}))
    model = made[0] if isinstance(made, tuple) else made
    with pytest.raises(OutOfScopeError, match=r"alpha=0 .* fit with alpha > 0"):
        from_model(model, X)


@pytest.mark.parametrize(
    "estimator",
    [
        FactorAnalysis(2),
        IncrementalPCA(2),
        KMeans(2, n_init=1, random_state=0),
        make_pipeline(PCA(2)),
        "PCA",
        None,
    ],
    ids=lambda e: type(e).__name__,
)
def test_other_estimators_are_out_of_scope_by_name(estimator):
    if hasattr(estimator, "fit"):
        estimator.fit(X)
    name = type(estimator).__name__
    with pytest.raises(OutOfScopeError, match=f"not {name}: state its objective as a Problem"):
        from_model(estimator, X)


def test_a_subclass_may_minimize_something_else_and_is_out_of_scope():
    class Mine(PCA):
        pass

    with pytest.raises(OutOfScopeError, match="not Mine"):
        from_model(Mine(2).fit(X), X)


# ---------------------------------------------------------------- wrong input


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
    with pytest.raises(InputError, match="keeps no codes, they are recovered: leave codes out"):
        from_model(sparse_components(), X, codes=np.zeros((N, 4)))


def test_a_sparse_pca_stopped_early_is_refused_with_both_figures():
    model = sparse_components(max_iter=2)
    with pytest.raises(InputError, match="fit to convergence") as error:
        from_model(model, X)
    theirs, mine = figures(error)
    assert theirs == pytest.approx(model.error_[-1], rel=1e-8)
    assert mine < theirs


def test_nmf_by_partial_fit_has_no_figure_and_is_refused():
    model = MiniBatchNMF(2, random_state=0, **alphas()).partial_fit(X)
    with pytest.raises(InputError, match="after partial_fit reports no reconstruction_err_"):
        from_model(model, X)


def test_data_the_library_refuses_are_refused_in_its_words():
    model, W = nonnegative()
    with pytest.raises(InputError, match="NMF cannot solve for codes on this X: Negative values"):
        from_model(model, X - 1)
    with pytest.raises(InputError, match="NMF reports reconstruction_err_"):
        from_model(model, X - 1, codes=W)


# ---------------------------------------------------------------- sparse data


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
    model, _ = fitted(TruncatedSVD(3, random_state=0))
    monkeypatch.setattr(_fitted, "DENSE", X.size)
    from_model(model, sparse.csr_array(X))
    monkeypatch.setattr(_fitted, "DENSE", X.size - 1)
    told = r"X is sparse and 40 x 64: to the model its missing entries are zeros, too many to hold"
    with pytest.raises(InputError, match=told):
        from_model(model, sparse.csr_array(X))
    from_model(model, X)
    with pytest.raises(InputError, match="1000000000 x 64"):
        _fitted.dense(sparse.csr_array((10**9, 64)))


# ---------------------------------------------------------------- the library itself


def test_factors_are_a_pair_with_offsets():
    model, _ = fitted(PCA(3))
    _, factors = from_model(model, X)
    U, V = factors
    assert isinstance(factors, tuple)
    assert isinstance(factors, Factors)
    assert (U.shape, V.shape, factors.q[0].shape) == ((N, 3), (M, 3), (M,))


def test_a_model_is_left_as_it_was():
    model, W = nonnegative(tol=1e-12, max_iter=50_000)
    before, kept, data = model.components_.copy(), W.copy(), X.copy()
    from_model(model, X)
    from_model(model, X, codes=W)
    assert np.array_equal(model.components_, before)
    assert np.array_equal(W, kept)
    assert np.array_equal(X, data)


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.decomposition", None)
    with pytest.raises(InputError, match=r"cannot be imported .*: pip install certify\[models\]"):
        from_model(object(), X)


def test_the_adapter_imports_scikit_learn_only_when_called():
    code = "import sys, certify.adapters.sklearn; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
