"""From somebody's network to better ones, of its own size and of any."""

from itertools import pairwise

import numpy as np

from certify.base.clock import Clock
from certify.problem import Problem
from certify.search.descent.alternating import State, state
from certify.search.found import Found
from certify.search.growth.layers import grow
from certify.search.growth.pairs import Growth
from certify.search.meta_algorithm import largest, lowest

ALONE = 0.3  # share of the budget for a network of the candidate's own size
CLOSE = 0.05  # of epsilon: the gap at which a search may stop
STEPS = 20_000  # of descents and of Newton, without a budget


def trail(problem: Problem, start: State, clock: Clock, seed: int, epsilon: float) -> Found:
    """Improve at the candidate's size, then grow; deterministic for a seed without a budget."""
    wanted = CLOSE * epsilon
    alone = clock.share(ALONE)
    own = Growth(problem, alone.expired, clock.tell, start, left=alone.left)
    own.steps = int(ALONE * STEPS)
    grow(own, seed, wanted, cap=start.size)
    every = Growth(problem, clock.expired, clock.tell, own.best, own.W, own.lower)
    every.steps, every.left = STEPS, clock.left
    if every.best.value - own.lower > wanted and not clock.expired():
        grow(every, seed, wanted)
    small = of_size([own.best, *(s for _, s in own.history)], start)
    if every.best.size <= start.size:
        small = lowest([small, every.best])
    elif every.best.size > start.size > 0 and start.value - small.value <= epsilon:
        small = lowest([small, again(every, start, seed)])
    met = [("start", start), *own.history, *every.history]
    falling = (met[0], *(b for a, b in pairwise(met) if b[1].value < a[1].value))
    duals = () if every.W is None else (every.W,)
    return Found(falling, small, lowest([small, every.best]), duals)


def of_size(states: list[State], start: State) -> State:
    """Return the lowest of the states that have no more neurons than the start."""
    return lowest([start, *(s for s in states if s.size <= start.size)])


def again(every: Growth, start: State, seed: int) -> State:
    """Improve at the candidate's size from the largest neurons of the best."""
    cut = largest(every.problem, every.best, start.size)
    if not np.isfinite(cut.value) or every.expired():
        return start
    own = Growth(every.problem, every.expired, every.tell, cut, left=every.left)
    own.steps = int(ALONE * STEPS)
    grown = grow(own, seed, 0.0, cap=start.size)
    return of_size([grown.best], state(every.problem, cut.factors))
