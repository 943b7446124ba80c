"""The method "cvxpy": dual point and polar bound by a general solver, from convex relaxations.

The solver is not trusted: its answer is rounded, and the kernel checks it.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from certify.atoms import Factors
from certify.atoms._methods import accept_method
from certify.base.arrays import Array
from certify.base.clock import Clock
from certify.base.errors import InputError
from certify.losses.squared import DENSE
from certify.polar import PolarBound, Proposal
from certify.problem import Problem, Values

from .candidate import Candidate
from .dual.points import Run, bound
from .evidence import SEARCHED, choose_better, floor_below, is_closed, resume, search_clock
from .families import is_supported
from .search_result import Evidence


@dataclass(frozen=True)
class Route:
    """The method, "engine" or "cvxpy", and with "cvxpy" the name of a solver; None: any."""

    method: str = "engine"
    solver: str | None = None


def accept_route(route: Route, problem: Problem) -> Route:
    """Return the route.

    Raises InputError for an unknown method or solver, or a problem that "cvxpy" does not cover.
    """
    accept_method(route.method, route.solver)
    if route.method == "cvxpy":
        from . import relax  # noqa: PLC0415  cvxpy takes a second to import

        if problem.loss.observed.zeros:
            raise InputError(f"method='cvxpy' does not take observed zeros: {DENSE}")
        relax.require(problem, route.solver)
    return route


def any_size(run: Run, caller_dual: Array | None, solver: str | None) -> Evidence:
    """Return the relaxation's dual point, a bound of its polar by a relaxation, and better factors.

    The engine searches for the better factors.

    caller_dual  the caller's dual point, in place of the relaxation's
    """
    from . import relax  # noqa: PLC0415  cvxpy takes a second to import

    using = relax.Using.within(run.clock.left(), solver)
    run.clock.tell("convex relaxation", run.start.value)
    W = relax.dual_point(run.problem, using) if caller_dual is None else caller_dual * run.unit

    def polar(matrix: Any) -> Proposal:  # noqa: ANN401  a polar Matrix
        """Return the solver's bound; an infinite one if it has none."""
        proposal = relax.propose(run.problem.atom, matrix, using)
        return Proposal(np.inf) if proposal is None else proposal

    dual = None if W is None else bound(replace(run, polar=polar), W)
    note = "" if dual is not None and using.all_optimal() else using.note()
    if is_closed(run, [dual]) or not is_supported(run.problem):
        return Evidence(run.start, dual, note=note)
    result = resume(run, None, (run.epsilon, None), search_clock(run.clock.share(SEARCHED)))
    better = choose_better(run, result)
    floor = floor_below(run, better)
    return Evidence(run.start, dual, None, (), better, floor, result.steps, note)


def dual_in_floats(
    problem: Problem, factors: Factors, q: Values, solver: str | None, clock: Clock
) -> tuple[Array, PolarBound]:
    """Return the relaxation's dual point, or else the candidate's, and a bound of its polar."""
    from . import relax  # noqa: PLC0415  cvxpy takes a second to import

    W = relax.dual_point(problem, relax.Using.within(clock.left(), solver))
    W = problem.dual_point(factors, q) if W is None else W
    dense, left = problem.loss.observed.array(W), clock.left()
    return W, problem.atom.polar(dense, method="cvxpy", solver=solver, budget=left)


def steps(
    problem: Problem, start: Candidate, clock: Clock, solver: str | None, seed: int
) -> tuple[tuple[str, Candidate], ...]:
    """Return the start, and the point that column generation with masters by cvxpy reaches."""
    from . import relax  # noqa: PLC0415  cvxpy takes a second to import

    name, first = "columns by cvxpy", (("start", start),)
    clock.tell(name, start.value)
    using = relax.Using.within(clock.left(), solver)
    solution = relax.columns(problem, start.factors, using=using, seed=seed)
    if solution.factors is None or solution.q is None or solution.value is None:
        return first
    return *first, (name, Candidate(solution.factors, solution.q, solution.value))
