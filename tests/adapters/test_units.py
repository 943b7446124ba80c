"""The number that each library reports: multiple * number + constant is the judged objective."""

import itertools
import warnings
from fractions import Fraction

import numpy as np
import pytest
import tensorly

pytest.importorskip("torch")
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import (
    NMF,
    PCA,
    DictionaryLearning,
    IncrementalPCA,
    MiniBatchNMF,
    SparsePCA,
    TruncatedSVD,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from tensorly.decomposition import CP, CP_NN, CP_NN_HALS, CPPower, SymmetricCP
from tensorly.regression import CPRegressor
from torch import nn

from certify import check, from_model
from certify.adapters.torch import from_model as from_torch
from certify.pipeline.units import OBJECTIVE, Units
from tests.network_models import COUNTS, IRIS, KINDS, Y3, D, N, X, Y, fitted, objective
from tests.sklearn_models import RELEASE

ROUNDED = 1e-9  # relative: a few thousand float64 operations on either side
DIGITS = load_digits().data[:40] / 16
WEIGHTS = np.arange(1, N + 1) / 8
LABELS = {
    "two": (MLPClassifier, IRIS, KINDS > 0),
    "three": (MLPClassifier, IRIS, KINDS),
    "many": (MLPClassifier, IRIS, np.column_stack([KINDS > 0, KINDS > 1]).astype(int)),
    "one output": (MLPRegressor, X, Y),
    "three outputs": (MLPRegressor, X, Y3),
    "counts": (MLPRegressor, X, COUNTS),
    "counts of three": (MLPRegressor, X, np.column_stack([COUNTS, COUNTS[::-1], COUNTS + 1])),
}


def network(name, weights, **settings):
    """Return (problem, factors, the model) of a network of scikit-learn."""
    kind, data, labels = LABELS[name]
    plain = {"hidden_layer_sizes": (4,), "random_state": 0, "max_iter": 60, "solver": "lbfgs"}
    loss = {"loss": "poisson"} if name.startswith("counts") else {}
    model = kind(**{**plain, **loss, **settings})
    given = {} if weights is None else {"sample_weight": np.resize(weights, len(data))}
    with np.errstate(all="ignore"):  # a long step of lbfgs on counts
        fitted(model, data, labels, **given)
    return (*from_model(model, data, labels, **given), model)


def sums(a):
    """Return the sum of squares."""
    return float((a * a).sum())


def agrees(problem, factors, reported, within=ROUNDED):
    """Whether a reported loss is that of the units of the factors."""
    told = factors.multiple * reported + factors.constant
    size = abs(factors.multiple * reported) + abs(factors.constant)
    return abs(told - objective(problem, factors)) <= within * size


# --- networks of scikit-learn: loss_ -----------------------------------------------------------

GRID = list(itertools.product(LABELS, ["relu", "identity"], [0.0, 0.25], ["none", "weights"]))


@pytest.mark.parametrize(("name", "activation", "alpha", "weighted"), GRID)
def test_the_loss_that_lbfgs_reports(name, activation, alpha, weighted):
    new = name.startswith("counts") or weighted == "weights"
    if new and RELEASE < (1, 7):
        pytest.skip("scikit-learn 1.7 brought it")
    weights = WEIGHTS if weighted == "weights" else None
    problem, factors, model = network(name, weights, activation=activation, alpha=alpha)
    if name == "three outputs" and alpha:  # a mean of squares over outputs, beside a penalty
        assert factors.units.name != "loss_"
        assert not agrees(problem, factors, model.loss_)
        fit = problem.loss.value(problem.predict(tuple(factors), factors.q))
        paid = 0.5 * alpha * sum(float((w * w).sum()) for w in model.coefs_)
        total = len(X) if weights is None else float(weights.sum())
        assert agrees(problem, factors, (fit + paid) / total)
        return
    assert factors.units.name == "loss_"
    assert agrees(problem, factors, model.loss_)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("batch", [N, N // 2, 10])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_the_loss_of_batches_is_named_only_where_they_are_alike(solver, batch, shuffle):
    """At a rate of 0 an epoch's mean is the loss of the last weights."""
    still = {"learning_rate_init": 1e-300, "max_iter": 2, "alpha": 0.5, "shuffle": shuffle}
    name = "one output"
    problem, factors, model = network(name, None, solver=solver, batch_size=batch, **still)
    alike = N % batch == 0
    assert (factors.units.name == "loss_") == alike
    assert agrees(problem, factors, model.loss_) == alike


@pytest.mark.skipif(RELEASE < (1, 7), reason="scikit-learn 1.7 brought counts")
def test_a_bound_in_units_of_the_loss_is_a_bound_of_the_loss():
    """Counts: without the constant, loss_ itself would lie below the bound."""
    problem, factors, model = network("counts", None, alpha=2.0, max_iter=4000, tol=1e-9)
    result = check(problem, factors, q=factors.q, budget=3.0)
    low, high = result.units.lower(result.lower), result.units.upper(result.upper)
    assert low <= model.loss_ <= high * (1 + ROUNDED)
    assert f"In units of loss_ (the objective is {N} times it" in result.explain()
    assert not low <= model.loss_ + 2 * factors.constant / N <= high


# --- networks of PyTorch: the loss with its weight decay ---------------------------------------

TORCH = {
    "mse": (nn.MSELoss, torch.tensor(Y3)),
    "l1": (nn.L1Loss, torch.tensor(Y3)),
    "huber": (lambda **k: nn.HuberLoss(delta=0.75, **k), torch.tensor(Y3)),
    "smooth_l1": (lambda **k: nn.SmoothL1Loss(beta=0.75, **k), torch.tensor(Y3)),
    "bce": (nn.BCEWithLogitsLoss, torch.tensor((Y3 > 0).astype(float))),
    "labels": (
        lambda **k: nn.BCEWithLogitsLoss(pos_weight=torch.tensor([0.5, 3.0, 1.0]), **k),
        torch.tensor((Y3 > 0).astype(float)),
    ),
    "cross_entropy": (nn.CrossEntropyLoss, torch.tensor(np.arange(N) % 3)),
    "classes": (
        lambda **k: nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 4.0]).double(), **k),
        torch.tensor(np.arange(N) % 3),
    ),
}


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("decay", [0.0, 0.125])
@pytest.mark.parametrize("name", TORCH)
def test_the_loss_of_a_training_with_its_decay(name, decay, bias, reduction):
    torch.manual_seed(0)
    make, y = TORCH[name]
    model = nn.Sequential(
        nn.Linear(D, 4, bias=bias), nn.ReLU(), nn.Linear(4, 3, bias=bias)
    ).double()
    loss = make(reduction=reduction)
    paid = decay / 2 * sum(sums(p.detach().numpy()) for p in model.parameters())
    reported = float(loss(model(torch.tensor(X)), y).detach()) + paid
    problem, factors = from_torch(model, X, y.numpy(), loss=loss, weight_decay=decay)
    assert factors.units.name == "the training loss with its weight decay"
    assert agrees(problem, factors, reported)


