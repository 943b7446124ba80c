"""Labels 0 and 1 under l1 x l1: every log-odds is shrunk by itself."""

import mpmath
import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Logistic

from . import Instance
from ._truth import DIGITS, entries

WHY = (
    "l1 x l1 sums |z_ij|, so entries part: ln(1 + e^-x) + lam x has slope 0 where "
    "1 / (1 + e^x) = lam, x = ln((1 - lam) / lam) = ln 3 at lam = 1/4, of value "
    "2 ln 2 - 3/4 ln 3 each, by second-order convexity the least; 4 entries.  At lam >= 1/2 no "
    "slope at 0 is worth its price: 4 ln 2 is the optimum"
)


def cases() -> dict[str, Instance]:
    """Return the shrunk log-odds and twice them; the zero model where it is best."""
    Y = np.array([[1.0, 0.0], [0.0, 1.0]])
    best = entries(
        Y.shape, [(i, j, (2 * Y[i, j] - 1) * np.log(3.0)) for i in (0, 1) for j in (0, 1)]
    )
    none = (np.zeros((2, 0)), np.zeros((2, 0)))
    with mpmath.workdps(DIGITS):
        shrunk = float(4 * (2 * mpmath.log(2) - mpmath.log(3) * 3 / 4))
        flat = float(4 * mpmath.log(2))
    told = {
        "optimal": (0.25, best, shrunk, Verdict.CERTIFIED),
        "not_shrunk": (0.25, (best[0], 2 * best[1]), shrunk, Verdict.REFUTED),
        "zero_model": (0.5, none, flat, Verdict.CERTIFIED),
        "too_sure": (0.5, best, flat, Verdict.REFUTED),
    }
    return {
        k: Instance(Problem(Logistic(Y), RankOne("l1", "l1"), lam), x, None, value, v, WHY)
        for k, (lam, x, value, v) in told.items()
    }
