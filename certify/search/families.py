"""Which search suits a problem: products (matrices and tensors), or layers."""

from certify.base.clock import Clock
from certify.losses import LOSSES, Squared
from certify.problem import Problem

from . import deep, meta_algorithm, products
from .descent import alternating as descent
from .descent.alternating import State
from .dual import polar_ball as balls
from .growth import layers, pairs, pooled
from .growth import products as tensors
from .schedule import Family
from .search_result import SearchResult

VECTORS, DEEP = ("pairs", "squares", "products"), "deep"


def supported(problem: Problem) -> bool:
    """Whether factors of this problem can be improved here."""
    atom, layer = problem.atom, problem.atom.layer
    if not isinstance(problem.loss, tuple(LOSSES.values())):
        return False
    if layer is None:
        return atom.family in VECTORS or (atom.family == DEEP and deep.slope(atom) in (0.0, 1.0))
    if layer.most:  # weights go down together, by half their squares
        return problem.loss.smooth and (problem.loss.dims[-1] == 1 or layer.right.spherical)
    return layer.left.free and layer.left.summed  # neurons of one block each: a sum of l2 norms


def family(problem: Problem) -> Family:
    """Return how the problem's atom is searched."""
    layer = problem.atom.layer
    if layer is not None:
        return pooled.FAMILY if layer.most else layers.FAMILY
    return tensors.FAMILY if problem.atom.family == "products" else pairs.FAMILY


def search(
    problem: Problem, start: State, clock: Clock, seed: int, rest: tuple[float, State | None]
) -> SearchResult:
    """Go from a state to better ones; rest is (epsilon, the optimum over all sizes if known)."""
    if problem.atom.family == "products":
        return products.search(problem, start, clock, seed, rest)
    if problem.atom.family == DEEP:
        return deep.search(problem, start, clock, seed, rest)
    if classic(problem):
        old = meta_algorithm.search(problem, start, clock, seed, rest[1])
        return SearchResult(old.steps, old.same, old.best)
    return family(problem).search(problem, start, clock, seed, rest)


def classic(problem: Problem) -> bool:
    """Whether least squares has a closed polar: no signs on l2 x l2, or an l1 side."""
    if not isinstance(problem.loss, Squared):
        return False
    atom = problem.atom
    weighted = atom.family == "pairs" and descent.euclidean(atom)
    return weighted or balls.of(problem) is not None
