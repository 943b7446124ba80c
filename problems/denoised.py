"""Nuclear-norm denoising of a published matrix: soft-thresholded singular values."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared

from . import Instance
from ._truth import denoised, first, padded, thresholded

WHY = (
    "the problem parts into one scalar problem a singular value (von Neumann), whose sum at "
    "50 digits is the published 3.55833395; two singular values exceed lam, and the best "
    "factors with one slice are the first of the two"
)


def cases() -> dict[str, Instance]:
    """Return the optimum and four wrong candidates."""
    Y, lam = np.array([[3.0, 1, 0], [1, 2, 1], [0, 1, 1]]), 0.7
    problem = Problem(Squared(Y), RankOne("l2", "l2"), lam)
    best, optimum = thresholded(Y, lam), denoised(Y, lam)
    U, V = best
    told = {
        "optimal": (best, Verdict.CERTIFIED),
        "optimal_with_spare_slices": (padded(best, 2), Verdict.CERTIFIED),
        "first_component_only": (first(best, 1), Verdict.RANK_LIMITED),
        "one_component_and_a_zero": (padded(first(best, 1)), Verdict.REFUTED),
        "not_thresholded": (thresholded(Y, 0.0), Verdict.REFUTED),
        "sign_flipped": ((U, -V), Verdict.REFUTED),
    }
    return {k: Instance(problem, x, None, optimum, v, WHY) for k, (x, v) in told.items()}
