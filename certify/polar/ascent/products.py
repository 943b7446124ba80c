"""Lower bounds of the polar of products: local maximizers of <W, x1 o ... o xK>, many at once.

Each step replaces one mode's vectors by the best responses to the others, the maximizers of its
norm, so that no value falls.  One vector for all modes moves in one of two ways; no value falls:

    l2              x <- the maximizer of T x^(K-1) + shift x, the shift doubled where that fell
    other norms     the best point of the segment to the maximizer of T x^(K-1)

Sources: De Lathauwer, De Moor and Vandewalle 2000 (higher-order power method); Kolda and Mayo 2011
(the shift).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from itertools import product as combined

import numpy as np
from threadpoolctl import threadpool_limits

from certify.base.arrays import Array
from certify.norms import Gauge
from certify.polar import eigen as spectra
from certify.polar.product_query import Expired, Slice, never
from certify.polar.query import Matrix

from .contract import inner_product, kronecker_columns, pull, rest_pulls, symmetric_part, unfold

STARTS, STEPS = 100, 2000
EACH = 4  # random starts for each coordinate, up to STARTS
LEAST, WORK = 24, 4e6  # random starts at least; starts times entries of a large tensor
RACE, FINALISTS = 15, 12  # steps of every start, and how many go on
STALLED = 1e-15  # relative gain below which an ascent stops; luck, never truth
SIGNS = 64  # combinations of signs of a start at most
INNER = 3  # turns over all modes but the first, for one product with W
ONE, EIGENVECTORS = 40, 4  # random starts, and singular vectors, of one vector for all modes
NUMBERS = 1 << 20  # entries of one mode in the columns that climb at once, at most
GRID, ZOOMS = np.linspace(-1.0, 1.0, 33), 6  # of a segment; each grid is a 16th of the last
DOUBLINGS = 64.0  # the largest shift, divided by the first one


@dataclass(frozen=True)
class Target:
    """<W, x1 o ... o xK> for vectors of norm 1, W an (n1, n2 ... nK) array or sparse matrix.

    norms      one a mode; the same for all if symmetric
    symmetric  whether one vector serves all modes: then factors are one array
    """

    W: Matrix
    norms: tuple[Gauge, ...]
    symmetric: bool = False
    expired: Expired = never

    def full(self, xs: Sequence[Array]) -> tuple[Array, ...]:
        """Return the vectors of all modes."""
        return tuple(xs) * (len(self.norms) if self.symmetric else 1)

    def values(self, xs: Sequence[Array]) -> Array:
        """Return the value of each column."""
        full = self.full(xs)
        return np.asarray((full[0] * np.asarray(self.W @ kronecker_columns(full[1:]))).sum(axis=0))

    @cached_property
    def largest_shift(self) -> float:
        """A shift with which x^T T x^(K-1) + shift |x|^2 is convex; 0 where none is needed."""
        if not (self.symmetric and self.norms[0].spherical):
            return 0.0
        entries = self.W if isinstance(self.W, np.ndarray) else self.W.data
        return float((len(self.norms) - 1) * np.linalg.norm(entries))

    def step(self, xs: Sequence[Array], shift: Array) -> tuple[tuple[Array, ...], Array]:
        """Return the vectors after a step, and their values."""
        if not self.symmetric:
            return self.alternate(xs)
        x, norm = xs[0], self.norms[0]
        y = self.pull(x)
        if norm.spherical:
            new = norm.maximizers(y + shift * x)
        else:
            new = self.along(x, norm.maximizers(y))
        return (new,), self.values((new,))

    def alternate(self, xs: Sequence[Array]) -> tuple[tuple[Array, ...], Array]:
        """Return the vectors after the best response of each mode in turn."""
        vectors = list(xs)
        vectors[0] = self.norms[0].maximizers(np.asarray(self.W @ kronecker_columns(vectors[1:])))
        left = np.asarray(self.W.T @ vectors[0])
        for _ in range(INNER if len(vectors) > 2 else 1):  # noqa: PLR2004  one mode is done at once
            for k in range(1, len(vectors)):
                vectors[k] = self.norms[k].maximizers(pull(left, vectors[1:], k - 1))
        return tuple(vectors), np.asarray((left * kronecker_columns(vectors[1:])).sum(axis=0))

    def pull(self, x: Array) -> Array:
        """Return T x^(K-1), T the symmetric part of W."""
        full = self.full((x,))
        first = np.asarray(self.W @ kronecker_columns(full[1:]))
        rest = rest_pulls(np.asarray(self.W.T @ x), full[1:])
        return np.asarray((first + sum(rest)) / len(full))

    def along(self, x: Array, y: Array) -> Array:
        """Return the best points of the segments from x to y, pushed out to the unit sphere."""
        norm, (n, r) = self.norms[0], x.shape
        at, width = np.full(r, 0.5), 0.5
        best, values = x, self.values((x,))
        for _ in range(ZOOMS):
            t = np.clip(at + width * GRID[:, None], 0.0, 1.0)
            z = (x[:, None, :] + t * (y - x)[:, None, :]).reshape(n, -1)
            sizes = np.asarray(norm.value(z))
            z = z / np.where(sizes > 0, sizes, 1.0)
            grid_values = np.where(sizes > 0, self.values((z,)), -np.inf).reshape(t.shape)
            k, every = grid_values.argmax(axis=0), np.arange(r)
            better = grid_values[k, every] > values
            best = np.where(better, z.reshape(n, *t.shape)[:, k, every], best)
            at = np.where(better, t[k, every], at)
            values = np.maximum(values, grid_values[k, every])
            width /= 16
        return best


def climb(target: Target, xs: Sequence[Array], steps: int, settled: float) -> tuple[Array, Slice]:
    """Return the values and vectors of ascents from all columns; none ends below its start.

    settled: an ascent ends at a step that gains at most this, relative to its value.
    """
    vectors, values = [np.array(x) for x in xs], target.values(xs)
    going, shift = np.arange(len(values)), np.zeros(len(values))
    for _ in range(steps):
        part = tuple(x[:, going] for x in vectors)
        new, new_values = target.step(part, shift[going])
        gain = new_values - values[going]
        risen = going[gain > 0]
        for x, y in zip(vectors, new, strict=True):
            x[:, risen] = y[:, gain > 0]
        values[risen] = new_values[gain > 0]
        more = gain > settled * np.abs(new_values)
        if top := target.largest_shift:
            now = shift[going]
            more, larger = more | (now < top), np.minimum(2 * now + top / DOUBLINGS, top)
            shift[going] = np.where(gain > settled * np.abs(new_values), now / 2, larger)
        going = going[more]
        if not going.size or target.expired():
            break
    return values, tuple(vectors)


def climb_parts(
    target: Target, xs: Sequence[Array], steps: int, settled: float
) -> tuple[Array, Slice]:
    """Climb from as many columns at once as memory holds, until time is spent."""
    each = max(NUMBERS // target.W.shape[1], 1)
    parts = list[tuple[Array, Slice]]()
    for first in range(0, xs[0].shape[1], each):
        parts.append(climb(target, [x[:, first : first + each] for x in xs], steps, settled))
        if target.expired():
            break
    values, vectors = zip(*parts, strict=True)
    return np.concatenate(values), tuple(np.hstack(x) for x in zip(*vectors, strict=True))


def race(
    target: Target, xs: Sequence[Array], rounds: tuple[int, int, int], settled: float
) -> tuple[Array, Slice]:
    """Climb a few steps from all columns, then on from the best; return them, the best first.

    rounds: the steps of all, how many go on, and their steps.
    """
    values, vectors = climb_parts(target, xs, rounds[0], settled)
    if not target.expired():
        best = np.argsort(-values, kind="stable")[: rounds[1]]
        values, vectors = climb(target, [x[:, best] for x in vectors], rounds[2], settled)
    order = np.argsort(-values, kind="stable")
    return values[order], tuple(x[:, order] for x in vectors)


def attain(  # noqa: PLR0913  as an atom is asked, and the time
    T: Array,
    gauges: Sequence[Gauge],
    *,
    symmetric: bool = False,
    seed: int = 0,
    starts: Sequence[Slice] = (),
    expired: Expired = never,
) -> tuple[float, Slice]:
    """Return (<T, x1 o ... o xK>, (x1, ..., xK)) with unit vectors of the gauges' cones.

    symmetric: (<T, x o ... o x>, (x,)); of even order the value may be negative, and of odd order
    both x and -x are tried where the cone allows it.  Starts are singular vectors of the
    unfoldings, random ones and the given slices.  The best of all ascents is returned: a lower
    bound of the polar, recomputed from the vectors.  Once `expired` is true all ascents end;
    at least one step is taken.
    """
    with threadpool_limits(1, user_api="blas"):
        T = symmetric_part(T) if symmetric else T
        size = float(np.abs(T).max(initial=0.0))
        if size == 0.0:
            xs = tuple(g.maximizer(np.zeros(n)) for g, n in zip(gauges, T.shape, strict=True))
            return 0.0, xs[:1] if symmetric else xs
        S = T / size
        target = Target(S.reshape(len(S), -1), tuple(gauges), symmetric, expired)
        tries = (
            one_vector(S, gauges[0], seed, starts) if symmetric else first(S, gauges, seed, starts)
        )
        modes = zip(gauges, zip(*tries, strict=True), strict=False)
        columns = [unit_columns(g, np.column_stack(x)) for g, x in modes]
        vectors = race(target, columns, (RACE, FINALISTS, STEPS), STALLED)[1]
        xs = tuple(x[:, 0] for x in vectors)
        return inner_product(T, target.full(xs)), xs


def unit_columns(norm: Gauge, X: Array) -> Array:
    """Return the columns scaled to norm 1; columns of zeros do not change."""
    sizes = np.asarray(norm.value(X))
    return np.asarray(X / np.where(sizes > 0, sizes, 1.0))


def first(
    T: Array, gauges: Sequence[Gauge], seed: int, starts: Sequence[Slice]
) -> Iterator[Sequence[Array]]:
    """Yield starts: the given ones, singular vectors of each unfolding, random ones."""
    yield from ([np.asarray(x, dtype=np.float64) for x in s] for s in starts)
    rng = np.random.default_rng(seed)
    heads = [spectra.singular_pairs(unfold(T, (k,)), 1).left[:, 0] for k in range(T.ndim)]
    count = int(np.clip(WORK / T.size, LEAST, min(STARTS, LEAST + EACH * sum(T.shape))))
    lots: list[list[Array]] = [heads]
    lots += [[rng.standard_normal((n,)) for n in T.shape] for _ in range(count)]
    for xs in lots:
        for marks in signs(gauges):
            triples = zip(gauges, marks, xs, strict=True)
            yield [g.maximizer(np.multiply(x, s)) for g, s, x in triples]


def signs(gauges: Sequence[Gauge]) -> Iterator[tuple[float, ...]]:
    """Return the signs of a start that matter: both for each mode with a sign, up to a limit."""
    return islice(combined(*((1.0,) if g.free else (1.0, -1.0) for g in gauges)), SIGNS)


def one_vector(
    T: Array, gauge: Gauge, seed: int, starts: Sequence[Slice]
) -> Iterator[tuple[Array]]:
    """Yield unit vectors of the cone: given ones, singular vectors, units, random ones."""
    n = len(T)
    rng = np.random.default_rng(seed)
    heads = spectra.singular_pairs(unfold(T, (0,)), EIGENVECTORS).left.T
    for x in [*(s[0] for s in starts), *heads, *rng.standard_normal((ONE, n))]:
        yield (gauge.maximizer(x),)
        yield (gauge.maximizer(-x),)
    yield (gauge.unit(T[tuple([np.arange(n)] * T.ndim)]),)
