"""Codes and data that are not those of the fit are refused, with both figures."""

import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import (
    NMF,
    PCA,
    IncrementalPCA,
    MiniBatchDictionaryLearning,
    MiniBatchNMF,
    MiniBatchSparsePCA,
    SparsePCA,
    TruncatedSVD,
)
from sklearn.neural_network import MLPRegressor

from certify import InputError, Verdict, check, verify
from certify.adapters.sklearn import MODELS, from_model
from tests.sklearn_models import (
    MADE,
    NUMBER,
    OTHER,
    TIGHT,
    UNREPORTED,
    N,
    X,
    dictionary,
    figures,
    fitted,
    nonnegative,
    objective,
    sparse_components,
)


def test_masked_entries_have_a_cure_that_the_models_know():
    hidden = np.ma.masked_less(X, 0.1)
    with pytest.raises(InputError, match=r"X has masked entries: give an array without a mask$"):
        from_model(PCA(2).fit(X), hidden)


def test_transform_of_nmf_solves_for_another_w_and_is_refused_with_both_figures():
    model, W = nonnegative(tol=1e-2)
    other = model.transform(X)
    with pytest.raises(InputError, match=r"codes=W, the W that its fit_transform") as error:
        from_model(model, X, codes=other)
    theirs, mine = figures(error)
    assert theirs == pytest.approx(model.reconstruction_err_, rel=1e-8)
    assert mine == pytest.approx(np.linalg.norm(X - other @ model.components_), rel=1e-8)
    assert "W was re-solved" in from_model(model, X)[1].note  # best for its H, and said
    assert from_model(model, X, codes=W)[1][0].shape == (N, 4)


@pytest.mark.parametrize("precision", [np.float64, np.float32])
def test_without_codes_a_converged_nmf_is_solved_for_again(precision):
    data = X.astype(precision)
    model, W = nonnegative(data=data, tol=1e-12, max_iter=5_000)
    problem, factors = from_model(model, data)
    same = from_model(model, data, codes=W)[1]
    assert objective(problem, factors) == pytest.approx(objective(problem, same), rel=1e-6)


@pytest.mark.thorough
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
    with pytest.raises(
        InputError, match="PCA reports variances that leave half a squared residual of"
    ):
        from_model(model, X, codes=codes)


@pytest.mark.thorough
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
    with pytest.raises(InputError, match=r"codes=U, the U that its fit_transform") as error:
        from_model(model, X.T)
    theirs, mine = figures(error)
    assert theirs == pytest.approx(left, rel=1e-8)
    assert mine < theirs


def test_without_codes_a_randomized_pca_is_judged_by_its_components():
    data = np.random.default_rng(3).normal(size=(60, 40)) / np.arange(1, 41)
    model = PCA(3, svd_solver="randomized", iterated_power=1, random_state=0).fit(data)
    problem, factors = from_model(model, data)
    left = 0.5 * (((data - model.mean_) ** 2).sum() - (model.singular_values_**2).sum())
    assert TIGHT * left < left - objective(problem, factors) < 0.01 * left
    assert f"of the fit, {objective(problem, factors):.8g} of this U" in factors.note
    assert f"(half a squared residual of {left:.8g} of the fit" in factors.note
    with pytest.raises(InputError, match=r"PCA has mean_\[\d+\] = .* but X has .* pass the X of"):
        from_model(model, data + 0.001)
    model.svd_solver = model._fit_svd_solver = "full"  # which reports what its components explain
    with pytest.raises(
        InputError, match="PCA reports variances that leave half a squared residual of"
    ):
        from_model(model, data)
    exact = PCA(3, svd_solver="full").fit(data)
    with pytest.raises(
        InputError, match=r"half a squared residual of -\d.*, but .*: pass the X of"
    ):
        from_model(exact, data[:10])  # a part of the rows varies less than the model explains


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


