"""One free number added to every entry."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared
from certify.offsets import Intercept

from . import Instance
from ._truth import HADAMARD

WHY = (
    "Y - q has singular values 4, 2 and 1/2 at q = 5, with vectors whose outer products sum "
    "to 0; W = Y - q - Z, the values cut at lam = 1, then has sum 0 (q is optimal), largest "
    "singular value lam and <W, Z> = |Z|_*: optimality; 3.5 + 1.5 + 1/8 = 5.125"
)


def cases() -> dict[str, Instance]:
    """Return the optimum with q found and given, and candidates with another q or sign."""
    left, right = HADAMARD[:, [1, 0, 2]], HADAMARD[:, [1, 3, 2]]
    Y = 5.0 + (left * [4.0, 2.0, 0.5]) @ right.T
    problem = Problem(Squared(Y), RankOne("l2", "l2"), 1.0, Intercept())
    best = (left[:, :2] * [3.0, 1.0], right[:, :2])
    five = np.array([5.0])
    told = {
        "optimal_q_found": (best, None, Verdict.CERTIFIED),
        "optimal_q_given": (best, [five], Verdict.CERTIFIED),
        "q_off": (best, [five + 0.5], Verdict.REFUTED),
        "mean_in_a_slice": (
            (np.hstack([best[0], np.full((4, 1), 4.0)]), np.hstack([best[1], np.ones((4, 1))])),
            [five - 4.0],
            Verdict.REFUTED,
        ),
        "wrong_sign": ((best[0], -best[1]), None, Verdict.REFUTED),
    }
    return {k: Instance(problem, x, q, 5.125, v, WHY) for k, (x, q, v) in told.items()}
