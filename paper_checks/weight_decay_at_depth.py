"""Weight decay on a linear net of depth L is sum sigma_i^(2/L) of the product, in rationals.

Z = P diag(a)^L Q with rotations P, Q and a >= 0: its singular values are a_i^L, and the sum is a.a.
No layers are cheaper: sum sigma_i(W_1 ... W_L)^(2/L) <= sum_i prod_k sigma_i(W_k)^(2/L) (Horn)
<= prod_k (sum_i sigma_i(W_k)^2)^(1/L) (Hoelder) <= (1/L) sum_k |W_k|^2 (means).

For three layers this is tested on any layers, without singular values: s = sum sigma^(2/3) is the
largest root of s^3 - 3 det(Z)^(2/3) s = |Z|^2, so s <= C exactly if 27 det(Z)^2 C^3 <=
(C^3 - |Z|^2)^3.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce

from hypothesis import strategies as st

from ._base import ZERO, Check, Counterexample, Statement
from ._cases import Case, among, counted
from ._draw import matrices, rationals, vectors
from ._exact import Vector, dot, flat, scale, total, vector
from ._linear import Matrix, exact
from ._necessity import NoCounterexampleError
from ._polynomial import variables
from ._told import told
from .strict_gap_of_standard_deep_nets import diagonal, full_rank, inverse, square, times

STATEMENT = Statement(
    title="Weight decay at depth",
    words="The least mean of |W_k|^2 over linear nets of depth L with product Z is the sum of the "
    "powers 2/L of the singular values of Z; with 1/2 in place of 1/L it is L/2 times that. For "
    "L = 1 and 2 it is convex in Z: |Z|^2 and the nuclear norm. From L = 3 on it is not convex, "
    "and its power L/2 is no norm on 2 x 2 matrices. So the least objective over all nets is not "
    "convex in Z, and the statements here, which rest on a convex Omega, do not apply to it.",
    formula="min { (1/L) sum_k |W_k|^2 : W_1 W_2 ... W_L = Z } = sum_i sigma_i(Z)^(2/L);   "
    "L >= 3, 0 < c < 1, Z != 0  =>  the cost of c^L Z is c^2 > c^L of the cost of Z",
    needs={
        "inner widths at least rank Z": "through one hidden unit every product has determinant 0, "
        "so Z of rank 2 and determinant 8 is not reached",
        "a penalty on every layer": "with the first layer free, it is multiplied by 4 and the last "
        "divided by 4: the product stays and the cost falls",
        "depth at least 3": "for L = 2 the cost is the nuclear norm: c^2 = c^L, and for diagonal "
        "matrices >= 0 the norm of a sum is the sum of the norms",
    },
    gap="Horn's inequality for the singular values of a product is known; it is tested here and "
    "not proved. Weight decay is what is used in practice. The cure is (1/L) sum |W_k|^L over "
    "nets in parallel: its degree is that of the product, and its Omega is the nuclear norm.",
)
MADE, LEAST = "the layers multiply to Z", "sum sigma^(2/L) <= (1/L) sum |W_k|^2"
REACHED = "balanced layers cost sum sigma^(2/L)"
CUBIC = "any three layers: 27 det(Z)^2 C^3 <= (C^3 - |Z|^2)^3, C = (1/3) sum |W_k|^2"
CONCAVE = "L >= 3: c^L cost(Z) < cost(c^L Z)"
NO_NORM = "L >= 3: the norm of diag(a^L, 0) + diag(0, b^L) exceeds the sum, in squares"


@dataclass(frozen=True)
class Instance:
    """Roots a of two singular values, slopes of P and Q, c, L - 1 mixings, and any layers."""

    roots: Vector
    slopes: tuple[Fraction, Fraction]
    c: Fraction
    mixings: tuple[Matrix, ...]
    three: tuple[Matrix, Matrix, Matrix]

    @property
    def depth(self) -> int:
        """Return L."""
        return len(self.mixings) + 1


def _tuples(m: int, n: int) -> st.SearchStrategy[Matrix]:
    return matrices(m, n, rationals(-3, 3)).map(lambda a: tuple(map(exact, a)))


@st.composite
def _instances(draw: st.DrawFn) -> Instance:
    widths = draw(st.lists(st.integers(2, 3), max_size=3))
    identity = diagonal(Fraction(1), Fraction(1))
    mixings = tuple(draw(_tuples(2, h).filter(full_rank)) for h in widths)
    if draw(st.booleans()):
        mixings = (identity,) * len(widths)
    h, k = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    three = draw(_tuples(2, h)), draw(_tuples(h, k)), draw(_tuples(k, 2))
    c = Fraction(draw(st.integers(1, 9)), 10)
    slopes = draw(rationals(-3, 3)), draw(rationals(-3, 3))
    roots = draw(vectors(2, rationals(0)))
    if draw(st.booleans()):  # the least cost
        three = (diagonal(*roots),) * 3
    return Instance(roots, slopes, c, mixings, three)


INSTANCES = _instances()


def rotation(m: Fraction) -> Matrix:
    """Return the rotation by twice the angle of slope m."""
    c, s = (1 - m * m) / (1 + m * m), 2 * m / (1 + m * m)
    return (c, -s), (s, c)


def determinant(Z: Matrix) -> Fraction:
    """Return the determinant of Z (2, 2)."""
    return Z[0][0] * Z[1][1] - Z[0][1] * Z[1][0]


def mixed(i: Instance) -> list[Matrix]:
    """Return P D G_1, H_1 D G_2, ..., H D Q, with D = diag(a) and each G H = I."""
    D, (P, Q) = diagonal(*i.roots), map(rotation, i.slopes)
    left = [P, *map(inverse, i.mixings)]
    return [times(times(H, D), G) for H, G in zip(left, [*i.mixings, Q], strict=True)]


def balanced(i: Instance, roots: Vector) -> list[Matrix]:
    """Return P D, D, ..., D Q."""
    identity = diagonal(Fraction(1), Fraction(1))
    return mixed(replace(i, roots=roots, mixings=(identity,) * (i.depth - 1)))


def cost(layers: list[Matrix]) -> Fraction:
    """Return (1/L) sum |W_k|^2."""
    return total(map(square, layers)) / len(layers)


def sides(i: Instance) -> Iterator[Check]:
    """Yield the cost of layers, from their entries, against the singular values known."""
    least = dot(i.roots, i.roots)
    layers, best = mixed(i), balanced(i, i.roots)
    yield from (*made(i, layers), *made(i, best))
    yield Check(LEAST, least, "<=", cost(layers))
    yield Check(REACHED, cost(best), "==", least)
    yield cubic(i.three)
    if i.depth >= 3:
        if any(i.roots):
            yield concave(i)
        if all(i.roots):
            yield no_norm(i)


def made(i: Instance, layers: list[Matrix]) -> Iterator[Check]:
    """Yield that the product is P diag(a^L) Q: each entry, and the determinant."""
    Z, (P, Q) = reduce(times, layers), map(rotation, i.slopes)
    powers = [a**i.depth for a in i.roots]
    wanted = times(times(P, diagonal(*powers)), Q)
    for x, y in zip(flat([*Z]), flat([*wanted]), strict=True):  # type: ignore[list-item]
        yield Check(MADE, x, "==", y)
    yield Check(MADE, determinant(Z), "==", powers[0] * powers[1])


def cubic(three: tuple[Matrix, Matrix, Matrix]) -> Check:
    """Return s <= C for three layers, by the cubic of which s is the largest root."""
    Z, C = reduce(times, three), cost([*three])
    return Check(CUBIC, 27 * determinant(Z) ** 2 * C**3, "<=", (C**3 - square(Z)) ** 3)


def concave(i: Instance) -> Check:
    """Return the mean of the costs of 0 and Z, against the cost of the mean: sizes c a."""
    there = cost(balanced(i, scale(i.c, i.roots)))
    return Check(CONCAVE, i.c**i.depth * dot(i.roots, i.roots), "<", there)


def no_norm(i: Instance) -> Check:
    """Return the triangle inequality's failure: (sum sigma^(2/L))^(L/2), squared."""
    a, b = (cost(balanced(i, x)) for x in ([i.roots[0], ZERO], [ZERO, i.roots[1]]))
    parts = (x**i.depth for x in i.roots)  # a, b are squares: their powers L/2
    return Check(NO_NORM, sum(parts) ** 2, "<", (a + b) ** i.depth)  # type: ignore[arg-type]


