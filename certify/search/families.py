"""The search that suits a problem, by the family of its atom."""

from certify.base.clock import Clock
from certify.problem import Problem

from . import compressed, deep, ratings
from .candidate import Candidate, Goal
from .coordinates.products import VECTORS
from .growth import layers, pooled, products
from .schedule import Family
from .search_result import SearchResult

DEEP = "deep"


def is_supported(problem: Problem) -> bool:
    """Whether factors of this problem can be improved here."""
    atom, layer = problem.atom, problem.atom.layer
    if layer is None:
        return atom.family in VECTORS or (atom.family == DEEP and deep.slope(atom) in (0.0, 1.0))
    if layer.max_pooled:  # weights go down together, by half their squares
        return problem.loss.smooth and (problem.loss.dims[-1] == 1 or layer.right.spherical)
    return layer.left.free and layer.left.summed  # neurons of one block each: a sum of l2 norms


def has_moves(problem: Problem) -> bool:
    """Whether a descent at a fixed number of components is known.

    Neurons of a group norm need lam = 0: otherwise the norm has no gradient.
    """
    layer = problem.atom.layer
    if layer is None:
        return problem.atom.family in VECTORS
    return problem.lam == 0 or (is_supported(problem) and layer.left.spherical)


def family(problem: Problem) -> Family:
    """Return the search family of the problem's atom."""
    layer = problem.atom.layer
    if layer is None:
        return products.FAMILY
    return pooled.FAMILY if layer.max_pooled else layers.FAMILY


def search(problem: Problem, start: Candidate, clock: Clock, seed: int, goal: Goal) -> SearchResult:
    """Search for better factors from a candidate."""
    if ratings.applies(problem):
        return ratings.search(problem, start, clock, seed, goal)
    if problem.atom.family == "products":
        return compressed.search(problem, start, clock, seed, goal)
    if problem.atom.family == DEEP:
        return deep.search(problem, start, clock, seed, goal)
    return family(problem).search(problem, start, clock, seed, goal)
