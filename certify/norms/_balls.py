"""Descriptions of a unit ball for relaxations: ellipsoids around it, or its norm as a sum."""

from dataclasses import dataclass

import numpy as np

from certify.base.arrays import Array, Ints


@dataclass(frozen=True)
class Ellipsoids:
    """A product of ellipsoids: sum over i in block k of w_i x_i^2 <= 1 for every block k.

    labels   (d,) the block of each coordinate, 0, 1, ...
    weights  (d,) w > 0
    """

    labels: Ints
    weights: Array

    @property
    def single(self) -> bool:
        """Whether there is one block."""
        return not self.labels.any()

    @property
    def uniform(self) -> bool:
        """Whether it is a ball: one block of equal weights."""
        return self.single and bool((self.weights == self.weights[:1]).all())

    def cost(self, d: Array) -> float:
        """Return max sum d_i x_i^2: the sum over blocks of the largest d_i / w_i."""
        each = d / self.weights
        if self.single:
            return float(each.max(initial=-np.inf))
        out = np.zeros(int(self.labels.max()) + 1)
        np.maximum.at(out, self.labels, each)
        return float(out.sum())

    def normalize(self, M: Array) -> tuple[Array, Array]:
        """Return A and its row multipliers: max <M, A>, sum over each block of w_i |A_i|^2 <= 1."""
        squares = np.square(M).sum(axis=1) / self.weights
        mu = np.sqrt(np.bincount(self.labels, squares))[self.labels]
        return M / (self.weights * np.where(mu > 0, mu, 1.0))[:, None], mu


@dataclass(frozen=True)
class Mixture:
    """g(x) = a |A x|_1 + b |x|_2; A = I without edges, else a row x_i - x_j for each edge."""

    a: float
    b: float
    edges: Ints | None = None

    def A(self, d: int) -> Array:
        """Return A for vectors of length d."""
        if self.edges is None:
            return np.eye(d)
        out, rows = np.zeros((len(self.edges), d)), np.arange(len(self.edges))
        out[rows, self.edges[:, 0]], out[rows, self.edges[:, 1]] = 1.0, -1.0
        return out

    def reach(self, d: int) -> tuple[float, float]:
        """Return (low, high) with low |x|_2 <= |A x|_1 <= high |x|_2.

        |A x|_1 <= sum c_i |x_i| <= |c|_2 |x|_2, with c_i the sum of |A_ei| over e.
        """
        least = 1.0 if self.edges is None else 0.0
        return least, float(np.linalg.norm(np.abs(self.A(d)).sum(axis=0)))

    def chord(self, d: int) -> tuple[float, float]:
        """Return p, q with p |A x|_1^2 + q |x|_2^2 <= g(x)^2, equal at both ends of `reach`.

        In y = |A x|_1 and z = |x|_2, the points with g = 1 lie on a segment; a convex function is
        largest at one of its ends.
        """
        if self.b == 0:
            return self.a**2, 0.0
        low, high = self.reach(d)
        if high <= low:  # one coordinate, or no difference
            return 0.0, 1.0
        first, last = ((self.a * k + self.b) ** 2 for k in (low, high))
        p = (last - first) / (high**2 - low**2)
        return p, first - p * low**2
