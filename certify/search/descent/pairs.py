"""Lower the objective over all factors at once, at a fixed number of slices, for any loss.

    min over factors of E(sum phi(X_k) + A q) + lam sum theta(X_k)

E is the loss or its envelope.  Where theta is smooth in coordinates with bounds: limited
memory quasi-Newton steps.  Else one column at a time by its norm's proximal map, with the
steps that E's curvature allows.  The result is never higher.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.base.minimize import MEMORY, minimize
from certify.problem import Problem
from certify.search.coordinates import pairs as at
from certify.search.coordinates.pairs import Side
from certify.search.envelope import Smoothed

from .alternating import balanced_all

LARGE = 20_000  # coordinates beyond which fewer steps are remembered
SWEEPS_A_STEP = 5  # quasi-Newton steps that cost what a sweep over columns does


@dataclass(frozen=True)
class Task:
    """What is minimized: the problem with E for its loss, offsets held at A q."""

    problem: Problem
    smoothed: Smoothed
    shift: Array | float = 0.0
    expired: Callable[[], bool] = lambda: False

    @property
    def sides(self) -> tuple[Side, ...]:
        """The factors' coordinates."""
        return at.sides(self.problem.atom, self.problem.loss.shape)

    @property
    def price(self) -> float:
        """What half a square of a norm costs: theta = |x|^2 if both factors are one."""
        return self.problem.lam * (1.0 if len(self.sides) > 1 else 2.0)

    def fit(self, factors: Factors) -> Array:
        """Return the field of sum phi + A q."""
        U, V = at.both(factors)
        return np.asarray(self.problem.loss.observed.product(U, V) + self.shift)

    def value(self, factors: Factors) -> float:
        """Return the objective, with E."""
        price = self.problem.lam * float(np.sum(self.problem.atom.theta(factors)))
        return self.smoothed.at(self.fit(factors)).value + price

    def pulls(self, W: Array, factors: Factors) -> list[Array]:
        """Return -d E / d X for each factor."""
        observed, (U, V) = self.problem.loss.observed, at.both(factors)
        pair = [observed.times(W, V), observed.times_left(W, U)]
        return pair if len(factors) > 1 else [pair[0] + pair[1]]


def polished(task: Task, factors: Factors, steps: int, stall: float) -> tuple[Factors, int]:
    """Return factors of a lower objective, or the same, and the steps taken.

    stall: the gain of a few steps, relative to the objective, that ends it.
    """
    if not factors[0].shape[-1] or not all(np.isfinite(x).all() for x in factors):
        return factors, 1
    method = quasi_newton if at.smooth(task.problem.atom) else proximal
    new, used = method(task, factors, steps, stall)
    new = balanced_all(task.problem.atom, new)
    return (new if task.value(new) < task.value(factors) else factors), used


def proximal(task: Task, factors: Factors, steps: int, stall: float) -> tuple[Factors, int]:
    """Sweep over the columns until a sweep gains little."""
    value, used = task.value(factors), 0
    while used < max(steps, 1):
        used += SWEEPS_A_STEP
        factors = swept(task, factors)
        before, value = value, task.value(factors)
        if before - value <= stall * abs(value) or task.expired():
            break
    return factors, used


@dataclass(frozen=True)
class Packed:
    """All factors as one vector of coordinates."""

    task: Task
    sides: tuple[Side, ...]
    r: int

    def parted(self, x: Array) -> list[Array]:
        """Cut the vector into each side's coordinates, (rows, r)."""
        cuts = np.cumsum([s.rows * self.r for s in self.sides])[:-1]
        parts = zip(self.sides, np.split(x, cuts), strict=True)
        return [p.reshape(s.rows, self.r) for s, p in parts]

    def factors(self, x: Array) -> Factors:
        """Return the factors."""
        return tuple(s.out(c) for s, c in zip(self.sides, self.parted(x), strict=True))

    def at(self, x: Array) -> tuple[float, Array]:
        """Return the objective and its gradient."""
        task, X = self.task, self.factors(x)
        value, W = task.smoothed.at(task.fit(X))
        slopes = []
        for s, c, pull in zip(self.sides, self.parted(x), task.pulls(W, X), strict=True):
            size, turn = s.half_squares(c)
            value += task.price * size
            slopes.append((task.price * turn - s.back(pull)).reshape(-1))
        return value, np.concatenate(slopes)


def quasi_newton(task: Task, factors: Factors, steps: int, stall: float) -> tuple[Factors, int]:
    """Minimize by L-BFGS-B in the sides' coordinates."""
    sides, r = task.sides, factors[0].shape[-1]
    packed = Packed(task, sides, r)
    start = np.concatenate([s.into(x).reshape(-1) for s, x in zip(sides, factors, strict=True)])
    ends = [s.bounds(r) for s in sides]
    low, high = (np.concatenate([e[k].reshape(-1) for e in ends]) for k in (0, 1))
    memory = MEMORY if len(start) <= LARGE else MEMORY // 4
    x, used = minimize(
        packed.at,
        start,
        (low, high),
        steps=steps,
        stall=stall,
        expired=task.expired,
        memory=memory,
    )
    moved = zip(sides, packed.factors(x), strict=True)
    return tuple(s.norm.project_cone(x) for s, x in moved), used


def swept(task: Task, factors: Factors) -> Factors:
    """Step each column of each factor by its proximal map."""
    held = [x.copy() for x in factors]
    observed, lam = task.problem.loss.observed, task.problem.lam
    fit = task.fit(factors)
    bend = task.smoothed.curvature
    for k in range(held[0].shape[-1]):
        for j, side in enumerate(task.sides):
            x, other = held[j][:, k].copy(), held[j - 1][:, k]
            size = bend * float(other @ other) * (1.0 if len(held) > 1 else 2.0)
            if not size > 0:
                continue
            W = task.smoothed.at(fit).W
            pull = observed.times(W, other) if j == 0 else observed.times_left(W, other)
            norm = task.sides[j - 1].norm
            weight = lam * float(norm.value(other)) / size
            held[j][:, k] = side.norm.prox(x + pull / size, weight)
            change = (held[j][:, k] - x)[:, None], other[:, None]
            fit = fit + observed.product(*(change if j == 0 else change[::-1]))
    return tuple(held)


def reweighted(task: Task, factors: Factors, steps: int = 200) -> Factors:
    """Rescale all slices at once: min over a >= 0 of E(sum a_k phi_k) + lam sum a_k theta_k."""
    U, V = at.both(factors)
    observed, prices = task.problem.loss.observed, np.asarray(task.problem.atom.theta(factors))

    def _both(a: Array) -> tuple[float, Array]:
        value, W = task.smoothed.at(observed.product(U * a, V) + task.shift)
        slope = task.problem.lam * prices - np.einsum("mr,mr->r", U, observed.times(W, V))
        return value + task.problem.lam * float(a @ prices), slope

    ones = np.ones(len(prices))
    if not len(ones):
        return factors
    a = minimize(_both, ones, (0.0, np.inf), steps=steps)[0]
    new = tuple(x * np.sqrt(a) for x in factors)
    return new if task.value(new) < task.value(factors) else factors
