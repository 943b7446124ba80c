"""Column generation for CP: descend, look for slices that earn more than lam, append.

    descend on all factors; W = -grad; append every distinct slice that earns more than lam;
    reweight all slices, which is convex; drop the empty, merge the alike; repeat

and at the end Newton steps, until no slice earns more than lam as far as ascents find.
"""

from dataclasses import dataclass, replace

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.losses import Squared
from certify.problem import Problem
from certify.search import envelope
from certify.search.column_generation import Search
from certify.search.coordinates.products import form_of
from certify.search.descent.alternating import State
from certify.search.descent.products import Task, finished, polished, reweighted
from certify.search.pricing.products import Field, above, cosines
from certify.search.schedule import Expired, Family

from .pairs import fitted

ROUNDS = 60
COARSE, FINE, PRODUCTS = 100, 1500, 2000  # quasi-Newton steps, and Hessian products
STALL = 1e-14  # relative gain of a fine round that ends the search; luck, never truth
LOOSE, TIGHT = 1e-4, 1e-10  # relative excess over lam that is worth a slice
ALIKE, COARSELY = 1e-5, 1e-3  # 1 - cosine under which two slices are merged
TOGETHER, FEW = 20, 4  # slices appended at once; while a multiplier moves
NOTHING = 1e-7  # a slice under this share of the largest may be dropped
WORK, MOST, FEWEST = 3e11, 60_000, 300  # multiplications, and steps, without a budget
SLICES = 40  # that a step is expected to move, to count its work
STARTS = 3  # random factors of the candidate's size that are descended from
STALE = 4  # fine rounds without a better gap that end the search


@dataclass
class Round:
    """Where a search is: the factors, the offsets inside the task, and how fine it works."""

    task: Task
    factors: Factors
    fine: bool = False


@np.errstate(all="ignore")  # a point that is not finite is never the lowest
def grow(search: Search, seed: int, wanted: float, cap: int | None = None) -> Search:
    """Run until the gap is below `wanted`, nothing improves, or time or steps are spent.

    cap: the largest number of slices.
    """
    problem, now = search.problem, search.best
    smoothed = envelope.of(problem.loss, problem.predict(now.factors, now.q))
    task = Task(problem, smoothed, now.q, search.clock.expired)
    at, stale, least = Round(task, now.factors), 0, np.inf
    for k in range(ROUNDS):
        descended(search, at)
        W = at.task.slope(at.factors)
        if not np.isfinite(W).all():
            break
        field = Field(problem.loss.observed, W, at.task.form, search.clock.expired)
        top, slices = above(field, problem.lam * (1 + TIGHT), at.factors, seed + k)
        search.weigh(W, top)
        gap = search.gap
        if gap <= wanted or search.over():
            break
        stale, least = (0, gap) if gap < 0.9 * least else (stale + 1, least)
        room = most(at.task) if cap is None else max(cap - at.factors[0].shape[1], 0)
        excess = top / problem.lam - 1
        if room and excess > (TIGHT if at.fine else LOOSE):
            at.factors = appended(at.task, at.factors, tuple(x[:, :room] for x in slices))
        elif at.fine and at.task.smoothed.S is None:
            break
        if at.fine and stale >= STALE:
            break
        if not room or excess <= 10 * LOOSE:
            at.fine = True
        at.task = replace(at.task, smoothed=at.task.smoothed.moved(at.task.fit(at.factors)))
    return search


def descended(search: Search, at: Round) -> None:
    """Descend, refit the offsets, drop and merge slices, and note the point."""
    task = at.task
    steps, stall = (FINE, STALL) if at.fine else (COARSE, 1e3 * STALL)
    at.factors, used = polished(task, at.factors, min(steps, search.steps), stall)
    search.steps -= used
    at.factors = pruned(task, at.factors, ALIKE if at.fine else COARSELY)
    if at.fine and task.smoothed.S is None:
        at.factors, used = finished(task, at.factors, PRODUCTS)
        search.steps -= used
    q = task.offsets(at.factors)
    if not isinstance(search.problem.loss, Squared):
        q = fitted(search.problem, task.smoothed, at.factors, q)
    search.note("polish" if at.fine else "descend", at.factors, q)
    at.task = replace(task, q=q)


def most(task: Task) -> int:
    """Return how many slices to append at once: few while the multiplier moves."""
    return TOGETHER if task.smoothed.S is None else FEW


def pruned(task: Task, factors: Factors, alike: float) -> Factors:
    """Drop slices that count for nothing, and merge those nearly parallel."""
    sizes = task.form.sizes(factors)
    keep = sizes > NOTHING * sizes.max(initial=0.0)
    if not keep.all():
        less = tuple(x[:, keep] for x in factors)
        factors = less if task.value(less) <= task.value(factors) else factors
        factors = reweighted(task, factors)
        keep = task.form.sizes(factors) > 0
        factors = tuple(x[:, keep] for x in factors)
    return merged(task, factors, alike)


def merged(task: Task, factors: Factors, alike: float) -> Factors:
    """Put each slice together with those nearly parallel to it; the next descent mends it."""
    form, r = task.form, factors[0].shape[1]
    if r < 2:  # noqa: PLR2004  nothing to merge
        return factors
    sizes, near = form.sizes(factors), cosines(form, factors) > 1 - alike
    free, chosen, totals = np.ones(r, dtype=bool), list[int](), list[float]()
    for k in np.argsort(-sizes, kind="stable"):
        if free[k]:
            group = np.nonzero(free & near[k])[0]
            free[group] = False
            chosen.append(int(k))
            totals.append(float(sizes[group].sum()))
    if len(chosen) == r:
        return factors
    units = form.units(tuple(x[:, chosen] for x in factors))
    return form.scaled(units, np.array(totals))


def appended(task: Task, factors: Factors, slices: Factors) -> Factors:
    """Append slices with a small weight each, and reweight all."""
    form, W = task.form, task.slope(factors)
    field = Field(task.problem.loss.observed, W, form)
    gain = np.maximum(field.earned(slices) - task.problem.lam, 0.0)
    step = task.plain(form.scaled(slices, gain))
    curve = task.smoothed.curvature * float(np.square(step).sum())
    if not curve > 0:
        return factors
    new = form.scaled(slices, gain * float(gain @ gain) / curve)
    joint = zip(form.balanced(factors), new, strict=True)
    return reweighted(task, tuple(np.hstack(pair) for pair in joint))


def allowance(problem: Problem, now: State) -> int:
    """Return how many steps a search without a budget may take: a minute or so of work."""
    cost = 6 * problem.loss.observed.size * max(now.size, SLICES)
    return int(min(max(WORK / cost, FEWEST), MOST))


def restarts(search: Search, size: int, seed: int) -> list[Factors]:
    """Return random factors of a size, as large as the best."""
    rng, held = np.random.default_rng(seed), search.best.factors
    scale = np.abs(held[0]).max(initial=0.0)
    return [
        search.problem.atom.project(
            tuple(scale * rng.standard_normal((len(x), size)) for x in held)
        )
        for _ in range(STARTS)
    ]


def earn(problem: Problem, W: Array, factors: Factors, seed: int, expired: Expired) -> float:
    """Return the most that W is found to earn."""
    form = form_of(problem.atom, problem.loss.dims)
    return above(Field(problem.loss.observed, W, form, expired), np.inf, factors, seed)[0]


FAMILY = Family(grow, allowance, restarts, earn)
