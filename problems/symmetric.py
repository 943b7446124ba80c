"""diag(3, 2, -1) at lam = 1/2 by x x^T: eigenvalues above lam are lowered by it."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import Symmetric
from certify.losses import Squared

from . import Instance

WHY = (
    "over positive semidefinite Z, 1/2 |Z - D|^2 + 1/2 tr Z is least at (D - 1/2)_+, which gives "
    "1/2 (1/4 + 1/4 + 1) + 1/2 (5/2 + 3/2) = 2.75; its slices are multiples of unit vectors, "
    "of one size in every norm here, and signs and the l1 norm only raise the price of others"
)


def cases() -> dict[str, Instance]:
    """Return, for each norm, the optimum and the best single slice."""
    best = (np.diag(np.sqrt([2.5, 1.5, 0.0]))[:, :2],)
    told = {
        "optimal": (best, Verdict.CERTIFIED),
        "single_slice": ((best[0][:, :1],), Verdict.RANK_LIMITED),
    }
    out = {}
    for norm in ("l2", "l2+", "l1+"):
        problem = Problem(Squared(np.diag([3.0, 2.0, -1.0])), Symmetric(norm), 0.5)
        for name, (x, verdict) in told.items():
            out[f"{norm}_{name}"] = Instance(problem, x, None, 2.75, verdict, WHY)
    return out
