"""check(): factors in, verdict and certificate out.  The verdict is the verifier's."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import Array, natural
from certify.base.checkpoint import Checkpoint
from certify.base.clock import LOG, Clock, Progress, limit_fits
from certify.base.cluster import Client
from certify.base.errors import InputError, OutOfScopeError
from certify.base.threads import threads
from certify.kernel.errors import RejectedError
from certify.kernel.verdict import Outcome
from certify.losses import LOSSES, Squared
from certify.polar.proved import above, below
from certify.polar.scale import ldexp_steps
from certify.problem import Problem, Values, as_problem
from certify.search import by_solver, fixed_rank, zeros
from certify.search.by_solver import Route, accept_route
from certify.search.candidate import Candidate, lowest
from certify.search.dual.points import Run
from certify.search.evidence import accept_dual, any_size, at_fixed_rank
from certify.search.search_result import Evidence

from . import l1_penalty, rescale
from .budget import AUTO, Budget, session, start_clock
from .certificate.coverage import PROBE, missing_rules
from .certificate.file import StatedQuestion, ask
from .certificate.verdict import Verdict
from .checkpoint_file import open_checkpoint, resuming
from .own_size import asks_twice, prove_own_size
from .own_size_result import own_size
from .prove import Proof, prove_evidence
from .reasons import reason
from .result import Result
from .units import OBJECTIVE

ANY_SIZE = 0.8  # share of the budget for the first question where there are two


@np.errstate(all="ignore")  # results that are not finite are refused or ignored
def check(  # noqa: PLR0913  the contract's keywords
    problem: Problem,
    factors: Sequence[Any],
    *,
    q: Sequence[Any] | None = None,
    rtol: float = 1e-6,
    atol: float | None = None,
    budget: Budget = AUTO,
    seed: int = 0,
    progress: Progress | bool | None = None,
    dual: Array | None = None,
    method: str = "engine",
    solver: str | None = None,
    checkpoint: str | Path | None = None,
    client: Client | None = None,
) -> Result:
    """Decide whether factors are a global optimum of their own objective, with proof.

        CERTIFIED when   upper - lower <= max(atol, rtol |upper|).

    factors   K arrays, last axis the component: U (m, r), V (n, r)
    atol      by default 0; for an exact fit at lam = 0 the size of its rounding errors
    q         the candidate's offset values; without them the best ones are found
    budget    seconds of search; the bracket proved by then is returned.  "auto": a fixed number of
              steps, a minute at most; None: these steps without a limit of time
    seed      of the random starts: the same call gives the same answer
    progress  a function progress(stage, value), which ends the search by returning True; or True: a
              bar on a terminal or in a notebook; None: a bar on a terminal, after two seconds;
              False: no bar
    dual      a dual point W of your own, in place of a search for one
    method    "engine", or "cvxpy": for small problems general solvers find the dual point of the
              convex relaxation and a relaxation of its polar; they are not trusted
    solver    with "cvxpy": a solver's name in cvxpy, such as "CLARABEL"; None: the first that works
    checkpoint  a file: progress is saved to it, and resumed from it if it exists
    client    a Dask client, whose workers prove the polar of a large sparse matrix, and grow the
              trees of other polars

    The first Ctrl-C ends the search with the bracket proved so far; the second interrupts.

    Raises InputError when the caller's input is wrong.  A problem that the theory does not cover
    has the verdict OUT_OF_SCOPE, and raises no exception.
    """
    arrays = as_problem(problem, zeros=True).accept(factors)
    values = None if q is None else problem.accept_offsets(q)
    question = ask(problem, arrays, values, rtol=rtol, atol=atol)
    rtol, atol = question.tolerances
    saved = Checkpoint() if checkpoint is None else open_checkpoint(checkpoint, question.statement)
    clock, caller_dual = start_clock(budget, progress), accept_dual(problem, dual)
    seed, route = natural(seed, "seed"), accept_route(Route(method, solver), problem)
    with limit_fits(clock):
        found_q, away = offsets_of(problem, arrays) if values is None else (values, "")
    value = finite_objective(problem, arrays, found_q)
    if why := why_uncovered(problem) or away:
        floor = 0.0 if isinstance(problem.loss, Squared) else -np.inf
        answer = floor, value, why
        return without_certificate(problem, arrays, found_q, Verdict.OUT_OF_SCOPE, answer)
    if missing_rules(problem):
        return by_floats(problem, (arrays, found_q), (route, clock), rtol=rtol, atol=atol)
    again = resuming(saved, checkpoint)
    with threads(problem.loss.observed), session(clock, saved, client), exact_domain(), again:
        found = answers(problem, question, (arrays, values), (clock, seed), (caller_dual, route))
    evidence, proof, own_proof = found
    result = result_of(problem, arrays, (found_q, evidence), proof, own_proof)
    origin, units = getattr(factors, "origin", None), getattr(factors, "units", OBJECTIVE)
    note = getattr(factors, "note", "")  # of an adapter: how the factors differ from the fit
    reason = result.reason + (note and f"; {note}")
    return replace(result, reason=reason, origin=origin, units=units)


@contextmanager
def exact_domain() -> Iterator[None]:
    """Raise InputError where a candidate's fit is outside the domain by less than floats show."""
    try:
        yield
    except RejectedError as error:
        if (error.where, error.code) != ("fitted", "domain"):
            raise
        why = f"in exact arithmetic the fit is somewhere {error.value}, where floats round it up"
        cure = "raise the factors or q there"
        raise InputError(f"the objective is infinite: {why}: {cure}") from None


