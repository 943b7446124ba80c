"""The elastic norm: g(x) = alpha |x|_1 + (1 - alpha) |x|_2, sparse and smooth at once."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.base.arrays import Array, Bools, scalar
from certify.base.errors import InputError

from ._balls import Mixture
from ._base import Gauge
from ._columns import length

NEWTON = 100  # steps at most; about six are enough


@dataclass(frozen=True)
class Elastic(Gauge):
    """g(x) = alpha |x|_1 + (1 - alpha) |x|_2,  0 <= alpha <= 1.

        g*(y) = min { t : |(|y| - alpha t)_+|_2 <= (1 - alpha) t }

    The unit ball of g* is the Minkowski sum of a cube of radius alpha and a ball of radius
    1 - alpha, and (|y| - alpha t)_+ is the distance vector of y from t times the cube.

    Raises InputError for an alpha outside [0, 1].
    Source: Simon, Friedman, Hastie and Tibshirani (2013), with one group.
    """

    alpha: float

    name = "elastic"
    normalized = is_round = True

    def prepare(self) -> None:
        """Take alpha as a float in [0, 1]."""
        alpha = scalar(self.alpha, "alpha", zero=True)
        if alpha > 1:
            raise InputError(f"alpha must be in [0, 1], got {self.alpha!r}")
        object.__setattr__(self, "alpha", alpha)

    @classmethod
    def examples(cls, d: int) -> dict[str, Gauge]:
        """Return both ends, l1 and l2, and a norm between them."""
        del d
        return {"elastic": cls(0.25), "elastic_l1": cls(1.0), "elastic_l2": cls(0.0)}

    def parameters(self) -> dict[str, str]:
        """Return alpha."""
        return {"alpha": self.alpha.hex()}

    @property
    def mixture(self) -> Mixture:
        """The norm itself."""
        return Mixture(self.alpha, 1 - self.alpha)

    def longest(self, lines: Any, allowed: tuple[Bools, Bools]) -> tuple[float, dict[str, Any]]:  # noqa: ANN401
        """Return a bound of g* of every line; the kernel verifies this level."""
        level, _ = super().longest(lines, allowed)
        return level, {"level": level}

    def value(self, x: Array) -> Array:
        """Return alpha |x|_1 + (1 - alpha) |x|_2."""
        return np.asarray(self.alpha * np.abs(x).sum(axis=0) + (1 - self.alpha) * length(x))

    def dual(self, y: Array) -> Array:
        """Return the least t, by Newton's method.

        |(a - alpha t)_+|_2 - (1 - alpha) t is convex and decreasing in t and not negative at
        t = max |y_i|, so from there the steps increase to the root and never pass it.
        """
        sizes = np.abs(self.positive(y))
        top = sizes.max(axis=0, initial=0.0)
        a = sizes / np.where(top > 0, top, 1.0)
        t = np.where(top > 0, 1.0, 0.0)
        for _ in range(NEWTON):
            over = np.maximum(a - self.alpha * t, 0.0)
            size = length(over)
            slope = self.alpha * over.sum(axis=0) + (1 - self.alpha) * size
            gain = (size - (1 - self.alpha) * t) * size
            new = t + np.maximum(gain, 0.0) / np.where(slope > 0, slope, 1.0)
            if (new <= t).all():
                break
            t = new
        return np.asarray(t * top)

    def maximizer(self, y: Array) -> Array:
        """Return (|y| - alpha g*(y))_+ with the signs of y, scaled."""
        p = self.positive(y)
        over = np.maximum(np.abs(p) - self.alpha * self.dual(y), 0.0)
        top = float(over.max(initial=0.0))
        if top == 0.0:
            return self.unit(y)
        x = np.sign(p) * (over / top)
        return np.asarray(x / self.value(x))

    def prox(self, x: Array, t: float) -> Array:
        """Return x soft-thresholded by t alpha, then shortened by t (1 - alpha)."""
        p = self.positive(x)
        soft = np.sign(p) * np.maximum(np.abs(p) - t * self.alpha, 0.0)
        size = length(soft)
        short = np.maximum(size - t * (1 - self.alpha), 0.0) / np.where(size > 0, size, 1.0)
        return np.asarray(soft * np.where(self.dual(x) > t, short, 0.0))
