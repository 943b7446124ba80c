"""Atoms of parallel deep networks: their slices, values and bounds."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt

from certify.base.arrays import Array, accept_word, as_dense, frozen, short
from certify.base.errors import InputError
from certify.norms import L2
from certify.polar import Matrix, PolarBound, PolarQuery, Proposal, smallest

from ._base import Factors, Slice, combine
from ._enclosure import enclose_network
from ._hidden import nonempty
from ._words import Words, activation, exponent_text, penalty_formula
from .rank_one import FORMS, matrix_only

LARGEST = 1 << 20  # width of a hidden layer
Widths = Annotated[Any, "int | Sequence[int]"]


class Parallel:
    """An atom of parallel networks; a mixin.

    V (N, d); hidden: the widths d_1, ..., d_(K-1); slope: that of s between the layers.
    """

    V: Any
    hidden: Widths
    form: str
    slope: float
    kind: ClassVar[str]

    family = "deep"
    component = "branch"

    def __post_init__(self) -> None:
        """Check the parts."""
        object.__setattr__(self, "V", frozen(nonempty(self.V, "V")))
        object.__setattr__(self, "hidden", widths_of(self.hidden))
        for count in ("degree", "parts"):  # the number of layers K
            object.__setattr__(self, count, len(self.hidden) + 1)
        accept_word(self.form, "form", FORMS)

    def check(self, data_shape: tuple[int, ...]) -> None:
        """Raise InputError unless the data have as many rows as V."""
        matrix_only(self, data_shape)
        if data_shape[0] != len(self.V):
            raise InputError(f"V has {len(self.V)} rows, but the data have {data_shape[0]}")

    def shapes(self, data_shape: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
        """Return (d, d_1), ..., (d_(K-1), outputs)."""
        return tuple(pairwise((self.V.shape[1], *self.hidden, data_shape[1])))

    def phi(self, x: Slice) -> Array:
        """Return s(... s(V X1) ...) XK."""
        return outputs(self.V, x, self.slope)

    def theta(self, factors: Factors) -> Array:
        """Return theta of each network."""
        flat = (x.reshape(math.prod(x.shape[:-1]), x.shape[-1]) for x in factors)
        return combine([np.linalg.norm(x, axis=0) for x in flat], self.form)

    def enclose(self, W: Any, propose: Callable[[Any], Proposal], seed: int) -> PolarBound:  # noqa: ANN401
        """Return both sides; the upper one is proved by the kernel."""
        return enclose_network(self, W, propose, seed)

    @property
    def steep(self) -> float:
        """A bound of |s(... s(H) ...)|_F / |H|_F over all layers: max(1, |slope|)^(K-1)."""
        steps = [max(1.0, abs(self.slope))] * len(self.hidden)
        return math.prod(steps)  # a power would raise where this is infinite

    @classmethod
    def from_statement(cls: Any, statement: dict[str, Any], data: dict[str, Any]) -> Any:  # noqa: ANN401
        """Return the networks of a statement."""
        out = {"form": statement["form"]}
        if "slope" in statement:
            out["slope"] = float.fromhex(statement["slope"])
        return cls(data["features"], tuple(statement["hidden"]), **out)

    def statement(self) -> dict[str, Any]:
        """Return the kernel's description of this atom."""
        return {"kind": self.kind, "hidden": list(self.hidden), "form": self.form}

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the features."""
        return {"features": self.V}


def widths_of(hidden: object) -> tuple[int, ...]:
    """Return the widths of the hidden layers, one at least."""
    widths = tuple(hidden) if isinstance(hidden, Sequence) else (hidden,)
    good = widths and all(isinstance(k, int) and not isinstance(k, bool) for k in widths)
    if not good or not all(0 < k <= LARGEST for k in widths):
        raise InputError(f"hidden must be widths >= 1 of the hidden layers, got {short(hidden)}")
    return widths


def outputs(V: Array, x: Slice, slope: float) -> Array:
    """Return s(... s(V X1) X2 ...) XK."""
    values = V
    for k, w in enumerate(x):
        values = (np.where(values > 0, values, slope * values) if k else values) @ w
    return values


def words(count: int, form: str, slope: float | None) -> Words:
    """Return the formula of the layers; slope: that of s between them, None without s."""
    names = [f"X{exponent_text(k)}ₖ" for k in range(1, count + 1)]
    inner = "V"
    for x in names[:-1]:
        inner = f"{inner} {x}" if slope is None else f"s({inner} {x})"
    glosses = [] if slope is None else [activation(slope)]
    penalty = penalty_formula([f"‖{x}‖" for x in names], form)
    return Words(f"{inner} {names[-1]}", penalty, (), glosses, ["‖·‖ the Frobenius norm"])


def thread(u: Array, v: Array, hidden: tuple[int, ...]) -> Slice:
    """Return layers with one active unit in each: weights u into the first, v out of the last."""
    first = np.zeros((len(u), hidden[0]))
    first[:, 0] = u
    inner = []
    for a, b in pairwise(hidden):
        inner.append(np.zeros((a, b)))
        inner[-1][0, 0] = 1.0
    last = np.zeros((hidden[-1], len(v)))
    last[0] = v
    return (first, *inner, last)


def spectral(W: Array, target: float | None = None, seed: int = 0) -> Proposal:
    """Return a bound of sigma_1(W) by the matrix rules."""
    norm = L2()
    return smallest(PolarQuery(W, norm, norm, target, seed))


def by_layers(
    V: Array, W: Matrix, steep: float, norm: Callable[[Array], Proposal | None]
) -> Proposal | None:
    """Return sigma_1(W) sigma_1(V) steep with its proof, or None; norm: bounds sigma_1."""
    proof: dict[str, Any] = {"rule": "layers"}
    upper = steep
    for name, matrix in (("W", as_dense(W)), ("F", V)):
        if (proposal := norm(matrix)) is None:
            return None
        proof[name] = {k: v for k, v in proposal.proof.items() if k in ("axis", "shift")}
        if "L" in proposal.proof:
            proof[f"{name}.L"] = proposal.proof["L"]
        upper *= proposal.upper
    return Proposal(upper, proof)
