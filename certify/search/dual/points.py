"""Bound from below by a dual point of any loss: its polar, and the best multiple of it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

import numpy as np

from certify.base.arrays import Array, as_dense
from certify.base.checkpoint import Tell, report_trees
from certify.base.clock import Clock
from certify.base.observed import Observed
from certify.losses import Entrywise, Squared
from certify.polar import Proposal
from certify.polar.eigen import on_grid
from certify.polar.methods.spectral import of_matrix
from certify.polar.scale import at_scale_one, ldexp_steps, rescale_proof
from certify.problem import Problem
from certify.search.candidate import Candidate

from . import scaling
from .kinks import balance
from .orthogonal import Orthogonal, capacity, orthogonalize

HALVINGS = 34  # of an interval: a bound is known to a relative 1e-10
WORTH = 0.01  # of epsilon: the gain from which another multiple is bounded, too
TINY = float(np.finfo(np.float64).tiny)
ROUGH = 1.25  # times the wanted bound: larger balls' bounds are not nearer than this one of cones
SHORT = 2.0**-32  # relative: a point that moved no further is as good as any
RELAXED = 60  # coordinates up to which a general solver takes a second


@dataclass
class ReportedBound:
    """The highest reported bound: a second dual point may begin below it."""

    best: float = -np.inf

    def raise_to(self, value: float) -> float:
        """Return the highest bound so far, this one included."""
        self.best = max(self.best, value)
        return self.best


@dataclass(frozen=True)
class Run:
    """One question being answered: the problem, the candidate's state, how hard to try."""

    problem: Problem
    start: Candidate
    epsilon: float
    clock: Clock
    seed: int
    given: bool  # the offsets are the candidate's own
    unit: float = 1.0  # a dual point of the caller's scale times this is one of the run's
    share: float = 0.15  # of the time left that one bound of a polar may take
    narrow: bool = False  # whether a layer's polar is bounded as well as the time allows
    target: float | None = None  # a bound of a polar that is enough; None: from epsilon
    polar: Callable[[Any], Proposal] | None = None  # bounds a polar instead of the engine
    kept: Array | None = None  # which entries a dual point may have; None: all
    reported: ReportedBound = field(default_factory=ReportedBound)

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


def dual_at(problem: Problem, now: Candidate) -> Array:
    """Return W = -grad l, balanced at kinks."""
    return balance(problem, now, problem.dual_point(now.factors, now.q))


def bound(run: Run, W: Array, N: Array | None = None) -> Dual | None:
    """Return W with a polar proposal and the bound expected, scaled along its ray.

    Where W is outside the domain of d, it is moved into it, or shortened.
    N: a multiplier of W's own, N >= 0 where every factor is; then W is not scaled.
    """
    loss = run.problem.loss
    if not np.isfinite(W).all():
        return None
    tries = [W] if scaling.inside(loss, W) else [W, W * scaling.reach(loss, W, 1.0)]
    return best([bound_ray(run, x, N) for x in tries])


def bound_ray(run: Run, W: Array, N: Array | None) -> Dual | None:
    """Bound by W, and by its best multiple where that is worth another bound of a polar."""
    dual = bound_inside(run, W, N)
    return dual if N is not None else best([dual, bound_multiple(run, dual)])


def bound_multiple(run: Run, dual: Dual | None) -> Dual | None:
    """Bound the best multiple of a dual point; None where it gains little."""
    if dual is None:
        return None
    W = dual.point.W
    s = scaling.best_scale(run.problem, W, dual.polar.upper)
    more = scaling.value(run.problem, W, s) - dual.value
    if s in (0.0, 1.0) or not more > WORTH * run.epsilon:
        return None  # the kernel takes a multiple below 1 by itself
    return bound_inside(run, W * s)


def bound_inside(run: Run, W: Array, N: Array | None = None) -> Dual | None:
    """Propose a polar bound of W in the domain of d, and estimate the lower bound."""
    point = inside_part(run.problem, W, run.kept)
    return None if point is None else bound_point(run, point, N)


