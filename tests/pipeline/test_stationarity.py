"""The scaling identities beside a verdict: <W, phi(X_i)> = lam theta(X_i), slice by slice."""

import numpy as np
import pytest

from certify import Problem, check
from certify.atoms import RankOne, ReLU
from certify.losses import Squared
from certify.pipeline.check import stationarity
from tests.tolerance import rounding

DATA = np.diag([3.0, 2.0])
PROBLEM = Problem(Squared(DATA), RankOne("l2", "l2"), 0.5)
BEST = np.diag([2.5, 1.5]), np.eye(2)  # soft-thresholded: theta 2.5 and 1.5


def told(*, short=1.0, problem=PROBLEM):
    """Return the stationarity with the second slice made shorter."""
    U, V = BEST[0] * [1.0, short], BEST[1]
    return stationarity(problem, (U, V), ())


def test_a_stationary_point_has_no_defect():
    assert told() == 0.0


def test_a_defect_is_measured_by_what_all_slices_cost():
    half = told(short=0.5)  # W_22 = 2 - .75 = 1.25: earned .75 * 1.25, price .75 * .5
    assert abs(half - 0.75 * 0.75 / (0.5 * 3.25)) <= rounding(half, flops=8)


@pytest.mark.parametrize("small", [2.0**-20, 2.0**-40])
def test_a_dying_slice_counts_for_as_little_as_it_costs(small):
    X = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    problem = Problem(Squared(np.array([[3.0], [0.0], [0.0]])), ReLU(X), 1.0)
    # one unit sees the first sample only: z = a b, W = 3 - z, 3 - z = 1 at |u| = |v| = sqrt 2
    u, dead = [[2.0**0.5], [0.0]], [[0.0], [-small]]  # the second is active where W < 0 or = 0
    factors = np.hstack([u, dead]), np.array([[2.0**0.5, small]])
    assert stationarity(problem, (np.array(u), np.array([[2.0**0.5]])), ()) <= 4 * 2.0**-52
    assert stationarity(problem, factors, ()) <= 4 * 2.0**-52 + small**2


def test_no_slices_have_no_defect_and_free_ones_an_infinite_one():
    none = np.zeros((2, 0)), np.zeros((2, 0))
    assert stationarity(PROBLEM, none, ()) == 0.0
    problem = Problem(Squared(np.ones((3, 1))), ReLU(np.eye(3), bias="free"), 1.0)
    constant = np.array([[0.0], [0.0], [0.0], [0.5]]), np.ones((1, 1))
    assert stationarity(problem, constant, ()) == np.inf


def test_at_lam_zero_it_is_the_cosine_of_what_is_left():
    problem = Problem(Squared(DATA), RankOne("l2", "l2"), 0.0)
    best = np.array([[3.0], [0.0]]), np.array([[1.0], [0.0]])
    assert check(problem, best).stationarity == 0.0
    away = np.array([[3.0], [0.0]]), np.array([[1.0], [1.0]])
    W = DATA - away[0] @ away[1].T  # [[0, -3], [0, 2]]: <W, phi> = -9, |W| |phi| = 13^.5 18^.5
    expected = 9 / np.sqrt(13 * 18)
    assert W[0, 1] == -3
    assert abs(stationarity(problem, away, ()) - expected) <= rounding(expected, flops=8)
