"""The doubly nonnegative relaxation of a cell, by alternating directions.

    max half <C, Y>  over  Y >= 0 (semidefinite),  X = B Y B^T,  X_ab >= 0 for kept rows,
                     sum over i in a group of X_ii <= capacity

X lives in the cone { Q S Q^T, S >= 0 }, its copy Z in the polyhedron; one eigendecomposition
of the cell's size a step.  The multipliers of Z >= 0 and of the capacities are the witnesses N, D.
Every multiplier seen gives a proved bound by one largest eigenvalue; the best one is kept.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from certify.base.arrays import Array
from certify.base.minimize import threshold_level
from certify.polar.eigen import demand_finite, largest_eigenvalue

from .cone import Columns, Cone
from .pairs import Cell, Cut, Equal, Label
from .steps import Alternation, Stop

LEAST = 4  # looks before it may end


class PairMultiplier(NamedTuple):
    """N >= 0 on pairs of rows, D on groups (or one number for a simplex), and their bound."""

    N: Array
    D: Array
    bound: float


@dataclass(frozen=True)
class Warm:
    """Where a solve stopped: Z, the scaled multiplier U, rho, and the best multiplier."""

    Z: Array
    U: Array
    rho: float
    best: PairMultiplier


class Relaxed(NamedTuple):
    """The end of a solve: Y (d, d), the best multiplier, the steps, a warm start."""

    Y: Array
    best: PairMultiplier
    steps: int
    warm: Warm


def solve(cell: Cell, stop: Stop, warm: Warm | None = None) -> Relaxed:
    """Run until the proved bound is at most the target, or no longer falls."""
    start = warm if warm is not None else cold(cell)
    best = repair(cell, start.best.N, start.best.D)
    if cell.form.trace_only and not cell.signed_pairs.any():  # N = 0 is the only multiplier
        stop = replace(stop, steps=0)
    run = PairRun(cell, start)
    run, best, k = run.solve(best, stop)
    return Relaxed(run.Y(), best, k, Warm(run.Z, run.U, run.rho, best))


class PairRun(Alternation[PairMultiplier]):
    """The iterates, in units where |C| = 1 and the capacities sum to 1."""

    def __init__(self, cell: Cell, warm: Warm) -> None:
        self.cell = cell
        Q, inverse = cell.frame
        self.unit, self.total = unit(cell), total(cell)
        self.begin(warm.Z, warm.U)
        self.rho = warm.rho
        self.cone = Cone(Columns(Q), inverse @ cell.C @ inverse / self.unit)
        self.nearest = polyhedron(cell, self.total)

    def polyhedron(self, V: Array) -> Array:
        """Return the nearest matrix that is signed and within capacities."""
        return self.nearest(V)

    def bound(self) -> PairMultiplier:
        """Return the multiplier with its bound."""
        return repair(self.cell, *self.multiplier())

    def is_over(self, history: Sequence[float], stop: Stop) -> bool:
        """Whether three looks gained at most `least_gain`."""
        last = history[-1]
        return len(history) > LEAST and history[-4] - last <= stop.least_gain * abs(last)

    def multiplier(self) -> tuple[Array, Array]:
        """Return (N, D) in the cell's own units."""
        d, U = self.cell.size, self.U * (self.rho * self.unit)
        N = np.where(self.cell.signed_pairs, np.maximum(-U, 0.0), 0.0)
        if self.cell.form.simplex:
            top = float(U[:d, :d].max())
            N[:d, :d] = np.maximum(top - U[:d, :d], 0.0)
            D = np.array([max(top, 0.0)])
        else:
            D = np.zeros(self.cell.form.capacity.size)
            np.maximum.at(D, self.cell.groups, np.diagonal(U)[:d])
        return np.minimum(N, N.T), D

    def Y(self) -> Array:
        """Return Y with X = B Y B^T."""
        d = self.cell.size
        return np.asarray(self.X[:d, :d] * self.total)


def unit(cell: Cell) -> float:
    """Return the size of the objective."""
    return float(np.linalg.norm(cell.C)) or 1.0


def total(cell: Cell) -> float:
    """Return the sum of all capacities that still have a coordinate."""
    return 1.0 if cell.form.simplex else float(cell.form.capacity[np.unique(cell.groups)].sum())


def cold(cell: Cell) -> Warm:
    """Return a start at zero."""
    q = cell.rows.shape[0]
    zero = np.zeros((q, q))
    D = np.zeros(1 if cell.form.simplex else cell.form.capacity.size)
    return Warm(zero, zero, 1.0, PairMultiplier(zero, D, np.inf))


