"""Observed blocks on the diagonal: each is denoised alone; a row and a column are unseen."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared

from . import Instance
from ._truth import entries, padded

WHY = (
    "the nuclear norm of a matrix is at least that of its diagonal blocks (pinching), so the "
    "unseen entries are best at 0 and the blocks part: singular values 4, 2 and 2 at lam = 1 "
    "give 3.5 + 1.5 + 1.5 = 6.5; a slice in the unseen corner costs lam and fits nothing"
)


def cases() -> dict[str, Instance]:
    """Return the blocks' optimum, and candidates that miss one or fit the unseen."""
    Y = np.full((4, 4), np.nan)
    Y[:2, :2], Y[2, 2] = [[3.0, 1.0], [1.0, 3.0]], 2.0
    problem = Problem(Squared(Y, mask=np.isfinite(Y)), RankOne("l2", "l2"), 1.0)
    U = np.array([[1.0, 1, 0], [1, -1, 0], [0, 0, 1], [0, 0, 0]])
    V = U * np.array([1.5, 0.5, 1.0])
    best = (U, V)
    corner = entries((4, 4), [(3, 3, 1.0)])
    unseen = (np.hstack([U, corner[0]]), np.hstack([V, corner[1]]))
    told = {
        "optimal": (best, Verdict.CERTIFIED),
        "small_block_missing": (padded((U[:, :2], V[:, :2])), Verdict.REFUTED),
        "slice_in_the_unseen_corner": (unseen, Verdict.REFUTED),
    }
    return {k: Instance(problem, x, None, 6.5, v, WHY) for k, (x, v) in told.items()}
