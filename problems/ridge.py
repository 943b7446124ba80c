"""Penalized column intercepts: alone, and where a slice takes a share of the mean."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared
from certify.offsets import ColumnIntercept

from . import Instance
from ._truth import HADAMARD

SMALL = (
    "with Z = 2 h e_1^T and q = (0, 1/2, 0), W = Y - Z - 1 q^T = 2 h e_1^T + 1/2 (1 e_2^T) has "
    "column sums (0, 2, 0) = ridge q, largest singular value 2 = lam and <W, Z> = lam |Z|_*: "
    "optimality; value 5/2 + 4 + 1/2 = 7"
)
LARGE = (
    "along the mean's direction min over z, t of 1/2 (8 - z - 2t)^2 + 2 t^2 + 2z is 12 at "
    "z = 4, t = 1; along h it is 4 * 2 - 2 = 6.  W = 2 h e_1^T + 2 (1/2)(1 e_2^T) has column "
    "sums (0, 4, 0) = ridge q and largest singular value lam: optimality; 18.  With the slice "
    "along h alone it is 6 + 16 = 22, with the other alone 12 + 8 = 20"
)


def cases() -> dict[str, Instance]:
    """Return both optima, and candidates with the unpenalized means."""
    h, one = HADAMARD[:, 1:2], HADAMARD[:, :1]
    mean, frame = np.eye(3)[1], np.eye(3)
    offset = ColumnIntercept(ridge=4.0)
    small = Problem(Squared(mean + 4.0 * h @ frame[:1]), RankOne("l2", "l2"), 2.0, offset)
    large = Problem(Squared(4 * mean + 4.0 * h @ frame[:1]), RankOne("l2", "l2"), 2.0, offset)
    alone = (h, 2.0 * frame[:, :1])
    shared = (np.hstack([h, one]), frame[:, :2] * [2.0, 4.0])
    told = {
        "small_optimal_q_found": (small, alone, None, 7.0, Verdict.CERTIFIED, SMALL),
        "small_optimal_q_given": (small, alone, [mean / 2], 7.0, Verdict.CERTIFIED, SMALL),
        "small_unpenalized_mean": (small, alone, [mean], 7.0, Verdict.REFUTED, SMALL),
        "large_optimal_q_found": (large, shared, None, 18.0, Verdict.CERTIFIED, LARGE),
        "large_optimal_q_given": (large, shared, [mean], 18.0, Verdict.CERTIFIED, LARGE),
        "large_lesser_slice": (large, alone, None, 18.0, Verdict.REFUTED, LARGE),
        "large_unpenalized_mean": (large, shared, [4 * mean], 18.0, Verdict.REFUTED, LARGE),
    }
    return {k: Instance(*parts) for k, parts in told.items()}
