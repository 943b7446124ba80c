"""Parallel deep ReLU networks: phi(X1, ..., XK) = s(... s(V X1) X2 ...) XK."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from certify.base.arrays import as_dense, short
from certify.base.errors import InputError
from certify.norms import L2
from certify.polar import Matrix, Proposal
from certify.polar.ascent.layers import attain
from certify.polar.layer_query import Layer, LayerQuery

from . import _layers as layers
from ._base import Atom, Slice
from ._words import Words


@dataclass(frozen=True, eq=False)
class DeepReLU(layers.Parallel, Atom):
    """phi(X1, ..., XK) = s(... s(V X1) X2 ...) XK, s(z) = z where z >= 0, slope z elsewhere.

        form="product":  theta = |X1|_F ... |XK|_F
        form="sum":      theta = 1/K (|X1|_F^K + ... + |XK|_F^K)

    hidden   the widths d_1, ..., d_(K-1) of the hidden layers; slope 0 is relu
    factors  K arrays (d_(k-1), d_k, r): r networks in parallel, their outputs added

        Omega*(W) <= sigma_1(W) sigma_1(V) max(1, |slope|)^(K-1)

    No exact method for the polar is known for K >= 3; its lower bound is attained with one unit in
    each layer.  For one hidden layer use ReLU, which has better bounds.  Plain weight decay,
    1/2 sum |Xk|_F^2, has degree 2, but phi has degree K; for K >= 3 the theory does not cover it.
    Use the K-th powers of form="sum" instead.  Standard deep networks, which are not parallel, are
    not of this form: the convex problem can have a strictly smaller optimum.

    Raises InputError for widths that are not positive integers, V that is not a finite real
    matrix, a slope that is not finite, or another form.
    Source: Haeffele and Vidal (2015), parallel deep networks.
    """

    V: Any
    hidden: layers.Widths
    slope: float = 0.0
    form: str = "product"

    kind = "deep_relu"

    def __post_init__(self) -> None:
        """Check the parts."""
        super().__post_init__()
        known = isinstance(self.slope, int | float) and not isinstance(self.slope, bool)
        if not known or not np.isfinite(self.slope):
            raise InputError(f"slope must be a finite number, got {short(self.slope)}")
        object.__setattr__(self, "slope", float(self.slope))

    def propose(
        self, W: Matrix, target: float | None, seed: int, deadline: float | None
    ) -> Proposal:
        """Return the product of two spectral norms with its proof."""
        found = layers.by_layers(self.V, W, self.steep, layers.spectral)
        return found or Proposal(np.inf)

    def attain(self, W: Matrix, seed: int) -> tuple[float, Slice]:
        """Return the best unit of one hidden layer, with one unit in each further layer.

        For relu, whose values are >= 0, further layers do not change its value.
        """
        dense, norm = as_dense(W), L2()
        u, v = attain(LayerQuery(Layer(self.V, self.slope, norm, norm), dense, seed=seed))[1]
        x = layers.thread(u, v, self.hidden)
        return float(np.vdot(dense, self.phi(x))), x

    def words(self) -> Words:
        """Return the layers, each under s but the last, and their Frobenius norms."""
        return layers.words(self.degree, self.form, self.slope)

    def title(self) -> str:
        """Return the name of the model."""
        return "parallel deep ReLU networks"

    def statement(self) -> dict[str, Any]:
        """Return the kernel's description of this atom."""
        return super().statement() | {"slope": self.slope.hex()}
