"""The contract of a loss."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from certify._arrays import Array
from certify._observed import Observed
from certify._registry import refuse_heirs


class Loss(ABC):
    """A convex loss l(Z) of a matrix seen at its observed entries.

    Z, W and gradients are fields over `observed`.  For every W

        d(W) = inf_Z l(Z) + <W, Z> = -l*(-W),                     (dual value)

    so l(Z) + <W, Z> >= d(W), with equality exactly at W = -grad l(Z).
    """

    name: ClassVar[str]
    observed: Observed

    def __init_subclass__(cls) -> None:
        """Keep the entries of this package final."""
        refuse_heirs(cls, Loss)

    @property
    def shape(self) -> tuple[int, int]:
        """The shape (m, n) of the data."""
        return self.observed.m, self.observed.n

    @abstractmethod
    def value(self, Z: Array) -> float:
        """Return l(Z)."""

    @abstractmethod
    def gradient(self, Z: Array) -> Array:
        """Return grad l(Z), a field."""

    @abstractmethod
    def dual_value(self, W: Array) -> float:
        """Return d(W); -inf outside its domain."""

    @abstractmethod
    def arrays(self) -> dict[str, Any]:
        """Return the arrays that a statement names: flat, in row-major order."""
