"""improve(): the meta-algorithm from given factors; it ends with a certificate."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from certify.atoms import Atom, Factors
from certify.base.arrays import natural, short
from certify.base.checkpoint import Checkpoint
from certify.base.clock import Clock, Progress
from certify.base.cluster import Client
from certify.base.errors import OutOfScopeError
from certify.kernel.errors import RejectedError
from certify.polar.proved import above
from certify.polar.scale import ldexp_steps
from certify.problem import Problem, Values, as_problem
from certify.problem.proof_time import ROUNDED, work_of
from certify.search import by_solver, convex, ratings
from certify.search.by_solver import Route, accept_route
from certify.search.candidate import Candidate
from certify.search.evidence import CONVEX, SEARCHED
from certify.search.families import is_supported, search
from certify.search.fixed_rank import steps as fixed_rank_steps

from . import l1_penalty, rescale
from .budget import AUTO, Budget, rest, session, start_clock
from .certificate.coverage import missing_rules
from .certificate.file import accept_epsilon
from .certificate.verdict import Judgement, Verdict
from .check import best_offsets, check, exact_domain, finite_objective, why_uncovered
from .numbers import at_most
from .prove import value_of
from .result import Result
from .reuse import bound_beside

CLOSER = 0.02  # of the gap: a point no better than this is not worth another check
VISIBLE = 0.5  # of the decrease that is left: a step that gains less is not reported
STEPS = 3  # of a search among many entries, including the start
ENDING = 3  # last steps that may be the end: rounding may put the very last outside a domain
AGAIN = 5  # times that the search continues from a better point found by check()
Steps = Sequence[tuple[str, Candidate]]
Reuse = Callable[[Result, Candidate], Result | None]
Judge = Callable[[Factors, Values | None], Result]


@dataclass(frozen=True, repr=False)
class Improvement(Judgement):
    """Better factors and their result of check().

    objective  a proved upper bound of their objective
    history    (step, proved objective) for each step: it never rises
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
        """Show the objective, the size and the result."""
        count = self.atom.count(self.factors[0].shape[-1])
        return f"Improvement(at most {at_most(self.objective)} with {count}, {self.result!r})"


@np.errstate(all="ignore")  # results that are not finite are ignored
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
    """Lower the objective from these factors, of any size, and certify the result.

    The proved objective of each point in the history is at most that of the one before.  The same
    call gives the same answer (unless a budget in seconds ends it).  budget and progress are as in
    check(): with "auto" the search ends after a minute at the latest, and the check of its last
    point after another minute.

    method, solver, client: as in check(); with "cvxpy" convex programs find the weights of the
    components, and after each the component that lowers the objective fastest is appended.

    The first Ctrl-C, or a progress that returns True, ends the search: the last point is checked
    and returned with the bracket proved so far.

    Raises InputError when the input is wrong, OutOfScopeError when the theory does not
    cover the problem.
    """
    clock, problem = start_clock(budget, progress), as_problem(problem)
    with session(clock, Checkpoint(), client), exact_domain():
        rtol, atol = accept_epsilon(rtol, atol)
        settings = (rtol, atol, natural(seed, "seed"), accept_route(Route(method, solver), problem))
        return improve_and_check(problem, factors, q, settings, clock)


def improve_and_check(
    problem: Problem,
    factors: Sequence[Any],
    q: Sequence[Any] | None,
    settings: tuple[float, float | None, int, Route],
    clock: Clock,
) -> Improvement:
    """Return the result of improve(); settings: rtol, atol, the seed and the route."""
    rtol, atol, seed, route = settings
    arrays = problem.accept(factors)
    values = None if q is None else problem.accept_offsets(q)
    if why := why_uncovered(problem):
        raise OutOfScopeError(why)
    cure = "check() judges given factors"
    if names := missing_rules(problem):
        raise OutOfScopeError(
            f"the kernel has no rule for {' with '.join(names)}; {cure} in floats"
        )
    if not is_supported(problem) and route.method == "engine":
        parts = f"{short(problem.atom)} with {type(problem.loss).__name__}"
        raise OutOfScopeError(f"no search is known for {parts}; {cure}")
    found_q = best_offsets(problem, arrays) if values is None else values
    value = finite_objective(problem, arrays, found_q)
    scaled, by, start = rescale.start_down(problem, arrays, values)
    epsilon = rescale.value_down(max(atol or 0.0, rtol * abs(value)), by)
    if problem.l1 is not None:
        steps = l1_penalty.descents(scaled, start, clock, seed)
    elif route.method == "cvxpy":
        steps = by_solver.steps(scaled, start, clock.share(SEARCHED), route.solver, seed)
    else:
        steps = descend_from(scaled, start, clock, seed, epsilon)
    begun = values if values is not None else tuple(ldexp_steps(x, by.data) for x in start.q)
    shown = [[(name, rescale.candidate_up(s, by)) for name, s in x] for x in visible_steps(steps)]
    history = keep_decreases(problem, arrays, begun, *shown)
    judge = partial(check, problem, rtol=rtol, atol=atol, seed=seed, progress=clock.progress)
    judge = partial(judge, method=route.method, solver=route.solver)
    reuse_bound = partial(bound_beside, problem, epsilon=(rtol, atol))
    judges = (lambda s, q: judge(s, q=q, budget=rest(clock)), reuse_bound)
    result = check_last(problem, history, judges, partial(is_last_check, problem, clock))
    last, trail = history[-1][1], tuple((step, value) for step, _, value in history)
    return Improvement(last.factors, last.q, trail[-1][1], trail, result, problem.atom)


