"""Absolute deviations: nothing is fitted where a unit costs as much as it earns."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Absolute

from . import Instance

WHY = (
    "the loss falls by at most <S, Z> for the signs S of the data, and that is at most the polar "
    "of S times Omega(Z): 1 under l1 x l1, the singular value 2 of the sign matrix of a rank-one Y "
    "under l2 x l2.  So at such a lam the zero model is optimal, of value sum |y| = 6"
)


def cases() -> dict[str, Instance]:
    """Return the zero model at the threshold and above it, and the data as their own fit."""
    Y = np.array([[1.0, -2.0], [-1.0, 2.0]])
    none = (np.zeros((2, 0)), np.zeros((2, 0)))
    exact = (np.array([[1.0], [-1.0]]), np.array([[1.0], [-2.0]]))
    told = {
        "entries_at_the_threshold": (("l1", "l1"), 1.0, none, Verdict.CERTIFIED),
        "spectral_at_the_threshold": (("l2", "l2"), 2.0, none, Verdict.CERTIFIED),
        "above": (("l2", "l2"), 64.0, none, Verdict.CERTIFIED),
        "data_at_a_price": (("l1", "l1"), 2.0, exact, Verdict.REFUTED),
    }
    return {
        k: Instance(Problem(Absolute(Y), RankOne(*pair), lam), x, None, 6.0, v, WHY)
        for k, (pair, lam, x, v) in told.items()
    }
