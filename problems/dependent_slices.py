"""Slices whose products are dependent: free under l1 x l1, wasteful under l2 x l2."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared

from . import Instance

SIGNS = (
    "Omega(Z) = sum |z_ij| is additive over slices of one sign, so J + 2 e_1 1^T + 2 e_2 1^T = "
    "3 J is as good as any: 4 (4 - 1/2) = 14 at lam = 1, though J = e_1 1^T + e_2 1^T"
)
NUCLEAR = (
    "4 J has the one singular value 8: 8 - 1/2 = 7.5 at lam = 1, reached by a slice of 7; "
    "3 J in dependent slices pays sqrt 2 for each row where 2 would do for both"
)


def cases() -> dict[str, Instance]:
    """Return one set of dependent slices under two atoms, and the good slice for the other."""
    Y, ones = np.full((2, 2), 4.0), np.ones((2, 1))
    slices = (np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0]]), ones * [1.0, 2.0, 2.0])
    single = (ones, 3.5 * ones)
    told = {
        "l1_dependent": (("l1", "l1"), slices, 14.0, Verdict.CERTIFIED, SIGNS),
        "l1_plus_dependent": (("l1+", "l1+"), slices, 14.0, Verdict.CERTIFIED, SIGNS),
        "l1_too_long": (("l1", "l1"), single, 14.0, Verdict.REFUTED, SIGNS),
        "l2_single": (("l2", "l2"), single, 7.5, Verdict.CERTIFIED, NUCLEAR),
        "l2_dependent": (("l2", "l2"), slices, 7.5, Verdict.REFUTED, NUCLEAR),
    }
    return {
        k: Instance(Problem(Squared(Y), RankOne(*pair), 1.0), x, None, best, v, why)
        for k, (pair, x, best, v, why) in told.items()
    }
