"""The convex problem over Z = sum phi(X_i), where the polar ball has a cheap projection."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from certify.losses import Squared
from certify.problem import Problem

from . import deep
from .candidate import Candidate, evaluate
from .dual import admm, polar_ball, reformulation
from .dual.products import has_cases
from .dual.reformulation import Solution
from .growth import counts
from .schedule import CLOSE

ENTRIES, SPECTRAL_ENTRIES = 400_000, 40_000  # sizes at which a step of ADMM is quick


def solve(problem: Problem, expired: Callable[[], bool], epsilon: float) -> Solution | None:
    """Solve over Z; None if no method is known or the problem is too large."""
    if (below := deep.nuclear_problem(problem)) is not None:
        found = solve(below, expired, epsilon)
        return None if found is None else replace(found, factors=None)
    if isinstance(problem.loss, Squared):
        return reformulation.solve(problem, expired)
    own = polar_ball.of(problem) or polar_ball.weighted(problem)
    wide = own is None and counts.applies(problem) and not has_cases(problem)
    ball = polar_ball.around(problem) if wide else own
    most = ENTRIES if isinstance(ball, polar_ball.LineBall) else SPECTRAL_ENTRIES
    if ball is None or np.prod(problem.loss.shape) > most:
        return None
    try:
        solution = admm.solve(problem, ball, expired, CLOSE * epsilon)
    except np.linalg.LinAlgError:  # its numbers overflowed
        return None
    return Solution(solution.W, None, None if own is None else ball.factors(solution.Z), solution.q)


def shortcut(problem: Problem, solution: Solution | None) -> Candidate | None:
    """Return the optimum over all sizes; None if the convex problem gave no factors."""
    if solution is None or solution.factors is None:
        return None
    top = evaluate(problem, solution.factors, solution.q)
    return top if np.isfinite(top.value) else None
