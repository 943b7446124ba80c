"""lam = 0 with means: principal components, with column means or with both."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared
from certify.offsets import ColumnIntercept, RowIntercept

from . import Instance
from ._truth import HADAMARD

WHY = (
    "minimizing over the means leaves |P(Y - Z)P'|^2, so Eckart-Young holds for the centred "
    "data, whose singular values are 4, 2 and 1: 2.5 at rank 1, 0.5 at rank 2"
)


def cases() -> dict[str, Instance]:
    """Return the optimum at two ranks for two centrings, and uncentred candidates."""
    left, right = HADAMARD[:, 1:], HADAMARD[:, [2, 3, 1]]
    values = np.array([4.0, 2.0, 1.0])
    row, column = np.array([4.0, 0.0, -2.0, 1.0]), np.array([8.0, -1.0, 0.5, 0.0])
    core = (left * values) @ right.T
    pca = Problem(Squared(core + column), RankOne("l2", "l2"), 0.0, ColumnIntercept())
    double = Problem(
        Squared(core + column + row[:, None]),
        RankOne("l2", "l2"),
        0.0,
        (RowIntercept(), ColumnIntercept()),
    )
    one, two = ((left[:, :r] * values[:r], right[:, :r]) for r in (1, 2))
    told = {
        "pca_rank_1": (pca, one, None, 2.5, Verdict.CERTIFIED),
        "pca_rank_2": (pca, two, [column], 0.5, Verdict.CERTIFIED),
        "pca_uncentred": (pca, two, [0 * column], 0.5, Verdict.REFUTED),
        "pca_second_component": (pca, (two[0][:, 1:], two[1][:, 1:]), None, 2.5, Verdict.REFUTED),
        "double_rank_1": (double, one, None, 2.5, Verdict.CERTIFIED),
        "double_rank_2": (double, two, [row, column], 0.5, Verdict.CERTIFIED),
        "double_row_means_lost": (double, two, [0 * row, column], 0.5, Verdict.REFUTED),
    }
    return {k: Instance(p, x, q, best, v, WHY) for k, (p, x, q, best, v) in told.items()}
