"""Sparse data: a stored zero is an observation, a missing entry is not."""

import numpy as np
from scipy import sparse

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared

from . import Instance
from ._truth import denoised, padded, thresholded

STORED = (
    "the zero is observed, so this is denoising of the full matrix [[3, 4], [4, 0]]: its "
    "singular values are lowered by lam (at 50 digits)"
)
MISSING = (
    "Z = 3 J leaves W = [[0, 1], [1, 0]] on the three observed entries: its singular values "
    "are lam = 1 and <W, Z> = 6 = |Z|_*, which is optimality; value 1 + 6"
)


def cases() -> dict[str, Instance]:
    """Return both readings' optima, each right for one and wrong for the other."""
    entries = ([3.0, 4.0, 4.0, 0.0], ([0, 0, 1, 1], [0, 1, 0, 1]))
    stored = sparse.csr_array(sparse.coo_array(entries, shape=(2, 2)))
    three = (entries[0][:3], tuple(k[:3] for k in entries[1]))
    missing = sparse.csr_array(sparse.coo_array(three, shape=(2, 2)))
    full = np.array([[3.0, 4.0], [4.0, 0.0]])
    filled = padded((np.ones((2, 1)), np.full((2, 1), 3.0)))
    held, zero = thresholded(full, 1.0), denoised(full, 1.0)
    told = {
        "stored_optimal": (stored, held, zero, Verdict.CERTIFIED, STORED),
        "stored_but_filled": (stored, filled, zero, Verdict.REFUTED, STORED),
        "missing_optimal": (missing, filled, 7.0, Verdict.CERTIFIED, MISSING),
        "missing_read_as_zero": (missing, held, 7.0, Verdict.REFUTED, MISSING),
    }
    return {
        k: Instance(Problem(Squared(Y), RankOne("l2", "l2"), 1.0), x, None, best, v, why)
        for k, (Y, x, best, v, why) in told.items()
    }
