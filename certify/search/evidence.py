"""Find what the kernel will check: a dual point with its polar bound, and better factors.

Everything here is a search, in floats, and nothing of it is trusted.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from certify.base.arrays import Array, finite, real, short
from certify.base.checkpoint import CURRENT
from certify.base.clock import Clock
from certify.base.errors import InputError
from certify.polar import Proposal
from certify.polar.methods.cones import applies_to, is_loose
from certify.polar.proved import kernel_json
from certify.polar.scale import exponent, ldexp_steps
from certify.problem import Problem
from certify.problem.proof_time import ROUNDED, tree_seconds, work_of

from . import convex, families, fixed_rank, ratings
from .candidate import Candidate, Goal, lowest, widen
from .dual import own_size, own_size_blocks, own_size_counts
from .dual import scaling as rays
from .dual.joint_layers import bound_or_polish, is_polished
from .dual.orthogonal import Orthogonal
from .dual.points import (
    WORTH,
    Dual,
    Run,
    best,
    bound,
    bound_inside,
    bound_point,
    dual_at,
    inside_point,
)
from .dual.products import bound_all, is_beyond_trees
from .families import family, is_supported
from .search_result import REACHED, Evidence, SearchResult

DUAL = "dual"  # the name under which a dual point is kept
DUALS_KEPT = 2  # of a search that went on
GAIN = 0.1  # of the gap: better factors that move no dual point far
SLACK = 0.5  # of epsilon: a bound this near to the best factors needs no better one
CONVEX = 0.3  # share of the budget for the convex problem
BOUND_SHARE = 0.75  # share of the time left for the last bound; the proof needs the rest
GLANCE = 0.1  # share of the budget for a look at the candidate's own dual point
AT_SIZE = 0.4  # share of the budget for descents at lam = 0; then the bound, then other starts
BYTE = 1.5e-7  # seconds of a byte of a checkpoint
SEARCHED = 0.5  # share of the budget for better factors; the rest bounds their dual point


def any_size(run: Run, wanted: Array | None) -> Evidence:
    """Look for a dual point and better factors; keep the dual point, to resume from it."""
    if not ratings.applies(run.problem):
        evidence = gather(run, wanted)
    else:  # what is estimated in the search is proved once, in the end
        evidence = gathered_at_scale(run, wanted)
    remember(evidence.dual)
    return evidence


def gathered_at_scale(run: Run, wanted: Array | None) -> Evidence:
    """Gather estimated evidence, in the time that its proof leaves of a budget.

    Where the proof goes far beyond the budget, a dual point of fewer entries is proved.
    """
    clock, problem = run.clock, run.problem
    work = work_of(problem, ROUNDED)

    def late() -> bool:
        """Whether the proof goes far beyond the budget."""
        return work.seconds(clock) > clock.allowed()

    by = partial(ratings.polar, problem, run.epsilon, run.start, run.seed)
    searching = ratings.leave_proof(clock, work)
    if clock.expired() and late():
        evidence = Evidence(run.start, given=run.given)
    else:
        evidence = gather(replace(run, polar=by(late)), wanted, searching)
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
    """Keep a dual point with the proof of its polar bound."""
    keeper = CURRENT.get()
    if keeper is None or dual is None:
        return
    exact = tuple((k, *c.as_integer_ratio()) for k, c in dual.point.corrections)
    proof = {
        k: x if isinstance(x, np.ndarray) else kernel_json(x) for k, x in dual.polar.proof.items()
    }
    kept = (dual.point.W, exact, dual.polar.upper, proof, dual.value)
    keeper.keep(DUAL, lambda: kept, now=True)


def gather(run: Run, wanted: Array | None, searching: Clock | None = None) -> Evidence:
    """Look for a dual point at the candidate, by projection, and at improved factors.

    searching: the clock of the search for these; None: it has a part of the budget
    """
    given, reached = None if wanted is None else bound(run, wanted * run.unit), recall(run)
    kept = None if reached is None else reached.dual
    skipped = wanted is None and (reached is not None or open_gap(run))
    first = given if given is not None or skipped else at_candidate(run)
    tries: list[Dual | None] = [first, kept]
    if is_closed(run, tries) or wanted is not None:
        return Evidence(run.start, best(tries), given=run.given)
    solution = convex.solve(run.problem, late(run), run.epsilon)
    if solution is not None:
        run.clock.tell("projected dual point", run.start.value)
        tries.append(bound(run, solution.W, solution.N))
        if is_closed(run, tries):
            return Evidence(run.start, best(tries), given=run.given)
    if not is_supported(run.problem):
        return Evidence(run.start, best(tries), given=run.given)
    rest = (run.epsilon, convex.shortcut(run.problem, solution))
    clock = search_clock(searching or run.clock.share(SEARCHED))
    trail = further(run, reached, rest, clock)
    better, ended = chosen_better(run, trail), not clock.expired()
    top, spent = best(tries), run.clock.expired()
    wide = top is None or (trail.best.value - top.value > SLACK * run.epsilon and not spent)
    if wide and (top is None or not is_stuck(run, trail, top)):
        tries += bound_all(give_most_time(run), trail)
    remember(best(tries))
    tries += refine_bound(run, trail, best(tries))
    floor = floor_point(run) if better is not None and not run.given else None
    note = "" if reached is None else reached.note
    note = note if best(tries) is not None else "no orthogonal dual point was found"
    found = Evidence(run.start, best(tries), None, (), better, floor, trail.steps, note, run.given)
    return replace(found, ended=ended and not run.clock.expired())


@dataclass(frozen=True)
class ResumedSearch:
    """What a checkpoint holds: a search, if any, whether it was cut short, and a dual point.

    note  why its proof is not taken
    """

    trail: SearchResult | None
    short: bool
    dual: Dual | None
    note: str = ""


def recall(run: Run) -> ResumedSearch | None:
    """Return what was kept, or None for nothing.

    The dual point is bounded at once: its tree is the one to resume.
    """
    keeper = CURRENT.get()
    stored = None if keeper is None else keeper.recall(REACHED, (Candidate,))
    kept = None if keeper is None else keeper.recall(DUAL)
    if stored is None and kept is None:
        return None
    trail, short, at = None, True, run.start
    if stored is not None:
        same, top, duals, short = stored
        at = lowest([run.start, top])
        trail = SearchResult((("start", run.start), ("checkpoint", at)), same, top, duals)
    resumed = replace(run, share=BOUND_SHARE, start=at)
    if keeper is None or kept is None:
        return ResumedSearch(trail, short, None)
    W, exact, upper, proof, value = kept
    seconds = kept_seconds(run, keeper.size, proof)
    if seconds > run.clock.allowed():
        keeper.leave("tree.", DUAL)
        note = f"the proof in the checkpoint takes about {seconds:.0f} s, more than the budget"
        return ResumedSearch(trail, short, None, note)
    point = Orthogonal(W, tuple((k, Fraction(p, q)) for k, p, q in exact))
    dual = Dual(point, Proposal(upper, proof), value)
    return ResumedSearch(trail, short, best([dual, bound_point(resumed, point)]))


def kept_seconds(run: Run, size: int, proof: dict[str, Any]) -> float:
    """Return about how long what was kept takes to read, write and prove, in rounded floats.

    size   the bytes of the file
    """
    return (BYTE * size + tree_seconds(run.problem, proof, ROUNDED)) / run.clock.cores()


def search_clock(clock: Clock) -> Clock:
    """Return a clock that leaves part of a minute to what is bounded after the search."""
    return clock if clock.most is None else replace(clock, most=SEARCHED * clock.most)


def further(run: Run, reached: ResumedSearch | None, rest: Goal, clock: Clock) -> SearchResult:
    """Search, or go on with a search that was cut short, and keep what is found."""
    trail = None if reached is None else reached.trail
    if trail is None or reached is None:
        trail = families.search(run.problem, run.start, clock, run.seed, rest)
    elif reached.short:
        more = families.search(run.problem, trail.best, clock, run.seed, rest)
        small = [s for _, s in more.steps if s.size <= run.start.size]
        trail = SearchResult(
            (*trail.steps, *more.steps[1:]),
            lowest([trail.same, *small]),
            lowest([trail.best, more.best]),
            (*more.duals, *trail.duals)[:DUALS_KEPT],
        )
    else:
        return trail
    keeper, short = CURRENT.get(), clock.expired()
    if keeper is not None:
        keeper.keep(REACHED, lambda: (trail.same, trail.best, trail.duals, short), now=True)
    return trail


def open_gap(run: Run) -> bool:
    """Whether even an exact polar leaves the candidate's own dual point short of epsilon.

    For polars whose bounds take long: the polar is at least what an ascent finds.
    """
    problem = run.problem
    large = ratings.applies(problem)
    earn = family(problem).earn if is_supported(problem) and problem.atom.hard else None
    W = rays.inward(problem.loss, dual_at(problem, run.start))
    if not (large or earn) or not np.isfinite(W).all():
        return False
    if earn is None:
        top = ratings.estimate(problem, W, run.seed, ratings.ROUGH)
    else:
        late = run.clock.share(GLANCE).expired
        top = earn(problem, W, run.start.factors, run.seed, late)
    s = rays.best_scale(problem, W, top)
    return bool(run.start.value - rays.value(problem, W, s) > run.epsilon)


def is_stuck(run: Run, trail: SearchResult, top: Dual) -> bool:
    """Whether a polished dual point leaves a gap, and no better factors move it far."""
    gain = run.start.value - trail.best.value
    return gain <= GAIN * (trail.best.value - top.value) and is_polished(run, top)


def refine_bound(run: Run, trail: SearchResult, top: Dual | None) -> list[Dual | None]:
    """Bound the best dual point once more, with most of the time left, if the gap is open.

    Where it cannot prove epsilon, and nothing refutes the candidate, it still narrows the
    bracket.
    """
    longer = replace(run, share=BOUND_SHARE, start=trail.best)
    tries = list[Dual | None]()
    by_cones = converges(run.problem) and run.problem.atom.layer is None
    cases = top is not None and len(top.polar.proof.get("nodes", ())) > 1
    grown = is_beyond_trees(run.problem) and cases
    if ratings.applies(run.problem) or by_cones or grown:  # the same proof again
        return tries
    for narrow in (False, True):
        at, left = best([top, *tries]), run.clock.left()
        if at is None or not left or trail.best.value - at.value <= SLACK * run.epsilon:
            break
        if narrow and run.start.value - trail.best.value > run.epsilon:
            break
        tries.append(bound_point(replace(longer, narrow=narrow), at.point))
        tries.append(bound_longer(longer, tries[-1]))
    return tries


def bound_longer(run: Run, dual: Dual | None) -> Dual | None:
    """Bound a multiple above 1 of a dual point whose polar turned out to be below lam."""
    if dual is None:
        return None
    W = dual.point.W
    s = rays.best_scale(run.problem, W, dual.polar.upper)
    gain = rays.value(run.problem, W, s) - dual.value
    return bound_inside(run, W * s) if s > 1 and gain > WORTH * run.epsilon else None


def late(run: Run) -> Callable[[], bool]:
    """Return whether the convex problem's share of the budget is spent."""
    return run.clock.share(CONVEX).expired


