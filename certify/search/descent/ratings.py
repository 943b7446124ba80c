"""Smooth losses over few observed entries: descents whose cost is that of the entries.

    f(U, V, a, b) = sum over observed (i, j) of c_ij h(<u_i, v_j> + a_i + b_j; y_ij)
                    + lam/2 (sum p_i |u_i|^2 + sum q_j |v_j|^2)
                    + 1/2 sum alpha_i a_i^2 + 1/2 sum beta_j b_j^2

Biases are components with one side fixed at 1: (a, 1) and (1, b).  All numbers are the rows of one
array x = [U; V] (m + n, r), on which L-BFGS works in single precision.  Its first metric is the
inverse of the diagonal of the Hessian,

    D = price + [C V^2; C^T U^2]      (squares entry by entry, C = c h'' at the entries),

because lines of few and of many entries need steps of different lengths.  Factors with signs are
projected: a number at 0 with a positive slope stays there, and no step goes below 0.
The rows of the data are sorted by their number of entries, so that rows of equal numbers form a
dense block.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import pairwise
from math import fsum
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.linalg import blas

from certify.atoms import Factors
from certify.base.arrays import Array, Dtype, SparseMatrix
from certify.base.gram import CORES
from certify.losses import Entrywise, KullbackLeibler
from certify.offsets import ColumnIntercept, RowIntercept
from certify.problem import Problem, Values

from .extended import Extended

Floats = npt.NDArray[Any]  # of single or double precision
P = TypeVar("P", bound=Any)  # a point: it has a `value`
Biases = tuple[Array | None, Array | None]  # of rows and of columns
SIGNS = ("", "+")  # the cones that are known: any numbers, or >= 0
BYTES = 5e5  # gathered at once, to stay in a core's cache; cost, never truth
WINDOW = 5  # steps over which a gain is measured
REMEMBERED, REFRESHED = 2, 20  # steps that L-BFGS remembers; between two first metrics
ARMIJO, SHORTEST, TRIES = 1e-4, 0.1, 10  # of the line search
CURVED = 1e-8  # the least cosine of a step and its change of slope that is remembered
FLAT = 1e-8  # relative change of the value that may be rounding
RUN = 4096  # products summed in the precision of the numbers


class Block(NamedTuple):
    """The rows [first, last) with `number` entries each; the place and the loss of the entries."""

    first: int
    last: int
    number: int
    at: slice
    loss: Entrywise

    @property
    def size(self) -> int:
        """The number of entries."""
        return (self.last - self.first) * self.number


@dataclass(frozen=True)
class Entries:
    """The observed entries, rows sorted by their counts, in one precision.

    rows     the row of the data for each sorted row
    order    the entry of the data for each sorted entry
    loss     the loss of the entries
    cols     their columns
    starts   the first entry of each row, (m + 1,)
    prices   lam p (m,) and lam q (n,)
    biases   alpha (m,) and beta (n,), each None without such a bias
    signs    whether U >= 0, and whether V >= 0
    blocks   by the number of components, made when needed
    """

    shape: tuple[int, int]
    rows: npt.NDArray[np.int64]
    order: npt.NDArray[np.int64]
    loss: Entrywise
    cols: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64]
    prices: tuple[Array, Array]
    biases: Biases
    signs: tuple[bool, bool] = (False, False)
    blocks: dict[int, list[Block]] = field(default_factory=dict, repr=False)

    @property
    def kind(self) -> Dtype:
        """The dtype of all numbers."""
        return self.loss.data.dtype

    @property
    def bias_count(self) -> int:
        """The number of components that are biases."""
        return sum(b is not None for b in self.biases)

    @cached_property
    def pool(self) -> ThreadPoolExecutor:
        """Threads that share the work."""
        return ThreadPoolExecutor(CORES)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the threads and the blocks, which are made again."""
        return {k: x for k, x in self.__dict__.items() if k != "pool"} | {"blocks": {}}

    def without_signs(self) -> "Entries":
        """Return the same entries for factors of any signs, with a loss that is always finite."""
        loss: Entrywise = self.loss
        if isinstance(loss, KullbackLeibler):
            loss = Extended(loss, float(loss.data.mean()))
        return replace(self, loss=loss, signs=(False, False), blocks={})

    def matrix(self, values: Floats) -> SparseMatrix:
        """Return the sparse matrix of these values."""
        return sparse.csr_array((values, self.cols, self.starts), shape=self.shape)

    def times_transposed(self, values: Floats, left: Floats) -> Floats:
        """Return X^T left for the matrix X of these values, two halves of the rows in parallel."""
        m, middle = self.shape[0], int(np.searchsorted(self.starts, len(values) // 2))

        def half(a: int, z: int) -> Floats:
            """Return the product with the rows [a, z), without a copy of their entries."""
            at, begin = slice(self.starts[a], self.starts[z]), self.starts[a : z + 1]
            listed = values[at], self.cols[at], begin - begin[0]
            X = sparse.csr_array(listed, shape=(z - a, self.shape[1]))
            return np.asarray(X.T @ left[a:z])

        other = self.pool.submit(half, 0, middle)
        return np.asarray(half(middle, m) + other.result())

    def parts(self, r: int) -> list[Block]:
        """Return blocks of rows, of equal numbers of entries, that fit into a cache."""
        if r not in self.blocks:
            numbers, firsts = np.unique(np.diff(self.starts), return_index=True)
            ends, out = pairwise([*firsts.tolist(), self.shape[0]]), []
            for k, (a, z) in zip(numbers.tolist(), ends, strict=True):
                size = max(1, int(BYTES / (max(k, 1) * max(r, 1) * self.kind.itemsize)))
                out += [self.block(s, min(z, s + size), k) for s in range(a, z, size) if k]
            self.blocks[r] = out
        return self.blocks[r]

    def block(self, first: int, last: int, number: int) -> Block:
        """Return the block of the rows [first, last), which have `number` entries each."""
        at = slice(int(self.starts[first]), int(self.starts[last]))
        return Block(first, last, number, at, self.loss.restrict(at))

    def each_block(
        self, U: Floats, V: Floats, work: Callable[[Floats, Floats, Block], float]
    ) -> float:
        """Return the sum of work(rows, Z, block) over all blocks, which run in parallel.

        rows  the rows of V for each entry of the block
        Z     <u_i, v_j> for each entry of the block
        """
        parts, r = self.parts(V.shape[1]), V.shape[1]
        most = max((b.size for b in parts), default=0)

        def fit(buffer: Floats, block: Block) -> float:
            """Gather the rows of V for a block, and work on it."""
            vectors = buffer[: block.size]
            V.take(self.cols[block.at], axis=0, out=vectors, mode="clip")
            vectors = vectors.reshape(block.last - block.first, block.number, r)
            Z = np.matmul(vectors, U[block.first : block.last, :, None]).reshape(-1)
            return work(vectors, Z, block)

        def works(some: list[Block]) -> list[float]:
            """Work on many blocks."""
            buffer = np.empty((most, r), dtype=V.dtype)  # one, as an allocation may be slow
            with np.errstate(all="ignore"):  # BLAS may raise a flag for numbers that it ignores
                return [fit(buffer, block) for block in some]

        shares = [parts[k :: 4 * CORES] for k in range(4 * CORES)]
        terms = [x for share in self.pool.map(works, shares) for x in share]
        return fsum(terms) if np.isfinite(terms).all() else np.inf

    def fit(self, U: Floats, V: Floats) -> tuple[float, Floats, Floats]:
        """Return the loss, W = -c h' and W V; V is gathered once for all three."""
        W, pull = np.empty_like(self.loss.data), np.zeros_like(U)

        def work(vectors: Floats, Z: Floats, block: Block) -> float:
            """Fill the rows of a block; return their loss."""
            at, loss = block.at, block.loss
            W[at] = -(loss.field_weights * loss.slope(Z))
            pulls = np.matmul(W[at].reshape(len(vectors), 1, -1), vectors)
            pull[block.first : block.last] = pulls[:, 0]
            return float((loss.field_weights * loss.each(Z)).sum(dtype=np.float64))

        return self.each_block(U, V, work), W, pull

    def dual_point(self, x: Floats) -> Array:
        """Return W at x as a field of the data."""
        m, out = self.shape[0], np.empty(len(self.order))
        same = x.astype(self.kind)
        out[self.order] = self.fit(same[:m], same[m:])[1]
        return out

    def second_derivatives(self, U: Floats, V: Floats) -> SparseMatrix:
        """Return C, the second derivatives c h'' of the entries, as a matrix."""
        out = np.full_like(self.loss.data, self.loss.curve) * self.loss.field_weights

        def work(vectors: Floats, Z: Floats, block: Block) -> float:
            """Fill the rows of a block."""
            del vectors
            out[block.at] = block.loss.field_weights * block.loss.second_derivative(Z)
            return 0.0

        if not self.loss.quadratic:
            self.each_block(U, V, work)
        return self.matrix(out)

    def price(self, r: int) -> Floats:
        """Return the price of each square of x (m + n, r + biases); 0 for fixed numbers."""
        one = np.concatenate(self.prices).astype(self.kind)[:, None]
        all_ = np.broadcast_to(one, (sum(self.shape), r))  # stored once for all components
        return np.hstack([all_, *self.bias_columns(self.biases, 0.0)]) if self.bias_count else all_

    def bias_columns(self, values: tuple[Any, Any], fixed: float) -> list[Floats]:
        """Return the column of x for each bias: its values, and a number on the fixed side."""
        out, m = [], self.shape[0]
        for side, bias, x in zip((slice(m), slice(m, None)), self.biases, values, strict=True):
            if bias is not None:
                column = np.full((sum(self.shape), 1), fixed, dtype=self.kind)
                column[side, 0] = fixed if x is None else x
                out.append(column)
        return out

    def least(self, r: int) -> Floats | None:
        """Return the lower bound of each number of x, 0 or -inf; None if there is no bound."""
        if not any(self.signs):
            return None
        m = self.shape[0]
        out = np.full((sum(self.shape), r + self.bias_count), -np.inf, dtype=self.kind)
        for side, sign in zip((slice(0, m), slice(m, None)), self.signs, strict=True):
            out[side, :r] = 0.0 if sign else -np.inf
        return out

    def free(self, r: int) -> Floats:
        """Return 1 for each number of x that may move, 0 for the fixed sides of biases."""
        ones = np.broadcast_to(self.kind.type(1), (sum(self.shape), r))
        return np.hstack([ones, *self.bias_columns((1.0, 1.0), 0.0)]) if self.bias_count else ones

    def into(self, factors: Factors, biases: Biases) -> Floats:
        """Return x; biases: of rows and of columns, each None without such a bias."""
        (U, V), (rows, cols) = factors, biases
        values = None if rows is None else rows[self.rows], cols
        both = np.vstack([U[self.rows], V]).astype(self.kind)
        return np.hstack([both, *self.bias_columns(values, 1.0)])

    def out(self, x: Floats) -> tuple[Factors, Biases]:
        """Return the factors and the biases of x in double precision, as `into` takes them."""
        m, r, place = self.shape[0], x.shape[1] - self.bias_count, np.argsort(self.rows)
        rows, cols = self.biases
        U, V = x[:m, :r][place].astype(np.float64, copy=False), x[m:, :r].astype(np.float64)
        a = None if rows is None else x[:m, r][place].astype(np.float64)
        b = None if cols is None else x[m:, -1].astype(np.float64)
        return (U, V), (a, b)


def biases_of(problem: Problem, q: Values) -> Biases:
    """Return the biases of rows and of columns, whatever their order among the offsets."""
    by_name = {o.kind: x for o, x in zip(problem.offsets, q, strict=True)}
    return by_name.get("row"), by_name.get("column")


def values_of(problem: Problem, biases: Biases) -> Values:
    """Return biases of rows and of columns as the values of the problem's offsets."""
    by_name = {k: x for k, x in zip(("row", "column"), biases, strict=True) if x is not None}
    return tuple(by_name[o.kind] for o in problem.offsets)


def applies(problem: Problem) -> bool:
    """Whether this objective is the problem's: a smooth loss of entries, l2 norms, and biases.

    The norms may be weighted, and each factor may have a sign.
    """
    loss, atom = problem.loss, problem.atom
    smooth = isinstance(loss, Entrywise) and loss.smooth
    if not smooth or loss.observed.full or loss.observed.zeros or atom.family != "pairs":
        return False
    signed = all(g.cone == "+" for g in atom.gauges)
    if loss.positive and not signed:  # the fit may leave the domain of the loss
        return False
    known = all(isinstance(o, RowIntercept | ColumnIntercept) for o in problem.offsets)
    return known and all(g.is_round and g.exact and g.cone in SIGNS for g in atom.gauges)


def entries_of(problem: Problem, kind: Dtype = np.float32) -> Entries:
    """Return the observed entries of a problem; `applies` must hold."""
    loss, observed = problem.loss, problem.loss.observed
    if not isinstance(loss, Entrywise):
        raise TypeError(f"losses of entries are known here, not {type(loss).__name__}")
    gauges, dims = problem.atom.gauges, (observed.m, observed.n)
    p, q = (problem.lam * g.ellipsoids(d).weights for g, d in zip(gauges, dims, strict=True))
    ridges = tuple(o.ridges * np.ones(o.shape(observed)) for o in problem.offsets)
    biases = biases_of(problem, ridges)
    listed = observed.indptr, observed.listed[1], loss
    entries = sort_rows(dims, listed, (p, q), biases, kind)
    return replace(entries, signs=(gauges[0].cone == "+", gauges[1].cone == "+"))


def sort_rows(
    shape: tuple[int, int],
    listed: tuple[Any, Any, Entrywise],
    prices: tuple[Array, Array],
    biases: Biases,
    kind: Dtype,
) -> Entries:
    """Return entries that are listed row by row.

    listed          the first entry of each row, the columns and the loss of the entries
    prices, biases  as in Entries, before the rows are sorted
    """
    indptr, cols, loss = listed
    counts = np.diff(indptr)
    rows = np.argsort(counts, kind="stable")
    starts = np.concatenate([[0], np.cumsum(counts[rows])])
    order = np.repeat(indptr[rows] - starts[:-1], counts[rows])
    order += np.arange(len(cols))
    return Entries(
        shape,
        rows,
        order,
        loss.restrict(order, kind),
        cols[order].astype(np.int32),
        starts,
        (prices[0][rows], prices[1]),
        (None if biases[0] is None else biases[0][rows], biases[1]),
    )


@dataclass
class Steps:
    """The last steps s of L-BFGS, the changes y of the slope, and <s, y>."""

    s: list[Floats] = field(default_factory=list)
    y: list[Floats] = field(default_factory=list)
    products: list[float] = field(default_factory=list)

    def remember(self, s: Floats, y: Floats) -> None:
        """Keep a step along which the slope rises."""
        product = dot(s, y)
        if product > CURVED * (dot(s, s) * dot(y, y)) ** 0.5:
            self.s.append(s)
            self.y.append(y)
            self.products.append(product)

    def make_room(self) -> None:
        """Forget the oldest step if the memory is full."""
        first = max(len(self.s) + 1 - REMEMBERED, 0)
        self.s, self.y, self.products = self.s[first:], self.y[first:], self.products[first:]

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


@dataclass(frozen=True)
class Point:
    """x, its value and slope, and W = -c h' at the entries."""

    x: Floats
    value: float
    slope: Floats
    W: Floats


@dataclass(frozen=True)
class Objective:
    """The objective at a number of components: prices, free numbers and lower bounds."""

    entries: Entries
    price: Floats
    free: Floats
    least: Floats | None

    def at(self, x: Floats) -> Point:
        """Return the point at x."""
        entries, m = self.entries, self.entries.shape[0]
        loss, W, pull = entries.fit(x[:m], x[m:])
        slope = self.price * x
        value = loss + 0.5 * dot(slope, x)
        slope[:m] -= pull
        slope[m:] -= entries.times_transposed(W, x[:m])
        slope *= self.free
        return Point(x, value, slope, W)

    def along(self, now: Point, d: Floats, t: float) -> Point:
        """Return the point at x + t d, projected onto the lower bounds."""
        x = now.x + d.dtype.type(t) * d
        return self.at(x if self.least is None else np.maximum(x, self.least))

    def still(self, now: Point) -> Any:  # noqa: ANN401  booleans
        """Return which numbers are at their lower bound and would fall; None without bounds."""
        return None if self.least is None else (now.x <= self.least) & (now.slope > 0)

    def metric(self, x: Floats) -> Floats:
        """Return the diagonal of the Hessian."""
        entries, m = self.entries, self.entries.shape[0]
        squares, C = np.square(x), entries.second_derivatives(x[:m], x[m:])
        curved = C @ squares[m:], entries.times_transposed(C.data, squares[:m])
        return floor(self.price + np.vstack(curved))


def floor(D: Floats) -> Floats:
    """Raise the numbers of a metric that are too small to divide by."""
    return np.asarray(np.maximum(D, np.finfo(D.dtype).tiny ** 0.5))


def objective_of(entries: Entries, r: int) -> Objective:
    """Return the objective of r components beside the biases."""
    return Objective(entries, entries.price(r), entries.free(r), entries.least(r))


def descend(
    entries: Entries,
    x: Floats,
    steps: int,
    expired: Callable[[], bool] = lambda: False,
    stall: float = 0.0,
) -> Point:
    """Return the point after some steps of L-BFGS; it is never higher except by rounding.

    stall  the gain of WINDOW steps that ends the descent
    """
    objective = objective_of(entries, x.shape[1] - entries.bias_count)
    now, memory = objective.at(x), Steps()
    D, values = objective.metric(x), [now.value]
    del x  # it is large
    for k in range(steps):
        if expired() or (k > WINDOW and values[-1 - WINDOW] - values[-1] <= stall):
            break
        if k and k % REFRESHED == 0:
            D = objective.metric(now.x)
        still = objective.still(now)
        slope = now.slope if still is None else np.where(still, 0, now.slope)
        d = memory.direction(slope, D)
        if still is not None:
            d[still] = 0
        along = dot(slope, d)
        if not along < 0:
            if not memory.s:
                break
            memory = Steps()
            continue
        memory.make_room()  # before the next point takes memory
        new = line_search(partial(objective.along, now, d), now, along)
        if new is None:
            break
        memory.remember(new.x - now.x, new.slope - now.slope)
        now = new
        values.append(now.value)
    return now


def line_search(at: Callable[[float], P], now: P, along: float) -> P | None:
    """Return a point at(t) that is lower than `now`, t = 1 first; None if none is found.

    along  the derivative in t at 0
    """
    t = 1.0
    for _ in range(TRIES):
        new = at(t)
        gained = now.value - new.value
        if gained >= -ARMIJO * t * along or abs(gained) <= FLAT * abs(now.value):
            return new
        curvature = 2 * (new.value - now.value - t * along)
        shorter = -along * t * t / curvature if curvature > 0 else 0.5 * t
        t = float(np.clip(shorter, SHORTEST * t, 0.5 * t))
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
