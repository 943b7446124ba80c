"""Layers with sum pooling that bound a layer with max pooling from above.

For one output w and one sign e of v, omega = e w, sum_k omega_k h_k(u) is at most the value of a
layer that sums: `kernel.rules.max_pool.dominating`.  The row of each sample with which the others
are compared (`base`) is chosen here, to make that layer small where it is largest.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from certify.base.arrays import Array
from certify.norms import Gauge, gauge
from certify.polar.layer_query import Ints, Layer

ROUNDS = 8  # points at which the bound was too large; each one leads to a new choice of rows
SWEEPS = 4  # over all samples, of one choice of rows
CLOSE = 1e-6  # relative gain of a choice that is worth another round
SUM = -1  # the choice of no row: all rows are summed
EDGE = 1e-12  # relative, for rounding in the sum of the lengths of errors


class Summed(NamedTuple):
    """A layer with sum pooling: F (rows, d), the sample of each row, and the rounding error."""

    features: Array
    samples: Ints
    extra: float


@dataclass(frozen=True)
class Signed:
    """sum_k omega_k h_k(u), omega = sign w (samples,), of the layer that takes the largest."""

    layer: Layer
    w: Array
    sign: int

    @property
    def omega(self) -> Array:
        """The weights of one sign of v."""
        return self.sign * self.w

    @property
    def right(self) -> Gauge:
        """The norm of v of this sign alone."""
        return gauge("l2+" if self.sign > 0 else "l2-")

    @cached_property
    def own(self) -> list[list[int]]:
        """The rows of each sample, in order."""
        out: list[list[int]] = [[] for _ in self.omega]
        for i, k in enumerate(self.layer.owners.tolist()):
            out[k].append(i)
        return out

    @cached_property
    def first(self) -> Ints:
        """The longest row of each sample; all summed where omega > 0."""
        table = self.layer.table
        sizes = np.linalg.norm(self.layer.features, axis=1)[table]
        longest = np.take_along_axis(table, sizes.argmax(axis=1)[:, None], 1)[:, 0]
        return np.where(self.omega > 0, SUM, longest).astype(np.int64)

    def value(self, U: Array) -> Array:
        """Return the value at each column."""
        return np.asarray(self.omega @ self.layer.act(U))

    def term(self, k: int, base: int, a: Array) -> Array:
        """Return the bound of omega_k h_k at each point, a (rows of k, points) its rows' values."""
        x, rows = float(self.omega[k]), self.own[k]
        if base == SUM:
            return np.asarray(x * np.maximum(a, 0.0).sum(axis=0))
        b = a[rows.index(base)]
        rest = np.maximum(a - b, 0.0).sum(axis=0) if x > 0 else 0.0
        return np.asarray(x * (np.maximum(b, 0.0) + rest))

    def above(self, base: Ints, U: Array) -> Array:
        """Return the bound of each sample's term, (samples, points)."""
        z = self.layer.features @ U
        terms = [self.term(k, int(b), z[self.own[k]]) for k, b in enumerate(base)]
        return np.array(terms).reshape(len(base), U.shape[1])

    def sum_pooled(self, base: Ints) -> Summed:
        """Return the layer with sum pooling, its rows in the kernel's order."""
        F, rows, samples, extra = self.layer.features, list[Array](), list[int](), 0.0
        for k, every in enumerate(self.own):
            index = every if self.omega[k] > 0 else [int(base[k])]
            block = F[index]
            samples += [k] * len(index)
            if self.omega[k] > 0 and base[k] != SUM:
                block, lost = subtract(block, F[base[k]])
                block[np.asarray(index) == base[k]] = F[base[k]]
                extra += float(self.omega[k]) * lost
            rows.append(block)
        return Summed(np.vstack(rows), np.array(samples, dtype=np.int64), extra * (1 + EDGE))

    def tight_rows(self, points: Array, base: Ints) -> Ints:
        """Return the rows that make the bound small at its largest point, sample by sample."""
        options, values = [], []
        z = self.layer.features @ points
        for k, rows in enumerate(self.own):
            a = z[rows]
            tops = {rows[i] for i in a.argmax(axis=0)}
            tries = sorted({*tops, int(base[k])} | ({SUM} if self.omega[k] > 0 else set()))
            options.append(tries)
            values.append(np.array([self.term(k, b, a) for b in tries]))
        chosen = choose_options(values)
        return np.array([o[i] for o, i in zip(options, chosen, strict=True)], dtype=np.int64)

    def best_rows(
        self,
        points: Array,
        base: Ints,
        worst: Callable[[Ints], tuple[float, Array]],
        expired: Callable[[], bool],
    ) -> tuple[Ints, Array]:
        """Return the rows of the least bound found, and the point u where it is largest.

        worst  the largest value of the bound of given rows, and where
        """
        best, (lowest, where) = base, worst(base)
        for _ in range(ROUNDS):
            candidate = self.tight_rows(points, best)
            met = float(self.above(candidate, points).sum(axis=0).max())
            value, u = worst(candidate)
            if value < lowest * (1 - CLOSE):
                best, lowest, where = candidate, value, u
            if value <= met * (1 + CLOSE) or expired():
                break
            points = np.column_stack([points, u])
        return best, where


def choose_options(values: list[Array]) -> list[int]:
    """Choose one option a sample, values (options, points), to make the largest total small."""
    picked = [int(v[:, 0].argmin()) for v in values]
    total = np.sum([v[i] for v, i in zip(values, picked, strict=True)], axis=0)
    for _ in range(SWEEPS):
        before = list(picked)
        for k, v in enumerate(values):
            rest = total - v[picked[k]]
            picked[k] = int((rest + v).max(axis=1).argmin())
            total = rest + v[picked[k]]
        if picked == before:
            break
    return picked


def subtract(rows: Array, f: Array) -> tuple[Array, float]:
    """Return rows - f in floats, and the sum of the lengths of its rounding errors."""
    g = rows - f
    back = g - rows
    lost = (rows - (g - back)) - (f + back)  # Knuth's two-sum
    return g, float(np.linalg.norm(lost, axis=1).sum())
