"""Hidden layers at lam = 0, or next to it: better weights of as many units are searched."""

import numpy as np
import pytest

from certify import Problem, Verdict, check, improve, verify
from certify.atoms import DeepReLU, ReLU
from certify.base.clock import Clock
from certify.losses import (
    Absolute,
    Hinge,
    Huber,
    Logistic,
    Poisson,
    Softmax,
    Squared,
    SquaredHinge,
)
from certify.offsets import ColumnIntercept
from certify.search import fixed_rank
from certify.search.candidate import evaluate
from certify.search.coordinates.layers import Net
from certify.search.descent.layers import Descent
from certify.search.descent.products import Task
from certify.search.envelope import Smoothed
from certify.search.growth import layers

RNG = np.random.default_rng(5)
X = RNG.standard_normal((24, 3))
PATCHES, SAMPLES = RNG.standard_normal((48, 3)), np.repeat(np.arange(24), 2)
TRUE = RNG.standard_normal((3, 3)), RNG.standard_normal((3, 3))


def outputs(atom):
    return Net(Problem(Squared(np.zeros((24, 3))), atom, 1.0)).plain(TRUE)


def poor(problem, r=4):
    rng = np.random.default_rng(1)
    shapes = problem.atom.shapes(problem.loss.dims)
    return problem.atom.project(tuple(0.5 * rng.standard_normal((*s, r)) for s in shapes))


Y = outputs(ReLU(X))
ONE, SIGNS = Y[:, :1], np.where(Y[:, :1] > np.median(Y[:, 0]), 1.0, -1.0)
CLASSES = np.eye(3)[Y.argmax(axis=1)]
FREE = ReLU(X, bias="free"), (ColumnIntercept(),)
LAYERS = {  # loss, layer, offsets, and what share of the start's objective is to be left
    "one output": (Squared(ONE), ReLU(X), (), 1e-3),
    "several outputs": (Squared(Y), ReLU(X), (), 0.01),
    "l1": (Squared(Y), ReLU(X, right="l1"), (), 0.01),
    "a sign": (Squared(np.abs(Y)), ReLU(X, right="l2+"), (), 0.5),
    "biases": (Squared(ONE), *FREE, 0.01),
    "a priced bias": (Squared(ONE), ReLU(X, bias="regularized"), (), 0.01),
    "leaky": (Squared(ONE), ReLU(X, activation="leaky_relu"), (), 0.01),
    "linear": (Squared(X @ TRUE[0]), ReLU(X, activation="linear"), (), 1e-6),
    "holes": (Squared(Y, mask=RNG.random(Y.shape) < 0.7), ReLU(X), (), 0.01),
    "sums of patches": (
        Squared(outputs(ReLU(PATCHES, samples=SAMPLES))[:, :1]),
        ReLU(PATCHES, samples=SAMPLES),
        (),
        0.1,
    ),
    "largest of patches": (
        Squared(outputs(ReLU(PATCHES, samples=SAMPLES, pool="max"))),
        ReLU(PATCHES, samples=SAMPLES, pool="max"),
        (),
        0.2,
    ),
    "logistic": (Logistic((SIGNS + 1) / 2), *FREE, 0.1),
    "softmax": (Softmax(CLASSES), *FREE, 0.1),
    "poisson": (Poisson(np.round(np.exp(np.clip(ONE, -2, 2)))), *FREE, 0.1),
    "huber": (Huber(ONE, delta=1.0), ReLU(X), (), 0.1),
    "absolute": (Absolute(ONE), ReLU(X), (), 0.2),
    "hinge": (Hinge(SIGNS), ReLU(X), (), 0.1),
    "squared_hinge": (SquaredHinge(SIGNS), ReLU(X), (), 0.1),
}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("lam", [0.0, pytest.param(1e-6, marks=pytest.mark.thorough)])
@pytest.mark.parametrize("name", LAYERS)
def test_weights_that_are_not_stationary_are_refuted_at_their_size(name, lam):
    loss, atom, offsets, share = LAYERS[name]
    problem = Problem(loss, atom, lam, offsets)
    start = poor(problem)
    result = check(problem, start, budget=5 if lam else "auto")
    least = problem.loss.dual_value(np.zeros(problem.loss.shape)) if loss.observed.full else 0.0
    assert result.verdict is Verdict.REFUTED
    assert result.better[0].shape[1] <= start[0].shape[1]
    if lam == 0:
        assert result.better_upper - least <= share * (result.upper - least)
        assert result.lower == pytest.approx(least)
    assert verify(result.certificate, problem, start, rtol=1e-6).verdict is Verdict.REFUTED


def test_improve_goes_on_to_an_exact_fit_which_is_certified():
    problem = Problem(Squared(ONE), ReLU(X), 0.0)
    found = improve(problem, poor(problem, 8), rtol=1e-6)
    assert found.objective < 1e-6 * problem.objective(poor(problem, 8))
    exact = (np.eye(3)[:, :1], np.ones((1, 1)))
    hit = Problem(Squared(np.maximum(X[:, :1], 0.0)), ReLU(X), 0.0)
    assert check(hit, exact).verdict is Verdict.CERTIFIED