@pytest.mark.thorough
@pytest.mark.parametrize("name", sorted(MADE))
def test_a_model_is_checked_and_its_certificate_verified(name, tmp_path):
    model, codes = MADE[name]()
    problem, factors = from_model(model, X, codes=codes)
    result = check(problem, factors, q=factors.q, budget=2)
    exact = {"PCA", "IncrementalPCA", "TruncatedSVD"}  # its rows are one batch
    assert (result.verdict is Verdict.CERTIFIED) == (name in exact)
    assert 0 < result.lower <= result.upper
    result.certificate.save(tmp_path / "x.cert")
    proved = verify(tmp_path / "x.cert", problem, factors, q=factors.q)
    assert (proved.verdict, proved.tier) == (result.verdict, "exact")


@pytest.mark.thorough
@pytest.mark.parametrize("name", sorted(MADE))
def test_a_single_precision_fit_is_read(name):
    data = X.astype(np.float32)
    made = {
        "PCA": lambda: fitted(PCA(3), data),
        "IncrementalPCA": lambda: fitted(IncrementalPCA(3), data),
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


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("kind", [SparsePCA, MiniBatchSparsePCA])
def test_a_fit_with_a_mean_in_half_precision_is_read(kind):
    data = (X + 0.03).astype(np.float16)
    model = sparse_components(kind, data=data)
    assert model.mean_.dtype == np.float16
    assert not np.array_equal(model.mean_, np.mean(data, axis=0, dtype=np.float64))
    problem, factors = from_model(model, data)
    exact = data.astype(np.float64) - model.mean_.astype(np.float64)
    assert np.array_equal(problem.loss.data, exact.T)
    assert np.array_equal(factors[0], model.components_.T)
    with pytest.raises(InputError, match="pass the X of the fit"):
        from_model(model, OTHER.astype(np.float16) + np.float16(4.0))


UNSETTLED = pytest.mark.filterwarnings(
    "ignore::RuntimeWarning", "ignore::sklearn.exceptions.ConvergenceWarning"
)
TOO_LARGE = {
    "PCA": PCA(2),
    "IncrementalPCA": IncrementalPCA(2, batch_size=20),
    "TruncatedSVD": TruncatedSVD(2),
    "NMF": NMF(2, max_iter=9000),
}


@pytest.mark.filterwarnings(
    "ignore::RuntimeWarning", "ignore::sklearn.exceptions.ConvergenceWarning"
)
@pytest.mark.parametrize("name", TOO_LARGE)
def test_data_whose_squares_overflow_are_refused_with_the_cure(name):
    data, model = np.abs(X), clone(TOO_LARGE[name])
    huge = data * 2.0**520
    with np.errstate(all="ignore"):
        model.fit(huge)
    said = r"the sum of the squares of X overflows float64: scale the data by a power of two, such"
    with pytest.raises(InputError, match=said):
        from_model(model, huge)
    assert from_model(model.fit(huge * 2.0**-520), huge * 2.0**-520)  # as it says


@pytest.mark.filterwarnings(
    "ignore::RuntimeWarning", "ignore::sklearn.exceptions.ConvergenceWarning"
)
def test_a_network_whose_loss_overflows_is_refused_with_the_cure():
    model = MLPRegressor(hidden_layer_sizes=(2,), solver="lbfgs", max_iter=1)
    with np.errstate(all="ignore"):
        model.fit(X, X[:, 1] * 2.0**520)
        with pytest.raises(InputError, match=r"loss_ of MLPRegressor overflows float64: scale the"):
            from_model(model, X, X[:, 1] * 2.0**520)


@UNSETTLED
def test_means_of_subnormal_numbers_are_those_of_the_fit():
    data = np.ldexp(np.round(X * 8), -1060)
    model = IncrementalPCA(2, batch_size=20).fit(data)
    assert from_model(model, data)[1].q[0] == pytest.approx(model.mean_, abs=0)
    model.mean_ = model.mean_ + np.ldexp(1.0, -1060)
    with pytest.raises(InputError, match=r"IncrementalPCA has mean_"):
        from_model(model, data)
