"""Nothing nonnegative fits negative data: the zero model is optimal for every lam."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared

from . import Instance

WHY = (
    "every product is >= 0 and Y <= 0, so |Y - Z|^2 >= |Y|^2 entry by entry: the optimum is "
    "|Y|^2 / 2 = 7.5 however small lam is, at the zero model"
)


def cases() -> dict[str, Instance]:
    """Return zero models of size 0 and 1, and a slice that fits one entry's size."""
    Y = np.array([[-1.0, -2.0], [-3.0, 0.0], [0.0, -1.0]])
    out = {}
    for pair in (("l2+", "l2+"), ("l1+", "l2+"), ("l1+", "l1+")):
        problem = Problem(Squared(Y), RankOne(*pair), 2.0**-10)
        told = {
            "no_slices": ((np.zeros((3, 0)), np.zeros((2, 0))), Verdict.CERTIFIED),
            "zero_slice": ((np.zeros((3, 1)), np.ones((2, 1))), Verdict.CERTIFIED),
            "a_slice": ((np.eye(3)[:, :1], np.eye(2)[:, :1]), Verdict.REFUTED),
        }
        for name, (x, verdict) in told.items():
            out[f"{'_'.join(pair)}_{name}"] = Instance(problem, x, None, 7.5, verdict, WHY)
    return out