CASES: dict[str, Case] = {
    **among("layers:", lambda i: i.depth, (1, 2, 3, 4)),
    **counted("singular value", lambda i: sum(map(bool, i.roots))),
    "det(Z) = 0": lambda i: not determinant(reduce(times, i.three)),
    "det(Z) != 0": lambda i: bool(determinant(reduce(times, i.three))),
}
_FLAT = ("layers: 1", "layers: 2")
NEVER: dict[str, tuple[str, ...]] = {
    LEAST: ("layers: 1: strict", "no singular value: strict"),
    CONCAVE: (*_FLAT, "no singular value"),
    NO_NORM: (*_FLAT, "no singular value", "one singular value"),
}


def fixed() -> Iterator[Check]:
    """Yield balanced layers, and a barely concave pair of points."""
    identity = diagonal(Fraction(1), Fraction(1))
    D, slopes = diagonal(Fraction(2), Fraction(1)), (Fraction(1, 2), Fraction(-2))
    named = Instance(vector(2, 1), slopes, 1 - Fraction(1, 10**7), (identity,) * 2, (D, D, D))
    yield from sides(named)
    yield from sides(replace(named, roots=vector(1, "1/4000"), mixings=(identity,) * 4))
    yield no_norm(replace(named, roots=vector(1, "1/4000")))


