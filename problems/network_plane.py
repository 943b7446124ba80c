"""Two neurons in the plane, one of each sign, for one output and for two under each norm."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import ReLU
from certify.losses import Squared

from . import Instance
from ._networks import Built, Neuron, scaled, turned, without

WHY = (
    "w^T s(V u) over |u| = 1 is 25 = lam at (4, 3) / 5, -25 at (-4, -3) / 5, no larger anywhere "
    "(every face of every cell, in rational arithmetic): Y = W + Z with Z made of these neurons "
    "has W in the subdifferential of lam Omega at Z.  For two outputs W = w g^T has the polar "
    "25 |g|*"
)
A = np.array([[-1.0, -7.0], [-14.0, 2.0], [5.0, 10.0]])
BUILT = Built(
    np.vstack([A, -A]),
    np.array([-1.0, -1.0, 1.0, 1.0, 1.0, -1.0]),
    25.0,
    (Neuron(1, (4, 3)), Neuron(-1, (-4, -3), 0.5)),
)
G = np.array([3.0, 4.0])
SIDES = {  # of v: the dual norm of g, a v that attains it, |v|
    "l2": (5.0, G, 5.0),
    "l1": (4.0, np.array([0.0, 1.0]), 1.0),
    "linf": (7.0, np.ones(2), 1.0),
}


def cases() -> dict[str, Instance]:
    """Return the optima, and for one output bad twins."""
    alone = Problem(Squared(BUILT.data()), ReLU(BUILT.F), BUILT.lam)
    best, optimum = BUILT.factors(), BUILT.optimum()
    told = {
        "optimal": (alone, best, optimum, Verdict.CERTIFIED),
        "beta_half": (alone, scaled(best, BUILT.along(12.5)), optimum, Verdict.REFUTED),
        "beta_twice": (alone, scaled(best, BUILT.along(50.0)), optimum, Verdict.REFUTED),
        "a_neuron_removed": (alone, without(best, 0), optimum, Verdict.REFUTED),
        "no_neuron": (alone, without(best, [0, 1]), optimum, Verdict.RANK_LIMITED),
        "perturbed": (alone, turned(best), optimum, Verdict.REFUTED),
    }
    for right, (dual, v, size) in SIDES.items():
        data = Squared(BUILT.data(G, v))
        problem = Problem(data, ReLU(BUILT.F, right=right), BUILT.lam * dual)
        value = BUILT.optimum(float(G @ G), dual, size)
        told[f"two_outputs_{right}"] = (problem, BUILT.factors(v), value, Verdict.CERTIFIED)
        told[f"two_outputs_{right}_perturbed"] = (
            problem,
            turned(BUILT.factors(v)),
            value,
            Verdict.REFUTED,
        )
    return {k: Instance(p, x, None, f, v, WHY) for k, (p, x, f, v) in told.items()}
