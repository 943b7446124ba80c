"""The query of the methods for hidden layers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256

import numpy as np
import numpy.typing as npt

from certify.base.arrays import Array
from certify.base.clock import Deadline
from certify.norms import Gauge

Slice = tuple[Array, Array]  # u (d,), v (outputs,)
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Layer:
    """A hidden layer: phi(u, v) = pool(s(F u)) v^T, s(z) = z where z >= 0, slope z elsewhere.

    features  F, (rows, d)
    slope     0 relu, -1 absolute value, 1 linear
    left      the norm of u
    right     the norm of v
    free      whether the last coordinate of u has no price (its column of F is constant)
    samples   the sample into which each row of F is summed; None: one for each row
    max_pooled  a sample takes the largest of its rows instead of their sum (slope 0)
    """

    features: Array
    slope: float
    left: Gauge
    right: Gauge
    free: bool = False
    samples: Ints | None = None
    max_pooled: bool = False

    @cached_property
    def owners(self) -> Ints:
        """The sample of each row."""
        return np.arange(len(self.features)) if self.samples is None else self.samples

    @cached_property
    def table(self) -> Ints:
        """The rows of each sample, (samples, most rows), in order, padded with its first row."""
        order, counts = np.argsort(self.owners, kind="stable"), np.bincount(self.owners)
        first, place = np.cumsum(counts) - counts, np.arange(counts.max())
        return np.asarray(order[first[:, None] + np.where(place < counts[:, None], place, 0)])

    def gates(self, z: Array) -> Array:
        """Return S with pool(s(z)) the sums of S z over the samples, z (rows, r) = F U.

        Where rows of a sample are equally large, it is that of the first.
        """
        if not self.max_pooled:
            return np.where(z > 0, 1.0, self.slope)
        place = z[self.table].argmax(axis=1)
        rows = np.take_along_axis(self.table, place, axis=1)
        out = np.zeros(z.shape)
        np.put_along_axis(out, rows, np.take_along_axis(z, rows, axis=0) > 0, axis=0)
        return out

    def act(self, U: Array) -> Array:
        """Return pool(s(F U)), (samples, r), for U (d, r)."""
        hidden = self.activate(self.features @ U)
        return self.gather(hidden, np.maximum) if self.max_pooled else self.pool(hidden)

    def activate(self, z: Array) -> Array:
        """Return s(z)."""
        return np.where(z > 0, z, self.slope * z)

    def pool(self, hidden: Array) -> Array:
        """Sum the rows of F into their samples."""
        self.must_sum()
        return self.gather(hidden, np.add)

    def gather(self, hidden: Array, by: np.ufunc) -> Array:
        """Gather the rows of F into their samples, from 0."""
        if self.samples is None:
            return hidden
        out = np.zeros((int(self.samples.max()) + 1, *hidden.shape[1:]))
        by.at(out, self.samples, hidden)
        return out

    def spread(self, W: Array) -> Array:
        """Return W on the rows of F: the adjoint of `pool`."""
        self.must_sum()
        return W if self.samples is None else W[self.samples]

    def must_sum(self) -> None:
        """Raise TypeError unless samples are sums of rows: the largest is not linear."""
        if self.max_pooled:
            raise TypeError("a layer that takes the largest of its rows has no linear pooling")

    def size(self, U: Array) -> Array:
        """Return |u| of each column, without a free bias."""
        return np.asarray(self.left.value(U[:-1] if self.free else U))


@dataclass(frozen=True)
class LayerQuery(Deadline):
    """A query for a bound of sup { <W, phi(u, v)> : |u||v| <= 1 }.

    W         (samples, outputs), dense; columns sum to zero if the layer has a free bias
    target    a bound that is enough; None: as small as the effort allows
    deadline  on the clock of time.monotonic
    starts    slices that are believed to attain the polar, or nearly
    nodes     parts of a branch and bound at most; None: as target, deadline and effort allow
    """

    layer: Layer
    W: Array
    target: float | None = None
    seed: int = 0
    deadline: float | None = None
    starts: Sequence[Slice] = ()
    nodes: int | None = None

    def share(self, count: int) -> "LayerQuery":
        """Return the query with one of `count` equal parts of the remaining time."""
        if self.deadline is None:
            return self
        return replace(self, deadline=self.deadline - max(self.time_left(), 0.0) * (1 - 1 / count))

    def beyond(self, e: int) -> bool:
        """Whether the largest |entry| of F is outside of [2^-e, 2^e], and not zero."""
        top = float(np.abs(self.layer.features).max())
        return top > 0 and not 2.0**-e <= top <= 2.0**e

    def signs(self) -> tuple[int, ...]:
        """Return the signs of v, of one output, that its cone allows."""
        return self.layer.right.unit_signs

    def key(self, method: str) -> str:
        """Return a key of this query for one method, independent of the effort."""
        layer = self.layer
        text = f"{layer.slope}{layer.right.key}{layer.free}{self.seed}"
        parts = [text.encode(), self.W.tobytes(), layer.features.tobytes()]
        parts += [] if layer.samples is None else [layer.samples.tobytes()]
        parts += [b"most"] * layer.max_pooled
        return f"{method}.{sha256(b'|'.join(parts)).hexdigest()}"


EDGE = 1e-12  # relative, between this float bound and the verifier's


def reach(F: Array) -> float:
    """Return a bound of a free bias: the largest kink |f . u| / c."""
    return float(np.linalg.norm(F[:, :-1], axis=1).max() / F[0, -1]) * (1 + EDGE)
