"""l2 x l2+ where every multiplier's bound exceeds lam and the polar does not."""

from itertools import combinations

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared

from . import Instance
from ._truth import HORN, nonnegative_top

WHY = (
    "Y has a row e_i - H_ij e_j for each i < j, so Y^T Y = 5 I - H, H Horn's matrix "
    "(copositive: v^T H v >= 0 for v >= 0): |Y v|^2 <= 5 on unit v >= 0, below lam^2 = 5.0625, "
    "and the zero model is optimal, |Y|^2 / 2 = 10.  H is no sum of a semidefinite and a "
    "nonnegative matrix: bounds from multipliers stop at 3 + sqrt 5 = 5.236"
)
LAM = 2.25


def cases() -> dict[str, Instance]:
    """Return the zero model for the matrix and its transpose, and refuted candidates."""
    Y, e = np.zeros((10, 5)), np.eye(5)
    for row, (i, j) in zip(Y, combinations(range(5), 2), strict=True):
        row[:] = e[i] - HORN[i, j] * e[j]
    if not nonnegative_top(Y, both=False) < LAM:
        message = "the enumeration of supports contradicts this case"
        raise ArithmeticError(message)
    right = Problem(Squared(Y), RankOne("l2", "l2+"), LAM)
    left = Problem(Squared(Y.T), RankOne("l2+", "l2"), LAM)
    none = (np.zeros((10, 1)), np.zeros((5, 1)))
    fitted = (Y[:, :1] / 4, e[:, :1])
    return {
        "zero_model": Instance(right, none, None, 10.0, Verdict.CERTIFIED, WHY),
        "transposed": Instance(left, none[::-1], None, 10.0, Verdict.CERTIFIED, WHY),
        "column_fitted": Instance(right, fitted, None, 10.0, Verdict.REFUTED, WHY),
        "row_fitted": Instance(left, fitted[::-1], None, 10.0, Verdict.REFUTED, WHY),
    }
