"""Biases of hidden units: priced as a weight, and free under an unpenalized intercept."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import ReLU
from certify.losses import Squared
from certify.offsets import ColumnIntercept

from . import Instance
from ._networks import Built, Neuron, scaled, turned

WHY = (
    "lam is the exact polar of W = Y - Z (- q), every face of every cell in rational arithmetic, "
    "attained by the neurons that Z is made of.  A free bias is best where a row is at its kink; "
    "the polar is finite because the entries of W sum to zero, as the intercept q wants"
)
COPIES = ".  Each row 21 times costs 21 times as much, and so does the polar of the same W"
PRICED = Built(
    np.array([[-3.0, 1], [0, 1], [-2, 1], [-2, 1], [2, 1], [-2, 1]]),
    np.array([0.0, -2, 0, -1, 3, -3]),
    10.0,
    (Neuron(-1, (-4, 3)),),
)
LINE = Built(
    np.array([[3.0, 1], [1, 1], [1, 1], [3, 1], [1, 1], [2, 1]]),
    np.array([2.0, -2, -3, -1, -2, 6]),
    8.0,
    (Neuron(1, (1, -1)), Neuron(-1, (-1, 3), 0.5)),
    free=True,
)
PLANE = Built(
    np.array([[4.0, 4, 1], [0, -2, 1], [2, -1, 1], [-4, 3, 1], [0, 3, 1]]),
    np.array([-3.0, -3, -3, -2, 11]),
    30.0,
    (Neuron(-1, (3, -4, 12), 0.25),),
    free=True,
)
SHIFT = 2.0  # the intercept of the data
TILES = 21  # copies of the plane's rows, too many for a proof by cells: each has the same kinks


def cases() -> dict[str, Instance]:
    """Return the optima; moved weights, and intercepts at which W does not sum to zero."""
    priced = Problem(Squared(PRICED.data()), ReLU(PRICED.F[:, :1], bias="regularized"), 10.0)
    held = {"priced": (PRICED, priced, None)}
    for name, built in (("line", LINE), ("plane", PLANE)):
        data, layer = Squared(built.data() + SHIFT), ReLU(built.F[:, :-1], bias="free")
        held[name] = (built, Problem(data, layer, built.lam, (ColumnIntercept(),)), [SHIFT])
    out = {}
    for name, (built, problem, q) in held.items():
        best = built.factors()
        told = {
            "optimal": (best, None, Verdict.CERTIFIED),
            "scaled": (scaled(best, 0.875), None, Verdict.REFUTED),
            "perturbed": (turned(best), None, Verdict.REFUTED),
        }
        if q is not None:
            told["intercept_given"] = (best, [np.array(q)], Verdict.CERTIFIED)
            told["intercept_missing"] = (best, [np.zeros(1)], Verdict.REFUTED)
        for key, (x, shift, verdict) in told.items():
            out[f"{name}_{key}"] = Instance(problem, x, shift, built.optimum(), verdict, WHY)
    data, rows = np.tile(PLANE.data() + SHIFT, (TILES, 1)), np.tile(PLANE.F[:, :-1], (TILES, 1))
    tiled = Problem(Squared(data), ReLU(rows, bias="free"), TILES * PLANE.lam, (ColumnIntercept(),))
    best, value = PLANE.factors(), TILES * PLANE.optimum()
    out["tiled_optimal"] = Instance(tiled, best, None, value, Verdict.CERTIFIED, WHY + COPIES)
    moved = turned(best)
    out["tiled_perturbed"] = Instance(tiled, moved, None, value, Verdict.REFUTED, WHY + COPIES)
    return out
