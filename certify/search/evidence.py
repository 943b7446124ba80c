"""Search for evidence: a dual point with a bound of its polar, and better factors.

All of this is in floats and untrusted; the kernel checks the evidence.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from certify.base.arrays import Array, finite, real, short
from certify.base.checkpoint import CHECKPOINT
from certify.base.clock import Clock
from certify.base.errors import InputError
from certify.polar import Proposal
from certify.polar.branching.factors import few_factors
from certify.polar.methods.cones import applies_to, is_loose
from certify.polar.product_query import ProductQuery
from certify.polar.proved import kernel_json
from certify.polar.scale import exponent, ldexp_steps
from certify.problem import Problem
from certify.problem.proof_time import ROUNDED, tree_seconds, work_of

from . import convex, families, fixed_rank, ratings
from .candidate import Candidate, Goal, lowest, nonzero, widen
from .dual import own_size, own_size_blocks, own_size_counts, scaling
from .dual.joint_layers import bound_or_polish, is_polished
from .dual.orthogonal import Orthogonal
from .dual.points import (
    Dual,
    Run,
    best,
    bound,
    bound_multiple,
    bound_point,
    dual_at,
    inside_point,
)
from .dual.products import bound_all, is_beyond_trees
from .families import family, is_supported
from .search_result import REACHED, Evidence, SearchResult

DUAL = "dual"  # key of a dual point in a checkpoint
DUALS_KEPT = 2  # dual points of a resumed search
GAIN = 0.1  # of the gap: a smaller gain of the factors hardly moves the dual point
SLACK = 0.5  # of epsilon: a bound this near to the best factors is good enough
CONVEX = 0.3  # share of the budget for the convex problem
BOUND_SHARE = 0.75  # share of the time left for the last bound; the proof needs the rest
GLANCE = 0.1  # share of the budget for an estimate at the candidate's own dual point
AT_SIZE = 0.4  # share of the budget for descents at lam = 0; then the bound, then other starts
BYTE = 1.5e-7  # seconds for a byte of a checkpoint
SEARCHED = 0.5  # share of the budget for better factors; the rest bounds their dual point


def any_size(run: Run, caller_dual: Array | None) -> Evidence:
    """Search for a dual point and better factors; keep the dual point in the checkpoint.

    caller_dual  the caller's dual point, in place of those found here
    """
    evidence = (gather_at_scale if ratings.applies(run.problem) else gather)(run, caller_dual)
    remember(evidence.dual)
    return evidence


def gather_at_scale(run: Run, caller_dual: Array | None) -> Evidence:
    """Gather evidence whose polar bound is an estimate, in the time that its proof leaves.

    If the proof takes far longer than the budget, a dual point with fewer entries is used.
    """
    clock, problem = run.clock, run.problem
    work = work_of(problem, ROUNDED)

    def late() -> bool:
        """Whether the proof would end far beyond the budget."""
        return work.seconds(clock) > clock.until_overrun()

    by = partial(ratings.polar, problem, run.epsilon, run.start, run.seed)
    searching = ratings.leave_proof(clock, work)
    if clock.expired() and late():
        evidence = Evidence(run.start)
    else:
        evidence = gather(replace(run, polar=by(late)), caller_dual, searching)
    if evidence.dual is not None or not late():
        return evidence
    note = f"its proof takes {work.seconds(clock):.0f} s, more than the budget"
    W = dual_at(problem, evidence.better or run.start)
    kept, factorized = ratings.shorten(problem, clock, work)
    polar = by(lambda: False) if factorized else partial(ratings.polar_by_rows, problem, run.seed)
    note += f"; a dual point of {int(kept.sum())} of {len(kept)} entries took its place"
    few = bound(replace(run, polar=polar, kept=kept), np.where(kept, W, 0.0))
    return replace(evidence, dual=few, note=note)


def remember(dual: Dual | None) -> None:
    """Keep a dual point, with the proof of its polar bound, in the checkpoint."""
    checkpoint = CHECKPOINT.get()
    if checkpoint is None or dual is None:
        return
    exact = tuple((k, *c.as_integer_ratio()) for k, c in dual.point.corrections)
    proof = {
        k: x if isinstance(x, np.ndarray) else kernel_json(x) for k, x in dual.polar.proof.items()
    }
    kept = (dual.point.W, exact, dual.polar.upper, proof, dual.value)
    checkpoint.keep(DUAL, lambda: kept, now=True)


def gather(run: Run, caller_dual: Array | None, searching: Clock | None = None) -> Evidence:
    """Search for a dual point at the candidate, by the convex problem, and at better factors.

    searching  the clock of the search for better factors; None: a share of the budget
    """
    first = None if caller_dual is None else bound(run, caller_dual * run.unit)
    resumed = recall(run)
    if first is None and (caller_dual is not None or (resumed is None and not open_gap(run))):
        first = at_candidate(run)
    tries: list[Dual | None] = [first, None if resumed is None else resumed.dual]
    if is_closed(run, tries) or caller_dual is not None:
        return Evidence(run.start, best(tries))
    solution = convex.solve(run.problem, run.clock.share(CONVEX).expired, run.epsilon)
    if solution is not None:
        run.clock.tell("projected dual point", run.start.value)
        tries.append(bound(run, solution.W, solution.N))
    if is_closed(run, tries) or not is_supported(run.problem):
        return Evidence(run.start, best(tries))
    goal = (run.epsilon, convex.shortcut(run.problem, solution))
    clock = search_clock(searching or run.clock.share(SEARCHED))
    result = resume(run, resumed, goal, clock)
    better, ended = choose_better(run, result), not clock.expired()
    top, spent = best(tries), run.clock.expired()
    wide = top is None or (result.best.value - top.value > SLACK * run.epsilon and not spent)
    if wide and (top is None or not is_stuck(run, result, top)):
        tries += bound_all(give_most_time(run), result)
    remember(best(tries))
    tries += refine_bound(run, result, best(tries))
    note = "" if resumed is None else resumed.note
    note = note if best(tries) is not None else "no orthogonal dual point was found"
    floor, ended = floor_below(run, better), ended and not run.clock.expired()
    evidence = Evidence(run.start, best(tries), better=better, floor=floor, ended=ended)
    return replace(evidence, steps=result.steps, note=note)


@dataclass(frozen=True)
class ResumedSearch:
    """The content of a checkpoint: a search, if any, and a dual point, if any.

    short  whether the search was cut short
    note   why the proof of the dual point is not used
    """

    result: SearchResult | None
    short: bool
    dual: Dual | None
    note: str = ""


def recall(run: Run) -> ResumedSearch | None:
    """Return the content of the checkpoint; None if it is empty.

    The dual point is bounded at once, to resume its tree.
    """
    checkpoint = CHECKPOINT.get()
    stored = None if checkpoint is None else checkpoint.recall(REACHED, (Candidate,))
    kept = None if checkpoint is None else checkpoint.recall(DUAL)
    if stored is None and kept is None:
        return None
    result, short, at = None, True, run.start
    if stored is not None:
        same, top, duals, short = stored
        at = lowest([run.start, top])
        result = SearchResult((("start", run.start), ("checkpoint", at)), same, top, duals)
    longer = replace(run, share=BOUND_SHARE, start=at)
    if checkpoint is None or kept is None:
        return ResumedSearch(result, short, None)
    W, exact, upper, proof, value = kept
    seconds = kept_seconds(run, checkpoint.size, proof)
    if seconds > run.clock.until_overrun():
        checkpoint.ignore("tree.", DUAL)
        note = f"the proof in the checkpoint takes about {seconds:.0f} s, more than the budget"
        return ResumedSearch(result, short, None, note)
    point = Orthogonal(W, tuple((k, Fraction(p, q)) for k, p, q in exact))
    dual = Dual(point, Proposal(upper, proof), value)
    return ResumedSearch(result, short, best([dual, bound_point(longer, point)]))


def kept_seconds(run: Run, size: int, proof: dict[str, Any]) -> float:
    """Return about the seconds to read, write and prove a kept dual point, in rounded floats.

    size  the bytes of the file
    """
    return (BYTE * size + tree_seconds(run.problem, proof, ROUNDED)) / run.clock.cores()


def search_clock(clock: Clock) -> Clock:
    """Return a clock that leaves a part of the minute for the bounds after the search."""
    return clock if clock.most is None else replace(clock, most=SEARCHED * clock.most)


def resume(run: Run, resumed: ResumedSearch | None, goal: Goal, clock: Clock) -> SearchResult:
    """Search, or continue a search that was cut short; keep the result in the checkpoint."""
    result = None if resumed is None else resumed.result
    if result is None or resumed is None:
        result = families.search(run.problem, run.start, clock, run.seed, goal)
    elif resumed.short:
        more = families.search(run.problem, result.best, clock, run.seed, goal)
        small = [s for _, s in more.steps if s.size <= run.start.size]
        ends = lowest([result.same, *small]), lowest([result.best, more.best])
        duals = (*more.duals, *result.duals)[:DUALS_KEPT]
        result = SearchResult((*result.steps, *more.steps[1:]), *ends, duals)
    else:
        return result
    checkpoint, short = CHECKPOINT.get(), clock.expired()
    if checkpoint is not None:
        checkpoint.keep(REACHED, lambda: (result.same, result.best, result.duals, short), now=True)
    return result


def open_gap(run: Run) -> bool:
    """Whether an ascent shows that the candidate's own dual point cannot prove epsilon.

    Only for polars whose bounds take long.
    """
    problem = run.problem
    large = ratings.applies(problem)
    earn = family(problem).earn if is_supported(problem) and problem.atom.hard else None
    W = scaling.move_inside(problem.loss, dual_at(problem, run.start))
    if not (large or earn) or not np.isfinite(W).all():
        return False
    if earn is None:
        top = ratings.estimate(problem, W, run.seed, ratings.ROUGH)
    else:
        late = run.clock.share(GLANCE).expired
        top, _ = earn(problem, W, np.inf, run.start.factors, seed=run.seed, expired=late)
    s = scaling.best_scale(problem, W, top)
    return bool(run.start.value - scaling.value(problem, W, s) > run.epsilon)


def is_stuck(run: Run, result: SearchResult, top: Dual) -> bool:
    """Whether a polished dual point leaves a gap, and better factors would hardly move it."""
    gain = run.start.value - result.best.value
    return gain <= GAIN * (result.best.value - top.value) and is_polished(run, top)


def refine_bound(run: Run, result: SearchResult, top: Dual | None) -> list[Dual | None]:
    """Bound the best dual point again, with most of the time left, if the gap is open.

    The second time the aim is a narrower bracket, unless better factors refute the candidate.
    """
    longer = replace(run, share=BOUND_SHARE, start=result.best)
    tries = list[Dual | None]()
    by_cones = converges(run.problem) and run.problem.atom.layer is None
    cases = top is not None and len(top.polar.proof.get("nodes", ())) > 1
    grown = is_beyond_trees(run.problem) and cases
    if ratings.applies(run.problem) or by_cones or grown:  # it would be the same proof
        return tries
    for narrow in (False, True):
        at, left = best([top, *tries]), run.clock.left()
        if at is None or not left or result.best.value - at.value <= SLACK * run.epsilon:
            break
        if narrow and run.start.value - result.best.value > run.epsilon:
            break
        tries.append(bound_point(replace(longer, narrow=narrow), at.point))
        tries.append(bound_multiple(longer, tries[-1]))
    return tries


def at_fixed_rank(run: Run) -> Evidence:
    """Return evidence at lam = 0: a bound at this size, and better factors of this size."""
    problem = run.problem
    steps = fixed_rank.steps(problem, run.start, run.clock.share(AT_SIZE), run.seed)
    met = lowest([s for _, s in steps])
    evidence = at_size(run, met) or Evidence(run.start)
    top = evidence.better or met
    if top.value < met.value:
        steps = (*steps, ("other start", top))
    better = top if run.start.value - top.value > run.epsilon else None
    ended = not run.clock.share(AT_SIZE).expired()
    floor = floor_below(run, better)
    return replace(evidence, better=better, floor=floor, steps=steps, ended=ended)


def at_size(run: Run, top: Candidate, known: Dual | None = None) -> Evidence | None:
    """Return evidence for a lower bound over at most as many slices as the start has.

    top     the best point of this size so far; its dead components are replaced, and if the bound
            does not certify it, other starts are tried.  The best is the evidence's `better`
    known   a dual point of another search

    None if no bound is known.
    """
    top = replace(top, factors=widen(top.factors, run.start.size))
    if run.problem.lam > 0:
        top = fixed_rank.replace_dead(run.problem, top, run.clock, run.seed)
    from_top = replace(run, start=top)
    if own_size.applies(run.problem):
        whole = own_size.propose(from_top, known)
        evidence, value = Evidence(run.start, whole.dual, whole.fan), whole.value
    elif own_size_blocks.applies(run.problem):
        if known is None and run.problem.lam > 0:
            known = bound(from_top, dual_at(run.problem, top))
        parts = own_size_blocks.propose(from_top, known)
        evidence = Evidence(run.start, parts.dual, None, parts.blocks)
        value = parts.value
    elif own_size_counts.applies(run.problem):
        below = own_size_counts.propose(from_top, run.start.value)
        if below is None:
            return None
        evidence = Evidence(run.start, blocks=(below.block,), counts=below.arrays)
        value = below.value
    elif run.problem.lam == 0:
        evidence = Evidence(run.start)
        value = run.problem.loss.dual_value(np.zeros_like(dual_at(run.problem, run.start)))
    else:
        return None
    if top.value - value > run.epsilon:
        top = fixed_rank.other_start(run.problem, top, run.clock.share(BOUND_SHARE), run.seed)
    return replace(evidence, better=drop_zero_slices(top))


def accept_dual(problem: Problem, caller_dual: object) -> Array | None:
    """Return the caller's dual point as a field near 1, or None.

    Raises InputError for an array of another shape or not finite, with an l1 penalty, and with
    observed zeros.
    """
    if caller_dual is None:
        return None
    if problem.l1 is not None:
        raise InputError(f"dual must be None with l1={problem.l1}, where each line has its own")
    if problem.loss.observed.zeros:
        raise InputError("dual must be None with observed zeros: there it is Y - U V^T")
    if isinstance(caller_dual, str):
        raise InputError(f"dual must be an array or None, got {short(caller_dual)}")
    W, shape = finite(real(caller_dual, "dual"), "dual"), problem.loss.observed.field_shape
    if W.shape != shape:
        raise InputError(f"dual must have shape {shape}, got {W.shape}")
    return np.asarray(ldexp_steps(W, -exponent(W)))  # the best multiple is used in any case


def is_closed(run: Run, tries: list[Dual | None]) -> bool:
    """Whether the candidate's gap is expected to be within epsilon."""
    top = best(tries)
    return top is not None and run.start.value - top.value <= run.epsilon


