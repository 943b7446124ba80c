"""The contract of a gauge: the norm one factor's column is measured in, and its sign."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from certify._arrays import Array
from certify._registry import refuse_heirs


@dataclass(frozen=True)
class Gauge(ABC):
    """g(x) = norm(x) on the whole space, or on x >= 0 only (`nonneg`, written "+").

    Shapes: x (d,) or (d, r), one gauge value a column.

        g*(y) = sup { <y, x> : g(x) <= 1 }                        (dual)
    """

    nonneg: bool = False
    name: ClassVar[str]

    def __init_subclass__(cls) -> None:
        """Keep the entries of this package final."""
        refuse_heirs(cls, Gauge)

    @property
    def key(self) -> str:
        """The name users write: the file's name, "+" for the nonnegative one."""
        return self.name + "+" * self.nonneg

    def positive(self, y: Array) -> Array:
        """Return the part of y that a vector of the cone can meet."""
        return np.maximum(y, 0.0) if self.nonneg else y

    def admits(self, x: Array) -> bool:
        """Whether x lies in the cone."""
        return not self.nonneg or bool((x >= 0).all())

    @abstractmethod
    def value(self, x: Array) -> Array:
        """Return the norm of each column."""

    @abstractmethod
    def dual(self, y: Array) -> Array:
        """Return g*(y) of each column."""

    @abstractmethod
    def maximizer(self, y: Array) -> Array:
        """Return x with g(x) = 1 and <y, x> = g*(y); a unit vector when g*(y) <= 0."""

    @abstractmethod
    def prox(self, x: Array, t: float) -> Array:
        """Return argmin_z 1/2 |z - x|^2 + t g(z), z in the cone, for one column."""

    @abstractmethod
    def project_dual(self, y: Array, radius: float) -> Array:
        """Return the nearest point of { g* <= radius } to each column of y."""
