"""l2 x l2+ where the bound of the Gram matrix is above lam and the polar below."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared

from . import Instance
from ._truth import nonnegative_top

WHY = (
    "enumeration of the supports of v shows sup |Y v| = 4.0954 over unit v >= 0, below "
    "lam = 4.1875: the zero model is optimal, |Y|^2 / 2 = 15.5; the largest eigenvalue of "
    "Y^T Y + M, M its negative part, is above 4.28^2, so that bound cannot show it"
)
LAM = 4.1875


def cases() -> dict[str, Instance]:
    """Return the zero model for the matrix and its transpose, and refuted candidates."""
    Y = np.array([[-1.0, -3.0, 3.0], [3.0, 1.0, 2.0], [1.0, -2.0, 1.0]])
    if not nonnegative_top(Y, both=False) < LAM:
        message = "the enumeration does not support this case"
        raise ArithmeticError(message)
    right = Problem(Squared(Y), RankOne("l2", "l2+"), LAM)
    left = Problem(Squared(Y.T), RankOne("l2+", "l2"), LAM)
    none = (np.zeros((3, 1)), np.zeros((3, 1)))
    fitted = (Y[:, 2:] / 4, np.eye(3)[:, 2:])
    optimum = 0.5 * float((Y * Y).sum())
    return {
        "zero_model": Instance(right, none, None, optimum, Verdict.UNDECIDED, WHY),
        "transposed": Instance(left, none, None, optimum, Verdict.UNDECIDED, WHY),
        "column_fitted": Instance(right, fitted, None, optimum, Verdict.REFUTED, WHY),
        "row_fitted": Instance(left, fitted[::-1], None, optimum, Verdict.REFUTED, WHY),
    }
