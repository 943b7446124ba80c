"""Pinball loss: the zero model where no quantile is worth a unit."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Quantile

from . import Instance

WHY = (
    "slopes at 0 are tau = 1/4 for positive data and 3/4 for negative ones; under l1 x l1 a unit "
    "of |z| costs lam, so at lam >= 3/4 nothing is fitted: 1/4 (1 + 2) + 3/4 (1 + 2) = 3.  With "
    "positive data alone, lam = 1/4 is enough: 1/4 (1 + 2 + 1 + 2) = 1.5"
)


def cases() -> dict[str, Instance]:
    """Return zero models at their thresholds, and the data as their own fit."""
    Y = np.array([[1.0, -2.0], [-1.0, 2.0]])
    none = (np.zeros((2, 0)), np.zeros((2, 0)))
    exact = (np.array([[1.0], [-1.0]]), np.array([[1.0], [-2.0]]))
    told = {
        "at_the_threshold": (Y, 0.75, none, 3.0, Verdict.CERTIFIED),
        "data_at_a_price": (Y, 1.0, exact, 3.0, Verdict.REFUTED),
        "positive_at_the_threshold": (np.abs(Y), 0.25, none, 1.5, Verdict.CERTIFIED),
        "positive_at_a_price": (np.abs(Y), 0.5, tuple(map(np.abs, exact)), 1.5, Verdict.REFUTED),
    }
    return {
        k: Instance(Problem(Quantile(y, 0.25), RankOne("l1", "l1"), lam), x, None, best, v, WHY)
        for k, (y, lam, x, best, v) in told.items()
    }