def answers(
    problem: Problem,
    question: StatedQuestion,
    point: tuple[Factors, Values | None],
    run: tuple[Clock, int],
    how: tuple[Array | None, Route],
) -> tuple[Evidence, Proof, Proof | None]:
    """Return the evidence, and the proofs for any size and for the candidate's size.

    point  the candidate's factors and offsets; None: the best offsets
    run    the clock and the seed
    how    the caller's dual point, or None, and the route
    """
    if problem.l1 is not None:
        judge = partial(check, method=how[1].method, solver=how[1].solver)
        return l1_penalty.answers(problem, question, point, run, judge)
    (factors, q), (clock, seed) = point, run
    if problem.loss.observed.zeros:
        return (*answer_zeros(problem, question, factors, run), None)
    scaled, by, start = rescale.start_down(problem, factors, q)
    epsilon = rescale.epsilon_down(*question.tolerances, start.value, by)
    fixed = q is not None or not problem.offsets
    part = clock.share(ANY_SIZE) if asks_twice(problem) else clock
    scaled_run = Run(scaled, start, epsilon, part, seed, fixed, float(ldexp_steps(1.0, -by.whole)))
    scaled_evidence = find_evidence(scaled_run, *how)
    evidence = rescale.evidence_up(scaled_evidence, by)
    proof = prove_evidence(problem, question, evidence, clock.left())
    if proof.outcome.verdict == "CERTIFIED":
        return evidence, proof, None
    scaled_run = replace(scaled_run, clock=clock)
    own = prove_own_size(problem, (factors, q), question.tolerances, scaled_run, scaled_evidence)
    return evidence, proof, own


def answer_zeros(
    problem: Problem, question: StatedQuestion, factors: Factors, run: tuple[Clock, int]
) -> tuple[Evidence, Proof]:
    """Return the evidence and the proof for sparse data whose zeros are observed."""
    start = Candidate(factors, (), problem.objective(factors))
    rtol, atol = question.tolerances
    evidence = zeros.evidence(problem, start, max(atol, rtol * abs(start.value)), *run)
    return evidence, prove_evidence(problem, question, evidence, run[0].left())


