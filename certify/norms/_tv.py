"""Total variation along a graph: its prox on a cone, and the flow that solves the dual problem.

    min over z in K of 1/2 |z - x|^2 + c |B z|_1
        = max over flows |f_e| <= c of 1/2 |x|^2 - 1/2 |P_K(x - B^T f)|^2

B is the incidence matrix, with a row x_i - x_j for each edge, and P_K the projection on K.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from certify.base.arrays import Array, Bools, Ints, as_dense
from certify.base.minimize import Momentum
from certify.base.rigor.paths import MergedRows, find_flows
from certify.kernel.norms.paths import Path, find_flow, merge_path

STEPS, EVERY = 20000, 20  # accelerated steps at most; steps between two polishes
SETTLED = 1e-15  # relative duality gap that ends them
DENSE_EDGES = 300  # the most edges for a polish by least squares
AT_ONCE, BITS = 12, 48  # fewer vectors are faster one by one, in integers of so many bits
DENSE, FEW = 10_000, 50  # the most entries of a dense B; the most edges for a plain union-find


@dataclass(frozen=True, eq=False)
class Graph:
    """Edges (i, j) on d coordinates, and the interval [low, high] of each coordinate."""

    edges: Ints
    low: Array
    high: Array

    @cached_property
    def incidence(self) -> Any:  # noqa: ANN401  an array or scipy.sparse
        """B, (edges, d); dense if small, which is faster."""
        k = len(self.edges)
        if k * len(self.low) <= DENSE:
            B = np.zeros((k, len(self.low)))
            B[np.arange(k), self.edges[:, 0]] = 1.0
            B[np.arange(k), self.edges[:, 1]] = -1.0
            return B
        at = np.repeat(np.arange(k), 2), self.edges.reshape(-1)
        return sparse.csr_array((np.tile([1.0, -1.0], k), at), shape=(k, len(self.low)))

    @cached_property
    def curvature(self) -> float:
        """An upper bound of |B|^2: twice the largest degree."""
        degrees = np.bincount(self.edges.reshape(-1), minlength=1)
        return 2.0 * float(degrees.max(initial=1))

    def clip(self, x: Array) -> Array:
        """Return the nearest point of the cone."""
        return np.clip(x, self.low, self.high)

    def rest(self, x: Array, f: Array) -> Array:
        """Return P_K(x - B^T f)."""
        return self.clip(x - self.incidence.T @ f)


@dataclass(frozen=True)
class Parted:
    """A point z and a flow f; the objective at z is above the minimum by at most `gap`."""

    z: Array
    f: Array
    gap: float


def carry_along(graph: Graph, path: Path, Y: Array, rho: float) -> tuple[Array, Array]:
    """Return P(y - B^T f) and the flow f that minimizes max(max |f| / rho, |P(y - B^T f)|).

    Y has a column for each y.  All edges must lie on the path, and the cone has one sign.
    """
    order, signs = path.order, np.array(path.signs, dtype=float)
    y, joined, sides = Y[order].T, signs != 0, (graph.low[order], graph.high[order])
    if len(y) < AT_ONCE:
        whole, scales = on_grid(y)
        ratio, met = Fraction(rho).as_integer_ratio(), interval_projection(*sides)
        flow = [find_flow(x, joined.tolist(), ratio, met) for x in whole]
        found = np.array(flow, dtype=float).reshape(len(y), len(joined)) / scales[:, None]
    else:
        found = find_flows(y, np.append(joined, np.False_), rho, sides)[:, :-1]
    flows = np.zeros((len(graph.edges), len(y)))
    flows[np.array(path.edges, dtype=np.int64)[joined]] = (found * signs)[:, joined].T
    rest = Y - graph.incidence.T @ flows
    return np.clip(rest, graph.low[:, None], graph.high[:, None]), flows


def denoise_along(graph: Graph, path: Path, X: Array, c: float) -> Array:
    """Return the prox of c |B z|_1 on the cone at each column, as `carry_along` for paths."""
    joined, x = [*map(bool, path.signs)], X[path.order].T
    far = 2.0 * len(X) * np.abs(x).max(axis=1, initial=0.0)  # from there on all have merged
    level = np.minimum(c, np.minimum(far, np.finfo(float).max))
    if len(x) < AT_ONCE:
        whole, scales = on_grid(x)
        rows = zip(whole, level * scales, strict=True)
        z = np.array([merge_path(v, joined).at(int(to)) for v, to in rows], dtype=float)
        found = z.reshape(x.shape) / scales[:, None]
    else:
        merged = MergedRows(x, np.array([*joined, False]), level)
        found = merged.at(np.repeat(level, len(X))).reshape(x.shape)
    Z = np.empty_like(X)
    Z[path.order] = found.T
    return np.clip(Z, graph.low[:, None], graph.high[:, None])


def on_grid(y: Array) -> tuple[list[list[int]], Array]:
    """Return the rows, times powers of two, as integers of BITS bits, and these powers."""
    top = np.abs(y).max(axis=1, initial=0.0)
    scales = np.ldexp(1.0, np.clip(BITS - np.frexp(top)[1], -1000, 1000))
    return [[*map(int, row)] for row in (y * scales[:, None]).tolist()], scales


def interval_projection(low: Array, high: Array) -> Callable[[int, int], int]:
    """Return a function of (k, v), the projection of v on the interval of coordinate k."""
    down, above = (low < 0).tolist(), (high > 0).tolist()
    return lambda k, v: v if (above[k] if v > 0 else down[k]) else 0


def denoise(graph: Graph, x: Array, c: float, start: Array | None = None) -> Parted:
    """Return the prox and its flow by accelerated gradients on the flow, polished."""
    f = np.zeros(len(graph.edges)) if start is None else np.clip(start, -c, c)
    run, floor = Momentum(f), SETTLED * float(x @ x)
    best = solve_saturated(graph, x, c, f)
    for k in range(STEPS):
        if best.gap <= floor:
            break
        rest = graph.rest(x, run.ahead)
        f = np.clip(run.ahead + graph.incidence @ rest / graph.curvature, -c, c)
        run.move(f)
        if k % EVERY == EVERY - 1:
            best = min(best, solve_saturated(graph, x, c, f), key=lambda p: p.gap)
    return best


def solve_saturated(graph: Graph, x: Array, c: float, f: Array) -> Parted:
    """Return the best point and flow with the saturated edges of f; exact if those are right.

    An edge with |f_e| < c joins its ends.  On each joined part z is the mean of x - B^T f, clipped
    to the part's interval; then f is changed on the joining edges to match z.
    """
    points = [graph.rest(x, f)]
    flows = [f]
    for margin in (2.0**-40, 2.0**-20, 2.0**-8):
        tight = np.abs(f) >= c * (1 - margin)
        pushed = x - graph.incidence.T @ np.where(tight, np.sign(f) * c, 0.0)
        z = means(graph, pushed, ~tight)
        points.append(z)
        flows.append(match_joins(graph, pushed - z, np.where(tight, np.sign(f) * c, f), ~tight))
    flows = [np.clip(g, -c, c) for g in flows]
    costs = [0.5 * float(np.square(z - x).sum()) + c * variation(graph, z) for z in points]
    duals = [0.5 * float(x @ x) - 0.5 * float(np.square(graph.rest(x, g)).sum()) for g in flows]
    low, high = int(np.argmin(costs)), int(np.argmax(duals))
    return Parted(points[low], flows[high], max(costs[low] - duals[high], 0.0))


def variation(graph: Graph, z: Array) -> float:
    """Return |B z|_1."""
    return float(np.abs(graph.incidence @ z).sum())


def means(graph: Graph, x: Array, joins: Bools) -> Array:
    """Return the mean of x over each part that joining edges connect, clipped to its interval."""
    d = len(x)
    count, label = components(graph.edges[joins], d)
    mean = np.bincount(label, x, count) / np.bincount(label, minlength=count)
    low, high = np.full(count, -np.inf), np.full(count, np.inf)
    np.maximum.at(low, label, graph.low)
    np.minimum.at(high, label, graph.high)
    return np.asarray(np.clip(mean, low, high)[label])


def components(edges: Ints, d: int) -> tuple[int, Ints]:
    """Return the number of connected components, and the component of each coordinate."""
    if len(edges) > FEW:
        links = sparse.csr_array((np.ones(len(edges)), tuple(edges.T)), shape=(d, d))
        count, label = csgraph.connected_components(links, directed=False)
        return int(count), np.asarray(label)
    parent = list(range(d))
    for i, j in edges.tolist():
        while parent[i] != i:
            i = parent[i]  # noqa: PLW2901  the walk to the root
        while parent[j] != j:
            j = parent[j]  # noqa: PLW2901
        parent[max(i, j)] = min(i, j)  # parents come first
    for i in range(d):
        parent[i] = parent[parent[i]]
    numbers, label = np.unique(parent, return_inverse=True)
    return len(numbers), np.asarray(label.reshape(-1))


def match_joins(graph: Graph, wanted: Array, f: Array, joins: Bools) -> Array:
    """Return f with the least change on the joining edges for which their B^T f is `wanted`.

    Coordinates whose sign is restricted need not match and are left out.
    """
    edges = np.nonzero(joins)[0]
    if not 0 < len(edges) <= DENSE_EDGES:
        return f
    inside = (graph.low < 0) & (graph.high > 0)
    picked = graph.incidence[edges].T
    columns = as_dense(picked)
    rows = inside if inside.any() else np.ones(len(wanted), dtype=bool)
    miss = (wanted - columns @ f[edges])[rows]
    out = f.copy()
    out[edges] += np.linalg.lstsq(columns[rows], miss, rcond=None)[0]
    return out
