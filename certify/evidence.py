"""Find what the kernel will check: a dual point with its polar bound, and better factors.

Everything here is search, in floats, and is believed by nobody.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from . import descent, explore, fixed_rank, rays, search
from ._arrays import Array, finite, real
from ._errors import InputError
from .atoms import RankOne
from .descent import State
from .losses import Squared
from .orthogonal import Orthogonal, orthogonalize
from .polar import Proposal
from .polar._scale import exponent, scaled
from .polar._spectra import on_grid
from .polar.spectral import of_matrix
from .problem import Problem
from .search import Clock

RELAXED = 60  # coordinates up to which a general solver takes a second
DUALS = ("search", "relaxation")
SLACK = 0.5  # of epsilon: a bound this near to the best factors needs no better one
CONVEX = 0.3  # share of the budget for the convex problem
SEARCHED = 0.6  # share of the budget for better factors; the rest bounds their dual point


@dataclass(frozen=True)
class Run:
    """One question being answered: the problem, the candidate's state, how hard to try."""

    problem: Problem
    start: State
    epsilon: float
    clock: Clock
    seed: int
    given: bool  # the offsets are the candidate's own
    unit: float = 1.0  # a dual point of the caller's scale times this is one of the run's


@dataclass(frozen=True)
class Dual:
    """A dual point, the proposal for its polar, and the lower bound expected of them."""

    point: Orthogonal
    polar: Proposal
    value: float


@dataclass(frozen=True)
class Evidence:
    """All that the search brings to the kernel."""

    start: State
    dual: Dual | None = None
    ky_fan: dict[str, Any] | None = None
    blocks: tuple[dict[str, Any], ...] = ()
    better: State | None = None
    floor: Orthogonal | None = None
    steps: tuple[tuple[str, State], ...] = ()
    note: str = ""
    given: bool = True


def any_size(run: Run, wanted: "str | Array") -> Evidence:
    """Look for a dual point at the candidate, by projection, and at improved factors."""
    given = chosen(run, wanted)
    tries: list[Dual | None] = [given if given is not None else at_candidate(run)]
    if closed(run, tries) or not isinstance(wanted, str):
        return Evidence(run.start, best(tries), given=run.given)
    found = None if given is not None else explore.convex(run.problem, late(run), run.epsilon)
    if found is not None:
        run.clock.tell("projected dual point", run.start.value)
        tries.append(bound(run, found.W, found.N))
        if closed(run, tries):
            return Evidence(run.start, best(tries), given=run.given)
    if not explore.supported(run.problem):
        return Evidence(run.start, best(tries), better=multiple(run), given=run.given)
    rest = (run.epsilon, explore.shortcut(run.problem, found))
    clock = run.clock.share(SEARCHED)
    trail = explore.trail(run.problem, run.start, clock, run.seed, rest)
    better = chosen_better(run, trail)
    if (top := best(tries)) is None or trail.best.value - top.value > SLACK * run.epsilon:
        tries += improved(run, trail)
    floor = floor_point(run) if better is not None and not run.given else None
    note = "" if best(tries) is not None else "no orthogonal dual point was found"
    return Evidence(run.start, best(tries), None, (), better, floor, trail.steps, note, run.given)


def improved(run: Run, trail: explore.Found) -> list[Dual | None]:
    """Bound by the dual points of a search: the best that it met, and that of its factors."""
    tries: list[Dual | None] = []
    moved = trail.best is not run.start and run.problem.loss.smooth
    own = (dual_at(run.problem, trail.best),) if moved or not trail.duals else ()
    for W in (*trail.duals, *own):
        tries.append(bound(run, W))
        top = best(tries)
        if top is not None and trail.best.value - top.value <= SLACK * run.epsilon:
            break
    return tries


def late(run: Run) -> Callable[[], bool]:
    """Return whether the convex problem's share of the budget is spent."""
    return run.clock.share(CONVEX).expired


def by_rank(run: Run) -> Evidence:
    """Lam = 0: Ky Fan's proof, whole or by blocks, and better factors of this rank."""
    problem, r = run.problem, run.start.size
    whole = fixed_rank.closed(problem)
    fan = fixed_rank.propose(problem, r) if whole else None
    parts = () if whole else tuple(fixed_rank.blocks(problem, r))
    steps = fixed_rank.steps(problem, run.start, run.clock, run.seed)
    top = search.lowest([s for _, s in steps])
    better = top if run.start.value - top.value > run.epsilon else None
    floor = floor_point(run) if better is not None and not run.given else None
    better = None if better is None else alive(problem, better)
    return Evidence(run.start, None, fan, parts, better, floor, steps, "", run.given)