def at_candidate(run: Run) -> Dual | None:
    """Bound W = -grad l at the candidate, scaled."""
    run.clock.tell("dual point of the candidate", run.start.value)
    tries = list[Dual | None]()
    for dual in bound_or_polish(give_most_time(run), dual_at(run.problem, run.start)):
        tries.append(dual)
        if is_closed(run, tries):
            break
    return best(tries)


def give_most_time(run: Run) -> Run:
    """Return the run, with most of the time for a bound if the bound converges."""
    return replace(run, share=BOUND_SHARE) if converges(run.problem) else run


def converges(problem: Problem) -> bool:
    """Whether only time limits how tight the polar's bound is: hidden layers, and cones."""
    atom, dims = problem.atom, problem.loss.dims
    if atom.family == "products":
        query = ProductQuery(np.empty(dims), atom.gauges, symmetric=atom.parts == 1)
        return few_factors(query, late=True)
    if atom.family != "pairs":
        return atom.layer is not None
    return is_loose(atom.gauges) and applies_to(atom.gauges, problem.loss.shape)


def choose_better(run: Run, result: SearchResult) -> Candidate | None:
    """Return factors better by epsilon, of the candidate's size if there are any; else None."""
    for candidate in (result.same, result.best):
        if run.start.value - candidate.value > run.epsilon:
            return drop_zero_slices(candidate)
    return None


def drop_zero_slices(s: Candidate) -> Candidate:
    """Drop the zero slices."""
    keep = nonzero(s.factors)
    return Candidate(tuple(x[..., keep] for x in s.factors), s.q, s.value)


def floor_below(run: Run, better: Candidate | None) -> Orthogonal | None:
    """Return a dual point that bounds the candidate's value over all offsets.

    None if there are no better factors, or the offsets are given: then this bound is not needed.
    """
    if better is None or run.given:
        return None
    return inside_point(run.problem, dual_at(run.problem, run.start))
