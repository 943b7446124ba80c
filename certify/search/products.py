"""CP problems: the search of a tensor with a long mode is that of a smaller one."""

from certify.base.clock import Clock
from certify.problem import Problem

from .candidate import Candidate, Goal, evaluate, lowest
from .coordinates.compress import Compressed, compress
from .growth.products import FAMILY
from .schedule import falling
from .search_result import SearchResult


def search(problem: Problem, start: Candidate, clock: Clock, seed: int, rest: Goal) -> SearchResult:
    """Return the result of a search."""
    small = compress(problem)
    if small is None:
        return FAMILY.search(problem, start, clock, seed, rest)
    inner = evaluate(small.problem, small.down(start.factors))
    result = FAMILY.search(small.problem, inner, clock, seed, (rest[0], None))
    return at_data_shape(problem, start, small, result)


def at_data_shape(
    problem: Problem, start: Candidate, small: Compressed, result: SearchResult
) -> SearchResult:
    """Return the result at the shape of the data."""
    steps = [("start", start)]
    steps += [(name, evaluate(problem, small.up(s.factors))) for name, s in result.steps[1:]]
    same, best = (evaluate(problem, small.up(s.factors)) for s in (result.same, result.best))
    duals = tuple(small.field_up(W) for W in result.duals)
    return SearchResult(falling(steps), lowest([start, same]), lowest([start, best]), duals)
