"""A symmetric tensor of order three with a published spectral norm, just below lam."""

from fractions import Fraction
from itertools import permutations

import numpy as np

from certify import Problem, Verdict
from certify.atoms import CP
from certify.losses import Squared

from . import Instance

WHY = (
    "the best rank-one value of this tensor is 0.87298514 (Nie and Wang 2014), below lam = 0.873, "
    "so no slice earns its price and zero is optimal, at |Y|^2 / 2; by Banach it is also the "
    "spectral norm over slices of three vectors"
)
UPPER = {
    "111": -0.1281,
    "112": 0.0516,
    "113": -0.0954,
    "122": -0.1958,
    "123": -0.1790,
    "133": -0.2676,
    "222": 0.3251,
    "223": 0.2513,
    "233": 0.1773,
    "333": 0.0338,
}


def published() -> np.ndarray:
    """Return the tensor."""
    Y = np.zeros((3, 3, 3))
    for at, value in UPPER.items():
        for p in permutations(at):
            Y[tuple(int(i) - 1 for i in p)] = value
    return Y


def cases() -> dict[str, Instance]:
    """Return the zero model with one vector a slice and with three, and slices that cost."""
    Y, x = published(), np.array([[0.5], [-0.5], [0.25]])
    optimum = float(sum(Fraction(y) ** 2 for y in Y.flat) / 2)  # sums of floats lose 7e-17
    alike = Problem(Squared(Y), CP("l2", symmetric=True, order=3), 0.873)
    free = Problem(Squared(Y), CP(("l2",) * 3), 0.873)
    told = {
        "alike_zero": (alike, (0 * x,), Verdict.CERTIFIED),
        "alike_fitted": (alike, (x,), Verdict.REFUTED),
        "zero": (free, (0 * x,) * 3, Verdict.CERTIFIED),
        "fitted": (free, (x,) * 3, Verdict.REFUTED),
    }
    return {k: Instance(p, f, None, optimum, v, WHY) for k, (p, f, v) in told.items()}
