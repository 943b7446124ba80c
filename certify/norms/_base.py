"""The contract of a gauge: the norm one factor's column is measured in, and its cone."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from certify.base.arrays import Array, short
from certify.base.errors import InputError
from certify.base.registry import refuse_heirs

SIGNS = ("", "+", "-")  # cones that are the same for every coordinate
BELOW = {"": -np.inf, "+": 0.0, "-": -np.inf}  # the least value of each coordinate
ABOVE = {"": np.inf, "+": np.inf, "-": 0.0}
MARKS = "*+-0"  # of one coordinate: free, x >= 0, x <= 0, x = 0


@dataclass(frozen=True)
class Gauge(ABC):
    """g(x) = norm(x) for x in a cone, infinite outside.

    cone    "" (the whole space), "+" (x >= 0), "-" (x <= 0), or one mark a coordinate:
            "*" free, "+", "-", "0" fixed to zero (see `support`)

    Shapes: x (d,) or (d, r), one gauge value a column.

        g*(y) = sup { <y, x> : g(x) <= 1, x in the cone }         (dual)

    Every norm here but `variation` depends on the |x_i| only.  Then g*(y) is the free dual
    norm of the part p of y that the cone can meet: <y, x> <= <p, x> for x in the cone, and
    a maximizer of <p, x> takes p's signs and may be zero where p is.  For the same reason
    the prox at y is the free prox at p, and a projection on { g* <= r } moves p alone.

    Raises InputError for a cone of other marks, or one in which only zero lies.
    """

    cone: str = field(default="", kw_only=True)
    name: ClassVar[str]

    def __init_subclass__(cls) -> None:
        """Keep the entries of this package final."""
        refuse_heirs(cls, Gauge)

    def __post_init__(self) -> None:
        """Check what is known before the length is."""
        if not isinstance(self.cone, str) or not set(self.cone) <= set(MARKS):
            wanted = f'"", "+", "-" or one of {", ".join(MARKS)} a coordinate'
            raise InputError(f"cone must be {wanted}, got {short(self.cone)}")
        if self.cone and set(self.cone) == {"0"}:
            raise InputError(f"cone {short(self.cone)} fixes every coordinate to zero: free one")
        self.prepare()

    def prepare(self) -> None:  # noqa: B027  most norms have nothing to check
        """Check the entry's own parameters, as far as they do not need the length."""

    @property
    def key(self) -> str:
        """The name users write: the file's name with its sign; else the whole gauge."""
        return self.name + self.cone if self.is_plain else repr(self)

    @property
    def is_plain(self) -> bool:
        """Whether a key alone says it: no parameters, and one sign for all coordinates."""
        return not parametrized(type(self)) and self.cone in SIGNS

    @property
    def nonneg(self) -> bool:
        """Whether x >= 0 is asked of every coordinate."""
        return bool(self.cone) and set(self.cone) <= {"+", "0"}

    @property
    def free(self) -> bool:
        """Whether the cone is the whole space."""
        return set(self.cone) <= {"*"}

    def sides(self, d: int) -> tuple[Array, Array]:
        """Return the least and the largest value of each coordinate: 0 or infinite."""
        if self.cone in SIGNS:
            return np.full(d, BELOW[self.cone]), np.full(d, ABOVE[self.cone])
        held = self.cone if len(self.cone) == d else self.cone * d
        marks = np.array(list(held))
        low = np.where(np.isin(marks, ["*", "-"]), -np.inf, 0.0)
        return low, np.where(np.isin(marks, ["*", "+"]), np.inf, 0.0)

    def project_cone(self, x: Array) -> Array:
        """Return the nearest point of the cone to each column."""
        if self.cone == "+":
            return np.maximum(x, 0.0)
        if self.cone == "":
            return x
        low, high = (side.reshape(-1, *[1] * (x.ndim - 1)) for side in self.sides(len(x)))
        return np.clip(x, low, high)

    def positive(self, y: Array) -> Array:
        """Return the part of y that a vector of the cone can meet."""
        return self.project_cone(y)

    def admits(self, x: Array) -> bool:
        """Whether x lies in the cone."""
        return self.free or bool((self.project_cone(x) == x).all())

    def check(self, d: int) -> None:
        """Raise InputError unless vectors of length d fit the cone and the parameters."""
        if self.cone not in SIGNS and len(self.cone) != d:
            raise InputError(f"the cone has {len(self.cone)} signs for {d} coordinates")

    def statement(self) -> str | dict[str, Any]:
        """Return what the kernel's statement says of this norm."""
        if self.is_plain:
            return self.key
        return {"norm": self.name, "cone": self.cone, **self.parameters()}

    def parameters(self) -> dict[str, str]:
        """Return the numbers and names in the statement."""
        return {}

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays that the statement names by digest."""
        return {}

    def unit_sizes(self, d: int) -> Array:
        """Return g of each unit vector, 1 for most norms."""
        return np.ones(d)

    def unit(self, y: Array) -> Array:
        """Return the signed unit vector of the cone, at g = 1, that earns most."""
        low, high = self.sides(len(y))
        sizes = self.unit_sizes(len(y))
        earned = np.stack([np.where(high > 0, y, -np.inf), np.where(low < 0, -y, -np.inf)])
        row, k = divmod(int((earned / sizes).argmax()), len(y))
        out = np.zeros(len(y))
        out[k] = (-1.0 if row else 1.0) / sizes[k]
        return out

    def cost(self, d: Array) -> float:
        """Return max sum d_i x_i^2 over the ball, or more: for norms >= |x|_2, max d."""
        return float(d.max(initial=-np.inf))

    def terms(self, d: int) -> int:
        """Return how many numbers `value` adds: its relative rounding in units of eps."""
        return d

    @abstractmethod
    def value(self, x: Array) -> Array:
        """Return the norm of each column."""

    @abstractmethod
    def dual(self, y: Array) -> Array:
        """Return g*(y) of each column."""

    @abstractmethod
    def maximizer(self, y: Array) -> Array:
        """Return x of the cone, g(x) = 1, <y, x> = g*(y); a unit vector when g*(y) <= 0."""

    @abstractmethod
    def prox(self, x: Array, t: float) -> Array:
        """Return argmin_z 1/2 |z - x|^2 + t g(z), z in the cone, for each column."""

    @abstractmethod
    def project_dual(self, y: Array, radius: float) -> Array:
        """Return the nearest point of { g* <= radius } to each column of y."""


def parametrized(cls: type[Gauge]) -> bool:
    """Whether an entry takes more than a cone."""
    return len(fields(cls)) > 1


def support(mask: npt.ArrayLike, sign: str = "") -> str:
    """Return the cone of vectors that are zero outside a mask, with one sign inside it.

    Raises InputError for a mask that is not boolean and one-dimensional, or a sign
    that is not "", "+" or "-".
    """
    held = np.asarray(mask)
    if held.ndim != 1 or held.dtype != np.bool_:
        raise InputError(f"mask must be boolean (d,), got {held.dtype} of shape {held.shape}")
    if sign not in SIGNS:
        raise InputError(f'sign must be "", "+" or "-", got {short(sign)}')
    return "".join((sign or "*") if inside else "0" for inside in held)


def length(x: Array) -> Array:
    """Return |x|_2 of each column, without overflow for any finite x."""
    top = np.abs(x).max(axis=0, initial=0.0)
    scale = np.where(top > 0, top, 1.0)
    return np.asarray(scale * np.sqrt(np.square(x / scale).sum(axis=0)))


def threshold_level(sizes: Array, radius: float) -> Array:
    """Return c >= 0 with sum (sizes - c)_+ = radius, or 0 where the sum is less already."""
    ordered = -np.sort(-sizes, axis=0)
    counts = np.arange(1, len(sizes) + 1).reshape(-1, *[1] * (sizes.ndim - 1))
    return np.asarray(((np.cumsum(ordered, axis=0) - radius) / counts).max(axis=0, initial=0.0))
