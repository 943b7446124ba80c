"""The relaxations' first-order method: alternating directions between a cone and a polyhedron."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np

from certify.base.arrays import Array
from certify.base.minimize import even_out

from .cone import Cone

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


class Bounded(Protocol):
    """What proves a bound."""

    @property
    def bound(self) -> float:
        """The bound."""


B = TypeVar("B", bound=Bounded)


class Iterates(ABC):
    """X in a cone, its copy Z in a polyhedron, and the scaled multiplier U of X = Z.

        X = nearest of the cone to Z - U,    V = relax X + (1 - relax) Z + U,
        Z = nearest of the polyhedron to V,  U = V - Z

    They may be in float32.  before is Z one step earlier.

    Source: Boyd et al. 2011.
    """

    relax = RELAX
    cone: Cone
    X: Array
    Z: Array
    U: Array
    before: Array

    @abstractmethod
    def polyhedron(self, V: Array) -> Array:
        """Return the nearest matrix of the polyhedron."""

    def begin(self, Z: Array, U: Array) -> None:
        """Start at Z and U."""
        self.X = self.before = self.Z = Z
        self.U = U

    def move(self, rho: float) -> Array:
        """Move X; return V."""
        self.X = self.cone.project(self.Z - self.U, self.Z.dtype.type(rho))
        return over_relax(self.X, self.Z, self.U, self.relax)

    def meet(self, V: Array) -> None:
        """Move Z and U."""
        self.before, self.Z = self.Z, self.polyhedron(V)
        self.U = V - self.Z

    def scale_multiplier(self, ratio: float) -> None:
        """Multiply rho by a ratio: the multiplier rho U stays."""
        self.U = self.U / self.U.dtype.type(ratio)


class Alternation(Iterates, Generic[B]):
    """Alternating directions of which each multiplier proves a bound; the best one is kept.

    rho  the price of X != Z
    """

    every, look = 10, 50  # steps between bounds, and between looks at how far they fell
    rho: float

    @abstractmethod
    def bound(self) -> B:
        """Return the multiplier with the bound that it proves."""

    @abstractmethod
    def is_over(self, history: Sequence[float], stop: Stop) -> bool:
        """Whether bounds fall too little, given those at the start and of every look."""

    def step(self) -> None:
        """Project on the cone, over-relax, project on the polyhedron."""
        self.meet(self.move(self.rho))

    def adapt(self, k: int, stop: Stop) -> Self:  # noqa: ARG002  for those that grow
        """Return the iterates to go on with after k steps."""
        if k % self.look == 0:
            self.balance(1.4)
        return self

    def balance(self, most: float) -> None:
        """Move rho toward equal residuals, at most by this factor."""
        gap, moved = np.linalg.norm(self.X - self.Z), np.linalg.norm(self.Z - self.before)
        ratio = even_out(float(gap), float(moved), most)
        self.rho *= ratio
        self.scale_multiplier(ratio)

    def solve(self, best: B, stop: Stop) -> tuple[Self, B, int]:
        """Run until a bound is at most the target, or no longer falls.

        Return the iterates, the best of their bounds and `best`, and the number of steps.
        """
        run, history, k = self, [best.bound], 0
        while best.bound > stop.target and k < stop.steps and not stop.expired():
            k += 1
            run.step()
            if k % run.every == 0:
                best = min(best, run.bound(), key=lambda x: x.bound)
            if k % run.look == 0:
                history.append(best.bound)
                if run.is_over(history, stop):
                    break
            run = run.adapt(k, stop)
        if k % run.every and best.bound > stop.target:
            best = min(best, run.bound(), key=lambda x: x.bound)
        return run, best, k


def over_relax(X: Array, Z: Array, U: Array, relax: float = RELAX) -> Array:
    """Return relax X + (1 - relax) Z + U."""
    dtype: Any = X.dtype.type
    V: Array = dtype(relax) * X
    V += dtype(1 - relax) * Z
    V += U
    return V


class Anderson:
    """Anderson's acceleration of a fixed-point iteration v -> F(v).

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

    def __call__(self, image: Array) -> Array:
        """Return the next v, given F of the one that was returned last."""
        goal = image.reshape(-1)
        if self.at is None or self.at.size != goal.size:
            self.restart()
            self.unit = int(np.frexp(np.abs(goal).max(initial=0.0))[1])
            self.at = goal = np.ldexp(goal, -self.unit)
        else:
            goal = np.ldexp(goal, -self.unit)
            self.at = self.next(goal, goal - self.at)
        return np.asarray(np.ldexp(self.at, self.unit).reshape(image.shape))

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
