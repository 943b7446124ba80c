"""Rank-one data and candidates with more slices than they need: split, zero, dependent."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared

from . import Instance
from ._truth import HADAMARD, padded

WHY = (
    "the one singular value 4 is lowered to 3 at lam = 1: 1/2 + 3 = 3.5; a slice may be split "
    "into parallel ones at no cost (theta is additive along a ray), zero slices cost nothing"
)


def cases() -> dict[str, Instance]:
    """Return the optimum written in several ways, and candidates that overshoot or cancel."""
    h, e = HADAMARD[:, 1:2], np.eye(3)[:, :1]
    problem = Problem(Squared(4.0 * h @ e.T), RankOne("l2", "l2"), 1.0)
    split = (np.repeat(h, 4, axis=1), np.repeat(0.75 * e, 4, axis=1))
    cancels = (np.hstack([h, h]), np.hstack([4.0 * e, -e]))
    told = {
        "one_slice": ((h, 3.0 * e), Verdict.CERTIFIED),
        "split_in_four": (split, Verdict.CERTIFIED),
        "split_and_zeros": (padded(split, 2), Verdict.CERTIFIED),
        "wrongly_scaled_columns": ((h * 2.0**40, 3.0 * e * 2.0**-40), Verdict.CERTIFIED),
        "overshoots": ((split[0], 2.0 * split[1]), Verdict.REFUTED),
        "cancels": (cancels, Verdict.REFUTED),
    }
    return {k: Instance(problem, x, None, 3.5, v, WHY) for k, (x, v) in told.items()}
