"""The convex program of neurons whose activation patterns and output weights are fixed.

    min over x_k, q of  l(sum_k S_k F x_k v_k^T + A q) + lam sum_k |x_k| + H(q)
    subject to          (F x_k)_i >= 0 where S_k says active, <= 0 elsewhere

x_k = theta_k u_k.  With the cells of an optimum among them its minimum is the minimum over
all networks (Pilanci and Ergen 2020).
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import Array, Ints
from certify.problem import Problem, Values
from certify.problem.best_offsets import matrices, split_values
from certify.search.coordinates.layers import Net

OFFSETS = 400  # the most numbers in q that may join the program
ASIDE = 1e-7  # relative distance of the point whose activation pattern is taken


@dataclass(frozen=True)
class Cells:
    """Neurons x (d, r) with the slopes S (rows, r) of their cells, and unit V (outputs, r).

    mask  1 where x may be nonzero: in a neuron's block under a group norm, but not at an unpriced
          bias if all rows have one slope (then an intercept does the same)
    """

    S: Array
    V: Array
    x: Array
    mask: Array

    @property
    def size(self) -> int:
        """The number of cells."""
        return int(self.x.shape[1])

    def take(self, keep: Array | Ints) -> "Cells":
        """Return some of the cells."""
        return Cells(*(a[:, keep] for a in self.parts))

    def join(self, other: "Cells") -> "Cells":
        """Return these cells, followed by others."""
        return Cells(*(np.hstack(p) for p in zip(self.parts, other.parts, strict=True)))

    @property
    def parts(self) -> tuple[Array, ...]:
        """All arrays, whose last axis is the cell."""
        return self.S, self.V, self.x, self.mask

    def factors(self, net: Net) -> Factors:
        """Return balanced factors of the neurons."""
        x = self.x
        if net.layer.free:
            x = x.copy()
            side = np.where(self.S[0] == 1, 1.0, -1.0)
            inner = side * (net.layer.features[:, :-1] @ x[:-1])
            x[-1] = np.where(self.mask[-1] == 0, -side * inner.min(axis=0, initial=0.0), x[-1])
        return net.scale((x, self.V), net.layer.size(x))


def cells_of(net: Net, factors: Factors, seed: int) -> Cells:
    """Return the cells of neurons; for a neuron on a border, one of the cells it borders."""
    U, V = net.units(factors)
    F, slope = net.layer.features, net.layer.slope
    rng = np.random.default_rng(seed)
    aside = rng.standard_normal(U.shape) * ASIDE * np.abs(U).max(axis=0, initial=0.0)
    S = np.where(F @ (U + aside) > 0, 1.0, slope)
    mask = net.mask(U)
    if net.layer.free:
        mask[-1] = ~(S[:1] == S).all(axis=0)
    x = U * net.sizes(factors) * mask
    return Cells(S, V, x, mask)


@dataclass(frozen=True)
class CellProgram:
    """The program: the problem, the cells, and q, which is fixed unless it joins the program."""

    problem: Problem
    cells: Cells
    q: Values

    @cached_property
    def net(self) -> Net:
        """The network."""
        return Net(self.problem)

    @cached_property
    def moves(self) -> bool:
        """Whether the offsets join the program: no sparse part, and not too many numbers."""
        offsets, observed = self.problem.offsets, self.problem.loss.observed
        count = sum(int(np.prod(o.shape(observed))) for o in offsets)
        sparse = any(o.price for o in offsets)
        return bool(offsets) and not sparse and count <= OFFSETS

    @cached_property
    def design(self) -> Array:
        """The matrix of the map from all x and q to the field, one row for each entry."""
        net, cells = self.net, self.cells
        rows, cols = self.problem.loss.observed.listed
        blocks = []
        for s, v, m in zip(cells.S.T, cells.V.T, cells.mask.T, strict=True):
            hidden = net.layer.pool(s[:, None] * net.layer.features * m)
            blocks.append(hidden[rows] * v[cols, None])
        if self.moves:
            blocks.append(self.offsets[0])
        return np.hstack(blocks) if blocks else np.zeros((len(rows), 0))

    @cached_property
    def offsets(self) -> tuple[Array, Array]:
        """A and K, dense, of the offsets that join the program."""
        if not self.moves:
            return np.zeros((self.problem.loss.observed.size, 0)), np.zeros((0, 0))
        A, K = matrices(self.problem.offsets, self.problem.loss.observed)
        return np.asarray(A.toarray()), np.asarray(K.toarray())

    @cached_property
    def base(self) -> Array | float:
        """The part of the field from fixed offsets."""
        return 0.0 if self.moves or not self.problem.offsets else self.problem.shift(self.q)

    def values(self, flat: Array) -> Values:
        """Return the offsets; flat: their numbers, if they join the program."""
        if not self.moves:
            return self.q
        observed = self.problem.loss.observed
        return split_values(flat, [o.shape(observed) for o in self.problem.offsets])

    def finish(self, z: Array) -> tuple[Cells, Values]:
        """Return the cells and offsets of a solution."""
        d, r = self.cells.x.shape
        cells = replace(self.cells, x=z[: d * r].reshape(r, d).T * self.cells.mask)
        return cells, self.values(z[d * r :])
