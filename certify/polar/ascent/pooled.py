"""Neurons of a layer that takes the largest of a sample's rows: lower bounds of its polar.

h_k(u) = max over the rows i of sample k of (f_i . u)_+ is piecewise linear, and

    <W, h(u) v^T> = c . u  near u,    c = sum_k (W v)_k f_i(k),  i(k) the row that is largest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from certify.base.arrays import Array
from certify.polar.layer_query import Ints, Layer, LayerQuery, Slice

STARTS, NUMBERS = 512, 1 << 22  # random starts; entries of all starts together, at most
ROUNDS = 40  # steps of all starts
LENGTHS = (np.inf, 1.0, 0.3, 0.1, 0.03, 0.01)  # of steps that are tried, relative to |u|
FINALISTS, TRIES = 12, 40  # starts that continue on great circles; directions of each
ANGLES = np.pi * 2.0 ** -np.arange(0.0, 40.0)  # that are tried on a circle, both ways


@dataclass(frozen=True)
class Largest:
    """The value of a query at neurons, and its gradient."""

    query: LayerQuery

    @cached_property
    def table(self) -> Ints:
        """The rows of each sample, (samples, most rows), padded with its first row."""
        return rows_of_samples(owners(self.query.layer))

    def winners(self, U: Array) -> tuple[Array, Ints]:
        """Return h (samples, r) and the largest row of each sample."""
        z = (self.query.layer.features @ U)[self.table]
        at = z.argmax(axis=1)
        top = np.take_along_axis(z, at[:, None, :], axis=1)[:, 0, :]
        return np.maximum(top, 0.0), np.take_along_axis(self.table, at, axis=1)

    def evaluate(self, U: Array, V: Array | None) -> tuple[Array, Array]:
        """Return each column's value and v: as it is given, or the best."""
        Y = self.query.W.T @ self.query.layer.act(U)
        V = self.query.layer.right.maximizers(Y) if V is None else V
        return np.asarray((Y * V).sum(axis=0)), V

    def slopes(self, U: Array, V: Array) -> Array:
        """Return the gradient c of each column."""
        top, rows = self.winners(U)
        gates = np.zeros((len(self.query.layer.features), U.shape[1]))
        np.put_along_axis(gates, rows, (self.query.W @ V) * (top > 0), axis=0)
        return np.asarray(self.query.layer.features.T @ gates)


def owners(layer: Layer) -> Ints:
    """Return the sample of each row."""
    return np.arange(len(layer.features)) if layer.samples is None else layer.samples


def rows_of_samples(samples: Ints) -> Ints:
    """Return a table of each sample's rows, in order, padded with its first row."""
    order = np.argsort(samples, kind="stable")
    counts = np.bincount(samples)
    first = np.cumsum(counts) - counts
    place = np.arange(counts.max())
    return np.asarray(order[first[:, None] + np.where(place < counts[:, None], place, 0)])


def attain(query: LayerQuery) -> tuple[float, Slice]:
    """Return (<W, h(u) v^T>, (u, v)) with |u| = |v| = 1, as large as found.

    Many starts step along their gradient together; the best go on over great circles.  A step
    that lowers the value is not taken.
    """
    run, rng = Largest(query), np.random.default_rng(query.seed)
    fixed = [np.array([[float(s)]]) for s in query.signs()] if query.W.shape[1] == 1 else [None]
    ends: list[tuple[float, Slice]] = []
    for v in fixed:
        U, values = race(run, starts(query, rng), v)
        for k in np.argsort(-values, kind="stable")[:FINALISTS]:
            ends.append(circle_search(run, U[:, k], v, rng))
            if query.expired():
                break
    return max(ends, key=lambda end: end[0])


def starts(query: LayerQuery, rng: np.random.Generator) -> Array:
    """Return unit columns u: given neurons, rows of F, random directions."""
    F = query.layer.features
    count = int(np.clip(NUMBERS // len(F), 16, STARTS))
    given = [np.asarray(u, dtype=float) for u, _ in query.starts]
    rows = F[rng.permutation(len(F))[:count]]
    return unit_columns([*given, *rows, *rng.standard_normal((count, F.shape[1]))])


def unit_columns(vectors: Sequence[Array]) -> Array:
    """Return the vectors as columns of length 1, without those of no direction."""
    U = np.stack(vectors, axis=1)
    size = np.linalg.norm(U, axis=0)
    good = np.isfinite(size) & (size > 0)
    return np.asarray(U[:, good] / size[good])


def race(run: Largest, U: Array, v: Array | None) -> tuple[Array, Array]:
    """Return all starts after some steps, and their values."""
    values, V = run.evaluate(U, v)
    for _ in range(ROUNDS):
        if run.query.expired():
            break
        c = run.slopes(U, np.broadcast_to(V, (len(V), U.shape[1])))
        size = np.linalg.norm(c, axis=0)
        c = np.where(size > 0, c / np.where(size > 0, size, 1.0), U)
        risen: npt.NDArray[np.bool_] = np.zeros(U.shape[1], dtype=bool)
        for t in LENGTHS:
            new = c if t == np.inf else U + t * c
            new = new / np.maximum(np.linalg.norm(new, axis=0), 1e-300)
            now, responses = run.evaluate(new, v)
            better = (now > values) & ~risen
            U, values = np.where(better, new, U), np.where(better, now, values)
            V = responses if v is not None else np.where(better, responses, V)
            risen |= better
        if not risen.any():
            break
    return U, values


def circle_search(
    run: Largest, u: Array, v: Array | None, rng: np.random.Generator
) -> tuple[float, Slice]:
    """Return the best neuron on great circles through u: along the gradient, then at random."""
    value, V = run.evaluate(u[:, None], v)
    top, steps = float(value[0]), np.concatenate([ANGLES, -ANGLES])
    failed = 0
    while failed < TRIES and not run.query.expired():
        c = run.slopes(u[:, None], V)[:, 0] if not failed else rng.standard_normal(u.size)
        w = c - (c @ u) * u
        size = float(np.linalg.norm(w))
        failed += 1
        if not size > 0:
            continue
        new = np.cos(steps) * u[:, None] + np.sin(steps) * (w / size)[:, None]
        new /= np.linalg.norm(new, axis=0)
        values, responses = run.evaluate(new, v)
        k = int(values.argmax())
        if values[k] > top + 1e-14 * abs(top):
            u, top, failed = new[:, k], float(values[k]), 0
            V = V if v is not None else responses[:, [k]]
    return top, (u, V[:, 0])
