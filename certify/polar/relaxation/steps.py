"""What iterations by alternating directions share: when they end, and how long their steps are."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.base.arrays import Array

RELAX = 1.6  # over-relaxation


@dataclass(frozen=True)
class Stop:
    """When a solve ends: the bound is at most `target`, steps are over, or `expired` says so.

    It also ends when the bound gains at most `settled`, relative, over some bounds in turn.
    """

    target: float
    steps: int = 1000
    settled: float = 1e-6
    expired: Callable[[], bool] = lambda: False


def step_ratio(copies: tuple[Array, Array], before: Array, rho: float, most: float) -> float:
    """Return what moves rho slowly toward equal residuals, at most `most` or its inverse.

    copies  X in the cone and Z in the polyhedron; before: Z one step earlier
    """
    X, Z = copies
    primal, dual = float(np.linalg.norm(X - Z)), rho * float(np.linalg.norm(Z - before))
    return most if primal > 2 * dual else 1 / most if dual > 2 * primal else 1.0
