"""Infinitely many rays in the plane, (1, +-t) of cost base + t for t in (0, 1], and perhaps (1, 0).

A claim about all rays is a polynomial in t; a program may use only the rays with t = 1/n.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ._base import ZERO, Check
from ._linear import exact
from ._polynomial import ONE, nonnegative, variables
from ._rays import Rays


@dataclass(frozen=True)
class Curve:
    """The rays' base cost, and the cost of (1, 0), None where it is no ray; lam and the loss."""

    base: Fraction
    axis: Fraction | None = None
    lam: Fraction = ONE

    def rays(self, numbers: Sequence[int]) -> Rays:
        """Return those of t = 1/n for these n."""
        slopes = [Fraction(s, n) for n in numbers for s in (1, -1)]
        phi, theta = [exact([1, t]) for t in slopes], [self.base + abs(t) for t in slopes]
        if self.axis is not None:
            phi, theta = [*phi, exact([1, 0])], [*theta, self.axis]
        return Rays("", tuple(phi), tuple(theta))

    def dominated(self) -> Iterator[Check]:
        """Yield theta >= c |phi|_1 for all t, c = base / 2, and c > 0, which is false for base 0.

        |phi|_1 = 1 + t, and (base + t) / (1 + t) falls to base as t does: no larger c will do.
        """
        yield Check("c", ZERO, "<", self.base)
        (t,) = variables((ONE,))
        yield from nonnegative("theta", self.base + t - self.base / 2 * (1 + t))
        if self.axis is not None:
            yield Check("theta of (1, 0)", self.base / 2, "<=", self.axis)

    def compact(self) -> Iterator[Check]:
        """Yield that phi({theta <= 1}) is bounded, and has the limit (1, 0) / base of its rays."""
        yield from self.dominated()
        yield Check("the limit is a ray", Fraction(self.axis is not None), "==", ONE)
        if self.axis is not None:
            yield Check("the cost of the limit", self.axis, "<=", self.base)

    def positive(self) -> Iterator[Check]:
        """Yield theta >= 0 for all t."""
        (t,) = variables((ONE,))
        yield from nonnegative("theta", self.base + t)
