"""A dual point that its own relaxation bounds by lam: W and its multiplier found together.

    max d(W)   over W and J with   lam I - [[0, S], [S^T, 0]] - J  >=  0

S is an unfolding of W + N, N >= 0 where every factor is (else 0), and J >= 0 on products, so
the polar of such a W is at most lam.  The best W of all may have a polar that the relaxation
overstates; this one loses less to that.
Alternating directions: W by the loss's proximal map, J by a projection, one
eigendecomposition a step.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from certify.base.arrays import Array
from certify.base.minimize import even_out
from certify.losses import Squared
from certify.polar.ascent.contract import fold, unfold
from certify.polar.relaxation.cut import positive
from certify.polar.relaxation.products import ProductForm
from certify.polar.relaxation.steps import Anderson, over_relax
from certify.problem import Problem

from . import scaling

EVERY, CHANGE = 50, 1.3  # steps between looks at the bound, and what rho changes by
STALLED = 1e-3  # relative gain of the gap in a look under which it is not worth more


class Pair(NamedTuple):
    """A field W, its multiplier J, and the tensor N (None: there is none)."""

    W: Array
    J: Array
    N: Array | None


class Joint:
    """The iterates: W, J, the slack S of the constraint and its multiplier U."""

    def __init__(self, problem: Problem, form: ProductForm, W: Array) -> None:
        self.problem, self.form, self.W = problem, form, W
        self.rho = first_price(problem)
        self.labels, self.signed = form.classes()
        self.counts = np.bincount(self.labels.reshape(-1)).astype(np.float64)
        self.top = -problem.loss.gradient(np.zeros_like(W))  # where d is largest
        self.p, self.unit = form.lengths[0], problem.lam * np.eye(form.size)
        self.J = np.zeros((form.size, form.size))
        self.N = np.zeros(form.query.T.shape)
        self.S, self.U = self.unit - self.hat(W), self.J.copy()
        self.accelerate = Anderson()

    def hat(self, W: Array) -> Array:
        """Return [[0, S], [S^T, 0]] of a field."""
        p, out = self.p, np.zeros((self.form.size, self.form.size))
        tensor = self.problem.loss.observed.tensor(W) + self.N
        out[:p, p:] = unfold(tensor, self.form.rows)
        out[p:, :p] = out[:p, p:].T
        return out

    def step(self) -> tuple[float, float]:
        """Take a step; return how far the constraint and the multiplier are from settled."""
        p, loss, c = self.p, self.problem.loss, 2 * self.rho
        pull = self.U - self.S
        wanted = fold(pull[:p, p:], self.form.rows, self.form.query.T.shape)
        b = loss.observed.field(wanted)
        W = np.asarray(b + loss.prox(-c * b, c) / c)
        if self.form.has_multiplier:
            W = np.where(self.top <= b, self.top, W)
            self.N = np.maximum(wanted - loss.observed.tensor(W), 0.0)
        self.W = remove_offsets(self.problem, W)
        rest = self.unit + pull
        rest[:p, p:] = rest[p:, :p] = 0.0
        means = np.bincount(self.labels.reshape(-1), rest.reshape(-1)) / self.counts
        self.J = rest - np.where(self.signed, np.minimum(means, 0.0), means)[self.labels]
        M = self.unit - self.hat(self.W) - self.J
        B = self.accelerate(over_relax(M, self.S, self.U))
        before, self.S = self.S, positive(B)
        self.U = B - self.S
        return float(np.linalg.norm(M - self.S)), self.rho * float(np.linalg.norm(self.S - before))

    def balance(self, primal: float, dual: float) -> None:
        """Move rho toward equal residuals."""
        ratio = even_out(primal, dual, CHANGE)
        if ratio != 1.0:
            self.accelerate.restart()
        self.rho, self.U = self.rho * ratio, self.U / ratio

    def value(self) -> float:
        """Return d of the multiple of W whose polar J proves to be at most lam."""
        lam = self.problem.lam
        low = float(np.linalg.eigvalsh(self.unit - self.hat(self.W) - self.J)[0])
        return scaling.value(self.problem, self.W, lam / (lam + max(-low, 0.0)))


def first_price(problem: Problem) -> float:
    """Return a first rho: by the loss's curvature, or the size of Z over that of W, about lam."""
    loss, lam = problem.loss, problem.lam
    if np.isfinite(loss.curvature):
        return 0.1 * min(1.0 / loss.curvature, 1e12)
    zero = loss.observed.field(np.zeros(loss.observed.dims))
    size = float(np.sqrt(np.mean(np.square(loss.prox(zero, 1.0 / lam)))))
    return size / lam if 0 < size / lam < np.inf else 0.1


def polish(joint: Joint, steps: int, wanted: float, expired: Callable[[], bool]) -> Pair | None:
    """Return W and J of the highest value in a number of steps, or None if none was finite.

    wanted: the value at which to stop.
    """
    best, seen = -np.inf, list[float]()
    at: Pair | None = None
    for k in range(steps):
        residuals = joint.step()
        if k % EVERY == EVERY - 1:
            value = joint.value()
            if value > best:
                best, at = (
                    value,
                    Pair(joint.W, joint.J, joint.N if joint.form.has_multiplier else None),
                )
            seen.append(best)
            late = len(seen) > 4 and best - seen[-4] <= STALLED * (wanted - best)  # noqa: PLR2004
            if best >= wanted or late or expired():
                break
            joint.balance(*residuals)
    return at


def simple(problem: Problem) -> bool:
    """Whether no offsets, or free ones of an unweighted fit, leave W a plain projection."""
    if not problem.offsets:
        return True
    plain = isinstance(problem.loss, Squared) and problem.loss.scale is None
    return plain and all(o.free and not o.entrywise for o in problem.offsets)


def remove_offsets(problem: Problem, W: Array) -> Array:
    """Return the nearest W with A* W = 0: what is left of W as data when A q is fitted to it."""
    if not problem.offsets:
        return W
    q = problem.fit_offsets(np.asarray(getattr(problem.loss, "data") - W))  # noqa: B009
    return np.asarray(W - problem.shift(q))
