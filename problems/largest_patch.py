"""A max-pooled layer in the plane: three samples of two patches, one neuron."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import ReLU
from certify.base.arrays import Array
from certify.losses import Squared

from . import Instance
from ._networks import scaled, turned, without

WHY = (
    "|w^T h(u)| over |u| = 1, h the largest patch of each sample, is 10 = lam at (3, 4) / 5, there "
    "negative, and no larger anywhere (every face of every cell, in rational arithmetic): "
    "Y = W - h(3, 4) has W in the subdifferential of lam Omega at Z = -h(3, 4).  For two outputs "
    "W = w g^T has the polar 10 |g|*"
)
F = np.array([[-5.0, 5.0], [-1.0, 6.0], [-1.0, 5.0], [-4.0, -2.0], [6.0, 6.0], [-5.0, -5.0]])
SAMPLES = np.repeat(np.arange(3), 2)
W, LAM = np.array([-2.0, 2.0, -1.0]), 10.0
U, H = np.array([3.0, 4.0]), np.array([21.0, 17.0, 42.0])
G = np.array([3.0, 4.0])
SIDES = {  # of v: the dual norm of g, a v that attains it, |v|
    "l2": (5.0, G, 5.0),
    "l1": (4.0, np.array([0.0, 1.0]), 1.0),
    "linf": (7.0, np.ones(2), 1.0),
}


def cases() -> dict[str, Instance]:
    """Return the optima and bad twins."""
    alone = Problem(Squared((W - H)[:, None]), ReLU(F, samples=SAMPLES, pool="max"), LAM)
    best: tuple[Array, Array] = U[:, None], -np.ones((1, 1))
    optimum = float(W @ W) / 2 + 5 * LAM
    told = {
        "optimal": (alone, best, optimum, Verdict.CERTIFIED),
        "neuron_halved": (alone, scaled(best, 0.5), optimum, Verdict.REFUTED),
        "no_neuron": (alone, without(best, 0), optimum, Verdict.RANK_LIMITED),
        "perturbed": (alone, turned(best), optimum, Verdict.REFUTED),
    }
    for right, (dual, v, size) in SIDES.items():
        data = Squared(np.outer(W, G) - np.outer(H, v))
        atom = ReLU(F, right=right, samples=SAMPLES, pool="max")
        problem, held = Problem(data, atom, LAM * dual), (U[:, None], -v[:, None])
        value = float(W @ W) * float(G @ G) / 2 + LAM * dual * 5 * size
        told[f"two_outputs_{right}"] = (problem, held, value, Verdict.CERTIFIED)
    told["two_outputs_perturbed"] = (
        Problem(Squared(np.outer(W, G) - np.outer(H, G)), told["two_outputs_l2"][0].atom, 5 * LAM),
        turned((U[:, None], -G[:, None])),
        told["two_outputs_l2"][2],
        Verdict.REFUTED,
    )
    return {k: Instance(p, x, None, f, v, WHY) for k, (p, x, f, v) in told.items()}
