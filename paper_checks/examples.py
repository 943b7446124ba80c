"""Examples: each family's phi and theta are homogeneous of one degree, in rationals."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ._base import Check, Counterexample, Statement
from ._cases import Case
from ._counterpoints import decay as _decay
from ._draw import positives, rationals
from ._families import FAMILIES, Family, Slice
from ._points import Number, Point, degrees, squared

STATEMENT = Statement(
    title="Examples",
    words="Each family is what it claims to be: phi and theta are positively homogeneous of one "
    "degree p > 0. Matrix, symmetric and CP factorization, a hidden ReLU layer with weight decay, "
    "parallel deep networks, convolution with sum or max-pooling.",
    formula="phi(a x) = a^p phi(x),  theta(a x) = a^p theta(x)  for a >= 0",
    needs={
        "homogeneous activation": "a hidden sigmoid layer v / (1 + e^-u): at u = 0 it is v / 2, of "
        "degree 1; u = ln 2, v = 1 gives 2/3, and doubled 8/5, not 4 * 2/3",
        "equal degrees": "weight decay on three layers has degree 2, and phi has 3",
    },
    rests={
        "one hidden ReLU layer, weight decay: phi has its degree": ("homogeneous activation",),
    },
)
HIDDEN, DEEP = "one hidden ReLU layer, weight decay", "parallel deep ReLU network"
PHI, THETA, OURS = "phi has its degree", "theta has its degree", "phi is the package's"


@dataclass(frozen=True)
class Instance:
    """A family, a slice as lists, and a >= 0."""

    family: Family
    entries: tuple[list[Fraction], ...]
    a: Fraction

    def slice(self) -> Slice:
        """Return the factors, in their shapes."""
        shaped = zip(self.family.shapes, self.entries, strict=True)
        return [np.array(entries, dtype=object).reshape(shape) for shape, entries in shaped]

    def __repr__(self) -> str:
        factors = ", ".join(str([str(e) for e in factor]) for factor in self.entries)
        return f"{self.family.name}, a = {self.a}, {factors}"


@st.composite
def _instances(draw: st.DrawFn) -> Instance:
    family = draw(st.sampled_from(FAMILIES))
    sizes = [int(np.prod(shape)) for shape in family.shapes]
    entries = rationals() if draw(st.booleans()) else st.integers(-9, 9).map(Fraction)
    drawn = tuple(draw(st.lists(entries, min_size=n, max_size=n)) for n in sizes)
    return Instance(family, drawn, draw(st.one_of(st.just(Fraction(0)), positives())))


INSTANCES = _instances()


def sides(i: Instance) -> Iterator[Check]:
    """Yield phi and theta of a x by definition, against those of x times a^p."""
    x, by = i.slice(), i.a**i.family.degree
    name, ax = i.family.name, [i.a * factor for factor in x]
    yield from _entries(f"{name}: {PHI}", i.family.phi(ax), by * i.family.phi(x))
    yield Check(f"{name}: {THETA}", i.family.theta(ax), "==", by * i.family.theta(x))
    whole = all(e.denominator == 1 for factor in i.entries for e in factor)
    if i.family.atom is not None and whole:
        floats = i.family.atom.phi(tuple(factor.astype(float) for factor in x))
        yield from _entries(f"{name}: {OURS}", floats, i.family.phi(x))


def _entries(claim: str, left: Any, right: Any) -> Iterator[Check]:  # noqa: ANN401  arrays
    for p, q in zip(np.ravel(left), np.ravel(right), strict=True):
        yield Check(claim, Fraction(p), "==", Fraction(q))


def whole(i: Instance) -> bool:
    """Return whether all entries are whole numbers."""
    return all(e.denominator == 1 for factor in i.entries for e in factor)


CASES: dict[str, Case] = {
    "a = 0": lambda i: i.a == 0,
    "a > 0": lambda i: i.a > 0,
    "whole numbers": whole,
    "fractions": lambda i: not whole(i),
}
NEVER: dict[str, tuple[str, ...]] = {
    f"{family.name}: {OURS}": ("fractions",) for family in FAMILIES if family.atom is not None
}


def fixed() -> Iterator[Check]:
    """Yield each family at whole numbers."""
    for family in FAMILIES:
        sizes = [int(np.prod(shape)) for shape in family.shapes]
        entries = tuple([Fraction(k + 1) for k in range(n)] for n in sizes)
        yield from sides(Instance(family, entries, Fraction(3)))


@dataclass(frozen=True)
class Activation:
    """An activation of E = e^-u, and E where it is doubled: E^2 is e^-2u."""

    of: Callable[[Fraction], Fraction]
    E: Fraction

    def homogeneous(self) -> Iterator[Check]:
        """Yield that twice the input gives twice the output."""
        yield Check("twice", self.of(self.E**2), "==", 2 * self.of(self.E))

    def conclusion(self) -> Check:
        """Return phi(2u, 2v) against 2^2 phi(u, v), v = 1."""
        left, right = 2 * self.of(self.E**2), 4 * self.of(self.E)
        return Check(f"{HIDDEN}: {PHI}", left, "==", right)


@dataclass(frozen=True)
class Deep:
    """A slice of one number a layer, and its price."""

    point: Point

    def homogeneous(self) -> Iterator[Check]:
        """Yield that ReLU has degree 1, on either side of 0."""
        found = degrees(1, lambda x: [_relu(x[0])])
        yield Check("the least degree", Fraction(min(found)), "==", Fraction(1))
        yield Check("the largest degree", Fraction(max(found)), "==", Fraction(1))

    def conclusion(self) -> Check:
        """Return theta(2x) against 2^3 theta(x)."""
        (x,) = self.point.X
        twice, once = self.point.theta([2 * a for a in x]), self.point.theta(x)
        return Check(f"{DEEP}: {THETA}", twice, "==", 2 ** len(x) * once)


HYPOTHESES = {
    "homogeneous activation": lambda i: i.homogeneous(),
    "equal degrees": lambda i: i.point.equal_degrees(),
}


def counterexamples() -> Iterator[Counterexample]:
    """Yield the sigmoid at ln 2 and 2 ln 2, and weight decay on three layers."""
    sigmoid = Activation(lambda E: 1 / (1 + E), Fraction(1, 2))
    yield Counterexample("homogeneous activation", sigmoid, Activation.conclusion)
    ones = (Fraction(1),) * 3
    deep = Point(3, _layers, _decay, squared(0), Fraction(1), (ones,))
    yield Counterexample("equal degrees", Deep(deep), Deep.conclusion)


def _relu(x: Number) -> Number:
    return (x + abs(x)) / 2


def _layers(x: Sequence[Number]) -> list[Number]:
    return [_relu(_relu(x[0]) * x[1]) * x[2]]
