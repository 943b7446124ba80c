"""From somebody's factors of a tensor to better ones, at their own size and at any."""

from itertools import pairwise

import numpy as np

from certify.base.clock import Clock
from certify.problem import Problem
from certify.search.coordinates.compress import Compressed, compressed
from certify.search.descent.alternating import State, state
from certify.search.found import Found
from certify.search.growth.pairs import Growth
from certify.search.growth.products import grow
from certify.search.meta_algorithm import largest, lowest

ALONE = 0.3  # share of the budget for factors of the candidate's own size
CLOSE = 0.05  # of epsilon: the gap at which a search may stop
WORK, MOST, FEWEST = 3e11, 60_000, 300  # multiplications, and steps, without a budget
SLICES = 40  # that a step is expected to move, to count its work
STARTS = 3  # random factors of the candidate's size that are descended from


def trail(problem: Problem, start: State, clock: Clock, seed: int, epsilon: float) -> Found:
    """Descend at the candidate's size, then grow; deterministic for a seed without a budget."""
    small = compressed(problem)
    with np.errstate(all="ignore"):
        if small is None:
            return grown(problem, start, clock, seed, CLOSE * epsilon)
        inner = state(small.problem, small.down(start.factors))
        found = grown(small.problem, inner, clock, seed, CLOSE * epsilon)
        return lifted(problem, start, small, found)


def lifted(problem: Problem, start: State, small: Compressed, found: Found) -> Found:
    """Return what was found at the shape of the data."""
    steps = [("start", start)]
    steps += [(name, state(problem, small.up(s.factors))) for name, s in found.steps[1:]]
    same, best = (state(problem, small.up(s.factors)) for s in (found.same, found.best))
    duals = tuple(small.field_up(W) for W in found.duals)
    return Found(falling(steps), lowest([start, same]), lowest([start, best]), duals)


def grown(problem: Problem, start: State, clock: Clock, seed: int, wanted: float) -> Found:
    """Polish at the candidate's size, then with as many slices as earn their price."""
    steps = allowance(problem, start)
    own = Growth(problem, clock.share(ALONE).expired, clock.tell, start)
    own.steps = int(ALONE * steps)
    grow(own, seed, wanted, cap=start.size)
    every = Growth(problem, clock.expired, clock.tell, own.best, own.W, own.lower)
    every.steps = steps
    if every.best.value - own.lower > wanted:
        grow(every, seed, wanted)
    small = own.best
    if every.best.size > start.size > 0 and start.value - small.value <= wanted / CLOSE:
        small = lowest([small, *again(every, start.size, seed, steps)])
    met = [("start", start), *own.history, *every.history]
    duals = () if every.W is None else (every.W,)
    return Found(falling(met), small, lowest([small, every.best]), duals)


def falling(met: list[tuple[str, State]]) -> tuple[tuple[str, State], ...]:
    """Return the first point and those that are lower than the one before."""
    return (met[0], *(b for a, b in pairwise(met) if b[1].value < a[1].value))


def allowance(problem: Problem, now: State) -> int:
    """Return how many steps a call without a budget may take: a minute or so of work."""
    cost = 6 * problem.loss.observed.size * max(now.size, SLICES)
    return int(min(max(WORK / cost, FEWEST), MOST))


def again(every: Growth, size: int, seed: int, steps: int) -> list[State]:
    """Descend at a size from the largest slices of the best, and from random factors."""
    problem, rng = every.problem, np.random.default_rng(seed)
    starts = [largest(problem, every.best, size).factors]
    scale = np.abs(every.best.factors[0]).max(initial=0.0)
    for _ in range(STARTS):
        lots = tuple(scale * rng.standard_normal((len(x), size)) for x in every.best.factors)
        starts.append(problem.atom.project(lots))
    out = []
    for x in starts:
        now = state(problem, x)
        if not np.isfinite(now.value) or every.expired():
            continue
        own = Growth(problem, every.expired, every.tell, now)
        own.steps = int(ALONE * steps)
        out.append(grow(own, seed, 0.0, cap=size).best)
    return out
