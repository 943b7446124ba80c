"""lam = 0: the truncated singular value decomposition is best at its rank."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared

from . import Instance
from ._truth import entries

WHY = (
    "Eckart-Young: the best rank-r approximation of diag(3, 2, 1) leaves half the squares of "
    "the singular values after the r-th: 7, 2.5, 0.5 and 0; at lam = 0 the norms do not matter"
)


def cases() -> dict[str, Instance]:
    """Return each rank's optimum, and candidates that kept the wrong components."""
    shape, listed = (3, 3), [(0, 0, 3.0), (1, 1, 2.0), (2, 2, 1.0)]
    problem = Problem(Squared(np.diag([3.0, 2.0, 1.0])), RankOne("l2", "l2"), 0.0)
    sparse = Problem(Squared(np.diag([3.0, 2.0, 1.0])), RankOne("l1", "l1", "sum"), 0.0)
    told = {
        f"rank_{r}": (problem, listed[:r], optimum, Verdict.CERTIFIED)
        for r, optimum in enumerate([7.0, 2.5, 0.5, 0.0])
    }
    told |= {
        "other_norms": (sparse, listed[:2], 0.5, Verdict.CERTIFIED),
        "second_component": (problem, listed[1:2], 2.5, Verdict.REFUTED),
        "first_and_third": (problem, listed[::2], 0.5, Verdict.REFUTED),
        "first_twice": (problem, listed[:1] * 2, 0.5, Verdict.REFUTED),
    }
    return {
        k: Instance(p, entries(shape, slices), None, optimum, v, WHY)
        for k, (p, slices, optimum, v) in told.items()
    }
