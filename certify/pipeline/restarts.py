"""Several fits of one problem: which are the optimum, which are not, and when to stop.

from certify.pipeline.restarts import restarts
report = restarts(problem, [(U, V), (U2, V2)])
print(report)
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import natural
from certify.base.checkpoint import Checkpoint, stop_requested
from certify.base.clock import Progress
from certify.base.errors import InputError, OutOfScopeError
from certify.kernel.scalars import Enclosure
from certify.problem import Problem, Values, as_problem
from certify.search.candidate import Candidate, nonzero, widen

from .budget import AUTO, Budget, rest, session, start_clock
from .certificate.coverage import missing_rules
from .certificate.file import accept_epsilon, rounding
from .check import best_offsets, check, finite_objective, why_uncovered
from .comparison import Fit, RestartReport, conclude, plottable
from .own_size_result import explained_variance
from .prove import value_of
from .result import Result
from .sizes import SizeBracket, brackets

__all__ = ["Fit", "RestartReport", "plottable", "restarts"]

TRIES = 3  # fits that are checked before the bracket is left open
Fits = list[tuple[Factors, Values]]


@np.errstate(all="ignore")  # results that are not finite are refused or ignored
def restarts(  # noqa: PLR0913  as check()
    problem: Problem,
    fits: Sequence[Sequence[Any]],
    *,
    q: Sequence[Sequence[Any] | None] | None = None,
    rtol: float = 1e-6,
    atol: float | None = None,
    budget: Budget = AUTO,
    seed: int = 0,
    progress: Progress | bool | None = None,
    sizes: bool = False,
) -> RestartReport:
    """Compare fits of one problem with each other and with one shared lower bound.

        lower <= inf over all sizes <= f(fit k),    f(fit k) in [value.lo, value.hi].

    All certificates bound the same infimum, so the best lower bound of any fit holds for all.  At
    most three fits are checked, in the order of their objectives, until one is proved optimal.

    At lam = 0 a bound holds for one rank only, that of the largest fit.  The others are compared
    with it by adding zero components, and "optimal" means over rank at most that.

    fits    the factors of each fit, of any size, as in check()
    q       None, or one entry for each fit: its offset values, or None for the best ones
    budget  seconds for all fits together: half of the time left for each but the last; "auto": at
            most a minute for each fit that is checked, as in check(); None: no limit
    sizes   whether to bracket also the least objective for each number of components of the fits,
            in `report.sizes`; this takes another budget of the same length, in equal shares

    Raises InputError for no fit or wrong factors, naming the fit; OutOfScopeError if the theory
    does not cover the problem or the kernel has no rule for it.
    """
    clock, seed = start_clock(budget, progress), natural(seed, "seed")
    rtol, atol = accept_epsilon(rtol, atol)
    require(as_problem(problem))
    given = accept_fits(problem, fits, q)
    points = pad_to_rank(problem, given)
    values = [value_of(problem, Candidate(x, p, 0.0)) for x, p in points]
    atol = max(rounding(problem, *h) for h in points) if atol is None else atol
    order = sorted(range(len(points)), key=lambda k: (values[k].hi, k))
    judge = partial(check, problem, rtol=rtol, atol=atol, seed=seed)
    results: list[tuple[int, Result]] = []
    best, last = values[order[0]].hi, min(TRIES, len(order)) - 1
    near = max(Fraction(atol), Fraction(rtol) * abs(best))
    with session(clock, Checkpoint()):
        for turn, k in enumerate(order[:TRIES]):
            share = rest(clock, 1.0 if turn == last else 0.5)
            x, p = points[k]
            offsets = p if problem.offsets else None
            results.append((k, judge(x, q=offsets, budget=share, progress=clock.progress)))
            bound = max(Fraction(r.lower) for _, r in results)
            if best - bound <= near or stop_requested():
                break
        judge = partial(judge, progress=clock.progress)
        length = AUTO if clock.most else clock.budget
        each = brackets_by_size(problem, given, judge, length) if sizes else ()
    counts = [int(nonzero(x).sum()) for x, _ in points]
    better = lowest(problem, [r for _, r in results])
    rank = None if problem.has_penalty else points[0][0][0].shape[-1]
    placed = with_variance(problem, conclude((values, counts), results, better, (rtol, atol)))
    about: dict[str, Any] = {"atom": problem.atom, "any_offsets": bool(problem.offsets)}
    return replace(placed, rank=rank, sizes=each, tolerances=(rtol, atol), **about)


def with_variance(problem: Problem, report: RestartReport) -> RestartReport:
    """Add the shares of the variance to a report."""
    shares = [explained_variance(problem, report.lower, f.upper) for f in report.fits]
    fits = [replace(f, explained=s and s.yours) for f, s in zip(report.fits, shares, strict=True)]
    return replace(report, fits=tuple(fits), explained=shares[0] and shares[0].at_most)


def brackets_by_size(
    problem: Problem, given: Fits, judge: Callable[..., Result], budget: Budget
) -> tuple[SizeBracket, ...]:
    """Return a bracket for each number of components; zero components do not count."""
    alive = [(tuple(a[..., nonzero(x)] for a in x), p) for x, p in given]
    fits = [(x, p, value_of(problem, Candidate(x, p, 0.0))) for x, p in alive]
    count = len({x[0].shape[-1] for x, _ in alive})
    share = budget / count if isinstance(budget, int | float) else budget

    def ask(x: Factors, p: Values) -> Result:
        """Check a fit in its share of the budget."""
        return judge(x, q=p if problem.offsets else None, budget=share)

    return brackets(problem, fits, ask)


def require(problem: Problem) -> None:
    """Raise OutOfScopeError if no bound can be proved for the problem."""
    if why := why_uncovered(problem):
        raise OutOfScopeError(why)
    if names := missing_rules(problem):
        message = f"the kernel has no rule for {' with '.join(names)}"
        raise OutOfScopeError(f"{message}: check each fit, in floats")


def accept_fits(
    problem: Problem, fits: Sequence[Sequence[Any]], q: Sequence[Sequence[Any] | None] | None
) -> Fits:
    """Return the factors and offset values of each fit.

    Raises InputError, naming the fit, if they are wrong.
    """
    if not isinstance(fits, Sequence) or not fits:
        got = len(fits) if isinstance(fits, Sequence) else type(fits).__name__
        raise InputError(f"fits must be a sequence of at least one fit, got {got}")
    if q is not None and (not isinstance(q, Sequence) or len(q) != len(fits)):
        got = len(q) if isinstance(q, Sequence) else type(q).__name__
        wanted = f"one entry for each of {len(fits)} fits"
        raise InputError(f"q must be None or have {wanted}, got {got}")
    points: Fits = []
    for k, factors in enumerate(fits):
        x = problem.accept(factors, f"fits[{k}]")
        given = None if q is None else q[k]
        p = best_offsets(problem, x) if given is None else problem.accept_offsets(given)
        try:
            finite_objective(problem, x, p)
        except InputError as error:
            raise InputError(f"fits[{k}]: {error}") from None
        points.append((x, p))
    return points


def pad_to_rank(problem: Problem, fits: Fits) -> Fits:
    """Return the fits; at lam = 0 with zero components up to the size of the largest."""
    rank = max(x[0].shape[-1] for x, _ in fits)
    return fits if problem.has_penalty else [(widen(x, rank), p) for x, p in fits]


def lowest(problem: Problem, results: Sequence[Result]) -> tuple[Enclosure, Factors] | None:
    """Return the best of the better factors, with their objective."""
    better = [(x, r.better_q) for r in results if (x := r.better) is not None]
    candidates = ((value_of(problem, Candidate(x, q, 0.0)), x) for x, q in better)
    return min(candidates, key=lambda pair: pair[0].hi, default=None)
