"""l2+ x l2+ where the spectral bound is above lam and the polar below: a gap that stays."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared

from . import Instance
from ._truth import nonnegative_top

ZERO = (
    "enumeration of all supports shows sup u^T Y v = sqrt 13 = 3.606 over unit u, v >= 0, "
    "below lam = 3.6875: the zero model is optimal, |Y|^2 / 2 = 23.  min over N >= 0 of "
    "sigma_1(Y + N) is above 3.79, so that bound cannot show it"
)
SPLIT = (
    "with G as above W = diag(lam, G) has sup u^T W v = lam at e_1, e_1 (blocks part), and "
    "Y = W + 2 e_1 e_1^T: so Z = 2 e_1 e_1^T is optimal, |W|^2 / 2 + 2 lam; W is the only "
    "optimal dual point, and sigma_1(W + N) > lam for every N >= 0"
)
GENERIC, LAM = np.array([[3.0, -4.0, 2.0], [-2.0, 2.0, 3.0]]), 3.6875


def cases() -> dict[str, Instance]:
    """Return two true optima that stay undecided, and candidates that are refuted."""
    if not nonnegative_top(GENERIC, both=True) < LAM:
        message = "the enumeration does not support this case"
        raise ArithmeticError(message)
    Y = np.zeros((3, 4))
    Y[0, 0], Y[1:, 1:] = LAM + 2.0, GENERIC
    atom = RankOne("l2+", "l2+")
    zero, split = Problem(Squared(GENERIC), atom, LAM), Problem(Squared(Y), atom, LAM)
    none = (np.zeros((2, 1)), np.zeros((3, 1)))
    best = (np.eye(3)[:, :1], 2.0 * np.eye(4)[:, :1])
    energy, spent = 23.0, LAM**2 / 2 + 23.0 + 2.0 * LAM
    column = (np.array([[2.0], [3.0]]) / 4, np.array([[0.0], [0.0], [1.0]]))
    return {
        "zero_model": Instance(zero, none, None, energy, Verdict.UNDECIDED, ZERO),
        "column_fitted": Instance(zero, column, None, energy, Verdict.REFUTED, ZERO),
        "one_slice": Instance(split, best, None, spent, Verdict.UNDECIDED, SPLIT),
        "slice_too_long": Instance(
            split, (best[0], 2.0 * best[1]), None, spent, Verdict.REFUTED, SPLIT
        ),
    }
