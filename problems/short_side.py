"""A tall matrix with five nonnegative coordinates on its short side: cones prove the polar."""

from itertools import combinations

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared

from . import Instance
from ._truth import HORN, nonnegative_top

WHY = (
    "Y has the row (e_i - H_ij e_j) / 2 four times for each i < j, so Y^T Y = 5 I - H, H Horn's "
    "matrix (copositive: v^T H v >= 0 for v >= 0): |Y v|^2 <= 5 on unit v >= 0, below lam^2 > "
    "5.2, and the zero model is optimal, |Y|^2 / 2 = 10"
)
LAM = 2.28125


def cases() -> dict[str, Instance]:
    """Return the zero model for the matrix and its transpose, and a refuted candidate."""
    rows, e = np.zeros((10, 5)), np.eye(5)
    for row, (i, j) in zip(rows, combinations(range(5), 2), strict=True):
        row[:] = (e[i] - HORN[i, j] * e[j]) / 2
    Y = np.tile(rows, (4, 1))
    if not nonnegative_top(Y, both=False) < LAM:
        message = "the enumeration of supports contradicts this case"
        raise ArithmeticError(message)
    tall = Problem(Squared(Y), RankOne("l2", "l2+"), LAM)
    wide = Problem(Squared(Y.T), RankOne("l2+", "l2"), LAM)
    none = (np.zeros((40, 1)), np.zeros((5, 1)))
    fitted = (Y[:, :1] / 4, e[:, :1])
    return {
        "zero_model": Instance(tall, none, None, 10.0, Verdict.CERTIFIED, WHY),
        "transposed": Instance(wide, none[::-1], None, 10.0, Verdict.CERTIFIED, WHY),
        "column_fitted": Instance(tall, fitted, None, 10.0, Verdict.REFUTED, WHY),
    }