def by_rank(run: Run) -> Evidence:
    """Lam = 0: a bound at this size, whole or by blocks, and better factors of this rank."""
    problem = run.problem
    steps = fixed_rank.steps(problem, run.start, run.clock.share(AT_SIZE), run.seed)
    met = lowest([s for _, s in steps])
    evidence = at_size(run, met) or Evidence(run.start, given=run.given)
    top = evidence.better or met
    if top.value < met.value:
        steps = (*steps, ("other start", top))
    better = top if run.start.value - top.value > run.epsilon else None
    floor = floor_point(run) if better is not None and not run.given else None
    ended = not run.clock.share(AT_SIZE).expired()  # then no part of the budget ended anything
    return replace(evidence, better=better, floor=floor, steps=steps, ended=ended)


def at_size(run: Run, top: Candidate, known: Dual | None = None) -> Evidence | None:
    """Return evidence for a lower bound over at most as many slices as the start has.

    top     the best of them that was met; its dead components are replaced, and where the
            bound leaves it open, other starts are tried: the best is the evidence's `better`
    known   a dual point of another search, tried as well

    None where no bound is known.
    """
    top = replace(top, factors=widen(top.factors, run.start.size))
    if run.problem.lam > 0:
        top = fixed_rank.replace_dead(run.problem, top, run.clock, run.seed)
    from_top = replace(run, start=top)
    if own_size.applies(run.problem):
        whole = own_size.propose(from_top, known)
        evidence, value = Evidence(run.start, whole.dual, whole.fan, given=run.given), whole.value
    elif own_size_blocks.applies(run.problem):
        if known is None and run.problem.lam > 0:
            known = bound(from_top, dual_at(run.problem, top))
        parts = own_size_blocks.propose(from_top, known)
        evidence = Evidence(run.start, parts.dual, None, parts.blocks, given=run.given)
        value = parts.value
    elif own_size_counts.applies(run.problem):
        below = own_size_counts.propose(from_top, run.start.value)
        if below is None:
            return None
        evidence = Evidence(run.start, blocks=(below.block,), counts=below.arrays, given=run.given)
        value = below.value
    elif run.problem.lam == 0:
        evidence = Evidence(run.start, given=run.given)
        value = run.problem.loss.dual_value(np.zeros_like(dual_at(run.problem, run.start)))
    else:
        return None
    if top.value - value > run.epsilon:
        top = fixed_rank.other(run.problem, top, run.clock.share(BOUND_SHARE), run.seed)
    return replace(evidence, better=alive(run.problem, top))


