"""The relaxation of a hidden layer by alternating directions.

    max <C, X>,  X = x x^T in { Q Y Q^T, Y >= 0 } and in the polyhedron: products of facts >= 0,
    p_i q_i = 0, |u|^2 = 1

and, with s = |u|, in the cones |f u| <= f s of every fact f.  Each step projects on both, in even
units.  The multipliers of the products and of the cones are the witnesses N and Y.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from certify.base.arrays import Array

from .cone import Cone
from .frame import WEIGHT, Frame
from .layer_multiplier import LayerMultiplier, best_multiplier
from .layer_products import Products
from .layers import LayerForm, even_units
from .row_bounds import RowBound, keep_used
from .steps import Alternation, Iterates, Stop

EVERY = 25  # steps between bounds
WIDEN = 200  # steps between searches for bounds of rows
EARLY, OFTEN, BALANCE = 400, 20, 50  # steps of a cold start; those between balances then, else
LEAST, LATE, OVER = 200, 1000, 4  # steps before it may end, with a gain and without; evaluations
HOPE = 0.05  # share of the way to the target
START = 8.0  # rho of a cold start
FAST, SLOW = 1.5, 1.25  # what rho changes by


class Relaxed(NamedTuple):
    """The end of a solve: X over x, the best multiplier and the steps."""

    X: Array
    best: LayerMultiplier
    steps: int
    rho: float = START


class Start(NamedTuple):
    """Where a solve starts: X over x, a multiplier of all products of facts, and rho.

    Without X the steps would first have to build it up, which is slow where rho is large.
    """

    X: Array
    best: LayerMultiplier
    rho: float

    @property
    def multipliers(self) -> tuple[Array, Array]:
        """N and Y, in float64."""
        return self.best.N.astype(float), self.best.Y.astype(float)


class LayerIterates(Iterates):
    """The iterates of a form over its rows.

    original  the form as given; `form` has even units
    """

    def __init__(self, form: LayerForm) -> None:
        self.original = form
        self.form, self.units, self.sizes = even_units(form)
        self.frame, self.rows = Frame(self.form), Products(self.form)

    def over(self) -> Array:
        """Return X over x."""
        return self.frame.over(self.cone.Y) / np.outer(self.units, self.units)

    def products(self, X: Array) -> Array:
        """Return the products of the rows at X over x, in the polyhedron."""
        X = X * np.outer(self.units, self.units)
        return self.polyhedron(self.frame.rows(X).astype(self.form.dtype))

    def multipliers_of(self, U: Array) -> tuple[Array, Array]:
        """Return N and Y of -U over the facts."""
        N, Y = self.rows.multipliers(U)
        return N * np.outer(self.sizes, self.sizes), Y * self.sizes[:, None]


class Run(LayerIterates, Alternation[LayerMultiplier]):
    """The iterates, in units where the objective has norm 1."""

    every = look = EVERY

    def __init__(self, form: LayerForm, start: Start | None) -> None:
        super().__init__(form)
        self.cold = start is None
        C = self.frame.objective
        self.unit = float(np.linalg.norm(C)) or 1.0
        zero = np.zeros((len(self.frame.Q),) * 2, dtype=form.dtype)
        self.rho = START if start is None else start.rho
        if start is None:
            self.begin(zero, zero)
        else:
            self.begin(self.products(start.X), self.scale(start.best))
        self.cone = Cone(self.frame, (C / self.unit).astype(form.dtype))

    def with_row_bounds(self, found: tuple[RowBound, ...]) -> "Run":
        """Return the iterates with more bounds of rows, without those that have no multiplier."""
        used, U = keep_used(self.original.row_bounds, self.U)
        run = Run(self.original.with_row_bounds(used + found), None)
        run.rho, run.cold = self.rho, self.cold
        run.begin(run.products(self.over()), np.pad(U, (0, len(found))))
        return run

    def polyhedron(self, V: Array) -> Array:
        """Return the projection: |u|^2 = 1, s^2 = 1, and b is within its reach."""
        Z, s = self.rows.project(V), self.rows.s
        u, b = np.split(self.rows.u, [self.form.norm_size])
        Z[u, u] += (WEIGHT**2 - Z[u, u].sum()) / len(u)
        Z[b, b] = np.minimum(V[b, b], (self.frame.weights[-1] * self.form.reach) ** 2)
        Z[s, s] = WEIGHT**2
        return Z

    def scale(self, best: LayerMultiplier) -> Array:
        """Return U of a multiplier, with its prices of u and s: `multiplier` the other way."""
        U = self.rows.place(best.N / np.outer(self.sizes, self.sizes), best.Y / self.sizes[:, None])
        u, b = np.split(self.rows.u, [self.form.norm_size])
        U[u, u] = best.level / WEIGHT**2
        U[b, b] = best.bias / self.frame.weights[-1] ** 2
        U[self.rows.s, self.rows.s] = best.radial / WEIGHT**2
        return (U / (self.rho * self.unit)).astype(self.form.dtype)

    def multiplier(self) -> tuple[Array, Array]:
        """Return N and Y over the facts, in their own units."""
        N, Y = self.multipliers_of(self.U)
        return self.rho * self.unit * N, self.rho * self.unit * Y

    def bound(self) -> LayerMultiplier:
        """Return the multiplier with its bound."""
        return best_multiplier(self.original, *self.multiplier())

    def is_over(self, history: Sequence[float], stop: Stop) -> bool:
        """Whether the bounds gain too little."""
        return is_over(history, stop)

    def adapt(self, k: int, stop: Stop) -> "Run":
        """Balance rho, more often after a cold start; add bounds of rows that X violates."""
        run = self
        if k % WIDEN == 0 and self.form.crowded and k < stop.steps:
            found = self.original.find_row_bounds(self.over(), stop.expired)
            run = self.with_row_bounds(found) if found else self
        early = self.cold and k <= EARLY
        if k % (OFTEN if early else BALANCE) == 0:
            run.balance(FAST if early else SLOW)
        return run


def is_over(history: Sequence[float], stop: Stop) -> bool:
    """Whether a solve with these bounds ends: `slow`, after LEAST steps that gained, or LATE.

    Steps that begin near a bound first move away from it: a part that ended before they come back
    would be split again and again.
    """
    k, last = EVERY * (len(history) - 1), history[-1]
    gained = history[0] - last > stop.least_gain * last
    return k >= (LEAST if gained else LATE) and slow(history, stop)


def slow(history: Sequence[float], stop: Stop) -> bool:
    """Whether OVER evaluations gained too little: least_gain, or HOPE of the rest."""
    last = history[-1]
    return history[-1 - OVER] - last <= min(stop.least_gain * last, HOPE * (last - stop.target))


def solve(
    form: LayerForm,
    stop: Stop,
    start: Start | None = None,
) -> Relaxed:
    """Run until the proved bound is under the target, or no longer falls."""
    run = Run(form, start)
    best = best_multiplier(form, *(start.multipliers if start else run.multiplier()))
    run, best, k = run.solve(best, stop)
    return Relaxed(run.over(), best, k, float(run.rho))