def accept_dual(problem: Problem, wanted: object) -> "str | Array":
    """Return the caller's choice of a dual point: a name, or a field.

    Raises InputError for an unknown name, or an array of another shape or not finite.
    """
    if isinstance(wanted, str):
        if wanted not in DUALS:
            raise InputError(f"dual must be one of {', '.join(DUALS)} or an array, got {wanted!r}")
        return wanted
    W, observed = finite(real(wanted, "dual"), "dual"), problem.loss.observed
    shape = (observed.m, observed.n) if observed.full else (observed.size,)
    if W.shape != shape:
        raise InputError(f"dual must have shape {shape}, got {W.shape}")
    e = exponent(W)
    return np.asarray(scaled(W, -e))  # any multiple serves: the best one on its ray is used


def chosen(run: Run, wanted: "str | Array") -> Dual | None:
    """Return the dual point the caller asked for: an array, or a convex solver's."""
    if not isinstance(wanted, str):
        return bound(run, wanted * run.unit)
    if wanted == "search":
        return None
    from . import relax  # noqa: PLC0415  cvxpy takes a second to import

    found = relax.dual_point(run.problem, budget=run.clock.left())
    return None if found is None else bound(run, found)


def closed(run: Run, tries: list[Dual | None]) -> bool:
    """Whether the candidate's gap is expected to be within epsilon."""
    top = best(tries)
    return top is not None and run.start.value - top.value <= run.epsilon


def best(tries: list[Dual | None]) -> Dual | None:
    """Return the dual point of the highest expected bound."""
    return max((d for d in tries if d is not None), key=lambda d: d.value, default=None)


def at_candidate(run: Run) -> Dual | None:
    """Bound by W = -grad l at the candidate, scaled."""
    run.clock.tell("dual point of the candidate", run.start.value)
    return bound(run, dual_at(run.problem, run.start))


def dual_at(problem: Problem, now: State) -> Array:
    """Return W = -grad l."""
    return problem.dual_point(now.factors, now.q)


def bound(run: Run, W: Array, N: Array | None = None) -> Dual | None:
    """Return W with a polar proposal and the bound expected; scaled along its ray."""
    if not isinstance(run.problem.loss, Squared):
        return bound_any(run, W)
    found = bound_once(run, W, N)
    if found is None or N is not None:
        return found
    top = min(run.problem.lam / max(found.polar.upper, 1e-300), limit(run.problem, W))
    scale, used = min(best_scale(run.problem, W), top), min(1.0, top)
    size = abs(dual_terms(run.problem, W)[1])
    if 0.5 * size * (scale - used) ** 2 <= 0.01 * run.epsilon or scale <= 0:
        return found
    again = bound_once(run, W * scale, None)
    return best([found, again])


def bound_any(run: Run, W: Array) -> Dual | None:
    """Bound by a W of any loss: moved or shortened into the domain of d, then scaled."""
    loss = run.problem.loss
    if not np.isfinite(W).all():
        return None
    tries = [W] if rays.inside(loss, W) else [W, W * rays.reach(loss, W, 1.0)]
    return best([bound_ray(run, x) for x in tries])


def bound_ray(run: Run, W: Array) -> Dual | None:
    """Bound by W moved into the domain of d, and by its best multiple."""
    found = bound_inside(run, W)
    if found is None:
        return None
    s = rays.best_scale(run.problem, found.point.W, found.polar.upper)
    if s in (0.0, 1.0):
        return found
    return best([found, bound_inside(run, found.point.W * s)])


def bound_inside(run: Run, W: Array) -> Dual | None:
    """Propose a polar bound of W in the domain of d, and estimate the lower bound."""
    problem, free = run.problem, any(o.ridge == 0 for o in run.problem.offsets)
    held = rays.inward(problem.loss, W)
    point = orthogonalize(problem, held) if free else Orthogonal(held)
    if point is None or problem.loss.dual_value(point.W) == -np.inf:
        return None
    deadline = None if run.clock.budget is None else run.clock.start + run.clock.budget
    matrix = problem.loss.observed.matrix(point.W)
    polar = proposed(run, matrix, deadline)
    s = min(1.0, problem.lam / max(polar.upper, 1e-300))
    return Dual(point, polar, rays.value(problem, point.W, s))


