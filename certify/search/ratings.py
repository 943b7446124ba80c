"""The search where only a part of a large matrix is observed: ratings, clicks, counts, in millions.

    own size   descend from the candidate, at its number of components
    any size   repeat: balance, and drop what has died; append the largest singular pairs of W;
               a few steps on all numbers at once
               until the gap that the singular values promise is small enough; once more where a
               closer estimate of the largest one leaves it too wide

A step costs the entries times the components, and nothing is ever made dense.  The largest
singular value is only estimated, and from below, so that a gap met here may be less than the
proved one: the search goes on to a part of what is wanted.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.base.checkpoint import CURRENT
from certify.base.clock import Clock
from certify.polar import PolarQuery, Proposal, lanczos
from certify.polar.lanczos import Pairs
from certify.polar.methods.spectral import bound_by_rows, estimated_bound
from certify.problem import Problem, Values
from certify.problem.proof_time import Work

from .candidate import Candidate, Goal, evaluate, lowest
from .descent import ratings as descent
from .descent.ratings import Entries, Floats, Point
from .dual import scaling
from .schedule import falling
from .search_result import REACHED, SearchResult

LARGE = 60_000  # observed entries from which this is quicker than steps on all of the matrix
PART = 0.4  # of epsilon: the estimated gap at which the search ends
ENOUGH = 2.0  # times that: the gap, estimated closely, which needs no round more
UNSIGNED = 0.5  # of the time left: the search for the dual point of factors with signs
OWN, SHARE = 40, 0.3  # steps, and of the budget, at the candidate's own size
SLOW = 0.1  # of epsilon: a gain of a few steps under which they end at that size
ROUNDS, STALE = 60, 6  # rounds at most, and those without a better gap before the precision rises
FEW, MANY, NEAR = 10, 20, 1e-2  # steps of a round, and with a smaller gap than NEAR
LEAST = 10  # pairs looked for at once; otherwise as many as there are components,
NEXT = 2  # and not more than these times those that earned more than lam the last time
WARM = 2 * lanczos.BLOCK  # of which so many are where the next search for them begins
MORE, FEWEST = 1.2, 4  # times the pairs that earn more than lam, and beside them: appended
DEAD = 1e-5  # of the largest singular value: a component below it is dropped
ORDINARY = 40  # binary exponents of numbers whose squares single precision holds
HALVINGS = 8  # of what is appended, while it raises the objective
SLIGHT = 1e-3  # of the largest new weight: what a component starts with that earns too little
ROOM, MARGINS = 0.1, (1e-6, 1e-4)  # above an estimate: of epsilon, relative; at least and at most
HASTE = 0.05  # share of the budget for better factors where a proof takes all of it
CLOSER = 0.9  # of the best gap: a gap above it is no progress
SECTION = 1e-4  # of the largest multiple of a dual point: how well the best one is found
ROUGH, SHARP = 1e-5, 1e-8  # relative changes that end an estimate, and the last one


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
    at, duals = SearchState(entries, end, seed), []
    finer = partial(descent.entries_of, problem, np.float64)
    if any(entries.signs):  # the bound knows of no sign: its dual point has a search of its own
        free = entries.without_signs()
        below = SearchState(free, descent.descend(free, end.x, FEW, clock.expired), seed)
        part = clock.next_part(UNSIGNED)
        grow(below, part, wanted, lambda _: None, finer)
        duals, at.lower = conclude(problem, below, part, wanted)[1], below.lower
    known = at.lower
    grow(at, clock, wanted, partial(keep, problem, same), finer)
    if at.lower > known or not duals:
        top, more = conclude(problem, at, clock, wanted)
        duals += more
    else:
        top = candidate(problem, at.entries, at.now.x)
    clock.tell("grow", top.value)
    met.append(("grow", top))
    best = lowest([s for _, s in met])
    W = max(duals, key=lambda pair: pair[0])[1]
    return SearchResult(falling(met), lowest([start, same]), best, (W,))


def conclude(
    problem: Problem, at: "SearchState", clock: Clock, wanted: float
) -> tuple[Candidate, list[tuple[float, Array]]]:
    """Return where a search has ended, and the expected bounds and dual points.

    One round more where a closer estimate leaves a gap above what is wanted, which was estimated
    too low.
    """
    tol = ROUGH if clock.expired() else SHARP  # the proof has an estimate of its own
    top = candidate(problem, at.entries, at.now.x)
    duals = dual_points(problem, at, top, (wanted, tol))
    if at.now.value - max(value for value, _ in duals) <= ENOUGH * wanted or clock.expired():
        return top, duals
    advance(at, at.pairs(clock.expired), FEW, clock)
    top = candidate(problem, at.entries, at.now.x)
    return top, duals + dual_points(problem, at, top, (wanted, tol))


def dual_points(
    problem: Problem, at: "SearchState", top: Candidate, sizes: tuple[float, float]
) -> list[tuple[float, Array]]:
    """Return the expected bounds and dual points of where a search is, and of its best point.

    top    where it is, as a candidate
    sizes  a gain worth a second one, and the relative change that ends an estimate
    """
    wanted, tol = sizes
    duals = [dual(problem, at.entries, (at.now.x, top.factors, top.q), (at.seed, tol))]
    if at.best is not at.now and at.lower - duals[0][0] > wanted:  # the last steps were no better
        x = at.best.x
        point = x, *parts_of(problem, at.entries, x)
        duals.append(dual(problem, at.entries, point, (at.seed, tol)))
    return duals


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
        query = PolarQuery(W, left, right, problem.lam, seed)
        return estimated_bound(query, margin) or Proposal(np.inf)

    return bound


def polar_by_rows(problem: Problem, seed: int, W: Any) -> Proposal:  # noqa: ANN401  scipy.sparse
    """Return a bound of the polar whose proof needs no factorization."""
    left, right = problem.atom.gauges
    return bound_by_rows(PolarQuery(W, left, right, problem.lam, seed))


def leave_proof(clock: Clock, work: Work) -> Clock | None:
    """Return a clock that ends while there is time for a proof, as far as is known by then.

    None where there is no budget, or none left.
    """
    budget = clock.budget
    if not budget:
        return None
    return replace(clock, limit=lambda: max(budget - work.seconds(clock), HASTE * budget))


def shorten(problem: Problem, clock: Clock, work: Work) -> tuple[Array, bool]:
    """Return which entries are on the lines of the longer side whose proof a budget has time for.

    Those lines have the fewest entries; and whether a Cholesky factorization has time beside them.
    """
    rest, observed = work.afford(clock), problem.loss.observed
    factorized = work.cube <= rest / 2
    rest -= work.cube * factorized
    order = np.argsort(work.pairs, kind="stable")
    order = order[work.pairs[order] > 0]
    count = max(int(np.searchsorted(np.cumsum(work.pairs[order]), rest, side="right")), 1)
    kept = np.zeros(len(work.pairs), dtype=bool)
    kept[order[:count]] = True
    return np.asarray(kept[observed.listed[observed.m < observed.n]]), factorized


def precision(problem: Problem) -> Any:  # noqa: ANN401  a dtype
    """Return single precision where all numbers are ordinary, else double."""
    weights = [
        problem.lam * g.ellipsoids(d).weights
        for g, d in zip(problem.atom.gauges, problem.loss.dims, strict=True)
    ]
    loss = problem.loss
    given = [loss.arrays()[k] for k in ("Y", "weights") if k in loss.arrays()]
    given += [np.array([getattr(loss, k)]) for k in loss.intervals]
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
    most: int = sys.maxsize  # pairs that are looked for next

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
        matrix = scale_by_prices(entries, self.now.W)
        count = max(LEAST, self.now.x.shape[1] - entries.bias_count)
        count = max(min(count, self.most, min(entries.shape) // 2), 1)
        pairs = lanczos.largest(
            matrix, count, near=self.near, seed=self.seed, tol=ROUGH, expired=expired
        )
        earning = int((pairs.values > 1).sum())
        self.most = NEXT * earning + LEAST if earning < count else sys.maxsize
        tall = entries.shape[0] >= entries.shape[1]
        self.near = (pairs.right if tall else pairs.left)[:, :WARM].copy()
        value = bound(entries, self.now.W, float(pairs.values[0]))
        if self.lower < value <= self.now.value:  # else sigma_1 was estimated far too low
            self.lower, self.best = value, self.now
        kept = count_appended(pairs.values)
        return Pairs(*(x[..., :kept].copy() for x in pairs))  # and not all of them


def grow(
    at: SearchState,
    clock: Clock,
    wanted: float,
    kept: Callable[[SearchState], None],
    finer: Callable[[], Entries],
) -> None:
    """Append components and descend until the gap is small.

    finer  returns the entries in double precision
    """
    stale, least = 0, np.inf
    for _ in range(ROUNDS):
        pairs = at.pairs(clock.expired)
        clock.tell("gap, if the estimate is right,", at.gap)
        if at.gap <= wanted:
            return
        closer = at.gap < (least - wanted if any(at.entries.signs) else CLOSER * least)
        stale, least = (0, at.gap) if closer else (stale + 1, least)
        steps = MANY if at.gap < NEAR * abs(at.now.value) else FEW
        advance(at, pairs, steps, clock)
        if clock.expired():
            return
        kept(at)
        if stale >= STALE:
            if at.entries.kind == np.float64:
                return
            fine = finer()
            stale, at.entries = 0, fine if fine.signs == at.entries.signs else fine.without_signs()
            at.now = descent.descend(at.entries, at.now.x.astype(np.float64), FEW, clock.expired)


def advance(at: SearchState, pairs: Pairs, steps: int, clock: Clock) -> None:
    """Append components and descend; only the descent holds where it begins."""
    at.now = descent.descend(at.entries, append(at.entries, at.now, pairs), steps, clock.expired)


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


def bound(entries: Entries, W: Floats, top: float) -> float:
    """Return the dual value of the best multiple of W, if `top` is the norm of W scaled."""
    loss, size = entries.loss, 0.0
    for bias, axis in zip(entries.biases, (1, 0), strict=True):
        if bias is not None and bias.all():  # a bias without a price is fitted exactly in the end
            sums = entries.matrix(W).sum(axis=axis).astype(np.float64)
            size += float((np.square(sums) / bias).sum())
    most = 1 / max(top, 1e-300)
    if loss.quadratic:
        inner = descent.dot(W, loss.data)
        size += descent.dot(W, W / loss.counted)
        s = min(inner / size, most) if size > 0 else 0.0
        return s * inner - 0.5 * s * s * size
    most = min(most, 1.0)  # W is in the domain of d, and so is what is shorter
    exact = W.astype(np.float64)

    def value(s: float) -> float:
        """Return the dual value of s W."""
        return float(loss.each_dual(s * exact, loss.counted).sum()) - 0.5 * s * s * size

    return max(value(most), value(scaling.golden(value, most, SECTION)))


def trim(entries: Entries, x: Floats) -> Floats:
    """Return x with its components balanced, without the dead ones."""
    m, r = entries.shape[0], x.shape[1] - entries.bias_count
    if not r:
        return x
    left, right = roots(entries)
    sides = (x[:m, :r], left[:, None]), (x[m:, :r], right[:, None])
    if any(entries.signs):  # components do not mix
        a, b = (np.sqrt(np.square(f / d, dtype=np.float64).sum(axis=0)) for f, d in sides)
        keep = a * b > DEAD * (a * b).max()
        root = np.sqrt(b[keep] / a[keep]).astype(x.dtype)
        return np.hstack(
            [np.vstack([x[:m, :r][:, keep] * root, x[m:, :r][:, keep] / root]), x[:, r:]]
        )
    (Q, R), (P, S) = (np.linalg.qr(f / d) for f, d in sides)
    a, values, b = np.linalg.svd(R @ S.T, full_matrices=False)
    keep = values > DEAD * values[:1]
    root, k = np.sqrt(values[keep]), int(keep.sum())
    out = np.empty((len(x), k + entries.bias_count), dtype=x.dtype)
    out[:m, :k] = Q @ (a[:, keep] * root)
    out[m:, :k] = P @ (b[keep].T * root)
    for side, (_, d) in zip((slice(0, m), slice(m, None)), sides, strict=True):
        out[side, :k] *= d
    out[:, k:] = x[:, r:]
    return out


def append(entries: Entries, now: Point, pairs: Pairs) -> Floats:
    """Append components to those of a point, each with the weight that is best for it alone.

    Of u = P^(-1/2) u', v = Q^(-1/2) v' the weight s costs about (1 - sigma) s + curve s^2 / 2;
    where that is not exact all are shortened together as long as they raise the objective.
    """
    x, m = trim(entries, now.x), entries.shape[0]
    r = x.shape[1] - entries.bias_count
    values, u, v = select_pairs(entries, now.W, pairs)
    left, right = roots(entries)
    U, V = (u * left[:, None]).astype(entries.kind), (v * right[:, None]).astype(entries.kind)
    C = entries.second_derivatives(x[:m], x[m:])
    curve = np.einsum("mk,mk->k", np.square(U), C @ np.square(V)).astype(np.float64)
    weights = (values - 1) / np.maximum(curve, 1e-300)
    weights = np.maximum(weights, SLIGHT * max(float(weights.max(initial=0.0)), 0.0))
    root = np.sqrt(weights).astype(entries.kind)
    new = np.vstack([U * root, V * root])[:, root > 0]
    if entries.loss.quadratic and not any(entries.signs):
        return np.hstack([x[:, :r], new, x[:, r:]])
    objective = descent.objective_of(entries, r + new.shape[1])
    for k in range(HALVINGS):
        longer = np.hstack([x[:, :r], 0.5**k * new, x[:, r:]])
        if objective.at(longer).value <= now.value:
            return longer
    return now.x


def count_appended(values: Array) -> int:
    """Return how many of the largest pairs are tried: all that earn more, and a few beside."""
    return min(int(MORE * int((values > 1).sum())) + FEWEST, len(values))


def select_pairs(entries: Entries, W: Floats, pairs: Pairs) -> tuple[Array, Array, Array]:
    """Return what pairs earn for lam = 1, and the vectors: all that earn more, and a few beside.

    Of factors with signs both orthants of each pair are tried, with one step of the power method.
    """
    count = count_appended(pairs.values)
    u, v = pairs.left[:, :count], pairs.right[:, :count]
    if not any(entries.signs):
        return pairs.values[:count], u, v
    matrix = scale_by_prices(entries, W)
    v = unit(np.hstack([v, -v]), entries.signs[1])
    u = unit(matrix @ v, entries.signs[0])
    pull = matrix.T @ u
    v = unit(pull, entries.signs[1])
    values = np.einsum("nk,nk->k", pull, v)
    best = np.argsort(-values)[:count]
    best = best[values[best] > 1]
    return values[best], u[:, best], v[:, best]


def unit(x: Array, sign: bool) -> Array:  # noqa: FBT001  of a factor
    """Return the columns at length 1, projected where they have a sign; 0 for nothing left."""
    x = np.maximum(x, 0.0) if sign else x
    return np.asarray(x / np.maximum(np.linalg.norm(x, axis=0), 1e-300))


def candidate(problem: Problem, entries: Entries, x: Floats) -> Candidate:
    """Return x in double precision, its components balanced, with the best biases."""
    return evaluate(problem, *parts_of(problem, entries, x))


def parts_of(problem: Problem, entries: Entries, x: Floats) -> tuple[Factors, Values]:
    """Return the factors of x, balanced, and the biases: the best ones where that is quick."""
    x = trim(entries, x.astype(np.float64))
    (factors, biases), quick = entries.out(x), problem.loss.quadratic
    q = problem.best_offsets(factors) if quick else descent.values_of(problem, biases)
    return factors, q


def dual(
    problem: Problem,
    entries: Entries,
    point: tuple[Floats, Factors, Values],
    how: tuple[int, float],
) -> tuple[float, Array]:
    """Return the expected bound by the dual point of a point, and its best multiple.

    point  x, and what `parts_of` it returns
    how    the seed, and the relative change that ends the estimate
    """
    x, factors, q = point
    if problem.loss.quadratic:
        W = problem.dual_point(factors, q)
    else:  # of the loss that was searched, which may be an extended one
        fine = descent.entries_of(problem, np.float64)
        W = (fine if entries.signs == fine.signs else fine.without_signs()).dual_point(x)
    top = estimate(problem, W, *how)
    s = scaling.best_scale(problem, W, top)
    return scaling.value(problem, W, s), s * W


def estimate(problem: Problem, W: Array, seed: int, tol: float = SHARP) -> float:
    """Estimate the polar of W, from below."""
    observed, gauges = problem.loss.observed, problem.atom.gauges
    dims = observed.m, observed.n
    left, right = (1 / np.sqrt(g.ellipsoids(d).weights) for g, d in zip(gauges, dims, strict=True))
    rows, cols = observed.listed
    matrix = observed.matrix(W * left[rows] * right[cols])
    return float(lanczos.largest(matrix, seed=seed, tol=tol).values[0])
