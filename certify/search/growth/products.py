"""Column generation for matrices and tensors.

    descend on all factors; W = -grad; append the components that earn more than lam;
    reweight all components, which is convex; drop the empty, merge the alike; repeat

until ascents find no component that earns more than lam, and the multiplier of a loss without a
Lipschitz gradient has settled.
"""

from dataclasses import dataclass, replace

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.base.minimize import WINDOW
from certify.losses import Squared
from certify.polar.ascent.alike import merge as alike_together
from certify.problem import Problem, Values
from certify.search import envelope
from certify.search.candidate import Candidate, draw_inside
from certify.search.column_generation import Search
from certify.search.coordinates.products import form_of
from certify.search.descent.products import Task, polish_factors, reweight
from certify.search.dual import joint_cases
from certify.search.dual.products import is_beyond_trees
from certify.search.pricing import Field, above, cosines
from certify.search.schedule import Expired, Family

from . import counts, nonnegative

ROUNDS = 80
COARSE, FINE = 100, 1500  # quasi-Newton steps
STALLED = 1e-14  # relative gain of a fine round that ends the search; luck, never truth
LOOSE, TIGHT = 1e-4, 1e-11  # relative excess over lam that is worth a slice
ALIKE, COARSELY = 1e-5, 1e-3  # 1 - cosine under which two slices are merged
TOGETHER, FEW = 20, 4  # slices appended at once; while a multiplier moves
SHARES, OFFSET_SWEEPS = 50, 30  # halvings of the share of a mixture; sweeps of a fit of offsets
NOTHING = 1e-7  # a slice under this share of the largest may be dropped
WORK, MOST, FEWEST = 1e11, 60_000, 300  # multiplications without a budget; limits of its steps
SLICES = 40  # slices that a step moves, for an estimate of its work
STALE = 8  # fine rounds without a better gap that end the search
OPEN = 3e-4  # of the gap that one case of a relaxation leaves: a gain that is not worth more work
OPEN_COUNTS = 4e-3  # the same of a round of turns on counts, each of which takes longer


@dataclass
class Round:
    """The state of a search; the offsets are in the task.

    fine    the number of fine rounds so far
    little  the gain of a fine round that is not worth another one
    """

    task: Task
    factors: Factors
    fine: int = 0
    little: float = -np.inf


@np.errstate(all="ignore")  # a point that is not finite is never the lowest
def grow(search: Search, seed: int, wanted: float, cap: int | None = None) -> Search:
    """Run until the gap is below `wanted`, nothing improves, or time or steps are spent.

    cap  the largest number of components
    """
    problem, now = search.problem, first_point(search, seed, wanted, cap)
    if now is None:
        return search
    smoothed = envelope.of(problem.loss, problem.predict(now.factors, now.q))
    task = Task(problem, smoothed, now.q, search.clock.expired)
    if smoothed.S is None:  # its values are those of the loss
        task = replace(task, goal=search.goal)
    at, stale, least = Round(task, now.factors), 0, np.inf
    aim = 0.0 if cap is None else wanted  # at a fixed size no gap shows when the search is done
    for k in range(ROUNDS):
        before = at.task.value(at.factors)
        descend(search, at)
        W = at.task.slope(at.factors)
        if not np.isfinite(W).all():
            break
        field = Field(problem.loss.observed, W, at.task.form, search.clock.expired)
        top, components = above(field, problem.lam * (1 + TIGHT), at.factors, seed + k)
        search.weigh(W, top)
        if search.gap <= wanted or search.over() or gains_little(at, before):
            break
        stale, least = (0, search.gap) if search.gap < 0.9 * least else (stale + 1, least)
        room = TOGETHER if at.task.smoothed.S is None else FEW
        room = room if cap is None else max(cap - at.factors[0].shape[1], 0)
        excess = top / problem.lam - 1
        if room and excess > excess_threshold(search, at):
            at.factors = append(at.task, at.factors, tuple(x[:, :room] for x in components))
        elif at.fine and at.task.smoothed.S is None and unchanged(at, before, aim):
            break
        if at.fine and stale >= STALE:
            break
        if not room or excess <= 10 * LOOSE or stale >= STALE:
            stale = stale if at.fine else 0
            refine(search, at)
        at.task = replace(at.task, smoothed=at.task.smoothed.update(at.task.fit(at.factors)))
    return search


