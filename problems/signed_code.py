"""l1 x l2+: a signed code and nonnegative atoms; a row's two signs are two slices."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared

from . import Instance
from ._truth import padded

WHY = (
    "a row is a difference of nonnegative vectors, so Omega(Z) = sum over rows of "
    "|z_+| + |z_-|; the parts (3, 4) and (6, 8) of the first row are shortened by lam = 2: "
    "8 + 18, and the second row costs 1/2: 26.5"
)


def cases() -> dict[str, Instance]:
    """Return the optimum, and candidates that miss one sign."""
    Y = np.array([[3.0, 4.0, -6.0, -8.0], [0.0, 0.0, 1.0, 0.0]])
    problem = Problem(Squared(Y), RankOne("l1", "l2+"), 2.0)
    U = np.array([[-1.0, 1.0], [0.0, 0.0]])
    V = np.array([[0.0, 1.8], [0.0, 2.4], [4.8, 0.0], [6.4, 0.0]])
    told = {
        "optimal": ((U, V), Verdict.CERTIFIED),
        "negative_part_only": (padded((U[:, :1], V[:, :1])), Verdict.REFUTED),
        "signs_swapped": ((-U, V), Verdict.REFUTED),
    }
    return {k: Instance(problem, x, None, 26.5, v, WHY) for k, (x, v) in told.items()}
