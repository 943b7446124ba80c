"""Least squares on a tensor with a long l2 mode: the same problem in the span of that mode.

Let T_(k) = Q R with Q^T Q = I.  Replacing x^k by Q Q^T x^k lowers |x^k|_2 and the loss of every
full unweighted fit, so the best factors have x^k = Q z, and T x_k Q^T may replace T.  So a mode is
never longer than the product of all others.
"""

from dataclasses import dataclass

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.losses import Squared
from certify.problem import Problem


@dataclass(frozen=True)
class Compressed:
    """The smaller problem, the long mode, and an orthonormal basis of its span."""

    problem: Problem
    mode: int
    basis: Array
    dims: tuple[int, ...]

    def down(self, factors: Factors) -> Factors:
        """Return the factors in the coordinates of the span."""
        return self.multiply_long(factors, self.basis.T)

    def up(self, factors: Factors) -> Factors:
        """Return the same slices at the shape of the data."""
        return self.multiply_long(factors, self.basis)

    def multiply_long(self, factors: Factors, by: Array) -> Factors:
        """Return the factors, with that of the long mode multiplied by a matrix."""
        return tuple(by @ x if k == self.mode else x for k, x in enumerate(factors))

    def field_down(self, W: Array) -> Array:
        """Return the projection of a field onto the span, at the smaller shape."""
        tensor = np.moveaxis(W.reshape(self.dims), self.mode, 0)
        out = np.moveaxis(np.tensordot(self.basis.T, tensor, axes=1), 0, self.mode)
        return np.ascontiguousarray(out).reshape(len(out), -1)

    def field_up(self, W: Array) -> Array:
        """Return a field of the smaller problem at the shape of the data."""
        tensor = np.moveaxis(W.reshape(self.problem.loss.dims), self.mode, 0)
        out = np.tensordot(self.basis, tensor, axes=1)
        return np.ascontiguousarray(np.moveaxis(out, 0, self.mode)).reshape(self.dims[0], -1)


def compress(problem: Problem) -> Compressed | None:
    """Return the smaller problem, or None if no mode is longer than all others together."""
    loss, atom = problem.loss, problem.atom
    if not isinstance(loss, Squared) or not loss.observed.full or loss.scale is not None:
        return None
    if atom.family != "products" or atom.parts == 1 or problem.offsets:
        return None
    dims = loss.dims
    k = int(np.argmax(dims))
    norm, size = atom.gauges[k], int(np.prod(dims))
    if not norm.spherical or not norm.free or dims[k] * dims[k] <= size:
        return None
    moved = np.moveaxis(loss.data.reshape(dims), k, 0)
    Q, R = np.linalg.qr(moved.reshape(dims[k], -1))
    data = np.moveaxis(R.reshape(len(R), *moved.shape[1:]), 0, k)
    return Compressed(Problem(Squared(data), atom, problem.lam), k, Q, dims)