def accept_dual(problem: Problem, wanted: object) -> Array | None:
    """Return the caller's choice of a dual point, a field, or None for none.

    Raises InputError for an array of another shape or not finite, beside an l1 penalty, and beside
    observed zeros.
    """
    if wanted is None:
        return None
    if problem.l1 is not None:
        raise InputError(f"dual must be None with l1={problem.l1}, where each line has its own")
    if problem.loss.observed.zeros:
        raise InputError("dual must be None with observed zeros: there it is Y - U V^T")
    if isinstance(wanted, str):
        raise InputError(f"dual must be an array or None, got {short(wanted)}")
    W, observed = finite(real(wanted, "dual"), "dual"), problem.loss.observed
    shape = (observed.m, observed.n) if observed.full else (observed.size,)
    if W.shape != shape:
        raise InputError(f"dual must have shape {shape}, got {W.shape}")
    e = exponent(W)
    return np.asarray(ldexp_steps(W, -e))  # any multiple serves: the best one on its ray is used


def is_closed(run: Run, tries: list[Dual | None]) -> bool:
    """Whether the candidate's gap is expected to be within epsilon."""
    top = best(tries)
    return top is not None and run.start.value - top.value <= run.epsilon


def at_candidate(run: Run) -> Dual | None:
    """Bound by W = -grad l at the candidate, scaled."""
    run.clock.tell("dual point of the candidate", run.start.value)
    tries = list[Dual | None]()
    for dual in bound_or_polish(give_most_time(run), dual_at(run.problem, run.start)):
        tries.append(dual)  # no ascent leaves it open
        if is_closed(run, tries):
            break
    return best(tries)


def give_most_time(run: Run) -> Run:
    """Return the run with most of the time for a bound where nothing but that is missing."""
    return replace(run, share=BOUND_SHARE) if converges(run.problem) else run


def converges(problem: Problem) -> bool:
    """Whether a bound comes as near as its time allows, and nothing else: of a layer, or cones."""
    if problem.atom.family != "pairs":
        return problem.atom.layer is not None
    return is_loose(problem.atom.gauges) and applies_to(problem.atom.gauges, problem.loss.shape)


def chosen_better(run: Run, trail: SearchResult) -> Candidate | None:
    """Return better factors of the same size if they are better by epsilon, else of any."""
    for candidate in (trail.same, trail.best):
        if run.start.value - candidate.value > run.epsilon:
            return alive(run.problem, candidate)
    return None


def alive(problem: Problem, s: Candidate) -> Candidate:
    """Drop zero slices, which count for nothing."""
    keep = np.asarray(problem.atom.theta(s.factors)) > 0
    return Candidate(tuple(x[..., keep] for x in s.factors), s.q, s.value)


def floor_point(run: Run) -> Orthogonal | None:
    """Return a dual point that bounds the candidate's own value over all offsets."""
    return inside_point(run.problem, dual_at(run.problem, run.start))
