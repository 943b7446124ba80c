"""Grothendieck's gap: the polar of |u|_inf |v|_inf, and its semidefinite relaxation, in rationals.

W = [[a, b], [b, -a]].  The polar max u^T W v over |u_i|, |v_j| <= 1 is at signs, and they are
enumerated.  The relaxation replaces the numbers u_i, v_j by vectors of length at most 1.  All is
compared in squares, so that no root is needed: vectors x_i, y_j with |x_i|^2 <= s and |y_j|^2 <= t
reach (sum W_ij <x_i, y_j>)^2 / (s t); and if [[Diag d, -W], [-W^T, Diag e]] is positive
semidefinite, nothing exceeds sum d times sum e, by d -> k d, e -> e / k and the best k.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import product as every

from hypothesis import strategies as st

from ._base import ZERO, Check, Counterexample, Statement
from ._cases import Case
from ._draw import matrices, positives, rationals, vectors
from ._exact import (
    Matrix,
    Vector,
    dot,
    dual_value,
    half_squares,
    product,
    total,
    vector,
)
from ._necessity import NoCounterexampleError
from ._polynomial import UndecidedError
from ._semidefinite import block, positive
from ._told import told_of

STATEMENT = Statement(
    title="Grothendieck's gap",
    words="The polar of |u|_inf |v|_inf is at most its semidefinite relaxation, and the two differ "
    "already for the Hadamard matrix [[1, 1], [1, -1]]: 2 against 2 sqrt(2). If the "
    "residual of a fit is lam / 2 times this matrix, the polar is lam and the fit is optimal, but "
    "the relaxation is sqrt(2) lam and does not prove it. The relaxation may leave a fit "
    "undecided; it proves no false one.",
    formula="W = [[a, b], [b, -a]]: Omega*(W) = 2 max(|a|, |b|);   max { sum W_ij <x_i, y_j> : "
    "|x_i|, |y_j| <= 1 } = 2 sqrt(a^2 + b^2);   [[Diag d, -W], [-W^T, Diag e]] positive "
    "semidefinite  =>  max^2 <= (sum d) (sum e)",
    needs={
        "a and b other than 0": "for b = 0 the polar is 2 |a|, and so is the relaxation",
        "numbers u_i, v_j": "with vectors of two coordinates the Hadamard matrix reaches 2 sqrt(2)",
        "vectors of length at most 1": "for W of ones u = v = (2, 2) reach 16; the bound of "
        "d = e = (2, 2) is 4",
        "positive semidefinite": "d = e = (1, 1) for the Hadamard matrix: 4 is below the square 8 "
        "that vectors reach",
    },
    rests={
        "(u^T W v)^2 <= the polar^2, |u|, |v| <= 1": (
            "numbers u_i, v_j",
            "vectors of length at most 1",
        ),
        "any W, vectors and block: vectors^2 <= (sum d) (sum e)": (
            "vectors of length at most 1",
            "positive semidefinite",
        ),
        "the polar < the relaxation, in squares": (
            "a and b other than 0",
            "vectors of length at most 1",
            "positive semidefinite",
        ),
    },
    gap="The ratio is known to be at most sqrt(2) for 2 x 2 matrices, and below 1.783 for all; "
    "this is not tested here. The gap is not a fault of the solver: the relaxation is solved "
    "exactly, and its value is larger. To decide such a fit, the signs have to be enumerated or "
    "branched on.",
)
SIGNS, CUBE = "the best signs reach 2 max(|a|, |b|)", "(u^T W v)^2 <= the polar^2, |u|, |v| <= 1"
VECTORS, DUAL = "vectors reach 4 (a^2 + b^2), in squares", "d and e have the product 4 (a^2 + b^2)"
WEAK = "any W, vectors and block: vectors^2 <= (sum d) (sum e)"
GAP = "the polar < the relaxation, in squares"
OPTIMAL = "lam = the polar: d(W) = f of a fit by one pair of signs"
ONE = Fraction(1)


@dataclass(frozen=True)
class Instance:
    """a, b, two points of the cube; any W, a vector a row and a column, weights k."""

    a: Fraction
    b: Fraction
    points: tuple[Vector, Vector]
    W: Matrix
    vectors: tuple[list[Vector], list[Vector]]
    weights: Matrix

    @property
    def square(self) -> Matrix:
        """Return [[a, b], [b, -a]]."""
        return [[self.a, self.b], [self.b, -self.a]]


@st.composite
def _instances(draw: st.DrawFn) -> Instance:
    m, n = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    cube = vectors(2, st.fractions(-1, 1, max_denominator=6))
    some = vectors(2, rationals(-3, 3)).filter(any)
    sides = tuple(draw(st.lists(some, min_size=k, max_size=k)) for k in (m, n))
    corners = [vector(*s) for s in every((1, -1), repeat=2)]
    points = draw(st.tuples(cube, cube))
    weights = draw(matrices(m, n, positives(4)))
    a, b = draw(rationals()), draw(rationals())
    if draw(st.booleans()):  # the best signs
        square = [[a, b], [b, -a]]
        points = max(every(corners, corners), key=lambda pair: form(pair[0], square, pair[1]))
    if draw(st.booleans()):  # one vector, W >= 0 and one weight: equality
        x, k = draw(some), draw(positives(4))
        W = [[*map(abs, row)] for row in draw(matrices(m, n))]
        return Instance(a, b, points, W, ([x] * m, [x] * n), [[k] * n] * m)
    return Instance(a, b, points, draw(matrices(m, n)), (sides[0], sides[1]), weights)


INSTANCES = _instances()


def form(u: Sequence[Fraction], W: Matrix, v: Sequence[Fraction]) -> Fraction:
    """Return u^T W v."""
    return total(x * dot(row, v) for x, row in zip(u, W, strict=True))


def polar(W: Matrix) -> Fraction:
    """Return max u^T W v over all signs: a bilinear form is largest at corners of the cubes."""
    signs = [[*map(Fraction, s)] for s in every((1, -1), repeat=len(W))]
    others = [[*map(Fraction, s)] for s in every((1, -1), repeat=len(W[0]))]
    return max(form(u, W, v) for u in signs for v in others)


def reached(W: Matrix, xs: Sequence[Vector], ys: Sequence[Vector]) -> Fraction:
    """Return the square of sum W_ij <x_i, y_j> over the largest |x_i|^2 and |y_j|^2."""
    s, t = (max(dot(x, x) for x in side) for side in (xs, ys))
    return paired(W, xs, ys) ** 2 / (s * t)


def paired(W: Matrix, xs: Sequence[Vector], ys: Sequence[Vector]) -> Fraction:
    """Return sum W_ij <x_i, y_j>."""
    rows = zip(W, xs, strict=True)
    return total(w * dot(x, y) for row, x in rows for w, y in zip(row, ys, strict=True))


def best_vectors(i: Instance) -> tuple[list[Vector], list[Vector]]:
    """Return x_i = e_i and y_j, the columns of W: |x_i|^2 = 1, |y_j|^2 = a^2 + b^2."""
    return [vector(1, 0), vector(0, 1)], [[i.a, i.b], [i.b, -i.a]]


def sides(i: Instance) -> Iterator[Check]:
    """Yield the polar by enumeration, the relaxation from both sides, and any other W."""
    W, r = i.square, i.a**2 + i.b**2
    top = polar(W)
    yield Check(SIGNS, top, "==", 2 * max(abs(i.a), abs(i.b)))
    yield Check(CUBE, form(i.points[0], W, i.points[1]) ** 2, "<=", top**2)
    if r:
        d, e = [ONE] * 2, [r] * 2
        yield Check(VECTORS, reached(W, *best_vectors(i)), "==", 4 * r)
        yield Check(DUAL, total(d) * total(e), "==", 4 * r)
        yield from positive(block(d, W, e))
    if i.a and i.b:
        yield Check(GAP, top**2, "<", reached(W, *best_vectors(i)))
        yield optimal(i)
    yield from weak(i)


def optimal(i: Instance) -> Check:
    """Return d(W) against f at the best signs u v^T, for Y = u v^T + W and lam = the polar."""
    W, lam = i.square, polar(i.square)
    signs = [vector(*s) for s in every((1, -1), repeat=2)]
    u, v = max(every(signs, signs), key=lambda pair: form(pair[0], W, pair[1]))
    Z = product([u], [v], 2, 2)
    Y = [[z + w for z, w in zip(*rows, strict=True)] for rows in zip(Z, W, strict=True)]
    return Check(OPTIMAL, dual_value(W, Y), "==", half_squares(Z, Y) + lam)


def weak(i: Instance) -> Iterator[Check]:
    """Yield vectors against d_i = sum_j |W_ij| k_ij and e_j = sum_i |W_ij| / k_ij.

    The block is a sum of blocks |W_ij| [[k, +-1], [+-1, 1 / k]], each positive semidefinite.
    """
    sizes = [[*map(abs, row)] for row in i.W]
    d = [dot(row, k) for row, k in zip(sizes, i.weights, strict=True)]
    inverse = [[1 / k for k in row] for row in i.weights]
    columns = zip(zip(*sizes, strict=True), zip(*inverse, strict=True), strict=True)
    e = [dot(column, k) for column, k in columns]
    yield from positive(block(d, i.W, e))
    yield Check(WEAK, reached(i.W, *i.vectors), "<=", total(d) * total(e))


CASES: dict[str, Case] = {
    "a or b is 0": lambda i: not i.a * i.b,
    "neither a nor b is 0": lambda i: bool(i.a * i.b),
    "|a| = |b|": lambda i: abs(i.a) == abs(i.b),
    "one entry": lambda i: len(i.W) == len(i.W[0]) == 1,
    "one row or column": lambda i: (len(i.W) == 1) != (len(i.W[0]) == 1),
    "several rows and columns": lambda i: len(i.W) > 1 and len(i.W[0]) > 1,
}
NEVER: dict[str, tuple[str, ...]] = {
    GAP: ("a or b is 0",),
    OPTIMAL: ("a or b is 0",),
}


def fixed() -> Iterator[Check]:
    """Yield the Hadamard matrix, and one with hardly a gap."""
    ones = [vector(1, 1)] * 2
    inside = vector("1/2", "1/2"), vector(1, -1)
    named = Instance(ONE, ONE, inside, ones, (ones, ones), ones)
    yield from sides(named)
    corner = replace(named, points=(ones[0], ones[0]), b=Fraction(3))
    for a in vector(3, "1/4000"):
        yield from sides(replace(corner, a=a))


@dataclass(frozen=True)
class Pair:
    """W, vectors x_i / sqrt s and y_j / sqrt t, and a block's d and e."""

    W: Matrix
    xs: Sequence[Vector]
    ys: Sequence[Vector]
    s: Fraction
    t: Fraction
    d: Vector

    def signed(self) -> Iterator[Check]:
        """Yield that W is [[a, b], [b, -a]], with a and b other than 0."""
        (a, b), rest = self.W[0], self.W[1]
        if rest != [b, -a]:
            raise UndecidedError("W is of another form")
        yield Check("|a b|", ZERO, "<", abs(a * b))

    def numbers(self) -> Iterator[Check]:
        """Yield that the vectors have one coordinate."""
        for x in (*self.xs, *self.ys):
            yield Check("coordinates", Fraction(len(x)), "==", ONE)

    def short(self) -> Iterator[Check]:
        """Yield |x_i|^2 <= s and |y_j|^2 <= t."""
        for side, square in ((self.xs, self.s), (self.ys, self.t)):
            for x in side:
                yield Check("a length, squared", dot(x, x), "<=", square)

    def positive(self) -> Iterator[Check]:
        """Yield that [[Diag d, -W], [-W^T, Diag d]] is positive semidefinite."""
        yield from positive(block(self.d, self.W, self.d))

    def reached(self) -> Fraction:
        """Return (sum W_ij <x_i, y_j>)^2 / (s t)."""
        return paired(self.W, self.xs, self.ys) ** 2 / (self.s * self.t)

    def cube(self) -> Check:
        """Return the value of the vectors against the polar, both squared."""
        return Check(CUBE, self.reached(), "<=", polar(self.W) ** 2)

    def weak(self) -> Check:
        """Return the squared value of the vectors against (sum d) (sum e)."""
        return Check(WEAK, self.reached(), "<=", total(self.d) ** 2)

    def gap(self) -> Check:
        """Return the polar against the relaxation, which the block bounds and the vectors reach."""
        if self.reached() != total(self.d) ** 2:
            raise NoCounterexampleError("the relaxation is another")
        return Check(GAP, polar(self.W) ** 2, "<", self.reached())


HYPOTHESES = {
    "a and b other than 0": Pair.signed,
    "numbers u_i, v_j": Pair.numbers,
    "vectors of length at most 1": Pair.short,
    "positive semidefinite": Pair.positive,
}


def counterexamples() -> Iterator[Counterexample]:
    """Yield vectors for the Hadamard matrix and for diag(1, -1), and long numbers."""
    ones, xs = vector(1, 1), [vector(1, 0), vector(0, 1)]
    W = [ones, vector(1, -1)]
    best = Pair(W, xs, W, ONE, Fraction(2), ones)
    flat = Pair([xs[0], vector(0, -1)], xs, [xs[0], vector(0, -1)], ONE, ONE, ones)
    two = [vector(2)] * 2
    long = Pair([ones] * 2, two, two, ONE, ONE, vector(2, 2))
    for name, pair, conclusion, numbers in (
        ("numbers u_i, v_j", best, Pair.cube, ("8", "4")),
        ("a and b other than 0", flat, Pair.gap, ("4", "4")),
        ("positive semidefinite", best, Pair.weak, ("8", "4")),
        ("vectors of length at most 1", long, Pair.weak, ("256", "16")),
    ):
        yield Counterexample(name, pair, partial(told_of, conclusion, numbers))