def descend_from(
    problem: Problem, start: Candidate, clock: Clock, seed: int, epsilon: float
) -> tuple[tuple[str, Candidate], ...]:
    """Return the steps of the engine's search from the start."""
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
    is_last: Callable[[float], bool] = lambda _: False,
) -> Result:
    """Check the last point; continue a few times from a better point that check() finds.

    The bound of a check holds for the better point, too.  That is the result if it certifies the
    point, or if no other check is worth its time, which is_last tells from the share of the gap
    that the point closes.  The last point gets the highest bound of all checks, as its own check
    may have had no time.
    """
    (judge, reuse), results = judges, list[Result]()
    for turn in range(AGAIN + 1):
        last = history[-1][1]
        result = judge(last.factors, last.q if problem.offsets else None)
        better = next_point(result) if turn < AGAIN else None
        steps = [] if better is None else [("check", better)]
        lower = keep_decreases(problem, last.factors, last.q, steps)[1:] if steps else []
        if not lower:
            break
        history += lower
        results.append(result)
        top = max(results, key=lambda r: r.lower)
        done, gain = reuse(top, history[-1][1]), history[-2][2] - history[-1][2]
        if done is not None and (done.certified or is_last(gain / done.gap)):
            return done
    top = max(results, key=lambda r: r.lower, default=result)
    if result.verdict is not Verdict.UNDECIDED or top.lower <= result.lower:
        return result
    again = reuse(top, last)
    return result if again is None else again


def is_last_check(problem: Problem, clock: Clock, share: float) -> bool:
    """Whether no other check follows one whose better point closes a share of the gap.

    Of a hard polar, another check takes long, and would find about the same bound.
    """
    spent = clock.left() == 0 or share <= CLOSER
    return clock.until_overrun() <= 0 or (problem.atom.hard and spent)


def next_point(result: Result) -> Candidate | None:
    """Return a point to continue from: one proved better, or one that narrows an open bracket."""
    if result.better is not None:
        return Candidate(result.better, result.better_q, 0.0)
    reached, least = result.reached, CLOSER * result.gap
    near = result.verdict is Verdict.UNDECIDED and reached is not None
    return reached if near and reached and result.upper - reached.value > least else None


def visible_steps(steps: Steps) -> tuple[Steps, Steps]:
    """Return the steps with a good part of the remaining decrease, and the last ones after them.

    The first of all steps, the start, is in neither.  Each step is proved, which is slow for a
    loss with logarithms.
    """
    kept, least = [0], steps[-1][1].value
    for k, (_, s) in enumerate(steps[1:-1], 1):
        at = steps[kept[-1]][1].value
        if at - s.value >= VISIBLE * (at - least):
            kept.append(k)
    return [steps[k] for k in kept[1:]], steps[max(kept[-1] + 1, len(steps) - ENDING) :]


def keep_decreases(
    problem: Problem, factors: Factors, q: Values, steps: Steps, ending: Steps = ()
) -> list[tuple[str, Candidate, float]]:
    """Return the start, and each point whose objective is proved no higher than the one before.

    ending: further points, of which the last one that is proved so follows
    """
    first = Candidate(factors, q, problem.objective(factors, q))
    kept = [("start", first, value_of(problem, first))]

    def is_lower(name: str, s: Candidate) -> bool:
        """Keep a point if it is proved no higher than the last."""
        try:
            new = value_of(problem, s)
        except RejectedError:  # rounding has put it outside the loss's domain
            return False
        if lower := new.hi <= kept[-1][2].lo:
            kept.append((name, s, new))
        return lower

    for step in steps:
        is_lower(*step)
    any(is_lower(*step) for step in reversed(ending))
    return [(name, s, above(v.hi)) for name, s, v in kept]
