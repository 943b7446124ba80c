"""The weighted l2 norm."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from ..arrays import Arrays
from ..fields import Json
from ..scalars import Enclosure, root
from .base import Norm, euclidean


@dataclass(frozen=True)
class Weighted(Norm):
    """|x| = sqrt(sum w_i x_i^2), w > 0; its dual norm is sqrt(sum y_i^2 / w_i)."""

    name = "weighted"
    weights: Sequence[float] = ()

    @classmethod
    def stated(cls, bare: tuple[int, str], fields: Json, arrays: Arrays, side: str) -> Norm:
        """Read the weights."""
        del fields
        return cls(*bare, arrays.positive(f"{side}.weights", (bare[0],)).data)

    @property
    def numbers(self) -> int:
        """The weights."""
        return len(self.weights)

    def lengths(self, x: Sequence[float]) -> tuple[Enclosure, Enclosure]:
        """Return the root of the square, which is exact."""
        pairs = zip(self.weights, x, strict=True)
        return euclidean(sum((Fraction(w) * Fraction(v) ** 2 for w, v in pairs), Fraction(0)))

    def over(self, d: Sequence[Fraction]) -> list[Fraction]:
        """Return d_i / w_i."""
        return [v / Fraction(w) for v, w in zip(d, self.weights, strict=True)]

    def positive_cost(self, d: Sequence[Fraction]) -> Fraction:
        """Return max d_i / w_i."""
        return max(self.over(d))

    def support(self, p: Sequence[Fraction]) -> Fraction:
        """Return sqrt(sum p^2 / w)."""
        return root(sum(self.over([v * v for v in p]), Fraction(0))).hi
