"""A parameter in the units of the data is one wherever the data have another scale."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from certify.losses import LOSSES, Entrywise, Loss
from certify.problem.scaling import scale_loss


@dataclass(frozen=True, eq=False)
class Insensitive(Entrywise, Loss):
    """l(Z) = sum c (|z - y| - slack)_+, a loss that nothing else knows."""

    Y: Any
    slack: float
    weights: Any = None
    mask: Any = None

    name = "insensitive"
    degree = 1
    smooth = False
    intervals: ClassVar = {"slack": (0.0, np.inf)}
    measured = ("slack",)

    def each(self, Z):
        return np.maximum(np.abs(Z - self.data) - self.slack, 0.0)

    def slope(self, Z):
        r = Z - self.data
        return np.where(np.abs(r) > self.slack, np.sign(r), 0.0)

    def ends(self):
        return -1.0, 1.0

    def each_dual(self, W, c):
        del c
        return W * self.data - self.slack * np.abs(W)

    def move(self, Z, t):
        r = Z - self.data
        return Z - np.sign(r) * np.minimum(np.maximum(np.abs(r) - self.slack, 0.0), t)


@pytest.mark.parametrize("loss", [Insensitive, LOSSES["huber"]])
def test_a_loss_at_another_scale_measures_its_parameter_there(loss):
    Y, Z = np.array([[3.0, -1.0], [0.5, 8.0]]), np.array([[1.0, 1.0], [0.25, -4.0]])
    held = loss(Y, 0.75)
    small = scale_loss(held, 40)
    assert small.value(np.ldexp(Z, -40)) == held.value(Z) * 2.0 ** (-40 * held.degree)
    assert {k: getattr(small, k) for k in held.measured} == {held.measured[0]: 0.75 * 2.0**-40}


def test_a_parameter_that_is_a_level_stays():
    assert scale_loss(LOSSES["quantile"](np.eye(2), 0.25), 40).tau == 0.25
