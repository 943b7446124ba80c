"""Total variation along a graph plus the l2 norm: nearly piecewise constant columns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from certify.base.arrays import Array, Bools, Ints, is_list, scalar, short
from certify.base.errors import InputError
from certify.kernel.norms.paths import Path, trace_path

from ._balls import Mixture
from ._base import Gauge
from ._columns import length
from ._tv import Graph, carry_along, denoise, denoise_along, variation

RISES = 60  # Dinkelbach steps at most; they converge superlinearly
ALONE = (
    "total variation alone is a seminorm: a constant on a connected part costs nothing, so "
    "the polar is infinite unless the sums of W over every part vanish. Keep plus='l2', or "
    "fit the constants as an unpenalized intercept beside it"
)


@dataclass(frozen=True)
class Variation(Gauge):
    """g(x) = rho sum_{(i,j) in edges} |x_i - x_j| + |x|_2,  rho > 0.

    edges    pairs of coordinates; the graph need not be connected
    plus     "l2", the second term; without it the polar is infinite (below)

        g*(y) = min over flows f of max(max_e |f_e| / rho, |P(y - B^T f)|_2)

    B has a row x_i - x_j for each edge, and P projects on the cone.  Every flow gives a bound:
    <y, x> = <f, B x> + <y - B^T f, x> <= max |f_e| |B x|_1 + |P(y - B^T f)| |x|.

    Total variation alone is 0 for x constant on a connected part C and zero elsewhere, while
    <y, x> is a multiple of the sum of y over C; g* would be infinite unless that sum is 0.

    Raises InputError for edges out of range or from a coordinate to itself.
    Source: the fused lasso, Tibshirani et al. (2005).
    """

    edges: Sequence[Sequence[int]] | npt.NDArray[Any]
    rho: float
    plus: str = "l2"

    name = "variation"
    is_round = True

    def prepare(self) -> None:
        """Take the edges as pairs of distinct natural numbers."""
        if not isinstance(self.plus, str) or self.plus != "l2":
            raise InputError(f"plus must be 'l2', got {short(self.plus)}: {ALONE}")
        object.__setattr__(self, "rho", scalar(self.rho, "rho", zero=False))
        given = self.edges
        if not is_list(given):
            raise InputError(f"edges must be pairs of coordinates, got {short(given)}")
        if not len(given):
            raise InputError("edges must hold a pair, got none: without edges this norm is 'l2'")
        object.__setattr__(self, "edges", tuple(ends(e, k) for k, e in enumerate(given)))

    def check(self, d: int) -> None:
        """Raise InputError for an edge beyond the coordinates."""
        Gauge.check(self, d)
        for k, edge in enumerate(self.edges):
            if max(edge) >= d:
                raise InputError(f"edges[{k}] is {edge}, but there are {d} coordinates")

    @cached_property
    def slow(self) -> bool:  # type: ignore[override]
        """Whether the cone has several signs or the edges are no paths: no direct method then."""
        path = self.path(1 + int(self.pairs.max()))
        return len(set(self.cone)) > 1 or sum(map(abs, path.signs)) < len(self.edges)

    @cached_property
    def paths(self) -> dict[int, Path]:
        """The result of `path` for each number of coordinates asked so far."""
        return {}

    def path(self, d: int) -> Path:
        """Return an order of the coordinates in which edges join neighbors."""
        if d not in self.paths:
            self.paths[d] = trace_path(d, self.edges)  # type: ignore[arg-type]
        return self.paths[d]

    @property
    def pairs(self) -> Ints:
        """The edges as an array (k, 2)."""
        return np.array(self.edges, dtype=np.int64).reshape(-1, 2)

    @property
    def mixture(self) -> Mixture:
        """The norm itself."""
        return Mixture(self.rho, 1.0, self.pairs)

    @classmethod
    def examples(cls, d: int) -> dict[str, Gauge]:
        """Return that along a path, closed to a ring if there are three coordinates or more."""
        ring = [(0, d - 1)] if d > 2 else []  # noqa: PLR2004  of two, the path has that edge
        path = [(i, i + 1) for i in range(d - 1)]
        return {"variation": cls(path + ring, 0.5)} if path else {}

    def graph(self, d: int) -> Graph:
        """Return the edges with the cone's intervals."""
        return Graph(self.pairs, *self.sides(d))

    def parameters(self) -> dict[str, str]:
        """Return rho."""
        return {"rho": self.rho.hex()}

    def arrays(self) -> dict[str, Any]:
        """Return the edges."""
        return {"edges": self.pairs}

    def value(self, x: Array) -> Array:
        """Return rho |B x|_1 + |x|_2; numbers are halved first, so that differences are finite."""
        i, j = self.pairs.T
        steps = np.abs(x[i] / 2 - x[j] / 2).sum(axis=0)
        return np.asarray(2 * (self.rho * steps) + length(x))

    def terms(self, d: int) -> int:
        """Return d + 2 (number of edges)."""
        return d + 2 * len(self.edges)

    def dual(self, y: Array) -> Array:
        """Return g*(y) = <y, x> at the maximizer x."""
        if y.ndim == 1:
            return np.asarray(self.solve(y)[1])
        return self.solve_all(y)[1]

    def flow(self, y: Array) -> Array:
        """Return the best flow f, a number for each edge; it bounds g*(y) from above."""
        return self.solve(y)[2]

    def bound(self, y: Array, f: Array) -> float:
        """Return the bound of g*(y) by a flow, in floats."""
        size = float(np.abs(f).max(initial=0.0))
        return max(size / self.rho, float(length(self.graph(len(y)).rest(y, f))))

    def longest(self, lines: Any, allowed: tuple[Bools, Bools]) -> tuple[float, dict[str, Any]]:  # noqa: ANN401
        """Return a flow for each line whose l2 norm exceeds the bound of every longer line."""
        flows, best = np.zeros((lines.shape[1], len(self.edges))), 0.0
        sizes = lengths(lines)
        for k in np.argsort(-sizes, kind="stable"):
            if sizes[k] <= best:
                break
            line = column(lines, int(k))
            signs = [s for s, may in zip((1.0, -1.0), allowed, strict=True) if may[k]]
            bounds = ((self.flow_bound(line, f, signs), f) for f in self.candidates(line, signs))
            bound, flows[k] = min(bounds, key=lambda pair: pair[0])
            best = max(best, bound)
        return best * (1 + 1e-12), {"flow": flows}

    def flow_bound(self, line: Array, flow: Array, signs: Sequence[float]) -> float:
        """Return the bound of a line by a flow, for each of its signs."""
        return max((self.bound(s * line, s * flow) for s in signs), default=0.0)

    def candidates(self, line: Array, signs: Sequence[float]) -> Iterator[Array]:
        """Yield flows for a line: 0, the best of each sign, and the best without a cone."""
        yield np.zeros(len(self.edges))
        for s in signs[:1] if self.free else signs:
            yield s * self.flow(s * line)
        if len(signs) > 1 and not self.free:
            yield Variation(self.edges, self.rho).flow(line)

    def solve_all(self, Y: Array) -> tuple[Array, Array, Array]:
        """Return the results of `solve` for all columns; on paths they are computed at once."""
        top = np.abs(Y).max(axis=0, initial=0.0)
        if self.slow or not np.isfinite(top).all():
            found = [self.solve_rising(y) for y in Y.T]
            X, flows = (np.reshape([f[k] for f in found], (len(found), -1)).T for k in (0, 2))
            return X, np.array([f[1] for f in found]), flows
        Y = Y / np.where(top > 0, top, 1.0)
        Z, flows = carry_along(self.graph(len(Y)), self.path(len(Y)), Y, self.rho)
        price = self.value(Z)
        X = Z / np.where(price > 0, price, 1.0)
        values = np.einsum("ij,ij->j", Y, X)
        for k in np.flatnonzero(values <= 0):
            X[:, k] = self.unit(Y[:, k])
            values[k] = max(float(Y[:, k] @ X[:, k]), 0.0)
        return X, values * top, flows * top

    def solve(self, y: Array) -> tuple[Array, float, Array]:
        """Return (x, <y, x>, f): the maximizer with g(x) = 1, g*(y), and the flow."""
        X, values, flows = self.solve_all(y[:, None])
        return X[:, 0], float(values[0]), flows[:, 0]

    def solve_rising(self, y: Array) -> tuple[Array, float, Array]:
        """Return the result of `solve` by Dinkelbach's method: an increasing sequence of t.

        Let z be the prox of rho t times total variation at y.  Then <y, z> / g(z) is at most g*(y),
        and it is Newton's next t for |z(t)| = t, so the sequence increases to g*(y).
        """
        graph = self.graph(len(y))
        top = float(np.abs(y).max(initial=0.0))
        flow = np.zeros(len(self.edges))
        x = self.unit(y)
        if top == 0.0 or not np.isfinite(top):
            return x, 0.0, flow
        y = y / top
        t = max(float(y @ x), 0.0)
        for _ in range(RISES):
            prox = denoise(graph, y, self.rho * t, flow)
            price = self.rho * variation(graph, prox.z) + float(length(prox.z))
            ratio = float(y @ prox.z) / price if price > 0 else 0.0
            flow = prox.f
            if ratio <= t:
                break
            x, t = prox.z / price, ratio
        return x, t * top, flow * top

    def maximizer(self, y: Array) -> Array:
        """Return the maximizer of <y, x>."""
        return self.solve(y)[0]

    def maximizers(self, Y: Array) -> Array:
        """Return the maximizer of each column."""
        return self.solve_all(Y)[0]

    def prox(self, x: Array, t: float) -> Array:
        """Return the prox of total variation on the cone, shortened by t.

        The prox of |.|_2 after that of a positively homogeneous function is the prox of the sum,
        because scaling z does not change the subgradients at z.
        """
        if not self.slow and np.isfinite(x).all():
            columns = x.reshape(len(x), -1)
            Z = denoise_along(self.graph(len(x)), self.path(len(x)), columns, self.rho * t)
            sizes = np.asarray(length(Z))
            shares = np.maximum(sizes - t, 0.0) / np.where(sizes > 0, sizes, 1.0)
            return np.asarray(Z * shares).reshape(x.shape)
        if x.ndim > 1:
            return np.column_stack([self.prox(column, t) for column in x.T])
        if float(self.dual(x)) <= t:
            return np.zeros_like(x)
        z = denoise(self.graph(len(x)), x, self.rho * t).z
        size = float(length(z))
        return np.asarray(z * (max(size - t, 0.0) / size)) if size > 0 else z

    def unit_sizes(self, d: int) -> Array:
        """Return 1 + rho times the degree of each coordinate."""
        degrees = np.bincount(self.pairs.reshape(-1), minlength=d)
        return np.asarray(1.0 + self.rho * degrees[:d])


