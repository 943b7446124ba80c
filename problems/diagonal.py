"""diag(3, 2) at lam = 1/2: one optimum, 2.25, for every pair of l1 and l2 norms, both forms."""

from itertools import product

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared
from certify.norms import KEYS

from . import Instance
from ._truth import first, padded

BELOW = [key for key in KEYS if not key.startswith("linf")]  # norms of at least the l2 norm
WHY = (
    "every norm here is at least the l2 norm, so every Omega is at least the nuclear norm, "
    "for which soft-thresholding gives 2.25; the slices e_i e_i^T have norms 1 in all of "
    "them, so all reach it.  For the same reason 2.5 e_1 e_1^T, value 3.375, is the best "
    "with one slice under each pair"
)


def cases() -> dict[str, Instance]:
    """Return, for each pair and form, the optimum and the best single slice."""
    root = np.diag(np.sqrt([2.5, 1.5]))
    best = (root, root)
    told = {
        "optimal": (best, Verdict.CERTIFIED),
        "best_single_slice": (first(best, 1), Verdict.RANK_LIMITED),
        "single_slice_and_a_zero": (padded(first(best, 1)), Verdict.REFUTED),
    }
    out = {}
    for left, right, form in product(BELOW, BELOW, ("product", "sum")):
        signs = [-1.0 if key.endswith("-") else 1.0 for key in (left, right)]
        Y = signs[0] * signs[1] * np.diag([3.0, 2.0])
        problem = Problem(Squared(Y), RankOne(left, right, form), 0.5)
        for name, (x, verdict) in told.items():
            turned = (signs[0] * x[0], signs[1] * x[1])
            key = f"{left}_{right}_{form}_{name}"
            out[key] = Instance(problem, turned, None, 2.25, verdict, WHY)
    return out
