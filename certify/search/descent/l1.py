"""Descent with an l1 penalty beside half squares: proximal gradient steps, side by side."""

from collections.abc import Callable

import numpy as np

from certify.atoms import Factors
from certify.losses import Squared
from certify.problem import Problem

SETTLED = 1e-10  # relative gain of EACH steps that ends a descent; luck, never truth
EACH = 20  # steps between two looks at the objective


def applies(problem: Problem) -> bool:
    """Whether both proximal maps are known: least squares, and |u|^2 + |v|^2 or no such part."""
    smooth = isinstance(problem.loss, Squared) and problem.l1 is not None
    return smooth and (problem.lam == 0 or getattr(problem.atom, "separable", False))


def descended(
    problem: Problem, factors: Factors, steps: int, expired: Callable[[], bool]
) -> Factors:
    """Return the end of steps  x <- P((|x - t g| - t a)_+ sign / (1 + t lam)),  t = 1 / L,

    for U and V in turn, P onto the cone: it and the shrinkage are one proximal map, entry by
    entry.  Each step is at most the objective before it: L is the curvature in that side.
    """
    held, last = list(factors), np.inf
    observed, price = problem.loss.observed, problem.l1 or (0.0, 0.0)
    for k in range(steps):
        for side, slope in enumerate((observed.times, observed.times_left)):
            other = held[1 - side]
            curve = problem.loss.curvature * np.linalg.norm(other.T @ other, 2)
            if not curve > 0:
                continue
            g = slope(problem.loss.gradient(observed.product(*held)), other)
            x = held[side] - g / curve
            x = np.sign(x) * np.maximum(np.abs(x) - price[side] / curve, 0.0)
            held[side] = problem.atom.gauges[side].project_cone(x / (1 + problem.lam / curve))
        if k % EACH == EACH - 1:
            value = problem.objective(tuple(held))
            if expired() or not last - value > SETTLED * abs(value):
                break
            last = value
    return tuple(held)
