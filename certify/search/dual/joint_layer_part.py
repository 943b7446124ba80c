"""ADMM for one part of a layer's tree: X in the semidefinite cone, Z in the polyhedron.

A part has a sign of v and cuts a . u >= 0; its facts, each >= 0, are p, q = p - F u and the cuts.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from certify.base.arrays import Array
from certify.polar.branching.layer_parts import Path
from certify.polar.relaxation.cone import Cone
from certify.polar.relaxation.frame import WEIGHT
from certify.polar.relaxation.layer_admm import LayerIterates
from certify.polar.relaxation.layers import LayerForm
from certify.polar.relaxation.row_bounds import RowBound, keep_used, with_zeros

RELAX = 1.8  # over-relaxation


class Leaf(NamedTuple):
    """A part: the sign of v, its cuts, X over (p, u, s) with trace 1 in u, multipliers N and Y.

    row_bounds  those that are the last facts
    """

    sign: int
    cuts: Path
    X: Array
    N: Array
    Y: Array
    row_bounds: tuple[RowBound, ...] = ()


class Part(LayerIterates):
    """The iterates of one part.

    cuts    of the part, without the one by sign
    column  the products of p and s in Z; None: as they are
    """

    relax = RELAX

    def __init__(
        self, form: LayerForm, cuts: Path, lam: float, start: tuple[Array, Array | None]
    ) -> None:
        """Start at (X over x, the U of its facts; None: U = 0)."""
        super().__init__(form)
        self.cuts = cuts
        self.column: Array | None = None
        (m, d) = form.F.shape
        T = np.delete(self.frame.T[m:], range(form.norm_size, d), axis=0)
        price = self.frame.congruence((-0.5 * lam * T.T @ T).astype(self.form.dtype))
        self.cone = Cone(self.frame, price)
        self.equal, self.reach = self.lengths()
        Z, U = self.products(start[0]), start[1]
        self.begin(Z, np.zeros_like(Z) if U is None else U)

    def lengths(self) -> tuple[Array, Array]:
        """Return orthonormal normals of |u|^2 = s^2 and b^2 <= (reach s)^2 on the diagonal of Z.

        Over the entries of u, weighted, and of s.
        """
        d, priced = self.form.F.shape[1], self.form.norm_size
        equal = np.append(np.ones(priced), np.zeros(d + 1 - priced))
        equal[-1] = -1.0
        equal /= np.linalg.norm(equal)
        reach = np.zeros(d + 1)
        if self.form.reach:
            reach[d - 1] = self.frame.weights[-1] ** -2
            reach[-1] = -((self.form.reach / WEIGHT) ** 2)
            reach -= equal * (equal @ reach)
            reach /= np.linalg.norm(reach)
        return equal.astype(self.form.dtype), reach.astype(self.form.dtype)

    def next_row_bounds(
        self, expired: Callable[[], bool] = lambda: False, *, cut: bool = False
    ) -> tuple[tuple[RowBound, ...], Array]:
        """Return the bounds of rows in use and those that X violates, and the U of both.

        expired  returns whether no more are to be looked for
        cut      whether U is beside another cut too
        """
        form = self.original
        found = form.find_row_bounds(self.over(), expired) if form.crowded else ()
        used, U = keep_used(form.row_bounds, self.U)
        if cut:
            U = with_zeros(U, len(U) - len(used))
        return used + found, np.pad(U, (0, len(found)))

    def ends(self, V: Array) -> Array:
        """Return the products of p and s, and the norms of those of p and u."""
        p, (*u, s) = self.rows.p, self.rows.ball
        return np.stack([V[p, s], np.linalg.norm(V[np.ix_(p, u)], axis=1)]).astype(float)

    def meet_with(self, V: Array, column: Array) -> None:
        """Move Z and U, with these products of p and s."""
        self.column = column.astype(self.form.dtype)
        self.meet(V)

    def polyhedron(self, V: Array) -> Array:
        """Return the projection; u's own rows are bound only by |u| = s and a bias's reach."""
        Z = self.rows.project(V, self.column)
        diagonal = np.einsum("ii->i", Z)
        diagonal[self.rows.own] -= self.equal * (self.equal @ diagonal[self.rows.own])
        excess = max(float(self.reach @ diagonal[self.rows.own]), 0.0)
        diagonal[self.rows.own] -= self.reach * excess
        return Z

    def residuals(self) -> Array:
        """Return the squares of X - Z, of Z, of Z's last move and of U."""
        parts = self.X - self.Z, self.Z, self.Z - self.before, self.U
        return np.array([float(np.vdot(x, x)) for x in parts])

    def leaf(self, W: Array, rho: float) -> Leaf:
        """Return X, N and Y in the units of the form; W times e / 2 t is no part of Y."""
        m, U = len(self.form.F), rho * self.U.astype(float)
        U[self.rows.p, self.rows.s] += 0.5 * self.form.sign * W / WEIGHT
        (N, Y), X = self.multipliers_of(U), self.over()
        priced = np.arange(m, m + self.form.norm_size)
        X /= max(float(X[priced, priced].sum()), np.finfo(float).tiny)
        dtype, rows = self.form.dtype, self.form.row_bounds
        return Leaf(self.form.sign, self.cuts, X, N.astype(dtype), Y, rows)
