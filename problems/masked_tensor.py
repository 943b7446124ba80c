"""Tensors of which a few entries are seen, or a whole slice is missing."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import CP
from certify.losses import Squared

from . import Instance
from ._tensors import descended, kept, tensor, units

DIAGONAL = (
    "only the entries 111 and 222 are seen, so the dual tensor lives there and its spectral "
    "norm is its larger entry: two numbers, 3 and 2, each lowered by lam, cost 11/8 + 7/8"
)
SLICE = (
    "nothing of the third slice is seen, so nothing there can earn or lose: the rest is "
    "3 e_111 + 2 e_222, whose weights are lowered by lam: 11/8 + 7/8"
)
LAM = 0.5


def cases() -> dict[str, Instance]:
    """Return optima, the best single slice, and slices that are too long."""
    dims = (2, 2, 2)
    Y = tensor(dims, {(0, 0, 0): 3.0, (1, 1, 1): 2.0})
    best = units(dims, {(0, 0, 0): 2.5, (1, 1, 1): 1.5})
    seen = Y > 0
    single = descended(Y, LAM, tuple(np.ones((2, 1)) for _ in dims), seen.astype(float))
    diagonal = Problem(Squared(np.where(seen, Y, np.nan), mask=seen), CP(("l2",) * 3), LAM)
    wide = np.concatenate([Y, np.full((1, 2, 2), np.nan)])
    missing = Problem(Squared(wide, mask=~np.isnan(wide)), CP(("l2",) * 3), LAM)
    taller = (np.vstack([best[0], np.zeros((1, 2))]), *best[1:])
    filled = (np.vstack([best[0], np.ones((1, 2))]), *best[1:])
    told = {
        "diagonal_optimal": (diagonal, best, Verdict.CERTIFIED, DIAGONAL),
        "diagonal_single": (diagonal, single, Verdict.RANK_LIMITED, DIAGONAL),
        "diagonal_first": (diagonal, kept(best, 1), Verdict.REFUTED, DIAGONAL),
        "slice_optimal": (missing, taller, Verdict.CERTIFIED, SLICE),
        "slice_one_short": (missing, kept(taller, 1), Verdict.RANK_LIMITED, SLICE),
        "slice_filled": (missing, filled, Verdict.REFUTED, SLICE),
    }
    return {k: Instance(p, x, None, 2.25, v, why) for k, (p, x, v, why) in told.items()}
