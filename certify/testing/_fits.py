"""A loss that is tested: its values, their rounding errors, and the kernel's enclosures."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from scipy import sparse

from certify.base.arrays import Array
from certify.base.errors import InputError
from certify.kernel.arrays import dyadic
from certify.kernel.errors import RejectedError
from certify.kernel.losses import LOSSES as ROWS
from certify.kernel.losses import base, stated_loss
from certify.kernel.losses.base import Grains, Spans
from certify.kernel.scalars import Enclosure, power
from certify.losses import LOSSES, Loss
from certify.polar.proved import as_kernel_array

from ._contract import EPS
from ._exact import ENTRY

STEEP = 40.0  # more than |ln q| for any q > 0 that is a difference of two floats near 1
Weighted = Callable[[float], Loss]


@dataclass(frozen=True)
class Enclosed:
    """The kernel's loss, with data and weights as integers."""

    row: base.Loss
    y: Grains
    c: Grains

    def value(self, Z: Array) -> Enclosure | None:
        """Return an enclosure of l(Z), or None outside its domain."""
        ints, e = dyadic(Z.reshape(-1).tolist())
        try:
            return self.row.value(Spans(ints, ints, e), self.y, self.c)
        except RejectedError:
            return None

    def units(self, W: Array) -> tuple[list[int], list[int], Fraction]:
        """Return W and the weights as integers, and their common unit."""
        w = Grains(*dyadic(W.reshape(-1).tolist()))
        e = min(w.exp, self.c.exp)
        lists = ([v << g.exp - e for v in g.ints] for g in (w, self.c))
        return next(lists), next(lists), power(e)

    def inside(self, W: Array) -> bool:
        """Whether d(W) is finite, in exact arithmetic."""
        if not np.isfinite(W).all():
            return False
        ours, c, _ = self.units(W)
        return self.row.inside(ours, self.y, c)

    def dual(self, W: Array) -> Fraction:
        """Return a lower bound of d(W), for W in its domain."""
        ours, c, unit = self.units(W)
        return self.row.dual(ours, self.y, c) * unit


def kernel_loss(loss: Loss) -> Enclosed | None:
    """Return the kernel's form of a loss, or None if it does not know the loss."""
    if not isinstance(loss, tuple(LOSSES.values())):
        return None
    statement: Any = loss.statement()
    if (statement["kind"] if isinstance(statement, dict) else statement) not in ROWS:
        return None
    row, arrays = stated_loss({"loss": statement}), loss.arrays()
    count = loss.observed.size if row.group else loss.observed.m
    c = np.asarray(arrays.get("weights", np.ones(count)))
    y = as_kernel_array(np.asarray(arrays["Y"])).data
    return Enclosed(row, Grains(*dyadic(y)), Grains(*dyadic(c.tolist())))


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