def lengths(lines: Any) -> Array:  # noqa: ANN401  an array or scipy.sparse
    """Return the l2 norm of each column."""
    square = lines.multiply(lines) if sparse.issparse(lines) else np.square(lines)
    return np.asarray(np.sqrt(np.asarray(square.sum(axis=0))).reshape(-1))


def column(lines: Any, k: int) -> Array:  # noqa: ANN401  an array or scipy.sparse
    """Return one column, dense."""
    if sparse.issparse(lines):
        return np.asarray(lines.tocsc()[:, [k]].toarray()).reshape(-1)
    return np.asarray(lines[:, k])


def ends(edge: object, k: int) -> tuple[int, int]:
    """Return one edge as two different natural numbers."""
    if not is_list(edge) or len(edge) != 2:  # noqa: PLR2004  a pair
        raise InputError(f"edges[{k}] must be a pair of coordinates, got {short(edge)}")
    for i in edge:
        whole = isinstance(i, int | np.integer) and not isinstance(i, bool)
        if not whole or i < 0:
            raise InputError(f"edges[{k}] must be two coordinates >= 0, got {short(edge)}")
    i, j = int(edge[0]), int(edge[1])
    if i == j:
        raise InputError(f"edges[{k}] joins coordinate {i} to itself: leave it out")
    return i, j
