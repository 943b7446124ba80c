"""Evidence for a bound over at most r slices: a dual point, and Ky Fan's proof of the rest.

The bound and the ascent on it are in `own_size_ascent`.  W is a sum of points of sets of polar
at most lam; at lam = 0 they are the fields that earn nothing where factors have signs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, count
from math import prod
from typing import Any

import numpy as np
from scipy import linalg

from certify.base.arrays import Array
from certify.base.clock import Clock
from certify.base.rigor.layout import sum_permutations
from certify.losses import Squared
from certify.norms import Gauge
from certify.polar import Proposal
from certify.polar import eigen as spectra
from certify.polar.ascent.contract import fold, unfold
from certify.polar.methods.multiplier import (
    clip_singular,
    marks,
    nearest_reachable,
)
from certify.problem import Problem, Values

from . import polar_ball, scaling
from .orthogonal import Orthogonal, covariates
from .own_size_ascent import DEFINITE, EVERY, Ascent, Group, Project, ascend, ky_fan
from .points import Dual, Run, bound_inside, squared_loss

ASCENT = 0.6  # of the time; the proof of the polar needs the rest
GOAL = 0.3  # of epsilon: a bound this near to the start is as good as can be
LARGEST = 1500  # smaller side up to which an eigendecomposition a step is taken
WORK = 1e12  # multiplications of an ascent without a budget: a minute or so
GRID = 40  # bits of the arrays of a proof: short integers
MATRIX = 2  # modes
SPARE = 2.0**-38  # of a shift, relative to the largest eigenvalue: C is scaled in floats once more
ROUNDING = 2.0**-46  # of a Gram matrix made twice, relative to its largest eigenvalue


@dataclass(frozen=True)
class SizeEvidence:
    """The proof of a lower bound over at most r slices, for the kernel's `fixed_rank`.

    dual   W with its polar bound P, used at s = min(1, lam / P); None: W = 0
    fan    Ky Fan's proof for Y - sW
    value  the bound expected: d(sW) and half of the squares of Y - sW beyond rank r
    """

    dual: Dual | None
    fan: dict[str, Any]
    value: float


def applies(problem: Problem) -> bool:
    """Whether `propose` knows a bound: least squares, everything observed, no weights.

    The only offsets are means and covariates of the rows, which have a rank; a tensor has none.
    One mean of all entries is bounded by the means of the columns: see `own_size_blocks`.
    """
    loss, atom = problem.loss, problem.atom
    plain = isinstance(loss, Squared) and loss.observed.full and loss.scale is None
    known = atom.family in ("pairs", "products", "squares", "layers", "deep")
    kinds = {o.kind for o in problem.offsets}
    matrix = len(loss.dims) == MATRIX
    if atom.family in ("layers", "deep") and problem.lam == 0 and loss.dims[-1] == 1:
        return False  # every rank is 1
    return plain and known and kinds <= {"row", "column", "linear"} and (matrix or not kinds)


def propose(run: Run, known: Dual | None = None) -> SizeEvidence:
    """Return the best evidence for a bound over at most as many slices as the start has.

    run     the question; its clock ends the search, and so does a bound near the start's value
    known   a dual point of another search, tried as well

    Only where `applies`.
    """
    case = Case.of(run)
    best = case.evidence(known, None)
    if known is not None:
        best = max([best, case.evidence(None, None)], key=lambda e: e.value)
    goal = run.start.value - GOAL * run.epsilon
    if best.value >= goal or not case.small:
        return best
    named = sets(run.problem)
    if not named and len(case.groups) == 1:
        return best
    until = goal, ending(run.clock, case.cost)
    at = ascend(case.Y, case.rank, case.groups, list(named.values()), until)
    run.clock.tell("dual point at this size", at.value)
    dual = with_proposal(run, at, list(named))
    return best if dual is None else max([best, case.evidence(dual, at)], key=lambda e: e.value)


def ending(clock: Clock, cost: float) -> Callable[[], bool]:
    """Return a function that tells whether the ascent's share of the budget, or its work, is spent.

    cost   multiplications of a step
    """
    if clock.budget is not None:
        return clock.share(ASCENT).expired
    bounds = count(1)  # the ascent asks once for each bound
    most = WORK / (EVERY * cost)
    return lambda: clock.expired() or next(bounds) >= most


@dataclass(frozen=True)
class Case:
    """The data of Ky Fan's bound: Y minus the best offsets of Z = 0, the rank, the groups."""

    run: Run
    Y: Array
    rank: int
    groups: tuple[Group, ...]

    @classmethod
    def of(cls, run: Run) -> "Case":
        """Read a question."""
        problem, dims = run.problem, run.problem.loss.dims
        Y = squared_loss(problem).data
        if problem.offsets:
            Y = Y - problem.shift(means(problem))
        r = rank(run)
        definite = problem.atom.family == "squares" and not problem.offsets
        groups = (DEFINITE,) if definite else unfoldings(dims, r)
        return cls(run, Y.reshape(dims), r, groups)

    @property
    def small(self) -> bool:
        """Whether an eigendecomposition in every step is cheap."""
        return max(self.sides) <= LARGEST

    @property
    def sides(self) -> list[int]:
        """The sizes of the matrices that are decomposed in a step."""
        return [
            len(self.Y) if g == DEFINITE else int(min(unfold(self.Y, g).shape)) for g in self.groups
        ]

    @property
    def cost(self) -> float:
        """Multiplications of a step: a decomposition of each unfolding."""
        return 3.0 * self.Y.size * float(sum(self.sides))

    def evidence(self, dual: Dual | None, at: Ascent | None) -> SizeEvidence:
        """Return Ky Fan's proof for Y - sW, and the bound expected; for Y if squares overflow."""
        problem, C, value = self.run.problem, self.Y, 0.0
        if dual is not None:
            s = min(1.0, problem.lam / dual.polar.upper) if dual.polar.upper > 0 else 1.0
            moved = C - s * dual.point.W.reshape(C.shape)
            if np.isfinite(np.square(moved).sum()):
                C, value = moved, scaling.value(problem, dual.point.W, s)
            else:
                dual = None
        if self.groups == (DEFINITE,):
            proof, size = fan_definite(C, self.rank)
        elif len(self.groups) == 1 and C.ndim == MATRIX:
            proof, size = fan(C, self.rank, spare=0.0 if dual is None else SPARE)
        else:
            proof, size = fan_parts(C, self.groups, self.rank, None if at is None else at.parts)
        return SizeEvidence(dual, proof, value + 0.5 * max(float(np.square(C).sum()) - size, 0.0))


