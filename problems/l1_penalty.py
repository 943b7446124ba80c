"""An l1 penalty beside products: its degree is too low for a convex problem, lines bound it."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import CP, RankOne, Symmetric
from certify.losses import Squared
from certify.offsets import ColumnIntercept

from . import Instance
from ._truth import entries

SMALL = (
    "t = sum |u_k|_1 |v_k|_1 is at least sum |z_ij| >= <Y, Z>, so f >= 1 - t + 2 sqrt(t), which is "
    "at least 1 for t <= 4, and for t > 4 the penalty alone is above 4; zero reaches 1"
)
ONE = (
    "with x_k = |u_k|_1 |v_k|_1 the penalty is at least 2 sum sqrt(x_k) >= 2 sqrt(sum |z_ij|), so "
    "f >= 1/2 (9/2 - z)^2 + 2 sqrt(z) at best, z the first entry: least at z = 4, where its slope "
    "-1/2 + 1/2 is 0, with 33/8; zero has 81/8 and one slice of entries 2 reaches 33/8"
)
MEANS = (
    "minimizing over q leaves 1/2 |C - PZ|^2, C = ((-1, 1), (1, -1)) the centred data, <C, Z> <= "
    "2 |Z|_*: at lam = 2 no Z pays, with an l1 penalty or without; zero reaches 1/2 |C|^2 = 2"
)
OTHER = "<Y, phi> <= theta: at lam = 1 no slice pays, and an l1 penalty only adds; zero reaches 1/2"


def cases() -> dict[str, Instance]:
    """Return zero where nothing pays, with and without squares and signs, and where it does."""
    eye, first = np.eye(2), np.diag([4.5, 0.0])
    none, zero = (np.zeros((2, 0)),) * 2, (np.zeros((2, 1)),) * 2
    nonnegative, free = RankOne("l2+", "l2+", form="sum"), RankOne("linf", "l1")
    small = Problem(Squared(eye), nonnegative, 0.0, l1=(1.0, 1.0))
    large = Problem(Squared(first), nonnegative, 0.0, l1=(0.5, 2.0))
    centred = Problem(
        Squared(np.array([[1.0, 3.0], [3.0, 1.0]])),
        RankOne("l2", "l2"),
        2.0,
        ColumnIntercept(),
        l1=(0.0, 1.0),
    )
    corner = np.zeros((2, 2, 2))
    corner[0, 0, 0] = 1.0
    cube = Problem(Squared(corner), CP(("l2",) * 3), 1.0, l1=(0.0, 1.0, 0.5))
    square = Problem(Squared(np.diag([1.0, 0.0])), Symmetric(), 1.0, l1=(0.5,))
    unit = np.array([[1.0], [0.0]])
    told = {
        "beside_means": (centred, none, 2.0, Verdict.CERTIFIED, MEANS),
        "slice_beside_means": (
            centred,
            entries((2, 2), [(0, 1, 1.0)]),
            2.0,
            Verdict.REFUTED,
            MEANS,
        ),
        "tensor": (cube, (np.zeros((2, 1)),) * 3, 0.5, Verdict.CERTIFIED, OTHER),
        "tensor_too_much": (cube, (unit,) * 3, 0.5, Verdict.REFUTED, OTHER),
        "symmetric": (square, (np.zeros((2, 1)),), 0.5, Verdict.CERTIFIED, OTHER),
        "symmetric_too_much": (square, (unit,), 0.5, Verdict.REFUTED, OTHER),
        "nothing_pays": (small, none, 1.0, Verdict.CERTIFIED, SMALL),
        "zero_slice": (small, zero, 1.0, Verdict.CERTIFIED, SMALL),
        "beside_a_penalty": (
            Problem(Squared(eye), free, 0.25, l1=(1.0, 1.0)),
            none,
            1.0,
            Verdict.CERTIFIED,
            SMALL,
        ),
        "one_slice_pays": (large, zero, 4.125, Verdict.REFUTED, ONE),
        "too_much": (small, entries((2, 2), [(0, 0, 1.0)]), 1.0, Verdict.REFUTED, SMALL),
    }
    return {k: Instance(p, x, None, value, v, why) for k, (p, x, value, v, why) in told.items()}
