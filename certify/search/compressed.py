"""Search for a tensor with a long mode: by a smaller tensor that replaces it."""

from certify.base.clock import Clock
from certify.problem import Problem

from .candidate import Candidate, Goal, evaluate, lowest
from .coordinates.compress import compress
from .growth.products import FAMILY
from .schedule import drop_rises
from .search_result import SearchResult


def search(problem: Problem, start: Candidate, clock: Clock, seed: int, goal: Goal) -> SearchResult:
    """Search the smaller problem, if there is one; return the result at the shape of the data."""
    small = compress(problem)
    if small is None:
        return FAMILY.search(problem, start, clock, seed, goal)
    inner = evaluate(small.problem, small.down(start.factors))
    result = FAMILY.search(small.problem, inner, clock, seed, (goal[0], None))
    steps = [(name, evaluate(problem, small.up(s.factors))) for name, s in result.steps[1:]]
    ends = (evaluate(problem, small.up(s.factors)) for s in (result.same, result.best))
    same, best = (lowest([start, s]) for s in ends)
    duals = tuple(small.field_up(W) for W in result.duals)
    return SearchResult(drop_rises([("start", start), *steps]), same, best, duals)
