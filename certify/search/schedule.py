"""The schedule of a search: at the candidate's size, at any size, then at its size again."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.base.clock import Clock
from certify.problem import Problem

from . import envelope, masters
from .candidate import Candidate, Goal, evaluate, largest, lowest
from .column_generation import Search
from .descent.products import Task
from .search_result import SearchResult

ALONE = 0.3  # share of the time left and of the steps for the candidate's own size
MASTERS = 0.5  # share of the time left for exact masters of a loss with kinks
STARTS = 3  # random starts of the candidate's size
CLOSE = 0.05  # of epsilon: the gap at which a search may stop
Expired = Callable[[], bool]


@dataclass(frozen=True)
class Family:
    """The search of a family of atoms.

    grow      grow(search, seed, wanted, cap): column generation until the gap is `wanted`, with at
              most `cap` components (None: any number)
    steps     steps(problem, candidate): the steps that a search without a budget may take
    earn      earn(problem, W, price, factors, *, seed, expired): the most that a component is found
              to earn at W, and components of theta 1 that earn more than a price; None where a
              bound of the polar takes no longer

    The other operations are those of descents at a fixed number of components:

    sizes     sizes(task, factors): the size of each component; a component of size 0 is dead
    polish    polish(task, factors, steps, stall): factors of a lower objective
    append    append(task, factors, most, seed): the factors with at most `most` new components,
              those that earn most
    draw      draw(task, size, seed): random components with the best weights
    """

    grow: Callable[[Search, int, float, int | None], object]
    steps: Callable[[Problem, Candidate], int]
    earn: Callable[..., tuple[float, Factors]] | None
    sizes: Callable[[Task, Factors], Array]
    polish: Callable[[Task, Factors, int, float], Factors]
    append: Callable[[Task, Factors, int, int], Factors]
    draw: Callable[[Task, int, int], Factors]

    @np.errstate(all="ignore")  # a point that is not finite is never the lowest
    def search(
        self, problem: Problem, start: Candidate, clock: Clock, seed: int, goal: Goal
    ) -> SearchResult:
        """Return better factors and dual points; without a budget the seed determines them."""
        epsilon, known = goal
        if known is not None and known.size <= start.size and known.value < start.value:
            return SearchResult((("start", start), ("lifted", known)), known, known)
        wanted, steps = CLOSE * epsilon, self.steps(problem, start)
        fixed = Search(problem, clock.next_part(ALONE), start, steps=int(ALONE * steps))
        if known is not None:  # the search can only refute the start at its own size
            fixed.goal = start.value - epsilon
        self.grow(fixed, seed, wanted, start.size)
        every = Search(problem, clock, fixed.best, fixed.W, fixed.lower, steps)
        if known is not None:
            every.keep("lifted", known)
        elif every.gap > wanted and not (
            clock.expired() or self.solve_masters(every, wanted, seed)
        ):
            self.grow(every, seed, wanted, None)
        met = [*fixed.history, *every.history]
        small = lowest([start, *(s for _, s in met if s.size <= start.size)])
        if every.best.size > start.size > 0:
            every.goal = small.value
            tensor = len(problem.loss.dims) > 2  # noqa: PLR2004  others: the largest components do
            starts = STARTS if tensor and start.value - small.value <= epsilon else 0
            small = lowest([small, *search_again(self, every, (start.size, starts), wanted, seed)])
        none = tuple(x[..., :0] for x in start.factors)  # the best where the penalty dominates
        bare = [] if problem.offsets else [evaluate(problem, none, ())]
        met += [("no components", s) for s in bare]
        small, best = (lowest([s, *bare]) for s in (small, every.best))
        return SearchResult(drop_rises([("start", start), *met]), small, best, every.duals)

    def solve_masters(self, search: Search, wanted: float, seed: int) -> bool:
        """Return whether masters apply, and end in a part of the time."""
        problem, earn = search.problem, self.earn
        if earn is None or not masters.applies(problem):
            return False
        over = search.clock.next_part(MASTERS).expired
        return masters.refine(search, partial(earn, problem, expired=over), wanted, over, seed)


def search_again(
    family: Family, every: Search, count: tuple[int, int], wanted: float, seed: int
) -> list[Candidate]:
    """Return the points met at a size, from the largest components and from random ones.

    count   the size, and the number of random starts
    wanted  the gain that is too small to continue

    Only points below every.goal are useful.
    """
    (size, starts), problem, out = count, every.problem, list[Candidate]()
    fresh = (evaluate(problem, draw(family, every, size, seed + k)) for k in range(starts))
    for now in (largest(problem, every.best, size), *fresh):
        if np.isfinite(now.value) and not every.clock.expired():
            search = Search(problem, every.clock, now, goal=every.goal)
            search.steps = int(ALONE * family.steps(problem, now))
            family.grow(search, seed, wanted, size)
            out += [now, *(s for _, s in search.history if s.size <= size)]
    return out


def draw(family: Family, every: Search, size: int, seed: int) -> Factors:
    """Return random components with the best weights beside the offsets of the best point."""
    problem, best = every.problem, every.best
    smoothed = envelope.of(problem.loss, problem.predict(best.factors, best.q))
    return family.draw(Task(problem, smoothed, best.q, every.clock.expired), size, seed)


def drop_rises(met: list[tuple[str, Candidate]]) -> tuple[tuple[str, Candidate], ...]:
    """Return the first point and each point that is lower than the one before."""
    return (met[0], *(b for a, b in pairwise(met) if b[1].value < a[1].value))
