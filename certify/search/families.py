"""Which search suits a problem: products (matrices and tensors), or layers."""

from certify.atoms import CP, Atom, DeepLinear, DeepReLU, RankOne, ReLU, Symmetric
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


def supported(problem: Problem) -> bool:
    """Whether factors of this problem can be improved here."""
    atom = problem.atom
    known = isinstance(atom, CP | RankOne | ReLU | Symmetric)
    if isinstance(atom, ReLU):  # neurons of one block each: a sum of l2 norms
        left = atom.layer.left
        known = left.free and left.summed
        if atom.layer.most:  # weights go down together, by half their squares
            return problem.loss.smooth and plain(problem)
    known |= isinstance(atom, DeepLinear) or (isinstance(atom, DeepReLU) and atom.slope == 0)
    return known and isinstance(problem.loss, tuple(LOSSES.values()))


def plain(problem: Problem) -> bool:
    """Whether the loss is ours and the output weights of a layer have one entry or l2."""
    atom, outputs = problem.atom, problem.loss.dims[-1]
    round_ = isinstance(atom, ReLU) and (outputs == 1 or atom.layer.right.spherical)
    return round_ and isinstance(problem.loss, tuple(LOSSES.values()))


def summing(atom: Atom) -> bool:
    """Whether an atom is a hidden layer whose samples are sums of rows."""
    return isinstance(atom, ReLU) and not atom.layer.most


def family(problem: Problem) -> Family:
    """Return how the problem's atom is searched."""
    if isinstance(problem.atom, ReLU):
        return layers.FAMILY if summing(problem.atom) else pooled.FAMILY
    return tensors.FAMILY if isinstance(problem.atom, CP) else pairs.FAMILY


def search(
    problem: Problem, start: State, clock: Clock, seed: int, rest: tuple[float, State | None]
) -> SearchResult:
    """Go from a state to better ones; rest is (epsilon, the optimum over all sizes if known)."""
    if isinstance(problem.atom, CP):
        return products.search(problem, start, clock, seed, rest)
    if isinstance(problem.atom, DeepLinear | DeepReLU):
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
    weighted = isinstance(atom, RankOne) and descent.euclidean(atom)
    return weighted or balls.of(problem) is not None
