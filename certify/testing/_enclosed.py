"""Enclosures of a loss and its dual value by the kernel, for losses that it knows."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from certify.base.arrays import Array
from certify.kernel.arrays import dyadic
from certify.kernel.errors import RejectedError
from certify.kernel.losses import LOSSES as ROWS
from certify.kernel.losses import base, stated_loss
from certify.kernel.losses.base import Grains, Spans
from certify.kernel.scalars import Enclosure, power
from certify.losses import LOSSES, Loss
from certify.polar.proved import as_kernel_array


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