def bound_point(run: Run, point: Orthogonal, N: Array | None = None) -> Dual | None:
    """Propose a polar bound of a point that needs no change, and estimate the lower bound.

    Bounding the point of another bound resumes its tree; bounding its W may move the point.
    """
    problem, W = run.problem, point.W
    if N is None:
        polar = propose(run, problem.loss.observed.array(W), scaling.along(problem, W))
    else:
        polar = by_multiplier(run, W, N)
    return None if polar.upper == np.inf else dual_of(problem, point, polar)


def dual_of(problem: Problem, point: Orthogonal, polar: Proposal) -> Dual:
    """Return a point, the proposal for its polar, and the lower bound expected of them."""
    extra = float(sum(c * c for _, c in point.corrections)) ** 0.5
    s = min(1.0, problem.lam / max(polar.upper + extra, TINY), scaling.limit(problem, point.W))
    return Dual(point, polar, scaling.value(problem, point.W, s))


def by_multiplier(run: Run, W: Array, N: Array) -> Proposal:
    """Propose the spectral bound of W + N, or the atom's own if that is smaller."""
    problem, multiplier = run.problem, on_grid(N, 40)
    spectral = of_matrix(np.asarray(W + multiplier), problem.lam, run.seed)
    quick = replace(run, share=0.2 * run.share)  # the relaxation's own bound is known
    matrix = problem.loss.observed.array(W)
    plain = problem.atom.propose(matrix, problem.lam, run.seed, quick.deadline())
    tight = spectral and Proposal(spectral.upper, {**spectral.proof, "N": multiplier})
    return min((p for p in (tight, plain) if p), key=lambda p: p.upper)


def inside_point(problem: Problem, W: Array) -> Orthogonal | None:
    """Return W moved into the domain of d, exactly, and orthogonal to the free offsets.

    The shorter of two moves is taken; only the second one starts away from the ends of the domain.
    None if neither is possible.  Without free offsets W stays on its grid: another rounding could
    leave the domain.
    """
    if isinstance(problem.loss, Squared):  # whose d is finite everywhere
        return orthogonalize(problem, W)
    free = any(o.free for o in problem.offsets)
    inside = scaling.move_inside(problem.loss, W)
    if not free:
        return Orthogonal(inside) if problem.loss.dual_value(inside) > -np.inf else None
    best, least = None, np.inf
    for at_ends in (True, False):
        point = orthogonalize(problem, inside, at_ends=at_ends)
        if (
            point
            and problem.loss.dual_value(point.W) > -np.inf
            and fits_corrections(problem, point)
            and (moved := float(np.abs(point.W - W).max(initial=0.0))) < least
        ):
            best, least = point, moved
        if least <= SHORT * float(np.abs(W).max(initial=0.0)):
            break
    return best


def inside_part(problem: Problem, W: Array, kept: Array | None) -> Orthogonal | None:
    """Return `inside_point` of some entries alone; the others are 0.  kept: which; None: all."""
    loss, observed = problem.loss, problem.loss.observed
    if kept is None or not isinstance(loss, Entrywise):
        return inside_point(problem, W)
    rows, cols = observed.listed
    there = Observed(observed.m, observed.n, rows[kept], cols[kept])
    fewer = replace(problem, loss=loss.part(kept, there))
    point = inside_point(fewer, W[kept])
    if point is None:
        return None
    out, at = np.zeros_like(W), np.flatnonzero(kept)
    out[kept] = point.W
    return Orthogonal(out, tuple((int(at[k]), c) for k, c in point.corrections))


def fits_corrections(problem: Problem, point: Orthogonal) -> bool:
    """Whether the corrections leave W in the domain of d."""
    free = capacity(problem, point.W)
    moves = [(k, abs(float(c))) for k, c in point.corrections]
    return not free.any() or all(size <= free[k] / 2 for k, size in moves)


