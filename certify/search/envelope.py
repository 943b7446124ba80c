"""A smooth form of a loss: the loss itself, or its Moreau envelope shifted by a multiplier.

    E(Z) = min_X l(X) + 1/(2 mu) |X - Z + mu S|^2 - mu/2 |S|^2      (S a field, mu > 0)

E is convex and E <= l.  -grad E(Z) = (X - Z)/mu + S is minus a subgradient of l at X, so it is in
the domain of d for every Z.  Let Z* minimize l(Z) + g(Z), and S be the multiplier of X = Z there:
then Z* also minimizes E + g.  S <- -grad E is the method of multipliers, so mu need not be small.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from certify.base.arrays import Array
from certify.losses import Loss

SHARPER = 2.0  # mu is divided by it at each move of the multiplier
POWERS, GROWTH = range(-24, 25), 1.5  # powers of 4 tried for mu; a smaller factor is no growth
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

    @np.errstate(all="ignore")  # a value that is not finite is never the lowest
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
    """Return the loss itself if its gradient has a Lipschitz constant, else an envelope.

    The first multiplier is minus the gradient at Z if that is finite, else 0.
    """
    if loss.smooth and np.isfinite(loss.curvature):
        return Smoothed(loss)
    zero = np.zeros_like(Z)
    slope = -loss.gradient(Z) if loss.smooth else zero
    S = slope if np.isfinite(slope).all() else zero
    mu = first_mu(loss, zero)
    return Smoothed(loss, mu, S, LEAST * mu)


def first_mu(loss: Loss, zero: Array) -> float:
    """Return about the least mu beyond which the proximal map of 0 hardly grows."""
    sizes = [float(np.abs(loss.prox(zero, 4.0**k)).mean()) for k in POWERS]
    steady = (near > 0 and far <= GROWTH * near for near, far in pairwise(sizes))
    return next((4.0**k for k, found in zip(POWERS, steady, strict=False) if found), 1.0)