def result_of(
    problem: Problem,
    factors: Factors,
    findings: tuple[Values, Evidence],
    proof: Proof,
    own_proof: Proof | None,
) -> Result:
    """Return the result of the proofs; findings: the candidate's offsets, and the evidence."""
    q, evidence = findings
    outcome = proof.outcome
    answer = own_size(problem, factors[0].shape[-1], proof, own_proof)
    met = [s for _, s in evidence.steps if np.isfinite(s.value)]
    LOG.info("%s in [%.10g, %.10g]", outcome.verdict, outcome.lower, outcome.upper)
    return Result(
        verdict=Verdict[outcome.verdict],
        lower=below(outcome.lower),
        upper=above(outcome.upper),
        reason=objection(problem, factors, q, outcome)
        + reason(problem, factors, evidence, proof, answer),
        certificate=proof.certificate,
        stationarity=stationarity(problem, factors, q),
        better=proof.certificate.better(),
        q=evidence.start.q,
        over=problem.over(None if problem.has_penalty else factors[0].shape[-1]),
        tier=outcome.tier,
        steps=tuple((name, s.value) for name, s in evidence.steps),
        reached=lowest(met) if met else None,
        better_upper=None if outcome.better is None else above(outcome.better),
        own=answer,
    )


def objection(problem: Problem, factors: Factors, q: Values, outcome: Outcome) -> str:
    """Say that the factors look like a fit with another lam, or return "".

    At a kink of the loss, one subgradient does not determine lam.
    """
    unknown = problem.l1 is not None or problem.loss.observed.zeros or not problem.loss.smooth
    if outcome.verdict == "CERTIFIED" or unknown:
        return ""
    message = problem.stationary_lam(factors, q).objection
    return message and f"{message}. Apart from that: "


def find_evidence(run: Run, caller_dual: Array | None, route: Route) -> Evidence:
    """Search for evidence: at a fixed rank, by a general solver, or by the engine."""
    if run.problem.lam == 0:
        return at_fixed_rank(run)
    if route.method == "cvxpy":
        return by_solver.any_size(run, caller_dual, route.solver)
    return any_size(run, caller_dual)


def best_offsets(problem: Problem, factors: Factors) -> Values:
    """Return the best offsets, found at scale 1.

    Raises InputError if the fit of the factors overflows at this scale, that of the data.
    """
    if not problem.offsets:
        return ()
    if not isinstance(problem.loss, tuple(LOSSES.values())):
        name = type(problem.loss).__name__
        raise InputError(f"q must be given: the best offsets are not known for {name}")
    scaled, by = rescale.normalize(problem)
    small = rescale.factors_down(factors, by)
    fit = scaled.atom.predict(small, scaled.loss.observed)
    wide = by.data < 0 and not np.isfinite(np.square(fit)).all()
    linear = isinstance(problem.loss, Squared)  # finite offsets are right
    offsets = scaled.best_offsets(small) if linear or not wide else ()
    if wide and not (offsets and all(np.isfinite(x).all() for x in offsets)):
        Z = problem.atom.predict(factors, problem.loss.observed)
        largest, least = (float(np.abs(x).max()) for x in (Z, problem.loss.arrays()["Y"]))
        sizes = f"the fit has entries up to {largest:.3g}, and Y only up to {least:.3g}"
        raise InputError(f"{sizes}: pass factors of the same scale as the data, or give q")
    return tuple(ldexp_steps(x, by.data) for x in offsets)


def finite_objective(problem: Problem, factors: Factors, q: Values) -> float:
    """Return the objective.

    Raises InputError if it is infinite or overflows float64.
    """
    bounded = isinstance(problem.loss, Squared)  # finite everywhere
    if why := "" if bounded else problem.loss.outside(problem.predict(factors, q)):
        raise InputError(f"the objective is infinite: {why}")
    value = problem.objective(factors, q)
    if not np.isfinite(value):
        cure = "scale data, lam and factors down by a power of two"
        raise InputError(f"the objective overflows float64 (it is {value}): {cure}")
    return value


def offsets_of(problem: Problem, factors: Factors) -> tuple[Values, str]:
    """Return the best offsets; or zeros, with the reason why there are no best ones."""
    try:
        return best_offsets(problem, factors), ""
    except OutOfScopeError as error:
        observed = problem.loss.observed
        return tuple(np.zeros(o.shape(observed)) for o in problem.offsets), str(error)


