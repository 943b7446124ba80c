"""Make a float dual point exactly orthogonal to unpenalized offsets: A* W = 0.

Rounding leaves sums of 1e-13, and a W with any nonzero sum bounds nothing.  Sums by row,
column, component of a graph, or all are made zero in integers on a grid; covariates by
rational corrections.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from flint import fmpq, fmpq_mat
from scipy import linalg

from certify.base.arrays import Array, Ints
from certify.base.observed import Observed
from certify.kernel.arrays import dyadic
from certify.losses import Entrywise, Loss, Softmax, Squared
from certify.offsets import Linear, ModeIntercept, Offset, Smooth
from certify.problem import Problem
from certify.problem.best_offsets import joint_fit, least_squares, shift, split_values

from .zero_sums import along_lines, along_tree, by_line

JOINT = 2_000_000  # numbers in the joint system; its rational solution takes seconds
ROUNDS = 100  # projections on the domain of d and on A* W = 0, in turn
EASY = 1e-3  # weight of an entry at an end of its domain in the choice of pivots
NEAR = 2.0**-20  # of the largest entry: an entry this near to an end is put there
SHY = 1 - 2.0**-30  # of the domain: rounding to the grid stays inside
LINES = {"row", "column", "intercept", "mode", "smooth"}  # offsets whose A* W are sums over lines
PAIR = 2  # sets of lines, which are the nodes of a graph
BITS = 40  # levels of the grid: cost of exact arithmetic against sharpness of W


@dataclass(frozen=True)
class Orthogonal:
    """A field W plus exact corrections (entry, value): together A* vanishes on them."""

    W: Array
    corrections: tuple[tuple[int, Fraction], ...] = ()


def orthogonalize(problem: Problem, W: Array, *, at_ends: bool = False) -> Orthogonal | None:
    """Return W near the given one with A* W = 0 exactly, or None if no way is known.

    at_ends: W is nearly orthogonal; its entries near an end of the domain of d are put there, and
    the others move: so the best W of losses with kinks keeps its value.  It may leave the domain.
    Otherwise W is moved inside, away from the ends.

    None: unpenalized Linear covariates together with a row or overall intercept, on data
    too large to solve for all sums at once.
    """
    observed = problem.loss.observed
    free = unpenalized(problem.offsets, observed.m)
    dual = W
    if free:
        dual = put_at_ends(problem.loss, W) if at_ends else inner(problem, free, W)
    ints, unit = integer_grid(dual)
    linear = [B for o in problem.offsets if o.free for B in covariates(o, observed.m)]
    solved = not linear and cancel_sums(problem, ints, capacity(problem, dual))
    dual = np.ldexp(ints.astype(np.float64), unit)
    if solved:
        return Orthogonal(dual.reshape(W.shape))
    easy = capacity(problem, dual.reshape(W.shape))
    kinds = {o.kind for o in problem.offsets if o.free and not covariates(o, observed.m)}
    if not linear or kinds - {"column", "smooth"} or isinstance(problem.loss, Softmax):
        fixed = jointly(free, dual, observed, easy)
    else:
        design = np.hstack([B for o in free for B in covariates(o, observed.m)])
        fixed = corrections(design, dual, observed, easy)
    return None if fixed is None else Orthogonal(dual.reshape(W.shape), fixed)


def cancel_sums(problem: Problem, ints: Ints, easy: Array) -> bool:
    """Make the sums of W zero that offsets without covariates ask for, in place.

    As many entries change as there are sums: those that are freest to move.  Return False for
    three or more modes of data with missing entries, and for sums that are not of LINES.
    """
    observed, free = problem.loss.observed, [o for o in problem.offsets if o.free]
    kinds, (rows, cols) = {o.kind for o in free}, observed.listed
    if not kinds <= LINES:
        return False
    axes = {o.axis for o in free if isinstance(o, ModeIntercept)}
    if "row" in kinds or isinstance(problem.loss, Softmax):  # whose domain asks for them, too
        axes.add(0)
    across = []
    if kinds & {"column", "smooth"}:  # whose zero sums are zero sums over all modes but the first
        parts = components(problem.offsets, observed.m)
        across, axes = [parts[rows] * observed.n + cols], axes & {0}
    if len(axes) > PAIR:
        if observed.full:
            along_lines(ints.reshape(observed.dims), sorted(axes), easy)
        return observed.full
    lines = [*(ModeIntercept(k).places(observed) for k in sorted(axes)), *across]
    if len(lines) == PAIR:
        along_tree(ints, (lines[0], lines[1]), easy)
    elif lines or "intercept" in kinds:
        by_line(ints, lines[0] if lines else np.zeros_like(ints), easy)
    return True


def components(offsets: Sequence[Offset], m: int) -> Ints:
    """Label the rows: W must sum to zero over each label in every column, if at all."""
    for o in offsets:
        if isinstance(o, Smooth) and o.free:
            return o.labels(m)
    return np.zeros(m, dtype=np.int64)


def unpenalized(offsets: Sequence[Offset], m: int) -> tuple[Offset, ...]:
    """Return unpenalized offsets that span every q along which some H stays at 0.

    Constants over the components of a smooth part's graph, column intercepts and
    covariates are all covariates of the rows: one Linear.  (A sparse part has none.)
    """
    free = [o for o in offsets if o.free]
    kinds, parts = {o.kind for o in free}, [B for o in free for B in covariates(o, m)]
    if not parts and "smooth" not in kinds:
        return tuple(free)
    if kinds & {"smooth", "column"}:
        labels = components(offsets, m)
        parts.append((labels[:, None] == np.arange(labels.max() + 1)).astype(np.float64))
    others = [o for o in free if not covariates(o, m) and not o.levels]
    return (Linear(np.hstack(parts)), *others)


def covariates(o: Offset, m: int) -> list[Array]:
    """Return [B] for an offset of covariates B of the rows, else []."""
    matrix = o.covariates(m)
    return [] if matrix is None else [matrix]


def inner(problem: Problem, free: tuple[Offset, ...], W: Array) -> Array:
    """Return W without the part that the offsets explain, inside the domain of d."""
    loss, project = problem.loss, projection(problem, free, W.shape)
    if isinstance(loss, Squared):
        return project(W)
    for _ in range(ROUNDS):
        W, before = SHY * loss.clip_dual(project(W)), W
        if np.abs(W - before).max(initial=0.0) <= 2 * (1 - SHY) * np.abs(W).max(initial=0.0):
            break
    return W


def put_at_ends(loss: Loss, W: Array) -> Array:
    """Return W with the entries that are near an end of the domain of d at that end."""
    ends = ends_of(loss)
    if ends is None:
        return W
    (low, high), near = ends, NEAR * float(np.abs(W).max(initial=0.0))
    return np.where(low + near >= W, low, np.where(high - near <= W, high, W))


def ends_of(loss: Loss) -> tuple[Array | float, Array | float] | None:
    """Return the least and the largest float of each entry in the domain of d; None: no ends."""
    if isinstance(loss, Softmax):
        return loss.field_weights * (loss.data - 1), loss.field_weights * loss.data
    return loss.bounds if isinstance(loss, Entrywise) and not loss.quadratic else None


def capacity(problem: Problem, W: Array) -> Array:
    """Return how far each entry may move within the domain of d; 0 where all may."""
    ends = ends_of(problem.loss)
    if ends is None:
        return np.zeros(W.size)
    low, high = ends
    return np.asarray(np.minimum(W - low, high - W)).reshape(-1)


def projection(
    problem: Problem, free: tuple[Offset, ...], shape: tuple[int, ...]
) -> Callable[[Array], Array]:
    """Return the function that subtracts from W the part that the offsets explain: w A q."""
    observed, scale = problem.loss.observed, getattr(problem.loss, "scale", None)
    weights = np.ones(shape) if scale is None else spread(scale, shape)
    root = np.sqrt(weights.reshape(-1))
    joint = joint_fit(free, weights.reshape(-1), observed) if len(free) > 1 else None
    shapes = [o.shape(observed) for o in free]

    def project(W: Array) -> Array:
        """Return W - w A q at the best q, in floats."""
        if joint is None:
            q = least_squares(free, np.asarray(W / weights), weights, observed)
        else:
            q = split_values(joint @ (W.reshape(-1) / root), shapes)
        return np.asarray(W - weights * shift(free, q, observed))

    return project


def spread(scale: Array, shape: tuple[int, ...]) -> Array:
    """Return weights, one for each entry or one for each row, as a field."""
    weights = scale.reshape(shape) if scale.size == np.prod(shape) else scale.reshape(-1, 1)
    return np.asarray(np.broadcast_to(weights, shape))


def integer_grid(W: Array) -> tuple[Ints, int]:
    """Return integers and e: W to BITS bits below its largest entry."""
    flat = W.reshape(-1)
    e = int(np.frexp(np.abs(flat).max(initial=0.0))[1]) - BITS
    half = e // 2
    return np.rint(np.ldexp(np.ldexp(flat, -half), half - e)).astype(np.int64), e


def corrections(
    design: Array, W: Array, observed: Observed, free: Array
) -> tuple[tuple[int, Fraction], ...] | None:
    """Solve A^T (W + C) = 0 for C on a few entries of each column, in rationals."""
    rows, cols = observed.listed
    out: list[tuple[int, Fraction]] = []
    order = np.argsort(cols, kind="stable")
    for at in np.split(order, np.flatnonzero(np.diff(cols[order])) + 1):
        fixed = column_correction(design[rows[at]], W[at], free[at])
        if fixed is None:
            return None
        out += [(int(at[k]), c) for k, c in fixed if c]
    return tuple(out)


def jointly(
    free: tuple[Offset, ...], W: Array, observed: Observed, easy: Array
) -> tuple[tuple[int, Fraction], ...] | None:
    """Solve A* (W + C) = 0 for all offsets at once: one column of A for each number in q."""
    count = sum(int(np.prod(o.shape(observed))) for o in free)
    if count * observed.size > JOINT:
        return None
    design = np.hstack([o.operator(observed).toarray() for o in free])
    fixed = column_correction(design, W, easy)
    return None if fixed is None else tuple((k, c) for k, c in fixed if c)


def column_correction(a: Array, w: Array, free: Array) -> list[tuple[int, Fraction]] | None:
    """Return (row, c) with A^T (w + c) = 0 exactly, on rows that span A's row space.

    Rows that are freest to move are picked first.
    """
    rank, picked = pivots(a * (free + EASY)[:, None] if free.any() else a)
    equations = pivots(a[picked].T)[1][:rank]
    ints, e = dyadic(a.reshape(-1).tolist())
    values, f = dyadic(w.tolist())
    k = a.shape[1]
    sums = [sum(ints[i * k + c] * v for i, v in enumerate(values)) for c in range(k)]
    left = fmpq_mat(rank, rank, [fmpq(ints[i * k + c]) for c in equations for i in picked])
    right = fmpq_mat(rank, 1, [fmpq(-sums[c]) for c in equations])
    solution = left.solve(right)
    solved = [solution[i, 0] for i in range(rank)]
    del e  # the unit of A divides out
    rest = (sum(ints[i * k + c] * x for i, x in zip(picked, solved, strict=True)) for c in range(k))
    if any(total != -s for total, s in zip(rest, sums, strict=True)):
        return None  # the float rank was wrong
    unit = Fraction(2) ** f
    return [
        (int(i), unit * Fraction(int(x.p), int(x.q))) for i, x in zip(picked, solved, strict=True)
    ]


def pivots(a: Array) -> tuple[int, list[int]]:
    """Return (rank, rows that span the row space) by a pivoted QR in floats."""
    if not a.size:
        return 0, []
    _, r, order = linalg.qr(a.T, mode="economic", pivoting=True)
    sizes = np.abs(np.diag(r))
    rank = int((sizes > sizes.max(initial=0.0) * 1e-12).sum())  # checked exactly afterwards
    return rank, [int(k) for k in order[:rank]]
