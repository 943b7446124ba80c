"""The search where only a part of a large matrix is observed: ratings, in the millions.

    own size   descend from the candidate, at its number of components
    any size   repeat: balance, and drop what has died; append the largest singular pairs of W;
               a few steps on all numbers at once
               until the gap that the singular values promise is small enough; then once more

A step costs the entries times the components, and nothing is ever made dense.  The largest
singular value is only estimated, and from below, so that a gap met here may be less than the
proved one: the search goes on to a part of what is wanted.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from certify.base.arrays import Array
from certify.base.checkpoint import CURRENT
from certify.base.clock import Clock
from certify.base.cluster import PLACE
from certify.polar import PolarQuery, Proposal, lanczos
from certify.polar.lanczos import Pairs
from certify.polar.methods.spectral import estimated_bound
from certify.problem import Problem

from .candidate import Candidate, Goal, evaluate, lowest
from .descent import ratings as descent
from .descent.ratings import CORES, Entries, Floats, Point
from .dual import scaling
from .search_result import REACHED, SearchResult

LARGE = 60_000  # observed entries from which this is quicker than steps on all of the matrix
PART = 0.4  # of epsilon: the estimated gap at which the search ends
OWN, SHARE = 40, 0.3  # steps, and of the budget, at the candidate's own size
SLOW = 0.1  # of epsilon: a gain of a few steps under which they end at that size
ROUNDS, STALE = 60, 6  # rounds at most, and those without a better gap before the precision rises
FEW, MANY, NEAR = 10, 20, 1e-2  # steps of a round, and with a smaller gap than NEAR
LEAST = 10  # pairs looked for at once; otherwise as many as there are components
MORE, FEWEST = 1.2, 4  # times the pairs that earn more than lam, and beside them: appended
DEAD = 1e-5  # of the largest singular value: a component below it is dropped
ORDINARY = 40  # binary exponents of numbers whose squares single precision holds
SLIGHT = 1e-3  # of the largest new weight: what a component starts with that earns too little
ROOM, MARGINS = 0.1, (1e-6, 1e-4)  # above an estimate: of epsilon, relative; at least and at most
PAIR, CUBE, ENTRY = 1.6e-8, 9e-12, 2.2e-6  # seconds of a core in a proof; cost, never truth
CLOSER = 0.9  # of the best gap: a gap above it is no progress
ROUGH, SHARP = 1e-5, 1e-6  # relative changes that end an estimate, and the last one


def applies(problem: Problem) -> bool:
    """Whether the data are large, few of them observed, and the objective is known here."""
    return problem.lam > 0 and problem.loss.observed.size >= LARGE and descent.applies(problem)


def search(problem: Problem, start: Candidate, clock: Clock, seed: int, rest: Goal) -> SearchResult:
    """Return better factors and a dual point; deterministic for a seed without a budget."""
    wanted = PART * rest[0]
    entries = descent.entries_of(problem, precision(problem))
    x = entries.into(start.factors, descent.biases_of(problem, start.q))
    end = descent.descend(entries, x, OWN, clock.share(SHARE).expired, SLOW * rest[0])
    met, same = [("start", start)], start
    if end.value < start.value - wanted:
        same = candidate(problem, entries, end.x)
        met.append(("descend", same))
        clock.tell("descend", same.value)
    at = SearchState(entries, end, seed)
    finer = partial(descent.entries_of, problem, np.float64)
    grow(at, clock, wanted, partial(keep, problem, same), finer)
    top = candidate(problem, at.entries, at.now.x)
    clock.tell("grow", top.value)
    duals = [dual(problem, top, seed)]
    if at.best is not at.now and at.lower - duals[0][0] > wanted:  # the last steps were no better
        duals.append(dual(problem, candidate(problem, at.entries, at.best.x), seed))
    met.append(("grow", top))
    steps = (met[0], *(b for a, b in pairwise(met) if b[1].value < a[1].value))
    best = lowest([s for _, s in met])
    W = max(duals, key=lambda pair: pair[0])[1]
    return SearchResult(steps, lowest([start, same]), best, (W,))


def polar(
    problem: Problem, epsilon: float, start: Candidate, seed: int, late: Callable[[], bool]
) -> Callable[[Any], Proposal]:
    """Return what bounds the polar of W by an estimate, which the proof of W checks.

    The bound is above the estimate by a margin, which costs a part of epsilon.  None is proposed
    where it is too `late` for a proof.
    """
    margin = float(np.clip(ROOM * epsilon / max(abs(start.value), 1e-300), *MARGINS))

    def bound(W: Any) -> Proposal:  # noqa: ANN401  scipy.sparse
        """Return the bound, infinite where there is none."""
        if late():
            return Proposal(np.inf)
        left, right = problem.atom.gauges
        return estimated_bound(PolarQuery(W, left, right, problem.lam, seed), margin) or Proposal(
            np.inf
        )

    return bound


def proof_seconds(problem: Problem, clock: Clock) -> float:
    """Return about what the proof of a dual point takes after the search, in seconds.

    A Gram matrix by sparse products and its Cholesky factorization, on all cores, or those of a
    cluster, and what is done with every entry, on one; longer where the process had less than a
    core until now.
    """
    observed = problem.loss.observed
    dims = observed.m, observed.n
    counts = np.bincount(observed.listed[dims[0] < dims[1]], minlength=max(dims)).astype(float)
    shared = PAIR * float(counts @ counts) / 2 + CUBE * float(min(dims)) ** 3
    cores = PLACE.get().cores(CORES)
    return (shared / cores + ENTRY * observed.size) / min(clock.cores(), 1.0)


def precision(problem: Problem) -> Any:  # noqa: ANN401  a dtype
    """Return single precision where all numbers are ordinary, else double."""
    weights = [
        problem.lam * g.ellipsoids(d).weights
        for g, d in zip(problem.atom.gauges, problem.loss.dims, strict=True)
    ]
    given = [problem.loss.arrays()[k] for k in ("Y", "weights") if k in problem.loss.arrays()]
    return precision_of([*weights, *given, *(np.atleast_1d(o.priced) for o in problem.offsets)])


def precision_of(numbers: list[Array]) -> Any:  # noqa: ANN401  a dtype
    """Return single precision where all numbers are 0 or ordinary, else double."""
    sizes = (np.abs(x[x != 0]) for x in numbers)
    low, high = (2.0**e for e in (-ORDINARY, ORDINARY))
    fine = all(not x.size or (low <= x.min() and x.max() <= high) for x in sizes)
    return np.float32 if fine else np.float64


@dataclass
class SearchState:
    """A search under way: the last point, the one of the best dual value, and the bracket."""

    entries: Entries
    now: Point
    seed: int
    best: Point = field(init=False)
    lower: float = -np.inf
    near: Array | None = None

    def __post_init__(self) -> None:
        """Start with the only point."""
        self.best = self.now

    @property
    def gap(self) -> float:
        """The estimated gap."""
        return self.now.value - self.lower

    def pairs(self, expired: Callable[[], bool]) -> Pairs:
        """Return the largest singular pairs at the point, as many as may be appended."""
        entries = self.entries
        matrix = scale_by_prices(entries, entries.dual(self.now.rest))
        count = max(LEAST, self.now.x.shape[1] - entries.bias_count)
        count = max(min(count, min(entries.shape) // 2), 1)
        pairs = lanczos.largest(
            matrix, count, near=self.near, seed=self.seed, tol=ROUGH, expired=expired
        )
        tall = entries.shape[0] >= entries.shape[1]
        self.near = pairs.right if tall else pairs.left
        value = bound(entries, self.now.rest, float(pairs.values[0]))
        if self.lower < value <= self.now.value:  # else sigma_1 was estimated far too low
            self.lower, self.best = value, self.now
        return pairs


def grow(
    at: SearchState,
    clock: Clock,
    wanted: float,
    kept: Callable[[SearchState], None],
    finer: Callable[[], Entries],
) -> None:
    """Append components and descend until the gap is small; then once more.

    finer  returns the entries in double precision
    """
    stale, least = 0, np.inf
    for _ in range(ROUNDS):
        pairs, entries = at.pairs(clock.expired), at.entries
        clock.tell("gap, if the estimate is right,", at.gap)
        done = at.gap <= wanted or clock.expired()
        stale, least = (0, at.gap) if at.gap < CLOSER * least else (stale + 1, least)
        steps = MANY if at.gap < NEAR * abs(at.now.value) and not done else FEW
        x = append(entries, trim(entries, at.now.x), pairs)
        at.now = descent.descend(entries, x, steps, clock.expired)
        if done:
            return
        kept(at)
        if stale >= STALE:
            if entries.kind == np.float64:
                return
            stale, at.entries = 0, finer()
            at.now = descent.descend(at.entries, at.now.x.astype(np.float64), FEW, clock.expired)


def keep(problem: Problem, same: Candidate, at: SearchState) -> None:
    """Write, now and then, what a search under way has reached, to go on from there."""
    keeper = CURRENT.get()
    if keeper is not None and keeper.write is not None:
        kept = partial(candidate, problem, at.entries, at.now.x)
        keeper.keep(REACHED, lambda: (same, lowest([same, kept()]), (), True))


def roots(entries: Entries) -> tuple[Array, Array]:
    """Return (lam p)^(-1/2) and (lam q)^(-1/2)."""
    p, q = entries.prices
    return 1 / np.sqrt(p), 1 / np.sqrt(q)


def scale_by_prices(entries: Entries, W: Floats) -> Any:  # noqa: ANN401  scipy.sparse
    """Return P^(-1/2) W Q^(-1/2), P and Q the prices: of norm at most 1 if W may be used."""
    left, right = (r.astype(entries.kind) for r in roots(entries))
    rows = np.repeat(left, np.diff(entries.starts))
    return entries.matrix(W * rows * right[entries.cols])


def bound(entries: Entries, rest: Floats, top: float) -> float:
    """Return the dual value of the best multiple of W, if `top` is the norm of W scaled."""
    W = entries.dual(rest)
    size = descent.dot(W, rest)
    for bias, axis in zip(entries.biases, (1, 0), strict=True):
        if bias is not None and bias.all():  # a bias without a price is fitted exactly in the end
            sums = entries.matrix(W).sum(axis=axis).astype(np.float64)
            size += float((np.square(sums) / bias).sum())
    inner = descent.dot(W, entries.y)
    s = min(inner / size, 1 / max(top, 1e-300)) if size > 0 else 0.0
    return s * inner - 0.5 * s * s * size


def trim(entries: Entries, x: Floats) -> Floats:
    """Return x with its components balanced, without the dead ones."""
    m, r = entries.shape[0], x.shape[1] - entries.bias_count
    if not r:
        return x
    left, right = roots(entries)
    U, V = x[:m, :r] / left[:, None], x[m:, :r] / right[:, None]
    (Q, R), (P, S) = np.linalg.qr(U), np.linalg.qr(V)
    a, values, b = np.linalg.svd(R @ S.T, full_matrices=False)
    keep = values > DEAD * values[:1]
    root = np.sqrt(values[keep])
    U, V = Q @ (a[:, keep] * root), P @ (b[keep].T * root)
    factors = np.vstack([U * left[:, None], V * right[:, None]]).astype(x.dtype)
    return np.hstack([factors, x[:, r:]])


def append(entries: Entries, x: Floats, pairs: Pairs) -> Floats:
    """Append components, each with the weight that is best for it alone.

    Of u = P^(-1/2) u', v = Q^(-1/2) v' the weight s has the value (s - sigma s) + curve s^2 / 2.
    """
    n, r = int((pairs.values > 1).sum()), x.shape[1] - entries.bias_count
    count = min(int(MORE * n) + FEWEST, len(pairs.values))
    left, right = roots(entries)
    u, v = pairs.left[:, :count] * left[:, None], pairs.right[:, :count] * right[:, None]
    U, V = u.astype(entries.kind), v.astype(entries.kind)
    curve = np.einsum("mk,mk->k", np.square(U), entries.weight_matrix @ np.square(V)).astype(
        np.float64
    )
    weights = (pairs.values[:count] - 1) / np.maximum(curve, 1e-300)
    weights = np.maximum(weights, SLIGHT * max(float(weights.max(initial=0.0)), 0.0))
    root = np.sqrt(weights).astype(entries.kind)
    new = np.vstack([U * root, V * root])[:, root > 0]
    return np.hstack([x[:, :r], new, x[:, r:]])


def candidate(problem: Problem, entries: Entries, x: Floats) -> Candidate:
    """Return x in double precision, its components balanced, with the best biases."""
    return evaluate(problem, entries.out(trim(entries, x.astype(np.float64))))


def dual(problem: Problem, now: Candidate, seed: int) -> tuple[float, Array]:
    """Return the expected bound by the dual point of a candidate, and its best multiple."""
    W = problem.dual_point(now.factors, now.q)
    top = estimate(problem, W, seed)
    s = scaling.best_scale(problem, W, top)
    return scaling.value(problem, W, s), s * W


def estimate(problem: Problem, W: Array, seed: int) -> float:
    """Estimate the polar of W, from below."""
    observed, gauges = problem.loss.observed, problem.atom.gauges
    dims = observed.m, observed.n
    left, right = (1 / np.sqrt(g.ellipsoids(d).weights) for g, d in zip(gauges, dims, strict=True))
    rows, cols = observed.listed
    matrix = observed.matrix(W * left[rows] * right[cols])
    return float(lanczos.largest(matrix, seed=seed, tol=SHARP).values[0])
