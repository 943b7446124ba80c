"""Examples: each family's phi and theta are homogeneous of one degree, in rationals."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ._base import Check, Statement
from ._draw import positives, rationals
from ._families import FAMILIES, Family, Slice, weight_decay

STATEMENT = Statement(
    title="Examples",
    words="Each family is what it claims to be: phi and theta are positively homogeneous of one "
    "degree p > 0. Matrix, symmetric and CP factorization, a hidden ReLU layer with weight decay, "
    "parallel deep networks, convolution with sum or max-pooling.",
    formula="phi(a x) = a^p phi(x),  theta(a x) = a^p theta(x)  for a >= 0",
    needs={
        "homogeneous activation": "a hidden sigmoid layer v / (1 + e^-u): at u = 0 it is v / 2, of "
        "degree 1; u = ln 2, v = 1 gives 2/3, and doubled 2 * 4/5, not 2 * 2/3",
        "equal degrees": "weight decay on three layers has degree 2, and phi has 3",
    },
)
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


def fixed() -> Iterator[Check]:
    """Yield each family at whole numbers, and the counterexamples."""
    for family in FAMILIES:
        sizes = [int(np.prod(shape)) for shape in family.shapes]
        entries = tuple([Fraction(k + 1) for k in range(n)] for n in sizes)
        yield from sides(Instance(family, entries, Fraction(3)))
    hidden = f"one hidden ReLU layer, weight decay: {PHI}"
    once, twice = (Fraction(k, k + 1) for k in (2, 4))  # the sigmoid at ln 2 and 2 ln 2
    yield Check(hidden, 2 * twice, "==", 2 * once, dropped="homogeneous activation")
    deep, ones = "parallel deep ReLU network", [np.full(1, Fraction(1), dtype=object)] * 3
    decay = weight_decay([2 * x for x in ones]), 2**3 * weight_decay(ones)
    yield Check(f"{deep}: {THETA}", decay[0], "==", decay[1], dropped="equal degrees")
