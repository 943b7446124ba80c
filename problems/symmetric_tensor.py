"""3 e_1 o e_1 o ... + 2 e_2 o ... - e_3 o ...  by x o x o ...: odd orders reach a minus."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import CP
from certify.losses import Squared

from . import Instance
from ._tensors import tensor

WHY = (
    "sum s_i x_i^K is at most max s_i on the sphere, in absolute value for odd K, so each weight "
    "is lowered by lam at a cost of lam s - lam^2 / 2: 11/8 + 7/8; the last weight, -1, is reached "
    "by a slice only if K is odd and x may be negative (3/8), and else stays whole (1/2)"
)
LAM = 0.5


def cases() -> dict[str, Instance]:
    """Return, for orders two to four, the optimum, one slice short, and a slice turned."""
    out = {}
    for norm, order in [("l2", 3), ("l2+", 3), ("l2", 4), ("l2+", 4), ("l2", 2), ("l1", 4)]:
        Y = tensor((3,) * order, {(0,) * order: 3.0, (1,) * order: 2.0, (2,) * order: -1.0})
        odd = order % 2 == 1 and norm == "l2"
        roots = np.array([2.5, 1.5, 0.5]) ** (1 / order) * [1.0, 1.0, -1.0]
        best = np.diag(roots)[:, : 3 if odd else 2]
        told = {
            "optimal": (best, Verdict.CERTIFIED),
            "one_short": (best[:, :1], Verdict.RANK_LIMITED),
            "doubled": (2 * best, Verdict.REFUTED),
        }
        optimum = 2.25 + (0.375 if odd else 0.5)
        for name, (x, verdict) in told.items():
            problem = Problem(Squared(Y), CP(norm, symmetric=True, order=order), LAM)
            key = f"{norm}_{order}_{name}"
            out[key] = Instance(problem, (x,), None, optimum, verdict, WHY)
    return out