def refine(search: Search, at: Round) -> None:
    """Begin a fine round."""
    if not at.fine:
        at.little = negligible_gain(search)
    at.fine += 1


def gains_little(at: Round, before: float) -> bool:
    """Whether a fine round gained so little that another is not worth its time."""
    return bool(at.fine and before - at.task.value(at.factors) <= at.little)


def negligible_gain(search: Search, share: float = OPEN) -> float:
    """Return a gain that is small beside the gap that the proof will leave; -inf for none.

    For a matrix of nonnegative factors the proof leaves a good part of the gap of one case, which
    is quicker to find than a fine round.
    """
    problem, best = search.problem, search.best
    if not is_beyond_trees(problem):
        return -np.inf
    goal = best.value, 1
    found = next(joint_cases.polish(problem, best.factors, goal, search.clock.until_end))
    return share * (best.value - found.value)


def first_point(search: Search, seed: int, wanted: float, cap: int | None) -> Candidate | None:
    """Return the point to descend from; None if a method for nonnegative factors is enough."""
    if cap is None and nonnegative.applies(search.problem):
        return nonnegative.sweep_columns(search, seed)
    if not counts.applies(search.problem):
        return search.best
    slow = () if cap is not None else (lambda at: negligible_gain(at, OPEN_COUNTS),)
    now = counts.grow(search, seed, wanted, cap, *slow).best
    done = search.gap <= wanted or search.over() or now.size > SLICES
    return None if done else now


def unchanged(at: Round, before: float, aim: float) -> bool:
    """Whether a round gained almost nothing, at most `aim`, or less than the goal needs."""
    value = at.task.value(at.factors)
    return before - value <= max(STALLED * abs(value), aim, value - at.task.goal)


def excess_threshold(search: Search, at: Round) -> float:
    """Return the relative excess over lam that is worth a component."""
    if not at.fine:
        return LOOSE
    gap = search.gap / max(abs(search.best.value), 1e-300)
    return TIGHT if at.task.smoothed.S is None else float(np.clip(0.1 * gap, TIGHT, LOOSE))


def descend(search: Search, at: Round) -> None:
    """Descend, refit the offsets, drop and merge components, and note the point."""
    task = at.task
    steps, stall = (FINE, STALLED) if at.fine else (COARSE, 1e3 * STALLED)
    if at.little > 0:  # the same gain for each step
        stall = max(stall, at.little * WINDOW / (FINE * abs(search.best.value)))
    at.factors, used = polish_factors(task, at.factors, min(steps, search.steps), stall)
    search.steps -= used
    at.factors = prune(task, at.factors, ALIKE if at.fine else COARSELY)
    q = refit_offsets(task, task.plain(at.factors))
    search.note("polish" if at.fine else "descend", inside(search, at.factors, q), q)
    at.task = replace(task, q=q)


def prune(task: Task, factors: Factors, alike: float) -> Factors:
    """Drop negligible components, and merge those that are nearly parallel."""
    sizes = task.form.sizes(factors)
    keep = sizes > NOTHING * sizes.max(initial=0.0)
    if not keep.all():
        less = tuple(x[:, keep] for x in factors)
        factors = less if task.value(less) <= task.value(factors) else factors
        factors = reweight(task, factors)
        keep = task.form.sizes(factors) > 0
        factors = tuple(x[:, keep] for x in factors)
    return merge(task, factors, alike)


def merge(task: Task, factors: Factors, alike: float) -> Factors:
    """Merge each slice with those nearly parallel to it; the next descent corrects the error."""
    form, r = task.form, factors[0].shape[1]
    if r < 2:  # noqa: PLR2004  nothing to merge
        return factors
    sizes, near = form.sizes(factors), cosines(form, factors) > 1 - alike
    chosen, totals = alike_together(sizes, near)
    if len(chosen) == r:
        return factors
    units = form.units(tuple(x[:, chosen] for x in factors))
    return form.scale(units, totals)


