"""The search for a large matrix with few observed entries: ratings, clicks, counts, in millions.

    own size   descend from the candidate, at its number of components
    any size   repeat: balance the components and drop the dead ones; append the largest singular
               pairs of W; take a few steps on all numbers at once
               until the estimated gap is small enough

A step costs the entries times the components, and nothing is made dense.  The largest singular
value is estimated from below, so the proved gap may be wider than the estimated one: the search
aims at a part of the wanted gap.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import Array, Dtype, SparseMatrix
from certify.base.checkpoint import CHECKPOINT
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
from .schedule import drop_rises
from .search_result import REACHED, SearchResult

LARGE = 60_000  # observed entries from which this is quicker than steps on the whole matrix
PART = 0.4  # of epsilon: the estimated gap at which the search ends
UNSIGNED = 0.5  # of the time left: the search for the dual point of factors with signs
OWN, SHARE = 40, 0.3  # steps, and share of the budget, at the candidate's own size
SLOW = 0.1  # of epsilon: a smaller gain of a few steps ends them at that size
ROUNDS, STALE = 60, 6  # rounds at most; rounds without a better gap before the precision rises
FEW, MANY, NEAR = 10, 20, 1e-2  # steps of a round; of one whose relative gap is below NEAR
LEAST = 10  # singular pairs computed at least; otherwise as many as there are components,
NEXT = 2  # and at most this times the number that earned more than lam in the last round
WARM = 2 * lanczos.BLOCK  # vectors that the next Lanczos iteration starts from
MORE, FEWEST = 1.2, 4  # appended: MORE times the pairs that earn more than lam, and FEWEST
DEAD = 1e-5  # of the largest singular value: a smaller component is dropped
ORDINARY = 40  # binary exponents of numbers whose squares single precision holds
HALVINGS = 8  # of the new components, while they raise the objective
SLIGHT = 1e-3  # of the largest new weight: the first weight of a component that earns too little
ROOM, MARGINS = 0.1, (1e-6, 1e-4)  # relative margin above an estimate: of epsilon; its limits
HASTE = 0.05  # share of the budget for better factors when the proof needs all of it
CLOSER = 0.9  # of the best gap: a larger gap is no progress
SECTION = 1e-4  # of the largest multiple of a dual point: the accuracy of the best one
ROUGH, SHARP = 1e-5, 1e-8  # relative changes that end an estimate, and the last estimate
ExpectedBound = tuple[float, Array]  # with its dual point


def applies(problem: Problem) -> bool:
    """Whether the data are large and sparsely observed, and `descent` knows the objective."""
    return problem.lam > 0 and problem.loss.observed.size >= LARGE and descent.applies(problem)


def search(problem: Problem, start: Candidate, clock: Clock, seed: int, goal: Goal) -> SearchResult:
    """Return better factors and a dual point; without a budget the seed determines them."""
    wanted = PART * goal[0]
    entries = descent.entries_of(problem, precision(problem))
    x = entries.into(start.factors, descent.biases_of(problem, start.q))
    end = descent.descend(entries, x, OWN, clock.share(SHARE).expired, SLOW * goal[0])
    at, bounds = SearchState(problem, entries, end, seed), list[ExpectedBound]()
    met, same = [("start", start)], start
    if end.value < start.value - wanted:
        same = at.candidate()
        met.append(("descend", same))
        clock.tell("descend", same.value)
    if any(entries.signs):  # the bound ignores signs, so its dual point needs a search without
        free = entries.without_signs()
        below = SearchState(problem, free, descent.descend(free, end.x, FEW, clock.expired), seed)
        part = clock.next_part(UNSIGNED)
        grow(below, part, wanted)
        bounds.append(conclude(below, part)[1])
        at.lower = below.lower
    known = at.lower
    grow(at, clock, wanted, same)
    if at.lower > known or not bounds:
        top, last = conclude(at, clock)
        bounds.append(last)
    else:
        top = at.candidate()
    clock.tell("grow", top.value)
    met.append(("grow", top))
    best = lowest([s for _, s in met])
    W = max(bounds, key=lambda pair: pair[0])[1]
    return SearchResult(drop_rises(met), lowest([start, same]), best, (W,))


def conclude(at: "SearchState", clock: Clock) -> tuple[Candidate, ExpectedBound]:
    """Return the last point and the expected bound by its dual point; the proof estimates anew."""
    top = at.candidate()
    return top, dual(at, top, ROUGH if clock.expired() else SHARP)


def polar(
    problem: Problem, epsilon: float, start: Candidate, seed: int, late: Callable[[], bool]
) -> Callable[[Any], Proposal]:
    """Return a function that bounds the polar of W by an estimate and a margin.

    The margin costs a part of epsilon, and the proof checks the bound.  If it is too `late` for a
    proof, the bound is infinite.
    """
    margin = float(np.clip(ROOM * epsilon / max(abs(start.value), 1e-300), *MARGINS))

    def bound(W: SparseMatrix) -> Proposal:
        """Return the bound; an infinite one if there is none."""
        if late():
            return Proposal(np.inf)
        return estimated_bound(query_of(problem, seed, W), margin) or Proposal(np.inf)

    return bound


def polar_by_rows(problem: Problem, seed: int, W: SparseMatrix) -> Proposal:
    """Return a bound of the polar whose proof needs no factorization."""
    return bound_by_rows(query_of(problem, seed, W))


def query_of(problem: Problem, seed: int, W: SparseMatrix) -> PolarQuery:
    """Return the query for a bound of the polar of W."""
    left, right = problem.atom.gauges
    return PolarQuery(W, left, right, problem.lam, seed)


def leave_proof(clock: Clock, work: Work) -> Clock | None:
    """Return a clock that leaves time for the proof, as estimated whenever the clock is asked.

    None without a budget.
    """
    budget = clock.budget
    if not budget:
        return None
    return replace(clock, limit=lambda: max(budget - work.seconds(clock), HASTE * budget))


def shorten(problem: Problem, clock: Clock, work: Work) -> tuple[Array, bool]:
    """Return which entries a proof has time for, and whether it has time to factorize as well.

    They are the entries of the shortest lines of the longer side.
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


