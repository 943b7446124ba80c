"""Sum = product, with l1 norms, so that every side is rational."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import prod

from hypothesis import strategies as st

from ._base import Check, Counterexample, Statement
from ._cases import Case, among
from ._draw import positives, vectors
from ._exact import Vector, l1, scale, total, vector
from ._necessity import NoCounterexampleError

STATEMENT = Statement(
    title="Sum = product",
    words="The product of the norms of a slice's factors and the mean of their K-th powers give "
    "the same Omega: the mean is never below the product, and rescaling the factors by numbers "
    "of product 1, which leaves phi as it is, makes the two equal.",
    formula="min over s_1 ... s_K = 1 of (1/K) sum_k |s_k x^k|^K  =  prod_k |x^k|",
    needs={
        "powers": "the power is the number K of factors: three factors of norm 8 have the product "
        "512, and the mean of their squares is 64",
        "multilinear": "phi has degree 1 in each factor: with phi = (u^3 v)^(1/2), u, v >= 0, the "
        "slice (4, 1/64) has phi = 1 and product 1/16, but phi = 1 needs u >= 1 or v >= 1, so "
        "its mean of squares is at least 1/2",
    },
    rests={"the product is at most the mean": ("powers",)},
)
ATMOST, EQUAL = "the product is at most the mean", "equal at the best scaling"


@st.composite
def _instances(draw: st.DrawFn) -> tuple[list[Vector], Fraction, list[Fraction]]:
    """Draw K factors whose norms have the product g^K, g, and scales s of product 1."""
    g = draw(positives())
    factors = draw(st.lists(st.integers(1, 3).flatmap(vectors).filter(any), min_size=1, max_size=4))
    missing = g ** len(factors) / prod(l1(x) for x in factors)
    scales = [draw(positives()) for _ in factors[1:]]
    if draw(st.booleans()):  # the best
        scales = [g / l1(x) for x in factors[1:]]
    return (
        [scale(missing, factors[0]), *factors[1:]],
        g,
        [1 / prod(scales, start=Fraction(1)), *scales],
    )


INSTANCES = _instances()


def mean(factors: list[Vector], scales: list[Fraction], power: int) -> Fraction:
    """Return the mean of |s_k x^k|^power."""
    norms = [l1(scale(s, x)) for s, x in zip(scales, factors, strict=True)]
    return total(n**power for n in norms) / len(factors)


def sides(instance: tuple[list[Vector], Fraction, list[Fraction]]) -> Iterator[Check]:
    """Yield AM-GM at drawn scales, and the equality at s_k = g / |x^k|."""
    factors, g, scales = instance
    product, power = prod((l1(x) for x in factors), start=Fraction(1)), len(factors)
    yield Check(ATMOST, product, "<=", mean(factors, scales, power))
    best = [g / l1(x) for x in factors]
    yield Check(EQUAL, product, "==", mean(factors, best, power))


CASES: dict[str, Case] = {
    **among("factors:", lambda i: len(i[0]), (1, 2, 3, 4)),
    "all scales 1": lambda i: set(i[2]) == {1},
    "other scales": lambda i: set(i[2]) != {1},
}
NEVER: dict[str, tuple[str, ...]] = {ATMOST: ("factors: 1: strict",)}


def fixed() -> Iterator[Check]:
    """Yield three factors at their best scaling."""
    ones = [Fraction(1)] * 3
    yield from sides(([vector(2), vector(1, -1), vector(2)], Fraction(2), ones))


@dataclass(frozen=True)
class Slice:
    """The norms of the factors, the degree of phi in each, the power of the mean."""

    norms: Vector
    degrees: Vector
    power: int

    def product(self) -> Fraction:
        """Return the product of the norms."""
        return prod(self.norms, start=Fraction(1))

    def powers(self) -> Iterator[Check]:
        """Yield that the power is the number of factors."""
        yield Check("the power", Fraction(self.power), "==", Fraction(len(self.norms)))

    def multilinear(self) -> Iterator[Check]:
        """Yield that phi has degree 1 in each factor."""
        for degree in self.degrees:
            yield Check("a degree", degree, "==", Fraction(1))

    def never(self) -> Check:
        """Return the product against the mean."""
        whole = mean([[n] for n in self.norms], [Fraction(1)] * len(self.norms), self.power)
        return Check(ATMOST, self.product(), "<=", whole)

    def equal(self) -> Check:
        """Return the product against the least mean, which is at least 1 / K where phi = 1.

        phi = 1 is prod |x^k|^degree = 1, here with squares: some norm is >= 1.
        """
        squares = zip(self.norms, self.degrees, strict=True)
        if prod(n ** int(2 * d) for n, d in squares) != 1 or min(self.degrees) <= 0:
            raise NoCounterexampleError("phi is not 1")
        return Check(EQUAL, self.product(), "==", Fraction(1, len(self.norms)))


HYPOTHESES = {"powers": Slice.powers, "multilinear": Slice.multilinear}


def counterexamples() -> Iterator[Counterexample]:
    """Yield three factors with squares, and a phi of degrees 3/2 and 1/2."""
    yield Counterexample("powers", Slice(vector(8, 8, 8), vector(1, 1, 1), 2), Slice.never)
    uneven = Slice(vector(4, "1/64"), vector("3/2", "1/2"), 2)
    yield Counterexample("multilinear", uneven, Slice.equal)
