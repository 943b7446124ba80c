"""A strict gap: one linear net of three layers cannot reach the least f of parallel nets.

A net's price is |W1| |W2| |W3| (Frobenius), so a product Z costs (sum sigma_i^(2/3))^(3/2) in one
net, and sum sigma_i in parallel. With singular values a^3, b^3 of Z, a^2 + b^2 = 1, and
Y = diag(a^3 + lam / a, b^3 + lam / b) both optima are rational.

Why a net is no better than its optimum: with x = sum sigma_i^(2/3), x^(3/2) >= 1 + 3/2 (x - 1), so
f >= p_1(t_1) + p_2(t_2) - lam / 2, t_i = sigma_i^(1/3), p(t) = 1/2 (t^3 - y)^2 + 3/2 lam t^2, and
p'(t) = 3 t (t - a) (t^3 + a t^2 + a^2 t - lam / a): p has its least values at 0 and a, and
p(a) <= p(0) where lam <= a^4.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product as every
from math import prod

from hypothesis import strategies as st

from ._base import ZERO, Check, Counterexample, Statement
from ._cases import Case, among
from ._draw import matrices, rationals
from ._exact import dot
from ._linear import Matrix, exact, solve, transposed
from ._lp import unit
from ._necessity import NoCounterexampleError
from ._nets import root

STATEMENT = Statement(
    title="Strict gap of standard deep nets",
    words="The best standard net of three layers, however wide, can be strictly worse than "
    "parallel nets of the same depth. Then a certificate of F does not certify it.",
    formula="min 1/2 |W1 W2 W3 - Y|^2 + lam |W1| |W2| |W3| = lam + lam^2 / 2 (a^-2 + b^-2) for lam "
    "<= min(a, b)^4  >  min F = lam (y1 + y2) - lam^2",
    needs={
        "three layers": "two layers diag(sqrt z) have |W1| |W2| = z1 + z2, and reach F",
        "two singular values": "for Y = diag(y, 0) one net of rank 1 reaches F",
        "small lam": "for lam = 2 a^4 the singular value 0 is better than a^3",
        "one net": "two nets of rank 1 in parallel reach F",
    },
    gap="This covers linear activations, with the known inequalities of Hoelder for Schatten "
    "norms and of Mirsky, which are tested here and not proved. Nets with ReLU in between are not "
    "covered, because we know no lower bound for them.",
)
HOLDER = "(sum sigma^(2/3))^3 <= (|W1| |W2| |W3|)^2"
SINGLE = "each singular value is best at a^3"
BEST = "no standard net is below its optimum, in squares"
REACHED = "three layers diag(a, b) reach the optimum"
PARALLEL = "two parallel nets reach min F"
GAP = "min F < the best standard net"
HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Instance:
    """A Pythagorean pair by its slope, lam / min(a, b)^4, two mixings 2 x h, and a size t."""

    slope: Fraction
    ratio: Fraction
    mixing: tuple[Matrix, Matrix]
    t: Fraction

    @property
    def pair(self) -> tuple[Fraction, Fraction]:
        """Return a, b > 0 with a^2 + b^2 = 1."""
        m = self.slope
        return (1 - m * m) / (1 + m * m), 2 * m / (1 + m * m)

    @property
    def lam(self) -> Fraction:
        """Return lam <= min(a, b)^4."""
        return self.ratio * min(self.pair) ** 4

    @property
    def data(self) -> tuple[Fraction, Fraction]:
        """Return the diagonal of Y."""
        a, b = self.pair
        return a**3 + self.lam / a, b**3 + self.lam / b

    @property
    def best(self) -> Fraction:
        """Return the best standard net's objective."""
        a, b = self.pair
        return self.lam + self.lam**2 / 2 * (1 / a**2 + 1 / b**2)


@st.composite
def _instances(draw: st.DrawFn) -> Instance:
    slope = Fraction(draw(st.integers(1, 9)), 10)
    mixings = []
    for _ in range(2):
        width = draw(st.integers(2, 3))
        rows = matrices(2, width).map(lambda m: tuple(map(exact, m))).filter(full_rank)
        mixings.append(draw(rows))
    ratio = Fraction(draw(st.integers(1, 8)), 8)
    i = Instance(slope, ratio, (mixings[0], mixings[1]), draw(rationals(0)))
    if draw(st.booleans()):  # the optimum
        first, second = (tuple(unit(k, len(G[0])) for k in range(2)) for G in i.mixing)
        i = replace(i, mixing=(first, second), t=draw(st.sampled_from(i.pair)))
    return i