def polar_target(run: Run, along: Callable[[float], float]) -> float:
    """Return the bound of the polar, a little above lam, that leaves the gap below epsilon.

    along(s) = d(sW), concave in s: a bound lam (1 + x) is used at s = 1 / (1 + x).  A closed
    polar is bounded as well as it can be: lam itself is worth asking for.
    """
    if not run.problem.atom.hard:
        return run.problem.lam
    value = along(1.0)
    gap = run.start.value - value  # negative far along the ray
    spare = max(0.7 * max(run.epsilon - gap, 0.1 * run.epsilon), 0.3 * run.epsilon - gap)
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        x = 0.5 * (low + high)
        low, high = (x, high) if value - along(1 / (1 + x)) <= spare else (low, x)
    return run.problem.lam * (1 + low)


def propose(run: Run, matrix: Any, along: Callable[[float], float]) -> Proposal:  # noqa: ANN401  a polar Matrix
    """Propose a bound of the polar; also by a general solver, for norms that only it knows exactly.

    A tensor's polar is easier to bound where the slices that attain it are known.
    """
    problem, atom = run.problem, run.problem.atom
    if run.polar is not None:
        return run.polar(matrix)
    normalized, e = at_scale_one(matrix)
    wanted = polar_target(run, along) if run.target is None else run.target
    until = run.deadline()
    target = None if run.narrow and atom.layer is not None else float(ldexp_steps(wanted, -e))
    with report_trees(teller(run, along, e)):
        proposal = atom.propose_near(normalized, target, run.seed, until, run.start.factors)
    if e:
        upper = float(ldexp_steps(proposal.upper, e))
        proposal = replace(proposal, upper=upper, proof=rescale_proof(proposal.proof, e))
    by_cones = proposal.proof.get("rule") == "cones"
    near = proposal.upper <= (ROUGH * wanted if by_cones else problem.lam)
    if near or not has_larger_ball(problem) or sum(matrix.shape) > RELAXED:
        return proposal
    from certify.search import relax  # noqa: PLC0415  cvxpy takes a second to import

    dense = as_dense(matrix)
    using = relax.Using(None, until) if by_cones else relax.Using.within(run.clock.left())
    if atom.layer is not None:
        relaxation = relax.network_witness(dense, atom.layer, using)
    else:
        left, right = atom.gauges
        relaxation = relax.witness(dense, left, right, using)
    return proposal if relaxation is None else min(proposal, relaxation, key=lambda p: p.upper)


def teller(run: Run, along: Callable[[float], float], e: int) -> Tell | None:
    """Return a function that reports the bound of the optimum that a layer's tree proves so far."""
    problem = run.problem
    atom = problem.atom
    if atom.layer is None or atom.layer.max_pooled:  # one tree is half of a bound there
        return None
    if problem.loss.dims[-1] > 1 and not atom.layer.right.spherical:
        return None

    def tell(parts: int, upper: float) -> None:
        """Report the bound that the best multiple of the dual point gives."""
        polar = max(float(ldexp_steps(upper, e)), 1e-300)
        value = along(min(1.0, problem.lam / polar))
        run.clock.tell(f"{parts} parts, optimum at least", run.reported.raise_to(value))

    return tell


def has_larger_ball(problem: Problem) -> bool:
    """Whether the polar methods replace a ball by a larger one, and cvxpy does not.

    Of a matrix, or of a layer that is one.
    """
    atom = problem.atom
    matrix = atom.family == "pairs" if atom.layer is None else atom.layer.slope == 1
    norms = atom.gauges if matrix else ()
    return any(not g.exact for g in norms) and not any(g.axial for g in norms)


def squared_loss(problem: Problem) -> Squared:
    """Return the loss; raise TypeError unless it is least squares."""
    if not isinstance(problem.loss, Squared):
        raise TypeError(f"the loss must be least squares, got {type(problem.loss).__name__}")
    return problem.loss
