"""NMF under the Kullback-Leibler loss, and factors that miss their signs by a rounding."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.decomposition import NMF, MiniBatchNMF

from certify import InputError, check, verify
from certify.adapters._nmf import TINY, beta_reason
from certify.adapters.sklearn import from_model
from tests.sklearn_models import OTHER, SMALL, TIGHT, X, figures, nonnegative, objective

KL = {"beta_loss": "kullback-leibler", "max_iter": 2000}
MU = {"solver": "mu", **KL}
KINDS = pytest.mark.parametrize(("kind", "settings"), [(NMF, MU), (MiniBatchNMF, KL)])


def divergence(X, Z):
    """Return sum X ln(X / Z) - X + Z, written from its definition."""
    some = X > 0
    return (X[some] * np.log(X[some] / Z[some])).sum() - X.sum() + Z.sum()


@KINDS
@pytest.mark.parametrize("data", [X, SMALL], ids=["digits", "small"])
def test_divergence_and_penalties_are_the_library_s(kind, settings, data):
    model, W = nonnegative(kind, data, **settings)
    (n, m), H = data.shape, model.components_
    library = divergence(data, W @ H)
    assert np.sqrt(2 * library) == pytest.approx(model.reconstruction_err_, rel=TIGHT)
    library += 0.5 * model.alpha_W * m * (W**2).sum() + 0.5 * model.alpha_H * n * (H**2).sum()
    problem, factors = from_model(model, data, codes=W)
    assert problem.loss.name == "kullback_leibler"
    assert problem.lam == pytest.approx(np.sqrt(n * m * model.alpha_W * model.alpha_H), rel=TIGHT)
    assert objective(problem, factors) == pytest.approx(library, rel=TIGHT)


def test_a_converged_fit_is_stationary_for_its_problem_and_not_with_n_and_m_swapped():
    model, W = nonnegative(data=SMALL, n_components=2, tol=1e-14, **MU | {"max_iter": 50_000})
    problem, (U, V) = from_model(model, SMALL, codes=W)

    def defect(U, V):
        G = problem.dual_point((U, V))
        pulls = ((U, G @ V), (V, G.T @ U))
        return max(np.abs(x * (p - problem.lam * x)).max() / np.abs(x * p).max() for x, p in pulls)

    assert defect(U, V) < 1e-5
    s = (SMALL.shape[0] / SMALL.shape[1]) ** 0.5
    assert defect(U * s, V / s) > 1e-2


@pytest.mark.parametrize("settings", [{}, {"l1_ratio": 1.0, "alpha_H": 0.0}, MU])
def test_without_penalties_the_question_is_that_of_its_size(settings):
    model, W = nonnegative(data=SMALL, **{"alpha_H": "same"} | settings | {"alpha_W": 0.0})
    problem, factors = from_model(model, SMALL, codes=W)
    assert problem.lam == 0
    assert np.array_equal(factors[0], W)
    assert np.array_equal(factors[1].T, model.components_)
    assert np.sqrt(2 * objective(problem, factors)) == pytest.approx(model.reconstruction_err_)


@pytest.mark.parametrize("ratio", [0.0, 1.0])
@pytest.mark.parametrize(("paid", "free"), [("alpha_W", "alpha_H"), ("alpha_H", "alpha_W")])
def test_a_penalty_on_one_factor_alone_is_left_out_and_this_is_said(paid, free, ratio):
    model, W = nonnegative(data=SMALL, n_components=2, l1_ratio=ratio, **{paid: 0.25, free: 0.0})
    problem, factors = from_model(model, SMALL, codes=W)
    assert (problem.lam, problem.l1) == (0, None)
    assert np.array_equal(factors[0], W)
    assert np.sqrt(2 * objective(problem, factors)) == pytest.approx(model.reconstruction_err_)
    assert factors.note == (
        f"with {free}=0 the penalty of {paid}=0.25 does not change the optimum: "
        "rescaling makes it as small as you like; objectives here leave it out"
    )
    result = check(problem, factors, budget=1.0)
    assert result.reason.endswith(factors.note)
    copy = from_model(result.better_model(model), SMALL)
    assert objective(*copy) <= result.better_upper * (1 + 1e-6)


@pytest.mark.parametrize("ratio", [0.25, 1.0])
@pytest.mark.parametrize("kind", [NMF, MiniBatchNMF])
def test_l1_penalties_are_the_library_s(kind, ratio):
    model, W = nonnegative(kind, SMALL, n_components=2, l1_ratio=ratio)
    (n, m), H = SMALL.shape, model.components_
    a, b = model.alpha_W * m, model.alpha_H * n
    library = 0.5 * ((SMALL - W @ H) ** 2).sum() + ratio * (a * W.sum() + b * H.sum())
    library += 0.5 * (1 - ratio) * (a * (W**2).sum() + b * (H**2).sum())
    problem, factors = from_model(model, SMALL, codes=W)
    assert problem.lam == pytest.approx((1 - ratio) * np.sqrt(a * b), rel=TIGHT)
    assert np.prod(problem.l1) == pytest.approx(ratio**2 * a * b, rel=TIGHT)
    assert objective(problem, factors) == pytest.approx(library, rel=TIGHT)
    if ratio == 1:
        assert np.array_equal(factors[0], W)


def test_codes_beside_an_l1_penalty_are_solved_for_again():
    model, W = nonnegative(data=SMALL, n_components=2, l1_ratio=0.5, tol=1e-12, max_iter=10_000)
    problem, factors = from_model(model, SMALL)
    kept = from_model(model, SMALL, codes=W)[1]
    assert objective(problem, factors) == pytest.approx(objective(problem, kept), rel=1e-6)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("ratio", [0.5, 1.0])
def test_the_better_model_beside_an_l1_penalty_is_its_own(ratio):
    model, W = nonnegative(data=SMALL, n_components=2, l1_ratio=ratio, tol=0.5, max_iter=3)
    problem, factors = from_model(model, SMALL, codes=W)
    result = check(problem, factors, budget=2.0)
    assert result.verdict.name == "REFUTED"
    copy = from_model(result.better_model(model), SMALL)
    assert objective(*copy) <= result.better_upper * (1 + 1e-9)
    assert np.abs(copy[1][1]).sum() == pytest.approx(np.abs(result.better[1]).sum(), rel=1e-6)


@KINDS
def test_other_data_are_refused_with_both_figures(kind, settings):
    model, W = nonnegative(kind, **settings)
    with pytest.raises(InputError, match=r"reports reconstruction_err_ .*, but") as error:
        from_model(model, OTHER, codes=W)
    theirs, mine = figures(error)[-2:]
    assert theirs == pytest.approx(model.reconstruction_err_, rel=1e-8)
    assert mine > 2 * theirs


@KINDS
def test_single_precision_and_sparse_data_are_read(kind, settings):
    single = X.astype(np.float32)
    model, W = nonnegative(kind, single, **settings)
    assert from_model(model, single, codes=W)[0].loss.observed.full
    held = sparse.csr_matrix(X)
    model, W = nonnegative(kind, held, **settings)
    assert np.array_equal(from_model(model, held, codes=W)[0].loss.data, X)


def test_a_fit_of_zero_where_there_are_counts_is_refused():
    model, W = nonnegative(data=SMALL, **MU)
    W[0] = 0
    with pytest.raises(InputError, match="reports reconstruction_err_"):
        from_model(model, SMALL, codes=W)
    Z = np.maximum(W @ model.components_, TINY)
    model.reconstruction_err_ = np.sqrt(2 * divergence(SMALL, Z))
    with pytest.raises(InputError, match=r"is infinite, .*> 0 where Y > 0.*: fit longer"):
        from_model(model, SMALL, codes=W)


@pytest.mark.thorough
def test_a_bracket_of_counts_is_proved(tmp_path):
    model, W = nonnegative(data=SMALL, **MU)
    problem, factors = from_model(model, SMALL, codes=W)
    result = check(problem, factors, budget=5)
    assert 0 < result.lower <= result.upper
    result.certificate.save(tmp_path / "x.cert")
    assert verify(tmp_path / "x.cert", problem, factors).lower == result.lower


@pytest.mark.thorough
def test_signs_missed_by_a_rounding_are_named_and_the_projected_point_is_bracketed():
    model, W = nonnegative(data=SMALL)
    W[3, 1] = -1e-17
    problem, factors = from_model(model, SMALL, codes=W)
    with pytest.raises(InputError, match=r"U must be >= 0 .*-.*e-1. at \[3, 1\]; Problem.project"):
        check(problem, factors)
    nearest = problem.project(factors)
    assert nearest[0].min() == 0
    result = check(problem, nearest, budget=2)
    assert 0 < result.lower <= result.upper


@pytest.mark.parametrize("beta", [-1, 0, 0.5, 1.25, 1.75, 2.5, 4])
def test_a_divergence_without_a_rule_is_called_convex_where_it_is(beta):
    z, x = np.meshgrid(np.geomspace(1e-3, 1e3, 60), np.geomspace(1e-3, 1e3, 60))
    bent = (beta - 1) * z ** (beta - 2.0) - (beta - 2) * x * z ** (beta - 3.0)
    assert (beta_reason(beta) == "is not covered") == bool((bent >= 0).all())