def append(task: Task, factors: Factors, slices: Factors) -> Factors:
    """Append slices with small weights, and reweight all."""
    form, W = task.form, task.slope(factors)
    field = Field(task.problem.loss.observed, W, form)
    gain = np.maximum(field.inner_products(slices) - task.problem.lam, 0.0)
    step = task.plain(form.scale(slices, gain))
    curve = task.smoothed.curvature * float(np.square(step).sum())
    if not curve > 0:
        return factors
    new = form.scale(slices, gain * float(gain @ gain) / curve)
    joint = zip(form.balance(factors), new, strict=True)
    return reweight(task, tuple(np.hstack(pair) for pair in joint))


def inside(search: Search, factors: Factors, q: Values) -> Factors:
    """Mix in a little of the best factors if the loss is infinite at these.

    The loss is convex, so doubling finds the least share that makes it finite.
    """
    problem, best = search.problem, search.best
    if not problem.loss.outside(problem.predict(factors, q)):
        return factors
    for k in range(SHARES, -1, -1):
        t = 2.0**-k
        parts = zip(factors, best.factors, strict=True)
        mixed = tuple(np.hstack([np.sqrt(1 - t) * x, np.sqrt(t) * y]) for x, y in parts)
        if not problem.loss.outside(problem.predict(mixed, q)):
            return mixed
    return factors


def refit_offsets(task: Task, Z: Array) -> Values:
    """Return better offsets beside a field, by least squares with a bound of the curvature."""
    problem, smoothed = task.problem, task.smoothed
    if not problem.offsets or isinstance(problem.loss, Squared):
        return problem.fit_offsets(Z)
    observed, bend = problem.loss.observed, smoothed.curvature
    fit, out = task.shift(Z)[0], list(task.q)
    weights = np.full(fit.shape, bend)
    for _ in range(OFFSET_SWEEPS):
        for k, o in enumerate(problem.offsets):
            field = o.field(out[k], observed)
            new = o.solve(field + smoothed.at(fit).W / bend, weights, observed)
            fit = fit - field + o.field(new, observed)
            out[k] = new
    return tuple(out)


def count_steps(problem: Problem, now: Candidate) -> int:
    """Return the steps that a search without a budget may take: some 20 seconds of work."""
    cost = 6 * problem.loss.observed.size * max(now.size, SLICES)
    return int(min(max(WORK / cost, FEWEST), MOST))


def earn(  # noqa: PLR0913  as `Family` says
    problem: Problem, W: Array, price: float, factors: Factors, *, seed: int, expired: Expired
) -> tuple[float, Factors]:
    """Return the most that a component is found to earn at W, and those that earn more."""
    form = form_of(problem.atom, problem.loss.dims)
    return above(Field(problem.loss.observed, W, form, expired), price, factors, seed)


def append_best(task: Task, factors: Factors, most: int, seed: int) -> Factors:
    """Append at most `most` components that earn more than lam, best first."""
    W = task.slope(factors)
    if not np.isfinite(W).all():
        return factors
    field = Field(task.problem.loss.observed, W, task.form, task.expired)
    components = above(field, task.problem.lam, factors, seed)[1]
    return append(task, factors, tuple(x[:, :most] for x in components))


def draw(task: Task, size: int, seed: int) -> Factors:
    """Return random components with the best weights."""
    rng = np.random.default_rng(seed)
    factors = tuple(draw_inside(s.norm, (s.d, size), rng) for s in task.form.sides)
    return reweight(task, task.form.units(factors))


def polish(task: Task, factors: Factors, steps: int, stall: float) -> Factors:
    """Return factors of a lower objective, or the same."""
    return polish_factors(task, factors, steps, stall)[0]


FAMILY = Family(
    grow, count_steps, earn, lambda task, x: task.form.sizes(x), polish, append_best, draw
)
