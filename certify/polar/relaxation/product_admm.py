"""The relaxation of a group of modes, by alternating directions.

    max <C, X>  over  X >= 0 (semidefinite),  X constant on each class of pairs,
                      X >= 0 on classes that have a sign,  sum over a ball of X_aa <= size

X lives in the semidefinite cone, its copy Y in the polyhedron; one eigendecomposition a step.
The multiplier of Y is J + Diag(D): every one seen gives a bound by one largest eigenvalue,

    <C, X> <= sum over balls of size (D + lambda_max(C + J - Diag D))_+ .
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from certify.base.arrays import Array, Ints
from certify.polar.eigen import largest_eigenvalue

from .cone import Columns, Cone
from .cut import Cut
from .steps import RELAX, Anderson, Stop, step_ratio

EVERY, SLOW = 10, 50  # steps between bounds, and between balances of the step size
RHO = 0.3  # first step size, where |C| = 1 and the balls sum to 1
SHARE = 0.02  # of the way to the target
LARGE, RARE = 500, 25  # rows from which bounds are rarer, and steps between them


class ProductMultiplier(NamedTuple):
    """J (d, d), D (one number a ball), the cuts' H, and the bound of <C, X> they prove."""

    J: Array
    D: Array
    bound: float
    H: tuple[Array, ...] = ()


class Warm(NamedTuple):
    """Where a solve stopped: Y, the scaled multipliers of its copies, and the step size."""

    Y: Array
    U: tuple[Array, ...]
    rho: float


@dataclass(frozen=True)
class ProductProgram:
    """C (d, d), the classes of its entries, their signs, and the balls of its diagonal.

    labels  the class of each entry, 0 ... classes - 1, symmetric
    signed  which classes are >= 0
    ball    the ball of each row; the entries of a class on the diagonal share one
    sizes   of the balls
    cuts    half spaces that X lies in, too
    scale   X_ab / (scale_a scale_b) is constant on classes; None: all 1
    """

    C: Array
    labels: Ints
    signed: Array
    ball: Ints
    sizes: Array
    cuts: tuple[Cut, ...] = ()
    scale: Array | None = None

    @cached_property
    def weights(self) -> Array:
        """What each entry of X is per unit of its class."""
        s = np.ones(len(self.C)) if self.scale is None else self.scale
        return np.multiply.outer(s, s)

    @property
    def total(self) -> float:
        """The largest trace of X."""
        return float(self.sizes.sum())

    def means(self, V: Array, counts: Array) -> Array:
        """Return the weighted mean of V over each class; counts: the sums of squared weights."""
        weighted = V if self.scale is None else V * self.weights
        sums = np.bincount(self.labels.reshape(-1), weighted.reshape(-1), counts.size)
        return np.asarray(sums / counts)


class Relaxed(NamedTuple):
    """The end of a solve: X (d, d) of the polyhedron, the best multiplier, the steps."""

    X: Array
    best: ProductMultiplier
    steps: int
    warm: Warm | None = None


def solve(program: ProductProgram, stop: Stop, start: Array | Warm | None = None) -> Relaxed:
    """Run from a matrix X (rank one at the maximizers, best) until the bound is good.

    Or resume where another solve stopped, which had the same cuts or the first of them.
    """
    d, size = len(program.C), float(np.linalg.norm(program.C))
    best = repair(program, np.zeros((d, d)), np.zeros(program.sizes.size), ())
    if size == 0.0:
        return Relaxed(np.zeros((d, d)), best, 0)
    with threadpool_limits(1 if d <= LARGE else None, user_api="blas"):
        run = _Run(program, size, start)
        history = [best.bound]
        k, every = 0, EVERY if d <= LARGE else RARE
        while best.bound > stop.target and k < stop.steps and not stop.expired():
            k += 1
            run.step()
            if k % every == 0 or k == stop.steps:
                best = min(best, repair(program, *run.multiplier()), key=lambda m: m.bound)
            if k % SLOW == 0:
                run.balance()
                history.append(best.bound)
                least = max(stop.least_gain * abs(best.bound), SHARE * (best.bound - stop.target))
                if k >= 8 * SLOW and history[-5] - best.bound <= least:
                    break
        return Relaxed(run.Y * program.total, best, k, Warm(run.Y, tuple(run.U), run.rho))


