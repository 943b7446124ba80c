"""The relaxation of a group of modes, by alternating directions.

    max <C, X>  over  X >= 0 (semidefinite),  X constant on each class of pairs,
                      X >= 0 on classes that have a sign,  sum over a ball of X_aa <= size

X lives in the semidefinite cone, its copy Y in the polyhedron; one eigendecomposition a step.
The multiplier of Y is J + Diag(D): every one seen gives a bound by one largest eigenvalue,

    <C, X> <= sum over balls of size (D + lambda_max(C + J - Diag D))_+ .
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from certify.base.arrays import Array, Ints
from certify.polar.eigen import largest_eigenvalue

from .cone import Columns, Cone
from .cut import Cut
from .steps import Alternation, Anderson, Stop, over_relax

LEAST = 8  # looks before it may end
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
        run = ProductRun(program, size, start)
        run, best, k = run.solve(best, stop)
        return Relaxed(run.Z * program.total, best, k, Warm(run.Z, tuple(run.U), run.rho))


class ProductRun(Alternation[ProductMultiplier]):
    """The iterates, in units where |C| = 1 and the balls sum to 1.

    U  (1 + cuts, d, d): the scaled multipliers of X in the cone, and of its copy in each cut
    """

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
        self.every = RARE if len(program.C) > LARGE else self.every
        self.accelerate = Anderson()
        d, copies = len(program.C), 1 + len(program.cuts)
        Z, U = np.eye(d) / d, np.zeros((copies, d, d))
        if isinstance(start, Warm):
            Z, self.rho = start.Y, start.rho
            U[: len(start.U)] = start.U
        elif start is not None:
            Z = self.polyhedron(start[None] / program.total)
        self.begin(Z, U)

    def move(self, rho: float) -> Array:
        """Move all copies of X; return V of each."""
        self.X = self.cone.project(self.Z - self.U[0], rho)
        cuts = zip(self.program.cuts, self.U[1:], strict=True)
        copies = np.stack([self.X, *(c.part(self.Z - u) for c, u in cuts)])
        return self.accelerate(over_relax(copies, self.Z, self.U))

    def polyhedron(self, V: Array) -> Array:
        """Return the matrix nearest to all V that is constant on classes, signed, within balls."""
        p = self.program
        y = p.means(V.mean(axis=0), self.counts)
        y = np.where(p.signed, np.maximum(y, 0.0), y)
        excess = np.bincount(p.ball, self.own * y[self.diagonal]) - self.balls
        self.tau = np.maximum(excess / self.weight, 0.0)
        y -= np.bincount(self.diagonal, self.tau[p.ball] * self.own, y.size) / self.counts
        return np.asarray(y[p.labels] if p.scale is None else y[p.labels] * p.weights)

    def bound(self) -> ProductMultiplier:
        """Return the multiplier with its bound."""
        return repair(self.program, *self.multiplier())

    def is_over(self, history: Sequence[float], stop: Stop) -> bool:
        """Whether four looks gained too little: `least_gain`, or SHARE of the rest."""
        last = history[-1]
        least = max(stop.least_gain * abs(last), SHARE * (last - stop.target))
        return len(history) > LEAST and history[-5] - last <= least

    def multiplier(self) -> tuple[Array, Array, tuple[Array, ...]]:
        """Return (J, D, H) in the program's own units, J of the cone it must lie in."""
        p, count, by = self.program, len(self.U), self.rho * self.size
        J = -self.U.sum(axis=0)
        J[np.diag_indices_from(J)] += count * self.tau[p.ball]
        j = p.means(J, self.counts)
        J -= np.where(p.signed, np.minimum(j, 0.0), j)[p.labels]
        H = (c.multiplier(u) * by for c, u in zip(p.cuts, self.U[1:], strict=True))
        return (J + J.T) * (by / 2), self.tau * (count * by), tuple(H)

    def scale_multiplier(self, ratio: float) -> None:
        """Multiply rho by a ratio, which changes v of the accelerated iteration."""
        if ratio != 1.0:
            self.accelerate.restart()
        super().scale_multiplier(ratio)


def repair(program: ProductProgram, J: Array, D: Array, H: tuple[Array, ...]) -> ProductMultiplier:
    """Return the multiplier with its proved bound: D is raised until G - Diag(D) <= 0."""
    g = program.C + J
    for cut, h in zip(program.cuts, H, strict=False):
        g[cut.block, cut.block] += cut.lift(h)
    g[np.diag_indices_from(g)] -= D[program.ball]
    lifted = np.maximum(D + largest_eigenvalue(g), 0.0)
    H = H or tuple(np.zeros_like(c.reduce(g)) for c in program.cuts)
    return ProductMultiplier(J, lifted, float(program.sizes @ lifted), H)
