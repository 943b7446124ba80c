"""Low rank plus smooth: a cycle's Laplacian, whose eigenvectors are Hadamard's."""

from fractions import Fraction

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared
from certify.offsets import Smooth

from . import Instance
from ._truth import HADAMARD, padded

WHY = (
    "minimizing over Q leaves 1/2 sum c_k |u_k'(Y - Z)|^2, c = k/(1 + k) for the stiffness k of "
    "the eigenvector u_k; for Y = sum y_k u_k e_k', |Z|_* >= sum |u_k' Z e_k|, so the problem "
    "parts into 1/2 c (y - z)^2 + lam |z|: z = y - lam/c costs lam y - lam^2/2c, else c y^2/2"
)
CYCLE = [(0, 1), (1, 2), (2, 3), (3, 0)]
MODES = (0, 2, 2, 4)  # eigenvalues of the Laplacian at the columns of HADAMARD


def part(y: Fraction, c: Fraction) -> tuple[Fraction, Fraction]:
    """Return (least value, its z) of 1/2 c (y - z)^2 + |z|, y >= 0."""
    return (y - 1 / (2 * c), y - 1 / c) if c * y > 1 else (c * y * y / 2, Fraction(0))


def solved(y: list[float], rho: int, ridge: int) -> tuple[float, list[float]]:
    """Return the optimum at lam = 1 and each z."""
    stiff = [Fraction(rho * mode + 2 * ridge, 2) for mode in MODES]  # rho in halves
    parts = [part(Fraction(a), k / (1 + k)) for a, k in zip(y, stiff, strict=True)]
    return float(sum(v for v, _ in parts)), [float(z) for _, z in parts]


def cases() -> dict[str, Instance]:
    """Return the optimum with ridge and without, and candidates with a wrong part."""
    free, held = [5.0, 4.0, 6.0, 1.5], [4.0, 4.0, 8.0, 6.0]
    optimum, z = solved(free, 1, 0)
    Y = HADAMARD * free
    problem = Problem(Squared(Y), RankOne("l2", "l2"), 1.0, Smooth(CYCLE, 0.5))
    best = (HADAMARD[:, 1:3] * z[1:3], np.eye(4)[:, 1:3])
    Q = HADAMARD * [5.0, 1.0, 1.0, 0.5]  # (y - z)/(1 + k)
    told = {
        "optimal_q_found": (best, None, Verdict.CERTIFIED),
        "optimal_q_given": (best, [Q], Verdict.CERTIFIED),
        "no_smooth_part": (best, [0 * Q], Verdict.REFUTED),
        "not_thresholded": ((best[0] * 1.5, best[1]), None, Verdict.REFUTED),
        "slice_missing": (padded((best[0][:, :1], best[1][:, :1])), None, Verdict.REFUTED),
    }
    out = {k: Instance(problem, x, q, optimum, v, WHY) for k, (x, q, v) in told.items()}
    ridged, z = solved(held, 2, 1)
    loss, atom = Squared(HADAMARD * held), RankOne("l2", "l2")
    heavy = Problem(loss, atom, 1.0, Smooth(CYCLE, 0.5, 1.0, weights=[2.0] * 4))
    whole = (HADAMARD * z, np.eye(4))
    out["ridged"] = Instance(heavy, whole, None, ridged, Verdict.CERTIFIED, WHY)
    none = np.zeros((4, 0)), np.zeros((4, 0))
    out["ridged_no_slice"] = Instance(heavy, none, None, ridged, Verdict.RANK_LIMITED, WHY)
    return out
