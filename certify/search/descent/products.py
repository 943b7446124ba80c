"""Lower the objective over all factors at once, at a fixed number of slices.

    min over factors of E(sum phi(X_i) + A q) + lam sum theta(X_i)

E is the loss or its envelope.  If theta is smooth in the coordinates of `FactorForm`, quasi-Newton
steps are taken.  Otherwise each column in turn is moved by the proximal map of its norm, with the
step length that E's curvature allows.  The result is never higher.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.base.minimize import MEMORY, minimize
from certify.base.observed import Observed
from certify.losses import Squared
from certify.polar.ascent.contract import kronecker_columns, rest_pulls
from certify.problem import Problem, Values
from certify.search.coordinates.products import FactorForm, form_of
from certify.search.envelope import Smoothed

LARGE = 20_000  # coordinates from which fewer steps are remembered
SWEEP_COST = 5  # quasi-Newton steps that cost as much as a sweep over columns
AMPLITUDES = 300  # the most slices that are reweighted at once
STEPS = 200  # of reweighting


@dataclass(frozen=True)
class Task:
    """The objective of a descent: that of the problem, with E for its loss.

    q     the offsets: refitted at every point for least squares, fixed for other losses
    goal  an end above this objective is useless: the descent stops when it cannot reach it
    """

    problem: Problem
    smoothed: Smoothed
    q: Values = ()
    expired: Callable[[], bool] = lambda: False
    goal: float = np.inf

    @cached_property
    def form(self) -> FactorForm:
        """The factors' coordinates."""
        return form_of(self.problem.atom, self.problem.loss.dims)

    @property
    def refits(self) -> bool:
        """Whether the offsets are refitted at every point: for least squares if it is quick."""
        slow = any(o.entrywise for o in self.problem.offsets)
        return bool(self.problem.offsets) and isinstance(self.problem.loss, Squared) and not slow

    def plain(self, factors: Factors) -> Array:
        """Return the field of sum phi."""
        return predict(self.problem.loss.observed, self.form.full(factors))

    def shift(self, Z: Array) -> tuple[Array, float]:
        """Return Z + A q and H(q), with the best q for Z if offsets are refitted."""
        problem = self.problem
        if not problem.offsets:
            return Z, 0.0
        q = problem.fit_offsets(Z) if self.refits else self.q
        price = sum(o.penalty(x) for o, x in zip(problem.offsets, q, strict=True))
        return np.asarray(Z + problem.shift(q)), price

    def slope(self, factors: Factors) -> Array:
        """Return W = -grad E, a field."""
        return self.smoothed.at(self.fit(factors)).W

    def fit(self, factors: Factors) -> Array:
        """Return the field of sum phi + A q."""
        return self.shift(self.plain(factors))[0]

    def loss(self, Z: Array) -> tuple[float, Array]:
        """Return E + H at Z + A q, and W."""
        fit, price = self.shift(Z)
        value, W = self.smoothed.at(fit)
        return value + price, W

    def value(self, factors: Factors) -> float:
        """Return the objective."""
        price = self.problem.lam * float(self.form.sizes(factors).sum())
        return self.loss(self.plain(factors))[0] + price

    def at(self, c: Array) -> tuple[float, Array]:
        """Return the objective and its gradient in the coordinates."""
        form, lam, observed = self.form, self.problem.lam, self.problem.loss.observed
        parts = form.unpack(c)
        factors = [s.out(p) for s, p in zip(form.sides, parts, strict=False)]
        full = form.full(tuple(factors))
        amplitude = parts[-1][0] if form.outer else np.ones(factors[0].shape[1])
        first = (full[0] * amplitude, *full[1:])
        value, W = self.loss(predict(observed, first))
        total, slopes = form.price(parts)
        pull = pulls(observed, W, full)
        inner = (pull[0] * full[0]).sum(axis=0)
        each = [sum(pull)] if form.copies > 1 else pull
        for k, (s, p) in enumerate(zip(form.sides, each, strict=True)):
            slopes[k] = lam * slopes[k] - s.back(np.asarray(p) * amplitude)
        if form.outer:
            slopes[-1] = lam * slopes[-1] - inner
        return value + lam * total, np.concatenate([s.reshape(-1) for s in slopes])


