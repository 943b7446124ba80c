"""A loss that is tested: its values, which are cached, and their rounding errors."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from certify.base.arrays import Array
from certify.base.errors import InputError
from certify.losses import Loss

from ._contract import EPS
from ._enclosed import Enclosed
from ._exact import ENTRY

STEEP = 40.0  # more than |ln q| for any q > 0 that is a difference of two floats near 1
Weighted = Callable[[float], Loss]


@dataclass(frozen=True)
class Subject:
    """A loss, a function that multiplies its weights, and the kernel's form of it.

    memo  the results for the current example
    """

    loss: Loss
    weighted: Weighted | None
    exact: Enclosed | None
    memo: dict[tuple[str, bytes], Any] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of its fields."""
        at = self.loss.observed
        return (at.m, at.n) if at.full else (at.size,)

    @property
    def data(self) -> Array | None:
        """The data, where losses have kinks, as a field; None if the loss has no such Y."""
        Y = np.asarray(self.loss.arrays().get("Y", ()))
        size = int(np.prod(self.shape))
        numbers = Y.size == size and Y.dtype.kind in "fiu"
        return Y.reshape(self.shape).astype(float) if numbers else None

    @property
    def has_prox(self) -> bool:
        """Whether the loss has a proximal map of its own."""
        return type(self.loss).prox is not Loss.prox

    @property
    def has_clip(self) -> bool:
        """Whether the loss has a clip_dual of its own."""
        return type(self.loss).clip_dual is not Loss.clip_dual

    def once(self, name: str, at: Array) -> Any:  # noqa: ANN401  what the method returns
        """Return the cached result of a method of the loss."""
        key = name, at.tobytes()
        if key not in self.memo:
            self.memo[key] = getattr(self.loss, name)(at)
        return self.memo[key]

    def value(self, Z: Array) -> float:
        """Return l(Z)."""
        return float(self.once("value", Z))

    def gradient(self, Z: Array) -> Array:
        """Return grad l(Z)."""
        return np.asarray(self.once("gradient", Z))

    def dual(self, W: Array) -> float:
        """Return d(W)."""
        return float(self.once("dual_value", W))

    def slack(self, *at: Array) -> float:
        """Return the rounding error allowed in values at some fields.

        It is ENTRY + n roundings of the terms: entries times slopes, and the values.
        """
        finite = [Z for Z in at if self.value(Z) < np.inf]
        steep = 1 + sum((np.abs(self.gradient(Z)) for Z in finite), np.zeros(self.shape))
        wide = 1 + sum((np.abs(Z) for Z in at), np.zeros(self.shape))
        size = float((steep * wide).sum()) + sum(abs(self.value(Z)) for Z in finite)
        return (ENTRY + wide.size) * EPS * size

    def dual_slack(self, W: Array, Z: Array) -> float:
        """Return the rounding error allowed in d(W), <W, Z>, with terms (1 + |W|) (STEEP + |Z|)."""
        value = self.dual(W)
        terms = float(((1 + np.abs(W)) * (STEEP + np.abs(Z))).sum())
        return (ENTRY + W.size) * EPS * (terms + (abs(value) if np.isfinite(value) else 0.0))


def scale_weights(loss: Loss) -> Weighted | None:
    """Return a function that multiplies the weights of a dataclass with a field `weights`."""
    if not is_dataclass(loss) or "weights" not in {f.name for f in fields(loss)}:
        return None
    record: Any = loss
    Y = record.Y
    ones = [np.ones(len(Y.data))] if sparse.issparse(Y) else [np.ones(np.shape(Y)), np.ones(len(Y))]
    given = record.weights
    if given is not None:
        ones = [given if sparse.issparse(given) else np.asarray(given, dtype=float)]
    for w in ones:
        try:
            replace(record, weights=w)
        except InputError:
            continue
        return lambda c, w=w: replace(record, weights=c * w)
    return None
