"""The trusted kernel: check a certificate with the standard library alone.

    python -I -S verify.py CERTIFICATE [QUESTION]

A certificate answers a question about factors U (m, r), V (n, r) of

    f_r(U, V, q) = 1/2 sum_ij w_ij (u_i . v_j + (A q)_ij - Y_ij)^2
                   + lam sum_k theta(u_k, v_k) + sum rho/2 |q|^2.

The kernel recomputes every number from the question's own arrays, in exact integers
(a float is an integer times a power of two), and uses the proof's arrays as witnesses
only: a bad one weakens a bound and cannot fake it.  It never searches.  Each rule
carries its proof in its docstring; SPEC.md is the format.

The rules are written once, over `Arithmetic`.  `Exact` below is the arithmetic of
this file; faster ones (integers by FLINT, outward-rounded floats) live outside.
"""

import hashlib
import json
import math
import sys
from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from operator import mul
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

FORMAT = "certify/1"
EXITS = {"CERTIFIED": 0, "REFUTED": 10, "UNDECIDED": 12, "RANK_LIMITED": 14}
MAX_SIDE = 1 << 26  # rows or columns: loops over them end
MAX_HEADER = 1 << 30  # bytes of JSON; a longer header is refused before it is read
Json = dict[str, Any]
H = TypeVar("H")


def clean(value: object) -> str:
    """Show a value of a stranger's file: printable ASCII, not too long."""
    text = ascii(str(value))[1:-1]
    return text if len(text) <= 2000 else f"{text[:2000]}..."


class RejectedError(ValueError):
    """The certificate proves nothing: `where` it fails, a `code`, the `value` found."""

    def __init__(self, where: str, code: str, value: object) -> None:
        super().__init__(f"{clean(where)}: {clean(code)}: {clean(value)}")
        self.where, self.code, self.value = where, code, value


def shown(x: Fraction) -> str:
    """Write a number for a reader, however large it is."""
    try:
        return repr(float(x))
    except OverflowError:
        return f"about 2**{x.numerator.bit_length() - x.denominator.bit_length()}"


def demand(condition: bool, where: str, code: str, value: object) -> None:  # noqa: FBT001
    """Raise RejectedError unless the condition holds."""
    if not condition:
        raise RejectedError(where, code, value)


# --- numbers ------------------------------------------------------------------------


class Enclosure(NamedTuple):
    """An interval [lo, hi] that contains the true value."""

    lo: Fraction
    hi: Fraction

    def plus(self, other: "Enclosure") -> "Enclosure":
        """Add two enclosures."""
        return Enclosure(self.lo + other.lo, self.hi + other.hi)

    def times(self, c: Fraction) -> "Enclosure":
        """Scale by c >= 0."""
        return Enclosure(self.lo * c, self.hi * c)


def exactly(x: Fraction) -> Enclosure:
    """Return the point interval."""
    return Enclosure(x, x)


ZERO = exactly(Fraction(0))


def power(e: int) -> Fraction:
    """Return 2**e."""
    return Fraction(1 << e) if e >= 0 else Fraction(1, 1 << -e)


