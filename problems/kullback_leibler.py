"""Counts under l1+ x l1+: every mean is divided by 1 + lam."""

import mpmath
import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import KullbackLeibler

from . import Instance
from ._truth import DIGITS, entries

WHY = (
    "entries part: z - y ln z + lam z is least at z = y / (1 + lam); with the constants its value "
    "is y ln(1 + lam), so at lam = 1 the optimum is 7 ln 2 for data of sum 7, and an entry 0 stays"
)


def cases() -> dict[str, Instance]:
    """Return the halved means, the data themselves, and a third of them."""
    Y = np.array([[4.0, 1.0], [0.0, 2.0]])
    halved = entries(Y.shape, [(0, 0, 2.0), (0, 1, 0.5), (1, 1, 1.0)])
    with mpmath.workdps(DIGITS):
        value = float(7 * mpmath.log(2))
    problem = Problem(KullbackLeibler(Y), RankOne("l1+", "l1+"), 1.0)
    told = {
        "optimal": (halved, Verdict.CERTIFIED),
        "data": ((halved[0], 2 * halved[1]), Verdict.REFUTED),
        "too_small": ((halved[0], halved[1] / 4), Verdict.REFUTED),
    }
    return {k: Instance(problem, x, None, value, v, WHY) for k, (x, v) in told.items()}
