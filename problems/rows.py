"""Dictionary learning, l1 x l2: each row is shortened by lam, or dropped."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared

from . import Instance
from ._truth import entries, padded

WHY = (
    "extreme points of the l1 ball are unit vectors, so Omega(Z) = sum of row norms, and rows "
    "part: lengths 10, 5 and 1 at lam = 2 give 18 + 8 + 1/2 = 26.5.  The rows are orthogonal "
    "and Omega is at least the nuclear norm, so the longest row is the best single slice"
)


def cases() -> dict[str, Instance]:
    """Return the optimum for both signs of the code, and three wrong candidates."""
    Y = np.array([[3.0, 4.0, 0.0], [-8.0, 6.0, 0.0], [0.0, 0.0, 1.0]])
    U = entries((3, 3), [(1, 0, 0.0), (0, 0, 0.0)])[0]
    V = np.column_stack([0.8 * Y[1], 0.6 * Y[0]])
    out = {}
    for left in ("l1", "l1+"):
        problem = Problem(Squared(Y), RankOne(left, "l2"), 2.0)
        told = {
            "optimal": ((U, V), Verdict.CERTIFIED),
            "longest_row_only": ((U[:, :1], V[:, :1]), Verdict.RANK_LIMITED),
            "longest_row_and_a_zero": (padded((U[:, :1], V[:, :1])), Verdict.REFUTED),
            "entries_thresholded": (
                (U, np.sign(V) * np.maximum(np.abs(Y[[1, 0]].T) - 2.0, 0.0)),
                Verdict.REFUTED,
            ),
        }
        for name, (x, verdict) in told.items():
            out[f"{left}_{name}"] = Instance(problem, x, None, 26.5, verdict, WHY)
    return out
