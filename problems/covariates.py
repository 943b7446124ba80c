"""Covariates of the rows with free coefficients, also when two covariates are dependent."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared
from certify.offsets import ColumnIntercept, Linear, Offset

from . import Instance
from ._truth import HADAMARD

WHY = (
    "minimizing over q leaves 1/2 |P(Y - Z)|^2, P the projection off the covariates' span, "
    "and |PZ|_* <= |Z|_*: so Z is the thresholded PY, whose singular values are 4 and 2; at "
    "lam = 1 that is 3.5 + 1.5 = 5.  A covariate that repeats others changes no span"
)


def cases() -> dict[str, Instance]:
    """Return the optimum for several designs of one span, and wrong coefficients."""
    A = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    q = np.array([[2.0, -1.0, 8.0], [4.0, 0.5, -2.0]])
    basis = HADAMARD[:, 1:3]
    frame = np.eye(3)[:, :2]
    Y = A @ q + (basis * [4.0, 2.0]) @ frame.T
    best = (basis, frame * [3.0, 1.0])
    designs: dict[str, tuple[Offset, ...]] = {
        "plain": (Linear(A),),
        "redundant": (Linear(np.hstack([A, A.sum(axis=1, keepdims=True)])),),
        "beside_means": (ColumnIntercept(), Linear(A[:, 1:])),
    }
    out = {}
    for name, offsets in designs.items():
        problem = Problem(Squared(Y), RankOne("l2", "l2"), 1.0, offsets)
        out[f"{name}_optimal"] = Instance(problem, best, None, 5.0, Verdict.CERTIFIED, WHY)
        worse = (basis, frame * [2.0, 1.0])
        out[f"{name}_shrunk"] = Instance(problem, worse, None, 5.0, Verdict.REFUTED, WHY)
    problem = Problem(Squared(Y), RankOne("l2", "l2"), 1.0, Linear(A))
    out["given_optimal"] = Instance(problem, best, [q], 5.0, Verdict.CERTIFIED, WHY)
    out["given_off"] = Instance(problem, best, [q + 0.25], 5.0, Verdict.REFUTED, WHY)
    return out
