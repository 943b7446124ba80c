"""improve(): the meta-algorithm from given factors, ending with a certificate."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from certify.atoms import Atom, Factors
from certify.base.arrays import natural
from certify.base.bar import show_progress
from certify.base.checkpoint import Keeper, keeping, stoppable
from certify.base.clock import Clock, Progress, fitting
from certify.base.cluster import Client, on_cluster
from certify.base.errors import OutOfScopeError
from certify.kernel.errors import RejectedError
from certify.polar.proved import above
from certify.polar.scale import ldexp_steps as scaled_by
from certify.problem import Problem, Values, as_problem
from certify.problem.proof_time import ROUNDED, work_of
from certify.search import by_solver, convex, ratings
from certify.search.by_solver import Route, accept_route
from certify.search.candidate import Candidate, evaluate
from certify.search.evidence import CONVEX, SEARCHED
from certify.search.families import is_supported, search
from certify.search.fixed_rank import steps as fixed_rank_steps

from . import beside_l1
from . import rescale as scaling
from .budget import AUTO, Budget, limits, rest
from .certificate.coverage import missing_rules
from .certificate.file import accept_epsilon
from .certificate.verdict import Judgement, Verdict
from .check import best_offsets, check, finite_objective, why_uncovered
from .prove import value_of
from .result import Result
from .reuse import bound_beside

CLOSER = 0.02  # of the gap: a point no better than this is not worth another check
VISIBLE = 0.1  # of the fall that is left: a step that lowers the objective by less is not told
STEPS = 3  # of a search among many entries, the start among them
ENDING = 3  # steps at the end that are told anyway: the last may leave a domain by a rounding
AGAIN = 5  # times that a better point found by check() is gone on from
Reuse = Callable[[Result, Candidate], Result | None]
Judge = Callable[[Factors, Values | None], Result]


@dataclass(frozen=True, repr=False)
class Improvement(Judgement):
    """Better factors and what check() says of them.

    objective  an upper bound of their objective, proved
    history    (step, proved objective) along the way: it never rises
    result     check() of the final factors, with its certificate
    """

    factors: Factors
    q: Values
    objective: float
    history: tuple[tuple[str, float], ...]
    result: Result
    atom: Atom

    called = "an Improvement"

    @property
    def verdict(self) -> Verdict:  # type: ignore[override]  # that of the result
        """The verdict on the factors reached."""
        return self.result.verdict

    def __repr__(self) -> str:
        """Show the objective reached, its size and what is proved of it."""
        size = self.factors[0].shape[-1]
        return f"Improvement({self.objective:.10g} with {self.atom.count(size)}, {self.result!r})"


@np.errstate(all="ignore")  # what is not finite is never taken
def improve(  # noqa: PLR0913  as check()
    problem: Problem,
    factors: Sequence[Any],
    *,
    q: Sequence[Any] | None = None,
    rtol: float = 1e-6,
    atol: float | None = None,
    budget: Budget = AUTO,
    seed: int = 0,
    progress: Progress | bool | None = None,
    method: str = "engine",
    solver: str | None = None,
    client: Client | None = None,
) -> Improvement:
    """Lower the objective from these factors, of any size, and certify where it ends.

    Every point in the history has a proved objective at most the one before it;
    the same call gives the same answer (a budget in seconds may cut it short).  budget and
    progress are as check() takes them: without a budget the search ends after a minute at the
    latest, and the check of what it reached after another.

    method, solver, client: as check() takes them; "cvxpy" mixes components by convex programs,
    each of which appends the component that earns most.

    The first Ctrl-C, or a progress that returns True, ends the search: what was reached is
    checked, and returned with the bracket proved so far.

    Raises InputError when the input is wrong, OutOfScopeError when the theory does not
    cover the problem.
    """
    (seconds, most), problem = limits(budget), as_problem(problem)
    clock = Clock(seconds, progress, most=most)
    with fitting(clock), keeping(Keeper()), stoppable(), show_progress(clock), on_cluster(client):
        rtol, atol = accept_epsilon(rtol, atol)
        settings = (rtol, atol, natural(seed, "seed"), accept_route(Route(method, solver), problem))
        return improved(problem, factors, q, settings, clock)


def improved(
    problem: Problem,
    factors: Sequence[Any],
    q: Sequence[Any] | None,
    settings: tuple[float, float | None, int, Route],
    clock: Clock,
) -> Improvement:
    """Do what improve() does; settings: rtol, atol, the seed and how to solve."""
    rtol, atol, seed, route = settings
    arrays = problem.accept(factors)
    values = None if q is None else problem.accept_offsets(q)
    if why := why_uncovered(problem):
        raise OutOfScopeError(why)
    if not is_supported(problem) or missing_rules(problem):
        most = " of pool='max'" * (getattr(problem.atom, "pool", "") == "max")
        parts = f"{type(problem.atom).__name__}{most} with {type(problem.loss).__name__}"
        raise OutOfScopeError(f"improve knows the atoms and losses of certify, not {parts}")
    scaled, by = scaling.normalize(problem)
    found_q = best_offsets(problem, arrays) if values is None else values
    value = finite_objective(problem, arrays, found_q)
    epsilon = scaling.value_down(max(atol or 0.0, rtol * abs(value)), by)
    small_q = None if values is None else scaling.offsets_down(values, by)
    start = evaluate(scaled, scaling.factors_down(arrays, by), small_q)
    if problem.l1 is not None:
        steps = beside_l1.descents(scaled, start, clock, seed)
    elif route.method == "cvxpy":
        steps = by_solver.steps(scaled, start, clock.share(SEARCHED), route.solver, seed)
    else:
        steps = descend_from(scaled, start, clock, seed, epsilon)
    begun = values if values is not None else tuple(scaled_by(x, by.data) for x in start.q)
    shown = visible_steps(steps)[1:]
    history = falling(
        problem, arrays, begun, [(name, up) for name, s in shown if (up := scaling.state_up(s, by))]
    )
    judge = partial(
        check,
        problem,
        rtol=rtol,
        atol=atol,
        seed=seed,
        progress=clock.progress,
        method=route.method,
        solver=route.solver,
    )
    reuse_bound = partial(bound_beside, problem, epsilon=(rtol, atol))
    judges = (lambda s, q: judge(s, q=q, budget=rest(clock)), reuse_bound)
    result = check_last(problem, history, judges, lambda: out_of_time(problem, clock))
    last, trail = history[-1][1], tuple((step, value) for step, _, value in history)
    return Improvement(last.factors, last.q, trail[-1][1], trail, result, problem.atom)


def descend_from(
    problem: Problem, start: Candidate, clock: Clock, seed: int, epsilon: float
) -> tuple[tuple[str, Candidate], ...]:
    """Return what the engine reaches from the start."""
    if problem.lam == 0:
        return fixed_rank_steps(problem, start, clock, seed)
    solution = convex.solve(problem, clock.share(CONVEX).expired, epsilon)
    goal = (epsilon, convex.shortcut(problem, solution))
    searching = None
    if ratings.applies(problem):
        searching = ratings.leave_proof(clock, work_of(problem, ROUNDED, STEPS))
    return search(problem, start, searching or clock.share(SEARCHED), seed, goal).steps


def check_last(
    problem: Problem,
    history: list[tuple[str, Candidate, float]],
    judges: tuple[Judge, Reuse],
    is_late: Callable[[], bool] = lambda: False,
) -> Result:
    """Check the last point; go on from what check() finds better, a few times.

    The bound that came with it holds for the better point, too.  That is the answer where it
    certifies this, when it is late, or where the point is hardly better: the bound would be found
    again.  The highest bound of all is told of the last point, which may have had no time for one.
    """
    (judge, reuse), held = judges, list[Result]()
    for _ in range(AGAIN):
        last = history[-1][1]
        result = judge(last.factors, last.q if problem.offsets else None)
        better = further(result)
        if better is None:
            break
        lower = falling(problem, last.factors, last.q, [("check", better)])[1:]
        if not lower:
            break
        history += lower
        held.append(result)
        done, gain = reuse(result, history[-1][1]), history[-2][2] - history[-1][2]
        if done is not None and (done.certified or is_late() or gain <= CLOSER * done.gap):
            return done
    else:
        last = history[-1][1]
        result = judge(last.factors, last.q if problem.offsets else None)
    top = max(held, key=lambda r: r.lower, default=result)
    if result.verdict is not Verdict.UNDECIDED or top.lower <= result.lower:
        return result
    beside = reuse(top, last)
    return result if beside is None else beside


def out_of_time(problem: Problem, clock: Clock) -> bool:
    """Whether there is no time for another check; of a hard polar, nothing left of the budget."""
    return clock.allowed() <= 0 or (problem.atom.hard and clock.left() == 0)


def further(result: Result) -> Candidate | None:
    """Return a point to go on from: proved better, or nearly what an open bracket needs."""
    if result.better is not None:
        return Candidate(result.better, result.better_q, 0.0)
    reached, least = result.reached, CLOSER * result.gap
    near = result.verdict is Verdict.UNDECIDED and reached is not None
    return reached if near and reached and result.upper - reached.value > least else None


def visible_steps(steps: Sequence[tuple[str, Candidate]]) -> list[tuple[str, Candidate]]:
    """Return the first step, those that go a good part of the way to the last one, and the ending.

    Each is proved, which takes as long as a step of the search where a loss has logarithms.
    """
    kept, least = [steps[0]], steps[-1][1].value
    for step in steps[1:-ENDING]:
        at = kept[-1][1].value
        if at - step[1].value >= VISIBLE * (at - least):
            kept.append(step)
    return kept + list(steps[1:][-ENDING:])


def falling(
    problem: Problem, factors: Factors, q: Values, steps: Sequence[tuple[str, Candidate]]
) -> list[tuple[str, Candidate, float]]:
    """Keep the points whose objective is proved no higher than the last one kept."""
    first = Candidate(factors, q, problem.objective(factors, q))
    kept = [("start", first, value_of(problem, first))]
    for name, s in steps:
        try:
            new = value_of(problem, s)
        except RejectedError:  # outside the loss's domain by a rounding
            continue
        if new.hi <= kept[-1][2].lo:
            kept.append((name, s, new))
    return [(name, s, above(v.hi)) for name, s, v in kept]
