"""lam = 0: the best factors of rank at most r, or a bracket around them.

With every entry seen and equal weights the bound is that of `dual.own_size`: for PCA and
TruncatedSVD the optimum.  With missing entries or weights Ky Fan's bound on disjoint blocks
without missing entries is a lower bound (each block of Z has rank at most r, the rest costs at
least 0), and the least loss is another: 0 here.

The dual of the problem with lam > 0 gives none.  From f_0(X) = f_lam(X) - lam sum theta(X)
>= d - lam sum theta(X), d <= inf f_lam, follows a bound of f_0(X) for *this* X; d - lam T
bounds f_0 over the X with sum theta <= T only.  Putting the candidate's sum for T leaves
out every X with larger factors: for one entry y > lam and r = 1, f_0 = 1/2 (x - y)^2 has
the least value 0, and with the candidate x = 0 the "bound" would be d = lam y - lam^2/2 > 0.
"""

import numpy as np
from scipy import linalg

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.base.clock import Clock
from certify.base.errors import OutOfScopeError
from certify.losses import LOSSES, Squared
from certify.problem import Problem

from .candidate import Candidate, evaluate, lowest
from .coordinates.products import VECTORS, form_of
from .descent.products import Task, finished, polished
from .dual import own_size
from .dual.points import squared
from .envelope import Smoothed
from .growth.products import allowance

STALL = 1e-13  # relative gain of a few steps that ends a descent; luck, never truth
BESIDE = 2.0**-6  # relative size of a random step; luck, never truth
CURE = "give lam > 0: then factors of every size are compared"


def require(problem: Problem) -> None:
    """Raise OutOfScopeError, with the cure, unless some bound at a fixed rank is known."""
    atom, loss = problem.atom, problem.loss
    known = atom.family == "pairs" and isinstance(loss, tuple(LOSSES.values()))
    if not known and not own_size.applies(problem):
        raise OutOfScopeError(
            "lam = 0 is covered for RankOne with our losses only, for other atoms with least "
            f"squares of all entries, for a hidden layer of more outputs than one; {CURE}"
        )
    for o in problem.offsets:
        if not o.at_fixed_rank:
            raise OutOfScopeError(f"lam = 0 allows no {o.name} part; {CURE}")


def closed(problem: Problem) -> bool:
    """Whether Ky Fan's bound is the optimum: plain data, means or nothing beside Z."""
    atom = problem.atom
    free = atom.family == "pairs" and not any(g.nonneg for g in atom.gauges)
    means = all(o.means and o.free for o in problem.offsets)
    return own_size.applies(problem) and free and means


def centred(problem: Problem) -> Array:
    """Return Y minus the best offsets at Z = 0."""
    loss = squared(problem)
    means = problem.fit_offsets(np.zeros(loss.shape))
    return np.asarray(loss.data - problem.shift(means))


def optimum(problem: Problem, r: int) -> Factors:
    """Return balanced factors of the best approximation of rank at most r."""
    C = centred(problem)
    left, values, right = linalg.svd(C, full_matrices=False)
    root = np.sqrt(values[:r])
    return left[:, :r] * root, right[:r].T * root


def steps(
    problem: Problem, start: Candidate, clock: Clock, seed: int
) -> tuple[tuple[str, Candidate], ...]:
    """Return points of rank at most r: the truncated decomposition, or descents from the
    start and from beside it (a saddle holds the first one).
    """
    first = (("start", start),)
    if closed(problem):
        top = evaluate(problem, optimum(problem, start.size))
        return (*first, ("truncated decomposition", top))
    if not isinstance(problem.loss, Squared) or problem.atom.family not in VECTORS:
        return first
    with np.errstate(all="ignore"):  # a point that is not finite is never the lowest
        found = [descended(problem, s, clock) for s in (start, beside(problem, start, seed))]
    return (*first, *(("descend", s) for s in found if s.value < start.value))


def descended(problem: Problem, now: Candidate, clock: Clock) -> Candidate:
    """Return the end of a descent at the same rank."""
    task = Task(problem, Smoothed(problem.loss), now.q, clock.expired)
    steps = allowance(problem, now)
    factors = polished(task, now.factors, steps, STALL)[0]
    factors = finished(task, factors, steps)[0]
    clock.tell("descend", now.value)
    return lowest([now, evaluate(problem, factors)])


def beside(problem: Problem, start: Candidate, seed: int) -> Candidate:
    """Return factors moved a little, at random; signs are kept."""
    form, rng = form_of(problem.atom, problem.loss.dims), np.random.default_rng(seed)
    steps = [
        BESIDE * np.abs(x).max(initial=0.0) * rng.standard_normal(x.shape) for x in start.factors
    ]
    moved = tuple(
        x + (np.abs(d) if s.norm.nonneg else d)
        for x, d, s in zip(start.factors, steps, form.sides, strict=True)
    )
    return evaluate(problem, moved)
