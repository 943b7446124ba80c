"""Three equal singular values: any basis of their space will do, two slices will not."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared

from . import Instance
from ._truth import HADAMARD, first

WHY = (
    "all three singular values are 4, lowered to 3 at lam = 1: 3 (1/2 + 3) = 10.5, for any "
    "orthonormal basis of the rows; with two slices 2 (7/2) + 8 = 15 is the best"
)


def cases() -> dict[str, Instance]:
    """Return the optimum in two bases, and what is short of a slice or a turn."""
    basis = HADAMARD[:, 1:]
    problem = Problem(Squared(4.0 * basis), RankOne("l2", "l2"), 1.0)
    turn = np.array([[0.6, 0.8, 0.0], [-0.8, 0.6, 0.0], [0.0, 0.0, 1.0]])
    plain, turned = (basis, 3.0 * np.eye(3)), (basis @ turn, 3.0 * turn)
    told = {
        "optimal": (plain, Verdict.CERTIFIED),
        "optimal_turned": (turned, Verdict.CERTIFIED),
        "one_of_three_missing": (first(turned, 2), Verdict.RANK_LIMITED),
        "half_turned": ((basis @ turn, 3.0 * np.eye(3)), Verdict.REFUTED),
    }
    return {k: Instance(problem, x, None, 10.5, v, WHY) for k, (x, v) in told.items()}
