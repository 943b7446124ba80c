"""l2 x l2+ on a single row, and its transpose: each sign is a slice of its own."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared

from . import Instance
from ._truth import first, padded

WHY = (
    "a row is a difference of nonnegative vectors, so Omega(z) = |z_+| + |z_-|; the parts "
    "(3, 4) and 2 are shortened: 4.5 + 1.5 = 6 at lam = 1, and at lam = 5.25, above both, the "
    "zero model costs 29/2, though lam is below the singular value sqrt 29 = 5.385.  One slice "
    "has one sign: the longer part's, 4.5 + 2, is the best"
)


def cases() -> dict[str, Instance]:
    """Return optima at two values of lam, for the row and for the column, with bad twins."""
    Y = np.array([[3.0, 4.0, -2.0]])
    U, V = np.array([[1.0, -1.0]]), np.array([[2.4, 0.0], [3.2, 0.0], [0.0, 1.0]])
    none = (np.zeros((1, 1)), np.zeros((3, 1)))
    told = {
        "optimal": (1.0, (U, V), 6.0, Verdict.CERTIFIED),
        "longer_part_only": (1.0, first((U, V), 1), 6.0, Verdict.RANK_LIMITED),
        "longer_part_and_a_zero": (1.0, padded(first((U, V), 1)), 6.0, Verdict.REFUTED),
        "zero_model": (5.25, none, 14.5, Verdict.CERTIFIED),
        "shortened_by_less": (5.25, (U[:, :1], V[:, :1] / 4), 14.5, Verdict.REFUTED),
    }
    out = {}
    for name, (lam, x, best, verdict) in told.items():
        row = Problem(Squared(Y), RankOne("l2", "l2+"), lam)
        column = Problem(Squared(Y.T), RankOne("l2+", "l2"), lam)
        out[f"row_{name}"] = Instance(row, x, None, best, verdict, WHY)
        out[f"column_{name}"] = Instance(column, x[::-1], None, best, verdict, WHY)
    return out
