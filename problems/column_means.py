"""A free intercept a column: the data are denoised after their column means are removed."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared
from certify.offsets import ColumnIntercept

from . import Instance
from ._truth import HADAMARD, padded

WHY = (
    "minimizing over q leaves 1/2 |P(Y - Z)|^2, P the projection that removes column means, "
    "and |PZ|_* <= |Z|_*: so Z is the thresholded PY, whose singular values are 4 and 2; at "
    "lam = 1 that is 3.5 + 1.5 = 5, at q the column means"
)


def cases() -> dict[str, Instance]:
    """Return the optimum with q found and given, and candidates with wrong means."""
    basis, mu = HADAMARD[:, 1:3], np.array([2.0, -1.0, 8.0])
    frame = np.eye(3)[:, :2]
    Y = mu + (basis * [4.0, 2.0]) @ frame.T
    problem = Problem(Squared(Y), RankOne("l2", "l2"), 1.0, ColumnIntercept())
    best = (basis, frame * [3.0, 1.0])
    told = {
        "optimal_q_found": (best, None, Verdict.CERTIFIED),
        "optimal_q_given": (best, [mu], Verdict.CERTIFIED),
        "no_means": (best, [0 * mu], Verdict.REFUTED),
        "one_mean_off": (best, [mu + 0.25 * np.eye(3)[1]], Verdict.REFUTED),
        "slice_missing": (padded((basis[:, :1], best[1][:, :1])), None, Verdict.REFUTED),
        "best_single_slice": ((basis[:, :1], best[1][:, :1]), None, Verdict.RANK_LIMITED),
    }
    return {k: Instance(problem, x, q, 5.0, v, WHY) for k, (x, q, v) in told.items()}