class _Run:
    """The iterates, in units where |C| = 1 and the balls sum to 1."""

    def __init__(self, program: ProductProgram, size: float, start: Array | Warm | None) -> None:
        self.program, self.size = program, size
        self.cone = Cone(Columns(np.eye(len(program.C))), program.C / size)
        flat = program.labels.reshape(-1)
        counts = np.bincount(flat, np.square(program.weights).reshape(-1))
        self.counts = np.asarray(counts, dtype=np.float64)
        self.diagonal = program.labels.diagonal()
        self.own = program.weights.diagonal()
        share = np.bincount(self.diagonal, self.own, self.counts.size) / self.counts
        self.weight = np.bincount(program.ball, self.own * share[self.diagonal])
        self.balls = program.sizes / program.total
        self.rho, self.tau = RHO, np.zeros(self.balls.size)
        self.accelerate = Anderson()
        self.begin(start)

    def begin(self, start: Array | Warm | None) -> None:
        """Set Y and the multipliers U of its copies: in the cone, and in each cut."""
        d, warm = len(self.program.C), start if isinstance(start, Warm) else None
        if warm is not None:
            self.Y, self.rho = warm.Y, warm.rho
        elif isinstance(start, np.ndarray):
            self.Y = self.polyhedron(start / self.program.total)
        else:
            self.Y = np.eye(d) / d
        self.U = [] if warm is None else [*warm.U]
        self.U += [np.zeros((d, d)) for _ in range(1 + len(self.program.cuts) - len(self.U))]
        self.X = self.before = self.Y

    def step(self) -> None:
        """Project on the cone and the cuts, over-relax, project the mean on the polyhedron."""
        self.X = self.cone.project(self.Y - self.U[0], self.rho)
        copies = [self.X]
        copies += [c.part(self.Y - u) for c, u in zip(self.program.cuts, self.U[1:], strict=True)]
        stay = (1 - RELAX) * self.Y
        V = self.accelerate([RELAX * x + stay + u for x, u in zip(copies, self.U, strict=True)])
        self.before, self.Y = self.Y, self.polyhedron(sum(V[1:], V[0]) / len(V))
        self.U = [v - self.Y for v in V]

    def polyhedron(self, V: Array) -> Array:
        """Return the nearest matrix that is constant on classes, signed and within balls."""
        p = self.program
        y = p.means(V, self.counts)
        y = np.where(p.signed, np.maximum(y, 0.0), y)
        excess = np.bincount(p.ball, self.own * y[self.diagonal]) - self.balls
        self.tau = np.maximum(excess / self.weight, 0.0)
        y -= np.bincount(self.diagonal, self.tau[p.ball] * self.own, y.size) / self.counts
        return np.asarray(y[p.labels] if p.scale is None else y[p.labels] * p.weights)

    def multiplier(self) -> tuple[Array, Array, tuple[Array, ...]]:
        """Return (J, D, H) in the program's own units, J of the cone it must lie in."""
        p, count, by = self.program, len(self.U), self.rho * self.size
        J = -sum(self.U[1:], self.U[0])
        J[np.diag_indices_from(J)] += count * self.tau[p.ball]
        j = p.means(J, self.counts)
        J -= np.where(p.signed, np.minimum(j, 0.0), j)[p.labels]
        H = (c.multiplier(u) * by for c, u in zip(p.cuts, self.U[1:], strict=True))
        return (J + J.T) * (by / 2), self.tau * (count * by), tuple(H)

    def balance(self) -> None:
        """Move rho slowly toward equal residuals."""
        ratio = step_ratio((self.X, self.Y), self.before, self.rho, 1.4)
        if ratio != 1.0:
            self.accelerate.restart()
        self.rho *= ratio
        self.U = [u / ratio for u in self.U]


def repair(program: ProductProgram, J: Array, D: Array, H: tuple[Array, ...]) -> ProductMultiplier:
    """Return the multiplier with its proved bound: D is raised until G - Diag(D) <= 0."""
    g = program.C + J
    for cut, h in zip(program.cuts, H, strict=False):
        g[cut.block, cut.block] += cut.lift(h)
    g[np.diag_indices_from(g)] -= D[program.ball]
    lifted = np.maximum(D + largest_eigenvalue(g), 0.0)
    H = H or tuple(np.zeros_like(c.reduce(g)) for c in program.cuts)
    return ProductMultiplier(J, lifted, float(program.sizes @ lifted), H)
