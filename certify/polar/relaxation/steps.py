"""Stopping, step lengths and acceleration of iterations by alternating directions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from certify.base.arrays import Array
from certify.base.minimize import even_out

RELAX = 1.6  # over-relaxation
EVERY, MEMORY = 5, 6  # steps between combinations, and how many differences are combined
TRUST = 2.0  # growth of the residual for which a combination is taken back
RIDGE = 1e-8  # of the least squares for a combination, relative to their trace
STORED = 10_000_000  # numbers in all differences at most


@dataclass(frozen=True)
class Stop:
    """When a solve ends: the bound is at most `target`, after `steps`, or once `expired` is true.

    It also ends when the bound gains at most `least_gain`, relative, over several bounds.
    """

    target: float
    steps: int = 1000
    least_gain: float = 1e-6
    expired: Callable[[], bool] = lambda: False


def step_ratio(copies: tuple[Array, Array], before: Array, rho: float, most: float) -> float:
    """Return the factor of rho toward equal residuals, between 1 / most and most.

    copies  X in the cone and Z in the polyhedron; before: Z one step earlier
    """
    X, Z = copies
    return even_out(float(np.linalg.norm(X - Z)), rho * float(np.linalg.norm(Z - before)), most)


class Anderson:
    """Anderson's acceleration of a fixed-point iteration v -> F(v), of one array or several.

    Every EVERY steps v is replaced by F(v) - sum c_j (F(v) - F(v_j)), the v_j before, where c
    makes the same combination of the residuals F - v as small as it can.  Where the residual of
    such a v is TRUST times the last one or more, the step is taken back.  A combination
    longer than F(v) is not taken: where all steps are alike, as on a face, it would be very long.
    In alternating directions v is the point whose projection is Z, and U = v - Z; a change of rho
    changes v, and needs a restart.

    Source: Walker and Ni 2011; Zhang, O'Donoghue and Boyd 2020.
    """

    def __init__(self) -> None:
        self.unit = 0
        self.restart()

    def restart(self) -> None:
        """Forget all steps."""
        self.at: Array | None = None  # v, times 2**-unit, so that no square is beyond floats
        self.count = 0
        self.last: tuple[Array, Array] | None = None  # F(v) - v and F(v), EVERY steps ago
        self.changes: list[tuple[Array, Array]] = []  # of both
        self.safe: tuple[float, Array] | None = None  # the residual before v, and the plain step

    def __call__(self, goals: Sequence[Array]) -> list[Array]:
        """Return the next v, given F of the one that was returned last."""
        goal = np.concatenate([x.reshape(-1) for x in goals])
        if self.at is None or self.at.size != goal.size:
            self.restart()
            self.unit = int(np.frexp(np.abs(goal).max(initial=0.0))[1])
            self.at = goal = np.ldexp(goal, -self.unit)
        else:
            goal = np.ldexp(goal, -self.unit)
            self.at = self.next(goal, goal - self.at)
        ends = np.cumsum([x.size for x in goals])[:-1]
        parts = np.split(np.ldexp(self.at, self.unit), ends)
        return [x.reshape(y.shape) for x, y in zip(parts, goals, strict=True)]

    def next(self, goal: Array, rest: Array) -> Array:
        """Return the next v; rest: F(v) - v."""
        size, safe = float(np.linalg.norm(rest)), self.safe
        self.safe, self.count = None, self.count + 1
        if safe is not None and not size <= TRUST * safe[0]:
            self.restart()
            return safe[1]
        if self.count % EVERY:
            return goal
        if self.last is not None:
            change = rest - self.last[0], goal - self.last[1]
            self.changes = [*self.changes, change][-min(MEMORY, max(STORED // goal.size, 1)) :]
        self.last = rest, goal
        if len(self.changes) < 2:  # noqa: PLR2004  one difference is a secant
            return goal
        move = self.combine(goal, rest)
        if not float(np.linalg.norm(move)) <= float(np.linalg.norm(goal)) < np.inf:
            return goal
        self.safe = size, goal
        return goal - move

    def combine(self, goal: Array, rest: Array) -> Array:
        """Return sum c_j (F(v) - F(v_j)) with the least residual; not finite beyond floats."""
        gram = np.array([[float(x @ y) for y, _ in self.changes] for x, _ in self.changes])
        gram[np.diag_indices_from(gram)] += RIDGE * float(np.trace(gram))
        if not np.isfinite(gram).all():
            return np.full_like(goal, np.inf)
        c = np.linalg.lstsq(gram, np.array([float(x @ rest) for x, _ in self.changes]))[0]
        moves = zip(c, self.changes, strict=True)
        return np.asarray(sum((w * x for w, (_, x) in moves), np.zeros_like(goal)))