def full_rank(G: Matrix) -> bool:
    """Return whether G (2, h) has a right inverse."""
    return dot(G[0], G[0]) * dot(G[1], G[1]) > dot(G[0], G[1]) ** 2


INSTANCES = _instances()


def times(A: Matrix, B: Matrix) -> Matrix:
    """Return A B."""
    return tuple(tuple(dot(row, column) for column in transposed(B)) for row in A)


def inverse(G: Matrix) -> Matrix:
    """Return the right inverse G^T (G G^T)^-1."""
    columns = [solve(times(G, transposed(G)), e) or () for e in (exact([1, 0]), exact([0, 1]))]
    return times(transposed(G), transposed(columns))


def diagonal(a: Fraction, b: Fraction) -> Matrix:
    """Return diag(a, b)."""
    return (a, ZERO), (ZERO, b)


def square(A: Matrix) -> Fraction:
    """Return |A|^2."""
    return sum((dot(row, row) for row in A), ZERO)


def sides(i: Instance) -> Iterator[Check]:
    """Yield the inequalities on one net, its optimum, the parallel one, and the gap."""
    (a, b), lam, (G, H) = i.pair, i.lam, i.mixing
    middle = diagonal(a, b)
    layers = (times(middle, G), times(times(inverse(G), middle), H), times(inverse(H), middle))
    cost = prod(map(square, layers), start=Fraction(1))
    yield Check(HOLDER, (a * a + b * b) ** 3, "<=", cost)
    yield from below(i, layers)
    yield from below(i, (G, times(inverse(G), times(middle, H)), times(inverse(H), diagonal(b, a))))
    for best, y in zip(i.pair, i.data, strict=True):
        here, there = ((t**3 - y) ** 2 / 2 + 3 * lam * t * t / 2 for t in (best, i.t))
        yield Check(SINGLE, here, "<=", there)
    errors = [t**3 - y for t, y in zip(i.pair, i.data, strict=True)]
    price = root(square(middle) ** 3)[1]  # |W| = 1 exactly
    yield Check(REACHED, dot(errors, errors) / 2 + lam * price, "==", i.best)
    yield Check(PARALLEL, parallel(i), "==", dual(i))
    yield Check(GAP, dual(i), "<", i.best)


def below(i: Instance, layers: tuple[Matrix, Matrix, Matrix]) -> Iterator[Check]:
    """Yield optimum - fit <= lam |W1| |W2| |W3|, both squared where the left is positive."""
    Z = times(times(layers[0], layers[1]), layers[2])
    errors = [
        exact([z - y for z, y in zip(*r, strict=True)])
        for r in zip(Z, diagonal(*i.data), strict=True)
    ]
    missing = max(ZERO, i.best - square(tuple(errors)) / 2)
    yield Check(BEST, missing**2, "<=", i.lam**2 * prod(map(square, layers), start=Fraction(1)))


def parallel(i: Instance) -> Fraction:
    """Return f at two nets of rank 1: the first has layers z e1 e1^T, e1 e1^T, e1 e1^T."""
    kept = [y - i.lam for y in i.data]
    return sum((z - y) ** 2 / 2 + i.lam * abs(z) for z, y in zip(kept, i.data, strict=True))


def dual(i: Instance) -> Fraction:
    """Return d(W) at W = lam I, whose spectral norm, the polar, is lam."""
    W = (i.lam, i.lam)
    return dot(W, i.data) - dot(W, W) / 2


CASES: dict[str, Case] = {
    **among("widths:", lambda i: tuple(len(G[0]) for G in i.mixing), every((2, 3), repeat=2)),
    "a < b": lambda i: i.pair[0] < i.pair[1],
    "a > b": lambda i: i.pair[0] > i.pair[1],
    "lam = min(a, b)^4": lambda i: i.ratio == 1,
    "lam < min(a, b)^4": lambda i: i.ratio < 1,
}
NEVER: dict[str, tuple[str, ...]] = {}


