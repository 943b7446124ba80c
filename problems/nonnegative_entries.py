"""l1+ x l1+: entries are thresholded from above, negative ones are left."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared

from . import Instance
from ._truth import entries, padded

WHY = (
    "products are nonnegative and Omega(Z) = sum z_ij on Z >= 0, so entries part: "
    "z = max(y - 2, 0) gives 6 + 9/2 + 1/2 + 4 = 15"
)


def cases() -> dict[str, Instance]:
    """Return the optimum, and wrong candidates."""
    Y, shape = np.array([[4.0, -3.0], [1.0, 3.0]]), (2, 2)
    problem = Problem(Squared(Y), RankOne("l1+", "l1+"), 2.0)
    best = [(0, 0, 2.0), (1, 1, 1.0)]
    told = {
        "optimal": (entries(shape, best), Verdict.CERTIFIED),
        "negative_fitted_positive": (entries(shape, [*best, (0, 1, 1.0)]), Verdict.REFUTED),
        "slice_missing": (padded(entries(shape, best[:1])), Verdict.REFUTED),
        "zero": (padded(entries(shape, []), 2), Verdict.REFUTED),
    }
    return {k: Instance(problem, x, None, 15.0, v, WHY) for k, (x, v) in told.items()}