@dataclass(frozen=True)
class Net:
    """Layers with product P diag(a^L) Q, and how many of them have no penalty, from the first."""

    of: Instance
    layers: tuple[Matrix, ...]
    free: int = 0

    def wide(self) -> Iterator[Check]:
        """Yield that each inner width is at least the number of a_i > 0."""
        rank = Fraction(sum(map(bool, self.of.roots)))
        for layer in self.layers[1:]:
            yield Check("a width", rank, "<=", Fraction(len(layer)))

    def every(self) -> Iterator[Check]:
        """Yield that every layer has a penalty."""
        yield Check("layers without a penalty", Fraction(self.free), "==", ZERO)

    def deep(self) -> Iterator[Check]:
        """Yield that there are three layers at least."""
        yield Check("layers", Fraction(3), "<=", Fraction(len(self.layers)))

    def determinant(self) -> Check:
        """Return the determinant of all products of layers of these shapes, against Z's.

        The entries are variables; the determinant has no terms, so it is 0 whatever they are.
        """
        sizes = [len(x) * len(x[0]) for x in self.layers]
        free = iter(variables((None,) * sum(sizes)))
        any_layers = [tuple(tuple(next(free) for _ in row) for row in x) for x in self.layers]
        found = determinant(reduce(times, any_layers))  # type: ignore[arg-type]
        if found:
            raise NoCounterexampleError("some layers have another determinant")
        a, b = self.of.roots
        return Check(MADE, ZERO, "==", told((a * b) ** self.of.depth, "8"))

    def product(self) -> None:
        """Raise NoCounterexampleError unless the layers multiply to Z."""
        if not all(check.true() for check in made(self.of, [*self.layers])):
            raise NoCounterexampleError("the product is another")

    def cheaper(self) -> Check:
        """Return sum sigma^(2/L) against the layers that have a penalty."""
        self.product()
        penalized = total(map(square, self.layers[self.free :])) / self.of.depth
        return Check(LEAST, dot(self.of.roots, self.of.roots), "<=", penalized)

    def flat(self) -> Check:
        """Return the mean of costs against the cost of the mean."""
        self.product()
        return concave(self.of)

    def norm(self) -> Check:
        """Return the triangle inequality."""
        self.product()
        return no_norm(self.of)


HYPOTHESES = {
    "inner widths at least rank Z": Net.wide,
    "a penalty on every layer": Net.every,
    "depth at least 3": Net.deep,
}


def counterexamples() -> Iterator[Counterexample]:
    """Yield layers through one hidden unit, a layer without a penalty, and two layers."""
    identity = diagonal(Fraction(1), Fraction(1))
    slopes, c = (Fraction(1, 2), Fraction(-2)), Fraction(1, 2)
    deep = Instance(vector(2, 1), slopes, c, (identity,) * 2, (identity,) * 3)
    column, row = (exact([1]), exact([1])), (exact([1, 1]),)
    narrow = Net(deep, (column, (exact([1]),), row))
    yield Counterexample("inner widths at least rank Z", narrow, Net.determinant)
    first, *rest, last = balanced(deep, deep.roots)
    freed = Net(deep, (_times(4, first), *rest, _times(Fraction(1, 4), last)), free=1)
    yield Counterexample("a penalty on every layer", freed, Net.cheaper)
    two = replace(deep, mixings=(identity,))
    for conclusion in (Net.flat, Net.norm):
        pair = Net(two, tuple(balanced(two, two.roots)))
        yield Counterexample("depth at least 3", pair, conclusion)


def _times(t: Fraction | int, A: Matrix) -> Matrix:
    return tuple(tuple(scale(Fraction(t), row)) for row in A)
