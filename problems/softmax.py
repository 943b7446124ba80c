"""One of three classes under l1 x l1: the class's own score carries it all."""

import mpmath
import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Softmax

from . import Instance
from ._truth import DIGITS, entries

WHY = (
    "for a row with own score d and the others 0 the cost is ln(1 + 2 e^-d) + lam d, of slope 0 "
    "where e^-d = lam / (2 (1 - lam)): d = ln 6 at lam = 1/4, value ln(4/3) + 1/4 ln 6; there the "
    "slopes -1/4 and 1/8 of the other entries are within lam, so no other Z is better (convexity)"
)
ZERO = (
    "without scores the slopes of a row are 1/3 - 1 at its class and 1/3 elsewhere, all within "
    "lam = 3/4 of zero, so by convexity the zero model is the least of all: 2 ln 3"
)


def cases() -> dict[str, Instance]:
    """Return the best scores, twice them, and none."""
    Y = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    best = entries(Y.shape, [(0, 0, np.log(6.0)), (1, 2, np.log(6.0))])
    with mpmath.workdps(DIGITS):
        value = float(2 * (mpmath.log(4) - mpmath.log(3) + mpmath.log(6) / 4))
        flat = float(2 * mpmath.log(3))
    problem = Problem(Softmax(Y), RankOne("l1", "l1"), 0.25)
    strict = Problem(Softmax(Y), RankOne("l1", "l1"), 0.75)
    none = (np.zeros((2, 0)), np.zeros((3, 0)))
    return {
        "optimal": Instance(problem, best, None, value, Verdict.CERTIFIED, WHY),
        "too_sure": Instance(problem, (best[0], 2 * best[1]), None, value, Verdict.REFUTED, WHY),
        "zero_model": Instance(strict, none, None, flat, Verdict.CERTIFIED, ZERO),
        "scores_that_cost_too_much": Instance(strict, best, None, flat, Verdict.REFUTED, ZERO),
    }
