"""l1 x l1 with weights, one of them zero: entries are thresholded one by one."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared

from . import Instance

WHY = (
    "Omega(Z) = sum |z_ij|, so entries part: min of w/2 (z - y)^2 + 2 |z| is 2|y| - 2/w for "
    "|y| > 2/w, else w y^2 / 2: 6 + 5 + 1/2 + 0 + 6 = 17.5, and the entry of weight 0 is free"
)


def cases() -> dict[str, Instance]:
    """Return the optimum, and candidates wrong in a sign, a size and the free entry."""
    Y = np.array([[4.0, -3.0], [1.0, 0.0], [2.0, 5.0]])
    weights = np.array([[1.0, 2.0], [1.0, 1.0], [0.0, 0.5]])
    problem = Problem(Squared(Y, weights=weights), RankOne("l1", "l1"), 2.0)
    U = np.eye(3)[:, [0, 2]]
    told = {
        "optimal": (np.array([[2.0, 0.0], [-2.0, 1.0]]), Verdict.CERTIFIED),
        "wrong_sign": (np.array([[2.0, 0.0], [2.0, 1.0]]), Verdict.REFUTED),
        "unweighted": (np.array([[2.0, 0.0], [-1.0, 3.0]]), Verdict.REFUTED),
        "free_entry_fitted": (np.array([[2.0, 1.0], [-2.0, 1.0]]), Verdict.REFUTED),
    }
    return {k: Instance(problem, (U, V), None, 17.5, v, WHY) for k, (V, v) in told.items()}
