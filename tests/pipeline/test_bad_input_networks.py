"""Networks on data that nobody would choose: a bracket, or one sentence that says what is wrong."""

from functools import partial

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor

from certify import InputError, Problem, Verdict, check, improve, verify
from certify.adapters.sklearn import from_model
from certify.adapters.torch import from_model as from_state
from certify.atoms import ReLU
from certify.losses import Absolute, Huber, Logistic, Squared
from certify.offsets import ColumnIntercept
from tests.network_models import fitted, objective

RNG = np.random.default_rng(41)
N, D, R = 8, 2, 3
X = RNG.integers(-16, 17, (N, D)) / 8
Y = RNG.integers(-16, 17, N) / 8
BUDGET = 0.5
ROUNDING = 1e-12  # of the objective of a fit, in floats

DATA = {
    "constant column": (np.column_stack([X, np.full(N, 2.0)]), Y),
    "duplicate column": (np.column_stack([X, X[:, 0]]), Y),
    "zero column": (np.column_stack([X, np.zeros(N)]), Y),
    "collinear columns": (np.column_stack([X, X @ [2.0, -1.0]]), Y),
    "all zero": (np.zeros((N, D)), Y),
    "repeated rows": (X[[0, 0, 0, 1, 1, 2, 2, 2]], Y),
    "one row": (X[:1], Y[:1]),
    "two rows": (X[:2], Y[:2]),
    "more columns than rows": (RNG.integers(-16, 17, (3, 7)) / 8, Y[:3]),
    "zero targets": (X, np.zeros(N)),
    "constant targets": (X, np.full(N, 3.0)),
    "far apart": (X * [1.0, 2.0**-30], Y),
    "huge targets": (X, Y * 2.0**10),
}


def bracket_holds(problem, factors, found, others):
    """Check a bracket against the candidate and against fits from other starts."""
    value = objective(problem, factors)
    assert found.lower <= found.upper
    assert found.upper == pytest.approx(value, rel=1e-9)
    for other in others:
        best = objective(problem, other)
        assert found.lower <= best * (1 + ROUNDING)
    if found.certificate is not None:
        verify(found.certificate, problem, tuple(factors), q=found.q, tier="exact")


@pytest.mark.sampled(5)
@pytest.mark.parametrize("name", DATA)
def test_a_regressor_has_a_bracket_below_every_fit(name):
    data, labels = DATA[name]
    fits = []
    for seed in range(4):
        model = MLPRegressor(
            hidden_layer_sizes=(R,), solver="lbfgs", alpha=0.25, random_state=seed, max_iter=300
        )
        fits.append(from_model(fitted(model, data, labels), data, labels))
    problem, factors = fits[0]
    found = check(problem, factors, q=factors.q, budget=BUDGET)
    assert found.verdict is not Verdict.OUT_OF_SCOPE
    bracket_holds(problem, factors, found, [f for _, f in fits])


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", ["constant column", "zero column", "repeated rows", "two rows"])
def test_a_classifier_has_a_bracket_below_every_fit(name):
    data, labels = DATA[name]
    fits = []
    for seed in range(3):
        model = MLPClassifier(
            hidden_layer_sizes=(R,), solver="lbfgs", alpha=0.25, random_state=seed, max_iter=300
        )
        kinds = labels > np.median(labels)
        fits.append(from_model(fitted(model, data, kinds), data, kinds))
    problem, factors = fits[0]
    found = check(problem, factors, q=factors.q, budget=BUDGET)
    bracket_holds(problem, factors, found, [f for _, f in fits])


def state(**changed):
    """Return a network of three units on X as a state dict."""
    plain = {
        "0.weight": np.array([[1.0, 0.5], [-0.5, 1.0], [0.25, -1.0]]),
        "0.bias": np.array([0.5, -0.25, 0.125]),
        "2.weight": np.array([[0.5, -0.5, 0.25]]),
        "2.bias": np.array([0.25]),
    }
    return {**plain, **changed}


UNITS = {
    "zero unit": {"0.weight": np.array([[1.0, 0.5], [0, 0], [0.25, -1.0]]), "0.bias": np.zeros(3)},
    "unit without a weight out": {"2.weight": np.array([[0.5, 0.0, 0.25]])},
    "active nowhere": {"0.bias": np.array([-100.0, -0.25, 0.125])},
    "active everywhere": {"0.bias": np.array([100.0, -0.25, 0.125])},
    "every unit zero": {"0.weight": np.zeros((3, 2)), "0.bias": np.zeros(3)},
    "all zero": {k: np.zeros_like(a) for k, a in state().items()},
    "twice the same unit": {"0.weight": np.ones((3, 2)), "0.bias": np.zeros(3)},
    "no unit": {"0.weight": np.zeros((0, 2)), "0.bias": np.zeros(0), "2.weight": np.zeros((1, 0))},
}