def means(problem: Problem) -> Values:
    """Return the means that the offsets fit to the data; covariates stay in the data.

    They count as ranks, and the data without them has no less of the others.
    """
    m = problem.loss.dims[0]
    kept = tuple(o for o in problem.offsets if not covariates(o, m))
    zero = np.zeros_like(squared_loss(problem).data)
    values = iter(Problem(problem.loss, problem.atom, problem.lam, kept).fit_offsets(zero))
    observed = problem.loss.observed
    return tuple(
        np.zeros(o.shape(observed)) if covariates(o, m) else next(values) for o in problem.offsets
    )


def rank(run: Run) -> int:
    """Return the largest rank of Z and the covariates' part.

    A slice of a parallel network counts as its last hidden layer's width.
    """
    problem = run.problem
    each = run.start.factors[-1].shape[0] if problem.atom.family == "deep" else 1
    m = problem.loss.dims[0]
    wide = sum(B.shape[1] for o in problem.offsets for B in covariates(o, m))
    return int(run.start.size * each + wide)


def unfoldings(dims: tuple[int, ...], r: int) -> tuple[Group, ...]:
    """Return the groups of modes whose unfoldings have more than r rows and columns.

    One of each pair of complements; where no unfolding has, the first mode alone.
    """
    modes, size = range(len(dims)), prod(dims)
    halves = [g for k in range(1, len(dims) // 2 + 1) for g in combinations(modes, k)]
    halves = [g for g in halves if 2 * len(g) < len(dims) or 0 in g]
    rows = {g: prod(dims[k] for k in g) for g in halves}
    useful = tuple(g for g in halves if min(rows[g], size // rows[g]) > r)
    return useful or ((0,),)


def sets(problem: Problem) -> dict[str, Project]:
    """Return projections on sets of polar at most lam whose sum is searched, by name.

    ball   the polar ball, or { sigma_1 <= rho } in it where the norms bound the l2 norm
    signs  entries that earn nothing: all that is left at lam = 0
    """
    out: dict[str, Project] = {}
    atom, lam = problem.atom, problem.lam
    if any(o.free for o in problem.offsets) and lam == 0:
        return out  # W <= 0 with sums of zero is 0
    dims = problem.loss.dims
    ball = polar_ball.of(problem)
    if lam > 0 and ball is not None:
        out["ball"] = lambda M: ball.project(M, lam)
    elif lam > 0 and atom.family == "squares":  # every norm of x is at least the l2 norm
        out["ball"] = lambda M: polar_ball.SymmetricBall().project(M, lam)
    elif lam > 0 and atom.family in ("pairs", "products"):
        costs = [g.cost(np.ones(d)) for g, d in zip(atom.gauges, dims, strict=True)]
        rho, group = lam / float(np.sqrt(prod(costs))), (int(np.argmax(dims)),)
        out["ball"] = lambda M: fold(clip_singular(unfold(M, group), rho), group, dims)
    signs = sign_field(problem)
    if signs is not None:
        out["signs"] = lambda M: project_signs(M, signs)
    return out


def sign_field(problem: Problem) -> Array | None:
    """Return the sign of each product of coordinates: 0 if one is free, nan if one is zero.

    None where no product has a sign.
    """
    if problem.atom.family not in ("pairs", "products", "squares"):
        return None
    signs = np.ones(())
    for g, d in zip(gauges(problem), problem.loss.dims, strict=True):
        signs = np.multiply.outer(signs, marks(g, d))
    return signs if np.isnan(signs).any() or signs.any() else None


def gauges(problem: Problem) -> tuple[Gauge, ...]:
    """Return the gauge of each mode; one for all of them if the factors are one."""
    return problem.atom.gauges * (len(problem.loss.dims) // len(problem.atom.gauges))


def project_signs(M: Array, signs: Array) -> Array:
    """Return the nearest field that earns nothing where the product of coordinates has a sign.

    signs   1, -1, 0 where a coordinate is free, nan where one is fixed to zero
    """
    return nearest_reachable(np.zeros_like(M), -signs, M)


def opposite_signs(problem: Problem, W: Array) -> Proposal:
    """Return the proof that a field earns nothing: multipliers of the signs cancel it.

    If one factor of a matrix is free, W is 0 but where the other is fixed to zero.
    """
    observed, atom, dims = problem.loss.observed, problem.atom, problem.loss.dims
    short = int(np.argmin(dims))
    if len(dims) > MATRIX:
        T = observed.tensor(W)
        T = sum_permutations(T) if atom.parts == 1 else T
        leaf = {"leaf": 0, "shift": Fraction(0)}
        form = {"rule": "transpose", "rows": [short], "form": "gram", "nodes": [leaf]}
        return Proposal(0.0, form | {"N": -T})
    if all(marks(g, d).any() for g, d in zip(gauges(problem), dims, strict=True)):
        return Proposal(0.0, {"rule": "spectral", "axis": short, "shift": Fraction(0), "N": -W})
    return Proposal(0.0, {"rule": "conic", "nodes": [{"leaf": 0, "shift": Fraction(0)}]})


def with_proposal(run: Run, at: Ascent, names: list[str]) -> Dual | None:
    """Return the dual point of an ascent with a proposal for its polar."""
    problem = run.problem
    W = at.W.reshape(squared_loss(problem).data.shape)
    if names == ["signs"]:
        point = spectra.on_grid(W, GRID)
        earns = opposite_signs(problem, point)
        return Dual(Orthogonal(point), earns, scaling.value(problem, W, 1.0))
    both = names == ["ball", "signs"] and at.W.ndim == MATRIX and polar_ball.of(problem) is None
    return bound_inside(run, W, -at.points[-1] if both else None)


def fan(C: Array, r: int, at: str = "", *, spare: float = 0.0) -> tuple[dict[str, Any], float]:
    """Return axis, shift, K and L for a matrix C, and K_r(C)^2; `at` ends the names of K and L.

    spare   of the shift, relative to the largest eigenvalue: SPARE where C holds a dual point
            that a verifier scales by its own bound
    """
    axis = spectra.side(C)
    proof, top = fan_gram(spectra.gram(C, axis), r, spare)
    return {"axis": axis} | {k + at * (k != "shift"): x for k, x in proof.items()}, float(top.sum())


def fan_definite(C: Array, r: int) -> tuple[dict[str, Any], float]:
    """Return the proof for Z = sum of x x^T, and its K_r(C)^2: of positive eigenvalues only."""
    proof, top = fan_gram((C + C.T) / 2, r, SPARE)
    return {"definite": True, "axis": 0} | proof, float(np.square(top).sum())


def fan_gram(g: Array, r: int, spare: float) -> tuple[dict[str, Any], Array]:
    """Return shift, K and L with g <= K K^T + shift I, and the r largest eigenvalues, from 0 on."""
    values, vectors = linalg.eigh(g)
    k, size = len(values), max(float(np.abs(values).max(initial=0.0)), 1e-290)
    t = max(float(values[k - r - 1]) if r < k else 0.0, 0.0) + ROUNDING * size
    top = np.maximum(values[max(k - r, 0) :], 0.0)
    K = spectra.on_grid(vectors[:, max(k - r, 0) :] * np.sqrt(np.maximum(top - t, 0.0)), 48)
    rest, least = g - K @ K.T, t + spare * size
    made = spectra.first_factor(rest, (least + margin * size for margin in spectra.FINE))
    if made is None:  # only for spectra that float64 cannot hold
        return {"shift": float(np.abs(rest).sum(axis=0).max()), "K": K}, top
    factor = {"L": spectra.pack_triangle(made[1])} if k <= spectra.DENSE else {}
    return {"shift": made[0], "K": K, **factor}, top


def fan_parts(
    C: Array, groups: Sequence[Group], r: int, parts: Sequence[Array] | None
) -> tuple[dict[str, Any], float]:
    """Return the proofs of the parts of a tensor C, and (sum of their K_r)^2.

    The last part is C minus the others.  Without parts C is the only one, unfolded by the group
    of the best bound.
    """
    if parts is None:
        groups = [min(groups, key=lambda g: ky_fan(C, g, r))]
        parts = [C]
    out: dict[str, Any] = {"groups": []}
    rest, total = C, 0.0
    for t, group in enumerate(groups):
        piece = rest
        if t < len(groups) - 1:
            piece = spectra.on_grid(parts[t], GRID)
            out[f"T{t}"], rest = piece.reshape(-1), rest - piece
        proof, size = fan(unfold(piece, group), r, str(t))
        out["groups"].append({"rows": list(group), "axis": proof["axis"], "shift": proof["shift"]})
        out |= {k: x for k, x in proof.items() if isinstance(x, np.ndarray)}
        total += float(np.sqrt(size))
    return out, total**2
