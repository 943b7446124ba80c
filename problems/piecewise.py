"""Two levels along a path with total variation: cones with flows prove the polar."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared
from certify.norms import Variation

from . import Instance

WHY = (
    "Y = y w^T, y = (1, ..., 1, -1, ..., -1), eight of each, w = (3, 4), |y| = 2 TV(y) + |y|_2 = 8."
    " The flow that rises by 1/2 at each of the first eight entries, to 4, and then falls leaves "
    "y / 2: g*(y) <= max(4 / 2, |y / 2|_2) = 2 = <y, y> / 8, so the polar of Y is 2 * 5. With "
    "Z = c Y the objective is 200 (1 - c)^2 + 40 lam c, least at c = 1 - lam / 10, where Y - Z has "
    "the polar lam"
)
LAM = 5.0


def cases() -> dict[str, Instance]:
    """Return the optimum for the matrix and its transpose, a model without slices, and Y itself."""
    y, w = np.repeat([1.0, -1.0], 8), np.array([3.0, 4.0])
    path = Variation([(i, i + 1) for i in range(15)], 2.0)
    tall = Problem(Squared(np.outer(y, w)), RankOne(path, "l2"), LAM)
    wide = Problem(Squared(np.outer(w, y)), RankOne("l2", path), LAM)
    best = (y[:, None] / 2, w[:, None])
    fitted = (y[:, None], w[:, None])
    return {
        "optimal": Instance(tall, best, None, 150.0, Verdict.CERTIFIED, WHY),
        "transposed": Instance(wide, best[::-1], None, 150.0, Verdict.CERTIFIED, WHY),
        "no_slice": Instance(tall, (0 * best[0], best[1]), None, 150.0, Verdict.REFUTED, WHY),
        "fitted": Instance(tall, fitted, None, 150.0, Verdict.REFUTED, WHY),
    }
