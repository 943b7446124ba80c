"""Im (x + iy)^3 and Re (x + iy)^4: tensors whose slices of norm 1 all earn a cosine."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import CP
from certify.losses import Squared

from . import Instance
from ._tensors import Factors, balanced, descended, kept, powers, tensor, units, weighted

WHY = (
    "vectors at angles a_k earn sin or cos of the sum of the angles, so the spectral norm is 1; "
    "K equally spaced powers sum to a multiple of Y, so nuclear times spectral is |Y|^2 = "
    "2^(K-1), and the optimum is |Y|^2 (lam - lam^2 / 2) at (1 - lam) Y"
)
LAM = 0.5
THREE = {(0, 0, 1): 1.0, (0, 1, 0): 1.0, (1, 0, 0): 1.0, (1, 1, 1): -1.0}


def four() -> dict[tuple[int, ...], float]:
    """Return the entries of Re (x + iy)^4."""
    signs = {0: 1.0, 2: -1.0, 4: 1.0}
    return {at: signs[sum(at)] for at in np.ndindex(2, 2, 2, 2) if sum(at) in signs}


def turned(angles: list[float]) -> Factors:
    """Return one slice of norm 1 with these angles."""
    return tuple(np.array([[np.cos(a)], [np.sin(a)]]) for a in angles)


def fourth() -> Factors:
    """Return Re (x + iy)^4 / 2 as four slices: sum of angles 0, a quarter turn each apart.

    sum over j of v(pi j / 4)^(o 4) (-1)^j = Y / 2: the sign is in the first factor.
    """
    return weighted(powers(np.arange(4) * np.pi / 4, 4), [1.0, -1.0, 1.0, -1.0])


def cases() -> dict[str, Instance]:
    """Return optima by equal angles and by unit vectors, orders three and four."""
    cubes = weighted(powers(np.pi * np.array([1, 5, 9]) / 6, 3), [2 / 3] * 3)
    out = {}
    for order, entries, found in ((3, THREE, cubes), (4, four(), fourth())):
        dims = (2,) * order
        Y, optimum = tensor(dims, entries), len(entries) * (LAM - LAM * LAM / 2)
        halves = {at: (1 - LAM) * x for at, x in entries.items()}
        short = descended(Y, LAM, kept(balanced(found), order - 1))
        told = {
            "angles": (found, "product", Verdict.CERTIFIED),
            "units": (units(dims, halves), "product", Verdict.CERTIFIED),
            "balanced": (balanced(found), "sum", Verdict.CERTIFIED),
            "one_short": (short, "product", Verdict.RANK_LIMITED),
            "too_long": (weighted(found, [2.0] * order), "product", Verdict.REFUTED),
        }
        for name, (x, form, verdict) in told.items():
            problem = Problem(Squared(Y), CP(("l2",) * order, form=form), LAM)
            out[f"{order}_{name}"] = Instance(problem, x, None, optimum, verdict, WHY)
    alike = Problem(Squared(tensor((2,) * 3, THREE)), CP("l2", symmetric=True, order=3), LAM)
    root = (balanced(cubes)[0],)
    out["alike"] = Instance(alike, root, None, 1.5, Verdict.CERTIFIED, WHY)
    out["alike_turned"] = Instance(alike, (-root[0],), None, 1.5, Verdict.REFUTED, WHY)
    return out