def precision(problem: Problem) -> Dtype:
    """Return single precision if all numbers of a problem are ordinary, else double."""
    loss, sides = problem.loss, zip(problem.atom.gauges, problem.loss.dims, strict=True)
    weights = [problem.lam * g.ellipsoids(d).weights for g, d in sides]
    given = [loss.arrays()[k] for k in ("Y", "weights") if k in loss.arrays()]
    given += [np.array([getattr(loss, k)]) for k in loss.intervals]
    return precision_of([*weights, *given, *(np.atleast_1d(o.ridges) for o in problem.offsets)])


def precision_of(numbers: list[Array]) -> Dtype:
    """Return single precision if all numbers are 0 or ordinary, else double."""
    sizes = (np.abs(x[x != 0]) for x in numbers)
    low, high = (2.0**e for e in (-ORDINARY, ORDINARY))
    fine = all(not x.size or (low <= x.min() and x.max() <= high) for x in sizes)
    return np.float32 if fine else np.float64


@dataclass
class SearchState:
    """The state of a search: the last point, and the best dual value so far.

    near  vectors to start the next Lanczos iteration from
    most  the most singular pairs to compute next
    """

    problem: Problem
    entries: Entries
    now: Point
    seed: int
    lower: float = -np.inf
    near: Array | None = None
    most: int = sys.maxsize

    @property
    def gap(self) -> float:
        """The estimated gap."""
        return self.now.value - self.lower

    def candidate(self) -> Candidate:
        """Return the last point in double precision, balanced, with the best biases."""
        return evaluate(self.problem, *parts_of(self.problem, self.entries, self.now.x))

    def in_double(self) -> Entries:
        """Return the entries in double precision."""
        fine = descent.entries_of(self.problem, np.float64)
        return fine if fine.signs == self.entries.signs else fine.without_signs()

    def pairs(self, expired: Callable[[], bool]) -> Pairs:
        """Return the largest singular pairs of W, as many as may be appended."""
        entries = self.entries
        matrix = scale_by_prices(entries, self.now.W)
        count = max(LEAST, self.now.x.shape[1] - entries.bias_count)
        count = max(min(count, self.most, min(entries.shape) // 2), 1)
        find = partial(lanczos.largest, near=self.near, seed=self.seed, tol=ROUGH, expired=expired)
        pairs = find(matrix, count)
        earning = int((pairs.values > 1).sum())
        self.most = NEXT * earning + LEAST if earning < count else sys.maxsize
        tall = entries.shape[0] >= entries.shape[1]
        self.near = (pairs.right if tall else pairs.left)[:, :WARM].copy()
        value = bound(entries, self.now.W, float(pairs.values[0]))
        if self.lower < value <= self.now.value:  # otherwise the estimate of sigma_1 is far too low
            self.lower = value
        kept = count_appended(pairs.values)
        return Pairs(*(x[..., :kept].copy() for x in pairs))  # copies free the memory of the rest


def grow(at: SearchState, clock: Clock, wanted: float, same: Candidate | None = None) -> None:
    """Append components and descend until the gap is small.

    same  the best point of the candidate's size, for the checkpoint; None: keep no checkpoint
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
        at.now = descent.descend(
            at.entries, append(at.entries, at.now, pairs), steps, clock.expired
        )
        if clock.expired():
            return
        if same is not None:
            keep(at, same)
        if stale >= STALE:
            if at.entries.kind == np.float64:
                return
            stale, at.entries = 0, at.in_double()
            at.now = descent.descend(at.entries, at.now.x.astype(np.float64), FEW, clock.expired)


def keep(at: SearchState, same: Candidate) -> None:
    """Write the best points of a running search to the checkpoint, if it is time."""
    checkpoint = CHECKPOINT.get()
    if checkpoint is not None and checkpoint.write is not None:
        checkpoint.keep(REACHED, lambda: (same, lowest([same, at.candidate()]), (), True))


def roots(entries: Entries) -> tuple[Array, Array]:
    """Return (lam p)^(-1/2) and (lam q)^(-1/2)."""
    p, q = entries.prices
    return 1 / np.sqrt(p), 1 / np.sqrt(q)


def scale_by_prices(entries: Entries, W: Floats) -> SparseMatrix:
    """Return P^(-1/2) W Q^(-1/2), P and Q the prices; its norm is at most 1 iff W is feasible."""
    left, right = (r.astype(entries.kind) for r in roots(entries))
    rows = np.repeat(left, np.diff(entries.starts))
    return entries.matrix(W * rows * right[entries.cols])


def bound(entries: Entries, W: Floats, top: float) -> float:
    """Return the dual value of the best multiple of W; top: the norm of W scaled by prices."""
    loss, size = entries.loss, 0.0
    for bias, axis in zip(entries.biases, (1, 0), strict=True):
        if bias is not None and bias.all():  # a bias without a price is fitted exactly at the end
            sums = entries.matrix(W).sum(axis=axis).astype(np.float64)
            size += float((np.square(sums) / bias).sum())
    most = 1 / max(top, 1e-300)
    if loss.quadratic:
        inner = descent.dot(W, loss.data)
        size += descent.dot(W, W / loss.field_weights)
        s = min(inner / size, most) if size > 0 else 0.0
        return s * inner - 0.5 * s * s * size
    most = min(most, 1.0)  # s W is in the domain of d for s <= 1
    exact = W.astype(np.float64)

    def value(s: float) -> float:
        """Return the dual value of s W."""
        return float(loss.each_dual(s * exact, loss.field_weights).sum()) - 0.5 * s * s * size

    return max(value(most), value(scaling.golden(value, most, SECTION)))


def trim(entries: Entries, x: Floats) -> Floats:
    """Balance the components of x and drop the dead ones."""
    m, r = entries.shape[0], x.shape[1] - entries.bias_count
    if not r:
        return x
    left, right = roots(entries)
    sides = (x[:m, :r], left[:, None]), (x[m:, :r], right[:, None])
    if any(entries.signs):  # a mixture of components may lose its signs
        a, b = (np.sqrt(np.square(f / d, dtype=np.float64).sum(axis=0)) for f, d in sides)
        keep = a * b > DEAD * (a * b).max()
        root = np.sqrt(b[keep] / a[keep]).astype(x.dtype)
        both = np.vstack([x[:m, :r][:, keep] * root, x[m:, :r][:, keep] / root])
        return np.hstack([both, x[:, r:]])
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
    """Append components to a point, each with the best weight of a component alone.

    The weight s of u = P^(-1/2) u', v = Q^(-1/2) v' costs about (1 - sigma) s + curve s^2 / 2.
    Unless that is exact, all weights are halved as long as they raise the objective.
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
    """Return how many pairs to append: those that earn more than their price, and a few more."""
    return min(int(MORE * int((values > 1).sum())) + FEWEST, len(values))


def select_pairs(entries: Entries, W: Floats, pairs: Pairs) -> tuple[Array, Array, Array]:
    """Return the values and vectors of the pairs to append, scaled by prices.

    For factors with signs each pair gives two starts, one of each sign, of a power iteration.
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
    """Return the columns at length 1, projected if they have a sign; a zero column stays zero."""
    x = np.maximum(x, 0.0) if sign else x
    return np.asarray(x / np.maximum(np.linalg.norm(x, axis=0), 1e-300))


def parts_of(problem: Problem, entries: Entries, x: Floats) -> tuple[Factors, Values]:
    """Return the balanced factors of x, and the biases: the best ones if they are quick to find."""
    x = trim(entries, x.astype(np.float64))
    (factors, biases), quick = entries.out(x), problem.loss.quadratic
    q = problem.best_offsets(factors) if quick else descent.values_of(problem, biases)
    return factors, q


def dual(at: SearchState, top: Candidate, tol: float) -> ExpectedBound:
    """Return the expected bound by the dual point at the last point, and its best multiple.

    top  `at.candidate()`
    tol  the relative change that ends the estimate of the polar
    """
    problem = at.problem  # the loss that was searched may be an extended one
    quick = problem.loss.quadratic
    W = problem.dual_point(top.factors, top.q) if quick else at.in_double().dual_point(at.now.x)
    size = estimate(problem, W, at.seed, tol)
    s = scaling.best_scale(problem, W, size)
    return scaling.value(problem, W, s), s * W


def estimate(problem: Problem, W: Array, seed: int, tol: float) -> float:
    """Estimate the polar of W, from below."""
    observed, gauges = problem.loss.observed, problem.atom.gauges
    dims = observed.m, observed.n
    left, right = (1 / np.sqrt(g.ellipsoids(d).weights) for g, d in zip(gauges, dims, strict=True))
    rows, cols = observed.listed
    matrix = observed.matrix(W * left[rows] * right[cols])
    return float(lanczos.largest(matrix, seed=seed, tol=tol).values[0])
