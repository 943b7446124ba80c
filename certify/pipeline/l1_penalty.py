"""Bounds with an l1 penalty, from questions without it.

    f = l(U V') + lam sum theta + sum a |u_k|_1 + b |v_k|_1

The penalty has a lower degree than U V', so no convex problem has the optimum of f.  But each
certificate of l + lam sum theta + s t, t = sum |u_k|_1 |v_k|_1, proves a line below the first two
terms, and lines bound f (proof in `kernel/rules/concave.py`).  If a weight is 0, or theta is not of
two plain norms, only the line of slope 0 is used: f without the penalty.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from certify.atoms import Factors, RankOne
from certify.base.clock import Clock
from certify.problem import Problem, Values
from certify.search.candidate import Candidate, draw_inside, evaluate, lowest
from certify.search.descent import l1
from certify.search.dual.points import dual_at, inside_point
from certify.search.search_result import Evidence

from . import own_size
from .budget import rest
from .certificate.file import Certificate, StatedQuestion, ask
from .certificate.tiers import arithmetic
from .prove import Proof, assemble, prove_written, without_better
from .result import Result

STEEP = 6.0  # the first slope, in a b / penalty: 4 is that of the root's chord
ROUNDS = 2  # slopes
STEPS, FRESH = 4000, 2  # steps of a descent; descents from random factors
SEARCHED, FIRST = 0.3, 0.65  # shares of the budget: for descents; until the second question
TINY = 2.0**-30  # scale of the only factor with a price
NEAR = 2.0**-9  # relative gap at which the search for a line ends; luck, never truth
DEGREE = (
    "the l1 penalty has degree 1 beside products of degree 2, so that no convex problem has the "
    "optimum and the bracket stays open"
)
WITHOUT = "it ignores the l1 penalty, so that a gap remains"
Judge = Callable[[Problem, Clock], tuple[Certificate | None, float]]  # with the proved bound


@dataclass(frozen=True)
class Line:
    """The line level - slope t, of "l1" norms at lam = slope or the "own" norms at lam + slope."""

    norm: str
    slope: float
    certificate: Certificate
    level: float


def answers(
    problem: Problem,
    question: StatedQuestion,
    point: tuple[Factors, Values | None],
    run: tuple[Clock, int],
    check: Callable[..., Result],
) -> tuple[Evidence, Proof, Proof | None]:
    """Return the evidence, and the proofs for any size and for the candidate's size.

    point  the candidate's factors and offsets; None: the best offsets
    run    the clock and the seed
    check  check() with its method, for questions without l1
    """
    (factors, q), (clock, seed) = point, run
    steps = descents(problem, evaluate(problem, factors, q), clock, seed)
    start, best = steps[0][1], lowest([s for _, s in steps])
    rtol, atol = question.tolerances
    better = best if start.value - best.value > max(atol, rtol * abs(start.value)) else None
    q_given = question.statement["q"] == "given"
    W = None if better is None or q_given else dual_at(problem, start)
    floor = None if W is None else inside_point(problem, W)
    note = DEGREE if problem.has_both_l1 else WITHOUT
    evidence = Evidence(start, None, None, (), better, floor, steps, note)

    def any_size(part: Problem, share: Clock) -> tuple[Certificate | None, float]:
        how = {"budget": rest(share), "progress": share.progress}
        result = check(part, factors, seed=seed, rtol=NEAR, **how)
        return result.certificate, result.lower

    def at_size(part: Problem, share: Clock) -> tuple[Certificate | None, float]:
        if not own_size.is_covered(part):
            return None, 0.0
        proof = own_size.bound(part, factors, clock=share, seed=seed, rtol=NEAR)
        return proof.certificate, float(proof.outcome.lower)

    rank_limited = start.size < min(problem.loss.shape)
    twice = rank_limited and own_size.is_covered(without_l1(problem, "own", 0.0))
    lines = gather_lines(problem, best.value, any_size, clock.share(FIRST) if twice else clock)
    first = compose(problem, question, lines, evidence)
    if first.outcome.verdict == "CERTIFIED" or not twice:
        return evidence, first, None
    again = ask(problem, factors, q, rtol=rtol, atol=atol, own_size=True)
    lines = gather_lines(problem, best.value, at_size, clock, fixed_size=True)
    return evidence, first, compose(problem, again, lines, evidence)


def descents(
    problem: Problem, start: Candidate, clock: Clock, seed: int
) -> tuple[tuple[str, Candidate], ...]:
    """Return the start, and lower points: no components, and ends of descents at its size.

    The descents begin at the start and at random factors.
    """
    none = evaluate(problem, tuple(x[..., :0] for x in start.factors))
    nothing = (("no components", none),) if none.value < start.value else ()
    if not l1.applies(problem) or not start.size:
        return ("start", start), *nothing
    rng, share = np.random.default_rng(seed), clock.share(SEARCHED)
    size = (float(np.abs(problem.loss.arrays()["Y"]).mean()) / start.size) ** 0.5
    pairs = list(zip(problem.atom.gauges, start.factors, strict=True))
    fresh = [tuple(size * draw_inside(g, x.shape, rng) for g, x in pairs) for _ in range(FRESH)]
    starts = [shrink_penalty(problem, x) for x in (start.factors, *fresh)]
    ends = [l1.descend(problem, x, STEPS, share.expired) for x in starts]
    candidates = [evaluate(problem, x) for x in ends]
    lower = (("descend", s) for s in candidates if s.value < start.value)
    return ("start", start), *nothing, *lower


def shrink_penalty(problem: Problem, factors: Factors) -> Factors:
    """Return the same products with almost no penalty, if one weight is 0 and scales are free."""
    weights = problem.l1 or ()
    if all(weights) or (problem.lam and problem.atom.statement()["form"] == "sum"):
        return factors
    return tuple(x * (TINY if w else 1 / TINY) for w, x in zip(weights, factors, strict=True))


def without_l1(problem: Problem, norm: str, slope: float) -> Problem:
    """Return the problem whose lower bound is the level of a line."""
    loss, atom, offsets = problem.loss, problem.atom, problem.offsets
    if not slope:
        return Problem(loss, atom, problem.lam, offsets)
    left, right = atom.gauges
    if norm == "l1":
        return Problem(loss, RankOne(f"l1{left.cone}", f"l1{right.cone}"), slope, offsets)
    return Problem(loss, RankOne(left, right), problem.lam + slope, offsets)


def gather_lines(
    problem: Problem, top: float, judge: Judge, clock: Clock, *, fixed_size: bool = False
) -> list[Line]:
    """Return lines below the objective without its l1 penalty.

    top  the lowest known objective

    The first line is flat: the question without the l1 penalty.  At lam = 0 and any size it is the
    infimum of the loss, which the kernel knows.  Each later slope is between those of the two lines
    that meet where f is bounded.  Without time only the first line is made, and no more lines are
    made when the bound reaches `top`.
    """
    norms = (("l1", "own") if problem.lam else ("l1",)) if problem.has_both_l1 else ()
    flat = ["own"] * bool(fixed_size or problem.lam)
    lines, left = list[Line](), len(flat) + ROUNDS * len(norms)
    for turn in range(1 + ROUNDS if norms else 1):
        slope = next_slope(problem, lines, top) if turn else 0.0
        if not np.isfinite(problem.lam + slope):  # the gap is closed, or the slope overflows
            return lines
        for norm in norms if turn else flat:
            if lines and clock.expired():
                return lines
            share = clock.next_part(1 / left)
            certificate, level = judge(without_l1(problem, norm, slope), share)
            left -= 1
            if certificate is not None:
                lines.append(Line(norm, slope, certificate, level))
    return lines


def next_slope(problem: Problem, lines: Sequence[Line], top: float) -> float:
    """Return a slope whose line may raise min over t of max_j (D_j - s_j t) + 2 sqrt(a b t)."""
    a, b = problem.l1 or (0.0, 0.0)  # two weights > 0
    pairs = [(0.0, 0.0), *((x.level, x.slope) for x in lines)]
    levels, slopes = np.array(pairs).T
    i, k = np.nonzero(slopes[:, None] > slopes)
    t = np.array([0.0, *np.maximum((levels[i] - levels[k]) / (slopes[i] - slopes[k]), 0.0)])
    at = int(((levels - t[:, None] * slopes).max(axis=1) + 2 * np.sqrt(a * b * t)).argmin())
    if not len(i):
        gap = max(top - float(levels.max()), 2.0**-30 * abs(top))
        return STEEP * a * b / gap if gap else np.inf
    if t[at] <= 0:
        return 4 * float(slopes.max())
    steep, less = slopes[i[at - 1]], slopes[k[at - 1]]
    return float(np.sqrt(steep * less) if less else steep / STEEP)


def compose(
    problem: Problem, question: StatedQuestion, lines: Sequence[Line], evidence: Evidence
) -> Proof:
    """Let the kernel prove the bound of these lines, and the verdict."""
    proof, witness = assemble(problem, question, evidence)
    proof["lines"] = []
    for k, line in enumerate(lines):
        line_proof, arrays = without_better(line.certificate.proof, line.certificate.witness)
        proof["lines"].append({"norm": line.norm, "slope": line.slope.hex(), "proof": line_proof})
        witness |= {f"line{k}.{name}": x for name, x in arrays.items()}
    return prove_written(question, (proof, witness), arithmetic(problem))
