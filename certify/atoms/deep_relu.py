"""Parallel deep networks with kinks: phi(X1, ..., XK) = s(... s(V X1) X2 ...) XK."""

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

        Omega*(W) <= sigma_1(W) sigma_1(V) max(1, |slope|)^(K-1)        (a bracket)

    The polar has no known method for K >= 3; from below it is attained by one unit a layer.
    For one hidden layer use ReLU, whose polar can be closed.  Plain weight decay,
    1/2 sum |Xk|_F^2, has
    the degree 2 where phi has K: for K >= 3 the theory does not cover it, and the K-th
    powers above are the cure.  Standard (not parallel) deep networks share their first layers
    and are not of this form: there the convex problem can lie strictly below.

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
        return layers.by_layers(self.V, W, self.slope, len(self.hidden))

    def attain(self, W: Matrix, seed: int) -> tuple[float, Slice]:
        """Return the best neuron of one hidden layer, passed through one unit a layer.

        It stays as it is where hidden values are >= 0, as those of relu are.
        """
        dense = as_dense(W)
        norm = L2()
        u, v = attain(LayerQuery(Layer(self.V, self.slope, norm, norm), dense, seed=seed))[1]
        x = layers.thread(u, v, self.hidden)
        return float(np.vdot(dense, self.phi(x))), x

    def words(self) -> Words:
        """Return the layers, each under s but the last, and their Frobenius norms."""
        return layers.words(self.degree, self.form, self.slope)

    def title(self) -> str:
        """Return the name of the model."""
        return "parallel deep ReLU networks"

    @classmethod
    def from_statement(cls, statement: dict[str, Any], data: dict[str, Any]) -> "DeepReLU":
        """Return the networks of some widths and slope."""
        slope = float.fromhex(statement["slope"])
        return cls(
            data["features"], tuple(statement["hidden"]), slope=slope, form=statement["form"]
        )

    def statement(self) -> dict[str, Any]:
        """Return the kernel's description of this atom."""
        return super().statement() | {"slope": self.slope.hex()}
