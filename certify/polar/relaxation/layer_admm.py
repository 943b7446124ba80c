"""The relaxation of a hidden layer by alternating directions.

    max <C, X>,  X = x x^T in { Q Y Q^T, Y >= 0 } and in the polyhedron: products of facts >= 0,
    p_i q_i = 0, |u|^2 = 1

Each step projects on both, in even units.  The multiplier of the products is the witness N.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.base.arrays import Array

from .cone import Cone
from .frame import WEIGHT, Frame
from .layer_multiplier import LayerMultiplier, best_multiplier
from .layers import LayerForm, even_units
from .steps import RELAX, Stop, step_ratio

EVERY, BALANCE = 25, 50  # steps between bounds, between balances of rho
LEAST, LATE, OVER = 200, 1000, 4  # steps before it may end, also without any gain; evaluations
HOPE = 0.05  # share of the way to the target
START = 8.0  # rho of a cold start


@dataclass(frozen=True)
class Warm:
    """Where a solve stopped: Z, the scaled multiplier U, rho, and the best multiplier.

    Z and U are in even units, the best multiplier is in the form's own.

    Without Z and U it is only the best multiplier that a solve starts from.
    """

    Z: Array | None
    U: Array | None
    rho: float
    best: LayerMultiplier


@dataclass(frozen=True)
class Relaxed:
    """The end of a solve: the optimal X over x, the best multiplier, the steps, warm."""

    X: Array
    best: LayerMultiplier
    steps: int
    warm: Warm


class Run:
    """The iterates, in units where the objective has norm 1."""

    def __init__(self, form: LayerForm, warm: Warm | None, kind: Any = np.float64) -> None:  # noqa: ANN401
        self.form, self.units, self.sizes = even_units(form)
        self.frame = Frame(self.form, kind)
        C = self.frame.objective
        self.unit = float(np.linalg.norm(C)) or 1.0
        self.C = (C / self.unit).astype(kind)
        m, d = form.F.shape
        k = 2 * m + d + len(form.rows)
        self.k, self.u = k, slice(2 * m, 2 * m + d)
        zero = np.zeros((k, k), dtype=kind)
        self.rho = START if warm is None else warm.rho
        self.Z = zero if warm is None or warm.Z is None else warm.Z.astype(kind)
        self.U = zero.copy()
        if warm is not None:
            self.U = self.scale(warm.best.N) if warm.U is None else warm.U.astype(kind)
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

    def scale(self, N: Array) -> Array:
        """Return U of a multiplier over the facts: `multiplier` the other way."""
        even_N = N / np.outer(self.sizes, self.sizes)
        U = np.zeros((self.k, self.k), dtype=self.kind)
        U[self.facts] = even_N / (-self.rho * self.unit)
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


def slow(history: list[float], stop: Stop) -> bool:
    """Whether the bound gained too little over OVER evaluations: `settled`, or HOPE of the rest."""
    last = history[-1]
    return history[-1 - OVER] - last <= min(stop.settled * last, HOPE * (last - stop.target))


def solve(form: LayerForm, stop: Stop, warm: Warm | None = None, kind: Any = np.float64) -> Relaxed:  # noqa: ANN401
    """Run until the proved bound is under the target, or no longer falls."""
    run = Run(form, warm, kind)
    best = best_multiplier(form, warm.best.N.astype(float) if warm else run.multiplier())
    first, history, k = best, [best.bound], 0
    while best.bound > stop.target and k < stop.steps and not stop.expired():
        k += 1
        run.step()
        if k % EVERY == 0:
            best = min(best, best_multiplier(form, run.multiplier()), key=lambda b: b.bound)
            history.append(best.bound)
            if k >= LEAST and slow(history, stop) and (best is not first or k >= LATE):
                break
        if k % BALANCE == 0:
            run.balance()
    if k % EVERY and best.bound > stop.target:
        best = min(best, best_multiplier(form, run.multiplier()), key=lambda b: b.bound)
    return Relaxed(run.over(), best, k, Warm(run.Z, run.U, run.rho, best))
