"""The same with the l1 norm on the right: columns are shortened by lam."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared

from . import Instance

WHY = (
    "extreme points of the l1 ball are unit vectors, so Omega(Z) = sum of column norms, and "
    "columns part: lengths 10, 5 and 1 at lam = 2 give 18 + 8 + 1/2 = 26.5.  The columns are "
    "orthogonal, so the longest is the best single slice"
)


def cases() -> dict[str, Instance]:
    """Return the optimum for both signs of the code, and wrong candidates."""
    Y = np.array([[3.0, 4.0, 0.0], [-8.0, 6.0, 0.0], [0.0, 0.0, 1.0]]).T
    U, V = Y[:, :2] * [0.6, 0.8], np.eye(3)[:, :2]
    out = {}
    for right in ("l1", "l1+"):
        problem = Problem(Squared(Y), RankOne("l2", right), 2.0)
        told = {
            "optimal": ((U, V), Verdict.CERTIFIED),
            "longest_only": ((U[:, 1:], V[:, 1:]), Verdict.RANK_LIMITED),
            "not_shortened": ((Y[:, :2], V), Verdict.REFUTED),
        }
        for name, (x, verdict) in told.items():
            out[f"{right}_{name}"] = Instance(problem, x, None, 26.5, verdict, WHY)
    return out
