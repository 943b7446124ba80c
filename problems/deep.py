"""Parallel deep networks: linear ones on whitened data, and the empty one with kinks."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import DeepLinear, DeepReLU
from certify.base.arrays import Array
from certify.losses import Squared

from . import Instance

LINEAR = (
    "V is the identity, so Omega is the nuclear norm and diag(9, 3) is shrunk by lam = 1: "
    "(1/2 + 8) + (1/2 + 2) = 11; a network with weights 2, 2, 2 has the output 8 and theta 8"
)
KINKS = (
    "Omega*(Y) <= sigma_1(Y) sigma_1(V) = 2 for Y = diag(2, 1) on the identity: at lam = 2 no "
    "network is best, and the optimum is |Y|^2 / 2 = 5/2"
)


def thread(k: int, weight: float) -> tuple[Array, ...]:
    """Return three layers that pass input k on to output k, each with one weight."""
    first, last = np.zeros((2, 2)), np.zeros((2, 2))
    first[k, 0] = last[0, k] = weight
    return first, np.diag([weight, 0.0]), last


def stacked(*nets: tuple[Array, ...]) -> tuple[Array, ...]:
    """Return networks in parallel."""
    return tuple(np.stack(parts, axis=-1) for parts in zip(*nets, strict=True))


def cases() -> dict[str, Instance]:
    """Return optima and their twins."""
    root = 2.0 ** (1 / 3)
    best = stacked(thread(0, 2.0), thread(1, root))
    one, none = stacked(thread(0, 2.0)), tuple(np.zeros((2, 2, 0)) for _ in range(3))
    out = {}
    for form in ("product", "sum"):
        problem = Problem(Squared(np.diag([9.0, 3.0])), DeepLinear(np.eye(2), (2, 2), form), 1.0)
        out[f"linear_{form}"] = Instance(problem, best, None, 11.0, Verdict.CERTIFIED, LINEAR)
    out["linear_one_network"] = Instance(problem, one, None, 11.0, Verdict.RANK_LIMITED, LINEAR)
    kinks = Problem(Squared(np.diag([2.0, 1.0])), DeepReLU(np.eye(2), (2, 2)), 2.0)
    out["kinks_none"] = Instance(kinks, none, None, 2.5, Verdict.CERTIFIED, KINKS)
    out["kinks_one_network"] = Instance(kinks, one, None, 2.5, Verdict.REFUTED, KINKS)
    return out
