"""Margins: the zero model where a unit of score costs what it earns."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Hinge

from . import Instance

WHY = (
    "with scores z every entry earns at most y z, in all at most the polar of Y times Omega(Z): 1 "
    "for signs under l1 x l1, the singular value 2 of a rank-one sign matrix under l2 x l2.  At "
    "such a lam the zero model is optimal, and each of the four margins costs 1"
)


def cases() -> dict[str, Instance]:
    """Return zero models at the threshold, and scores at a higher price."""
    Y = np.array([[1.0, -1.0], [-1.0, 1.0]])
    none = (np.zeros((2, 0)), np.zeros((2, 0)))
    scores = (np.array([[1.0], [-1.0]]), np.array([[1.0], [-1.0]]))
    told = {
        "entries_at_the_threshold": (("l1", "l1"), 1.0, none, Verdict.CERTIFIED),
        "spectral_at_the_threshold": (("l2", "l2"), 2.0, none, Verdict.CERTIFIED),
        "scores_at_a_price": (("l1", "l1"), 2.0, scores, Verdict.REFUTED),
        "spectral_scores_at_a_price": (("l2", "l2"), 4.0, scores, Verdict.REFUTED),
    }
    return {
        k: Instance(Problem(Hinge(Y), RankOne(*pair), lam), x, None, 4.0, v, WHY)
        for k, (pair, lam, x, v) in told.items()
    }
