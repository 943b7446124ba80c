"""Slices with random masks, and the hypotheses of dropout decided on them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product as every

from . import _nuclear
from ._base import ZERO, Check
from ._exact import Matrix, Vector, difference, dot, dual_value, flat, inner, product, scale, total
from ._linear import rank
from ._points import SHAPES, Number
from ._polynomial import UndecidedError, orthants
from ._problems import perfect_root

HALF = Fraction(1, 2)
Slices = tuple[list[Vector], list[Vector]]


def masks(r: int, p: Fraction) -> Iterator[tuple[Fraction, tuple[int, ...]]]:
    """Yield each mask of r slices with its probability."""
    for mask in every((0, 1), repeat=r):
        yield p ** sum(mask) * (1 - p) ** (r - sum(mask)), mask


def price(slices: Slices) -> Fraction:
    """Return sum |u|_2^2 |v|_2^2."""
    return total(dot(u, u) * dot(v, v) for u, v in zip(*slices, strict=True))


def norm_square(slices: Slices) -> Fraction:
    """Return N(Z)^2 of the sum, 2 x 2, by its closed form."""
    return _nuclear.square(tuple(flat(product(*slices, 2, 2))))


def bound(Y: Matrix, W: Matrix, c: Fraction) -> Fraction:
    """Return <W, Y> - 1/2 |W|^2 - s / (2c), s the largest row sum of |W^T W|: s >= sigma_1^2.

    <W, Z> <= sigma_1 N(Z) <= c/2 N(Z)^2 + sigma_1^2 / (2c).
    """
    return dual_value(W, Y) - _nuclear.spectral(tuple(flat(W))) / (2 * c)


@dataclass(frozen=True)
class Trained:
    """Data, slices, W, r, p, c, the law of the masks, the divisor of kept slices, the loss."""

    Y: Matrix
    slices: Slices
    W: Matrix
    r: int
    p: Fraction = HALF
    c: Fraction = Fraction(1)
    chances: tuple[tuple[Fraction, tuple[int, ...]], ...] = ()  # else independent masks
    divisor: Fraction = HALF
    loss: str = "square"

    def law(self) -> list[tuple[Fraction, tuple[int, ...]]]:
        """Return the chances of the masks."""
        return [*(self.chances or masks(len(self.slices[0]), self.p))]

    def independent(self) -> Iterator[Check]:
        """Yield that each mask has the chance of independent ones."""
        found = {m: chance for chance, m in self.law()}
        for chance, m in masks(len(self.slices[0]), self.p):
            yield Check("a chance", found.get(m, ZERO), "==", chance)

    def divided(self) -> Iterator[Check]:
        """Yield that a kept slice is divided by p."""
        yield Check("divided by", self.divisor, "==", self.p)

    def squared(self) -> Iterator[Check]:
        """Yield that the loss is half the square, as a polynomial for x > 0 and for x < 0."""
        for (x,) in orthants((ZERO,), None):
            rest = SHAPES[self.loss](x) - x * x / 2
            yield Check("other terms", total(map(abs, rest.terms.values())), "==", ZERO)

    def counted(self) -> Iterator[Check]:
        """Yield that there are r slices."""
        yield Check("slices", Fraction(len(self.slices[0])), "==", Fraction(self.r))

    def falling(self) -> Iterator[Check]:
        """Yield (1 - p) / p = c r."""
        yield Check("(1 - p) / p", (1 - self.p) / self.p, "==", self.c * self.r)

    def sizes(self) -> list[Fraction]:
        """Return |u| |v| of each slice."""
        pairs = zip(*self.slices, strict=True)
        return [perfect_root(dot(u, u) * dot(v, v)) for u, v in pairs]

    def aligned(self) -> Iterator[Check]:
        """Yield that the sizes sum to N(Z), in squares."""
        yield Check("the sizes", total(self.sizes()) ** 2, "==", norm_square(self.slices))

    def one_size(self) -> Iterator[Check]:
        """Yield that the sizes are one."""
        sizes = self.sizes()
        yield Check("the sizes", min(sizes), "==", max(sizes))

    def wide(self) -> Iterator[Check]:
        """Yield that r is at least the rank of Y - W, which the dual bound proves a minimizer."""
        Z = difference(self.Y, self.W)
        least = inner(self.W, self.W) / 2 + self.c / 2 * _nuclear.square(tuple(flat(Z)))
        if least != bound(self.Y, self.W, self.c):
            raise UndecidedError("Y - W is no minimizer")
        yield Check("the rank", Fraction(rank([tuple(z) for z in Z])), "<=", Fraction(self.r))

    def mean(self, slices: tuple[Sequence[Sequence[Number]], Sequence[Sequence[Number]]]) -> Number:
        """Return the mean loss over the masks."""
        us, vs = slices
        found = ZERO
        for chance, mask in self.law():
            kept = [scale(b / self.divisor, u) for b, u in zip(mask, us, strict=True)]
            found += chance * self.at(kept, vs)
        return found

    def at(self, us: Sequence[Sequence[Number]], vs: Sequence[Sequence[Number]]) -> Number:
        """Return the loss of a sum."""
        Z = product(us, vs, len(self.Y), len(self.Y[0]))
        return sum(map(SHAPES[self.loss], flat(difference(Z, self.Y))), ZERO)