@pytest.mark.sampled(7)
@pytest.mark.parametrize("decay_bias", [True, False])
@pytest.mark.parametrize("name", UNITS)
def test_units_that_do_nothing_leave_a_bracket(name, decay_bias):
    held = state(**UNITS[name])
    problem, factors = from_state(held, X, Y[:, None], weight_decay=0.125, decay_bias=decay_bias)
    found = check(problem, factors, q=factors.q, budget=BUDGET)
    other = from_state(state(), X, Y[:, None], weight_decay=0.125, decay_bias=decay_bias)[1]
    bracket_holds(problem, factors, found, [factors, other])


def test_a_zero_network_is_optimal_beyond_the_largest_useful_decay():
    atom = ReLU(X, form="sum")
    top = atom.polar(Y[:, None], budget=5.0).upper
    problem = Problem(Squared(Y[:, None]), atom, 1.25 * top)
    empty = np.zeros((D, 0)), np.zeros((1, 0))
    found = check(problem, empty, budget=5.0)
    assert found.verdict is Verdict.CERTIFIED
    assert verify(found.certificate, problem, empty).verdict is Verdict.CERTIFIED


def test_zero_targets_are_certified_at_zero():
    problem, factors = from_state(
        {k: np.zeros_like(a) for k, a in state().items()}, X, np.zeros((N, 1)), weight_decay=0.5
    )
    found = check(problem, factors, q=factors.q, budget=BUDGET)
    assert (found.verdict, found.lower, found.upper) == (Verdict.CERTIFIED, 0.0, 0.0)


@pytest.mark.parametrize("bias", ["none", "regularized", "free"])
def test_lam_zero_compares_networks_of_as_many_units(bias):
    offsets = [ColumnIntercept()] if bias == "free" else []
    problem = Problem(Squared(Y[:, None]), ReLU(X, bias=bias), 0.0, offsets)
    factors = np.ones((D + (bias != "none"), R)), np.ones((1, R))
    found = check(problem, factors, budget=BUDGET)
    assert found.verdict is Verdict.REFUTED
    assert found.better[1].shape[1] <= R
    assert verify(found.certificate, problem, factors).verdict is Verdict.REFUTED


@pytest.mark.parametrize("lam", [1e-300, 1e200])
def test_a_lam_whose_square_is_no_float_leaves_a_bracket(lam):
    problem = Problem(Squared(Y[:, None]), ReLU(X), lam)
    factors = np.ones((D, R)), np.ones((1, R))
    found = check(problem, factors, budget=BUDGET)
    assert found.verdict is Verdict.REFUTED
    verify(found.certificate, problem, factors)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("size", [1e-300, 1e-150, 1e100, 1e200, 1e300])
@pytest.mark.parametrize("activation", ["linear", "relu"])
def test_features_whose_squares_are_no_floats_leave_a_bracket(activation, size):
    rng = np.random.default_rng(10)
    data, targets = rng.normal(size=(8, 3)) * size, rng.normal(size=(8, 1))
    factors = rng.normal(size=(4, 2)), rng.normal(size=(1, 2))
    layer = ReLU(data, activation=activation, bias="free")
    for loss in (Squared(targets), Logistic((targets > 0) * 1.0)):
        problem = Problem(loss, layer, 1.0, [ColumnIntercept()])
        if size > 1e150 and isinstance(loss, Squared):
            with pytest.raises(InputError, match="overflows float64"):
                check(problem, factors, budget=BUDGET)
            continue
        found = check(problem, factors, budget=BUDGET)
        assert found.lower <= improve(problem, factors, budget=BUDGET).objective <= found.upper


def test_products_of_a_barrier_may_underflow():
    rng = np.random.default_rng(10)
    data = rng.normal(size=(8, int(rng.integers(1, 4)))) * 1e-150
    layer, loss = ReLU(data, activation="linear", bias="free"), Squared(rng.normal(size=(8, 1)))
    problem = Problem(loss, layer, float(rng.choice([1.0, 1e-3])), [ColumnIntercept()])
    factors = rng.normal(size=(data.shape[1] + 1, 2)), rng.normal(size=(1, 2))
    assert improve(problem, factors, budget=BUDGET).certified


