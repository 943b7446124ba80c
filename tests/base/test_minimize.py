"""A descent by L-BFGS that cannot reach what is wanted of it ends early; others are not touched."""

import numpy as np
import pytest

from certify.base.minimize import minimize

BENDS = 10.0 ** np.linspace(-4, 0, 60)
START = np.ones(60)


def valley(x):
    """Return 1/2 sum of bends x^2, whose minimum is 0, and the gradient."""
    return 0.5 * float(BENDS @ x**2), BENDS * x


def test_a_goal_out_of_reach_ends_a_descent():
    steps = {g: minimize(valley, START, steps=400, goal=g)[1] for g in (np.inf, -0.001, -1.0)}
    assert steps[np.inf] == 401
    assert 4 * steps[-0.001] > steps[np.inf] > 3 * steps[-0.001]  # the nearer one is left later
    assert steps[np.inf] > 15 * steps[-1.0]


@pytest.mark.parametrize("goal", [1e-3, 1e-9])
def test_a_goal_that_is_reached_changes_nothing(goal):
    free, aimed = (minimize(valley, START, steps=400, goal=g) for g in (np.inf, goal))
    assert valley(free[0])[0] < goal
    assert free[1] == aimed[1]
    np.testing.assert_array_equal(free[0], aimed[0])
