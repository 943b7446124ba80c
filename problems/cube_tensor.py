"""A constant tensor, under any norms: one slice of ones, lowered by what a slice can earn."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import CP
from certify.losses import Squared

from . import Instance
from ._tensors import Factors

WHY = (
    "<1, x o y o z> is at most the product P of the largest sums of a unit ball: d under linf, "
    "sqrt d under l2, 1 under l1.  With S = lam / P everywhere the optimum is at least "
    "<Y, S> - |S|^2 / 2, and Y - S is one slice of ones, whose norms multiply to d / sums"
)
SUMS = {"l1": 1.0, "l2": 2.0, "linf": 4.0}  # of the ball of dimension 4
NORMS = (
    ("l1", "l1", "l1"),
    ("l1", "l2", "linf"),
    ("l1", "linf+", "l2+"),
    ("l2", "l2+", "l2"),
    ("l2", "l2", "linf"),
    ("l2+", "l2+", "linf+"),
    ("l1", "linf", "linf+"),
    ("linf", "linf", "linf"),
    ("l1+", "l2+", "linf+"),
    ("linf+", "linf+", "linf+"),
)
SCALAR = (
    "all norms of a number are its size: min 1/2 (z + 5)^2 + |z| is 9/2 at z = -4 where a factor "
    "is free, and 25/2 at 0 where all three are nonnegative"
)


def ones(z: float) -> Factors:
    """Return one slice of ones, times z."""
    return (np.full((4, 1), z), np.ones((4, 1)), np.ones((4, 1)))


def cases() -> dict[str, Instance]:
    """Return the optimum and a slice too long for lists of norms, and of a number."""
    out = {}
    for norms in NORMS:
        most = float(np.prod([SUMS[n.removesuffix("+")] for n in norms]))
        problem = Problem(Squared(np.full((4, 4, 4), 2.0)), CP(norms), most / 2)
        key = "_".join(norms)
        out[f"{key}_optimal"] = Instance(problem, ones(1.5), None, 56.0, Verdict.CERTIFIED, WHY)
        out[f"{key}_too_long"] = Instance(problem, ones(2.0), None, 56.0, Verdict.REFUTED, WHY)
    for norms in NORMS:
        held = all(n.endswith("+") for n in norms)
        where = next((k for k, n in enumerate(norms) if not n.endswith("+")), 0)
        x = [np.ones((1, 1)) for _ in norms]
        x[where] *= 0.0 if held else -4.0
        wrong = [np.ones((1, 1)) for _ in norms]
        problem = Problem(Squared([[[-5.0]]]), CP(norms), 1.0)
        optimum, key = (12.5 if held else 4.5), f"scalar_{'_'.join(norms)}"
        out[f"{key}_optimal"] = Instance(
            problem, tuple(x), None, optimum, Verdict.CERTIFIED, SCALAR
        )
        out[f"{key}_wrong"] = Instance(
            problem, tuple(wrong), None, optimum, Verdict.REFUTED, SCALAR
        )
    return out
