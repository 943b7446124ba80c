"""A free intercept a row: the data are denoised after their row means are removed."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared
from certify.offsets import RowIntercept

from . import Instance
from ._truth import HADAMARD, padded

WHY = (
    "minimizing over q leaves 1/2 |(Y - Z)P|^2, P the projection that removes row means, and "
    "|ZP|_* <= |Z|_*: so Z is the thresholded YP, whose singular values are 4 and 2; at "
    "lam = 1 that is 3.5 + 1.5 = 5, at q the row means"
)


def cases() -> dict[str, Instance]:
    """Return the optimum with q found and given, and candidates that miss the means."""
    basis, mu = HADAMARD[:, 1:3], np.array([2.0, -1.0, 8.0])
    frame = np.eye(3)[:, :2]
    Y = mu[:, None] + (frame * [4.0, 2.0]) @ basis.T
    problem = Problem(Squared(Y), RankOne("l2", "l2"), 1.0, RowIntercept())
    best = (frame * [3.0, 1.0], basis)
    told = {
        "optimal_q_found": (best, None, Verdict.CERTIFIED),
        "optimal_q_given": (best, [mu], Verdict.CERTIFIED),
        "no_means": (best, [0 * mu], Verdict.REFUTED),
        "not_thresholded": ((best[0] + frame, basis), None, Verdict.REFUTED),
        "slice_missing": (padded((best[0][:, :1], basis[:, :1])), None, Verdict.REFUTED),
    }
    return {k: Instance(problem, x, q, 5.0, v, WHY) for k, (x, q, v) in told.items()}
