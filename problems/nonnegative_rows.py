"""l1+ x l2+: the positive part of each row is shortened by lam."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared

from . import Instance

WHY = (
    "products are nonnegative and Omega(Z) = sum of row norms on Z >= 0, so rows part; over "
    "z >= 0 the negative entries of a row cost y^2/2 and the rest is shortened: "
    "(8 + 1/2) + (2 + 2) + 1/2 = 13"
)


def cases() -> dict[str, Instance]:
    """Return the optimum, and candidates that ignore the sign or the penalty."""
    Y = np.array([[3.0, 4.0, -1.0], [-2.0, -2.0, 0.0], [1.0, 0.0, 0.0]])
    problem = Problem(Squared(Y), RankOne("l1+", "l2+"), 2.0)
    U, row = np.eye(3)[:, :1], np.array([[3.0], [4.0], [0.0]])
    length = 26.0**0.5
    told = {
        "optimal": (0.6 * row, Verdict.CERTIFIED),
        "not_shortened": (row, Verdict.REFUTED),
        "shortened_with_the_negative": (row * (1 - 2 / length), Verdict.REFUTED),
        "entry_thresholded": (np.maximum(row - 2.0, 0.0), Verdict.REFUTED),
    }
    return {k: Instance(problem, (U, V), None, 13.0, v, WHY) for k, (V, v) in told.items()}