def test_no_time_at_all_leaves_a_bracket():
    problem, factors = from_state(state(), X, Y[:, None], weight_decay=0.125)
    found = check(problem, factors, q=factors.q, budget=0.0)
    bracket_holds(problem, factors, found, [factors])


@pytest.mark.parametrize(
    ("changed", "data", "labels", "told"),
    [
        ({"0.weight": np.full((3, 2), np.nan)}, X, Y, "hidden weights must be finite, got nan"),
        ({"2.weight": np.full((1, 3), np.inf)}, X, Y, "output weights must be finite, got inf"),
        ({"0.bias": np.full(3, np.nan)}, X, Y, "hidden bias must be finite, got nan"),
        ({"2.bias": np.array([-np.inf])}, X, Y, "output bias must be finite, got -inf"),
        ({"0.weight": np.ones((2, 3), complex)}, X, Y, "must hold real float64 .* complex128"),
        ({"0.weight": np.ones((4, 5))}, X, Y, r"weights for 2 features and 1 outputs must be"),
        ({}, X[:, :1], Y, r"weights for 1 features and 1 outputs must be"),
        ({}, X, np.column_stack([Y, Y]), r"weights for 2 features and 2 outputs must be"),
        ({}, X[:0], Y[:0], r"X and y must be .*, got \(0, 2\) and \(0,\)"),
        ({}, X, Y[:-1], r"got \(8, 2\) and \(7,\)"),
        ({}, X, Y[:, None, None], r"got \(8, 2\) and \(8, 1, 1\)"),
        ({}, Y, Y, r"X must have 2 dimensions, got shape \(8,\): pass X\[:, None\]"),
        ({}, 3.0, Y, r"X must have 2 dimensions, got shape \(\)$"),
        ({}, np.where(X[3, 1] == X, np.nan, X), Y, "X must be finite, got nan"),
        ({}, X, np.where(Y[2] == Y, np.inf, Y), "y must be finite, got inf"),
    ],
)
def test_weights_and_data_that_do_not_belong_together_are_named(changed, data, labels, told):
    with pytest.raises(InputError, match=told):
        from_state(state(**changed), data, labels, weight_decay=0.125)


def test_a_network_without_units_is_judged():
    problem = Problem(Squared(Y[:, None]), ReLU(X), 1.0)
    empty = np.zeros((D, 0)), np.zeros((1, 0))
    found = check(problem, empty, budget=BUDGET)
    assert found.upper == 0.5 * float(Y @ Y)
    assert verify(found.certificate, problem, empty).lower <= found.upper


SHAPES = {
    "outputs that are zero": ({"2.weight": np.zeros((2, 3)), "2.bias": np.zeros(2)}, "mse", None),
    "targets that are zero": ({"2.weight": np.ones((2, 3)), "2.bias": np.ones(2)}, "mse", 0),
    "one row of classes": ({"2.weight": np.eye(3), "2.bias": np.zeros(3)}, "cross_entropy", 1),
    "one class alone": ({"2.weight": np.eye(3), "2.bias": np.zeros(3)}, "cross_entropy", 8),
    "a constant target": ({}, "l1", 3),
}


@pytest.mark.parametrize("name", SHAPES)
def test_outputs_that_say_nothing_leave_a_bracket(name):
    changed, loss, kind = SHAPES[name]
    rows = 1 if kind == 1 else N
    targets = {
        None: np.column_stack([Y, -Y]),
        0: np.zeros((N, 2)),
        1: np.array([2]),
        3: np.full((N, 1), 3.0),
        8: np.ones(N, dtype=int),
    }[kind]
    given = {"loss": loss, "weight_decay": 0.125}
    problem, factors = from_state(state(**changed), X[:rows], targets, **given)
    found = check(problem, factors, q=factors.q, budget=BUDGET)
    none = {k: np.zeros_like(a) for k, a in state(**changed).items()}
    other = from_state(none, X[:rows], targets, **given)[1]
    assert found.lower >= 0
    bracket_holds(problem, factors, found, [factors, other])


def test_no_outputs_at_all_are_named():
    with pytest.raises(InputError, match="Y must not be empty"):
        from_state(
            state(**{"2.weight": np.zeros((0, 3)), "2.bias": np.zeros(0)}),
            X,
            Y[:, None][:, :0],
            weight_decay=1.0,
        )


