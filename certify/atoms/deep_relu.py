"""Parallel deep networks with kinks: phi(X1, ..., XK) = s(... s(V X1) X2 ...) XK."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from certify.base.arrays import Array, short
from certify.base.errors import InputError
from certify.norms import L2
from certify.polar import Matrix, PolarBound, Proposal
from certify.polar.ascent.layers import attain
from certify.polar.layer_query import Layer, LayerQuery

from . import _layers as layers
from ._base import Atom, Factors, Slice
from ._enclosure import enclose_network
from ._words import Words
from .rank_one import FORMS, matrix_only


@dataclass(frozen=True, eq=False)
class DeepReLU(Atom):
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
    hidden: Any
    slope: float = 0.0
    form: str = "product"

    kind = "deep_relu"
    family = "deep"
    component = "branch"

    def __post_init__(self) -> None:
        """Check the parts."""
        object.__setattr__(self, "V", layers.data_of(self.V))
        object.__setattr__(self, "hidden", layers.widths_of(self.hidden))
        if self.form not in FORMS:
            raise InputError(f"form must be one of {', '.join(FORMS)}, got {self.form!r}")
        known = isinstance(self.slope, int | float) and not isinstance(self.slope, bool)
        if not known or not np.isfinite(self.slope):
            raise InputError(f"slope must be a finite number, got {short(self.slope)}")
        object.__setattr__(self, "slope", float(self.slope))

    @property
    def degree(self) -> int:  # type: ignore[override]  # the number of layers
        """The number of layers K."""
        return len(self.hidden) + 1

    @property
    def parts(self) -> int:  # type: ignore[override]
        """The arrays in a slice: K."""
        return len(self.hidden) + 1

    def check(self, data_shape: tuple[int, ...]) -> None:
        """Refuse data of another number of rows than V."""
        matrix_only(self, data_shape)
        if data_shape[0] != len(self.V):
            raise InputError(f"V has {len(self.V)} rows, but the data have {data_shape[0]}")

    def shapes(self, data_shape: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
        """Return (d, d_1), ..., (d_(K-1), outputs)."""
        return layers.shapes(self.V, self.hidden, data_shape)

    def phi(self, x: Slice) -> Array:
        """Return s(... s(V X1) ...) XK."""
        return layers.outputs(self.V, x, self.slope)

    def theta(self, factors: Factors) -> Array:
        """Return theta of each network."""
        return layers.theta(factors, self.form)

    def propose(
        self, W: Matrix, target: float | None, seed: int, deadline: float | None
    ) -> Proposal:
        """Return the product of two spectral norms with its proof."""
        del target, seed, deadline
        return layers.by_layers(self.V, W, self.slope, len(self.hidden))

    def attain(self, W: Matrix, seed: int) -> tuple[float, Slice]:
        """Return the best neuron of one hidden layer, passed through one unit a layer.

        It stays as it is where hidden values are >= 0, as those of relu are.
        """
        dense = np.asarray(W.toarray() if sparse.issparse(W) else W)
        norm = L2()
        u, v = attain(LayerQuery(Layer(self.V, self.slope, norm, norm), dense, seed=seed))[1]
        x = layers.thread(u, v, self.hidden)
        return float(np.vdot(dense, self.phi(x))), x

    def enclose(self, W: Any, propose: Callable[[Any], Proposal], seed: int) -> PolarBound:  # noqa: ANN401
        """Return both sides, in the kernel's rounded arithmetic."""
        return enclose_network(self, W, propose, seed)

    def words(self) -> Words:
        """Return the layers, each under s but the last, and their Frobenius norms."""
        return layers.words(self.degree, self.form, self.slope)

    def title(self, order: int) -> str:
        """Return the name of the model."""
        del order
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
        fields = {"kind": self.kind, "hidden": list(self.hidden), "form": self.form}
        return fields | {"slope": self.slope.hex()}

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the features."""
        return {"features": self.V}