def root(x: Fraction, bits: int = 128) -> Enclosure:
    """Enclose the square root of x >= 0 to a relative 2**(1 - bits)."""
    p, q = x.numerator, x.denominator
    shift = max(0, 2 * bits - p.bit_length() + q.bit_length())
    shift += shift % 2
    r = math.isqrt((p << shift) // q)
    exact = r * r * q == p << shift
    unit = power(-(shift // 2))
    return Enclosure(r * unit, (r + (not exact)) * unit)


def number(text: object, where: str) -> Fraction:
    """Read a finite `float.hex` string; a decimal would already be rounded."""
    demand(isinstance(text, str) and "0x" in text, where, "number", text)
    try:
        return Fraction(float.fromhex(str(text)))
    except (ValueError, OverflowError):
        raise RejectedError(where, "number", text) from None


def rational(text: object, where: str) -> Fraction:
    """Read an exact rational 'p/q' in hexadecimal integers."""
    p, bar, q = str(text).partition("/")
    try:
        return Fraction(int(p, 16), int(q, 16) if bar else 1)
    except (ValueError, ZeroDivisionError):
        raise RejectedError(where, "number", str(text)[:80]) from None


def part(proof: Json, name: str) -> Json:
    """Return an object of the proof; {} if it has none."""
    found = proof.get(name) or {}
    demand(isinstance(found, dict), f"proof.{name}", "json", type(found).__name__)
    return dict(found)


def shift_of(held: Json, where: str) -> Fraction:
    """Read a shift: an integer times a power of two, so that the grid stays exact."""
    shift = rational(held.get("shift"), where)
    q = shift.denominator
    demand(q & (q - 1) == 0, where, "dyadic", str(held.get("shift"))[:80])
    return shift


# --- arrays -------------------------------------------------------------------------


@dataclass(frozen=True)
class Array:
    """Numbers in row-major order; `data` is a flat buffer of doubles or int64."""

    shape: tuple[int, ...]
    data: Any


def filled(shape: tuple[int, ...], value: float) -> Array:
    """Return a constant array."""
    return Array(shape, array("d", [value]) * math.prod(shape))


def columns(a: Array) -> list[Sequence[float]]:
    """Return the columns of an (m, r) array."""
    return [a.data[k :: a.shape[1]] for k in range(a.shape[1])]


def beside(parts: Sequence[Array]) -> Array:
    """Put (m, r_k) arrays side by side."""
    rows = parts[0].shape[0]
    out = array("d")
    for i in range(rows):
        for p in parts:
            out.extend(p.data[i * p.shape[1] : (i + 1) * p.shape[1]])
    return Array((rows, sum(p.shape[1] for p in parts)), out)


def transposed(a: Array) -> Array:
    """Return the transpose of a matrix."""
    flat = (x for column in columns(a) for x in column)
    return Array((a.shape[1], a.shape[0]), array("d", flat))


def dyadic(values: Sequence[float]) -> tuple[list[int], int]:
    """Return integers x and e with values == x * 2**e, exactly."""
    ratios = [v.as_integer_ratio() for v in values]
    e = -max((q for _, q in ratios), default=1).bit_length() + 1
    ints = [p * (1 << -e) // q for p, q in ratios]
    if e == 0 and (spare := _trailing(ints)):
        return [x >> spare for x in ints], spare
    return ints, e


def _trailing(ints: Sequence[int]) -> int:
    """Return how many factors of two all these integers share."""
    both = 0
    for x in ints:
        both |= x
    return (both & -both).bit_length() - 1 if both else 0


def squares_exactly(values: Sequence[float]) -> Fraction:
    """Return the exact sum of squares."""
    ints, e = dyadic(values)
    return Fraction(sum(map(mul, ints, ints))) * power(2 * e)


def absolutes_exactly(values: Sequence[float]) -> Fraction:
    """Return the exact sum of absolute values."""
    ints, e = dyadic(values)
    return Fraction(sum(map(abs, ints))) * power(e)


@dataclass(frozen=True)
class Pattern:
    """The observed entries of an m x n matrix, row-major; `rows` None means all."""

    m: int
    n: int
    rows: Sequence[int] | None = None
    cols: Sequence[int] | None = None

    @property
    def size(self) -> int:
        """How many entries are observed."""
        return self.m * self.n if self.rows is None else len(self.rows)

    def entries(self) -> Iterator[tuple[int, int]]:
        """Yield (row, column) of each observed entry, in order."""
        if self.rows is None or self.cols is None:
            return ((i, j) for i in range(self.m) for j in range(self.n))
        return zip(self.rows, self.cols, strict=True)

    def entry(self, k: int) -> tuple[int, int]:
        """Return (row, column) of the k-th observed entry."""
        if self.rows is None or self.cols is None:
            return divmod(k, self.n)
        return self.rows[k], self.cols[k]


@dataclass(frozen=True)
class Graph:
    """An undirected graph on the rows 0..m-1: edges of weight > 0, components, a gap.

    gap is a lower bound of the least positive eigenvalue of the Laplacian L, or None
    where L = 0: for x summing to zero on a component of c vertices, two of its vertices
    are joined by a path of at most c - 1 edges, so by Cauchy-Schwarz
    (x_i - x_j)^2 <= (c - 1) sum over the path of (x_a - x_b)^2 <= (c - 1) x^T L x / w,
    w the least weight; summed over the c (c - 1) ordered pairs, 2 c |x|^2 <=
    c (c - 1)^2 x^T L x / w, so x^T L x >= 2 w / (c - 1)^2 |x|^2 on every component.
    """

    m: int
    edges: Sequence[int]  # i, j of each edge, flat
    weights: Sequence[float] | None
    labels: tuple[int, ...]
    gap: Fraction | None

    @property
    def components(self) -> int:
        """How many components there are."""
        return max(self.labels) + 1

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Yield (i, j) of each edge."""
        return zip(self.edges[::2], self.edges[1::2], strict=True)


NO_GRAPH = Graph(0, (), None, (), None)


def components(m: int, edges: Sequence[int]) -> tuple[int, ...]:
    """Label each vertex with the number of its component, by merging along the edges."""
    parent = list(range(m))

    def top(i: int) -> int:
        """Follow parents to the one that names the component, and shorten the way."""
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    for i, j in zip(edges[::2], edges[1::2], strict=True):
        parent[top(i)] = top(j)
    numbers: dict[int, int] = {}
    return tuple(numbers.setdefault(top(i), len(numbers)) for i in range(m))


class Line(NamedTuple):
    """Which lines of W to measure, and in which norm."""

    axis: int  # 0: rows, 1: columns
    root: bool  # True: the l2 norm, False: the largest |entry|
    positive: bool  # only the positive part counts
    both: bool  # with `positive`: of W and of -W


# --- arithmetic ---------------------------------------------------------------------


class Arithmetic(ABC, Generic[H]):
    """What the rules need of numbers.  H is a handle on an array held by a tier.

    A field is a 1-D handle over the observed entries; a matrix is a 2-D handle.
    Each method returns a handle or an enclosure that is right, or raises.
    """

    tier: str

    @abstractmethod
    def load(self, a: Array) -> H:
        """Take an array in."""

    @abstractmethod
    def product(self, left: Array, right: Array, at: Pattern) -> H:
        """Return (left right^T) at the observed entries: the field of a factorization."""

    @abstractmethod
    def add(self, x: H, y: H) -> H:
        """Return x + y."""

    @abstractmethod
    def subtract(self, x: H, y: H) -> H:
        """Return x - y."""

    @abstractmethod
    def squares(self, x: H, weights: Array | None) -> Enclosure:
        """Enclose sum w x^2."""

    @abstractmethod
    def squares_over(self, x: H, weights: Array | None) -> Enclosure:
        """Enclose sum x^2 / w."""

    @abstractmethod
    def inner(self, x: H, y: H) -> Enclosure:
        """Enclose sum x y."""

    @abstractmethod
    def absolutes(self, x: H) -> Enclosure:
        """Enclose sum |x|."""

    @abstractmethod
    def laplacian(self, q: Array, graph: "Graph", rho: Fraction, ridge: Fraction) -> H:
        """Return rho L q + ridge q, all m n entries: row i of L q sums w (q_i - q_j)."""

    @abstractmethod
    def adjoint(self, x: H, kind: str, design: Array | None, at: Pattern) -> list[Fraction]:
        """Return A* x exactly: sums of the field by row, column, all, or A^T x."""

    @abstractmethod
    def sums(self, x: H, kind: str, at: Pattern) -> Enclosure:
        """Enclose the sum of squared totals of a full field by row, column or all."""

    @abstractmethod
    def lines(self, x: H, line: Line, at: Pattern) -> Fraction:
        """Return a number at least the largest norm of a line of the field."""

    @abstractmethod
    def gram(self, x: H, axis: int, at: Pattern) -> tuple[H, Fraction]:
        """Return G and e: |x| <= sqrt(lambda_max(G)) + e, where G is
        X X^T (axis 0) or X^T X (axis 1).
        """

    @abstractmethod
    def outer(self, a: Array) -> H:
        """Return a a^T."""

    @abstractmethod
    def top(self, g: H, shift: Fraction, factor: Array | None) -> Fraction:
        """Return t with G <= t I (symmetric G)."""


@dataclass(frozen=True)
class Grid:
    """An array of integers times 2**exp."""

    ints: list[int]
    exp: int
    shape: tuple[int, ...]


class Exact(Arithmetic[Grid]):
    """Exact integers, standard library only."""

    tier = "exact"

    def load(self, a: Array) -> Grid:
        """Take an array in: float64 values are dyadic."""
        ints, e = dyadic(a.data)
        return Grid(ints, e, a.shape)

    def multiply(self, a: Grid, b: Grid) -> Grid:
        """Return A B^T for A (m, k), B (n, k)."""
        (m, k), n = a.shape, b.shape[0]
        left = [a.ints[i * k : i * k + k] for i in range(m)]
        right = [b.ints[j * k : j * k + k] for j in range(n)]
        ints = [sum(map(mul, x, y)) for x in left for y in right]
        return Grid(ints, a.exp + b.exp, (m, n))

    def product(self, left: Array, right: Array, at: Pattern) -> Grid:
        """Return the field of left right^T."""
        a, b = self.load(left), self.load(right)
        if at.rows is None:
            return Grid((p := self.multiply(a, b)).ints, p.exp, (at.size,))
        k = left.shape[1]
        rows = [a.ints[i * k : i * k + k] for i in range(at.m)]
        cols = [b.ints[j * k : j * k + k] for j in range(at.n)]
        ints = [sum(map(mul, rows[i], cols[j])) for i, j in at.entries()]
        return Grid(ints, a.exp + b.exp, (at.size,))

    def _align(self, x: Grid, y: Grid) -> tuple[list[int], list[int], int]:
        e = min(x.exp, y.exp)
        p, q = x.exp - e, y.exp - e
        return [v << p for v in x.ints], [v << q for v in y.ints], e

    def add(self, x: Grid, y: Grid) -> Grid:
        """Return x + y."""
        a, b, e = self._align(x, y)
        return Grid([p + q for p, q in zip(a, b, strict=True)], e, x.shape)

    def subtract(self, x: Grid, y: Grid) -> Grid:
        """Return x - y."""
        a, b, e = self._align(x, y)
        return Grid([p - q for p, q in zip(a, b, strict=True)], e, x.shape)

    def squares(self, x: Grid, weights: Array | None) -> Enclosure:
        """Return sum w x^2."""
        if weights is None:
            return exactly(Fraction(sum(map(mul, x.ints, x.ints))) * power(2 * x.exp))
        w, e = dyadic(weights.data)
        total = sum(c * v * v for c, v in zip(w, x.ints, strict=True))
        return exactly(Fraction(total) * power(2 * x.exp + e))

    def squares_over(self, x: Grid, weights: Array | None) -> Enclosure:
        """Enclose sum x^2 / w by integer division to 2**-192 of a weight's unit."""
        if weights is None:
            return self.squares(x, None)
        w, e = dyadic(weights.data)
        bits = 192 + max(w).bit_length()
        total = sum((v * v << bits) // c for c, v in zip(w, x.ints, strict=True))
        unit = power(2 * x.exp - e - bits)
        return Enclosure(total * unit, (total + len(w)) * unit)

    def inner(self, x: Grid, y: Grid) -> Enclosure:
        """Return sum x y."""
        total = sum(map(mul, x.ints, y.ints))
        return exactly(Fraction(total) * power(x.exp + y.exp))

    def absolutes(self, x: Grid) -> Enclosure:
        """Return sum |x|."""
        return exactly(sum(map(abs, x.ints)) * power(x.exp))

    def laplacian(self, q: Array, graph: Graph, rho: Fraction, ridge: Fraction) -> Grid:
        """Return rho L q + ridge q, for dyadic rho and ridge."""
        a, (m, n) = self.load(q), q.shape
        weights, e = dyadic(graph.weights or [1.0] * (len(graph.edges) // 2))
        rows = [a.ints[i * n : i * n + n] for i in range(m)]
        out = [[0] * n for _ in range(m)]
        for (i, j), w in zip(graph.pairs(), weights, strict=True):
            for k, (x, y) in enumerate(zip(rows[i], rows[j], strict=True)):
                out[i][k] += w * (x - y)
                out[j][k] -= w * (x - y)
        flat = Grid([x for row in out for x in row], a.exp + e, (m * n,))
        straight = Grid(a.ints, a.exp, (m * n,))
        return self.add(dilated(flat, rho), dilated(straight, ridge))

    def adjoint(self, x: Grid, kind: str, design: Array | None, at: Pattern) -> list[Fraction]:
        """Return A* x."""
        unit = power(x.exp)
        if design is not None:
            return self._covariates(x, design, at)
        size = {"intercept": 1, "row": at.m, "column": at.n}[kind]
        totals = [0] * size
        pick = {"intercept": lambda _: 0, "row": lambda e: e[0], "column": lambda e: e[1]}
        for v, k in zip(x.ints, map(pick[kind], at.entries()), strict=True):
            totals[k] += v
        return [unit * t for t in totals]

    def _covariates(self, x: Grid, design: Array, at: Pattern) -> list[Fraction]:
        """Return A^T x of shape (k, n), row-major."""
        a = self.load(design)
        k = a.shape[1]
        totals = [0] * (k * at.n)
        for v, (i, j) in zip(x.ints, at.entries(), strict=True):
            for c in range(k):
                totals[c * at.n + j] += a.ints[i * k + c] * v
        return [power(x.exp + a.exp) * t for t in totals]

    def sums(self, x: Grid, kind: str, at: Pattern) -> Enclosure:
        """Return the sum of squared totals."""
        return exactly(sum((t * t for t in self.adjoint(x, kind, None, at)), Fraction(0)))

    def lines(self, x: Grid, line: Line, at: Pattern) -> Fraction:
        """Return the largest norm of a line, exact or its square root rounded up."""
        return max(self._lines(x, line, at, sign) for sign in (1, -1)[: 1 + line.both])

    def _lines(self, x: Grid, line: Line, at: Pattern, sign: int) -> Fraction:
        best = [0] * (at.n if line.axis else at.m)
        for v, e in zip(x.ints, at.entries(), strict=True):
            y = max(sign * v, 0) if line.positive else abs(v)
            k = e[line.axis]
            best[k] = best[k] + y * y if line.root else max(best[k], y)
        unit = power(x.exp)
        return root(max(best) * unit * unit).hi if line.root else max(best) * unit

    def gram(self, x: Grid, axis: int, at: Pattern) -> tuple[Grid, Fraction]:
        """Return X X^T or X^T X."""
        m, n = at.m, at.n
        dense = [0] * (m * n)
        for v, (i, j) in zip(x.ints, at.entries(), strict=True):
            dense[j * m + i if axis else i * n + j] = v
        a = Grid(dense, x.exp, (n, m) if axis else (m, n))
        return self.multiply(a, a), Fraction(0)

    def outer(self, a: Array) -> Grid:
        """Return a a^T."""
        x = self.load(a)
        return self.multiply(x, x)

    def top(self, g: Grid, shift: Fraction, factor: Array | None) -> Fraction:
        """Bound lambda_max(G) by shift + |E|_inf, E = shift I - G - L L^T.

        L L^T >= 0, so G <= shift I - E <= (shift + |E|_inf) I for any L at all.
        Without a factor, lambda_max(G) <= |G|_inf (Gershgorin).
        """
        k = g.shape[0]
        if factor is None:
            return _row_sums(g)
        e = 1 - shift.denominator.bit_length()
        corner = [shift.numerator, *[0] * k]
        diagonal = Grid((corner * k)[: k * k], e, (k, k))
        lower = self.load(lower_triangle(factor, k))
        rest = self.subtract(diagonal, self.add(g, self.multiply(lower, lower)))
        return min(shift + _row_sums(rest), _row_sums(g))


def dilated(x: Grid, c: Fraction) -> Grid:
    """Return c x, for a dyadic c."""
    e = 1 - c.denominator.bit_length()
    return Grid([c.numerator * v for v in x.ints], x.exp + e, x.shape)


def _row_sums(g: Grid) -> Fraction:
    k = g.shape[0]
    sums = (sum(map(abs, g.ints[i * k : i * k + k])) for i in range(k))
    return max(sums) * power(g.exp)


def lower_triangle(packed: Array, k: int) -> Array:
    """Unpack rows of a lower triangular matrix; zeros above the diagonal."""
    out = array("d", bytes(8 * k * k))
    for i, end in enumerate(accumulate(range(1, k + 1))):
        out[i * k : i * k + i + 1] = array("d", packed.data[end - i - 1 : end])
    return Array((k, k), out)


# --- the question -------------------------------------------------------------------

GAUGES = {"l1": ("l1", False), "l2": ("l2", False), "l1+": ("l1", True), "l2+": ("l2", True)}
CLAIMS = ("any size", "rank")
OFFSETS = ("intercept", "row", "column", "linear", "sparse", "smooth")


@dataclass(frozen=True)
class Offset:
    """One unfactorized variable q: what A is, and its penalty.

        rho |q|_1 (sparse), rho/2 <q, L q> + ridge/2 |q|^2 (smooth), else ridge/2 |q|^2.

    Sparse: q holds one number for each observed entry; smooth: q is (m, n), A picks the
    observed entries of it.
    """

    kind: str
    ridge: Fraction
    design: Array | None = None
    rho: Fraction = Fraction(0)
    graph: Graph = NO_GRAPH

    def shape(self, at: Pattern) -> tuple[int, ...]:
        """Return the shape of q."""
        if self.design is not None:
            return (self.design.shape[1], at.n)
        if self.kind == "smooth" or (self.kind == "sparse" and at.rows is None):
            return (at.m, at.n)
        sizes = {"intercept": 1, "row": at.m, "column": at.n, "sparse": at.size}
        return (sizes[self.kind],)

    def factors(self, q: Array, at: Pattern) -> tuple[Array, Array] | None:
        """Write A q as left right^T; None for a q that is itself a field."""
        if self.design is not None:
            return self.design, transposed(q)
        if self.kind == "row":
            return Array((at.m, 1), q.data), filled((at.n, 1), 1.0)
        if self.kind == "column":
            return filled((at.m, 1), 1.0), Array((at.n, 1), q.data)
        if self.kind == "intercept":
            return filled((at.m, 1), 1.0), filled((at.n, 1), q.data[0])
        return None

    def penalty(self, ar: Arithmetic[H], q: Array) -> Enclosure:
        """Enclose H(q)."""
        if self.kind == "sparse":
            return ar.absolutes(ar.load(q)).times(self.rho)
        if self.kind != "smooth":
            return exactly(self.ridge * squares_exactly(q.data) / 2)
        bent = ar.laplacian(q, self.graph, self.rho, self.ridge)
        return ar.inner(ar.load(flat_of(q)), bent).times(Fraction(1, 2))


def flat_of(q: Array) -> Array:
    """Return the same numbers as one line."""
    return Array((len(q.data),), q.data)


def seen_of(q: Array, at: Pattern) -> Array:
    """Return the observed entries of an (m, n) array, or a field as it is."""
    if at.rows is None or q.shape == (at.size,):
        return Array((at.size,), q.data)
    return Array((at.size,), array("d", (q.data[i * at.n + j] for i, j in at.entries())))


def spread(x: Array, at: Pattern) -> Array:
    """Return a field as all m n entries, zero where nothing is observed."""
    if at.rows is None:
        return x
    out = array("d", bytes(8 * at.m * at.n))
    for value, (i, j) in zip(x.data, at.entries(), strict=True):
        out[i * at.n + j] = value
    return Array((at.m * at.n,), out)


@dataclass(frozen=True)
class Point:
    """Factors and offset values."""

    U: Array
    V: Array
    q: tuple[Array, ...]


class Pair(NamedTuple):
    """Where W lives, and the norms of u and v: all that the polar depends on."""

    at: Pattern
    left: str
    right: str


@dataclass(frozen=True)
class Question:
    """The parsed statement with the reader's arrays."""

    claim: str
    pair: Pair
    Y: Array
    weights: Array | None
    form: str
    lam: Fraction
    offsets: tuple[Offset, ...]
    U: Array
    V: Array
    q: tuple[Array, ...] | None
    rtol: Fraction
    atol: Fraction

    @property
    def at(self) -> Pattern:
        """The observed entries."""
        return self.pair.at

    @property
    def left(self) -> str:
        """The norm of u."""
        return self.pair.left

    @property
    def right(self) -> str:
        """The norm of v."""
        return self.pair.right

    @property
    def rank(self) -> int:
        """The number of slices of the candidate."""
        return self.U.shape[1]


class Arrays:
    """Named arrays with checked shapes; every float in them is finite."""

    def __init__(self, arrays: Mapping[str, Array], where: str) -> None:
        self.arrays, self.where = arrays, where

    def get(self, name: str, shape: tuple[int | None, ...], kind: str = "d") -> Array:
        """Return an array whose shape matches (None matches any length)."""
        where = f"{self.where}.{name}"
        demand(name in self.arrays, where, "missing", sorted(self.arrays))
        a = self.arrays[name]
        fits = len(a.shape) == len(shape) and all(
            want in (None, have) for want, have in zip(shape, a.shape, strict=True)
        )
        demand(fits, where, "shape", f"{list(a.shape)}, not {list(shape)}")
        view = memoryview(a.data)
        demand(view.format in {"d": ("d",), "q": ("q", "l")}[kind], where, "dtype", view.format)
        demand(len(view) == math.prod(a.shape), where, "length", len(view))
        if kind == "d" and not all(map(math.isfinite, a.data)):
            raise RejectedError(where, "finite", next(x for x in a.data if not math.isfinite(x)))
        return a


def field(stated: Json, name: str, allowed: Sequence[object]) -> str:
    """Return a field of the statement that must be one of `allowed`."""
    value = stated.get(name)
    demand(value in allowed, f"statement.{name}", "unknown", repr(value))
    return str(value)


def pattern(stated: Json, arrays: Arrays) -> Pattern:
    """Read the shape and the observed entries: row-major, inside, no duplicates."""
    shape = stated.get("shape")
    good = isinstance(shape, list) and len(shape) == 2
    good = good and all(type(k) is int and 0 < k <= MAX_SIDE for k in shape or ())
    demand(good, "statement.shape", "shape", shape)
    m, n = shape or (1, 1)
    if field(stated, "observed", ("all", "listed")) == "all":
        return Pattern(m, n)
    rows, cols = (arrays.get(k, (None,), "q") for k in ("rows", "cols"))
    demand(rows.shape == cols.shape, "statement.cols", "shape", cols.shape)
    last = -1
    for i, j in zip(rows.data, cols.data, strict=True):
        demand(0 <= i < m and 0 <= j < n, "statement.rows", "outside", (i, j))
        demand(i * n + j > last, "statement.rows", "order", (i, j))
        last = i * n + j
    return Pattern(m, n, rows.data, cols.data)


def offsets(stated: Json, arrays: Arrays, m: int) -> tuple[Offset, ...]:
    """Read the list of offsets."""
    out = []
    for k, o in enumerate(stated.get("offsets", ())):
        where = f"statement.offsets[{k}]"
        kind = o.get("kind")
        demand(kind in OFFSETS, where, "unknown", kind)
        names = {"sparse": {"rho"}, "smooth": {"rho", "ridge"}}.get(kind, {"ridge"})
        demand(set(o) == {"kind", *names}, where, "fields", sorted(o))
        held = {name: number(o[name], f"{where}.{name}") for name in sorted(names)}
        rho, ridge = held.get("rho", Fraction(0)), held.get("ridge", Fraction(0))
        demand(ridge >= 0, f"{where}.ridge", "sign", o.get("ridge"))
        demand(rho > 0 or "rho" not in names, f"{where}.rho", "sign", o.get("rho"))
        design = arrays.get(f"A{k}", (m, None)) if kind == "linear" else None
        edges = graph(arrays, k, m) if kind == "smooth" else NO_GRAPH
        out.append(Offset(kind, ridge, design, rho, edges))
    return tuple(out)


def graph(arrays: Arrays, k: int, m: int) -> Graph:
    """Read the graph of a smooth offset: edges between two rows, of positive weight."""
    edges = arrays.get(f"edges{k}", (None, 2), "q").data
    inside = all(0 <= i < m for i in edges)
    demand(inside, f"{arrays.where}.edges{k}", "outside", f"an end not in 0..{m - 1}")
    pairs = zip(edges[::2], edges[1::2], strict=True)
    loops = [i for i, j in pairs if i == j]
    demand(not loops, f"{arrays.where}.edges{k}", "loop", loops[:1])
    name = f"edges{k}.weights"
    weights = arrays.get(name, (len(edges) // 2,)).data if name in arrays.arrays else None
    least = Fraction(min(weights, default=1.0)) if weights is not None else Fraction(1)
    demand(least > 0, f"{arrays.where}.{name}", "sign", float(least))
    labels = components(m, edges)
    sizes = [0] * m
    for c in labels:
        sizes[c] += 1
    longest = max(sizes) - 1
    return Graph(m, edges, weights, labels, 2 * least / longest**2 if longest else None)


def point(arrays: Arrays, prefix: str, question: Question) -> Point:
    """Read factors of any size and their offsets; check signs and shapes."""
    U = arrays.get(f"{prefix}U", (question.at.m, None))
    V = arrays.get(f"{prefix}V", (question.at.n, U.shape[1]))
    for name, gauge, factor in (("U", question.left, U), ("V", question.right, V)):
        least = min(factor.data, default=0.0) if GAUGES[gauge][1] else 0.0
        demand(least >= 0, f"{arrays.where}.{prefix}{name}", "sign", least)
    return Point(U, V, offset_values(arrays, prefix, question.offsets, question.at))


def offset_values(
    arrays: Arrays, prefix: str, kinds: Sequence[Offset], at: Pattern
) -> tuple[Array, ...]:
    """Read one array per offset."""
    named = enumerate(kinds)
    return tuple(arrays.get(f"{prefix}q{k}", o.shape(at)) for k, o in named)


def question(stated: Json, given: Mapping[str, Array]) -> Question:
    """Parse a statement; reject one for which the rules are not theorems."""
    field(stated, "format", (FORMAT,))
    field(stated, "loss", ("squared",))
    claim = field(stated, "claim", CLAIMS)
    arrays = Arrays(given, "statement")
    at = pattern(stated, arrays)
    atom = stated.get("atom") or {}
    field(atom, "kind", ("rank_one",))
    left, right = (field(atom, side, tuple(GAUGES)) for side in ("left", "right"))
    numbers = {k: number(stated.get(k), f"statement.{k}") for k in ("lam", "rtol", "atol")}
    for name, value in numbers.items():
        demand(value >= 0, f"statement.{name}", "sign", stated[name])
    weights = arrays.get("weights", (at.size,)) if "weights" in given else None
    if weights is not None:
        demand(min(weights.data, default=1.0) > 0, "statement.weights", "sign", "not positive")
    kinds = offsets(stated, arrays, at.m)
    found = field(stated, "q", ("given", "found")) == "found"
    asked = Question(
        claim,
        Pair(at, left, right),
        arrays.get("Y", (at.size,)),
        weights,
        field(atom, "form", ("product", "sum")),
        numbers["lam"],
        kinds,
        arrays.get("U", (at.m, None)),
        arrays.get("V", (at.n, None)),
        None if found else offset_values(arrays, "", kinds, at),
        numbers["rtol"],
        numbers["atol"],
    )
    check_claim(asked)
    return asked


def check_claim(asked: Question) -> None:
    """Reject a claim outside the theorems: lam > 0, or lam = 0 at a fixed rank."""
    r = asked.U.shape[1]
    demand(asked.V.shape[1] == r, "statement.V", "shape", asked.V.shape)
    if asked.claim == "any size":
        demand(asked.lam > 0, "statement.lam", "sign", float(asked.lam))
        return
    demand(asked.lam == 0, "statement.lam", "claim", float(asked.lam))
    kinds = sorted({o.kind for o in asked.offsets} & {"sparse", "smooth"})
    demand(not kinds, "statement.offsets", "scope", kinds)


# --- values -------------------------------------------------------------------------


def price(gauge: str, vector: Sequence[float]) -> tuple[Fraction, bool]:
    """Return (x, squared): the norm of a factor's column, or its exact square."""
    if GAUGES[gauge][0] == "l1":
        return absolutes_exactly(vector), False
    return squares_exactly(vector), True


def theta(asked: Question, u: Sequence[float], v: Sequence[float]) -> Enclosure:
    """Enclose theta(u, v): |u||v|, or 1/2 (|u|^2 + |v|^2)."""
    prices = [price(asked.left, u), price(asked.right, v)]
    squared = [x if is_square else x * x for x, is_square in prices]
    if asked.form == "sum":
        return exactly((squared[0] + squared[1]) / 2)
    if all(is_square is False for _, is_square in prices):
        return exactly(prices[0][0] * prices[1][0])
    return root(squared[0] * squared[1])


def thetas(asked: Question, U: Array, V: Array) -> Enclosure:
    """Enclose the sum of theta over the slices."""
    out = ZERO
    for u, v in zip(columns(U), columns(V), strict=True):
        out = out.plus(theta(asked, u, v))
    return out


def fitted(ar: Arithmetic[H], asked: Question, x: Point) -> H:
    """Return the field of U V^T + A q."""
    fields = []
    left, right = [x.U], [x.V]
    for o, q in zip(asked.offsets, x.q, strict=True):
        found = o.factors(q, asked.at)
        if found is None:
            fields.append(seen_of(q, asked.at))
        else:
            left.append(found[0])
            right.append(found[1])
    out = ar.product(beside(left), beside(right), asked.at)
    for held in fields:
        out = ar.add(out, ar.load(held))
    return out


def objective(ar: Arithmetic[H], asked: Question, x: Point) -> Enclosure:
    """Enclose f(U, V, q)."""
    residual = ar.subtract(fitted(ar, asked, x), ar.load(asked.Y))
    value = ar.squares(residual, asked.weights).times(Fraction(1, 2))
    value = value.plus(thetas(asked, x.U, x.V).times(asked.lam))
    for o, q in zip(asked.offsets, x.q, strict=True):
        value = value.plus(o.penalty(ar, q))
    return value


@dataclass(frozen=True)
class Dual(Generic[H]):
    """W = (a float field) + (exact rational corrections at a few entries)."""

    field: H
    raw: Array
    corrections: tuple[tuple[int, Fraction], ...]
    name: str = "W"

    @property
    def stray(self) -> Fraction:
        """An upper bound of the norm of the corrections."""
        return root(sum((c * c for _, c in self.corrections), Fraction(0))).hi


def dual_point(
    ar: Arithmetic[H], asked: Question, proof: Json, given: Arrays, name: str
) -> Dual[H]:
    """Read W; its corrections are listed as [entry, 'p/q']."""
    raw = given.get(name, (asked.at.size,))
    listed, where = proof.get("corrections", []), f"proof.{name}.corrections"
    demand(isinstance(listed, list), where, "list", type(listed).__name__)
    out = []
    for item in listed:
        demand(isinstance(item, list) and len(item) == 2, where, "pair", item)
        inside = isinstance(item[0], int) and 0 <= item[0] < asked.at.size
        demand(inside, where, "outside", item[0])
        out.append((item[0], rational(item[1], where)))
    demand(len({k for k, _ in out}) == len(out), where, "order", "an entry twice")
    return Dual(ar.load(raw), raw, tuple(out), name)


def adjoint(ar: Arithmetic[H], asked: Question, dual: Dual[H], o: Offset) -> list[Fraction]:
    """Return A* W exactly, corrections included; of a smooth q its sums by component."""
    if o.kind == "smooth":
        return component_sums(asked, dual, o.graph)
    totals = ar.adjoint(dual.field, o.kind, o.design, asked.at)
    for k, c in dual.corrections:
        i, j = asked.at.entry(k)
        if o.design is not None:
            width = o.design.shape[1]
            for col in range(width):
                totals[col * asked.at.n + j] += Fraction(o.design.data[i * width + col]) * c
        else:
            totals[{"intercept": 0, "row": i, "column": j}[o.kind]] += c
    return totals


def component_sums(asked: Question, dual: Dual[H], graph: Graph) -> list[Fraction]:
    """Return the sums of W over each component of the rows, a column at a time, exactly."""
    n = asked.at.n
    ints, e = dyadic(dual.raw.data)
    totals = [0] * (graph.components * n)
    for v, (i, j) in zip(ints, asked.at.entries(), strict=True):
        totals[graph.labels[i] * n + j] += v
    out = [t * power(e) for t in totals]
    for k, c in dual.corrections:
        i, j = asked.at.entry(k)
        out[graph.labels[i] * n + j] += c
    return out


def ridge_cost(
    ar: Arithmetic[H], asked: Question, dual: Dual[H], given: Arrays, name: str
) -> Fraction:
    """Return an upper bound of -2 inf over q of <W, A q> + H(q), sparse parts left out.

    For ridge/2 |q|^2 that is |A* W|^2 / ridge.  Where H does not grow the infimum is -inf
    unless W is orthogonal, exactly: A* W = 0 for an unpenalized q, and for a smooth q
    with ridge 0 the sums of W over every component are 0 in every column.  W with any
    nonzero sum bounds nothing.
    """
    cost = Fraction(0)
    for k, o in enumerate(asked.offsets):
        if o.kind == "sparse":
            continue
        totals = adjoint(ar, asked, dual, o)
        if o.ridge == 0:
            wrong = next((t for t in totals if t), None)
            seen = f"offset {k}: {wrong and shown(wrong)}"
            demand(wrong is None, f"proof.{name}", "orthogonal", seen)
        if o.kind == "smooth":
            cost += smooth_cost(ar, asked, dual, given, k)
        elif o.ridge > 0:
            cost += sum(t * t for t in totals) / o.ridge
    return cost


def smooth_cost(
    ar: Arithmetic[H], asked: Question, dual: Dual[H], given: Arrays, k: int
) -> Fraction:
    """Bound tr(W^T K^+ W) = -2 inf over Q of <W, Q> + 1/2 <Q, K Q>, K = rho L + ridge I.

    For any Q0 and R = W + K Q0, expanding at Q0 gives the infimum
    <W, Q0> + 1/2 <Q0, K Q0> - 1/2 tr(R^T K^+ R) if R is orthogonal to ker K, and
    tr(R^T K^+ R) <= |R|^2 / kappa, kappa the least positive eigenvalue of K: at least
    ridge, or with ridge 0 at least rho times the graph's gap.  (1^T L = 0 on components,
    so R has the sums of W, which `ridge_cost` demands to be 0.)  Without a witness Q0 = 0.
    """
    o, at = asked.offsets[k], asked.at
    name = f"{dual.name.removesuffix('W')}smooth{k}"
    q = given.get(name, (at.m, at.n)) if name in given.arrays else filled((at.m, at.n), 0.0)
    flat, w = ar.load(flat_of(q)), ar.load(spread(dual.raw, at))
    bent = ar.laplacian(q, o.graph, o.rho, o.ridge)
    inner, energy = ar.inner(flat, w).lo, ar.inner(flat, bent).lo
    for entry, c in dual.corrections:
        i, j = at.entry(entry)
        inner += c * Fraction(q.data[i * at.n + j])
    size = root(ar.squares(ar.add(w, bent), None).hi).hi + dual.stray
    kappa = o.ridge or o.rho * (o.graph.gap or 1)  # without edges R = W = 0, as is demanded
    return size * size / kappa - 2 * inner - energy


def dual_limit(ar: Arithmetic[H], asked: Question, dual: Dual[H]) -> Fraction | None:
    """Return the largest s for which a sparse part allows s W, or None for any.

    inf over Q of <W, Q> + rho |Q|_1 is 0 if every |W_ij| <= rho, and -inf otherwise.
    """
    rhos = [o.rho for o in asked.offsets if o.kind == "sparse"]
    if not rhos:
        return None
    top = ar.lines(dual.field, Line(0, root=False, positive=False, both=False), asked.at)
    for k, c in dual.corrections:
        top = max(top, abs(Fraction(dual.raw.data[k]) + c))
    return min(rhos) / top if top else None


def dual_value(
    ar: Arithmetic[H], asked: Question, dual: Dual[H], cost: Fraction, s: Fraction
) -> Fraction:
    """Return a lower bound of d(sW) = s<W,Y> - s^2/2 (sum W^2/w + cost), s >= 0.

    d(W) = inf over Z, q of the loss + <W, Z>; entrywise the minimum of
    w/2 (z - y)^2 + W z is W y - W^2 / (2 w).
    """
    inner = ar.inner(dual.field, ar.load(asked.Y)).lo
    size = ar.squares_over(dual.field, asked.weights).hi
    for k, c in dual.corrections:
        w = Fraction(asked.weights.data[k]) if asked.weights is not None else Fraction(1)
        inner += c * Fraction(asked.Y.data[k])
        size += (2 * c * Fraction(dual.raw.data[k]) + c * c) / w
    return s * inner - s * s / 2 * (size + cost)


# --- rules for the polar: sup <W, u v^T> over theta(u, v) <= 1 ------------------------


def lines(ar: Arithmetic[H], pair: Pair, w: H, _proof: Json, _given: Arrays) -> Fraction:
    """Prove sup u^T W v = max over lines of the dual norm, for |u|_1 (or |v|_1).

    The extreme points of the l1 ball are the signed unit vectors (unsigned for "+"), so
    the supremum over u is at a row, and over v is that row's dual norm.
    """
    (name, plus), axis, other = GAUGES[pair.left], 0, GAUGES[pair.right]
    if name != "l1":
        (name, plus), axis, other = GAUGES[pair.right], 1, GAUGES[pair.left]
    known = name == "l1" and other[0] in ("l1", "l2")
    demand(known, "proof.polar.rule", "wrong_rule", f"{pair.left} x {pair.right}")
    line = Line(axis, other[0] == "l2", other[1], other[1] and not plus)
    return ar.lines(w, line, pair.at)


def spectral(ar: Arithmetic[H], pair: Pair, w: H, proof: Json, given: Arrays) -> Fraction:
    """Prove sup u^T W v <= sqrt(lambda_max(S^T S + M)), S = W + N, with N, M >= 0.

    N needs u, v >= 0: then u^T N v >= 0.  M needs the Gram side's vector >= 0: then
    v^T M v >= 0.  Every norm here is at least the l2 norm, so the l2 ball contains
    the feasible set.  (A smaller set has a smaller supremum.)
    """
    at, plus = pair.at, (GAUGES[pair.left][1], GAUGES[pair.right][1])
    s, axis = w, gram_side(proof, at, "proof.polar.axis", held="M" in given.arrays)
    if "N" in given.arrays:
        n = given.get("N", (at.size,))
        demand(all(plus), "proof.N", "wrong_rule", f"{pair.left} x {pair.right}")
        demand(min(n.data, default=0.0) >= 0, "proof.N", "sign", "a negative entry")
        s = ar.add(w, ar.load(n))
    g, slack = ar.gram(s, axis, at)
    if "M" in given.arrays:
        g = ar.add(g, multiplier(ar, given, plus[axis], (at.m, at.n)[axis]))
    factor = cholesky_factor(given, (at.m, at.n)[axis])
    t = ar.top(g, shift_of(proof, "proof.polar.shift"), factor)
    return root(max(t, Fraction(0))).hi + slack


def gram_side(part: Json, at: Pattern, where: str, *, held: bool) -> int:
    """Return the axis of the Gram matrix: the smaller one, or any whose M the file holds.

    So a few bytes of proof cannot ask for more memory than the question's own size.
    """
    axis, sizes = part.get("axis"), (at.m, at.n)
    demand(axis in (0, 1) and (held or sizes[axis] == min(sizes)), where, "axis", axis)
    return int(axis == 1)


def cholesky_factor(given: Arrays, k: int) -> Array | None:
    """Return the packed lower triangle of size k, if the proof has one."""
    return given.get("L", (k * (k + 1) // 2,)) if "L" in given.arrays else None


def multiplier(ar: Arithmetic[H], given: Arrays, plus: bool, k: int) -> H:  # noqa: FBT001
    """Read M: symmetric, entrywise nonnegative, on a side whose factor is nonnegative."""
    a = given.get("M", (k, k))
    demand(plus, "proof.M", "wrong_rule", "the factor of this side has no sign")
    demand(min(a.data) >= 0, "proof.M", "sign", min(a.data))
    even = all(a.data[i * k + j] == a.data[j * k + i] for i in range(k) for j in range(i))
    demand(even, "proof.M", "symmetric", "M differs from its transpose")
    return ar.load(a)


POLAR_RULES: dict[str, Callable[..., Fraction]] = {"lines": lines, "spectral": spectral}


# --- bounds -------------------------------------------------------------------------


class Bound(NamedTuple):
    """A proved number and the rules that proved it."""

    value: Fraction
    rules: tuple[str, ...]


def weak_duality(ar: Arithmetic[H], asked: Question, proof: Json, given: Arrays) -> Bound:
    """Prove f_s >= d(sW) for every size s and all offsets, where P(W) s <= lam.

    f_s >= d(sW) - s<W, sum phi> + lam sum theta >= d(sW), since <W, phi(x)> <= P theta(x).
    The rule scales W itself, so a large bound P only weakens the result.  f >= 0 always.
    """
    if "W" not in given.arrays:
        return Bound(Fraction(0), ("trivial",))
    dual = dual_point(ar, asked, proof, given, "W")
    polar = part(proof, "polar")
    name = str(polar.get("rule"))
    demand(name in POLAR_RULES, "proof.polar.rule", "unknown", name)
    bound = POLAR_RULES[name](ar, asked.pair, dual.field, polar, given)
    bound += dual.stray
    s = min(Fraction(1), asked.lam / bound) if bound else Fraction(1)
    limit = dual_limit(ar, asked, dual)
    s = s if limit is None else min(s, limit)
    cost = ridge_cost(ar, asked, dual, given, "W")
    value = dual_value(ar, asked, dual, cost, s)
    return Bound(max(value, Fraction(0)), (name, "weak_duality"))


class Fan(NamedTuple):
    """A matrix all of whose entries are seen, what is fitted beside Z, and the witness.

    rank   Z, with the covariates' part, has rank <= this
    kinds  "row", "column": the means that are removed
    K, L   G <= t I + K K^T, t from shift and L
    """

    at: Pattern
    rank: int
    kinds: frozenset[str]
    axis: int
    shift: Fraction
    K: Array
    L: Array | None


def fan(asked: Question, at: Pattern, part: Json, given: Arrays, name: str) -> Fan:
    """Read the witness of a matrix; `name` ends the names of its arrays.

    Leaving out penalties and signs lowers the infimum.  An intercept is a row of equal
    column intercepts; k covariates add at most k to the rank.
    """
    where = f"proof.ky_fan{name}"
    axis = gram_side(part, at, f"{where}.axis", held=False)
    size = (at.m, at.n)[axis]
    packed = size * (size + 1) // 2
    factor = given.get(f"L{name}", (packed,)) if f"L{name}" in given.arrays else None
    wide = sum(o.design.shape[1] for o in asked.offsets if o.design is not None)
    means = {"intercept": "column", "row": "row", "column": "column"}
    kinds = frozenset(means[o.kind] for o in asked.offsets if o.design is None)
    shift = shift_of(part, f"{where}.shift")
    held = given.get(f"K{name}", (size, None))
    return Fan(at, asked.rank + wide, kinds, axis, shift, held, factor)


def tail(ar: Arithmetic[H], held: Fan, c: H) -> Fraction:
    """Prove |P(C - Z)P'|^2 >= |PCP'|^2 - r t - |K|^2 for every Z of rank <= r.

    |P(C - Z)P'|^2 >= sum over i > r of sigma_i(PCP')^2 (Eckart-Young), and the sum over
    i <= r of sigma_i(PCP')^2 <= that of lambda_i(G), G = C C^T or C^T C, <= r t + |K|^2 if
    G <= t I + K K^T (Ky Fan).  P and P' remove the means that are fitted.
    """
    g, slack = ar.gram(c, held.axis, held.at)
    t = ar.top(ar.subtract(g, ar.outer(held.K)), held.shift, held.L)
    r = held.rank
    head = r * max(t, Fraction(0)) + squares_exactly(held.K.data)
    spread = 2 * slack * root(max(head, Fraction(0)) * max(r, 1)).hi + r * slack * slack
    return max(centred(ar, held, c) - head - spread, Fraction(0))


def fixed_rank(ar: Arithmetic[H], asked: Question, proof: Json, given: Arrays) -> Bound:
    """Bound f over rank <= r by the rule whose witness the proof has; f >= 0 without one."""
    if "blocks" in proof:
        return blocks(ar, asked, proof, given)
    if "K" in given.arrays:
        return ky_fan(ar, asked, proof, given)
    return Bound(Fraction(0), ("trivial",))


def ky_fan(ar: Arithmetic[H], asked: Question, proof: Json, given: Arrays) -> Bound:
    """Prove f >= 1/2 |P(C - Z)P'|^2, C = Y - (any offsets mu), as `tail` bounds it."""
    at = asked.at
    plain = at.rows is None and asked.weights is None
    demand(plain, "proof.K", "wrong_rule", "masked or weighted")
    c = ar.load(asked.Y)
    if asked.offsets:
        mu = offset_values(given, "mu.", asked.offsets, at)
        flat = Point(filled((at.m, 1), 0.0), filled((at.n, 1), 0.0), mu)
        c = ar.subtract(c, fitted(ar, asked, flat))
    held = fan(asked, at, part(proof, "ky_fan"), given, "")
    return Bound(tail(ar, held, c) / 2, ("ky_fan",))


def blocks(ar: Arithmetic[H], asked: Question, proof: Json, given: Arrays) -> Bound:
    """Prove f >= sum over disjoint, fully observed blocks B of w_B/2 |P(Y_B - Z_B)P'|^2.

    A block holds all entries of some rows and columns, and w_B is the least weight in it.
    The entries outside cost at least 0, and the infimum of a sum is at least the sum of
    the infima: on a block the offsets are again row and column means, and Z_B, a part of
    a Z of rank <= r, has rank <= r.  So `tail` bounds each block by itself.
    """
    listed = proof["blocks"]
    demand(isinstance(listed, list), "proof.blocks", "list", type(listed).__name__)
    sides = [sides_of(asked.at, given, t) for t in range(len(listed))]
    entries = entries_of(asked.at, sides)
    total = Fraction(0)
    for t, ((rows, cols), at_entry, found) in enumerate(zip(sides, entries, listed, strict=True)):
        demand(isinstance(found, dict), f"proof.blocks[{t}]", "json", type(found).__name__)
        at = Pattern(len(rows), len(cols))
        held = fan(asked, at, found, given, str(t))
        y = Array((at.size,), array("d", (asked.Y.data[k] for k in at_entry)))
        c = without_means(ar, given, held, y, t)
        least = min(asked.weights.data[k] for k in at_entry) if asked.weights else 1.0
        total += Fraction(least) * tail(ar, held, c) / 2
    return Bound(total, ("blocks",))


def sides_of(at: Pattern, given: Arrays, t: int) -> tuple[Sequence[int], Sequence[int]]:
    """Read the rows and columns of a block: rising, inside, at least one."""
    out = []
    for name, size in ((f"rows{t}", at.m), (f"cols{t}", at.n)):
        found = given.get(name, (None,), "q").data
        demand(len(found) > 0, f"proof.{name}", "shape", "empty")
        demand(found[0] >= 0 and found[-1] < size, f"proof.{name}", "outside", size)
        rising = all(a < b for a, b in pairwise(found))
        demand(rising, f"proof.{name}", "order", "not rising")
        out.append(found)
    return out[0], out[1]


def entries_of(
    at: Pattern, sides: Sequence[tuple[Sequence[int], Sequence[int]]]
) -> list[list[int]]:
    """Return where each block's entries are in the field: all observed, none in two blocks."""
    count = sum(len(rows) * len(cols) for rows, cols in sides)
    demand(count <= at.size, "proof.blocks", "unobserved", f"{count} of {at.size} entries")
    wanted = [[i * at.n + j for i in rows for j in cols] for rows, cols in sides]
    where = dict.fromkeys((code for block in wanted for code in block), -1)
    demand(len(where) == count, "proof.blocks", "overlap", f"{len(where)} of {count} entries")
    for k, (i, j) in enumerate(at.entries()):
        if i * at.n + j in where:
            where[i * at.n + j] = k
    missing = next((code for code, k in where.items() if k < 0), None)
    told = None if missing is None else divmod(missing, at.n)
    demand(missing is None, "proof.blocks", "unobserved", told)
    return [[where[code] for code in block] for block in wanted]


def without_means(ar: Arithmetic[H], given: Arrays, held: Fan, y: Array, t: int) -> H:
    """Return C = Y_B minus any row and column means that the offsets may fit."""
    c, at = ar.load(y), held.at
    for kind, size in (("row", at.m), ("column", at.n)):
        name = f"mu{t}.{kind}"
        if kind in held.kinds and name in given.arrays:
            o, mu = Offset(kind, Fraction(0)), given.get(name, (size,))
            left, right = o.factors(mu, at) or (mu, mu)
            c = ar.subtract(c, ar.product(left, right, at))
    return c


def centred(ar: Arithmetic[H], held: Fan, c: H) -> Fraction:
    """Return a lower bound of |PCP'|^2 = |C|^2 - |1^T C|^2/m - |C 1|^2/n + (1^T C 1)^2/mn.

    Only the sums of an offset that is present are removed; the last term needs both.
    """
    at = held.at
    energy = ar.squares(c, None).lo
    sizes = {"column": at.m, "row": at.n}
    for kind in sorted(held.kinds):
        energy -= ar.sums(c, kind, at).hi / sizes[kind]
    if len(held.kinds) == 2:
        energy += ar.sums(c, "intercept", at).lo / (at.m * at.n)
    return energy


def floor(
    ar: Arithmetic[H], asked: Question, proof: Json, given: Arrays, upper: Enclosure
) -> Fraction:
    """Return a lower bound of the candidate's own value, over all its offsets.

    Offsets given: the enclosure's lower end.  Otherwise, for s W with A* W = 0 (or its
    cost), f(U, V, q) >= d(sW) - s <W, U V^T> + lam sum theta for every q.
    """
    if asked.q is not None or not asked.offsets:
        return upper.lo
    if "floor.W" not in given.arrays:
        return Fraction(0)
    dual = dual_point(ar, asked, part(proof, "floor"), given, "floor.W")
    limit = dual_limit(ar, asked, dual)
    s = Fraction(1) if limit is None else min(Fraction(1), limit)
    cost = ridge_cost(ar, asked, dual, given, "floor.W")
    value = dual_value(ar, asked, dual, cost, s)
    product = ar.product(asked.U, asked.V, asked.at)
    value -= s * ar.inner(dual.field, product).hi
    for k, c in dual.corrections:
        i, j = asked.at.entry(k)
        value -= s * c * dot(asked.U, i, asked.V, j)
    return value + asked.lam * thetas(asked, asked.U, asked.V).lo


def dot(U: Array, i: int, V: Array, j: int) -> Fraction:
    """Return the exact inner product of row i of U and row j of V."""
    r = U.shape[1]
    pairs = zip(U.data[i * r : i * r + r], V.data[j * r : j * r + r], strict=True)
    return sum((Fraction(a) * Fraction(b) for a, b in pairs), Fraction(0))


class Outcome(NamedTuple):
    """What was proved: lower <= inf f, f(candidate) <= upper, and the verdict."""

    verdict: str
    lower: Fraction
    upper: Fraction
    better: Fraction | None
    tier: str
    rules: tuple[str, ...]


def prove(
    stated: Json,
    given: Mapping[str, Array],
    proof: Json,
    witness: Mapping[str, Array],
    ar: Arithmetic[Any] | None = None,
) -> Outcome:
    """Prove what the witness allows about the question; never more."""
    ar = ar or Exact()
    asked = question(stated, given)
    arrays = Arrays(witness, "proof")
    candidate = point(Arrays({**witness, **given}, "statement"), "", asked)
    value = objective(ar, asked, candidate)
    rule = weak_duality if asked.claim == "any size" else fixed_rank
    bound = rule(ar, asked, proof, arrays)
    eps = max(asked.atol, asked.rtol * abs(value.hi))
    better, size = best(ar, asked, proof, arrays)
    verdict = "UNDECIDED"
    if value.hi - bound.value <= eps:
        verdict = "CERTIFIED"
    elif better is not None and better + eps < floor(ar, asked, proof, arrays, value):
        verdict = "REFUTED" if size <= asked.rank else "RANK_LIMITED"
    return Outcome(verdict, bound.value, value.hi, better, ar.tier, bound.rules)


def best(
    ar: Arithmetic[H], asked: Question, proof: Json, given: Arrays
) -> tuple[Fraction | None, int]:
    """Return an upper bound of f at the better factors, and their size."""
    if not proof.get("better"):
        return None, 0
    x = point(given, "better.", asked)
    pairs = zip(columns(x.U), columns(x.V), strict=True)
    size = sum(any(u) and any(v) for u, v in pairs)  # a zero slice is no slice
    small = asked.claim == "any size" or size <= asked.rank
    demand(small, "proof.better", "size", f"{size} slices at a fixed rank {asked.rank}")
    return objective(ar, asked, x).hi, size


# --- the file -----------------------------------------------------------------------


@dataclass(frozen=True)
class File:
    """A certificate: the question's statement and arrays, the proof and its witness."""

    statement: Json
    given: dict[str, Array]
    claim: Json
    proof: Json
    witness: dict[str, Array]


def digest(a: Array) -> str:
    """Return the SHA-256 of an array's shape and little-endian bytes."""
    view = memoryview(a.data).cast("B")
    return hashlib.sha256(json.dumps(list(a.shape)).encode() + _little(view, a)).hexdigest()


def _little(view: memoryview, a: Array) -> bytes | memoryview:
    if sys.byteorder == "little":
        return bytes(view)
    copy = array(memoryview(a.data).format, bytes(view))
    copy.byteswap()
    return copy.tobytes()


def seal(statement: Json, claim: Json, proof: Json, arrays: Mapping[str, Array]) -> str:
    """Return the digest over everything in a certificate."""
    head = json.dumps([statement, claim, proof], sort_keys=True)
    rest = "".join(f"{k}:{digest(arrays[k])};" for k in sorted(arrays))
    return hashlib.sha256(f"{head}|{rest}".encode()).hexdigest()


def unique(pairs: list[tuple[str, Any]]) -> Json:
    """Build a JSON object; a key given twice is refused."""
    out = dict(pairs)
    demand(len(out) == len(pairs), "file.header", "duplicate", [k for k, _ in pairs][:20])
    return out


def parse(text: bytes | str, where: str) -> Json:
    """Parse a JSON object without NaN, infinities or duplicate keys."""
    try:
        out = json.loads(
            text, object_pairs_hook=unique, parse_constant=_no_constant, parse_float=_no_constant
        )
    except RejectedError:
        raise
    except (ValueError, RecursionError) as error:
        raise RejectedError(where, "json", str(error)[:80]) from None
    demand(isinstance(out, dict), where, "json", type(out).__name__)
    return dict(out)


def _no_constant(name: str) -> float:
    raise RejectedError("file.header", "number", name)


def layout(header: Json, room: int) -> list[tuple[str, str, tuple[int, ...], int, int]]:
    """Return (name, typecode, shape, start, end) of each array; every byte is used once."""
    out, position = [], 0
    codes = {"F64": "d", "I64": "q"}
    for name, entry in sorted(header.items(), key=lambda kv: _start(kv[1])):
        where = f"file.{name!a}" if not name.isascii() else f"file.{name}"
        demand(name.isascii(), where, "name", ascii(name)[:80])
        demand(isinstance(entry, dict), where, "header", type(entry).__name__)
        shape, span = entry.get("shape"), entry.get("data_offsets")
        dtype = entry.get("dtype")
        demand(isinstance(dtype, str) and dtype in codes, where, "dtype", dtype)
        demand(_naturals(shape) and _naturals(span) and len(span) == 2, where, "shape", shape)
        demand(span[0] == position, where, "offsets", span)
        demand(span[1] <= room, where, "truncated", f"{span[1]} of {room} bytes")
        demand(span[1] - span[0] == 8 * math.prod(shape), where, "shape", shape)
        position = span[1]
        out.append((name, codes[entry["dtype"]], tuple(shape), span[0], span[1]))
    demand(position == room, "file", "trailing", f"{room - position} bytes")
    return out


def _start(entry: object) -> int:
    span = entry.get("data_offsets") if isinstance(entry, dict) else None
    return span[0] if _naturals(span) and span else 0


def _naturals(x: object) -> bool:
    return isinstance(x, list) and all(type(k) is int and 0 <= k < 1 << 62 for k in x)


def tensors(path: str | Path) -> tuple[dict[str, Array], Json]:
    """Read a safetensors file: named arrays and metadata.  Sizes are checked first."""
    size = Path(path).stat().st_size
    with Path(path).open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        fits = size >= 8 and 2 <= length <= min(size - 8, MAX_HEADER)
        demand(fits, "file", "not a certificate", f"{size} bytes, header of {length}")
        header = parse(file.read(length), "file.header")
        metadata = header.pop("__metadata__", {})
        demand(isinstance(metadata, dict), "file.header", "metadata", type(metadata).__name__)
        arrays = {}
        for name, code, shape, start, end in layout(header, size - 8 - length):
            data = array(code, file.read(end - start))
            if sys.byteorder == "big":
                data.byteswap()
            arrays[name] = Array(shape, data)
    return arrays, metadata


def read(path: str | Path) -> File:
    """Read a certificate; its digest must match and its statement's digests too."""
    arrays, metadata = tensors(path)
    demand("certify" in metadata, "file", "not a certificate", sorted(metadata))
    text = metadata["certify"]
    demand(isinstance(text, str), "file", "not a certificate", type(text).__name__)
    head = parse(text, "file.metadata")
    parts = {k: head.get(k) for k in ("statement", "claim", "proof")}
    for name, part in parts.items():
        demand(isinstance(part, dict), f"file.{name}", "json", type(part).__name__)
    statement, claim, proof = (dict(p or {}) for p in parts.values())
    field(statement, "format", (FORMAT,))
    demand(
        head.get("seal") == seal(statement, claim, proof, arrays),
        "file",
        "digest",
        "the contents do not match their digest",
    )
    given = {k[9:]: a for k, a in arrays.items() if k.startswith("question.")}
    witness = {k[6:]: a for k, a in arrays.items() if k.startswith("proof.")}
    demand(len(given) + len(witness) == len(arrays), "file", "unknown", "an array of neither part")
    return File(statement, given, claim, proof, witness)


def same_question(theirs: Json, ours: Json, where: str = "statement") -> None:
    """Reject unless the certificate's statement is the reader's, field by field."""
    for name in sorted({*theirs, *ours}):
        a, b = theirs.get(name), ours.get(name)
        if isinstance(a, dict) and isinstance(b, dict):
            same_question(a, b, f"{where}.{name}")
        else:
            demand(
                a == b, f"{where}.{name}", "question", f"certificate has {a!r}, reader asks {b!r}"
            )


def check_digests(statement: Json, given: Mapping[str, Array]) -> None:
    """Reject unless the arrays are those the statement names, bit by bit."""
    ours = {k: {"shape": list(a.shape), "sha256": digest(a)} for k, a in given.items()}
    named = statement.get("arrays")
    demand(isinstance(named, dict), "statement.arrays", "missing", type(named).__name__)
    same_question(dict(named or {}), ours, "statement.arrays")


def check(file: File, given: Mapping[str, Array], ar: Arithmetic[Any] | None = None) -> Outcome:
    """Prove the certificate's claim about its question asked of these arrays."""
    check_digests(file.statement, given)
    outcome = prove(file.statement, given, file.proof, file.witness, ar)
    claimed = file.claim.get("verdict")
    demand(isinstance(claimed, str) and claimed in EXITS, "claim.verdict", "unknown", claimed)
    idle = file.proof.get("better") and outcome.verdict not in ("REFUTED", "RANK_LIMITED")
    demand(not idle, "proof.better", "idle", f"better factors beside {outcome.verdict}")
    demand(
        outcome.verdict == claimed,
        "claim.verdict",
        "not proved",
        f"claims {claimed}, proved {outcome.verdict} in [{shown(outcome.lower)}, "
        f"{shown(outcome.upper)}]",
    )
    return outcome


def described(statement: Json) -> str:
    """Return the question for a reader: every field but the digests, numbers in decimals."""
    told = {k: v for k, v in statement.items() if k != "arrays"}
    told |= {k: shown(number(statement[k], k)) for k in ("lam", "rtol", "atol")}
    held = [
        {k: v if k == "kind" else shown(number(v, k)) for k, v in o.items()}
        for o in statement["offsets"]
    ]
    return clean(json.dumps({**told, "offsets": held}, sort_keys=True))


def main(arguments: Iterable[str]) -> int:
    """Verify a certificate file: EXITS of what is proved, 20 otherwise or in any doubt."""
    try:
        path, *rest = arguments
        file = read(path)
        given = file.given
        if rest:
            given = {k.removeprefix("question."): a for k, a in tensors(rest[0])[0].items()}
        outcome = check(file, given)
    except Exception as error:  # noqa: BLE001  any doubt is a rejection
        print(f"NOT VERIFIED  {error}")
        return 20
    lower, upper = shown(outcome.lower), shown(outcome.upper)
    print(f"VERIFIED {outcome.verdict}  {lower} <= optimum, candidate <= {upper}")
    print(f"of {described(file.statement)}  by {', '.join(outcome.rules)}")
    return EXITS[outcome.verdict]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
