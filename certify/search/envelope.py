"""A loss as something smooth: itself, or its Moreau envelope moved by a multiplier.

    E(Z) = min_X l(X) + 1/(2 mu) |X - Z + mu S|^2 - mu/2 |S|^2      (S a field, mu > 0)

is convex, E <= l, and -grad E(Z) = (X - Z)/mu + S is minus a subgradient of l at X: in the
domain of d whatever Z is.  Where S is a multiplier of X = Z at the optimum of l(X) plus
anything of Z, that optimum minimizes E plus the same; S <- -grad E is the method of
multipliers, so mu need not be small.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from certify.base.arrays import Array
from certify.losses import Loss

SHARPER = 2.0  # mu is divided by it at each move of the multiplier
REACHES, GROWS = range(-24, 25), 1.5  # powers of 4 tried for mu; a smaller factor is no growth
LEAST = 1e-3  # of the first mu; a smaller one is ill-conditioned


class Slope(NamedTuple):
    """A value and W = -grad there, a field."""

    value: float
    W: Array


@dataclass(frozen=True)
class Smoothed:
    """A loss (S is None), or its envelope."""

    loss: Loss
    mu: float = 0.0
    S: Array | None = None
    least: float = 0.0

    @property
    def curvature(self) -> float:
        """A Lipschitz constant of the gradient."""
        return self.loss.curvature if self.S is None else 1 / self.mu

    @np.errstate(all="ignore")  # what is not finite is never the lowest
    def at(self, Z: Array) -> Slope:
        """Return the value and W."""
        if self.S is None:
            return Slope(self.loss.value(Z), -self.loss.gradient(Z))
        X = self.loss.prox(Z - self.mu * self.S, self.mu)
        W = (X - Z) / self.mu + self.S
        square = float(np.square(W).sum() - np.square(self.S).sum())
        return Slope(self.loss.value(X) + 0.5 * self.mu * square, W)

    def update(self, Z: Array) -> "Smoothed":
        """Return the envelope with the multiplier found at Z."""
        if self.S is None:
            return self
        mu = max(self.mu / SHARPER, self.least)
        return Smoothed(self.loss, mu, self.at(Z).W, self.least)


def of(loss: Loss, Z: Array) -> Smoothed:
    """Return the loss itself where its gradient has a Lipschitz constant, else an envelope.

    Its first multiplier is minus the gradient, where there is one.
    """
    if loss.smooth and np.isfinite(loss.curvature):
        return Smoothed(loss)
    zero = np.zeros_like(Z)
    slope = -loss.gradient(Z) if loss.smooth else zero
    S = slope if np.isfinite(slope).all() else zero
    mu = settling(loss, zero)
    return Smoothed(loss, mu, S, LEAST * mu)


def settling(loss: Loss, zero: Array) -> float:
    """Return about the least mu from which the proximal map of 0 hardly grows."""
    sizes = [float(np.abs(loss.prox(zero, 4.0**k)).mean()) for k in REACHES]
    for k, (near, far) in enumerate(pairwise(sizes)):
        if near > 0 and far <= GROWS * near:
            return float(4.0 ** REACHES[k])
    return 1.0
