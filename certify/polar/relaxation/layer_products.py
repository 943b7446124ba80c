"""The products of a hidden layer's facts, and their cones, over the rows of a frame.

The products of two facts are >= 0, but those of p_i and q_i are 0.  With s = |u| a fact f has
|f u| <= f s: its row over u and s is in a second-order cone.  Multipliers of both are N and
Y = (y, t), |y| <= t, as `LayerForm.quadratic` takes them.
"""

import numpy as np

from certify.base.arrays import Array, Ints

from .frame import WEIGHT
from .layers import LayerForm


class Products:
    """Where the rows (p, q, u, s, cuts) of a form are, and what their products are like."""

    def __init__(self, form: LayerForm) -> None:
        m, d = form.F.shape
        radial = abs(form.sign)
        self.form, self.p, self.q = form, np.arange(m), np.arange(m, 2 * m)
        self.u = np.arange(2 * m, 2 * m + d)
        self.s = np.arange(2 * m + d, 2 * m + d + radial)
        cuts = 2 * m + d + radial + np.arange(len(form.cuts))
        self.facts: Ints = np.concatenate([self.p, self.q, cuts])
        self.ball = np.concatenate([self.u[: form.norm_size], self.s])
        self.own = slice(2 * m, 2 * m + d + radial)  # the rows of u and s

    def project(self, V: Array, column: Array | None = None) -> Array:
        """Return the nearest products to V, symmetric.

        Those of u and s are free, and those of bounds of rows, which are in cones only.

        column  the products of s and p, where they are known
        """
        Z, own, free = np.maximum(V, 0), self.own, len(V) - len(self.form.row_bounds)
        Z[self.p, self.q] = Z[self.q, self.p] = 0
        Z[free:], Z[:free, free:] = V[free:], V[:free, free:]
        Z[:, own] = V[:, own]
        if self.form.sign:
            near = V[:, self.ball]
            sizes = np.sqrt(np.square(near[:, :-1]).sum(axis=1))
            ends = np.maximum(near[:, -1], 0.5 * np.maximum(sizes + near[:, -1], 0))
            if column is not None:
                ends[: len(column)] = column
            near[:, :-1] *= (np.minimum(ends, sizes) / np.where(sizes > 0, sizes, 1))[:, None]
            near[:, -1] = ends
            Z[:, self.ball] = near
        Z[own] = Z[:, own].T
        Z[own, own] = V[own, own]
        return Z

    def multipliers(self, U: Array) -> tuple[Array, Array]:
        """Return N and Y of -U, U over the rows."""
        block = -U[np.ix_(self.facts, self.facts)].astype(float)
        N = np.maximum(block, 0.0)
        N[self.p, self.q], N[self.q, self.p] = block[self.p, self.q], block[self.q, self.p]
        if not self.form.sign:
            return 0.5 * (N + N.T), self.form.no_cones()
        Y = U[np.ix_(self.facts, self.ball)].astype(float) * WEIGHT
        Y[:, -1] = np.maximum(-Y[:, -1], np.linalg.norm(Y[:, :-1], axis=1))
        return 0.5 * (N + N.T), Y

    def place(self, N: Array, Y: Array) -> Array:
        """Return U over the rows: `multipliers` the other way."""
        n = 2 * len(self.p) + len(self.u) + len(self.s) + len(self.form.cuts)
        U = np.zeros((n, n))
        U[np.ix_(self.facts, self.facts)] = -N
        if self.form.sign:
            near = Y * np.append(np.ones(self.form.norm_size), -1.0) / WEIGHT
            U[np.ix_(self.facts, self.ball)] = near
            U[np.ix_(self.ball, self.facts)] = near.T
        return U
