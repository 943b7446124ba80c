"""Bound from below by a dual point of any loss: its polar, and the best multiple of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

import numpy as np
from scipy import sparse

from certify.base.arrays import Array
from certify.base.checkpoint import Tell, telling
from certify.base.clock import Clock
from certify.losses import Squared
from certify.polar import Proposal
from certify.polar.eigen import on_grid
from certify.polar.methods.spectral import of_matrix
from certify.polar.scale import at_scale_one, carried, scaled
from certify.problem import Problem
from certify.search.descent import alternating as descent
from certify.search.descent.alternating import State

from . import scaling as rays
from .orthogonal import Orthogonal, orthogonalize, room

HALVINGS = 34  # of an interval: a bound is told to a relative 1e-10
MATRIX = 2  # modes
RELAXED = 60  # coordinates up to which a general solver takes a second


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
    share: float = 0.15  # of the time left that one bound of a polar may take
    narrow: bool = False  # whether a layer's polar is bounded as well as the time allows
    polar: Callable[[Any], Proposal] | None = None  # bounds a polar instead of the engine

    def deadline(self) -> float | None:
        """Return when a bound of a polar has to end."""
        left = self.clock.left()
        return None if left is None else monotonic() + self.share * left


@dataclass(frozen=True)
class Dual:
    """A dual point, the proposal for its polar, and the lower bound expected of them."""

    point: Orthogonal
    polar: Proposal
    value: float


def best(tries: list[Dual | None]) -> Dual | None:
    """Return the dual point of the highest expected bound."""
    return max((d for d in tries if d is not None), key=lambda d: d.value, default=None)


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
    lam, upper = run.problem.lam, max(found.polar.upper, 1e-300)
    s = rays.best_scale(run.problem, found.point.W, upper)
    if s in (0.0, 1.0) or abs(s - min(1.0, lam / upper)) <= rays.SAME * s:
        return found  # the kernel takes that multiple by itself
    return best([found, bound_inside(run, found.point.W * s)])


def bound_inside(run: Run, W: Array) -> Dual | None:
    """Propose a polar bound of W in the domain of d, and estimate the lower bound."""
    problem = run.problem
    point = inside_point(problem, W)
    if point is None:
        return None
    return bound_point(run, point)


def bound_point(run: Run, point: Orthogonal) -> Dual | None:
    """Propose a polar bound of a point that needs no change, and estimate the lower bound.

    To bound the point of another bound goes on with its tree; to bound its W may move it.
    """
    problem = run.problem
    matrix = problem.loss.observed.array(point.W)
    polar = proposed(run, matrix, lambda s: rays.value(problem, point.W, s))
    if polar.upper == np.inf:
        return None
    extra = float(sum(c * c for _, c in point.corrections)) ** 0.5
    s = min(1.0, problem.lam / max(polar.upper + extra, 1e-300), limit(problem, point.W))
    return Dual(point, polar, rays.value(problem, point.W, s))


def inside_point(problem: Problem, W: Array) -> Orthogonal | None:
    """Return W moved into the domain of d, exactly, and orthogonal to the free offsets.

    None where that is not found.  Without free offsets nothing may move W off its grid again:
    a rounding to the nearest leaves the domain.
    """
    free = any(o.free for o in problem.offsets)
    held = rays.inward(problem.loss, W)
    point = orthogonalize(problem, held) if free else Orthogonal(held)
    if point is None or problem.loss.dual_value(point.W) == -np.inf or not roomy(problem, point):
        return None
    return point


def roomy(problem: Problem, point: Orthogonal) -> bool:
    """Whether the corrections leave W in the domain of d."""
    free = room(problem, point.W)
    moves = [(k, abs(float(c))) for k, c in point.corrections]
    return not free.any() or all(size <= free[k] / 2 for k, size in moves)


def bound_once(run: Run, W: Array, N: Array | None) -> Dual | None:
    """Orthogonalize W, propose a polar bound, and estimate the lower bound."""
    problem = run.problem
    point = orthogonalize(problem, W) if np.isfinite(W).all() else None
    if point is None:
        return None
    matrix = problem.loss.observed.array(point.W)
    inner, size = dual_terms(problem, point.W)
    if N is None:
        polar = proposed(run, matrix, lambda s: s * inner - 0.5 * s * s * size)
    else:
        held = on_grid(N, 40)
        spectral = of_matrix(np.asarray(point.W + held), problem.lam, run.seed)
        quick = replace(run, share=0.2 * run.share)  # the relaxation's own bound is known
        plain = problem.atom.propose(matrix, problem.lam, run.seed, quick.deadline())
        tight = spectral and Proposal(spectral.upper, {**spectral.proof, "N": held})
        polar = min((p for p in (tight, plain) if p), key=lambda p: p.upper)
    if polar.upper == np.inf:
        return None
    extra = float(sum(c * c for _, c in point.corrections)) ** 0.5
    s = min(1.0, problem.lam / max(polar.upper + extra, 1e-300), limit(problem, point.W))
    return Dual(point, polar, s * inner - 0.5 * s * s * size)


def enough(run: Run, along: Callable[[float], float]) -> float:
    """Return a bound of the polar that leaves the gap under epsilon, a little above lam.

    along(s) = d(sW), concave in s: a bound lam (1 + x) is used at s = 1 / (1 + x).  A closed
    polar is bounded as well as it can be: lam itself is worth asking for.
    """
    if not run.problem.atom.hard:
        return run.problem.lam
    value = along(1.0)
    spare = 0.7 * max(run.epsilon - (run.start.value - value), 0.1 * run.epsilon)
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        x = 0.5 * (low + high)
        low, high = (x, high) if value - along(1 / (1 + x)) <= spare else (low, x)
    return run.problem.lam * (1 + low)


def proposed(run: Run, matrix: Any, along: Callable[[float], float]) -> Proposal:  # noqa: ANN401  a polar Matrix
    """Propose a bound of the polar; by a general solver too, where only that knows the norms."""
    problem = run.problem
    if run.polar is not None:
        return run.polar(matrix)
    held, e = at_scale_one(matrix)
    target = float(scaled(enough(run, along), -e))
    with telling(teller(run, along, e)):
        own = asked(run, held, target)
    own = Proposal(float(scaled(own.upper, e)), carried(own.proof, e)) if e else own
    if own.upper <= problem.lam or not mixed(problem) or sum(matrix.shape) > RELAXED:
        return own
    from certify.search import relax  # noqa: PLC0415  cvxpy takes a second to import

    dense = np.asarray(matrix.toarray() if sparse.issparse(matrix) else matrix)
    using = relax.Using.within(run.clock.left())
    if problem.atom.layer is not None:
        found = relax.network_witness(dense, problem.atom, using)
    else:
        left, right = problem.atom.gauges
        found = relax.witness(dense, left, right, using)
    return own if found is None else min(own, found, key=lambda p: p.upper)


def teller(run: Run, along: Callable[[float], float], e: int) -> Tell | None:
    """Return what tells of a layer's tree: the bound of the optimum that it proves by now."""
    problem = run.problem
    atom = problem.atom
    if atom.layer is None or atom.layer.most:  # one tree is half of a bound there
        return None
    if problem.loss.dims[-1] > 1 and not atom.layer.right.spherical:
        return None

    def tell(parts: int, upper: float) -> None:
        """Say what the best multiple of the dual point is worth."""
        polar = max(float(scaled(upper, e)), 1e-300)
        run.clock.tell(f"{parts} parts, optimum at least", along(min(1.0, problem.lam / polar)))

    return tell


def asked(run: Run, W: Any, target: float) -> Proposal:  # noqa: ANN401  a polar Matrix
    """Ask the atom; a tensor's polar is easier where the slices that attain it are known."""
    atom = run.problem.atom
    wanted = None if run.narrow and atom.layer is not None else target
    return atom.propose_near(W, wanted, run.seed, run.deadline(), run.start.factors)


def mixed(problem: Problem) -> bool:
    """Whether a ball is taken for a larger one by the polar methods, but not by cvxpy.

    Of a matrix, or of a layer that is one.
    """
    atom = problem.atom
    matrix = atom.family == "pairs" if atom.layer is None else atom.layer.slope == 1
    norms = atom.gauges if matrix else ()
    return any(not g.exact for g in norms) and not any(g.axial for g in norms)


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