PAIRS = np.repeat(np.arange(N // 2), 2)
LAYERS = {
    "one output": (ReLU, Y[:, None]),
    "two outputs": (ReLU, np.column_stack([Y, Y[::-1]])),
    "six features": (lambda V: ReLU(np.hstack([V, V[::-1], 0.5 * V[:, ::-1]])), Y[:, None]),
    "largest": (lambda V: ReLU(V, samples=PAIRS, pool="max"), Y[: N // 2, None]),
}


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("e", [-1000, -500, 500, 520, 1000])
@pytest.mark.parametrize("name", LAYERS)
def test_features_of_any_size_leave_a_bracket(name, e):
    """W and features of 2^e: the polar is 2^e times that of features near 1."""
    make, data = LAYERS[name]
    plain, atom = make(X), make(X * 2.0**e)
    known, held = plain.polar(data, budget=1.0), atom.polar(data, budget=1.0)
    assert np.ldexp(held.lower, -e) <= known.upper * (1 + 1e-12)
    assert np.ldexp(held.upper, -e) >= known.lower * (1 - 1e-12)
    problem = Problem(Squared(data), atom, 0.25 * 2.0**e)
    d, outputs = atom.layer.features.shape[1], data.shape[1]
    x = np.full((d, 1), 2.0 ** (-e // 2)), np.full((outputs, 1), 2.0 ** (-e // 2))
    found = check(problem, x, budget=BUDGET)
    empty = 0.5 * np.square(data).sum()
    assert 0 <= found.lower <= empty
    assert found.lower <= found.upper
    assert found.verdict in (Verdict.UNDECIDED, Verdict.REFUTED, Verdict.RANK_LIMITED)


ORDERS = {  # features and targets of many orders, as numbers and binary exponents
    "an eigenvalue overflows": (
        Absolute,
        "linf",
        2.0**-2,
        (
            [[4, -6, -4], [6, -4, 6], [-6, -4, 4], [0, 6, 4], [-4, -4, 0], [4, 4, 4]],
            [
                [-1001, -201, -31],
                [-1, -202, -4],
                [-541, -562, 40],
                [0, 39, 38],
                [0, -702, 0],
                [-562, 0, -201],
            ],
        ),
        ([[4], [4], [4], [6], [4], [-6]], [[-100], [-102], [-101], [-101], [-101], [-101]]),
    ),
    "a right side overflows": (
        partial(Huber, delta=1.0),
        "l1",
        0.004,
        ([[-4, 0, -4], [-4, 0, 4]], [[-1, 0, -1], [-502, 0, -501]]),
        ([[6, 6], [4, -4]], [[-1, -1], [0, -562]]),
    ),
    "a sum of squares is singular": (
        Squared,
        "l1",
        1.6 * 2.0**396,
        (
            [[4, -4], [-6, -4], [0, -4], [-4, 4], [-6, 4], [-4, 6]],
            [[-500, 38], [-501, 38], [0, 40], [-501, 38], [-501, 40], [-500, 39]],
        ),
        ([[-4], [6], [4], [-4], [-4], [6]], [[-160], [199], [399], [-162], [395], [-141]]),
    ),
    "a leaf overflows": (
        Squared,
        "l2",
        2.0**37,
        ([[-4, 6], [6, -4], [4, 4]], [[-202, 39], [-201, 39], [-201, 38]]),
        ([[-4, 6], [4, -4], [0, 0]], [[40, -701], [38, -700], [0, 0]]),
    ),
}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", ORDERS)
def test_features_of_many_orders_leave_a_bracket(name):
    loss, right, lam, features, data = ORDERS[name]
    features, data = np.ldexp(*features), np.ldexp(*data)
    atom = ReLU(features, right=right, bias="free")
    problem = Problem(loss(data), atom, lam, (ColumnIntercept(),))
    empty = np.zeros((features.shape[1] + 1, 0)), np.zeros((data.shape[1], 0))
    found = check(problem, empty, budget=2.0)
    assert 0 <= found.lower <= found.upper
    assert verify(found.certificate, problem, empty).lower == found.lower


def test_an_infinite_bound_has_no_proof():
    atom, W = ReLU(X * 2.0**1000), np.column_stack([Y, -Y])
    held = atom.polar(W * 2.0**30, budget=1.0)
    assert (held.lower, held.upper, held.proof) == (0.0, np.inf, {})
    assert atom.polar(W, budget=1.0).upper < np.inf
