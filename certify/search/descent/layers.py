"""Lower the objective over all neurons at a fixed number of them, by quasi-Newton steps.

    min over U, V, q of  E(s(F U) V^T + A q) + lam/2 (|U|^2 + |V|^2) + H(q)

This is the balanced form, whose minima are those of lam sum |u_k| |v_k|.  At a kink a one-sided
slope is used, and the descent ends when a step does not lower the objective.  Neurons may be kept
on their kinks, where the objective is smooth.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.base.minimize import minimize
from certify.problem import Problem, Values
from certify.search.coordinates.layers import Net
from certify.search.envelope import Smoothed

from .cells import CellProgram, Cells

KINK = 1e-5  # |f . u| / |f| |u| at which a neuron is on the kink of f


@dataclass(frozen=True)
class Descent:
    """The objective and its coordinates: U, those of V, and the offsets.

    kept  projectors (r, d, d) onto the directions in which each u may move; None: all directions
    """

    problem: Problem
    smoothed: Smoothed
    factors: Factors
    q: Values
    kept: Array | None = None

    @cached_property
    def net(self) -> Net:
        """The network."""
        return Net(self.problem)

    @cached_property
    def program(self) -> CellProgram:
        """A program of cells, for its offsets alone."""
        U, V = self.factors
        return CellProgram(self.problem, Cells(U, V, U, U), self.q)

    @property
    def loose(self) -> bool:
        """Whether output weights move freely; otherwise V = turn * c, of fixed directions."""
        return self.problem.lam == 0 or self.net.outputs == 1 or self.net.right.spherical

    @cached_property
    def mask(self) -> Array:
        """1 where U may move: everywhere at lam = 0, else in each neuron's block."""
        U = self.factors[0]
        return self.net.mask(U) if self.problem.lam else np.ones_like(U)

    @cached_property
    def turn(self) -> Array:
        """The directions of the output weights."""
        return self.net.units(self.factors)[1]

    def start(self) -> Array:
        """Return the coordinates of the factors and offsets."""
        U, V = self.along(self.factors[0]), self.factors[1]
        c = V if self.loose else np.asarray(self.net.right.value(V))
        flat = [x.reshape(-1) for x in self.q] if self.program.moves else []
        return np.concatenate([U.reshape(-1), c.reshape(-1), *flat])

    def unpack(self, z: Array) -> tuple[Array, Array, Array]:
        """Return U, the coordinates of V, and the offsets, flat."""
        (d, r), o = self.factors[0].shape, len(self.factors[1])
        cut = d * r + (o * r if self.loose else r)
        c = z[d * r : cut].reshape(o, r) if self.loose else z[d * r : cut]
        return z[: d * r].reshape(d, r), c, z[cut:]

    def finish(self, z: Array) -> tuple[Factors, Values]:
        """Return balanced factors and offsets."""
        U, c, q = self.unpack(z)
        V = c if self.loose else self.turn * np.maximum(c, 0.0)
        return self.net.balance((U, self.net.right.project_cone(V))), self.program.values(q)

    def along(self, U: Array) -> Array:
        """Return the projection of each column that keeps its neuron on its kinks."""
        return U if self.kept is None else np.einsum("kij,jk->ik", self.kept, U)

    def at(self, z: Array) -> tuple[float, Array]:
        """Return the objective and its slope."""
        net, lam = self.net, self.problem.lam
        U, c, q = self.unpack(z)
        V = c if self.loose else self.turn * c
        hidden, back = net.linearize(U)
        A, K = self.program.offsets
        field = np.asarray(self.problem.loss.observed.product(hidden, V) + self.program.base)
        field = field + (A @ q).reshape(field.shape)
        value, W = self.smoothed.at(field)
        dense = net.dense(W)
        priced = U.copy()
        priced[len(U) - net.layer.free :] = 0.0
        slope_U = self.along(self.mask * (lam * priced - back(dense @ V)))
        pull = dense.T @ hidden
        slope_c = lam * c - (pull if self.loose else (pull * self.turn).sum(axis=0))
        value += 0.5 * lam * float(np.square(priced).sum() + np.square(c).sum())
        value += 0.5 * float(q @ (K @ q))
        slope_q = K @ q - A.T @ W.reshape(-1)
        return value, np.concatenate([slope_U.reshape(-1), slope_c.reshape(-1), slope_q])

    def bounds(self) -> tuple[Array, Array]:
        """Return the bounds of all coordinates: the cones of the output weights."""
        U, V = self.factors
        r = U.shape[1]
        if self.loose:
            low, high = (np.repeat(s, r) for s in self.net.right.sides(len(V)))
        else:
            low, high = np.zeros(r), np.full(r, np.inf)
        free = np.full(self.start().size - U.size - low.size, np.inf)
        wide = np.full(U.size, np.inf)
        return np.concatenate([-wide, low, -free]), np.concatenate([wide, high, free])


def on_kinks(net: Net, U: Array) -> Array:
    """Return projectors (r, d, d) onto the directions that keep f_i . u = 0 where it is about 0."""
    F, (d, r) = net.layer.features, U.shape
    sizes = np.outer(np.linalg.norm(F, axis=1), np.linalg.norm(U, axis=0))
    near = (np.abs(F @ U) <= KINK * sizes) & (sizes > 0)
    out = np.repeat(np.eye(d)[None], r, axis=0)
    for k in range(r):
        rows = F[near[:, k]]
        _, values, right = np.linalg.svd(rows) if len(rows) else (0, np.zeros(0), np.eye(d))
        rank = int((values > KINK * values.max(initial=0.0)).sum())
        if 0 < rank < d:
            out[k] -= right[:rank].T @ right[:rank]
    return out


def descend(
    task: Descent,
    steps: int,
    stall: float,
    expired: Callable[[], bool] = lambda: False,
    goal: float = np.inf,
) -> tuple[Factors, Values, int]:
    """Return factors and offsets of a lower objective, and the steps taken.

    stall  the gain of a few steps, relative to the objective, that ends the descent
    goal   an end above this objective is useless: the descent stops when it cannot reach it
    """
    if not task.factors[0].shape[1]:
        return task.factors, task.q, 1
    f, start, ends = task.at, task.start(), task.bounds()
    z, used = minimize(f, start, ends, steps=steps, stall=stall, expired=expired, goal=goal)
    return *task.finish(z), used