def fixed() -> Iterator[Check]:
    """Yield (3, 4, 5), a nearly singular pair whose gap is below a millionth."""
    identity = diagonal(Fraction(1), Fraction(1))
    named = Instance(HALF, HALF, (identity, identity), Fraction(3, 5))
    yield from sides(named)
    yield from sides(Instance(Fraction(1, 3), Fraction(1), (identity, identity), Fraction(3, 5)))
    yield from sides(Instance(Fraction(1, 4000), Fraction(1, 100), (identity, identity), ZERO))


@dataclass(frozen=True)
class Nets:
    """The diagonal of Y, lam, and `nets` nets of `layers` layers, each diagonal.

    A diagonal is given by its squares, so that two layers of them are rational.
    """

    y: tuple[Fraction, Fraction]
    roots: tuple[Fraction, Fraction]  # a and b, with a^3 + lam / a = y where a > 0
    lam: Fraction
    layers: int = 3
    nets: int = 1

    def three(self) -> Iterator[Check]:
        """Yield that there are three layers at least."""
        yield Check("layers", Fraction(3), "<=", Fraction(self.layers))

    def two_values(self) -> Iterator[Check]:
        """Yield that Y has two singular values."""
        yield Check("singular values", ZERO, "<", min(self.y))

    def small(self) -> Iterator[Check]:
        """Yield lam <= a^4, and y = a^3 + lam / a, for each singular value."""
        for y, a in zip(self.y, self.roots, strict=True):
            if y:
                yield Check("y", y, "==", a**3 + self.lam / a)
                yield Check("lam", self.lam, "<=", a**4)

    def single(self) -> Iterator[Check]:
        """Yield that there is one net."""
        yield Check("nets", Fraction(self.nets), "==", Fraction(1))

    def kept(self) -> list[Fraction]:
        """Return max(y - lam, 0) of each singular value, as in the minimizer of F."""
        return [max(ZERO, y - self.lam) for y in self.y]

    def reached(self) -> Fraction:
        """Return f of the nets at the singular values that F keeps.

        The price of a net of rank 1 is its singular value; of W1 = W2 = diag(sqrt z) it is
        |W1| |W2| = z1 + z2. Else the nets are two of rank 1.
        """
        rank = sum(z > 0 for z in self.kept())
        if (self.layers, self.nets, rank) not in ((2, 1, 2), (3, 2, 2), (3, 1, 1)):
            raise NoCounterexampleError("the price is not the sum")
        pairs = zip(self.kept(), self.y, strict=True)
        return sum(((z - y) ** 2 / 2 + self.lam * z for z, y in pairs), ZERO)

    def conclusion(self) -> Check:
        """Return d(W) at W = Y clipped to lam against f."""
        W = exact([min(self.lam, y) for y in self.y])
        return Check(GAP, dot(W, self.y) - dot(W, W) / 2, "<", self.reached())

    def poorer(self) -> Check:
        """Return p(a) against p(0)."""
        y, a = self.y[0], self.roots[0]
        here, there = ((t**3 - y) ** 2 / 2 + 3 * self.lam * t * t / 2 for t in (a, ZERO))
        return Check(SINGLE, here, "<=", there)


HYPOTHESES = {
    "three layers": Nets.three,
    "two singular values": Nets.two_values,
    "small lam": Nets.small,
    "one net": Nets.single,
}


def counterexamples() -> Iterator[Counterexample]:
    """Yield nets that reach min F, and a singular value that is better at 0."""
    identity = diagonal(Fraction(1), Fraction(1))
    named = Instance(HALF, HALF, (identity, identity), Fraction(3, 5))
    nets = Nets(named.data, named.pair, named.lam)
    yield Counterexample("three layers", replace(nets, layers=2), Nets.conclusion)
    flat = replace(nets, y=(nets.y[0], ZERO))
    yield Counterexample("two singular values", flat, Nets.conclusion)
    yield Counterexample("one net", replace(nets, nets=2), Nets.conclusion)
    a, b = named.pair
    lam = 2 * a**4
    heavy = Nets((a**3 + lam / a, b**3 + lam / b), (a, b), lam)
    yield Counterexample("small lam", heavy, Nets.poorer)
