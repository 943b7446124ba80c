"""The W tensor, e_112 + e_121 + e_211 times c, whose real and complex norms differ."""

import mpmath
import numpy as np

from certify import Problem, Verdict
from certify.atoms import CP
from certify.losses import Squared

from . import Instance
from ._tensors import Factors, balanced, descended, kept, powers, tensor, weighted
from ._truth import DIGITS

WHY = (
    "S = a (e_112 + e_121 + e_211) + b e_222 has the spectral norm of 3a x^2 y + b y^3 on the "
    "circle (Banach), which is lam on the curve a = lam t, b = lam (3t - 4t^3), where S takes "
    "lam at the angles with sin = 1/(2t); its nearest point to Y solves 16t^5 - 16t^3 + 4t = "
    "c/lam, or is t = 1 from c/lam = 4 on; Y - S is then a positive sum of cubes of these "
    "angles, and of -e_2 at t = 1, so <Y, S> - |S|^2 / 2 is attained"
)
ROOT_THIRD = 1 / float(np.sqrt(3.0))


def optimum(c: float, lam: float) -> tuple[float, float]:
    """Return (t, the optimum), each the nearest float."""
    with mpmath.workdps(DIGITS):
        ratio = mpmath.mpf(c) / lam
        t = mpmath.mpf(1)
        if ratio < 4:
            t = mpmath.findroot(
                lambda x: 16 * x**5 - 16 * x**3 + 4 * x - ratio, (0.87, 1), "anderson"
            )
        a, b = t, 3 * t - 4 * t**3
        return float(t), float(mpmath.mpf(lam) ** 2 * (3 * ratio * a - (3 * a * a + b * b) / 2))


def best(c: float, lam: float) -> Factors:
    """Return the optimal slices: two angles, and a third at t = 1."""
    t = optimum(c, lam)[0]
    angle = float(np.arcsin(1 / (2 * t)))
    side = (c - lam * t) / (2 * np.cos(angle) ** 2 * np.sin(angle))
    down = 2 * side * np.sin(angle) ** 3 + lam * (3 * t - 4 * t**3)
    angles, weights = [angle, np.pi - angle, -np.pi / 2], [side, side, down]
    size = 3 if t == 1 and c > 4 * lam else 2
    return weighted(powers(angles[:size], 3), weights[:size])


def cases() -> dict[str, Instance]:
    """Return optima of two and three slices, and candidates one slice short."""
    out = {}
    told = {"eighth": (1.0, 0.125), "quarter": (1.0, 0.25), "third": (ROOT_THIRD, 1 / 3)}
    for name, (c, lam) in told.items():
        Y = c * tensor((2, 2, 2), {(0, 0, 1): 1.0, (0, 1, 0): 1.0, (1, 0, 0): 1.0})
        value, found = optimum(c, lam)[1], best(c, lam)
        short = descended(Y, lam, kept(balanced(found), found[0].shape[1] - 1))
        problem = Problem(Squared(Y), CP(("l2",) * 3), lam)
        out[f"{name}_optimal"] = Instance(problem, found, None, value, Verdict.CERTIFIED, WHY)
        out[f"{name}_one_short"] = Instance(problem, short, None, value, Verdict.RANK_LIMITED, WHY)
    return out
