"""lam = 0: the best factors of rank at most r, or a bracket around them.

With all entries observed and equal weights the bound is that of `dual.own_size`, which is the
optimum for PCA and TruncatedSVD.  With missing entries or weights Ky Fan's bound on disjoint
blocks without missing entries is a lower bound: each block of Z has rank at most r, and the rest
costs at least 0.  The least loss is another lower bound, and the only one for a hidden layer with
one output and for other losses: there only better factors decide.

The dual of the problem with lam > 0 gives no bound.  f_0(X) = f_lam(X) - lam sum theta(X)
>= d - lam sum theta(X) with d <= inf f_lam bounds f_0(X) for *this* X, and d - lam T bounds f_0
over the X with sum theta <= T only.  With the candidate's sum for T, every X with larger factors is
left out.  Example: for one entry y > lam and r = 1, f_0 = 1/2 (x - y)^2 has the least value 0, but
with the candidate x = 0 the "bound" would be d = lam y - lam^2/2 > 0.
"""

from dataclasses import replace
from itertools import count

import numpy as np
from scipy import linalg

from certify.atoms import Factors
from certify.base.clock import Clock
from certify.base.errors import OutOfScopeError
from certify.losses import LOSSES
from certify.problem import Problem

from . import envelope
from .candidate import Candidate, evaluate, lowest
from .descent.products import Task
from .dual import own_size, own_size_blocks
from .dual.points import squared_loss
from .envelope import Smoothed
from .families import family, has_moves
from .growth.products import NOTHING, refit_offsets

STALLED = 1e-13  # relative gain of a few steps that ends a descent; luck, never truth
STEP = 2.0**-6  # relative size of a random step; luck, never truth
PATIENCE = 12  # successive random starts without a gain that end the search
ENVELOPES = 12  # successive envelopes of a loss with kinks
STAGES = 8  # stages in which missing components are appended
NOTABLE = 1e-6  # relative gain that counts as a better start
COARSE, FEWER = 1e-8, 4  # the gain that ends a descent from another start; times fewer steps
CURE = "give lam > 0: then factors of every size are compared"


def require(problem: Problem) -> None:
    """Raise OutOfScopeError, with the cure, unless a bound at a fixed rank is known."""
    known = problem.atom.family in ("pairs", "layers")
    known &= isinstance(problem.loss, tuple(LOSSES.values()))
    several = problem.loss.dims[-1] > 1  # outputs; with one, every rank is 1
    kinds = ("products", "squares", "deep") if several else ("products", "squares")
    blocks = problem.atom.family in kinds and own_size_blocks.applies(problem)
    if not (known or blocks or own_size.applies(problem)):
        raise OutOfScopeError(
            "lam = 0 is covered for RankOne and ReLU with losses of certify, for other atoms with "
            "least squares (tensors: without offsets), and for deep networks with two or more "
            f"outputs; {CURE}"
        )
    cure = CURE if problem.l1 is None else "give lam > 0, so that the products have a penalty"
    for o in problem.offsets:
        if not o.at_fixed_rank:
            raise OutOfScopeError(f"lam = 0 allows no {o.name} part; {cure}")


def ky_fan_is_exact(problem: Problem) -> bool:
    """Whether Ky Fan's bound is the optimum: factors without signs, and no offsets but means."""
    atom = problem.atom
    free = atom.family == "pairs" and not any(g.nonneg for g in atom.gauges)
    means = all(o.means and o.free for o in problem.offsets)
    return own_size.applies(problem) and free and means


def optimum(problem: Problem, r: int) -> Factors:
    """Return balanced factors of the best approximation of rank at most r beside the means."""
    loss = squared_loss(problem)
    means = problem.fit_offsets(np.zeros(loss.shape))
    left, values, right = linalg.svd(loss.data - problem.shift(means), full_matrices=False)
    root = np.sqrt(values[:r])
    return left[:, :r] * root, right[:r].T * root


def steps(
    problem: Problem, start: Candidate, clock: Clock, seed: int
) -> tuple[tuple[str, Candidate], ...]:
    """Return the start and lower points of its size.

    These are the truncated decomposition where it is the optimum, else the ends of descents from
    the start, from near it (the start may be a saddle), and with dead components replaced.
    """
    first = (("start", start),)
    if ky_fan_is_exact(problem):
        top = evaluate(problem, optimum(problem, start.size))
        return (*first, ("truncated decomposition", top))
    if not has_moves(problem):
        return first
    with np.errstate(all="ignore"):  # a point that is not finite is never the lowest
        ends = [descend(problem, s, clock) for s in (start, perturb(problem, start, seed))]
        ends.append(replace_dead(problem, lowest([start, *ends]), clock, seed))
    return (*first, *(("descend", s) for s in ends if s.value < start.value))