def why_uncovered(problem: Problem) -> str:
    """Return why the theory does not cover the problem, with the cure; "" if it does."""
    try:
        if problem.lam == 0:
            fixed_rank.require(problem)
    except OutOfScopeError as error:
        return str(error)
    return problem.atom.why_infinite(problem.offsets)


def stationarity(problem: Problem, factors: Factors, q: Values) -> float:
    """Return sum over components of |<W, phi(X_i)> - lam theta(X_i)| / sum of lam theta(X_i).

    Both are equal at a stationary point, where no scaling of a component helps.  At lam = 0 the
    defect is |<W, phi>| relative to |W| |phi|.  An l1 penalty counts one p-th, p the degree of phi,
    since its own degree is 1.
    """
    inner, sizes, size = problem.inner_products(factors, q)
    price = problem.rates(factors)
    scale = price if problem.has_penalty else size * sizes
    defect, whole = float(np.abs(inner - price).sum()), float(scale.sum())
    if whole > 0:
        return defect / whole
    return np.inf if defect > 0 else 0.0


def without_certificate(
    problem: Problem,
    factors: Factors,
    q: Values,
    verdict: Verdict,
    answer: tuple[float, float, str],
) -> Result:
    """Return a result without a certificate."""
    off = stationarity(problem, factors, q)
    over = problem.over(None if problem.has_penalty else factors[0].shape[-1])
    return Result(verdict, *answer, None, off, None, q, over, "floats")


def dual_value(problem: Problem, W: Array, s: float) -> float:
    """Return d(t W) less what the offsets cost, t = s or the largest that they allow, in floats.

    Beside an unpenalized offset, to which W is not exactly orthogonal: the least loss known.
    """
    if any(o.free for o in problem.offsets):
        return 0.0 if isinstance(problem.loss, Squared) else -np.inf
    t = min([s, *(o.limit(W) for o in problem.offsets)])
    cost = sum(o.cost(W, problem.loss.observed) for o in problem.offsets)
    return problem.loss.dual_value(t * W) - t * t * cost / 2


def by_floats(
    problem: Problem,
    candidate: tuple[Factors, Values],
    how: tuple[Route, Clock],
    *,
    rtol: float,
    atol: float,
) -> Result:
    """Return a result in floats for a problem that the kernel does not cover: nothing is proved."""
    (factors, q), (route, clock) = candidate, how
    upper = problem.objective(factors, q)
    if route.method == "cvxpy":
        W, polar = by_solver.dual_in_floats(problem, factors, q, route.solver, clock)
    else:
        W = problem.dual_point(factors, q)
        polar = problem.atom.polar(problem.loss.observed.array(W))
    names = " with ".join(missing_rules(problem))
    why = f"the kernel has no rule for {names}: floats only, nothing is proved"
    if np.isinf(polar.upper) and polar.note:
        why += f"; {polar.note}"
    if not polar.upper >= polar.lower:
        why += f"; its polar is contradictory: upper {polar.upper}, attained {polar.lower}"
    top = max(polar.upper, polar.lower)  # a witness counts more than a claim
    s = min(1.0, problem.lam / top) if top > 0 else 1.0
    lower = dual_value(problem, W, s)
    lower = lower if polar.upper >= polar.lower and not np.isnan(lower) else -np.inf
    if lower - upper > PROBE * abs(upper):  # a lower bound cannot exceed the objective
        why += f"; its polar is too small: it bounds {upper} from below by {lower}"
        lower = -np.inf
    lost = upper < np.finfo(np.float64).tiny and bool(np.any(W))  # the objective underflowed
    near = upper - lower <= max(atol, rtol * abs(upper)) and not lost
    verdict = Verdict.NUMERICAL if near else Verdict.UNDECIDED
    return without_certificate(problem, factors, q, verdict, (lower, upper, why))
