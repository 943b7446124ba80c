"""Lower bounds of the polar: slices that earn them, by best responses mode by mode."""

from collections.abc import Iterator, Sequence
from itertools import product as combined

import numpy as np
from threadpoolctl import threadpool_limits

from certify.base.arrays import Array
from certify.norms import Gauge
from certify.polar.product_ask import Expired, Slice, never

from . import symmetric_products as _symmetric
from .contract import earned, others, symmetric_part, unfolded

STARTS, STEPS = 100, 2000
EACH = 4  # random starts for each coordinate, up to STARTS
LEAST, WORK = 24, 4e6  # random starts of a large tensor, and what counts as large
RACE, FINALISTS = 15, 12  # steps of every start, and how many go on
SETTLED = 1e-15  # relative gain below which an ascent stops; luck, never truth
SIGNS = 64  # combinations of signs of a start at most


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

    symmetric: (<T, x o ... o x>, (x,)).  Each mode's best response to the others is the
    maximizer of its gauge, so the value never falls; starts are singular vectors of the
    unfoldings, random ones and the given slices.  The best of them all is returned: a
    lower bound of the polar, found again from the vectors themselves.  Once `expired` is true
    no start is begun and no ascent goes on; at least one start is taken a step.
    Source: De Lathauwer, De Moor, Vandewalle 2000 (higher-order power method).
    """
    with threadpool_limits(1, user_api="blas"):
        if symmetric:
            return _symmetric.attain(symmetric_part(T), gauges[0], seed, starts, expired)
        return best(T, gauges, seed, starts, expired)


def best(
    T: Array,
    gauges: Sequence[Gauge],
    seed: int,
    starts: Sequence[Slice],
    expired: Expired = never,
) -> tuple[float, Slice]:
    """Return the best slice of a race: every start a few steps, the leaders to the end."""
    size = float(np.abs(T).max(initial=0.0))
    if size == 0.0:
        xs = tuple(g.maximizer(np.zeros(n)) for g, n in zip(gauges, T.shape, strict=True))
        return 0.0, xs
    S = T / size
    tries = []
    for x in first(S, gauges, seed, starts):
        tries.append(climb(S, gauges, x, RACE, expired))
        if expired():
            break
    tries.sort(key=lambda pair: -pair[0])
    finals = (climb(S, gauges, x, STEPS, expired) for _, x in tries[:FINALISTS])
    xs = max(finals, key=lambda pair: pair[0])[1]
    return earned(T, xs), xs


def climb(
    T: Array,
    gauges: Sequence[Gauge],
    start: Sequence[Array],
    steps: int,
    expired: Expired = never,
) -> tuple[float, Slice]:
    """Replace each vector by the best response to the others, in turn, until it settles."""
    xs = list(start)
    value = -np.inf
    for _ in range(steps):
        for k, g in enumerate(gauges):
            y = others(T, xs, k)
            xs[k] = g.maximizer(y)
        before, value = value, float(y @ xs[-1])
        if value - before <= SETTLED * abs(value) or expired():
            break
    return value, tuple(xs)


def first(
    T: Array, gauges: Sequence[Gauge], seed: int, starts: Sequence[Slice]
) -> Iterator[Sequence[Array]]:
    """Yield starts: the given ones, singular vectors of each unfolding, random ones."""
    yield from ([np.asarray(x, dtype=np.float64) for x in s] for s in starts)
    rng = np.random.default_rng(seed)
    heads = [head(unfolded(T, (k,))) for k in range(T.ndim)]
    count = int(np.clip(WORK / T.size, LEAST, min(STARTS, LEAST + EACH * sum(T.shape))))
    lots: list[list[Array]] = [heads]
    lots += [[rng.standard_normal((n,)) for n in T.shape] for _ in range(count)]
    for xs in lots:
        for marks in signs(gauges):
            triples = zip(gauges, marks, xs, strict=True)
            yield [g.maximizer(np.multiply(x, s)) for g, s, x in triples]


def signs(gauges: Sequence[Gauge]) -> Iterator[tuple[float, ...]]:
    """Yield the signs of a start that matter: both for each mode with a sign, up to a limit."""
    sides = [(1.0,) if g.free else (1.0, -1.0) for g in gauges]
    for k, marks in enumerate(combined(*sides)):
        if k < SIGNS:
            yield marks


def head(S: Array) -> Array:
    """Return the leading left singular vector, by the smaller Gram matrix."""
    m, n = S.shape
    if m <= n:
        return np.asarray(np.linalg.eigh(S @ S.T)[1][:, -1])
    return np.asarray(S @ np.linalg.eigh(S.T @ S)[1][:, -1])