@np.errstate(all="ignore")  # a point that is not finite is never the lowest
def other_start(problem: Problem, start: Candidate, clock: Clock, seed: int) -> Candidate:
    """Return the lowest end of descents from other factors of the start's size, or the start.

    The first factors are components appended in stages, the others random, until several of them
    give no gain.
    """
    if not (has_moves(problem) and start.size):
        return start
    task, moves = task_of(problem, start, clock), family(problem)
    steps = moves.steps(problem, start) // FEWER
    nothing = tuple(x[:, :0] for x in start.factors)
    best, last = start, 0  # the number of the last start with a gain
    for tried in count():
        if tried - last > PATIENCE or clock.expired():
            break
        if tried:
            made = moves.draw(task, start.size, seed + tried)
        else:
            made = grow_components(task, nothing, start.size, seed)
        if not moves.sizes(task, made).any():  # no component is worth its price
            continue
        aimed = replace(task, goal=best.value) if task.smoothed.S is None else task
        end = evaluate(problem, moves.polish(aimed, made, steps, COARSE))
        if best.value - end.value > NOTABLE * abs(best.value):
            last = tried
        best = lowest([best, end])
    return best if best is start else descend(problem, best, clock)


@np.errstate(all="ignore")  # a point that is not finite is never the lowest
def replace_dead(problem: Problem, now: Candidate, clock: Clock, seed: int) -> Candidate:
    """Return the end of a descent with other components in place of the dead ones.

    A component of zeros is a saddle: no descent moves it.  Without dead components the candidate
    is returned.
    """
    if not has_moves(problem):
        return now
    task = task_of(problem, now, clock)
    sizes = family(problem).sizes(task, now.factors)
    keep = sizes > NOTHING * sizes.max(initial=0.0)
    if keep.all():
        return now
    alive = tuple(x[:, keep] for x in now.factors)
    filled = evaluate(problem, grow_components(task, alive, now.size, seed))
    return lowest([now, descend(problem, filled, clock)])


def grow_components(task: Task, factors: Factors, size: int, seed: int) -> Factors:
    """Append components that earn more than their price up to a size, in stages, the best first."""
    moves, each = family(task.problem), -(-(size - factors[0].shape[1]) // STAGES)
    while (room := size - factors[0].shape[1]) > 0:
        new = moves.append(task, factors, min(room, each), seed)
        if new[0].shape[1] <= factors[0].shape[1] or task.expired():
            break
        factors = new
    return factors


def task_of(problem: Problem, now: Candidate, clock: Clock) -> Task:
    """Return the descent task at these factors, with an envelope of a loss with kinks."""
    plain = Smoothed(problem.loss)
    fit = problem.predict(now.factors, now.q)
    smoothed = plain if problem.loss.smooth else envelope.of(problem.loss, fit)
    return Task(problem, smoothed, now.q, clock.expired)


def descend(problem: Problem, now: Candidate, clock: Clock) -> Candidate:
    """Return the end of a descent at the same rank; with kinks, also by way of envelopes."""
    task, moves = task_of(problem, now, clock), family(problem)
    steps = moves.steps(problem, now)
    starts = [now] if problem.loss.smooth else [now, descend_envelopes(task, now, steps)]
    plain = replace(task, smoothed=Smoothed(problem.loss))
    for start in starts:
        factors = moves.polish(replace(plain, q=start.q), start.factors, steps, STALLED)
        now = lowest([now, start, evaluate(problem, factors)])
    clock.tell("descend", now.value)
    return now


def descend_envelopes(task: Task, now: Candidate, steps: int) -> Candidate:
    """Return the lowest end of descents on envelopes, each with the last one's multiplier."""
    problem, best, factors = task.problem, now, now.factors
    for _ in range(ENVELOPES):
        factors = family(problem).polish(task, factors, steps, STALLED)
        q = refit_offsets(task, problem.atom.predict(factors, problem.loss.observed))
        best = lowest([best, Candidate(factors, q, problem.objective(factors, q))])
        smoothed = task.smoothed.update(problem.predict(factors, q))
        task = replace(task, smoothed=smoothed, q=q)
        if task.expired():
            break
    return best


def perturb(problem: Problem, start: Candidate, seed: int) -> Candidate:
    """Return the factors after a small random step that keeps their signs."""
    rng, moved = np.random.default_rng(seed), []
    for x, g in zip(start.factors, problem.atom.gauges, strict=False):  # symmetric: one factor
        d = STEP * np.abs(x).max(initial=0.0) * rng.standard_normal(x.shape)
        moved.append(x + (np.abs(d) if g.nonneg else d))
    return evaluate(problem, tuple(moved))
