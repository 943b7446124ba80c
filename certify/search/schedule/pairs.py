"""Look for better factors and dual points by the method that suits the loss and the norms.

convex      the problem over Z, where the polar ball has a cheap projection
trail       from somebody's factors: `meta_algorithm` for least squares with
            a closed polar, column generation for all else
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from certify.atoms import CP, DeepLinear, DeepReLU, RankOne, ReLU, Symmetric
from certify.base.arrays import Array
from certify.base.clock import Clock
from certify.losses import LOSSES, Squared
from certify.problem import Problem
from certify.search import meta_algorithm as search
from certify.search.descent import alternating as descent
from certify.search.descent.alternating import State
from certify.search.dual import admm as splitting
from certify.search.dual import polar_ball as balls
from certify.search.dual import reformulation as lifted
from certify.search.dual.reformulation import Lifted
from certify.search.found import Found
from certify.search.growth import pairs as columns
from certify.search.growth.pairs import Growth

ENTRIES, SPECTRAL_ENTRIES = 400_000, 40_000  # sizes at which a splitting step is quick
CLOSE = 0.05  # of epsilon: the gap at which a search may stop
ALONE = 0.3  # share of the budget for factors of the candidate's own size


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


def convex(problem: Problem, expired: Callable[[], bool], epsilon: float) -> Lifted | None:
    """Solve over Z, or return None where that is not known or too large."""
    if isinstance(problem.loss, Squared):
        return lifted.solve(problem, expired)
    ball = balls.of(problem)
    most = ENTRIES if ball is not None and ball.lines else SPECTRAL_ENTRIES
    if ball is None or np.prod(problem.loss.shape) > most:
        return None
    try:
        found = splitting.solve(problem, ball, expired, CLOSE * epsilon)
    except np.linalg.LinAlgError:  # its numbers left the floats
        return None
    return Lifted(found.W, None, ball.factors(found.Z), found.q)


def shortcut(problem: Problem, found: Lifted | None) -> State | None:
    """Return the optimum over all sizes where the convex problem gave its factors."""
    if found is None or found.factors is None:
        return None
    top = descent.state(problem, found.factors, found.q)
    return top if np.isfinite(top.value) else None


def trail(
    problem: Problem, start: State, clock: Clock, seed: int, rest: tuple[float, State | None]
) -> Found:
    """Go from a state to better ones; rest is (epsilon, the optimum over all sizes if known)."""
    epsilon, known = rest
    if classic(problem):
        old = search.search(problem, start, clock, seed, known)
        return Found(old.steps, old.same, old.best)
    return grown(problem, start, clock, seed, (CLOSE * epsilon, known))


def classic(problem: Problem) -> bool:
    """Whether least squares has a closed polar: no signs on l2 x l2, or an l1 side."""
    if not isinstance(problem.loss, Squared):
        return False
    atom = problem.atom
    weighted = isinstance(atom, RankOne) and descent.euclidean(atom)
    return weighted or balls.of(problem) is not None


def grown(
    problem: Problem, start: State, clock: Clock, seed: int, rest: tuple[float, State | None]
) -> Found:
    """Polish at the candidate's size, then with as many slices as earn their price."""
    wanted, known = rest
    if known is not None and known.size <= start.size and known.value < start.value:
        return Found((("start", start), ("lifted", known)), known, known)
    steps = columns.allowance(problem, start)
    with np.errstate(all="ignore"):
        own = Growth(problem, clock.share(ALONE).expired, clock.tell, start)
        own.steps = int(ALONE * steps)
        columns.grow(own, seed, wanted, cap=start.size)
        every = Growth(problem, clock.expired, clock.tell, own.best, own.W, own.lower)
        every.steps, every.last = steps, own.last
        if known is not None and known.value < own.best.value:
            every.best, every.history = known, [("lifted", known)]
        if every.best.value - own.lower > wanted and known is None:
            columns.grow(every, seed, wanted)
        small = own.best
        refuted = start.value - small.value > wanted / CLOSE
        if every.best.size > start.size > 0 and not refuted:
            small = shrunk(every, small, start.size, seed)
    met = [("start", start), *own.history, *every.history]
    falling = [met[0], *(b for a, b in pairwise(met) if b[1].value < a[1].value)]
    return Found(tuple(falling), small, every.best, duals(every))


def duals(every: Growth) -> tuple[Array, ...]:
    """Return the best dual point met, and the last where there is no gradient to trust."""
    first = () if every.W is None else (every.W,)
    if every.problem.loss.smooth or every.last is None or every.last is every.W:
        return first
    return (*first, every.last)


def shrunk(every: Growth, small: State, size: int, seed: int) -> State:
    """Keep the largest slices of the best factors, polish them, and return the better."""
    problem = every.problem
    cut = search.largest(problem, every.best, size)
    again = Growth(problem, every.expired, every.tell, cut)
    again.steps = int(ALONE * columns.allowance(problem, cut))
    if np.isfinite(cut.value):
        columns.grow(again, seed, 0.0, cap=size)
    return search.lowest([small, again.best])
