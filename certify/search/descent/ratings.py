"""Least squares over few observed entries: steps whose cost is that of the entries.

    f(U, V, a, b) = 1/2 sum over observed (i, j) of c_ij (y_ij - <u_i, v_j> - a_i - b_j)^2
                    + lam/2 (sum p_i |u_i|^2 + sum q_j |v_j|^2)
                    + 1/2 sum alpha_i a_i^2 + 1/2 sum beta_j b_j^2

The biases are components of which one side is fixed at 1: (a, 1) and (1, b).  All numbers are the
rows of one array x = [U; V] (m + n, r), on which L-BFGS works in single precision, with the inverse
of the diagonal of the Hessian,

    D = price + [C V^2; C^T U^2]      (squares entry by entry, C the weights of the entries),

as its first metric: without it, lines of few and of many entries need steps of different lengths.
Rows of the data are sorted by how many entries they have, so that rows of equal counts are one
dense block.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import starmap
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.linalg import blas

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.losses import Squared
from certify.offsets import ColumnIntercept, RowIntercept
from certify.problem import Problem, Values

Floats = npt.NDArray[Any]  # of single or double precision
P = TypeVar("P", bound="Valued")
Biases = tuple[Array | None, Array | None]  # of rows and of columns
BYTES = 5e5  # gathered at once, to stay in a core's cache; cost, never truth
CORES = min(os.cpu_count() or 1, 4)
WINDOW = 5  # steps over which a gain is measured
REMEMBERED, REFRESHED = 6, 20  # steps of L-BFGS, and those after which its first metric is new
ARMIJO, SHORTEST, TRIES = 1e-4, 0.1, 10  # of the line search
CURVED = 1e-8  # cosine of a step and its change of slope under which it is forgotten
FLAT = 1e-8  # relative change of the value that may be rounding
RUN = 4096  # products summed in the precision of the numbers


@dataclass(frozen=True)
class Entries:
    """The observed entries, rows sorted by their counts, in one precision.

    rows     the row of the data that each sorted row is
    y, cols  values and columns of the entries; starts: where each row's begin, (m + 1,)
    weights  c, or None for 1
    prices   lam p (m,) and lam q (n,); of a and b, each None where there is no such bias
    """

    shape: tuple[int, int]
    rows: npt.NDArray[np.int64]
    y: Floats
    cols: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64]
    weights: Floats | None
    prices: tuple[Array, Array]
    biases: Biases
    blocks: dict[int, list[tuple[int, int, int]]] = field(default_factory=dict, repr=False)

    @property
    def kind(self) -> Any:  # noqa: ANN401  a dtype
        """The precision."""
        return self.y.dtype

    @property
    def bias_count(self) -> int:
        """How many components are biases."""
        return sum(b is not None for b in self.biases)

    @cached_property
    def pool(self) -> ThreadPoolExecutor:
        """Threads that share the work."""
        return ThreadPoolExecutor(CORES)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the threads here."""
        return {k: x for k, x in self.__dict__.items() if k != "pool"}

    def matrix(self, values: Floats) -> Any:  # noqa: ANN401  scipy.sparse
        """Return the sparse matrix of these values."""
        return sparse.csr_array((values, self.cols, self.starts), shape=self.shape)

    def times_transposed(self, values: Floats, left: Floats) -> Floats:
        """Return X^T left of the matrix X of these values: halves of the rows at once."""
        m, middle = self.shape[0], int(np.searchsorted(self.starts, len(values) // 2))

        def half(a: int, z: int) -> Floats:
            """Return the product with the rows [a, z), whose entries are not copied."""
            at, begin = slice(self.starts[a], self.starts[z]), self.starts[a : z + 1]
            listed = values[at], self.cols[at], begin - begin[0]
            X = sparse.csr_array(listed, shape=(z - a, self.shape[1]))
            return np.asarray(X.T @ left[a:z])

        other = self.pool.submit(half, 0, middle)
        return np.asarray(half(middle, m) + other.result())

    @cached_property
    def weight_matrix(self) -> Any:  # noqa: ANN401  scipy.sparse
        """The weights of the entries as a matrix: C."""
        ones = np.ones(len(self.y), dtype=self.kind) if self.weights is None else self.weights
        return self.matrix(ones)

    def parts(self, r: int) -> list[tuple[int, int, int]]:
        """Return blocks (first row, last row, entries a row) that fit into a cache."""
        if r not in self.blocks:
            counts, out = np.diff(self.starts), []
            a = int(np.searchsorted(counts, 1))
            while a < len(counts):
                k = int(counts[a])
                z = int(np.searchsorted(counts, k, side="right"))
                size = max(1, int(BYTES / (k * max(r, 1) * self.kind.itemsize)))
                out += [(s, min(z, s + size), k) for s in range(a, z, size)]
                a = z
            self.blocks[r] = out
        return self.blocks[r]

    def residual(self, U: Floats, V: Floats) -> tuple[Floats, Floats]:
        """Return y - <u_i, v_j> at the observed entries, and W V: V is gathered once for both."""
        out, pull, parts = np.empty_like(self.y), np.zeros_like(U), self.parts(U.shape[1])
        most, r = max(((z - a) * k for a, z, k in parts), default=0), V.shape[1]

        def work(held: Floats, a: int, z: int, k: int) -> None:
            """Fill the rows [a, z), which have k entries each."""
            at = slice(self.starts[a], self.starts[z])
            vectors = held[: (z - a) * k]
            V.take(self.cols[at], axis=0, out=vectors, mode="clip")
            vectors = vectors.reshape(z - a, k, r)
            rest = self.y[at] - np.matmul(vectors, U[a:z, :, None]).reshape(-1)
            W = rest if self.weights is None else self.weights[at] * rest
            pull[a:z] = np.matmul(W.reshape(z - a, 1, k), vectors)[:, 0]
            out[at] = rest

        def works(some: list[tuple[int, int, int]]) -> None:
            """Fill many blocks; a BLAS may raise a flag on lanes it does not use."""
            held = np.empty((most, r), dtype=V.dtype)  # once: a worker may ask the system for each
            with np.errstate(all="ignore"):  # `check` has it for its own thread alone
                list(starmap(partial(work, held), some))

        list(self.pool.map(works, [parts[k :: 4 * CORES] for k in range(4 * CORES)]))
        return out, pull

    def dual(self, rest: Floats) -> Floats:
        """Return W, the weighted residual."""
        return rest if self.weights is None else self.weights * rest

    def price(self, r: int) -> Floats:
        """Return the price of each square of x (m + n, r + biases); 0 for what is fixed."""
        m, n = self.shape
        out = np.zeros((m + n, r + self.bias_count), dtype=self.kind)
        out[:m, :r], out[m:, :r] = self.prices[0][:, None], self.prices[1][:, None]
        k = r
        for side, bias in zip((slice(0, m), slice(m, None)), self.biases, strict=True):
            if bias is not None:
                out[side, k] = bias
                k += 1
        return out

    def free(self, r: int) -> Floats:
        """Return 1 for each number of x that may move, 0 for the fixed sides of biases."""
        out, m, k = (
            np.ones((sum(self.shape), r + self.bias_count), dtype=self.kind),
            self.shape[0],
            r,
        )
        for side, bias in zip((slice(m, None), slice(0, m)), self.biases, strict=True):
            if bias is not None:
                out[side, k] = 0.0
                k += 1
        return out

    def into(self, factors: Factors, biases: Biases) -> Floats:
        """Return x of factors and of the biases of rows and columns, None where there is none."""
        (U, V), m, r = factors, self.shape[0], factors[0].shape[1]
        out = np.ones((sum(self.shape), r + self.bias_count), dtype=self.kind)
        out[:m, :r], out[m:, :r] = U[self.rows], V
        rows, cols = biases
        if rows is not None:
            out[:m, r] = rows[self.rows]
        if cols is not None:
            out[m:, -1] = cols
        return out

    def out(self, x: Floats) -> Factors:
        """Return the factors of x, in double precision."""
        m, r = self.shape[0], x.shape[1] - self.bias_count
        place = np.argsort(self.rows)
        return x[:m, :r][place].astype(np.float64), x[m:, :r].astype(np.float64)


def biases_of(problem: Problem, q: Values) -> Biases:
    """Return the biases of rows and of columns, whatever their order among the offsets."""
    by_name = {o.name: x for o, x in zip(problem.offsets, q, strict=True)}
    return by_name.get("row"), by_name.get("column")


def applies(problem: Problem) -> bool:
    """Whether this is the objective: l2 norms, weighted or not, and biases of rows or columns."""
    loss, atom = problem.loss, problem.atom
    if not isinstance(loss, Squared) or loss.observed.full or atom.family != "pairs":
        return False
    known = all(isinstance(o, RowIntercept | ColumnIntercept) for o in problem.offsets)
    return known and all(g.is_round and g.exact and g.free for g in atom.gauges)


def entries_of(problem: Problem, kind: Any = np.float32) -> Entries:  # noqa: ANN401  a dtype
    """Return the observed entries of a problem to which this `applies`."""
    loss, observed = problem.loss, problem.loss.observed
    if not isinstance(loss, Squared):
        raise TypeError(f"least squares is known here, not {type(loss).__name__}")
    gauges, dims = problem.atom.gauges, (observed.m, observed.n)
    p, q = (problem.lam * g.ellipsoids(d).weights for g, d in zip(gauges, dims, strict=True))
    biases = biases_of(
        problem, tuple(o.priced * np.ones(o.shape(observed)) for o in problem.offsets)
    )
    listed = observed.indptr, observed.listed[1], loss.data, loss.scale
    return sort_rows(dims, listed, (p, q), biases, kind)


def sort_rows(
    shape: tuple[int, int],
    listed: tuple[Any, Any, Array, Array | None],
    prices: tuple[Array, Array],
    biases: Biases,
    kind: Any,  # noqa: ANN401  a dtype
) -> Entries:
    """Return entries that are listed row by row: where each row's begin, columns, values, weights.

    prices, biases  as Entries has them, of the rows as they are
    """
    indptr, cols, y, c = listed
    counts = np.diff(indptr)
    rows = np.argsort(counts, kind="stable")
    starts = np.concatenate([[0], np.cumsum(counts[rows])])
    order = np.repeat(indptr[rows] - starts[:-1], counts[rows])
    order += np.arange(len(y))
    return Entries(
        shape,
        rows,
        y[order].astype(kind),
        cols[order].astype(np.int32),
        starts,
        None if c is None else c[order].astype(kind),
        (prices[0][rows], prices[1]),
        (None if biases[0] is None else biases[0][rows], biases[1]),
    )


@dataclass
class Steps:
    """Steps of L-BFGS with their changes of the slope."""

    s: list[Floats] = field(default_factory=list)
    y: list[Floats] = field(default_factory=list)
    products: list[float] = field(default_factory=list)

    def remember(self, s: Floats, y: Floats) -> None:
        """Keep a step along which the slope rises; forget the oldest."""
        product = dot(s, y)
        if product > CURVED * (dot(s, s) * dot(y, y)) ** 0.5:
            self.s = [*self.s, s][-REMEMBERED:]
            self.y = [*self.y, y][-REMEMBERED:]
            self.products = [*self.products, product][-REMEMBERED:]

    def direction(self, slope: Floats, D: Floats) -> Floats:
        """Return minus the inverse Hessian times the slope, in two loops."""
        out, kept = -slope, []
        for s, y, product in zip(self.s[::-1], self.y[::-1], self.products[::-1], strict=True):
            a = dot(s, out) / product
            add_scaled(out, y, -a)
            kept.append(a)
        out /= D
        if self.s:
            last = self.y[-1]
            out *= out.dtype.type(self.products[-1] / dot(last, last / D))
        for s, y, product, a in zip(self.s, self.y, self.products, kept[::-1], strict=True):
            add_scaled(out, s, a - dot(y, out) / product)
        return out


class Valued(Protocol):
    """A point whose value is known."""

    @property
    def value(self) -> float:
        """The objective."""


@dataclass(frozen=True)
class Point:
    """x, its value, slope and residual."""

    x: Floats
    value: float
    slope: Floats
    rest: Floats


@dataclass(frozen=True)
class Objective:
    """The objective at a number of components: prices, and what may move."""

    entries: Entries
    price: Floats
    free: Floats

    def at(self, x: Floats) -> Point:
        """Return the point at x."""
        entries, m = self.entries, self.entries.shape[0]
        rest, pull = entries.residual(x[:m], x[m:])
        W, slope = entries.dual(rest), self.price * x
        value = 0.5 * (dot(W, rest) + dot(slope, x))
        slope[:m] -= pull
        slope[m:] -= entries.times_transposed(W, x[:m])
        slope *= self.free
        return Point(x, value, slope, rest)

    def along(self, x: Floats, d: Floats, t: float) -> Point:
        """Return the point at x + t d."""
        return self.at(x + d.dtype.type(t) * d)

    def metric(self, x: Floats) -> Floats:
        """Return the diagonal of the Hessian."""
        entries, m = self.entries, self.entries.shape[0]
        squares, D = np.square(x), self.price.copy()
        D[:m] += entries.weight_matrix @ squares[m:]
        D[m:] += entries.times_transposed(entries.weight_matrix.data, squares[:m])
        return np.asarray(np.maximum(D, np.finfo(D.dtype).tiny ** 0.5))


def objective_of(entries: Entries, r: int) -> Objective:
    """Return the objective of r components beside the biases."""
    return Objective(entries, entries.price(r), entries.free(r))


def descend(
    entries: Entries,
    x: Floats,
    steps: int,
    expired: Callable[[], bool] = lambda: False,
    stall: float = 0.0,
) -> Point:
    """Return a point after some steps of L-BFGS, never higher but for rounding.

    stall: the gain of WINDOW steps that ends them
    """
    objective = objective_of(entries, x.shape[1] - entries.bias_count)
    now, memory = objective.at(x), Steps()
    D, values = objective.metric(x), [now.value]
    for k in range(steps):
        if expired() or (k > WINDOW and values[-1 - WINDOW] - values[-1] <= stall):
            break
        if k and k % REFRESHED == 0:
            D = objective.metric(now.x)
        d = memory.direction(now.slope, D)
        along = dot(now.slope, d)
        if not along < 0:
            if not memory.s:
                break
            memory = Steps()
            continue
        new = line_search(partial(objective.along, now.x, d), now, along)
        if new is None:
            break
        memory.remember(new.x - now.x, new.slope - now.slope)
        now = new
        values.append(now.value)
    return now


def line_search(at: Callable[[float], P], now: P, along: float) -> P | None:
    """Return a lower point of those at(t), t = 1 first; None for none.

    along  the slope by t at 0
    """
    t = 1.0
    for _ in range(TRIES):
        new = at(t)
        gained = now.value - new.value
        if gained >= -ARMIJO * t * along or abs(gained) <= FLAT * abs(now.value):
            return new
        bend = 2 * (new.value - now.value - t * along)
        t = float(np.clip(-along * t * t / bend, SHORTEST * t, 0.5 * t)) if bend > 0 else 0.5 * t
    return None


def dot(x: Floats, y: Floats) -> float:
    """Return <x, y>, summed in double precision over short runs."""
    a, b = x.reshape(-1), y.reshape(-1)
    runs = range(0, len(a), RUN)
    return float(sum(float(a[k : k + RUN] @ b[k : k + RUN]) for k in runs))


def add_scaled(x: Floats, y: Floats, t: float) -> None:
    """Add t y to x, in place."""
    axpy = blas.saxpy if x.dtype == np.float32 else blas.daxpy
    if x.size:
        axpy(y.reshape(-1), x.reshape(-1), a=t)
