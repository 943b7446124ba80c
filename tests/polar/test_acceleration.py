"""Anderson's acceleration: fewer steps of a fixed-point iteration, and none that lead astray."""

import numpy as np
import pytest

from certify import Problem
from certify.atoms import CP
from certify.losses import Squared
from certify.polar.product_query import ProductQuery
from certify.polar.relaxation import product_admm
from certify.polar.relaxation.products import ProductForm
from certify.polar.relaxation.steps import EVERY, TRUST, Anderson
from certify.search.dual.joint import Joint
from certify.search.dual.products import relaxation

RNG = np.random.default_rng(0)
BASIS = np.linalg.qr(RNG.standard_normal((40, 40)))[0]
SLOW = BASIS @ np.diag(np.linspace(0.0, 0.999, 40)) @ BASIS.T
SHIFT = RNG.standard_normal(40)
FIXED = np.linalg.solve(np.eye(40) - SLOW, SHIFT)


def contract(v):
    return SLOW @ v + SHIFT


def steps_to(error, accelerate, most=20_000):
    v = accelerate(contract(np.zeros(40)))
    for k in range(most):
        if np.linalg.norm(v - FIXED) <= error * np.linalg.norm(FIXED):
            return k
        v = accelerate(contract(v))
    return most


def test_a_slow_contraction_takes_a_tenth_of_the_steps():
    plain = steps_to(1e-6, lambda goal: goal)
    assert 10 * steps_to(1e-6, Anderson()) <= plain < 20_000


def test_points_keep_their_shape():
    shaped, flat = Anderson(), Anderson()
    v = w = np.zeros(40)
    for _ in range(6 * EVERY):
        v, w = shaped(contract(v).reshape(5, 8)), flat(contract(w))
        assert v.shape == (5, 8)
        v = v.reshape(-1)
        assert np.array_equal(v, w)


def test_a_combination_with_a_larger_residual_is_taken_back():
    accelerate, v, before = Anderson(), np.zeros(40), np.zeros(40)
    for _ in range(20 * EVERY):
        goal = contract(v)
        before, v = v, accelerate(goal)
        if not np.array_equal(v, goal):
            break
    else:
        pytest.fail("no combination was ever tried")
    residual = np.linalg.norm(goal - before)
    astray = v + 2 * TRUST * residual * np.ones(40)  # what F is there: far away
    assert np.array_equal(accelerate(astray), goal)
    again = accelerate(contract(goal))
    assert np.array_equal(again, contract(goal))  # and nothing before is remembered


def test_a_combination_as_good_as_a_plain_step_is_kept():
    accelerate, v = Anderson(), np.zeros(40)
    for _ in range(20 * EVERY):
        goal = contract(v)
        v = accelerate(goal)
        if not np.array_equal(v, goal):
            break
    assert np.array_equal(accelerate(contract(v)), contract(v))


def test_steps_that_are_all_alike_lead_nowhere_far():
    accelerate, v, drift = Anderson(), SHIFT, 1e-3 * RNG.standard_normal(40)
    for _ in range(20 * EVERY):
        goal = v + drift * (1 + 1e-9 * RNG.standard_normal(40))
        v = accelerate(goal)
        assert np.linalg.norm(v) <= 2 * np.linalg.norm(goal)


def test_a_restart_forgets_all_steps():
    accelerate, v = Anderson(), np.zeros(40)
    for _ in range(20 * EVERY):
        v = accelerate(contract(v))
    accelerate.restart()
    fresh = Anderson()
    w = v
    for _ in range(4 * EVERY):
        v, w = accelerate(contract(v)), fresh(contract(w))
        assert np.array_equal(v, w)


def test_points_of_another_size_are_a_restart():
    accelerate, v = Anderson(), np.zeros(40)
    for _ in range(20 * EVERY):
        v = accelerate(contract(v))
    other = np.arange(7.0)
    assert np.array_equal(accelerate(other), other)


@pytest.mark.parametrize("e", [-1000, -500, 500, 1000])
def test_points_times_a_power_of_two_take_the_same_steps(e):
    accelerate, scaled, v, w = Anderson(), Anderson(), np.zeros(40), np.zeros(40)
    for _ in range(20 * EVERY):
        v = accelerate(contract(v))
        w = np.ldexp(scaled(np.ldexp(contract(w), e)), -e)
        assert np.array_equal(v, w)


@pytest.mark.parametrize("lost", [np.inf, np.nan])
def test_what_is_not_finite_stays_as_it_is(lost):
    accelerate = Anderson()
    with np.errstate(all="ignore"):
        for k in range(10 * EVERY):
            goal = np.array([1.0 + k % 3, lost, 2.0])
            np.testing.assert_array_equal(accelerate(goal), goal)


def relaxed():
    form = ProductForm(ProductQuery(RNG.standard_normal((4, 3, 3)), atom().gauges), (0, 1), "gram")
    program = form.program()
    return product_admm.ProductRun(program, float(np.linalg.norm(program.C)), form.start())


def joint():
    problem = Problem(Squared(RNG.standard_normal((4, 3, 3))), atom(), 1.0)
    return Joint(problem, relaxation(problem, (0, 1)), np.zeros((4, 9)))


def atom():
    return CP(("l2",) * 3)


@pytest.mark.parametrize("made", [relaxed, joint])
def test_a_change_of_rho_is_a_restart(made):
    run = made()
    for _ in range(10):
        residuals = run.step()
    assert run.accelerate.at is not None
    rho = run.rho
    if residuals is None:
        run.before = run.Z + 1e3  # as if the polyhedron's point had moved far
        run.balance(1.4)
    else:
        run.balance(1e3, 1.0)
    assert run.rho != rho
    assert run.accelerate.at is None
