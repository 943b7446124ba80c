"""Factors of m columns on f = 1/2 |U V^T - Y|^2 + lam/2 (|U|^2 + |V|^2), and with V = U.

Y = P diag(s) Q^T with rational rotations P and Q, where s_i = lam + a_i^2 or s_i <= lam: the
slices a_i p_i, a_i q_i are rational, and W = P diag(min(s_i, lam)) Q^T is the residual.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import combinations

from hypothesis import strategies as st

from . import _linear
from ._base import ZERO, Check, Counterexample, Statement
from ._cases import Case, among, order
from ._draw import matrices, positives, rationals, vectors
from ._exact import (
    Matrix,
    Vector,
    dot,
    dual_value,
    flat,
    half_squares,
    product,
    total,
    vector,
)
from ._necessity import NoCounterexampleError
from ._told import told_of

STATEMENT = Statement(
    title="Burer-Monteiro",
    words="With squared l2 norms, m columns are enough as soon as m is at least the rank of an "
    "optimum Z* of the convex problem: the least objective over factors of m columns is then that "
    "over all sizes, and Z* needs no more slices than its rank. With fewer columns the squared "
    "loss leaves a gap that the singular values of Y tell. The same holds for U U^T, with signed "
    "eigenvalues.",
    formula="m >= rank Z*  =>  min f_m = min F;   min f_m = min F + 1/2 sum_{i > m} "
    "max(s_i - lam, 0)^2, s_1 >= s_2 >= ... the singular values of Y",
    needs={
        "m at least the rank": "Y = diag(5, 2), lam = 1: one column reaches 13/2, and the optimum "
        "of rank 2 reaches 6",
        "l2 norms": "lam = 1, Y twice the matrix of rows 1100, 1010, 0101, 0011, and |u|_1 |v|_1 "
        "in place of the squares: Z* = Y / 2 has rank 3, and no sum of 3 slices that does not "
        "cancel: of the ones at (1, 1), (2, 3), (3, 2), (4, 4) no two lie in a slice without zeros",
    },
    rests={"an optimum of F has as many slices as its rank": ("l2 norms",)},
    gap="That all local minima are global once m is large enough is another statement. That no m "
    "columns undercut the gap rests on von Neumann's inequality for traces, which is tested here "
    "and not proved.",
)
FULL = "m >= rank: m columns reach d(W), the least of all sizes"
REACHED = "m columns reach d(W) + 1/2 sum_{i > m} max(s_i - lam, 0)^2"
LOWER = "no m columns are below that"
POLAR = "<W, u v^T> <= lam (|u|^2 + |v|^2) / 2"
COUNT = "an optimum of F has as many slices as its rank"


@dataclass(frozen=True)
class Instance:
    """s_i and its root a_i above lam; slopes of P, Q; slices, and whether V = U."""

    lam: Fraction
    roots: Vector
    low: Vector
    slopes: tuple[Vector, Vector]
    us: list[Vector]
    vs: list[Vector]
    symmetric: bool

    @property
    def m(self) -> int:
        """Return the number of columns."""
        return len(self.us)

    @property
    def rank(self) -> int:
        """Return the rank of Z*."""
        return sum(map(bool, self.roots))

    @property
    def spectrum(self) -> Vector:
        """Return s, where the a_i > 0 come first."""
        pairs = zip(self.roots, self.low, strict=True)
        return [self.lam + a * a if a else s for a, s in pairs]


@st.composite
def _instances(draw: st.DrawFn) -> Instance:
    """Draw s on both sides of lam, and any slices or the best."""
    n, symmetric, lam = draw(st.integers(2, 3)), draw(st.booleans()), draw(positives(4))
    roots = sorted(draw(vectors(n, rationals(0, 3))), reverse=True)
    parts = [Fraction(k, 2) for k in range(-4 if symmetric else 0, 3)]
    low = draw(vectors(n, st.sampled_from([lam * t for t in parts])))
    slopes = draw(vectors(n, rationals(-2, 2))), draw(vectors(n, rationals(-2, 2)))
    if symmetric:
        slopes = slopes[0], slopes[0]
    m = draw(st.integers(0, n + 1))
    us, vs = (draw(matrices(m, n, rationals(-3, 3))) for _ in "uv")
    found = Instance(lam, roots, low, slopes, us, us if symmetric else vs, symmetric)
    if not draw(st.booleans()):
        return found
    us, vs = best(found)
    return replace(found, us=us, vs=vs)


INSTANCES = _instances()


def rotation(slopes: Vector) -> Matrix:
    """Return rows of an orthogonal matrix: turned in the first two axes, the next two, and so on.

    The last slope turns the first two axes again.
    """
    n = len(slopes)
    rows = [[Fraction(i == j) for j in range(n)] for i in range(n)]
    for k, t in enumerate(slopes):
        i = k % (n - 1)
        c, s = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)
        pairs = list(zip(rows[i], rows[i + 1], strict=True))
        rows[i], rows[i + 1] = [c * x - s * y for x, y in pairs], [s * x + c * y for x, y in pairs]
    return rows


def with_spectrum(i: Instance, values: Vector) -> Matrix:
    """Return P diag(values) Q^T."""
    P, Q = map(rotation, i.slopes)
    n = len(values)
    return product([[s * x for x in p] for s, p in zip(values, P, strict=True)], Q, n, n)


def best(i: Instance) -> tuple[list[Vector], list[Vector]]:
    """Return the slices a_i p_i, a_i q_i of the m largest s_i, and zeros if there are fewer."""
    P, Q = map(rotation, i.slopes)
    rest = [[ZERO] * len(P)] * max(0, i.m - len(P))
    us, vs = (
        [[a * x for x in row] for a, row in zip(i.roots, side, strict=True)][: i.m] + rest
        for side in (P, Q)
    )
    return us, vs


def squares(us: Sequence[Vector], vs: Sequence[Vector]) -> Fraction:
    """Return (|U|^2 + |V|^2) / 2."""
    return total(dot(x, x) for x in (*us, *vs)) / 2


def objective(Y: Matrix, us: list[Vector], vs: list[Vector], lam: Fraction) -> Fraction:
    """Return f."""
    return half_squares(product(us, vs, len(Y), len(Y[0])), Y) + lam * squares(us, vs)


def shortfall(i: Instance) -> Fraction:
    """Return 1/2 sum_{i > m} max(s_i - lam, 0)^2."""
    return total(max(ZERO, s - i.lam) ** 2 for s in i.spectrum[i.m :]) / 2


def sides(i: Instance) -> Iterator[Check]:
    """Yield the best m columns and any m columns against the dual value and the gap."""
    Y, W = (with_spectrum(i, x) for x in (i.spectrum, [min(s, i.lam) for s in i.spectrum]))
    found, dual = objective(Y, *best(i), i.lam), dual_value(W, Y)
    if i.m >= i.rank:
        yield Check(FULL, found, "==", dual)
        kept = sum(any(u) and any(v) for u, v in zip(*best(i), strict=True))
        Z = product(*best(i), len(Y), len(Y))
        yield Check(COUNT, Fraction(kept), "==", Fraction(_linear.rank([*map(tuple, Z)])))
    yield Check(REACHED, found, "==", dual + shortfall(i))
    yield Check(LOWER, dual + shortfall(i), "<=", objective(Y, i.us, i.vs, i.lam))
    P, Q = map(rotation, i.slopes)
    for u, v in (*zip(i.us, i.vs, strict=True), *zip(P, Q, strict=True)):
        value = total(dot(row, v) * x for row, x in zip(W, u, strict=True))
        yield Check(POLAR, value, "<=", i.lam * squares([u], [v]))


CASES: dict[str, Case] = {
    **among("side", lambda i: len(i.roots), (2, 3)),
    **order("m", "rank Z*", lambda i: i.m - i.rank),
    "no columns": lambda i: i.m == 0,
    "V = U": lambda i: i.symmetric,
    "V free": lambda i: not i.symmetric,
    "Z* = 0": lambda i: i.rank == 0,
    "Z* has full rank": lambda i: i.rank == len(i.roots),
}
NEVER: dict[str, tuple[str, ...]] = {
    FULL: ("m < rank Z*",),
    COUNT: ("m < rank Z*",),
    LOWER: ("no columns: strict",),
}


def fixed() -> Iterator[Check]:
    """Yield the best one, two and three columns of a matrix with s = (5, 2, 1/2) and lam = 1."""
    slopes = vector(1, "1/2", -2), vector("1/3", -1, 2)
    for m in (1, 2, 3):
        empty = [[ZERO] * 3] * m
        roots, low = vector(2, 1, 0), vector(0, 0, "1/2")
        named = Instance(Fraction(1), roots, low, slopes, empty, empty, symmetric=False)
        us, vs = best(named)
        yield from sides(replace(named, us=us, vs=vs))


@dataclass(frozen=True)
class Known:
    """Y and lam; slices of Z*, the optimum of F; m; and whether norms are l1."""

    Y: Matrix
    lam: Fraction
    us: list[Vector]
    vs: list[Vector]
    m: int
    l1: bool = False
    ones: tuple[tuple[int, int], ...] = ()

    @property
    def Z(self) -> Matrix:
        """Return Z*."""
        return product(self.us, self.vs, len(self.Y), len(self.Y[0]))

    def rank(self) -> Fraction:
        """Return the rank of Z*."""
        return Fraction(_linear.rank([*map(tuple, self.Z)]))

    def enough(self) -> Iterator[Check]:
        """Yield that m is at least the rank of Z*."""
        yield Check("rank Z*", self.rank(), "<=", Fraction(self.m))

    def euclidean(self) -> Iterator[Check]:
        """Yield that the price of a slice is |u|_2 |v|_2, squared."""
        for u, v in zip(self.us, self.vs, strict=True):
            squared = dot(u, u) * dot(v, v)
            priced = (total(map(abs, u)) * total(map(abs, v))) ** 2 if self.l1 else squared
            yield Check("price of a slice", priced, "==", squared)

    def optimum(self) -> Fraction:
        """Return min F, where W = Y - Z* is checked to have polar lam and to reach Z*."""
        W = [
            [y - z for y, z in zip(p, q, strict=True)] for p, q in zip(self.Y, self.Z, strict=True)
        ]
        if self.l1:
            size, cost = max(map(abs, flat(W))), total(map(abs, flat(self.Z)))
        else:
            square = [[dot(p, q) for q in W] for p in W]
            size = self.lam if square == scaled_identity(self.lam**2, len(W)) else ZERO
            cost = squares(self.us, self.vs)
        if size != self.lam or dot(flat(W), flat(self.Z)) != self.lam * cost:
            raise NoCounterexampleError("Z* is not shown to be optimal")
        return dot(flat(W), flat(W)) / 2 + self.lam * cost

    def one_column(self) -> Check:
        """Return the least objective of one column, Y diagonal, against min F.

        u^T Y v <= s |u| |v| with s the largest entry, and |u|^2 + |v|^2 >= 2 |u| |v|, so
        f >= |Y|^2 / 2 - (s - lam) t + t^2 / 2 with t = |u| |v|, which is least at t = s - lam.
        """
        if self.m != 1 or any(x for i, r in enumerate(self.Y) for j, x in enumerate(r) if i != j):
            raise NoCounterexampleError("only one column and a diagonal Y are decided")
        s = max(map(abs, flat(self.Y)))
        below = dot(flat(self.Y), flat(self.Y)) / 2 - max(ZERO, s - self.lam) ** 2 / 2
        return Check(FULL, below, "==", self.optimum())

    def needed(self) -> Check:
        """Return how many slices of Z* there are at least against its rank.

        An optimum's slices do not cancel: the price is then more than |Z*|_1. So each is 0 where Z*
        is, and holds no two of the ones, whose other corners have a 0 of Z*.
        """
        self.optimum()
        Z = self.Z
        if not all(Z[i][j] for i, j in self.ones):
            raise NoCounterexampleError("an entry is 0")
        if any(Z[i][q] and Z[p][j] for (i, j), (p, q) in combinations(self.ones, 2)):
            raise NoCounterexampleError("two entries may lie in one slice")
        return Check(COUNT, Fraction(len(self.ones)), "==", self.rank())


def scaled_identity(a: Fraction, n: int) -> Matrix:
    """Return a I."""
    return [[a * (i == j) for j in range(n)] for i in range(n)]


HYPOTHESES = {"m at least the rank": Known.enough, "l2 norms": Known.euclidean}


def counterexamples() -> Iterator[Counterexample]:
    """Yield one column where the rank is 2, and a matrix of rank 3 with 4 slices in l1 norms."""
    one, units, roots = Fraction(1), scaled_identity(Fraction(1), 4), [vector(2, 0), vector(0, 1)]
    few = Known([vector(5, 0), vector(0, 2)], one, roots, roots, 1)
    column = partial(told_of, Known.one_column, ("13/2", "6"))
    yield Counterexample("m at least the rank", few, column)
    rows = [vector(1, 1, 0, 0), vector(1, 0, 1, 0), vector(0, 1, 0, 1), vector(0, 0, 1, 1)]
    Y = [[2 * x for x in row] for row in rows]
    ring = Known(Y, one, units, rows, 3, l1=True, ones=((0, 0), (1, 2), (2, 1), (3, 3)))
    yield Counterexample("l2 norms", ring, partial(told_of, Known.needed, ("4", "3")))
