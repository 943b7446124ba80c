"""Layers of three features: six samples and two neurons, twelve samples and a kink."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import ReLU
from certify.losses import Squared

from . import Instance
from ._networks import Built, Neuron, scaled, turned, without

WHY = (
    "lam is the exact polar of W = Y - Z (every face of every cell, in rational arithmetic), "
    "attained by the neurons that Z is made of: so W is in the subdifferential of lam Omega at Z. "
    "Of twelve samples four are at their kink at the neuron"
)
A = np.array([[-3.0, -3.0, 2.0], [-1.0, 2.0, -3.0], [3.0, -3.0, -1.0]])
SIX = Built(
    np.vstack([A, -A]),
    np.array([3.0, -3.0, 1.0, -3.0, 3.0, -1.0]),
    23.0,
    (Neuron(1, (-3, -18, 14), 0.25), Neuron(-1, (3, 18, -14), 0.125)),
)
ROWS = [[-1, 0, -2], [1, -1, -3], [0, -2, 2], [-3, 2, 0], [2, -1, 3], [0, 3, -1]]
ROWS += [[2, 1, 3], [-2, 0, 3], [1, 0, 0], [-1, 0, 0], [2, 24, 7], [-2, -24, -7]]
TWELVE = Built(
    np.array(ROWS, dtype=float),
    np.array([-2.0, 3, 3, 0, 2, 0, 1, 3, -1, -2, -1, -1]),
    25.0,
    (Neuron(1, (0, -7, 24), 0.25),),
)


def cases() -> dict[str, Instance]:
    """Return both optima, and twins of another beta, perturbed, or without a neuron."""
    out = {}
    for name, built in (("six", SIX), ("twelve", TWELVE)):
        problem = Problem(Squared(built.data()), ReLU(built.F), built.lam)
        best = built.factors()
        alone = Verdict.REFUTED if len(built.neurons) > 1 else Verdict.RANK_LIMITED
        told = {
            "optimal": (best, Verdict.CERTIFIED),
            "beta_half": (scaled(best, built.along(built.lam / 2)), Verdict.REFUTED),
            "a_neuron_removed": (without(best, 0), alone),
            "perturbed": (turned(best), Verdict.REFUTED),
        }
        for key, (x, verdict) in told.items():
            out[f"{name}_{key}"] = Instance(problem, x, None, built.optimum(), verdict, WHY)
    return out
