"""Data with four equal columns and a row of zeros."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared

from . import Instance

WHY = (
    "y 1^T with |y| = 5 and four columns has the one singular value 10, lowered to 8 at "
    "lam = 2: 2 + 16 = 18"
)


def cases() -> dict[str, Instance]:
    """Return the optimum, and candidates that fit one column or weigh them unequally."""
    y, ones = np.array([[3.0], [4.0], [0.0]]), np.ones((4, 1))
    problem = Problem(Squared(y @ ones.T), RankOne("l2", "l2"), 2.0)
    told = {
        "optimal": ((y, 0.8 * ones), Verdict.CERTIFIED),
        "one_column": ((y, np.eye(4)[:, :1]), Verdict.REFUTED),
        "unequal": ((y, np.array([[1.0], [1.0], [0.6], [0.6]])), Verdict.REFUTED),
        "zero_row_filled": ((y + np.eye(3)[:, 2:], 0.8 * ones), Verdict.REFUTED),
    }
    return {k: Instance(problem, x, None, 18.0, v, WHY) for k, (x, v) in told.items()}
