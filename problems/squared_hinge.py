"""Squared margins, shrunk: halfway to the margin at lam = 1."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import SquaredHinge

from . import Instance
from ._truth import entries

WHY = (
    "under l1 x l1 entries part: (1 - x)^2 + lam x is least at x = 1 - lam / 2, value "
    "lam - lam^2 / 4: 3/4 each at lam = 1.  Under l2 x l2 with the rank-one signs Y the same x "
    "serves at lam = 2: W = 2 (1 - x) Y has singular value 2, 4 (1/4) + 2 * 2 * 1/2 = 3 as well"
)


def cases() -> dict[str, Instance]:
    """Return the halved margins, full ones, and none."""
    Y = np.array([[1.0, -1.0], [-1.0, 1.0]])
    half = entries(Y.shape, [(i, j, Y[i, j] / 2) for i in (0, 1) for j in (0, 1)])
    full = (half[0], 2 * half[1])
    column = np.array([[1.0], [-1.0]])
    told = {
        "optimal": (("l1", "l1"), 1.0, half, Verdict.CERTIFIED),
        "full_margins": (("l1", "l1"), 1.0, full, Verdict.REFUTED),
        "spectral": (("l2", "l2"), 2.0, (column, column / 2), Verdict.CERTIFIED),
        "spectral_full": (("l2", "l2"), 2.0, (column, column), Verdict.REFUTED),
    }
    return {
        k: Instance(Problem(SquaredHinge(Y), RankOne(*pair), lam), x, None, 3.0, v, WHY)
        for k, (pair, lam, x, v) in told.items()
    }
