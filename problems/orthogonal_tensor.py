"""3 e_1 o e_1 o ... + 2 e_2 o e_2 o ...: the weights are lowered by lam, under many norms."""

from itertools import cycle

import numpy as np

from certify import Problem, Verdict
from certify.atoms import CP
from certify.losses import Squared

from . import Instance
from ._tensors import Factors, balanced, kept, tensor, units, with_zeros

WHY = (
    "S = lam (e_1 o e_1 o ... + e_2 o e_2 o ...) earns at most lam from vectors of l2 norm 1 "
    "(Cauchy-Schwarz on two of them, the others' entries at most 1), so the optimum is at least "
    "<Y, S> - |S|^2 / 2, what the weights lowered by lam cost; every norm here is at least the "
    "l2 norm, equal at unit vectors.  One slice alone has its best value on the larger term"
)
LAM = 0.5
NORMS = (
    ("l2", "l2", "l2"),
    ("l2+", "l2+", "l2+"),
    ("l2+", "l2", "l2"),
    ("l2", "l2-", "l2-"),
    ("l1", "l2", "l2"),
    ("l1+", "l2", "l1"),
    ("l1", "l1", "l1+"),
    ("l2",) * 4,
    ("l2+",) * 4,
    ("l1", "l2", "l2", "l2+"),
)


def signed(factors: Factors, norms: tuple[str, ...]) -> Factors:
    """Turn the factors that must not be positive; two of them keep the product."""
    return tuple(-x if n.endswith("-") else x for x, n in zip(factors, norms, strict=True))


def cases() -> dict[str, Instance]:
    """Return, for each list of norms, the optimum, one slice, and one slice with a zero."""
    out = {}
    for norms, form in zip(NORMS, cycle(("product", "sum")), strict=False):
        order, dims = len(norms), (2, 3, 2, 2)[: len(norms)]
        Y = tensor(dims, {(0,) * order: 3.0, (1,) * order: 2.0})
        best = balanced(units(dims, {(0,) * order: 2.5, (1,) * order: 1.5}))
        told = {
            "optimal": (best, Verdict.CERTIFIED),
            "single_slice": (kept(best, 1), Verdict.RANK_LIMITED),
            "single_slice_and_a_zero": (with_zeros(kept(best, 1)), Verdict.REFUTED),
        }
        for name, (x, verdict) in told.items():
            problem = Problem(Squared(Y), CP(norms, form=form), LAM)
            key = f"{'_'.join(norms)}_{form}_{name}"
            out[key] = Instance(problem, signed(x, norms), None, 2.25, verdict, WHY)
    return out | equal_weights()


def equal_weights() -> dict[str, Instance]:
    """Return (e_111 + e_222) / sqrt 2 at lam = 1/4, and one of its two slices."""
    c = 1 / float(np.sqrt(2.0))
    problem = Problem(
        Squared(c * tensor((2,) * 3, {(0,) * 3: 1.0, (1,) * 3: 1.0})), CP(("l2",) * 3), 0.25
    )
    best = units((2,) * 3, {(0,) * 3: c - 0.25, (1,) * 3: c - 0.25})
    optimum = c / 2 - 0.0625
    return {
        "equal_optimal": Instance(problem, best, None, optimum, Verdict.CERTIFIED, WHY),
        "equal_one_short": Instance(
            problem, kept(best, 1), None, optimum, Verdict.RANK_LIMITED, WHY
        ),
    }
