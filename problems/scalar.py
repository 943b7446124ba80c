"""A matrix of one entry, under every pair of norms."""

from itertools import product

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.gauges import KEYS
from certify.losses import Squared

from . import Instance

WHY = (
    "all norms of a number are its size, so this is min 1/2 (z + 3)^2 + |z| = 5/2 at z = -2 "
    "where a factor may be negative, and 9/2 at z = 0 where both are nonnegative"
)


def cases() -> dict[str, Instance]:
    """Return the optimum and a wrong number for each pair."""
    out = {}
    for left, right in product(KEYS, KEYS):
        problem = Problem(Squared([[-3.0]]), RankOne(left, right), 1.0)
        one = np.array([[1.0]])
        factors = (-one, 2 * one) if "+" not in left else (one, -2 * one)
        both = left.endswith("+") and right.endswith("+")
        best, optimum = ((one, 0 * one), 4.5) if both else (factors, 2.5)
        wrong = (one, one) if both else (factors[0] / 2, factors[1])
        key = f"{left}_{right}"
        out[f"{key}_optimal"] = Instance(problem, best, None, optimum, Verdict.CERTIFIED, WHY)
        out[f"{key}_wrong"] = Instance(problem, wrong, None, optimum, Verdict.REFUTED, WHY)
    return out