def test_of_too_few_units_the_bracket_is_left_open_and_told():
    noise = np.random.default_rng(0).standard_normal((24, 1))
    problem = Problem(Squared(noise), ReLU(X), 0.0)
    found = improve(problem, poor(problem, 1))
    assert found.result.verdict is Verdict.UNDECIDED
    assert found.result.lower == 0.0
    assert "the bound at this size may be loose" in found.result.reason


def test_a_unit_that_is_off_on_all_data_is_replaced():
    positive = np.abs(X)
    truth = np.abs(RNG.standard_normal((3, 2)))
    data = np.maximum(positive @ (truth - 1.0), 0.0).sum(axis=1, keepdims=True)
    problem = Problem(Squared(data), ReLU(positive), 0.0)
    off = np.column_stack([truth[:, 0] - 1.0, -np.ones(3)]), np.ones((1, 2))
    task = fixed_rank.task_of(problem, evaluate(problem, off), Clock())
    sizes = layers.FAMILY.sizes(task, off)
    assert sizes[1] == 0 < sizes[0]
    fit = evaluate(problem, off)
    assert fixed_rank.replace_dead(problem, fit, Clock(), 0).value < 0.5 * fit.value


def test_a_descent_keeps_its_number_of_units():
    problem = Problem(Squared(ONE), ReLU(X), 0.0)
    U, V = poor(problem, 3)
    V[:, 1] = 0.0
    task = Task(problem, Smoothed(problem.loss))
    new = layers.FAMILY.polish(task, (U, V), 50, 0.0)
    assert new[0].shape == U.shape
    assert problem.objective(new) < problem.objective((U, V))


def test_without_time_no_other_weights_are_tried():
    problem = Problem(Squared(ONE), ReLU(X), 0.0)
    start = evaluate(problem, poor(problem, 3))
    assert fixed_rank.other_start(problem, start, Clock(0.0), 0) is start
    assert fixed_rank.other_start(problem, start, Clock(), 0).value < 0.5 * start.value


def test_units_that_are_drawn_do_not_depend_on_the_features_units():
    scales = np.array([1e-3, 1.0, 1e3])
    drawn = []
    for V in (X, X * scales):
        problem = Problem(Squared(ONE), ReLU(V), 0.0)
        factors = layers.FAMILY.draw(Task(problem, Smoothed(problem.loss)), 4, 2)
        drawn.append(problem.predict(factors, ()))
    np.testing.assert_allclose(drawn[0], drawn[1], rtol=1e-3, atol=1e-6)


def test_units_that_earn_most_are_appended_up_to_a_number():
    noise = Squared(np.random.default_rng(0).standard_normal((24, 1)))
    for pool in ("sum", "max"):
        problem = Problem(noise, ReLU(PATCHES, samples=SAMPLES, pool=pool), 0.0)
        task = Task(problem, Smoothed(problem.loss))
        none = np.zeros((3, 0)), np.zeros((1, 0))
        more = layers.FAMILY.append(task, none, 2, 0)
        assert more[0].shape[1] == 2
        assert problem.objective(more) < problem.objective(none)


@pytest.mark.parametrize("lam", [0.0, 0.5])
@pytest.mark.parametrize(
    "atom",
    [
        ReLU(X, bias="free", right="l1"),
        ReLU(PATCHES, samples=SAMPLES, activation="leaky_relu"),
        ReLU(PATCHES, samples=SAMPLES, pool="max"),
    ],
)
def test_the_slope_is_that_of_the_objective(atom, lam):
    problem = Problem(Squared(Y), atom, lam)
    task = Descent(problem, Smoothed(problem.loss), poor(problem, 3), ())
    z = task.start()
    step = 2.0**-20
    for direction in np.random.default_rng(0).standard_normal((5, len(z))):
        ahead, behind = (task.at(z + t * step * direction)[0] for t in (1, -1))
        assert task.at(z)[1] @ direction == pytest.approx((ahead - behind) / (2 * step), rel=1e-5)


def test_without_a_price_output_weights_of_any_norm_turn():
    problem = Problem(Squared(Y), ReLU(X, right="l1"), 0.0)
    free = Descent(problem, Smoothed(problem.loss), poor(problem, 3), ())
    assert free.loose
    assert not Descent(Problem(Squared(Y), ReLU(X, right="l1"), 0.5), *free_parts(free)).loose


def free_parts(task):
    return task.smoothed, task.factors, task.q


def test_a_deep_network_of_one_output_is_out_of_scope_without_a_price():
    problem = Problem(Squared(ONE), DeepReLU(X, (2,)), 0.0)
    factors = tuple(np.ones((*s, 1)) for s in problem.atom.shapes(problem.loss.dims))
    result = check(problem, factors)
    assert result.verdict is Verdict.OUT_OF_SCOPE
    assert "give lam > 0" in result.reason
