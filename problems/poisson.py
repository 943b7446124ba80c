"""Counts with a log link under l1 x l1: a mean moves from 1 only if it pays."""

import mpmath
import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Poisson

from . import Instance
from ._truth import DIGITS, entries

WHY = (
    "entries part: e^z - y z + lam |z| has slope 0 at e^z = y - lam for z > 0, so y = 4 and "
    "lam = 1 give e^z = 3, value 3 - 3 ln 3; at z = 0 the slope 1 - y is within lam for "
    "y = 0, 1, 2, value 1 each: in all 6 - 3 ln 3"
)


def cases() -> dict[str, Instance]:
    """Return the best rates, twice them, and rates for every entry."""
    Y = np.array([[4.0, 1.0], [0.0, 2.0]])
    best = entries(Y.shape, [(0, 0, np.log(3.0))])
    every = entries(Y.shape, [(0, 0, np.log(3.0)), (1, 0, -1.0), (1, 1, 0.5)])
    with mpmath.workdps(DIGITS):
        value = float(6 - 3 * mpmath.log(3))
    problem = Problem(Poisson(Y), RankOne("l1", "l1"), 1.0)
    told = {
        "optimal": (best, Verdict.CERTIFIED),
        "too_large": ((best[0], 2 * best[1]), Verdict.REFUTED),
        "every_entry": (every, Verdict.REFUTED),
    }
    return {k: Instance(problem, x, None, value, v, WHY) for k, (x, v) in told.items()}