def polish_factors(task: Task, factors: Factors, steps: int, stall: float) -> tuple[Factors, int]:
    """Return factors of a lower objective, or the same, and the steps taken.

    stall  the gain of a few steps, relative to the objective, that ends the descent
    """
    factors = task.form.balance(factors)
    if not factors[0].shape[-1] or not all(np.isfinite(x).all() for x in factors):
        return factors, 1
    method = quasi_newton if task.form.smooth else proximal
    new, used = method(task, factors, steps, stall)
    return (new if task.value(new) < task.value(factors) else factors), used


def quasi_newton(task: Task, factors: Factors, steps: int, stall: float) -> tuple[Factors, int]:
    """Minimize by L-BFGS in the form's coordinates."""
    ends = task.form.bounds(factors[0].shape[-1])
    start = np.clip(task.form.into(factors), *ends)
    memory = MEMORY if len(start) <= LARGE else MEMORY // 4
    step = partial(minimize, stall=stall, expired=task.expired, memory=memory, goal=task.goal)
    end, used = step(task.at, start, ends, steps=steps)
    return task.form.out(end), used


def proximal(task: Task, factors: Factors, steps: int, stall: float) -> tuple[Factors, int]:
    """Sweep over the columns of a matrix's factors until a sweep gains little."""
    value, used = task.value(factors), 0
    while used < max(steps, 1):
        used += SWEEP_COST
        factors = sweep_columns(task, factors)
        before, value = value, task.value(factors)
        if before - value <= stall * abs(value) or task.expired():
            break
    return task.form.balance(factors), used


def sweep_columns(task: Task, factors: Factors) -> Factors:
    """Move each column of each factor by a proximal step."""
    new = [x.copy() for x in factors]
    observed, lam = task.problem.loss.observed, task.problem.lam
    fit = task.fit(factors)
    bend = task.smoothed.curvature
    for k in range(new[0].shape[-1]):
        for j, side in enumerate(task.form.sides):
            x, other = new[j][:, k].copy(), new[j - 1][:, k]
            size = bend * float(other @ other) * (1.0 if len(new) > 1 else 2.0)
            if not size > 0:
                continue
            W = task.smoothed.at(fit).W
            pull = observed.times(W, other) if j == 0 else observed.times_left(W, other)
            norm = task.form.sides[j - 1].norm
            weight = lam * float(norm.value(other)) / size
            new[j][:, k] = side.norm.prox(x + pull / size, weight)
            change = (new[j][:, k] - x)[:, None], other[:, None]
            fit = fit + observed.product(*(change if j == 0 else change[::-1]))
    return tuple(new)


def reweight(task: Task, factors: Factors) -> Factors:
    """Rescale all slices at once: min over a >= 0 of E(sum a_i phi_i) + lam sum a_i theta_i."""
    form = task.form
    units = form.units(factors)
    full = form.full(units)
    parts = full[0], kronecker_columns(full[1:])
    new = form.scale(units, best_weights(task, parts, form.sizes(factors)))
    return new if task.value(new) < task.value(factors) else factors


def best_weights(task: Task, parts: tuple[Array, Array], start: Array) -> Array:
    """Return a >= 0 of a lower E(sum a_i x_i y_i^T) + lam sum a_i; the start for very many slices.

    parts  the x_i and the y_i
    """
    (left, right), observed, lam = parts, task.problem.loss.observed, task.problem.lam
    if not 0 < len(start) <= AMPLITUDES:
        return start

    def objective(a: Array) -> tuple[float, Array]:
        """Return the objective and its gradient."""
        value, W = task.loss(observed.product(left * a, right))
        slope = lam - (left * observed.times(W, right)).sum(axis=0)
        return value + lam * float(a.sum()), slope

    return np.maximum(minimize(objective, start, (0.0, np.inf), steps=STEPS)[0], 0.0)


def predict(observed: Observed, factors: Sequence[Array]) -> Array:
    """Return the field of sum_i x_i^1 o ... o x_i^K; factors: K arrays (n_k, r)."""
    return observed.product(factors[0], kronecker_columns(factors[1:]))


def pulls(observed: Observed, W: Array, factors: Sequence[Array]) -> list[Array]:
    """Return for each mode, (n_k, r), W contracted with the columns of all other modes."""
    first = observed.times(W, kronecker_columns(factors[1:]))
    return [first, *rest_pulls(observed.times_left(W, factors[0]), factors[1:])]
