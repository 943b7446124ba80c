"""Other activations, and pooled rows: leaky, absolute value, two rows a sample."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import ReLU
from certify.losses import Squared

from . import Instance
from ._networks import Built, Neuron, scaled, turned

WHY = (
    "lam is the exact polar of W = Y - Z (every face of every cell, in rational arithmetic), "
    "attained by the neurons that Z is made of: so W is in the subdifferential of lam Omega at Z"
)
A = np.array([[-1.0, -7.0], [-14.0, 2.0], [5.0, 10.0]])
W = np.array([-1.0, -1.0, 1.0, 1.0, 1.0, -1.0])
LEAKY = Built(
    np.vstack([A, -A]), W, 37.5, (Neuron(1, (4, 3)), Neuron(-1, (-4, -3), 0.5)), slope=0.5
)
ABS = Built(
    np.array([[-3.0, -21], [9, 13], [-5, 15], [2, -11], [-9, 12], [12, 9]]),
    np.array([1.0, -1, -3, 1, -2, 1]),
    55.0,
    (Neuron(-1, (3, -4)),),
    slope=-1.0,
)
HALF = np.array([[-4.0, 2.0], [-1.0, 1.0], [2.0, -4.0], [3.0, -2.0]])
SAMPLES = (0, 0, 1, 1, 2, 2, 3, 3)
POOLED = Built(
    np.vstack([HALF, -HALF]),
    np.array([-3.0, -3, 1, 1, 3, 3, -1, -1]),
    25.0,
    (Neuron(1, (4, -3)), Neuron(-1, (-4, 3), 0.5)),
)


def pooled() -> tuple[np.ndarray, float]:
    """Return Y and the optimum where two rows are summed into each sample."""
    Z = POOLED.outputs().reshape(4, 2).sum(axis=1, keepdims=True)
    w = POOLED.w[::2]
    return Z + w[:, None], float(w @ w) / 2 + POOLED.lam * POOLED.price()


def cases() -> dict[str, Instance]:
    """Return the optima, each with scaled and turned weights."""
    Y, value = pooled()
    leaky = ReLU(LEAKY.F, activation="leaky_relu", slope=0.5)
    sums = ReLU(POOLED.F, samples=SAMPLES)
    held = {
        "leaky": (LEAKY, Problem(Squared(LEAKY.data()), leaky, 37.5), LEAKY.optimum()),
        "abs": (
            ABS,
            Problem(Squared(ABS.data()), ReLU(ABS.F, activation="abs"), 55.0),
            ABS.optimum(),
        ),
        "pooled": (POOLED, Problem(Squared(Y), sums, 25.0), value),
    }
    out = {}
    for name, (built, problem, optimum) in held.items():
        best = built.factors()
        told = {
            "optimal": (best, Verdict.CERTIFIED),
            "scaled": (scaled(best, 0.875), Verdict.REFUTED),
            "perturbed": (turned(best), Verdict.REFUTED),
        }
        for key, (x, verdict) in told.items():
            out[f"{name}_{key}"] = Instance(problem, x, None, optimum, verdict, WHY)
    return out