# --- factorizations: the figures from which each library's documentation makes the objective ----


def nmf_case(model):
    W = model.fit_transform(DIGITS)
    problem, factors = from_model(model, DIGITS, codes=W)
    (n, m), H, p = DIGITS.shape, model.components_, model.l1_ratio
    aH = model.alpha_W if model.alpha_H == "same" else model.alpha_H
    paid = m * model.alpha_W * (p * W.sum() + (1 - p) / 2 * sums(W))
    paid += n * aH * (p * H.sum() + (1 - p) / 2 * sums(H))
    return problem, factors, model.reconstruction_err_**2 / 2 + paid


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(("aW", "aH"), [(0.0, 0.0), (0.001, "same"), (0.001, 0.004)])
@pytest.mark.parametrize("loss", ["frobenius", "kullback-leibler"])
@pytest.mark.parametrize("kind", [NMF, MiniBatchNMF])
def test_the_error_of_an_nmf_and_its_penalties(kind, loss, aW, aH, p):
    settings = {"alpha_W": aW, "alpha_H": aH, "l1_ratio": p, "beta_loss": loss, "random_state": 0}
    solver = {} if kind is MiniBatchNMF else {"solver": "cd" if loss == "frobenius" else "mu"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = {"init": "nndsvda", "max_iter": 100}
        problem, factors, reported = nmf_case(kind(3, **settings, **solver, **start))
    assert factors.units == OBJECTIVE
    assert agrees(problem, factors, reported, 1e-6)  # the library's divergence cuts off small terms


@pytest.mark.parametrize("whiten", [False, True])
def test_the_variances_of_a_pca(whiten):
    model = PCA(3, whiten=whiten, svd_solver="full").fit(DIGITS)
    rest = sums(DIGITS - DIGITS.mean(axis=0)) - (len(DIGITS) - 1) * model.explained_variance_.sum()
    problem, factors = from_model(model, DIGITS)
    assert factors.units == OBJECTIVE
    assert agrees(problem, factors, rest / 2)
    other = IncrementalPCA(3, whiten=whiten, batch_size=20).fit(DIGITS)
    problem, factors = from_model(other, DIGITS)
    assert factors.units == OBJECTIVE  # its figures are those of merged batches


def test_the_variances_of_a_truncated_svd():
    model = TruncatedSVD(3, random_state=0)
    codes = model.fit_transform(DIGITS)
    rest = sums(DIGITS) - len(DIGITS) * (model.explained_variance_ + codes.mean(axis=0) ** 2).sum()
    problem, factors = from_model(model, DIGITS, codes=codes)
    assert factors.units == OBJECTIVE
    assert agrees(problem, factors, rest / 2)


@pytest.mark.parametrize("alpha", [0.5, 2.0])
@pytest.mark.parametrize("method", ["lars", "cd"])
def test_the_error_of_a_dictionary(method, alpha):
    plain = {"fit_algorithm": method, "transform_algorithm": f"lasso_{method}", "random_state": 0}
    model = DictionaryLearning(4, alpha=alpha, transform_alpha=alpha, max_iter=60, **plain)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        codes = model.fit_transform(DIGITS)
        problem, factors = from_model(model, DIGITS, codes=codes)
    assert factors.units == OBJECTIVE
    assert agrees(problem, factors, model.error_[-1], 1e-2)  # of the step before the last codes


def test_the_error_of_a_sparse_pca():
    model = SparsePCA(2, alpha=0.5, random_state=0, max_iter=500, tol=1e-12).fit(DIGITS)
    problem, factors = from_model(model, DIGITS)
    assert factors.units == OBJECTIVE
    assert agrees(problem, factors, model.error_[-1], 1e-4)  # at the end of its last step


# --- tensors: the relative error -----------------------------------------------------------------

T = tensorly.tensor(np.abs(np.sin(np.arange(60.0))).reshape(5, 4, 3))
CUBE = tensorly.tensor(sum(np.einsum("i,j,k->ijk", a, a, a) for a in np.eye(3) + 0.25))
TENSORS = {
    "CP": lambda: CP(2, random_state=0).fit(T),
    "normalized": lambda: CP(2, random_state=0, normalize_factors=True).fit(T),
    "masked": lambda: CP(2, random_state=0, mask=tensorly.tensor(T > 0.1).astype(bool)).fit(T),
    "CP_NN": lambda: CP_NN(2, random_state=0).fit(T),
    "CP_NN_HALS": lambda: CP_NN_HALS(2, random_state=0).fit(T),
    "CPPower": lambda: CPPower(2).fit(T),
    "SymmetricCP": lambda: SymmetricCP(2).fit(CUBE),
}


@pytest.mark.parametrize("name", TENSORS)
def test_the_relative_error_of_a_tensor(name):
    model = TENSORS[name]()
    data = CUBE if name == "SymmetricCP" else T
    problem, factors = from_model(model, data)
    assert factors.units == OBJECTIVE
    errors = getattr(model, "errors_", None)
    if errors is None or not len(errors):
        assert name in ("CPPower", "SymmetricCP")  # which report none
        return
    if name == "masked":  # both norms then have the fit's own entries where none is observed
        Z = np.einsum("ir,jr,kr->ijk", *factors)
        data = np.where(T > 0.1, T, Z)
    assert agrees(problem, factors, 0.5 * float(errors[-1]) ** 2 * sums(data), 1e-6)


@pytest.mark.parametrize("reg", [0.25, 2.0])
def test_a_regression_leaves_out_what_no_coefficients_explain(reg):
    rng = np.random.default_rng(0)
    A, B = rng.integers(-8, 9, (12, 3)) / 4, rng.integers(-8, 9, (12, 4)) / 4
    model = CPRegressor(2, reg_W=reg, random_state=0, n_iter_max=200).fit(A, B)
    problem, factors = from_model(model, A, B)
    weights, parts = model.cp_weight_
    parts = [np.asarray(parts[0]) * np.asarray(weights), np.asarray(parts[1])]
    fit = sums(B - A @ parts[0] @ parts[1].T) / 2
    penalty = reg / 2 * sum(map(sums, parts))
    assert factors.constant < 0
    rows = np.linalg.svd(A, full_matrices=False)[2]  # A has full rank: nothing of it is left out
    assert np.allclose(rows.T @ rows, np.eye(3))
    assert agrees(problem, factors, fit + penalty)
    result = check(problem, factors, budget=1.0)
    assert result.units.lower(result.lower) <= fit + penalty


@pytest.mark.parametrize("seed", range(8))
def test_a_regression_of_little_noise_reaches_no_less_than_its_objective(seed):
    """The constant is a small difference of large squares, known to a share of these."""
    rng = np.random.default_rng(seed)
    A, true = rng.integers(-8, 9, (12, 3)) / 4, rng.integers(-8, 9, (3, 4)) / 4
    B = A @ true + 2.0**-22 * rng.integers(-8, 9, (12, 4))
    model = CPRegressor(3, reg_W=2.0**-46, random_state=0, n_iter_max=200).fit(A, B)
    problem, factors = from_model(model, A, B)
    weights, parts = model.cp_weight_
    left, right = np.asarray(parts[0]) * np.asarray(weights), np.asarray(parts[1])
    rest = [[Fraction(float(x)) for x in row] for row in B]
    for i, j in itertools.product(range(12), range(4)):
        products = itertools.product(range(3), range(left.shape[1]))
        rest[i][j] -= sum(
            Fraction(float(A[i, k])) * Fraction(float(left[k, r])) * Fraction(float(right[j, r]))
            for k, r in products
        )
    exact = sum(x * x for row in rest for x in row) / 2
    squares = sum(Fraction(float(x)) ** 2 for part in (left, right) for x in part.reshape(-1))
    exact += Fraction(float(model.reg_W)) / 2 * squares
    upper = problem.objective(tuple(factors))
    assert Fraction(factors.units.lower(upper)) <= exact <= Fraction(factors.units.upper(upper))


def test_a_bracket_in_other_units_is_rounded_outward():
    third, shifted = Units(3.0, 0.0, "loss_"), Units(3.0, -1.0, "loss_", error=1e-9)
    assert Fraction(third.lower(1.0)) < Fraction(1, 3) < Fraction(third.upper(1.0))
    assert shifted.lower(1.0) < 2 / 3 - 1e-10 < 2 / 3 + 1e-10 < shifted.upper(1.0)
    part = Units(0.1, 0.0, "loss_")  # a product in floats, which is rounded
    assert part.lower(1.0) < 10 - 1e-12 < 10 + 1e-12 < part.upper(1.0)
    assert shifted.relation == "the objective is 3 times it minus 1"
    assert Units.of(shifted.as_dict()) == shifted
    assert Units.of({}) == OBJECTIVE
    assert (third.lower(-np.inf), third.upper(np.inf)) == (-np.inf, np.inf)
