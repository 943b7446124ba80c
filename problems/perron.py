"""Nonnegative data whose singular vectors above lam are nonnegative: signs cost nothing."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared

from . import Instance
from ._truth import first

WHY = (
    "nonnegative factors are factors, so the optimum is at least that of l2 x l2: singular "
    "values 4 and 3 at lam = 1 give 3.5 + 2.5 = 6; the singular vectors (1,1,0)/sqrt 2 and e_3 "
    "are nonnegative and reach it.  The first is the best single slice of either kind"
)


def cases() -> dict[str, Instance]:
    """Return the optimum under three pairs, and wrong candidates."""
    Y = np.array([[2.0, 2.0, 0.0], [2.0, 2.0, 0.0], [0.0, 0.0, 3.0]])
    U = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    best = (U, U * [1.5, 2.0])
    split = (U[:, [0, 0, 1]], np.array([[1.5, 0.0, 0.0], [0.0, 1.5, 0.0], [0.0, 0.0, 2.0]]))
    out = {}
    for pair in (("l2+", "l2+"), ("l2", "l2+"), ("l2+", "l2")):
        problem = Problem(Squared(Y), RankOne(*pair), 1.0)
        told = {
            "optimal": (best, Verdict.CERTIFIED),
            "best_single_slice": (first(best, 1), Verdict.RANK_LIMITED),
            "split_by_columns": (split, Verdict.REFUTED),
        }
        for name, (x, verdict) in told.items():
            out[f"{'_'.join(pair)}_{name}"] = Instance(problem, x, None, 6.0, verdict, WHY)
    return out
