"""lam = 0 where signs count: the rank and the signs together decide, neither does alone."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import CP, RankOne
from certify.losses import Squared

from . import Instance
from ._truth import entries

CORNERS = (
    "u, v >= 0: <Y, u v^T> <= 2 (u_1 v_1 + u_2 v_2) <= 2 |u| |v|, so f >= 5 - 2 t + t^2 / 2 >= 3 "
    "with t = |u| |v|, and 2 at one corner reaches it; without signs 1/2 is left"
)
CUBE = (
    "x, y, z >= 0: the entry -2 only costs, <T, x o y o z> <= 3 x_1 y_1 z_1 + 2 x_2 y_2 z_2 "
    "<= 3 |x| |y| |z|, so f >= 17/2 - 3 t + t^2 / 2 >= 4, and 3 at its entry reaches it"
)


def cases() -> dict[str, Instance]:
    """Return a matrix and a tensor with entries that nonnegative factors cannot reach."""
    Y = np.array([[2.0, -1.0], [-1.0, 2.0]])
    matrix = Problem(Squared(Y), RankOne("l2+", "l2+"), 0.0)
    other = Problem(Squared(-Y), RankOne("linf+", "l1-"), 0.0)
    T = np.zeros((2, 2, 2))
    T[0, 0, 0], T[1, 1, 1], T[0, 0, 1] = 3.0, 2.0, -2.0
    tensor = Problem(Squared(T), CP(("l2+",) * 3), 0.0)
    corner = entries((2, 2), [(0, 0, 2.0)])
    first, e = np.array([[3.0], [0.0]]), np.array([[1.0], [0.0]])
    told = {
        "corner": (matrix, corner, 3.0, Verdict.CERTIFIED, CORNERS),
        "corner_too_long": (matrix, (2 * corner[0], corner[1]), 3.0, Verdict.REFUTED, CORNERS),
        "other_norms": (other, (corner[0], -corner[1]), 3.0, Verdict.CERTIFIED, CORNERS),
        "tensor": (tensor, (first, e, e), 4.0, Verdict.CERTIFIED, CUBE),
    }
    return {k: Instance(p, x, None, value, v, why) for k, (p, x, value, v, why) in told.items()}
