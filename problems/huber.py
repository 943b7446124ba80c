"""Outliers under l1 x l1: large entries are lowered by lam, small ones vanish."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Huber

from . import Instance
from ._truth import entries

WHY = (
    "entries part; for lam < delta the least of h(z - y) + lam |z| is at |z| = |y| - lam, value "
    "lam |y| - lam^2 / 2, if |y| > lam, else at 0: with y = 3, -1/4, 0, -2 and lam = 1/2 that is "
    "1.375 + 1/32 + 0 + 0.875 = 2.28125; at lam = 1 = delta nothing pays: h sums to 4.03125"
)


def cases() -> dict[str, Instance]:
    """Return the lowered entries, the data themselves, and the zero model."""
    Y = np.array([[3.0, -0.25], [0.0, -2.0]])
    lowered = entries(Y.shape, [(0, 0, 2.5), (1, 1, -1.5)])
    kept = entries(Y.shape, [(0, 0, 3.0), (1, 1, -2.0)])
    none = (np.zeros((2, 0)), np.zeros((2, 0)))
    told = {
        "optimal": (0.5, lowered, 2.28125, Verdict.CERTIFIED),
        "not_lowered": (0.5, kept, 2.28125, Verdict.REFUTED),
        "zero_model": (1.0, none, 4.03125, Verdict.CERTIFIED),
        "too_dear": (2.0, kept, 4.03125, Verdict.REFUTED),
    }
    return {
        k: Instance(Problem(Huber(Y, 1.0), RankOne("l1", "l1"), lam), x, None, best, v, WHY)
        for k, (lam, x, best, v) in told.items()
    }
