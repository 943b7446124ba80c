"""A diagonal matrix with a weight on every entry."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared

from . import Instance
from ._truth import entries, padded

WHY = (
    "Z = diag(2, 3/2, 0) leaves W = w (Y - Z) = diag(1, 1, 1/2): its largest singular value "
    "is lam = 1 and <W, Z> = |Z|_*, which is optimality of a convex problem; value "
    "1/2 + 1/4 + 1/4 + 3.5 = 4.5.  Ignoring the weights gives diag(2, 1, 0), which is not it"
)


def cases() -> dict[str, Instance]:
    """Return the weighted optimum, and the unweighted one."""
    weights = np.array([[1.0, 2.0, 1.0], [0.5, 2.0, 4.0], [1.0, 0.25, 0.5]])
    loss = Squared(np.diag([3.0, 2.0, 1.0]), weights=weights)
    problem = Problem(loss, RankOne("l2", "l2"), 1.0)
    best, shape = [(0, 0, 2.0), (1, 1, 1.5)], (3, 3)
    told = {
        "optimal": (entries(shape, best), Verdict.CERTIFIED),
        "unweighted": (entries(shape, [(0, 0, 2.0), (1, 1, 1.0)]), Verdict.REFUTED),
        "slice_missing": (padded(entries(shape, best[:1])), Verdict.REFUTED),
    }
    return {k: Instance(problem, x, None, 4.5, v, WHY) for k, (x, v) in told.items()}
