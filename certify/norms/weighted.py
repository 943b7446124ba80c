"""The weighted l2 norm: g(x) = sqrt(sum w_i x_i^2), a penalty for each coordinate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from certify.base.arrays import Array, finite, real
from certify.base.errors import InputError

from ._balls import Ellipsoids
from ._base import Gauge
from ._columns import length

NEWTON = 100  # steps at most; about six are enough


@dataclass(frozen=True)
class Weighted(Gauge):
    """g(x) = sqrt(sum_i w_i x_i^2),  weights w > 0 of shape (d,).

        g*(y) = sqrt(sum_i y_i^2 / w_i)

    The polar of two such norms is the largest singular value of D^(-1/2) W E^(-1/2).

    Raises InputError for a weight that is not finite and positive.  With a weight of zero, its
    coordinate would have no penalty and the polar would be infinite.
    Source: the weighted trace norm, Srebro and Salakhutdinov (2010).
    """

    weights: Sequence[float] | npt.NDArray[Any]

    name = "weighted"
    is_round = exact = True

    def prepare(self) -> None:
        """Take the weights as positive floats."""
        w = finite(real(self.weights, "weights", ndim=1), "weights")
        if (w == 0).any():
            k = int((w == 0).argmax())
            cure = "a free coordinate has an infinite polar: drop its row or give it a weight"
            raise InputError(f"weights must be > 0, weights[{k}] is 0; {cure}")
        if not len(w) or (w < 0).any():
            got = w[w < 0][0] if len(w) else "none"
            raise InputError(f"weights must be > 0, got {got}")
        object.__setattr__(self, "weights", tuple(w.tolist()))

    def check(self, d: int) -> None:
        """Raise InputError unless there is a weight for each coordinate."""
        Gauge.check(self, d)
        if len(self.weights) != d:
            raise InputError(f"weights must have length {d}, got {len(self.weights)}")

    @classmethod
    def examples(cls, d: int) -> dict[str, Gauge]:
        """Return the weights 1/2, 1, 3/2, ..."""
        return {"weighted": cls(np.arange(1, d + 1) / 2)}

    def arrays(self) -> dict[str, Any]:
        """Return the weights."""
        return {"weights": np.array(self.weights)}

    def ellipsoids(self, d: int) -> Ellipsoids:
        """Return the ball itself."""
        return Ellipsoids(np.zeros(d, dtype=np.int64), np.array(self.weights))

    def roots(self, x: Array) -> Array:
        """Return sqrt(w), in a shape that broadcasts with x."""
        return np.asarray(np.sqrt(self.weights)).reshape(-1, *[1] * (x.ndim - 1))

    def value(self, x: Array) -> Array:
        """Return |sqrt(w) x|_2."""
        return length(self.roots(x) * x)

    def dual(self, y: Array) -> Array:
        """Return |p / sqrt(w)|_2, p = `positive(y)`."""
        return length(self.positive(y) / self.roots(y))

    def maximizer(self, y: Array) -> Array:
        """Return y / (w g*(y))."""
        z = self.positive(y) / self.roots(y)
        size = float(length(z))
        return np.asarray(z / size / self.roots(y)) if size > 0 else self.unit(y)

    def prox(self, x: Array, t: float) -> Array:
        """Return x_i s / (s + t w_i), s the norm of the result: sum w x^2 / (s + t w)^2 = 1.

        1 / sqrt of that sum is concave and increasing in s, so Newton's steps for it from s = 0
        increase to the root and never pass it.
        """
        p, root = self.positive(x), self.roots(x)
        top = np.abs(root * p).max(axis=0, initial=0.0)
        scale = np.where(top > 0, top, 1.0)
        a, push = root * p / scale, np.maximum(t / scale, 2.0**-500) * root**2
        s = np.zeros_like(top)
        for _ in range(NEWTON):
            ratio = a / (s + push)
            size = np.square(ratio).sum(axis=0)
            slope = (np.square(ratio) / (s + push)).sum(axis=0)
            gain = size * (np.sqrt(size) - 1) / np.where(slope > 0, slope, 1.0)
            new = s + np.maximum(gain, 0.0)
            if not (new > s).any():
                break
            s = new
        return np.asarray(p * np.where(self.dual(x) > t, s / (s + push), 0.0))

    def unit_sizes(self, d: int) -> Array:
        """Return sqrt(w)."""
        return np.sqrt(self.weights)
