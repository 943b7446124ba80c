"""Losses that are sums over the entries: l(Z) = sum c h(z; y), with weights c.

If h has the dual value d_1(w) for lo <= w <= hi, then

    d(W) = sum c d_1(w / c)   for   c lo <= w <= c hi,      grad = c h',

and the proximal map of l with step t is that of h with step c t.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from certify.base.arrays import Array, scalar
from certify.base.errors import InputError
from certify.base.observed import Observed

from ._reading import accept_labels, read

SPLIT = 2.0**27 + 1
SURE = 2.0**900  # sizes between 1/SURE and SURE multiply without underflow of the error


class Entrywise:
    """The methods that every entrywise loss has; a mixin."""

    Y: Any
    weights: Any
    mask: Any
    observed: Observed
    data: Array
    scale: Array | None
    quadratic: ClassVar[bool]
    labels: ClassVar[tuple[float, ...]]
    counts: ClassVar[bool]
    intervals: ClassVar[Mapping[str, tuple[float, float]]]
    curve = np.inf  # a Lipschitz constant of h', a power of two

    def __post_init__(self) -> None:
        """Reduce the arguments to observed entries, data and weights."""
        observed, data, scale = read(self.Y, self.weights, self.mask)
        if self.labels:
            accept_labels(data, self.labels)
        if self.counts and data.min() < 0:
            raise InputError(f"Y must be >= 0, got {data.min()}")
        for name, value in (("observed", observed), ("data", data), ("scale", scale)):
            object.__setattr__(self, name, value)
        for name, (low, high) in self.intervals.items():
            number = scalar(getattr(self, name), name, zero=False)
            if number >= high:
                raise InputError(f"{name} must be between {low:g} and {high:g}, got {number}")
            object.__setattr__(self, name, number)

    @abstractmethod
    def each(self, Z: Array) -> Array:
        """Return h(z; y)."""

    @abstractmethod
    def slope(self, Z: Array) -> Array:
        """Return h'(z; y), or a subgradient."""

    def second_derivative(self, Z: Array) -> Array:
        """Return h''(z; y) or an approximation; only searches use it, for their steps."""
        return np.full_like(Z, self.curve)

    def each_dual(self, W: Array, c: Array | float) -> Array:
        """Return c d_1(w / c) for c lo <= w <= c hi.

        Here w y: h is piecewise linear, with its minimum 0 and its only kink at y.
        """
        return np.asarray(W * self.data)

    @abstractmethod
    def move(self, Z: Array, t: Array | float) -> Array:
        """Return argmin_x h(x; y) + (x - z)^2 / (2 t)."""

    @abstractmethod
    def ends(self) -> tuple[Array | float, Array | float]:
        """Return lo <= 0 and hi >= 0."""

    def restrict(self, at: Any, kind: Any = None) -> Self:  # noqa: ANN401  indices, a dtype
        """Return the loss of some observed entries, flat, in another precision if one is given.

        It has each, slope, second_derivative and each_dual only.
        """
        data, scale = self.data.reshape(-1)[at], self.scale
        scale = None if scale is None else scale.reshape(-1)[at]
        if kind is not None:
            data, scale = data.astype(kind), None if scale is None else scale.astype(kind)
        part = object.__new__(type(self))
        vars(part).update({k: getattr(self, k) for k in self.intervals})
        vars(part).update(Y=None, data=data, scale=scale)
        return part

    def part(self, kept: Array, observed: Observed) -> Self:
        """Return the loss of the observed entries at the indices `kept`, without its Y."""
        out = self.restrict(kept)
        vars(out).update(observed=observed)
        return out

    @property
    def curvature(self) -> float:
        """A Lipschitz constant of the gradient, weights included."""
        return self.curve * (1.0 if self.scale is None else float(self.scale.max()))

    @property
    def field_weights(self) -> Array | float:
        """The weights in the shape of a field; 1 if there are none."""
        return 1.0 if self.scale is None else self.scale.reshape(self.data.shape)

    @cached_property
    def bounds(self) -> tuple[Array | float, Array | float]:
        """The least and the largest float of the domain of d, entry by entry."""
        return self.domain()

    def domain(self) -> tuple[Array | float, Array | float]:
        """Return the least and the largest float of the domain of d, entry by entry."""
        (lo, hi), c = self.ends(), self.field_weights
        return -product_below(c, np.negative(lo)), product_below(c, hi)

    @np.errstate(all="ignore")  # infinite values are results
    def value(self, Z: Array) -> float:
        """Return sum c h(z; y)."""
        return float((self.field_weights * self.each(Z)).sum())

    @np.errstate(all="ignore")
    def gradient(self, Z: Array) -> Array:
        """Return c h'; its negative is in the domain of d."""
        return -self.clip_dual(-np.asarray(self.field_weights * self.slope(Z)))

    @np.errstate(all="ignore")
    def dual_value(self, W: Array) -> float:
        """Return sum c d_1(w / c); -inf outside the domain."""
        if not np.array_equal(W, self.clip_dual(W)):
            return -np.inf
        return float(self.each_dual(W, self.field_weights).sum())

    @np.errstate(all="ignore")
    def prox(self, Z: Array, t: Array | float) -> Array:
        """Return argmin_X l(X) + |X - Z|^2 / (2 t)."""
        return np.asarray(self.move(Z, self.field_weights * t))

    def clip_dual(self, W: Array) -> Array:
        """Return W with every entry moved to the nearest float of the domain of d."""
        return np.asarray(np.clip(W, *self.bounds))

    def arrays(self) -> dict[str, Any]:
        """Return Y, and where they exist the weights, rows and columns."""
        out: dict[str, Any] = {"Y": self.data.reshape(-1)}
        if self.scale is not None:
            out["weights"] = self.scale.reshape(-1)
        if not self.observed.full:
            out["rows"], out["cols"] = self.observed.listed
        return out


@dataclass(frozen=True, eq=False)
class Plain(Entrywise):
    """The arguments of an entrywise loss that has no parameter; a mixin."""

    Y: Any
    weights: Any = None
    mask: Any = None


@np.errstate(all="ignore")
def product_below(a: Array | float, b: Array | float) -> Array:
    """Return the largest float at most a b, for a > 0 and b >= 0.

    Dekker (1971): with a and b split into halves, the rounding error of a b is computed exactly
    unless something overflows or underflows; there the next smaller float is returned.
    """
    x, y = np.broadcast_arrays(np.asarray(a, float), np.asarray(b, float))
    p = x * y
    (x1, x2), (y1, y2) = _halves(x), _halves(y)
    error = ((x1 * y1 - p) + x1 * y2 + x2 * y1) + x2 * y2
    sure = (p < SURE) & (p > 1 / SURE) & (x < SURE) & (y < SURE)
    low = np.where(sure, error < 0, True)
    plain = (x == 1) | (y == 0) | (y == 1) | np.isinf(y)
    return np.asarray(np.where(low & ~plain, np.nextafter(p, 0.0), p))


def _halves(x: Array) -> tuple[Array, Array]:
    big = SPLIT * x
    high = big - (big - x)
    return high, x - high
