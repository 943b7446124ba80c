"""No slices at all: optimal exactly when lam is at least the polar of the data."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared

from . import Instance
from ._truth import huber, padded

WHY = (
    "0 is optimal iff the polar of Y is at most lam: the largest singular value 4 of "
    "[[3, 1], [1, 3]] for l2 x l2, the largest row norm sqrt 10 < 3.25 for l1 x l2, the "
    "largest entry 3 for l1 x l1; then the optimum is |Y|^2 / 2 = 10.  Below that, slices help"
)


def cases() -> dict[str, Instance]:
    """Return zero models at and above the threshold, and below it."""
    Y = np.array([[3.0, 1.0], [1.0, 3.0]])
    none = (np.zeros((2, 0)), np.zeros((2, 0)))
    half = huber(4.0, 3.5) + huber(2.0, 3.5)
    entry = 2 * (huber(3.0, 2.5) + huber(1.0, 2.5))
    told = {
        "at_the_threshold": (("l2", "l2"), 4.0, none, 10.0, Verdict.CERTIFIED),
        "above": (("l2", "l2"), 64.0, none, 10.0, Verdict.CERTIFIED),
        "zero_slices": (("l2", "l2"), 4.0, padded(none, 3), 10.0, Verdict.CERTIFIED),
        "rows_above": (("l1", "l2"), 3.25, none, 10.0, Verdict.CERTIFIED),
        "entries_at_the_threshold": (("l1", "l1"), 3.0, none, 10.0, Verdict.CERTIFIED),
        "below": (("l2", "l2"), 3.5, none, half, Verdict.RANK_LIMITED),
        "below_with_room": (("l2", "l2"), 3.5, padded(none), half, Verdict.REFUTED),
        "entries_below": (("l1", "l1"), 2.5, none, entry, Verdict.RANK_LIMITED),
    }
    return {
        k: Instance(Problem(Squared(Y), RankOne(*pair), lam), x, None, best, v, WHY)
        for k, (pair, lam, x, best, v) in told.items()
    }
