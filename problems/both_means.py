"""Free intercepts of rows and columns together."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared
from certify.offsets import ColumnIntercept, RowIntercept

from . import Instance
from ._truth import HADAMARD

WHY = (
    "minimizing over both leaves 1/2 |P(Y - Z)P|^2 with P removing means, and "
    "|PZP|_* <= |Z|_*: so Z is the thresholded PYP, whose singular values are 4, 2 and 1/2; "
    "at lam = 1 that is 3.5 + 1.5 + 1/8 = 5.125.  The overall mean may sit in either offset"
)


def cases() -> dict[str, Instance]:
    """Return the optimum with q found and given in two ways, and three wrong candidates."""
    basis = HADAMARD[:, 1:]
    row, column = np.array([1.0, 0.0, -2.0, 4.0]), np.array([8.0, -1.0, 0.5, 0.0])
    turned = basis[:, [1, 2, 0]]
    Y = row[:, None] + column + (basis * [4.0, 2.0, 0.5]) @ turned.T
    problem = Problem(Squared(Y), RankOne("l2", "l2"), 1.0, (RowIntercept(), ColumnIntercept()))
    best = (basis[:, :2] * [3.0, 1.0], turned[:, :2])
    told = {
        "optimal_q_found": (best, None, Verdict.CERTIFIED),
        "optimal_q_given": (best, [row, column], Verdict.CERTIFIED),
        "optimal_mean_moved": (best, [row + 3.0, column - 3.0], Verdict.CERTIFIED),
        "mean_counted_twice": (best, [row + 3.0, column], Verdict.REFUTED),
        "wrong_slice": ((best[0], basis[:, :2]), None, Verdict.REFUTED),
        "best_single_slice": ((best[0][:, :1], best[1][:, :1]), None, Verdict.RANK_LIMITED),
    }
    return {k: Instance(problem, x, q, 5.125, v, WHY) for k, (x, q, v) in told.items()}
