"""Parallel deep linear networks: phi(X1, ..., XK) = V X1 X2 ... XK."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from certify.base.arrays import Array
from certify.base.errors import InputError
from certify.polar import Matrix, PolarBound, Proposal

from . import _layers as layers
from ._base import Atom, Factors, Slice
from ._enclosure import enclose_network
from ._words import Words
from .rank_one import FORMS, matrix_only


@dataclass(frozen=True, eq=False)
class DeepLinear(Atom):
    """phi(X1, ..., XK) = V X1 ... XK, V (N, d), Xk (d_(k-1), d_k); Z is N x outputs.

        form="product":  theta = |X1|_F ... |XK|_F
        form="sum":      theta = 1/K (|X1|_F^K + ... + |XK|_F^K)

    hidden   the widths d_1, ..., d_(K-1) of the hidden layers
    factors  K arrays (d_(k-1), d_k, r): r networks in parallel, their outputs added

        Omega*(W) = sigma_1(V^T W)                                    (polar, closed)

    because the nuclear norm of a product is at most the product of the Frobenius norms.
    Plain weight decay, 1/2 sum |Xk|_F^2, has the degree 2 where phi has K: for K >= 3 the
    theory does not cover it, and the K-th powers above are the cure.

    Raises InputError for widths that are not positive integers, V that is not a finite real
    matrix, or another form.  Source: Haeffele and Vidal (2015), parallel deep networks.
    """

    V: Any
    hidden: Any
    form: str = "product"

    kind = "deep_linear"
    family = "deep"
    component = "branch"
    slope = 1.0

    def __post_init__(self) -> None:
        """Check the parts."""
        object.__setattr__(self, "V", layers.data_of(self.V))
        object.__setattr__(self, "hidden", layers.widths_of(self.hidden))
        if self.form not in FORMS:
            raise InputError(f"form must be one of {', '.join(FORMS)}, got {self.form!r}")

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
        """Return V X1 ... XK."""
        return layers.outputs(self.V, x, 1.0)

    def theta(self, factors: Factors) -> Array:
        """Return theta of each network."""
        return layers.theta(factors, self.form)

    def pull_back(self, W: Matrix) -> Array:
        """Return V^T W."""
        dense = np.asarray(W.toarray() if sparse.issparse(W) else W)
        return np.asarray(self.V.T @ dense)

    def propose(
        self, W: Matrix, target: float | None, seed: int, deadline: float | None
    ) -> Proposal:
        """Return sigma_1(V^T W) with its proof."""
        del deadline
        return layers.spectral(self.pull_back(W), target, seed).linear()

    def attain(self, W: Matrix, seed: int) -> tuple[float, Slice]:
        """Return the top singular pair of V^T W, passed through one unit a layer."""
        del seed
        left, values, right = np.linalg.svd(self.pull_back(W), full_matrices=False)
        return float(values[0]), layers.thread(left[:, 0], right[0], self.hidden)

    def enclose(self, W: Any, propose: Callable[[Any], Proposal], seed: int) -> PolarBound:  # noqa: ANN401
        """Return both sides, in the kernel's rounded arithmetic."""
        return enclose_network(self, W, propose, seed)

    def words(self) -> Words:
        """Return the product of the layers and their Frobenius norms."""
        return layers.words(self.degree, self.form, None)

    def title(self, order: int) -> str:
        """Return the name of the model."""
        del order
        return "parallel deep linear networks"

    @classmethod
    def from_statement(cls, statement: dict[str, Any], data: dict[str, Any]) -> "DeepLinear":
        """Return the networks of some widths."""
        return cls(data["features"], tuple(statement["hidden"]), statement["form"])

    def statement(self) -> dict[str, Any]:
        """Return the kernel's description of this atom."""
        return {"kind": self.kind, "hidden": list(self.hidden), "form": self.form}

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the features."""
        return {"features": self.V}
