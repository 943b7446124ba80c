"""The contract of an offset: a variable q that is fitted but not factorized."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from certify._arrays import Array, finite, real, scalar
from certify._errors import InputError
from certify._observed import Observed
from certify._registry import refuse_heirs

HUGE = 2.0**900  # a price beyond it: nothing earns it either way
TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, eq=False)
class Offset(ABC):
    """A q added to the factorization, with the penalty H(q), by default ridge/2 |q|^2.

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
        fields = [self.field(u.reshape(shape), observed) for u in units]
        return np.column_stack([f.reshape(-1) for f in fields])

    @property
    def free(self) -> bool:
        """Whether H stays at 0 along some q: a dual point must be orthogonal to those."""
        return self.ridge == 0

    def field(self, q: Array, observed: Observed) -> Array:
        """Return A q, a field."""
        return observed.product(*self.factors(q, observed))

    def penalty(self, q: Array) -> float:
        """Return H(q) = ridge/2 |q|^2."""
        return 0.5 * self.ridge * float(np.vdot(q, q))

    def limit(self, W: Array) -> float:
        """Return the largest s for which inf_q <s W, A q> + H(q) is finite."""
        del W
        return np.inf

    def numbers(self) -> dict[str, float]:
        """Return the numbers of H that the statement names."""
        return {"ridge": self.ridge}

    def arrays(self, k: int) -> dict[str, Any]:
        """Return the arrays that the statement names, when this is the k-th offset."""
        del k
        return {}

    def rescaled(self, data: int, weights: int) -> "Offset":
        """Return the offset for data times 2^data and weights times 2^weights."""
        del data
        return type(self)(moved(self.ridge, weights))

    @abstractmethod
    def factors(self, q: Array, observed: Observed) -> tuple[Array, Array]:
        """Return (left, right) with A q = left right^T."""

    @abstractmethod
    def solve(self, target: Array, weights: Array, observed: Observed) -> Array:
        """Return argmin_q 1/2 sum w (A q - target)^2 + H(q) (least norm)."""


def moved(price: float, e: int) -> float:
    """Return price 2^e, kept finite."""
    return min(float(np.ldexp(price, e)), HUGE)


def ratio(top: Array, bottom: Array) -> Array:
    """Divide, with 0 where nothing was observed."""
    return np.asarray(top / np.where(bottom > 0, bottom, 1.0))