def polyhedron(cell: Cell, total: float) -> Callable[[Array], Array]:
    """Return the projection on { Z >= 0 on kept pairs, capacities }."""
    d, form = cell.size, cell.form
    free = ~np.outer(cell.signed_rows, cell.signed_rows)
    everything = not free.any()

    def _positive(V: Array) -> Array:
        return np.maximum(V, 0.0) if everything else np.where(free, V, np.maximum(V, 0.0))

    def _simplex(V: Array) -> Array:
        Z = np.maximum(V, 0.0)
        Z[:d, :d] = np.maximum(V[:d, :d] - threshold_level(V[:d, :d].reshape(-1), 1.0), 0.0)
        return Z

    members = [np.flatnonzero(cell.groups == g) for g in range(form.capacity.size)]
    alone = np.array([g[0] for g in members if g.size == 1], dtype=np.int64)
    many = [(g, form.capacity[k] / total) for k, g in enumerate(members) if g.size > 1]
    capacities = form.capacity[cell.groups[alone]] / total

    def _balls(V: Array) -> Array:
        Z = _positive(V)
        diagonal = np.diagonal(V)
        if alone.size:
            Z[alone, alone] = np.clip(diagonal[alone], 0.0, capacities)
        for g, capacity in many:
            Z[g, g] = np.maximum(diagonal[g] - threshold_level(diagonal[g], capacity), 0.0)
        return Z

    return _simplex if form.simplex else _balls


def repair(cell: Cell, N: Array, D: Array) -> PairMultiplier:
    """Return the multiplier with its proved bound: D is raised until G - Diag(D) <= 0."""
    g = cell.add_multiplier(N)
    form = cell.form
    if form.simplex:
        g = g - float(D[0])
        return PairMultiplier(N, D, float(D[0]) + max(largest_eigenvalue(demand_finite(g)), 0.0))
    g = g - np.diag(D[cell.groups])
    used = np.unique(cell.groups)
    lifted = np.zeros_like(D)
    lifted[used] = np.maximum(D[used] + largest_eigenvalue(demand_finite(g)), 0.0)
    return PairMultiplier(N, lifted, form.half * float(form.capacity @ lifted))


def child(parent: Cell, cell: Cell, warm: Warm, label: Label) -> Warm:
    """Return the start of a child from its parent's end: one more row, or one coordinate less."""
    if isinstance(label, Cut):
        return with_row(cell, warm)
    return with_merge(parent, cell, warm, label)


def with_row(cell: Cell, warm: Warm) -> Warm:
    """Add the cut's row: its products are those of Z, and its multipliers are zero."""
    d = cell.size
    row = cell.rows[-1]
    Zr = np.maximum(cell.rows @ warm.Z[:d, :d] @ row, 0.0)
    Z = np.zeros((cell.rows.shape[0],) * 2)
    Z[:-1, :-1], Z[-1], Z[:, -1] = warm.Z, Zr, Zr
    U, N = np.zeros_like(Z), np.zeros_like(Z)
    U[:-1, :-1], N[:-1, :-1] = warm.U, warm.best.N
    return Warm(Z, U, warm.rho, PairMultiplier(N, warm.best.D, np.inf))


def with_merge(parent: Cell, cell: Cell, warm: Warm, label: Equal) -> Warm:
    """Average Z over the two coordinates that became one; multipliers add."""
    first = parent.M[label.p] != 0, parent.M[label.q] != 0
    one, other = (int(np.flatnonzero(x)[0]) for x in first)
    E = cell.M[parent.first] * parent.M[parent.first, np.arange(parent.size)][:, None]
    q, d = parent.rows.shape[0], parent.size
    lift = np.zeros((q, q - (one != other)))
    lift[:d, : cell.size] = E
    lift[d:, cell.size :] = np.eye(q - d)
    mean = lift / (lift * lift).sum(axis=0)
    Z, U, N = (a.T @ x @ a for a, x in ((mean, warm.Z), (lift, warm.U), (lift, warm.best.N)))
    shrunk = total(parent) / total(cell)
    D, (low, high) = warm.best.D.copy(), sorted((one, other))
    if low != high:
        D[parent.groups[low]] += D[parent.groups[high]]
    best = PairMultiplier(np.minimum(N, N.T), D, np.inf)
    return Warm(Z * shrunk, U * (unit(parent) / unit(cell)), warm.rho, best)
