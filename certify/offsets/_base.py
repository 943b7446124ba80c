"""The contract of an offset: a variable q that is fitted but not factorized."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from certify._arrays import Array, finite, real, scalar
from certify._errors import InputError
from certify._observed import Observed
from certify._registry import refuse_heirs


@dataclass(frozen=True, eq=False)
class Offset(ABC):
    """A q added to the factorization, with the penalty ridge/2 |q|^2.

    A dual point must be orthogonal to an unpenalized offset (ridge 0), exactly:
    A* W = 0.  With a ridge the dual value pays |A* W|^2 / (2 ridge) instead.
    """

    ridge: float = 0.0
    name: ClassVar[str]

    def __init_subclass__(cls) -> None:
        """Keep the entries of this package final."""
        refuse_heirs(cls, Offset)

    def __post_init__(self) -> None:
        """Refuse a ridge that is negative or not finite."""
        value = scalar(self.ridge, f"{type(self).__name__}.ridge", zero=True)
        object.__setattr__(self, "ridge", value)

    def check(self, observed: Observed) -> None:  # noqa: B027  most offsets fit any data
        """Raise InputError if the offset does not fit the data's shape."""

    def accept(self, q: object, observed: Observed) -> Array:
        """Return the caller's q as an array of this offset's shape."""
        name = f"q of {type(self).__name__}"
        a = finite(np.atleast_1d(real(q, name)), name)
        if a.shape != self.shape(observed):
            raise InputError(f"{name} must have shape {self.shape(observed)}, got {a.shape}")
        return a

    @abstractmethod
    def shape(self, observed: Observed) -> tuple[int, ...]:
        """Return the shape of q."""

    def design(self, observed: Observed) -> Array:
        """Return A as a dense matrix: a row for each observed entry, a column for each q."""
        shape = self.shape(observed)
        units = np.eye(math.prod(shape))
        fields = [observed.product(*self.factors(u.reshape(shape), observed)) for u in units]
        return np.column_stack([f.reshape(-1) for f in fields])

    @abstractmethod
    def factors(self, q: Array, observed: Observed) -> tuple[Array, Array]:
        """Return (left, right) with A q = left right^T."""

    @abstractmethod
    def solve(self, target: Array, weights: Array, observed: Observed) -> Array:
        """Return argmin_q 1/2 sum w (A q - target)^2 + ridge/2 |q|^2 (least norm)."""


def ratio(top: Array, bottom: Array) -> Array:
    """Divide, with 0 where nothing was observed."""
    return np.asarray(top / np.where(bottom > 0, bottom, 1.0))
