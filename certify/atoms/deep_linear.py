"""Parallel deep linear networks: phi(X1, ..., XK) = V X1 X2 ... XK."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.base.arrays import Array, as_dense
from certify.polar import Matrix, Proposal

from . import _layers as layers
from ._base import Atom, Slice
from ._words import Words


@dataclass(frozen=True, eq=False)
class DeepLinear(layers.Parallel, Atom):
    """phi(X1, ..., XK) = V X1 ... XK, V (N, d), Xk (d_(k-1), d_k); Z is N x outputs.

        form="product":  theta = |X1|_F ... |XK|_F
        form="sum":      theta = 1/K (|X1|_F^K + ... + |XK|_F^K)

    hidden   the widths d_1, ..., d_(K-1) of the hidden layers
    factors  K arrays (d_(k-1), d_k, r): r networks in parallel, their outputs added

        Omega*(W) = sigma_1(V^T W)                                    (polar, closed)

    because the nuclear norm of a product is at most the product of the Frobenius norms.
    Plain weight decay, 1/2 sum |Xk|_F^2, has degree 2, but phi has degree K; for K >= 3 the
    theory does not cover it.  Use the K-th powers of form="sum" instead.

    Raises InputError for widths that are not positive integers, V that is not a finite real
    matrix, or another form.  Source: Haeffele and Vidal (2015), parallel deep networks.
    """

    V: Any
    hidden: layers.Widths
    form: str = "product"

    kind = "deep_linear"
    slope = 1.0

    def pull_back(self, W: Matrix) -> Array:
        """Return V^T W."""
        return np.asarray(self.V.T @ as_dense(W))

    def propose(
        self, W: Matrix, target: float | None, seed: int, deadline: float | None
    ) -> Proposal:
        """Return sigma_1(V^T W) with its proof."""
        return layers.spectral(self.pull_back(W), target, seed).linear()

    def attain(self, W: Matrix, seed: int) -> tuple[float, Slice]:
        """Return the first singular vectors of V^T W, with one unit in each hidden layer."""
        left, values, right = np.linalg.svd(self.pull_back(W), full_matrices=False)
        return float(values[0]), layers.thread(left[:, 0], right[0], self.hidden)

    def words(self) -> Words:
        """Return the product of the layers and their Frobenius norms."""
        return layers.words(self.degree, self.form, None)

    def title(self) -> str:
        """Return the name of the model."""
        return "parallel deep linear networks"