def bound_once(run: Run, W: Array, N: Array | None) -> Dual | None:
    """Orthogonalize W, propose a polar bound, and estimate the lower bound."""
    problem = run.problem
    point = orthogonalize(problem, W) if np.isfinite(W).all() else None
    if point is None:
        return None
    deadline = None if run.clock.budget is None else run.clock.start + run.clock.budget
    matrix = problem.loss.observed.matrix(point.W)
    if N is None:
        polar = proposed(run, matrix, deadline)
    else:
        held = on_grid(N, 40)
        spectral = of_matrix(np.asarray(point.W + held), problem.lam, run.seed)
        plain = problem.atom.propose(matrix, problem.lam, run.seed, deadline)
        tight = spectral and Proposal(spectral.upper, {**spectral.proof, "N": held})
        polar = min((p for p in (tight, plain) if p), key=lambda p: p.upper)
    extra = float(sum(c * c for _, c in point.corrections)) ** 0.5
    s = min(1.0, problem.lam / max(polar.upper + extra, 1e-300), limit(problem, point.W))
    inner, size = dual_terms(problem, point.W)
    return Dual(point, polar, s * inner - 0.5 * s * s * size)


def proposed(run: Run, matrix: Any, deadline: float | None) -> Proposal:  # noqa: ANN401  a polar Matrix
    """Propose a bound of the polar; by a general solver too, where only that knows the norms."""
    problem = run.problem
    own = problem.atom.propose(matrix, problem.lam, run.seed, deadline)
    if own.upper <= problem.lam or not mixed(problem) or sum(matrix.shape) > RELAXED:
        return own
    from . import relax  # noqa: PLC0415  cvxpy takes a second to import

    dense = np.asarray(matrix.toarray() if sparse.issparse(matrix) else matrix)
    found = relax.witness(dense, *getattr(problem.atom, "gauges"), run.clock.left())  # noqa: B009
    return own if found is None else min(own, found, key=lambda p: p.upper)


def mixed(problem: Problem) -> bool:
    """Whether a norm is a sum of others, which the polar methods take for the l2 norm only."""
    if not isinstance(problem.atom, RankOne):
        return False
    norms = problem.atom.gauges
    summed = (g.name in ("elastic", "variation") or getattr(g, "outer", "") == "l1" for g in norms)
    return any(summed) and "l1" not in [g.name for g in norms]


def dual_terms(problem: Problem, W: Array) -> tuple[float, float]:
    """Return (<W, Y>, sum W^2 / w + sum |A* W|^2 / ridge): d(sW) = s a - s^2 b / 2."""
    loss = descent.squared(problem)
    w = W.reshape(-1)
    over = w if loss.scale is None else w / loss.scale.reshape(-1)
    size = float(w @ over) + rays.ridge_cost(problem, W)
    return float(w @ loss.data.reshape(-1)), size


def limit(problem: Problem, W: Array) -> float:
    """Return the largest s for which the offsets allow s W."""
    return min((o.limit(W) for o in problem.offsets), default=np.inf)


def best_scale(problem: Problem, W: Array) -> float:
    """Return s maximizing d(sW), ignoring the polar."""
    inner, size = dual_terms(problem, W)
    return inner / size if size > 0 else 1.0


def multiple(run: Run) -> State | None:
    """Return the best multiple of the factors if it is better by epsilon (not least squares)."""
    if isinstance(run.problem.loss, Squared) or not isinstance(run.problem.atom, RankOne):
        return None
    found = rays.best_multiple(run.problem, run.start)
    return alive(run.problem, found) if run.start.value - found.value > run.epsilon else None


def chosen_better(run: Run, trail: explore.Found) -> State | None:
    """Return better factors of the same size if they are better by epsilon, else of any."""
    for found in (trail.same, trail.best):
        if run.start.value - found.value > run.epsilon:
            return alive(run.problem, found)
    return None


def alive(problem: Problem, s: State) -> State:
    """Drop zero slices, which count for nothing."""
    keep = np.asarray(problem.atom.theta(s.factors)) > 0
    return State(tuple(x[..., keep] for x in s.factors), s.q, s.value)


def floor_point(run: Run) -> Orthogonal | None:
    """Return a dual point that bounds the candidate's own value over all offsets."""
    return orthogonalize(run.problem, dual_at(run.problem, run.start))
