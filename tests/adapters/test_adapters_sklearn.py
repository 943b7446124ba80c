"""Each scikit-learn model is read with the objective it minimized."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.decomposition import (
    NMF,
    PCA,
    MiniBatchDictionaryLearning,
    MiniBatchNMF,
    MiniBatchSparsePCA,
    TruncatedSVD,
    sparse_encode,
)

from certify import InputError
from certify.adapters._dictionary import group_lasso
from certify.adapters.sklearn import Factors, from_model
from tests.sklearn_models import (
    SMALL,
    TIGHT,
    M,
    N,
    X,
    dictionary,
    fitted,
    nonnegative,
    objective,
    since,
    sparse_components,
)

COVARIANCE = pytest.param("covariance_eigh", marks=since(1, 5))


@pytest.mark.parametrize("data", [X, SMALL], ids=["digits", "small"])
@pytest.mark.parametrize("solver", ["full", COVARIANCE, "arpack"])
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


@pytest.mark.thorough
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


@pytest.mark.thorough
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


@pytest.mark.thorough
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
    with pytest.raises(InputError, match=r"be imported .*: pip install 'certifact\[models\]'"):
        from_model(object(), X)


@pytest.mark.thorough
def test_the_adapter_imports_scikit_learn_only_when_called():
    code = "import sys, certify.adapters.sklearn; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
