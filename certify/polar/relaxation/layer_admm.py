"""The relaxation of a hidden layer by alternating directions.

    max <C, X>,  X = x x^T in { Q Y Q^T, Y >= 0 } and in the polyhedron: products of facts >= 0,
    p_i q_i = 0, |u|^2 = 1

Each step projects on both, in even units.  The multiplier of the products is the witness N.
"""

from typing import Any, NamedTuple

import numpy as np

from certify.base.arrays import Array

from .cone import Cone
from .frame import WEIGHT, Frame
from .layer_multiplier import LayerMultiplier, best_multiplier
from .layers import LayerForm, even_units
from .steps import RELAX, Stop, step_ratio

EVERY, BALANCE = 25, 50  # steps between bounds, between balances of rho
LEAST, LATE, OVER = 200, 1000, 4  # steps before it may end, with a gain and without; evaluations
HOPE = 0.05  # share of the way to the target
START = 8.0  # rho of a cold start


class Relaxed(NamedTuple):
    """The end of a solve: X over x, the best multiplier and the steps."""

    X: Array
    best: LayerMultiplier
    steps: int


class Start(NamedTuple):
    """Where a solve starts: X over x, a multiplier of all products of facts, and rho.

    Without X the steps would first have to build it up, which is slow where rho is large.
    """

    X: Array
    best: LayerMultiplier
    rho: float


class Run:
    """The iterates, in units where the objective has norm 1."""

    def __init__(self, form: LayerForm, start: Start | None, kind: Any = np.float64) -> None:  # noqa: ANN401
        self.form, self.units, self.sizes = even_units(form)
        self.frame = Frame(self.form, kind)
        C = self.frame.objective
        self.unit = float(np.linalg.norm(C)) or 1.0
        self.C = (C / self.unit).astype(kind)
        m, d = form.F.shape
        k = 2 * m + d + len(form.rows)
        self.k, self.u = k, slice(2 * m, 2 * m + d)
        zero = np.zeros((k, k), dtype=kind)
        self.rho = START if start is None else start.rho
        self.Z, self.U = zero, zero
        if start is not None:
            self.Z, self.U = self.products(start.X).astype(kind), self.scale(start.best)
        self.X, self.before = self.Z, self.Z
        self.cone = Cone(self.frame, self.C)

    def step(self) -> None:
        """Project on the cone, over-relax, project on the polyhedron."""
        self.X = self.cone.project(self.Z - self.U, self.kind(self.rho))
        V = self.kind(RELAX) * self.X
        V += self.kind(1 - RELAX) * self.Z
        V += self.U
        self.before, self.Z = self.Z, self.polyhedron(V)
        self.U = V - self.Z

    @property
    def kind(self) -> Any:  # noqa: ANN401
        """The type of the iterates."""
        return self.Z.dtype.type

    def polyhedron(self, V: Array) -> Array:
        """Return the projection: u's own rows are free but for |u|^2 = 1 (and b)."""
        form, u = self.form, self.u
        m = len(form.F)
        Z = np.maximum(V, 0)
        at = np.arange(m)
        Z[at, m + at] = Z[m + at, at] = 0
        Z[u], Z[:, u] = V[u], V[:, u]
        priced = np.arange(u.start, u.stop - bool(form.reach))
        Z[priced, priced] += (WEIGHT**2 - Z[priced, priced].sum()) / len(priced)
        if form.reach:
            w = float(self.frame.weights[-1])
            Z[u.stop - 1, u.stop - 1] = min(V[u.stop - 1, u.stop - 1], (w * form.reach) ** 2)
        return Z

    @property
    def facts(self) -> Any:  # noqa: ANN401  an index
        """Where the products of two facts are."""
        m, d = self.form.F.shape
        kept = np.r_[0 : 2 * m, 2 * m + d : self.k]
        return np.ix_(kept, kept)

    def products(self, X: Array) -> Array:
        """Return the products of the rows at X over x, in the polyhedron."""
        F, (m, d) = self.form.F, self.form.F.shape
        B = np.zeros((self.k, self.form.size))
        B[:m, :m] = B[m : 2 * m, :m] = np.eye(m)
        B[m : 2 * m, m : m + d], B[self.u, m : m + d] = -F, np.diag(self.frame.weights)
        B[2 * m + d :] = self.form.rows
        return self.polyhedron(B @ (X * np.outer(self.units, self.units)) @ B.T)

    def scale(self, best: LayerMultiplier) -> Array:
        """Return U of a multiplier, with its prices of u: `multiplier` the other way."""
        U = np.zeros((self.k, self.k), dtype=self.kind)
        unit = self.rho * self.unit
        U[self.facts] = best.N / np.outer(self.sizes, self.sizes) / -unit
        prices = np.full(len(self.frame.weights), best.level)
        if self.form.reach:
            prices[-1] = best.bias
        U[self.u, self.u] = np.diag(prices / np.square(self.frame.weights) / unit)
        return U

    def multiplier(self) -> Array:
        """Return N over the facts, in their own units."""
        m = len(self.form.F)
        U = self.U[self.facts].astype(float) * (self.rho * self.unit)
        N = np.maximum(-U, 0.0)
        at = np.arange(m)
        N[at, m + at] = -U[at, m + at]
        N[m + at, at] = N[at, m + at]
        return np.asarray(0.5 * (N + N.T) * np.outer(self.sizes, self.sizes))

    def over(self) -> Array:
        """Return X over x."""
        return self.frame.over(self.cone.Y) / np.outer(self.units, self.units)

    def balance(self) -> None:
        """Move rho slowly toward equal residuals."""
        ratio = step_ratio((self.X, self.Z), self.before, 1.0, 1.25)
        self.rho *= ratio
        self.U = self.U / self.kind(ratio)


def is_over(history: list[float], stop: Stop) -> bool:
    """Whether a solve with these bounds ends: `slow`, after LEAST steps that gained, or LATE.

    Steps that begin near a bound first move away from it: a part that ended before they come back
    would be split again and again.
    """
    k, last = EVERY * (len(history) - 1), history[-1]
    gained = history[0] - last > stop.settled * last
    return k >= (LEAST if gained else LATE) and slow(history, stop)


def slow(history: list[float], stop: Stop) -> bool:
    """Whether the bound gained too little over OVER evaluations: `settled`, or HOPE of the rest."""
    last = history[-1]
    return history[-1 - OVER] - last <= min(stop.settled * last, HOPE * (last - stop.target))


def solve(
    form: LayerForm,
    stop: Stop,
    start: Start | None = None,
    kind: Any = np.float64,  # noqa: ANN401
) -> Relaxed:
    """Run until the proved bound is under the target, or no longer falls."""
    run = Run(form, start, kind)
    best = best_multiplier(form, start.best.N.astype(float) if start else run.multiplier())
    history, k = [best.bound], 0
    while best.bound > stop.target and k < stop.steps and not stop.expired():
        k += 1
        run.step()
        if k % EVERY == 0:
            best = min(best, best_multiplier(form, run.multiplier()), key=lambda b: b.bound)
            history.append(best.bound)
            if is_over(history, stop):
                break
        if k % BALANCE == 0:
            run.balance()
    if k % EVERY and best.bound > stop.target:
        best = min(best, best_multiplier(form, run.multiplier()), key=lambda b: b.bound)
    return Relaxed(run.over(), best, k)
