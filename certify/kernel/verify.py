"""The trusted kernel: check a certificate with the standard library alone.

    python -I -S verify.py CERTIFICATE [QUESTION]

A certificate answers a question about factors U (m, r), V (n, r) of

    f_r(U, V, q) = l(U V^T + A q) + lam sum_k theta(u_k, v_k) + sum rho/2 |q|^2,

or about the K factors of a tensor, with sum_k u_k o v_k o x2_k o ... in place of U V^T;

l a convex loss over the observed entries, 1/2 sum w_ij (z_ij - Y_ij)^2 or another of `LOSSES`.

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
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import accumulate, pairwise, product
from operator import mul
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

FORMAT = "certify/3"
EXITS = {"CERTIFIED": 0, "REFUTED": 10, "UNDECIDED": 12, "RANK_LIMITED": 14}
REJECTED = 20
MAX_HEADER = 1 << 30  # bytes of JSON; a longer header is refused before it is read
MAX_ORDER = 16  # modes of a tensor; 6 for a symmetric one, whose permutations are summed
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


# --- the budget ---------------------------------------------------------------------

# A unit of work is a product of two short integers and its sum, some 40 ns in this file.
FLOOR = 1 << 27  # units that any file may ask for: seconds
PER_BYTE = 1 << 13  # units more for each byte of the file
HELD = 64  # units of a number that is held: 2**21 numbers, and 128 more for each byte
MADE = 8  # units of work to make a number
LINE = 1024  # units of a row or a column, which each rule goes through several times
PATH = 8 * HELD  # units of a step on the way to a leaf: each node that waits keeps its own
FRACTION = 16  # units of an operation on short fractions


class Budget:
    """How much work a verification may do: it is refused before it is done.

    A file can ask for more than its size: a factor of no slices has no bytes and any number
    of rows, a list of entries says nothing about m n, a leaf of a tree is a few letters.  Every
    such size is paid for before the first number is made.
    """

    def __init__(self, limit: float = math.inf) -> None:
        self.limit, self.spent = limit, 0

    def spend(self, work: int, what: str) -> None:
        """Take this many units, or refuse."""
        self.afford(work, what)
        self.spent += work

    def afford(self, work: int, what: str) -> None:
        """Refuse work that is still to come, and takes at least this much."""
        self._check(self.spent + work, what)

    def hold(self, numbers: int, what: str, bits: int = 0) -> None:
        """Refuse so many numbers of so many bits at a time, or take the work to make them."""
        numbers *= 1 + (bits >> 8)
        self._check(HELD * numbers, what)
        self.spend(MADE * numbers, what)

    def _check(self, units: int, what: str) -> None:
        told = f"{what}: {units} units of work or more, and this file may ask for {self.limit}"
        demand(units <= self.limit, "budget", "limit", f"{told}; --limit {units} allows them")


def allowance(stated: Json, proof: Json, arrays: Iterable["Array"]) -> int:
    """Return the limit of a file: FLOOR, and PER_BYTE for each byte of its numbers and text."""
    size = len(json.dumps([stated, proof]))
    size += sum(memoryview(a.data).nbytes for a in arrays)
    return FLOOR + PER_BYTE * size


def product_work(a: int, b: int) -> int:
    """Return the units of a product of integers of a and b bits, and its sum."""
    return 1 + (a * b >> 15)


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
    demand(isinstance(text, str), where, "number", f"{text!r:.80}")
    p, bar, q = str(text).partition("/")
    plain = set(p.removeprefix("-")) | set(q) <= set("0123456789abcdef")  # no 1_0, 0x10 or " 1"
    demand(plain, where, "number", str(text)[:80])
    try:
        return Fraction(int(p, 16), int(q, 16) if bar else 1)
    except (ValueError, ZeroDivisionError):
        raise RejectedError(where, "number", str(text)[:80]) from None


def part(proof: Json, name: str) -> Json:
    """Return an object of the proof; {} only if it has none of this name."""
    found = proof.get(name, {})
    demand(isinstance(found, dict), f"proof.{name}", "json", type(found).__name__)
    return dict(found)


SWITCHES = ("better", "linear", "symmetric")  # the fields that are true or false


def plainly(stated: Json, where: str, budget: Budget) -> None:
    """Reject null anywhere, and true or false anywhere but at a switch.

    Null is not a way to leave a field out, and true is not the integer 1.  Each text is paid
    for as a rational, whose common factors take the square of its length.
    """
    waiting: list[tuple[str, str, object]] = [(where, "", stated)]
    while waiting:
        at, name, x = waiting.pop()
        demand(x is not None, at, "null", "null")
        demand(not isinstance(x, bool) or name in SWITCHES, at, "boolean", x)
        if isinstance(x, str):
            budget.spend(len(x) ** 2 >> 5, f"a number of {len(x)} digits")
        if isinstance(x, dict):
            waiting += [(f"{at}.{k}", str(k), v) for k, v in x.items()]
        elif isinstance(x, list):
            waiting += [(f"{at}[{k}]", "", v) for k, v in enumerate(x)]


def switched(held: Json, name: str, where: str) -> bool:
    """Return whether a field is there; it can only be true."""
    demand(held.get(name, True) is True, f"{where}.{name}", "unknown", held.get(name))
    return name in held


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
    """The observed entries of an m x n matrix, row-major; `rows` None means all.

    A tensor of sizes `dims` is the matrix dims[0] x (the rest), its entries in row-major order.
    """

    m: int
    n: int
    rows: Sequence[int] | None = None
    cols: Sequence[int] | None = None
    dims: tuple[int, ...] = ()

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of the modes: m, n, or those of a tensor held as its rows by the rest."""
        return self.dims or (self.m, self.n)

    def place(self, k: int) -> tuple[int, ...]:
        """Return the multi-index of the k-th observed entry."""
        i, rest = self.entry(k)
        out = []
        for d in reversed(self.sizes[1:]):
            rest, j = divmod(rest, d)
            out.append(j)
        return (i, *reversed(out))

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


class Arrays:
    """Named arrays with checked shapes; every float in them is finite."""

    def __init__(self, arrays: Mapping[str, Array], where: str) -> None:
        self.arrays, self.where, self.used = arrays, where, set[str]()

    def get(self, name: str, shape: tuple[int | None, ...], kind: str = "d") -> Array:
        """Return an array whose shape matches (None matches any length)."""
        where = f"{self.where}.{name}"
        demand(name in self.arrays, where, "missing", sorted(self.arrays))
        self.used.add(name)
        a = self.arrays[name]
        fits = len(a.shape) == len(shape) and all(
            want in (None, have) for want, have in zip(shape, a.shape, strict=True)
        )
        demand(fits, where, "shape", f"{list(a.shape)}, not {list(shape)}")
        view = memoryview(a.data)
        known = {"d": ("d", "f") if self.where == "proof" else ("d",), "q": ("q", "l")}
        demand(view.format in known[kind], where, "dtype", view.format)
        demand(len(view) == math.prod(a.shape), where, "length", len(view))
        if kind == "d" and not all(map(math.isfinite, a.data)):
            raise RejectedError(where, "finite", next(x for x in a.data if not math.isfinite(x)))
        return a


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
    kind: str  # "max", the largest |entry|; "root", the l2 norm; "sum", the l1 norm
    positive: bool  # only the positive part counts
    signs: tuple[int, ...]  # of W (1), of -W (-1), or of both


# --- arithmetic ---------------------------------------------------------------------


class Arithmetic(ABC, Generic[H]):
    """What the rules need of numbers.  H is a handle on an array held by a tier.

    A field is a 1-D handle over the observed entries; a matrix is a 2-D handle.
    Each method returns a handle or an enclosure that is right, or raises.
    """

    tier: str
    budget = Budget()  # of any size; `Metered` has one that ends

    @abstractmethod
    def measure(self, x: H) -> "Extent":
        """Return how large an array and its numbers are."""

    @abstractmethod
    def load(self, a: Array) -> H:
        """Take an array in."""

    @abstractmethod
    def product(self, left: Array, right: Array, at: Pattern) -> H:
        """Return (left right^T) at the observed entries: the field of a factorization."""

    @abstractmethod
    def spans(self, x: H) -> tuple[Sequence[int], Sequence[int], int]:
        """Return (lows, highs, e): each entry is in [low, high] * 2**e."""

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
    def exact_lines(self, x: H, axis: int, at: Pattern) -> tuple[Iterator[list[int]], int]:
        """Return the field's lines, zeros included, as integers times 2**e, and e; exactly."""

    @abstractmethod
    def scaled(self, x: H, left: Array, right: Array, at: Pattern) -> H:
        """Return the field of left_i x_ij right_j."""

    @abstractmethod
    def hat(self, x: H, at: Pattern) -> H:
        """Return [[0, X], [X^T, 0]], dense."""

    @abstractmethod
    def symmetric(self, x: H, at: Pattern) -> H:
        """Return (X + X^T) / 2, dense, of a square field."""

    @abstractmethod
    def multiply(self, a: H, b: H) -> H:
        """Return A B^T of matrices."""

    def outer(self, a: Array) -> H:
        """Return a a^T."""
        x = self.load(a)
        return self.multiply(x, x)

    @abstractmethod
    def outer_sum(self, factors: Sequence[Array], at: Pattern) -> H:
        """Return sum over k of x1_k o ... o xK_k at the observed entries, factors (n_i, r)."""

    @abstractmethod
    def layer(self, net: "Network", left: Array, right: Array) -> H:
        """Return pool(s(F left)) right^T at the observed entries."""

    @abstractmethod
    def deep(self, net: "Deep", weights: Sequence[Array]) -> H:
        """Return the sum over slices of s(... s(F X1) X2 ...) XK at the observed entries."""

    @abstractmethod
    def unfold(self, x: H, at: Pattern, order: Sequence[int], rows: int) -> H:
        """Return the field as a dense matrix of `rows` rows, its modes in this order."""

    @abstractmethod
    def permuted(self, x: H, at: Pattern) -> H:
        """Return the sum over all permutations of the modes, all entries; equal sizes."""

    @abstractmethod
    def fixed(self, x: H, at: Pattern, place: tuple[int, int], sign: int) -> H:
        """Return sign times the slice with index i in one mode, all entries; place (mode, i)."""

    @abstractmethod
    def placed(self, values: Array, pairs: "Pairs", k: int) -> H:
        """Return the k x k matrix with each value at (a, b) and (b, a), and its negative
        at (c, d) and (d, c); half the negative of a value on the diagonal.
        """

    @abstractmethod
    def kronecker(self, q: H, s: H, place: "Place") -> H:
        """Return Q on one mode times S on the others, a block of zeros around it."""

    @abstractmethod
    def top(self, g: H, shift: Fraction, factor: Array | None) -> Fraction:
        """Return t with G <= t I (symmetric G)."""


class Extent(NamedTuple):
    """The shape of an array; its numbers are of so many bits, times 2**exp."""

    shape: tuple[int, ...]
    bits: int
    exp: int

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return math.prod(self.shape)

    @property
    def square(self) -> int:
        """The units of the product of two of them."""
        return product_work(self.bits, self.bits)

    def joined(self, other: "Extent") -> int:
        """Return the bits of a sum of two numbers, on the finer grid."""
        return max(self.bits + self.exp, other.bits + other.exp) - min(self.exp, other.exp) + 1


class Pairs(NamedTuple):
    """Places of a symmetric matrix: each value at (a, b), its negative at (c, d) if given."""

    a: Sequence[int]
    b: Sequence[int]
    c: Sequence[int] = ()
    d: Sequence[int] = ()


class Place(NamedTuple):
    """Where a product Q (x) S goes: a mode among the sizes of a group, and the group's block."""

    mode: int
    sizes: tuple[int, ...]
    first: int  # row of the block's corner
    k: int  # rows of the whole matrix


@dataclass(frozen=True)
class Grid:
    """An array of integers times 2**exp."""

    ints: list[int]
    exp: int
    shape: tuple[int, ...]

    @cached_property
    def bits(self) -> int:
        """The bits of its largest number."""
        ends = max(self.ints, default=0), min(self.ints, default=0)
        return max(x.bit_length() for x in ends)


class Exact(Arithmetic[Grid]):
    """Exact integers, standard library only."""

    tier = "exact"

    def measure(self, x: Grid) -> "Extent":
        """Return the shape, the bits of its largest integer and the exponent."""
        return Extent(x.shape, x.bits, x.exp)

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

    def spans(self, x: Grid) -> tuple[Sequence[int], Sequence[int], int]:
        """Return the entries themselves: points."""
        return x.ints, x.ints, x.exp

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
        return max(self._lines(x, line, at, sign) for sign in line.signs)

    def _lines(self, x: Grid, line: Line, at: Pattern, sign: int) -> Fraction:
        best = [0] * (at.n if line.axis else at.m)
        for v, e in zip(x.ints, at.entries(), strict=True):
            y = max(sign * v, 0) if line.positive else abs(v)
            k = e[line.axis]
            best[k] = max(best[k], y) if line.kind == "max" else best[k] + y ** EXPONENT[line.kind]
        unit = power(x.exp)
        return root(max(best) * unit * unit).hi if line.kind == "root" else max(best) * unit

    def exact_lines(self, x: Grid, axis: int, at: Pattern) -> tuple[Iterator[list[int]], int]:
        """Return the lines of the field."""
        m, n = at.m, at.n
        dense = self._dense(x, at)
        if axis:
            return (dense[j::n] for j in range(n)), x.exp
        return (dense[i * n : i * n + n] for i in range(m)), x.exp

    def _dense(self, x: Grid, at: Pattern) -> list[int]:
        if at.rows is None:
            return x.ints
        dense = [0] * (at.m * at.n)
        for v, (i, j) in zip(x.ints, at.entries(), strict=True):
            dense[i * at.n + j] = v
        return dense

    def scaled(self, x: Grid, left: Array, right: Array, at: Pattern) -> Grid:
        """Return the field of left_i x_ij right_j."""
        a, b = self.load(left), self.load(right)
        pairs = zip(x.ints, at.entries(), strict=True)
        ints = [v * a.ints[i] * b.ints[j] for v, (i, j) in pairs]
        return Grid(ints, x.exp + a.exp + b.exp, x.shape)

    def hat(self, x: Grid, at: Pattern) -> Grid:
        """Return [[0, X], [X^T, 0]]."""
        m, n = at.m, at.n
        dense = self._dense(x, at)
        out: list[int] = []
        for i in range(m):
            out += [*[0] * m, *dense[i * n : i * n + n]]
        for j in range(n):
            out += [*dense[j::n], *[0] * n]
        return Grid(out, x.exp, (m + n, m + n))

    def symmetric(self, x: Grid, at: Pattern) -> Grid:
        """Return (X + X^T) / 2."""
        n, dense = at.n, self._dense(x, at)
        ints = [dense[i * n + j] + dense[j * n + i] for i in range(n) for j in range(n)]
        return Grid(ints, x.exp - 1, (n, n))

    def outer_sum(self, factors: Sequence[Array], at: Pattern) -> Grid:
        """Return the field by products of the modes after the first."""
        first, rest = self.load(factors[0]), self.load(factors[1])
        r = factors[0].shape[1]
        for x in map(self.load, factors[2:]):
            ints: list[int] = []
            for i in range(rest.shape[0]):
                row = rest.ints[i * r : i * r + r]
                for j in range(x.shape[0]):
                    ints += map(mul, row, x.ints[j * r : j * r + r])
            rest = Grid(ints, rest.exp + x.exp, (rest.shape[0] * x.shape[0], r))
        if at.rows is None:
            return Grid((p := self.multiply(first, rest)).ints, p.exp, (at.size,))
        a, b = first.ints, rest.ints
        rows = [a[i * r : i * r + r] for i in range(at.m)]
        sums = [sum(map(mul, rows[i], b[j * r : j * r + r])) for i, j in at.entries()]
        return Grid(sums, first.exp + rest.exp, (at.size,))

    def layer(self, net: "Network", left: Array, right: Array) -> Grid:
        """Return the field: the activation of integers, slope times in the same unit."""
        hidden = self.multiply(self.load(net.features), self.load(transposed(left)))
        r, a = hidden.shape[1], net.slope
        e, low = a.denominator.bit_length() - 1, a.numerator
        acted = [v << e if v > 0 else low * v for v in hidden.ints]
        sums = [0] * (net.at.m * r)
        for i, k in enumerate(net.samples):
            for j in range(r):
                x, y = sums[k * r + j], acted[i * r + j]
                sums[k * r + j] = max(x, y) if net.most else x + y
        pooled = Grid(sums, hidden.exp - e, (net.at.m, r))
        out = self.multiply(pooled, self.load(right))
        flat = Grid(out.ints, out.exp, (net.at.m * net.at.n,))
        return self.seen(flat, net.at)

    def deep(self, net: "Deep", weights: Sequence[Array]) -> Grid:
        """Return the field, one slice after the other."""
        features, a, out = self.load(net.features), net.slope, None
        e, low = a.denominator.bit_length() - 1, a.numerator
        for k in range(weights[0].shape[1]):
            held = features
            for at, w in enumerate(weights):
                if at:
                    acted = [v << e if v > 0 else low * v for v in held.ints]
                    held = Grid(acted, held.exp - e, held.shape)
                shape = net.widths[at], net.widths[at + 1]
                own = transposed(Array(shape, array("d", w.data[k :: w.shape[1]])))
                held = self.multiply(held, self.load(own))
            out = held if out is None else self.add(out, held)
        full = (net.at.m * net.at.n,)
        return self.seen(
            Grid([0] * full[0], 0, full) if out is None else replace(out, shape=full), net.at
        )

    def seen(self, x: Grid, at: Pattern) -> Grid:
        """Return the observed entries of a full field."""
        if at.rows is None:
            return x
        return Grid([x.ints[i * at.n + j] for i, j in at.entries()], x.exp, (at.size,))

    def unfold(self, x: Grid, at: Pattern, order: Sequence[int], rows: int) -> Grid:
        """Return the field as a matrix, its modes reordered."""
        dense, steps = self._dense(x, at), strides(at.sizes)
        places = [0]
        for mode in order:
            places = [p + steps[mode] * i for p in places for i in range(at.sizes[mode])]
        return Grid([dense[p] for p in places], x.exp, (rows, len(places) // rows))

    def permuted(self, x: Grid, at: Pattern) -> Grid:
        """Sum each orbit once: a multi-index is met by its stabilizer's order of permutations."""
        dense, sizes = self._dense(x, at), at.sizes
        orbits = [tuple(sorted(i)) for i in product(*map(range, sizes))]
        totals: dict[tuple[int, ...], int] = {}
        for v, orbit in zip(dense, orbits, strict=True):
            totals[orbit] = totals.get(orbit, 0) + v
        for orbit in totals:
            totals[orbit] *= math.prod(math.factorial(orbit.count(i)) for i in set(orbit))
        return Grid([totals[orbit] for orbit in orbits], x.exp, (len(dense),))

    def fixed(self, x: Grid, at: Pattern, place: tuple[int, int], sign: int) -> Grid:
        """Return a slice, or its negative."""
        (mode, i), sizes, dense = place, at.sizes, self._dense(x, at)
        step = strides(sizes)[mode]
        block = step * sizes[mode]
        starts = range(i * step, len(dense), block)
        ints = [sign * v for start in starts for v in dense[start : start + step]]
        return Grid(ints, x.exp, (len(ints),))

    def placed(self, values: Array, pairs: Pairs, k: int) -> Grid:
        """Return the matrix, in half units so that half a value is an integer."""
        held = self.load(values)
        out = [0] * (k * k)
        for v, a, b in zip(held.ints, pairs.a, pairs.b, strict=True):
            out[a * k + b] += 2 * v
            if a != b:
                out[b * k + a] += 2 * v
        for v, a, b, c, d in zip(held.ints, *pairs, strict=True) if pairs.c else ():
            lost = v if a == b else 2 * v
            out[c * k + d] -= lost
            out[d * k + c] -= lost
        return Grid(out, held.exp - 1, (k, k))

    def kronecker(self, q: Grid, s: Grid, place: Place) -> Grid:
        """Return the product, entry by entry."""
        mode, sizes, first, k = place
        parts = [split_index(i, sizes, mode) for i in range(math.prod(sizes))]
        d, rest, out = sizes[mode], s.shape[0], [0] * (k * k)
        for a, (i, p) in enumerate(parts, first):
            for b, (j, t) in enumerate(parts, first):
                out[a * k + b] = q.ints[i * d + j] * s.ints[p * rest + t]
        return Grid(out, q.exp + s.exp, (k, k))

    def gram(self, x: Grid, axis: int, at: Pattern) -> tuple[Grid, Fraction]:
        """Return X X^T or X^T X; of a few observed entries, from their pairs in a line."""
        if at.rows is not None and at.cols is not None and thin(at, axis):
            return self._thin_gram(x, axis, at), Fraction(0)
        lines, e = self.exact_lines(x, axis, at)
        a = Grid([v for line in lines for v in line], e, (at.n, at.m) if axis else (at.m, at.n))
        return self.multiply(a, a), Fraction(0)

    def _thin_gram(self, x: Grid, axis: int, at: Pattern) -> Grid:
        size = at.n if axis else at.m
        held: dict[int, list[tuple[int, int]]] = {}
        for v, place in zip(x.ints, at.entries(), strict=True):
            held.setdefault(place[1 - axis], []).append((place[axis], v))
        out = [0] * (size * size)
        for line in held.values():
            for i, v in line:
                for j, w in line:
                    out[i * size + j] += v * w
        return Grid(out, 2 * x.exp, (size, size))

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


def pairs_in_lines(at: Pattern, axis: int) -> int:
    """Return the sum of the squared numbers of observed entries in each line across `axis`."""
    across = (at.rows if axis else at.cols) or ()
    return sum(c * c for c in Counter(across).values())


def thin(at: Pattern, axis: int) -> bool:
    """Whether a Gram matrix takes less work by pairs of observed entries than whole."""
    return 16 * pairs_in_lines(at, axis) <= at.m * at.n * (at.n if axis else at.m)


def strides(sizes: Sequence[int]) -> list[int]:
    """Return how far one step in each mode goes, row-major."""
    return [math.prod(sizes[k + 1 :]) for k in range(len(sizes))]


def split_index(i: int, sizes: Sequence[int], mode: int) -> tuple[int, int]:
    """Return a row-major index as (index in one mode, index in the others)."""
    step = math.prod(sizes[mode + 1 :])
    before, after = divmod(i, step)
    before, own = divmod(before, sizes[mode])
    return own, before * step + after


EXPONENT = {"root": 2, "sum": 1}  # of |entry| in the sum over a line


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


def width(a: Array) -> int:
    """Bound the bits of an array's integers on one grid; a float has 53 below its exponent."""
    sizes = [abs(x) for x in a.data if x]
    if not sizes:
        return 1
    return math.frexp(max(sizes))[1] - math.frexp(min(sizes))[1] + 53


class Metered(Arithmetic[H]):
    """Another arithmetic, of which each operation is paid for before it is done.

    This is the price list, in numbers made and products summed; it is the same for every
    arithmetic, so that what one of them accepts another does not refuse for its size.
    """

    def __init__(self, by: Arithmetic[H], budget: Budget) -> None:
        self.by, self.budget, self.tier = by, budget, by.tier

    def measure(self, x: H) -> Extent:
        """Ask the other."""
        return self.by.measure(x)

    def load(self, a: Array) -> H:
        """Pay for each number."""
        self.budget.hold(len(a.data), "an array")
        return self.by.load(a)

    def product(self, left: Array, right: Array, at: Pattern) -> H:
        """Pay r products for each observed entry, and for the rows and columns."""
        r = left.shape[1]
        self.budget.hold(at.size + (at.m + at.n) * (r + 1), "a product at the observed entries")
        self.budget.spend(at.size * r * product_work(width(left), width(right)), "a product")
        return self.by.product(left, right, at)

    def spans(self, x: H) -> tuple[Sequence[int], Sequence[int], int]:
        """Pay for two numbers an entry."""
        held = self.measure(x)
        self.budget.hold(2 * held.size, "intervals", held.bits)
        return self.by.spans(x)

    def _sum(self, x: H, y: H) -> None:
        a, b = self.measure(x), self.measure(y)
        self.budget.hold(3 * a.size, "a sum of arrays", a.joined(b))

    def add(self, x: H, y: H) -> H:
        """Pay for both on one grid, and the sum."""
        self._sum(x, y)
        return self.by.add(x, y)

    def subtract(self, x: H, y: H) -> H:
        """Pay for both on one grid, and the difference."""
        self._sum(x, y)
        return self.by.subtract(x, y)

    def squares(self, x: H, weights: Array | None) -> Enclosure:
        """Pay for the products."""
        held = self.measure(x)
        self.budget.spend(2 * held.size * held.square, "a sum of squares")
        return self.by.squares(x, weights)

    def squares_over(self, x: H, weights: Array | None) -> Enclosure:
        """Pay for the products and quotients."""
        held = self.measure(x)
        self.budget.spend(4 * held.size * held.square, "a sum of squares")
        return self.by.squares_over(x, weights)

    def inner(self, x: H, y: H) -> Enclosure:
        """Pay for the products."""
        a, b = self.measure(x), self.measure(y)
        self.budget.spend(a.size * product_work(a.bits, b.bits), "an inner product")
        return self.by.inner(x, y)

    def absolutes(self, x: H) -> Enclosure:
        """Pay for each number."""
        self.budget.spend(self.measure(x).size, "a sum of absolute values")
        return self.by.absolutes(x)

    def laplacian(self, q: Array, graph: Graph, rho: Fraction, ridge: Fraction) -> H:
        """Pay for each row's numbers, and each edge's."""
        count = len(graph.edges) // 2
        self.budget.hold(4 * len(q.data), "a Laplacian", 2 * width(q))
        self.budget.spend(count * (4 * q.shape[1] + 1), "a Laplacian")
        return self.by.laplacian(q, graph, rho, ridge)

    def _lines(self, x: H, kind: str, at: Pattern) -> None:
        held, lines = self.measure(x), {"row": at.m, "column": at.n}.get(kind, 1)
        self.budget.hold(lines, "sums of lines", held.bits)
        self.budget.spend(4 * held.size, "sums of lines")

    def adjoint(self, x: H, kind: str, design: Array | None, at: Pattern) -> list[Fraction]:
        """Pay for each entry and each sum; with covariates so many times each."""
        if design is None:
            self._lines(x, kind, at)
        else:
            k, held = design.shape[1], self.measure(x)
            bits = width(design)
            self.budget.hold(k * at.n, "sums of covariates", held.bits + bits)
            work = held.size * k * product_work(held.bits, bits)
            self.budget.spend(work, "sums of covariates")
        return self.by.adjoint(x, kind, design, at)

    def sums(self, x: H, kind: str, at: Pattern) -> Enclosure:
        """Pay for each entry and each sum."""
        self._lines(x, kind, at)
        return self.by.sums(x, kind, at)

    def lines(self, x: H, line: Line, at: Pattern) -> Fraction:
        """Pay for each entry, squared, and each line."""
        held = self.measure(x)
        self._lines(x, "column" if line.axis else "row", at)
        self.budget.spend(2 * held.size * held.square, "norms of lines")
        return self.by.lines(x, line, at)

    def exact_lines(self, x: H, axis: int, at: Pattern) -> tuple[Iterator[list[int]], int]:
        """Pay for all entries, observed or not."""
        self.budget.hold(at.m * at.n, "a dense matrix", self.measure(x).bits)
        return self.by.exact_lines(x, axis, at)

    def scaled(self, x: H, left: Array, right: Array, at: Pattern) -> H:
        """Pay for each entry."""
        held, bits = self.measure(x), width(left) + width(right)
        self.budget.hold(held.size + at.m + at.n, "a scaled field", held.bits + bits)
        return self.by.scaled(x, left, right, at)

    def hat(self, x: H, at: Pattern) -> H:
        """Pay for (m + n)**2 numbers."""
        self.budget.hold((at.m + at.n) ** 2, "[[0, X], [X^T, 0]]", self.measure(x).bits)
        return self.by.hat(x, at)

    def symmetric(self, x: H, at: Pattern) -> H:
        """Pay for two matrices."""
        self.budget.hold(2 * at.m * at.n, "(X + X^T) / 2", self.measure(x).bits)
        return self.by.symmetric(x, at)

    def multiply(self, a: H, b: H) -> H:
        """Pay m n k products."""
        left, right = self.measure(a), self.measure(b)
        (m, k), n = left.shape, right.shape[0]
        self.budget.hold(m * n, "a product of matrices", left.bits + right.bits)
        work = m * n * k * product_work(left.bits, right.bits)
        self.budget.spend(work, "a product of matrices")
        return self.by.multiply(a, b)

    def outer_sum(self, factors: Sequence[Array], at: Pattern) -> H:
        """Pay for the products of the modes after the first, and r for each observed entry."""
        r, bits = factors[0].shape[1], sum(map(width, factors))
        self.budget.hold(at.n * (r + 1) + at.size, "a sum of outer products", bits)
        self.budget.spend(at.size * r * (1 + (bits * bits >> 17)), "a sum of outer products")
        return self.by.outer_sum(factors, at)

    def layer(self, net: "Network", left: Array, right: Array) -> H:
        """Pay for two products of matrices, and all outputs."""
        (rows, d), r = net.features.shape, left.shape[1]
        first, second, last = width(net.features), width(left), width(right)
        numbers = rows * r + net.at.m * (2 * r + net.at.n)
        self.budget.hold(numbers, "a layer", first + second)
        work = rows * r * (d * product_work(first, second) + 4)
        work += net.at.m * net.at.n * r * product_work(first + second, last)
        self.budget.spend(work, "a layer")
        return self.by.layer(net, left, right)

    def deep(self, net: "Deep", weights: Sequence[Array]) -> H:
        """Pay for the products of every slice and layer, and all outputs."""
        bits, work, m, r = width(net.features), 0, net.at.m, weights[0].shape[1]
        for (a, b), w in zip(pairwise(net.widths), weights, strict=True):
            mine = width(w)
            work += m * a * b * product_work(bits, mine) + MADE * m * b
            bits += mine + net.slope.denominator.bit_length()
        self.budget.hold(2 * m * max(net.widths) * min(r, 1) + m * net.at.n, "layers", bits)
        self.budget.spend(r * work, "layers")
        return self.by.deep(net, weights)

    def _whole(self, x: H, at: Pattern, times: int = 1) -> None:
        self.budget.hold(at.m * at.n * times, "a dense tensor", self.measure(x).bits)

    def unfold(self, x: H, at: Pattern, order: Sequence[int], rows: int) -> H:
        """Pay for all entries."""
        self._whole(x, at, 2)
        return self.by.unfold(x, at, order, rows)

    def permuted(self, x: H, at: Pattern) -> H:
        """Pay for all entries and their places."""
        self._whole(x, at, 2 + len(at.sizes))
        return self.by.permuted(x, at)

    def fixed(self, x: H, at: Pattern, place: tuple[int, int], sign: int) -> H:
        """Pay for the slice; for all entries where they are listed."""
        part = at.m * at.n // at.sizes[place[0]]
        numbers = part if at.rows is None else at.m * at.n
        self.budget.hold(numbers, "a slice", self.measure(x).bits)
        return self.by.fixed(x, at, place, sign)

    def placed(self, values: Array, pairs: Pairs, k: int) -> H:
        """Pay for k**2 numbers."""
        self.budget.hold(k * k + len(values.data), "multipliers", width(values))
        return self.by.placed(values, pairs, k)

    def kronecker(self, q: H, s: H, place: Place) -> H:
        """Pay for k**2 numbers."""
        bits = self.measure(q).bits + self.measure(s).bits
        self.budget.hold(2 * place.k**2, "a Kronecker product", bits)
        return self.by.kronecker(q, s, place)

    def gram(self, x: H, axis: int, at: Pattern) -> tuple[H, Fraction]:
        """Pay for its numbers, and a product for each pair of entries in a line across.

        Floats take the lines that have an entry whole, a thousand products in a unit.
        """
        held, size = self.measure(x), at.n if axis else at.m
        work, lines = at.m * at.n * size, at.m if axis else at.n
        numbers = size * size + (0 if at.rows is None else at.m + at.n)
        if at.rows is not None and thin(at, axis):
            work = pairs_in_lines(at, axis) + (min(lines, at.size) * size * size >> 10)
        elif at.rows is not None:
            numbers += 2 * at.m * at.n
        self.budget.hold(numbers, "a Gram matrix", 2 * held.bits)
        self.budget.spend(work * held.square, "a Gram matrix")
        return self.by.gram(x, axis, at)

    def top(self, g: H, shift: Fraction, factor: Array | None) -> Fraction:
        """Pay for three matrices on one grid; L L^T, or a factorization in floats."""
        held, e = self.measure(g), 1 - shift.denominator.bit_length()
        k, bits = held.shape[0], held.joined(Extent((), shift.numerator.bit_length(), e))
        self.budget.hold(k * k, "a bound of eigenvalues", bits)
        mine = 0 if factor is None else width(factor)
        work = k**3 >> 10 if factor is None else k**3 * product_work(mine, mine)
        self.budget.spend(work + 2 * MADE * k * k, "a bound of eigenvalues")
        return self.by.top(g, shift, factor)


# --- norms ----------------------------------------------------------------------------

PLAIN = ("l1", "l2", "linf")
NORMS = (*PLAIN, "elastic", "group", "variation", "weighted")
CONES = "*+-0"  # of one coordinate: free, >= 0, <= 0, zero


@dataclass(frozen=True)
class Norm:
    """The norm of a factor's column x of length `size`, on a cone of signs.

    l1, l2, linf             sum |x_i|, sqrt(sum x_i^2), max |x_i|
    biased                   l2 of all but the last coordinate (stated by a network only)
    weighted   weights > 0   sqrt(sum w_i x_i^2)
    elastic    0 <= a <= 1   a |x|_1 + (1 - a) |x|_2            (a is `scalar`)
    group      a partition   sum, or largest (`outer`), of the groups' |x_g|_2
    variation  rho, edges    rho sum |x_i - x_j| + |x|_2        (rho is `scalar`)

    `cone` is one of CONES for all coordinates, or one character for each.
    """

    name: str
    size: int
    cone: str = "*"
    scalar: Fraction = Fraction(0)
    outer: str = ""
    data: Any = ()  # weights, group numbers, or edges row-major

    def sign(self, i: int) -> str:
        """Return the cone of one coordinate."""
        return self.cone if len(self.cone) == 1 else self.cone[i]

    def edges(self) -> Iterator[tuple[int, int]]:
        """Yield the edges of the graph."""
        return zip(self.data[::2], self.data[1::2], strict=True)

    def groups(self, values: Sequence[Fraction]) -> list[list[Fraction]]:
        """Split the coordinates' values into groups."""
        out: list[list[Fraction]] = [[] for _ in range(max(self.data) + 1)]
        for x, g in zip(values, self.data, strict=True):
            out[g].append(x)
        return out


def plain(key: str, size: int) -> Norm:
    """Return the norm written "l1", "l2" or "linf", with the sign "+" or "-" if it has one."""
    name = key.rstrip("+-")
    demand(name in PLAIN and len(key) - len(name) < 2, "norm", "unknown", repr(key))
    return Norm(name, size, key[len(name) :] or "*")


def norm(atom: Json, side: str, size: int, arrays: Arrays) -> Norm:
    """Read the norm of one side: a key, or an object with its parameters and arrays."""
    stated, where = atom.get(side), f"statement.atom.{side}"
    if isinstance(stated, str):
        try:
            return plain(stated, size)
        except RejectedError as error:
            raise RejectedError(where, error.code, error.value) from None
    demand(isinstance(stated, dict), where, "unknown", repr(stated))
    held = dict(stated or {})
    name = held.get("norm")
    demand(name in NORMS, f"{where}.norm", "unknown", repr(name))
    own = {"elastic": {"alpha"}, "group": {"outer"}, "variation": {"rho"}}.get(str(name), set())
    only(held, {"norm", "cone", *own}, where)
    cone = held.get("cone")
    demand(isinstance(cone, str), f"{where}.cone", "cone", type(cone).__name__)
    cone = str(cone) or "*"
    fits = len(cone) in (1, size) and set(cone) <= set(CONES) and set(cone) != {"0"}
    demand(fits, f"{where}.cone", "cone", f"{cone} for {size} coordinates")
    cone = cone[0] if len(set(cone)) == 1 else cone
    return structured(Norm(str(name), size, cone), held, arrays, side)


def structured(bare: Norm, held: Json, arrays: Arrays, side: str) -> Norm:
    """Add the parameters of a structured norm."""
    where, d = f"statement.atom.{side}", bare.size
    if bare.name == "elastic":
        alpha = number(held.get("alpha"), f"{where}.alpha")
        demand(0 <= alpha <= 1, f"{where}.alpha", "sign", held.get("alpha"))
        return replace(bare, scalar=alpha)
    if bare.name == "weighted":
        weights = arrays.get(f"{side}.weights", (d,)).data
        demand(min(weights) > 0, f"statement.{side}.weights", "sign", min(weights))
        return replace(bare, data=weights)
    if bare.name == "group":
        demand(held.get("outer") in ("l1", "linf"), f"{where}.outer", "unknown", held.get("outer"))
        groups = arrays.get(f"{side}.groups", (d,), "q").data
        inside = min(groups) >= 0 and max(groups) < d
        demand(inside, f"statement.{side}.groups", "outside", (min(groups), max(groups)))
        return replace(bare, outer=held["outer"], data=groups)
    if bare.name == "variation":
        rho = number(held.get("rho"), f"{where}.rho")
        demand(rho >= 0, f"{where}.rho", "sign", held.get("rho"))
        edges = arrays.get(f"{side}.edges", (None, 2), "q").data
        inside = all(0 <= i < d for i in edges)
        demand(inside, f"statement.{side}.edges", "outside", f"{d} vertices")
        return replace(bare, scalar=rho, data=edges)
    return bare


def lengths(n: Norm, x: Sequence[float]) -> tuple[Enclosure, Enclosure]:
    """Enclose (|x|, |x|^2); exactly wherever it is rational."""
    if n.name in ("l1", "linf"):
        size = exactly(absolutes_exactly(x) if n.name == "l1" else _largest(x))
        return size, exactly(size.lo * size.lo)
    squared = squares_exactly(x[:-1] if n.name == "biased" else x)
    if n.name in ("l2", "biased"):
        return root(squared), exactly(squared)
    if n.name == "weighted":
        squared = sum(
            (Fraction(w) * Fraction(v) ** 2 for w, v in zip(n.data, x, strict=True)), Fraction(0)
        )
        return root(squared), exactly(squared)
    if n.name == "group":
        parts = [sum((v * v for v in g), Fraction(0)) for g in n.groups([*map(Fraction, x)])]
        if n.outer == "linf":
            return root(max(parts)), exactly(max(parts))
        size = summed(root(p) for p in parts)
    elif n.name == "elastic":
        size = exactly(n.scalar * absolutes_exactly(x)).plus(root(squared).times(1 - n.scalar))
    else:
        jumps = sum((abs(Fraction(x[i]) - Fraction(x[j])) for i, j in n.edges()), Fraction(0))
        size = exactly(n.scalar * jumps).plus(root(squared))
    return size, Enclosure(size.lo**2, size.hi**2)


def _largest(x: Sequence[float]) -> Fraction:
    return max((abs(Fraction(v)) for v in x), default=Fraction(0))


def summed(parts: Iterable[Enclosure]) -> Enclosure:
    """Add enclosures."""
    out = ZERO
    for p in parts:
        out = out.plus(p)
    return out


def diagonal_cost(n: Norm, d: Sequence[Fraction]) -> Fraction:
    """Bound sup { sum d_i x_i^2 : |x| <= 1, x in the cone } from above.

    l2, and every norm that is at least the l2 norm: max d_i.  weighted: max d_i / w_i.
    linf: sum d_i^+.  group of largest outer norm: each group has |x_g|_2 <= 1.
    """
    held = [Fraction(0) if n.sign(i) == "0" else max(v, Fraction(0)) for i, v in enumerate(d)]
    if n.name == "weighted":
        held = [v / Fraction(w) for v, w in zip(held, n.data, strict=True)]
    if n.name == "linf":
        return sum(held, Fraction(0))
    if n.name == "group" and n.outer == "linf":
        return sum((max(g) for g in n.groups(held) if g), Fraction(0))
    return max(held)


def widest(n: Norm) -> Fraction:
    """Bound sup |x|_2^2 over the unit ball."""
    if n.name in ("linf", "weighted", "group"):
        return diagonal_cost(n, [Fraction(1)] * n.size)
    return Fraction(1)


# --- exp and log in fixed point -----------------------------------------------------

FINE, GUARD = 128, 32  # fractional bits of a fixed-point number, and more within `exp_at`
DEEP, ONE = FINE + GUARD, 1 << FINE
REACH = 1 << 14  # e**-REACH is less than a unit; a larger exponent is refused
HALVINGS, TERMS = 8, 15
Ends = tuple[int, int]


def ln2() -> Ends:
    """Enclose 2**DEEP ln 2, where ln 2 = sum over k of 2 / ((2k + 1) 3**(2k + 1)).

    With 32 more bits, each floored term loses less than a unit.  After 128 terms the rest
    is below 2**-405, less than a unit: the sum is low by less than 129 units.
    """
    unit = 1 << DEEP + 33
    low = sum(unit // ((2 * k + 1) * 3 ** (2 * k + 1)) for k in range(128))
    return low >> 32, (low + 129 >> 32) + 1


LN2 = ln2()


def shifted(x: int, k: int) -> int:
    """Return the floor of x * 2**k."""
    return x << k if k >= 0 else x >> -k


def raised(x: int, k: int) -> int:
    """Return the ceiling of x * 2**k."""
    return -shifted(-x, k)


def exp_at(x: int) -> tuple[int, int, int]:
    """Return (lo, hi, k) with lo <= e**(x / ONE) 2**(FINE - k) <= hi; hi - lo is a few units.

    x = k ln 2 + r; r / 2**HALVINGS = t < 2**-8, known to d units of 2**-DEEP.  Horner's
    p = 1 + t/n p for n = 15 ... 1, two floors a step, is low by less than 2 / (1 - 2**-8)
    < 3 units; the terms left out are below 2 t**16 / 16! < 2**-171, less than one.  So
    e**t is in [p, p + 4], and e**(t + d) <= e**t (1 + 2d) adds less than 3d.  Squaring both
    ends HALVINGS times, outward, gives e**r.
    """
    if x < -REACH * ONE:
        return 0, 1, 0
    demand(x <= REACH * ONE, "exp", "overflow", f"e**{x >> FINE}")
    k, r = divmod(x << GUARD, LN2[x >= 0])  # the end of ln 2 for which r is low
    t, d = r >> HALVINGS, 2 + (abs(k) * (LN2[1] - LN2[0]) >> HALVINGS)
    one = p = 1 << DEEP
    for n in range(TERMS, 0, -1):
        p = one + (t * p >> DEEP) // n
    lo, hi = p, p + 4 + 3 * d
    for _ in range(HALVINGS):
        lo, hi = lo * lo >> DEEP, (hi * hi >> DEEP) + 1
    return lo >> GUARD, (hi >> GUARD) + 1, k


def log_at(m: int, e: int) -> Ends:
    """Enclose ONE ln(m 2**e) for an integer m > 0; a few units apart.

    For any guess g of ln(m / 2**b): ln m = b ln 2 + g + ln(1 + d), 1 + d = m / 2**b e**-g,
    and d - d**2/2 + d**3/3 - d**4 <= ln(1 + d) <= d - d**2/2 + d**3/3 for |d| <= 1/2, both
    rising in d.  |d| < 2**-32 is checked, so that d**4 is less than a unit.
    """
    b = m.bit_length()
    guess = int(math.log(m / (1 << b)) * 2**53) << FINE - 53
    lo, hi, k = exp_at(-guess)
    low, high = shifted(m * lo, k - b) - ONE, raised(m * hi, k - b) - ONE
    demand(max(-low, high) >> FINE - 32 == 0, "log", "guess", guess)
    ends = sorted((b + e) * x for x in LN2)
    return (
        guess + _cubic(low) - 1 + (ends[0] >> GUARD),
        guess + _cubic(high) + 1 + raised(ends[1], -GUARD),
    )


def _cubic(d: int) -> int:
    """Return the floor of d - d**2/2 + d**3/3 in units."""
    return (6 * d * ONE * ONE - 3 * d * d * ONE + 2 * d**3) // (6 * ONE * ONE)


def softplus_at(x: int) -> Ends:
    """Enclose ONE ln(1 + e**(x / ONE)) = max(x, 0) + ln(1 + e**-|x|).

    ln(1 + b) <= ln(1 + a) + b - a for b >= a >= 0.
    """
    lo, hi, k = exp_at(-abs(x))
    a, b = shifted(lo, k), raised(hi, k)
    low, high = log_at(ONE + a, -FINE)
    return max(x, 0) + low, max(x, 0) + high + b - a


def xlogx(x: int) -> Ends:
    """Enclose ONE x ln x for an integer x >= 0; 0 at 0."""
    if not x:
        return 0, 0
    low, high = log_at(x, 0)
    return x * low, x * high


# --- losses -------------------------------------------------------------------------


class Grains(NamedTuple):
    """Numbers that are integers times 2**exp."""

    ints: Sequence[int]
    exp: int


class Spans(NamedTuple):
    """Intervals [lo, hi] * 2**exp, one for each observed entry."""

    los: Sequence[int]
    his: Sequence[int]
    exp: int


class Loss(ABC):
    """A convex loss l(z) = sum of c h(z; y) over groups of entries, weights c > 0.

    `group` entries share a weight: one, or a row (0).  In `inside` and `dual` w and c are
    integers in one unit u of any size: c h has the dual value u d, so u is left out.
    """

    group = 1
    parameter = ""  # the name of the loss's number in the statement
    signed = False  # whether h can be negative

    @abstractmethod
    def labels(self, y: Sequence[float], n: int) -> bool:
        """Whether these data, in rows of n, are in the loss's domain."""

    @abstractmethod
    def value(self, z: Spans, y: Grains, c: Grains) -> Enclosure:
        """Enclose l(z)."""

    @abstractmethod
    def inside(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> bool:
        """Whether w is in the domain of d, exactly."""

    @abstractmethod
    def dual(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> Fraction:
        """Return a lower bound of d(w) = inf over z of c h(z; y) + w z, summed; w inside."""


def enclosed(ends: Iterable[Ends], exp: int) -> Enclosure:
    """Sum [lo, hi] * 2**exp."""
    low = high = 0
    for lo, hi in ends:
        low, high = low + lo, high + hi
    return Enclosure(low * power(exp), high * power(exp))


def aligned(z: Spans, y: Grains, least: int = 0) -> tuple[Spans, Grains]:
    """Put z and y on one grid, at most 2**least."""
    e = min(z.exp, y.exp, least)
    p, q = z.exp - e, y.exp - e
    spans = Spans([v << p for v in z.los], [v << p for v in z.his], e)
    return spans, Grains([v << q for v in y.ints], e)


def residuals(z: Spans, y: Grains, least: int = 0) -> tuple[list[Ends], int]:
    """Return the ends of z - y, and their exponent."""
    z, y = aligned(z, y, least)
    triples = zip(z.los, z.his, y.ints, strict=True)
    return [(lo - v, hi - v) for lo, hi, v in triples], z.exp


def margins(z: Spans, y: Grains) -> tuple[list[Ends], int]:
    """Return the ends of 1 - y z for y = 1 or -1, and their exponent."""
    z, y = aligned(z, y)
    one = 1 << -z.exp
    triples = zip(z.los, z.his, y.ints, strict=True)
    return [(one - hi, one - lo) if v > 0 else (one + lo, one + hi) for lo, hi, v in triples], z.exp


def least_at_zero(f: Callable[[int], int], r: Ends) -> Ends:
    """Return the range of f on an interval; f falls below 0 and rises above it."""
    return f(min(max(r[0], 0), r[1])), max(f(r[0]), f(r[1]))


def weighted(
    f: Callable[[int], int], ends: tuple[list[Ends], int], c: Grains, exp: int
) -> Enclosure:
    """Enclose sum c f(r) * 2**exp (and 2**c.exp)."""
    ranges = (least_at_zero(f, r) for r in ends[0])
    parts = ((k * lo, k * hi) for k, (lo, hi) in zip(c.ints, ranges, strict=True))
    return enclosed(parts, exp + c.exp)


def inner_dual(w: Sequence[int], y: Grains) -> Fraction:
    """Return sum w y."""
    return Fraction(sum(map(mul, w, y.ints))) * power(y.exp)


def squared_over(w: Sequence[int], c: Sequence[int], k: int) -> Fraction:
    """Return an upper bound of sum w**2 / (k c)."""
    total = sum(-((-v * v << FINE) // (k * x)) for v, x in zip(w, c, strict=True))
    return Fraction(total, ONE)


def signs(y: Sequence[float]) -> bool:
    """Whether all labels are -1 or 1."""
    return all(v in (-1.0, 1.0) for v in y)


class Squared(Loss):
    """h = 1/2 (z - y)**2: min 1/2 c (z - y)**2 + w z is w y - w**2 / (2c), at z = y - w/c.

    (`objective` and `dual_value` have a faster form of it.)
    """

    def labels(self, y: Sequence[float], n: int) -> bool:
        """Accept any data."""
        del y, n
        return True

    def value(self, z: Spans, y: Grains, c: Grains) -> Enclosure:
        """Enclose 1/2 sum c (z - y)**2."""
        r = residuals(z, y)
        return weighted(lambda x: x * x, r, c, 2 * r[1] - 1)

    def inside(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> bool:
        """Accept any w."""
        del w, y, c
        return True

    def dual(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> Fraction:
        """Return sum w y - w**2 / (2c)."""
        return inner_dual(w, y) - squared_over(w, c, 2)


@dataclass(frozen=True)
class Huber(Loss):
    """h = r**2 / 2 for |r| <= delta, else delta |r| - delta**2 / 2; r = z - y.

    Its slopes are [-delta, delta], so d is finite for |w| <= c delta only; there the
    minimum of c h + w z is in the quadratic part, at r = -w/c: w y - w**2 / (2c).
    """

    delta: Fraction
    parameter = "delta"

    def labels(self, y: Sequence[float], n: int) -> bool:
        """Accept any data."""
        del y, n
        return True

    def value(self, z: Spans, y: Grains, c: Grains) -> Enclosure:
        """Enclose sum c h: 2h is an integer on a grid that holds delta too."""
        ends = residuals(z, y, 1 - self.delta.denominator.bit_length())
        d = int(self.delta / power(ends[1]))

        def twice(r: int) -> int:
            """Return 2h."""
            return r * r if abs(r) <= d else d * (2 * abs(r) - d)

        return weighted(twice, ends, c, 2 * ends[1] - 1)

    def inside(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> bool:
        """Whether |w| <= c delta."""
        del y
        p, q = self.delta.numerator, self.delta.denominator
        return all(abs(v) * q <= x * p for v, x in zip(w, c, strict=True))

    def dual(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> Fraction:
        """Return sum w y - w**2 / (2c)."""
        return inner_dual(w, y) - squared_over(w, c, 2)


@dataclass(frozen=True)
class Quantile(Loss):
    """h = tau (y - z) below y, (1 - tau)(z - y) above it.

    Its slopes are [-tau, 1 - tau], so d is finite iff -c (1 - tau) <= w <= c tau, and then
    c h + w z is least at z = y: w y.
    """

    tau: Fraction
    parameter = "tau"

    def labels(self, y: Sequence[float], n: int) -> bool:
        """Accept any data."""
        del y, n
        return True

    def value(self, z: Spans, y: Grains, c: Grains) -> Enclosure:
        """Enclose sum c h in units of 1 / (the denominator of tau)."""
        p, q = self.tau.numerator, self.tau.denominator
        ends = residuals(z, y)
        found = weighted(lambda r: (q - p) * r if r > 0 else -p * r, ends, c, ends[1])
        return found.times(Fraction(1, q))

    def inside(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> bool:
        """Whether -c (1 - tau) <= w <= c tau."""
        del y
        p, q = self.tau.numerator, self.tau.denominator
        return all((p - q) * x <= v * q <= p * x for v, x in zip(w, c, strict=True))

    def dual(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> Fraction:
        """Return sum w y."""
        del c
        return inner_dual(w, y)


class Absolute(Loss):
    """h = |z - y|: slopes [-1, 1], so |w| <= c, and then c h + w z is least at y: w y."""

    def labels(self, y: Sequence[float], n: int) -> bool:
        """Accept any data."""
        del y, n
        return True

    def value(self, z: Spans, y: Grains, c: Grains) -> Enclosure:
        """Enclose sum c |z - y|."""
        ends = residuals(z, y)
        return weighted(abs, ends, c, ends[1])

    def inside(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> bool:
        """Whether |w| <= c."""
        del y
        return all(abs(v) <= x for v, x in zip(w, c, strict=True))

    def dual(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> Fraction:
        """Return sum w y."""
        del c
        return inner_dual(w, y)


class Hinge(Loss):
    """h = max(0, 1 - y z), y = 1 or -1.

    With x = y z and a = y w: c max(0, 1 - x) + a x is bounded below iff 0 <= a <= c, and
    then least at x = 1: a.
    """

    def labels(self, y: Sequence[float], n: int) -> bool:
        """Accept -1 and 1."""
        del n
        return signs(y)

    def value(self, z: Spans, y: Grains, c: Grains) -> Enclosure:
        """Enclose sum c max(0, 1 - y z)."""
        ends = margins(z, y)
        return weighted(lambda r: max(r, 0), ends, c, ends[1])

    def inside(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> bool:
        """Whether 0 <= y w <= c."""
        return all(0 <= v * s <= x for v, s, x in zip(w, y.ints, c, strict=True))

    def dual(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> Fraction:
        """Return sum y w."""
        del c
        return inner_dual(w, y)


class SquaredHinge(Loss):
    """h = max(0, 1 - y z)**2 (no factor 1/2), y = 1 or -1.

    With x = y z and a = y w: c max(0, 1 - x)**2 + a x is bounded below iff a >= 0, and
    then least at x = 1 - a / (2c): a - a**2 / (4c).
    """

    def labels(self, y: Sequence[float], n: int) -> bool:
        """Accept -1 and 1."""
        del n
        return signs(y)

    def value(self, z: Spans, y: Grains, c: Grains) -> Enclosure:
        """Enclose sum c max(0, 1 - y z)**2."""
        ends = margins(z, y)
        return weighted(lambda r: max(r, 0) ** 2, ends, c, 2 * ends[1])

    def inside(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> bool:
        """Whether y w >= 0."""
        del c
        return all(v * s >= 0 for v, s in zip(w, y.ints, strict=True))

    def dual(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> Fraction:
        """Return sum y w - w**2 / (4c)."""
        return inner_dual(w, y) - squared_over(w, c, 4)


class Logistic(Loss):
    """h = ln(1 + e**z) - y z, y = 0 or 1; that is ln(1 + e**x), x = z or -z.

    With a = -w or w: c ln(1 + e**x) - a x is bounded below iff 0 <= a <= c, and then at
    least c ln c - a ln a - b ln b, b = c - a (where e**x = a / b; a limit at the ends).
    In a unit u of a, b and c = a + b, ln u cancels.
    """

    def labels(self, y: Sequence[float], n: int) -> bool:
        """Accept 0 and 1."""
        del n
        return all(v in (0.0, 1.0) for v in y)

    def value(self, z: Spans, y: Grains, c: Grains) -> Enclosure:
        """Enclose sum c ln(1 + e**x); its slope in x is between 0 and 1."""
        places, ends = z.exp + FINE, []
        for lo, hi, one, k in zip(z.los, z.his, y.ints, c.ints, strict=True):
            x = shifted(-hi if one else lo, places)
            wide = raised(-lo if one else hi, places) - x
            low, high = softplus_at(x)
            ends.append((k * low, k * (high + wide)))
        return enclosed(ends, c.exp - FINE)

    def inside(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> bool:
        """Whether 0 <= a <= c."""
        triples = zip(w, y.ints, c, strict=True)
        return all(0 <= (v if one else -v) <= x for v, one, x in triples)

    def dual(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> Fraction:
        """Return sum c ln c - a ln a - b ln b."""
        del y
        whole = {x: xlogx(x)[0] for x in set(c)}
        pairs = zip(map(abs, w), c, strict=True)
        return Fraction(sum(whole[x] - xlogx(a)[1] - xlogx(x - a)[1] for a, x in pairs), ONE)


class Softmax(Loss):
    """h = ln(sum of e**z over a row) - z at the row's label; a row of y is one-hot.

    With q = c y - w: c ln sum e**z - <q, z> is bounded below iff q >= 0 and sum q = c (so
    sum w = 0), and then at least c ln c - sum q ln q (Gibbs).  In a unit u, ln u cancels.
    """

    group = 0

    def labels(self, y: Sequence[float], n: int) -> bool:
        """Accept rows with one 1 and zeros."""
        rows = (y[k : k + n] for k in range(0, len(y), n))
        return all(v in (0.0, 1.0) for v in y) and all(sum(row) == 1.0 for row in rows)

    def value(self, z: Spans, y: Grains, c: Grains) -> Enclosure:
        """Enclose sum c (ln sum e**z - z_label)."""
        n, ends = len(z.los) // len(c.ints), []
        for i, k in enumerate(c.ints):
            part = slice(i * n, i * n + n)
            row = Spans(z.los[part], z.his[part], z.exp)
            low, high = _cross_entropy(row, y.ints[part].index(1))
            ends.append((k * low, k * high))
        return enclosed(ends, c.exp - FINE)

    def inside(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> bool:
        """Whether q >= 0 and sum w = 0, row by row."""
        return all(min(q) >= 0 and sum(q) == x for q, x in self._rows(w, y, c))

    def dual(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> Fraction:
        """Return sum c ln c - sum q ln q."""
        rows = self._rows(w, y, c)
        return Fraction(sum(xlogx(x)[0] - sum(xlogx(v)[1] for v in q) for q, x in rows), ONE)

    def _rows(
        self, w: Sequence[int], y: Grains, c: Sequence[int]
    ) -> Iterator[tuple[list[int], int]]:
        """Yield (q, c) of each row."""
        n = len(w) // max(len(c), 1)
        for i, x in enumerate(c):
            both = zip(w[i * n : i * n + n], y.ints[i * n : i * n + n], strict=True)
            yield [x * one - v for v, one in both], x


def _cross_entropy(z: Spans, label: int) -> Ends:
    """Enclose ln sum e**d, d = z - z_label; it rises by at most the widest interval.

    With M the largest d (0 at the label), it is M + ln S, S = sum e**(d - M) >= 1, and
    ln is 1-Lipschitz there.
    """
    places = z.exp + FINE
    lows = [shifted(lo - z.his[label], places) for lo in z.los]
    highs = [raised(hi - z.los[label], places) for hi in z.his]
    lows[label] = highs[label] = 0
    top, low, high = max(lows), 0, 0
    for x in lows:
        lo, hi, k = exp_at(x - top)
        low, high = low + shifted(lo, k), high + raised(hi, k)
    ends = log_at(low, -FINE)
    wide = max(b - a for a, b in zip(lows, highs, strict=True))
    return top + ends[0], top + ends[1] + high - low + wide


class KullbackLeibler(Loss):
    """h = z - y ln z + y ln y - y, z >= 0 (z > 0 where y > 0), y >= 0.

    (c + w) z - c y ln z is bounded below iff w > -c, or w = -c and y = 0; it is least at
    z = c y / (c + w): with the constants, c y ln((c + w) / c), and 0 where y = 0.
    """

    def labels(self, y: Sequence[float], n: int) -> bool:
        """Accept y >= 0."""
        del n
        return all(v >= 0 for v in y)

    def value(self, z: Spans, y: Grains, c: Grains) -> Enclosure:
        """Enclose sum c (z - y + y (ln y - ln z)); ln b <= ln a + (b - a) / a."""
        (los, his, exp), y = aligned(z, y)
        ends = []
        for lo, hi, v, k in zip(los, his, y.ints, c.ints, strict=True):
            demand(lo > 0 or lo == v == 0, "fitted", "domain", f"{shown(lo * power(exp))} or less")
            low, high = (lo - v) << FINE, (hi - v) << FINE
            if v:
                ours, theirs = log_at(v, exp), log_at(lo, exp)
                wide = -((lo - hi << FINE) // lo)
                low += v * (ours[0] - theirs[1] - wide)
                high += v * (ours[1] - theirs[0])
            ends.append((k * low, k * high))
        return enclosed(ends, exp + c.exp - FINE)

    def inside(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> bool:
        """Whether w >= -c, and w > -c where y > 0."""
        triples = zip(w, y.ints, c, strict=True)
        return all(v + x > 0 or v + x == one == 0 for v, one, x in triples)

    def dual(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> Fraction:
        """Return sum c y ln((c + w) / c)."""
        known = {x: log_at(x, 0)[1] for x in set(c)}
        triples = zip(w, y.ints, c, strict=True)
        total = sum(x * k * (log_at(x + v, 0)[0] - known[x]) for v, k, x in triples if k)
        return Fraction(total) * power(y.exp - FINE)


class Poisson(Loss):
    """h = e**z - y z, y >= 0: the negative log-likelihood of counts, up to ln y!.

    With q = c y - w: c e**z - q z is bounded below iff q >= 0, and then at least
    q - q ln(q / c) (where e**z = q / c; 0 in the limit q = 0).
    """

    signed = True

    def labels(self, y: Sequence[float], n: int) -> bool:
        """Accept y >= 0."""
        del n
        return all(v >= 0 for v in y)

    def value(self, z: Spans, y: Grains, c: Grains) -> Enclosure:
        """Enclose sum c (e**z - y z); e**b <= e**a (1 + d + d**2), d = b - a <= 1."""
        places, parts = z.exp + FINE, []
        for lo, hi, k in zip(z.los, z.his, c.ints, strict=True):
            x = shifted(lo, places)
            wide = raised(hi, places) - x
            demand(wide <= ONE, "fitted", "overflow", "an interval wider than 1")
            low, high, e = exp_at(x)
            high = raised(high * (ONE * ONE + wide * ONE + wide * wide), -2 * FINE)
            parts.append((k * low, k * high, e - FINE))
        terms = zip(z.los, z.his, y.ints, c.ints, strict=True)
        linear = enclosed(((-k * v * hi, -k * v * lo) for lo, hi, v, k in terms), z.exp + y.exp)
        return total(parts).plus(linear).times(power(c.exp))

    def inside(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> bool:
        """Whether q >= 0."""
        return all(q >= 0 for q, _ in self._means(w, y, c))

    def dual(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> Fraction:
        """Return sum q - q (ln q - ln c), on the grid of q."""
        spare = max(-y.exp, 0)
        known = {x: log_at(x << spare, 0)[0] for x in set(c)}
        pairs = self._means(w, y, c)
        found = sum(q * (ONE + known[x]) - xlogx(q)[1] for q, x in pairs)
        return Fraction(found) * power(-FINE - spare)

    def _means(self, w: Sequence[int], y: Grains, c: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Yield (q, c) of each entry, q on a grid finer by the digits of y."""
        up, spare = max(y.exp, 0), max(-y.exp, 0)
        for v, k, x in zip(w, y.ints, c, strict=True):
            yield x * (k << up) - (v << spare), x


def total(parts: list[tuple[int, int, int]]) -> Enclosure:
    """Sum [lo, hi] * 2**exp with each its own exponent, outward on one grid."""
    grid = max((hi.bit_length() + e for _, hi, e in parts), default=0) - 2 * FINE
    return enclosed(((shifted(lo, e - grid), raised(hi, e - grid)) for lo, hi, e in parts), grid)


LOSSES: dict[str, Callable[..., Loss]] = {
    "squared": Squared,
    "huber": Huber,
    "quantile": Quantile,
    "absolute": Absolute,
    "hinge": Hinge,
    "squared_hinge": SquaredHinge,
    "logistic": Logistic,
    "softmax": Softmax,
    "kullback_leibler": KullbackLeibler,
    "poisson": Poisson,
}
LIMITS = {"delta": None, "tau": Fraction(1)}  # a parameter is positive and below this


def stated_loss(stated: Json) -> Loss:
    """Read the loss: its name, or an object with its kind and its parameter."""
    told = stated.get("loss")
    said = told if isinstance(told, dict) else {"kind": told}
    kind = said.get("kind")
    demand(isinstance(kind, str) and kind in LOSSES, "statement.loss", "unknown", repr(told))
    make = LOSSES[str(kind)]
    name = str(getattr(make, "parameter", ""))
    wanted = {"kind", name} if name else {"kind"}
    fits = set(said) == wanted and isinstance(told, dict) == bool(name)
    demand(fits, "statement.loss", "fields", repr(told))
    if not name:
        return make()
    where, limit = f"statement.loss.{name}", LIMITS[name]
    value = number(said[name], where)
    demand(value > 0 and (limit is None or value < limit), where, "range", said[name])
    return make(value)


def check_labels(loss: Loss, at: Pattern, y: Array) -> None:
    """Reject data outside the loss's domain; rows that share a weight must be whole."""
    demand(loss.group == 1 or at.rows is None, "statement.observed", "scope", "rows with holes")
    demand(loss.labels(y.data, at.n), "statement.Y", "labels", type(loss).__name__)


def loss_weights(asked: "Question") -> Grains:
    """Return the weights, one for each group of entries."""
    if asked.weights is not None:
        return Grains(*dyadic(asked.weights.data))
    return Grains([1] * (asked.at.size if asked.loss.group else asked.at.m), 0)


def loss_dual(asked: "Question", dual: "Dual[Any]", s: Fraction) -> Fraction:
    """Return a lower bound of d(sW) for dyadic s >= 0; reject sW outside d's domain.

    All groups without a correction are on one grid of 2**e; each other group is on its own,
    finer by the denominators of its corrections.
    """
    w, y, c = Grains(*dyadic(dual.raw.data)), Grains(*dyadic(asked.Y.data)), loss_weights(asked)
    size = asked.loss.group or asked.at.n
    e = min(w.exp + 1 - s.denominator.bit_length(), c.exp)
    p, q = int(s * power(w.exp - e)), c.exp - e
    ours = [v * p for v in w.ints]
    moved: dict[int, dict[int, Fraction]] = {}
    for k, x in dual.corrections:
        moved.setdefault(k // size, {})[k] = s * x / power(e)
    groups = [i for i in range(len(c.ints)) if i not in moved]
    values = [_dual_of(asked, dual.name, y, (groups, ours, [c.ints[i] << q for i in groups]))]
    for i, fixes in moved.items():
        d = math.lcm(*(x.denominator for x in fixes.values()))
        fine = {k: ours[k] * d for k in range(i * size, i * size + size)}
        fine |= {k: fine[k] + int(x * d) for k, x in fixes.items()}
        values.append(_dual_of(asked, dual.name, y, ([i], fine, [(c.ints[i] << q) * d])) / d)
    return sum(values, Fraction(0)) * power(e)


def _dual_of(
    asked: "Question",
    name: str,
    y: Grains,
    part: tuple[list[int], Mapping[int, int] | Sequence[int], list[int]],
) -> Fraction:
    """Return d of some groups of entries, in their unit."""
    groups, w, c = part
    size = asked.loss.group or asked.at.n
    keys = [k for i in groups for k in range(i * size, i * size + size)]
    mine, data = [w[k] for k in keys], Grains([y.ints[k] for k in keys], y.exp)
    kind = type(asked.loss).__name__
    demand(asked.loss.inside(mine, data, c), f"proof.{name}", "domain", kind)
    return asked.loss.dual(mine, data, c)


def least_loss(asked: "Question") -> Fraction:
    """Return a lower bound of inf l = d(0): no objective is below it (0 but for counts)."""
    if not asked.loss.signed:
        return Fraction(0)
    return loss_dual(asked, Dual(None, filled((asked.at.size,), 0.0), ()), Fraction(1))


def coarse(s: Fraction) -> Fraction:
    """Round s > 0 down to 60 significant bits, a dyadic number."""
    e = s.numerator.bit_length() - s.denominator.bit_length() - 60
    return int(s / power(e)) * power(e)


# --- the question -------------------------------------------------------------------

FIELDS = {"format", "claim", "loss", "atom", "lam", "rtol", "atol", "shape", "observed"}
FIELDS |= {"offsets", "q", "arrays"}
KINDS = ("rank_one", "symmetric", "cp", "relu", "deep_linear", "deep_relu")
CLAIMS = ("any size", "rank")
OFFSETS = ("intercept", "row", "column", "mode", "linear", "sparse", "smooth")


@dataclass(frozen=True)
class Offset:
    """One unfactorized variable q: what A is, and its penalty.

        rho |q|_1 (sparse), rho/2 <q, L q> + ridge/2 |q|^2 (smooth), else ridge/2 |q|^2,
        or for a row or column with weights w > 0: ridge/2 sum w q^2.

    Sparse: q holds one number for each observed entry; smooth: q is (m, n), A picks the
    observed entries of it.  Mode: q holds one number for each index of the mode `axis`.
    """

    kind: str
    ridge: Fraction
    design: Array | None = None
    rho: Fraction = Fraction(0)
    graph: Graph = NO_GRAPH
    weights: Sequence[float] | None = None
    axis: int = 0

    def shape(self, at: Pattern) -> tuple[int, ...]:
        """Return the shape of q."""
        if self.design is not None:
            return (self.design.shape[1], at.n)
        if self.kind == "smooth" or (self.kind == "sparse" and at.rows is None):
            return (at.m, at.n)
        if self.kind == "mode":
            return (at.sizes[self.axis],)
        sizes = {"intercept": 1, "row": at.m, "column": at.n, "sparse": at.size}
        return (sizes[self.kind],)

    def index(self, j: int, at: Pattern) -> int:
        """Return the index in mode `axis` > 0 of column j."""
        return split_index(j, at.sizes[1:], self.axis - 1)[0]

    def factors(self, q: Array, at: Pattern) -> tuple[Array, Array] | None:
        """Write A q as left right^T; None for a q that is itself a field."""
        if self.design is not None:
            return self.design, transposed(q)
        if self.kind == "row" or (self.kind == "mode" and self.axis == 0):
            return Array((at.m, 1), q.data), filled((at.n, 1), 1.0)
        if self.kind == "mode":
            wide = array("d", (q.data[self.index(j, at)] for j in range(at.n)))
            return filled((at.m, 1), 1.0), Array((at.n, 1), wide)
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
            return exactly(self.ridge * self.squares(q) / 2)
        bent = ar.laplacian(q, self.graph, self.rho, self.ridge)
        return ar.inner(ar.load(flat_of(q)), bent).times(Fraction(1, 2))

    def squares(self, q: Array) -> Fraction:
        """Return sum w q^2."""
        if self.weights is None:
            return squares_exactly(q.data)
        pairs = zip(self.weights, q.data, strict=True)
        return sum((Fraction(w) * Fraction(x) ** 2 for w, x in pairs), Fraction(0))

    def cost(self, totals: Sequence[Fraction]) -> Fraction:
        """Return sum t^2 / (ridge w), for ridge > 0."""
        if self.weights is None:
            return sum((t * t for t in totals), Fraction(0)) / self.ridge
        pairs = zip(self.weights, totals, strict=True)
        return sum((t * t / Fraction(w) for w, t in pairs), Fraction(0)) / self.ridge


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
    """Factors, each (size of its mode, r), and offset values."""

    factors: tuple[Array, ...]
    q: tuple[Array, ...]


class Pair(NamedTuple):
    """Where W lives, the norms of u and v, and whether v is u: all the polar depends on."""

    at: Pattern
    left: Norm
    right: Norm
    symmetric: bool = False

    @property
    def norms(self) -> tuple[Norm, ...]:
        """The norms of u and v."""
        return self.left, self.right


class Modes(NamedTuple):
    """Where a tensor W lives, the norm of each mode, and whether all factors are one."""

    at: Pattern
    norms: tuple[Norm, ...]
    symmetric: bool = False


class Network(NamedTuple):
    """A hidden layer: phi(u, v) = pool(s(F u)) v^T, s(z) = z where z >= 0, slope z elsewhere.

    at       Z: samples by outputs
    features F (rows, d); samples: of each row, which sample it is summed into; -1 for none
    left     the norm of u; "biased": l2 of all but the last, whose column of F is one
             constant > 0 (an unpriced bias)
    most     a sample takes the largest of its rows instead of their sum; slope is 0 then
    inside   how many of the last rows are >= 0 where the polar is asked for
    """

    at: Pattern
    features: Array
    samples: Sequence[int]
    slope: Fraction
    left: Norm
    right: Norm
    symmetric: bool = False
    most: bool = False
    inside: int = 0

    @property
    def norms(self) -> tuple[Norm, ...]:
        """The norms of u and v."""
        return self.left, self.right

    @property
    def free(self) -> int:
        """How many coordinates of u have no price: 1 or 0."""
        return int(self.left.name == "biased")

    @property
    def reach(self) -> Fraction:
        """Bound |b| at some maximizer over |u| <= 1, where the columns of W sum to zero.

        For fixed u the value is piecewise linear in b, with breaks where f_i . u + c b = 0
        and a constant at both ends: a break is as good as any b, and there |b| <= |f_i| / c.
        """
        if not self.free:
            return Fraction(0)
        d = self.features.shape[1]
        sizes = (squares_exactly(f[: d - 1]) for f in rows_of(self.features))
        return root(max(sizes)).hi / Fraction(self.features.data[d - 1])

    def radii(self) -> list[Fraction]:
        """Bound |f_i . u| over |u| <= 1, the bias within its reach, of each row."""
        rows, reach = rows_of(self.features), self.reach
        sizes = (root(squares_exactly(f[: len(f) - self.free])).hi for f in rows)
        return [x + reach * Fraction(f[-1]) for x, f in zip(sizes, rows, strict=True)]

    def pulled(self, ar: Arithmetic[H], w: H) -> H:
        """Return W^T on the rows of F: (outputs, rows)."""
        m, n = self.at.m, self.at.n
        turned = ar.unfold(w, self.at, (1, 0), n)
        rows = len(self.samples)
        if self.samples == range(m):
            return turned
        ar.budget.hold(rows * m, f"{rows} rows of {m} samples")
        pool = array("d", bytes(8 * rows * m))
        for i, k in enumerate(self.samples):
            if k >= 0:
                pool[i * m + k] = 1.0
        return ar.multiply(turned, ar.load(Array((rows, m), pool)))

    def mixed(self, h: int) -> Array:
        """Return the matrix that takes h facts, p and q first, to s(F u) = p - slope q."""
        rows = len(self.samples)
        out = array("d", bytes(8 * rows * h))
        for i in range(rows):
            out[i * h + i] = 1.0
            out[i * h + rows + i] = -float(self.slope)
        return Array((rows, h), out)


class Deep(NamedTuple):
    """Parallel networks of K layers: phi(X1, ..., XK) = s(... s(F X1) X2 ...) XK.

    at       Z: samples by outputs       features  F (samples, widths[0])
    widths   d0, ..., dK; Xk is d(k-1) x dk, flat in row-major order, priced by its l2 norm
    """

    at: Pattern
    features: Array
    widths: tuple[int, ...]
    slope: Fraction
    symmetric: bool = False

    @property
    def norms(self) -> tuple[Norm, ...]:
        """The Frobenius norm of each layer."""
        return tuple(Norm("l2", a * b) for a, b in pairwise(self.widths))

    @property
    def steep(self) -> Fraction:
        """A Lipschitz constant of the activations between the layers."""
        return max(Fraction(1), abs(self.slope)) ** (len(self.widths) - 2)


Space = Pair | Modes | Network | Deep


@dataclass(frozen=True)
class Question:
    """The parsed statement with the reader's arrays."""

    claim: str
    loss: Loss
    pair: Space
    Y: Array
    weights: Array | None
    form: str
    lam: Fraction
    offsets: tuple[Offset, ...]
    factors: tuple[Array, ...]
    q: tuple[Array, ...] | None
    rtol: Fraction
    atol: Fraction

    @property
    def at(self) -> Pattern:
        """The observed entries."""
        return self.pair.at

    @property
    def rank(self) -> int:
        """The number of slices of the candidate."""
        return self.factors[0].shape[1]

    @property
    def wide(self) -> Fraction:
        """A bound of |phi(x)| over theta(x) <= 1; of a network with an unpriced bias, over
        those that `Network.reach` leaves; the largest of a sample's rows is at most their sum.
        """
        if isinstance(self.pair, Deep):
            return root(squares_exactly(self.pair.features.data)).hi * self.pair.steep
        if isinstance(self.pair, Network):
            net, sums = self.pair, [Fraction(0)] * self.at.m
            for k, r in zip(net.samples, net.radii(), strict=True):
                sums[k] += max(Fraction(1), abs(net.slope)) * r
            size = sum((x * x for x in sums), Fraction(0))
            return root(size * widest(net.left) * widest(net.right)).hi
        return root(math.prod((widest(n) for n in self.pair.norms), start=Fraction(1))).hi


def field(stated: Json, name: str, allowed: Sequence[object]) -> str:
    """Return a field of the statement that must be one of `allowed`."""
    value = stated.get(name)
    demand(value in allowed, f"statement.{name}", "unknown", repr(value))
    return str(value)


def known_format(stated: Json) -> None:
    """Reject another version's statement; it may mean something else by the same words."""
    found, where = stated.get("format"), "statement.format"
    demand(found is not None, where, "missing", sorted(stated))
    ours = f"{found!r:.80} is not {FORMAT}, the only format this kernel reads"
    demand(found == FORMAT, where, "version", ours)


def pattern(stated: Json, arrays: Arrays) -> Pattern:
    """Read the shape and the observed entries: row-major, inside, no duplicates."""
    shape = stated.get("shape")
    good = isinstance(shape, list) and 2 <= len(shape) <= MAX_ORDER
    good = good and all(type(k) is int and k > 0 for k in shape or ())
    demand(good, "statement.shape", "shape", shape)
    dims = tuple(shape or (1, 1))
    m, n = dims[0], math.prod(dims[1:])
    if field(stated, "observed", ("all", "listed")) == "all":
        return Pattern(m, n, dims=dims)
    rows, cols = (arrays.get(k, (None,), "q") for k in ("rows", "cols"))
    demand(rows.shape == cols.shape, "statement.cols", "shape", cols.shape)
    last = -1
    for i, j in zip(rows.data, cols.data, strict=True):
        demand(0 <= i < m and 0 <= j < n, "statement.rows", "outside", (i, j))
        demand(i * n + j > last, "statement.rows", "order", (i, j))
        last = i * n + j
    return Pattern(m, n, rows.data, cols.data, dims)


def offsets(stated: Json, arrays: Arrays, at: Pattern) -> tuple[Offset, ...]:
    """Read the list of offsets."""
    out = []
    demand("offsets" in stated, "statement.offsets", "missing", sorted(stated))
    listed = stated["offsets"]
    demand(isinstance(listed, list), "statement.offsets", "list", type(listed).__name__)
    for k, o in enumerate(listed):
        where = f"statement.offsets[{k}]"
        demand(isinstance(o, dict), where, "json", type(o).__name__)
        kind = o.get("kind")
        demand(isinstance(kind, str) and kind in OFFSETS, where, "unknown", kind)
        names = {"sparse": {"rho"}, "smooth": {"rho", "ridge"}}.get(kind, {"ridge"})
        own = {"kind", "axis"} if kind == "mode" else {"kind"}
        demand(set(o) == {*own, *names}, where, "fields", sorted(o))
        axis = o.get("axis", 0)
        inside = type(axis) is int and 0 <= axis < len(at.sizes)
        demand(inside, f"{where}.axis", "axis", axis)
        held = {name: number(o[name], f"{where}.{name}") for name in sorted(names)}
        rho, ridge = held.get("rho", Fraction(0)), held.get("ridge", Fraction(0))
        demand(ridge >= 0, f"{where}.ridge", "sign", o.get("ridge"))
        demand(rho > 0 or "rho" not in names, f"{where}.rho", "sign", o.get("rho"))
        design = arrays.get(f"A{k}", (at.m, None)) if kind == "linear" else None
        edges = graph(arrays, k, at.m) if kind == "smooth" else NO_GRAPH
        weights = ridge_weights(arrays, k, kind, at)
        out.append(Offset(kind, ridge, design, rho, edges, weights, axis))
    return tuple(out)


def ridge_weights(arrays: Arrays, k: int, kind: str, at: Pattern) -> Sequence[float] | None:
    """Read the weights of a row's or column's ridge, if it has any."""
    name = f"ridge{k}"
    if kind not in ("row", "column") or name not in arrays.arrays:
        return None
    weights: Sequence[float] = arrays.get(name, (at.m if kind == "row" else at.n,)).data
    demand(min(weights) > 0, f"{arrays.where}.{name}", "sign", min(weights))
    return weights


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


def factor_arrays(arrays: Arrays, prefix: str, pair: Space) -> tuple[Array, ...]:
    """Read the factors U, V, X2, ... of one number of slices; one that is all of them once."""
    names = ["U", "V", *(f"X{k}" for k in range(2, len(pair.norms)))]
    names = names[:1] if pair.symmetric else names
    out: list[Array] = []
    for name, n in zip(names, pair.norms, strict=False):
        out.append(arrays.get(prefix + name, (n.size, out[0].shape[1] if out else None)))
    return tuple(out) * (len(pair.norms) if pair.symmetric else 1)


def point(arrays: Arrays, prefix: str, question: Question) -> Point:
    """Read factors of any size and their offsets; check signs and shapes."""
    held = factor_arrays(arrays, prefix, question.pair)
    names = ["U", "V", *(f"X{k}" for k in range(2, len(held)))]
    for name, n, factor in zip(names, question.pair.norms, held, strict=True):
        wrong = misfit(n, factor)
        demand(wrong is None, f"{arrays.where}.{prefix}{name}", "sign", wrong)
    return Point(held, offset_values(arrays, prefix, question.offsets, question.at))


def misfit(n: Norm, factor: Array) -> float | None:
    """Return an entry of a factor outside the cone, if there is one."""
    r = factor.shape[1]
    rows = [(n.cone, factor.data)]
    if len(n.cone) > 1:
        rows = [(c, factor.data[i * r : i * r + r]) for i, c in enumerate(n.cone)]
    for cone, row in rows:
        low, high = min(row, default=0.0), max(row, default=0.0)
        if cone in "+0" and low < 0:
            return low
        if cone in "-0" and high > 0:
            return high
    return None


def offset_values(
    arrays: Arrays, prefix: str, kinds: Sequence[Offset], at: Pattern
) -> tuple[Array, ...]:
    """Read one array per offset."""
    named = enumerate(kinds)
    return tuple(arrays.get(f"{prefix}q{k}", o.shape(at)) for k, o in named)


def question(
    stated: Json, given: Mapping[str, Array], budget: Budget = Arithmetic.budget
) -> Question:
    """Parse a statement; reject one for which the rules are not theorems."""
    known_format(stated)
    only(stated, FIELDS, "statement")
    plainly(stated, "statement", Budget())
    loss = stated_loss(stated)
    claim = field(stated, "claim", CLAIMS)
    arrays = Arrays(given, "statement")
    at = pattern(stated, arrays)
    budget.spend(LINE * (at.m + at.n), f"{at.m} rows and {at.n} columns")
    atom = stated.get("atom", {})
    pair = stated_atom(atom, arrays, at)
    numbers = {k: number(stated.get(k), f"statement.{k}") for k in ("lam", "rtol", "atol")}
    for name, value in numbers.items():
        demand(value >= 0, f"statement.{name}", "sign", stated[name])
    count = at.size if loss.group else at.m
    weights = arrays.get("weights", (count,)) if "weights" in given else None
    if weights is not None:
        demand(min(weights.data, default=1.0) > 0, "statement.weights", "sign", "not positive")
    kinds = offsets(stated, arrays, at)
    found = field(stated, "q", ("given", "found")) == "found"
    asked = Question(
        claim,
        loss,
        pair,
        arrays.get("Y", (at.size,)),
        weights,
        field(atom, "form", ("product", "sum")),
        numbers["lam"],
        kinds,
        factor_arrays(arrays, "", pair),
        None if found else offset_values(arrays, "", kinds, at),
        numbers["rtol"],
        numbers["atol"],
    )
    idle = sorted(set(given) - arrays.used)
    demand(not idle, "statement.arrays", "unknown", idle)
    check_labels(loss, at, asked.Y)
    check_claim(asked)
    return asked


def stated_atom(atom: Json, arrays: Arrays, at: Pattern) -> Space:
    """Read the atom: two norms, or one for each mode of a tensor."""
    demand(isinstance(atom, dict), "statement.atom", "json", type(atom).__name__)
    if field(atom, "kind", KINDS) == "cp":
        return stated_modes(atom, at)
    if atom["kind"] == "relu":
        return stated_network(atom, arrays, at)
    if atom["kind"] in ("deep_linear", "deep_relu"):
        return stated_deep(atom, arrays, at)
    only(atom, {"kind", "left", "right", "form"}, "statement.atom")
    demand(len(at.sizes) == 2, "statement.shape", "shape", at.sizes)
    return stated_pair(atom, arrays, at)


def stated_modes(atom: Json, at: Pattern) -> Modes:
    """Read the plain norms of a tensor's modes; a symmetric one has one norm and size."""
    only(atom, {"kind", "norms", "symmetric", "form"}, "statement.atom")
    keys, symmetric = atom.get("norms"), atom.get("symmetric")
    good = isinstance(keys, list) and len(keys) == len(at.sizes)
    demand(good and all(isinstance(k, str) for k in keys or ()), "statement.atom", "norms", keys)
    demand(type(symmetric) is bool, "statement.atom.symmetric", "unknown", symmetric)
    norms = tuple(plain(k, d) for k, d in zip(keys or (), at.sizes, strict=True))
    same = not symmetric or (len(set(norms)) == 1 and len(norms) <= 6)
    demand(same, "statement.atom", "symmetric", f"{keys} on {at.sizes}: one norm, order <= 6")
    return Modes(at, norms, bool(symmetric))


def stated_network(atom: Json, arrays: Arrays, at: Pattern) -> Network:
    """Read a hidden layer: features, pooling, slope, and the norms of its two sides.

    Norms of u other than l2 are for slope 1 (`of_linear`).  An unpriced bias needs a
    constant last column and samples of equally many rows: then its far slope is
    a multiple of the sums of W.  "pool": "max" is for s = max(0, z) without such a bias,
    and every sample needs a row.
    """
    only(atom, {"kind", "left", "right", "form", "slope", "bias", "pool"}, "statement.atom")
    demand(len(at.sizes) == 2, "statement.shape", "shape", at.sizes)
    slope = number(atom.get("slope"), "statement.atom.slope")
    features = arrays.get("features", (None, None))
    rows, d = features.shape
    demand(rows > 0 and d > 0, "statement.features", "shape", (rows, d))
    samples: Sequence[int] = range(at.m)
    if "samples" in arrays.arrays:
        samples = arrays.get("samples", (rows,), "q").data
        inside = all(0 <= k < at.m for k in samples)
        demand(inside, "statement.samples", "outside", f"not in 0..{at.m - 1}")
    demand(len(samples) == rows, "statement.features", "shape", (rows, at.m))
    right = norm(atom, "right", at.n, arrays)
    demand(
        right.name in PLAIN and len(right.cone) == 1, "statement.atom.right", "scope", right.name
    )
    most = "pool" in atom and bool(field(atom, "pool", ("max",)))
    free = field(atom, "bias", ("none", "free")) == "free"
    if most:
        where = "statement.atom.pool"
        demand("samples" in arrays.arrays, where, "samples", "missing")
        demand(not slope and not free, where, "scope", f"slope {shown(slope)}, {atom['bias']} bias")
        alone = at.m - len(set(samples))
        demand(not alone, "statement.samples", "empty", f"{alone} samples without a row")
    if free:
        demand(atom.get("left") == "l2", "statement.atom.left", "scope", atom.get("left"))
        last = features.data[d - 1 :: d]
        demand(min(last) == max(last) > 0, "statement.features", "bias", (min(last), max(last)))
        counts = [0] * at.m
        for k in samples:
            counts[k] += 1
        demand(min(counts) == max(counts), "statement.samples", "bias", (min(counts), max(counts)))
        return Network(at, features, samples, slope, Norm("biased", d), right)
    left = norm(atom, "left", d, arrays)
    fits = slope == 1 or (left.name == "l2" and left.cone == "*")
    demand(fits, "statement.atom.left", "scope", f"{left.name} with slope {shown(slope)}")
    return Network(at, features, samples, slope, left, right, most=most)


def stated_deep(atom: Json, arrays: Arrays, at: Pattern) -> Deep:
    """Read parallel networks: features, the widths of the hidden layers, slope."""
    linear = atom["kind"] == "deep_linear"
    only(atom, {"kind", "hidden", "form", *(() if linear else ("slope",))}, "statement.atom")
    demand(len(at.sizes) == 2, "statement.shape", "shape", at.sizes)
    hidden = atom.get("hidden")
    good = isinstance(hidden, list) and 0 < len(hidden) < MAX_ORDER
    good = good and all(type(k) is int and k > 0 for k in hidden or ())
    demand(good, "statement.atom.hidden", "shape", hidden)
    features = arrays.get("features", (at.m, None))
    demand(features.shape[1] > 0, "statement.features", "shape", features.shape)
    widths = (features.shape[1], *(hidden or ()), at.n)
    slope = Fraction(1) if linear else number(atom.get("slope"), "statement.atom.slope")
    return Deep(at, features, widths, slope)


def stated_pair(atom: Json, arrays: Arrays, at: Pattern) -> Pair:
    """Read the atom's norms; a symmetric one has the same norm and size twice."""
    symmetric = field(atom, "kind", KINDS) == "symmetric"
    left, right = norm(atom, "left", at.m, arrays), norm(atom, "right", at.n, arrays)
    same = not symmetric or (at.m == at.n and left == right)
    demand(same, "statement.atom", "symmetric", f"{at.m} x {at.n}, two norms or two sizes")
    return Pair(at, left, right, symmetric)


def only(stated: Json, known: set[str], where: str) -> None:
    """Reject a field that no rule reads: it would ask for something else than is answered."""
    demand(isinstance(stated, dict), where, "json", type(stated).__name__)
    demand(set(stated) <= known, where, "fields", sorted(set(stated) - known))


def check_claim(asked: Question) -> None:
    """Reject a claim outside the theorems: lam > 0, or lam = 0 at a fixed rank."""
    if asked.claim == "any size":
        demand(asked.lam > 0, "statement.lam", "sign", float(asked.lam))
        return
    demand(asked.lam == 0, "statement.lam", "claim", float(asked.lam))
    kinds = sorted({o.kind for o in asked.offsets} & {"sparse", "smooth", "mode"})
    demand(not kinds, "statement.offsets", "scope", kinds)


# --- values -------------------------------------------------------------------------


def theta(asked: Question, x: Sequence[Sequence[float]]) -> Enclosure:
    """Enclose theta of a slice: the product of the K norms, or 1/K sum of their K-th powers."""
    held = [lengths(n, part) for n, part in zip(asked.pair.norms, x, strict=True)]
    count = len(held)
    if asked.form == "sum":
        return summed(raised_to(count, *one) for one in held).times(Fraction(1, count))
    if all(square.lo == square.hi for _, square in held):
        return root(math.prod((square.lo for _, square in held), start=Fraction(1)))
    return Enclosure(
        math.prod((size.lo for size, _ in held), start=Fraction(1)),
        math.prod((size.hi for size, _ in held), start=Fraction(1)),
    )


def raised_to(k: int, size: Enclosure, square: Enclosure) -> Enclosure:
    """Return |x|^k from |x| and |x|^2, both >= 0."""
    half, odd = divmod(k, 2)
    ends = (square.lo**half, square.hi**half)
    return Enclosure(ends[0] * size.lo**odd, ends[1] * size.hi**odd)


def thetas(asked: Question, factors: Sequence[Array]) -> Enclosure:
    """Enclose the sum of theta over the slices."""
    slices = zip(*map(columns, factors), strict=True)
    return summed(theta(asked, x) for x in slices)


def model(ar: Arithmetic[H], asked: Question, factors: Sequence[Array]) -> H:
    """Return the field of sum phi(X_i)."""
    if isinstance(asked.pair, Modes) and len(factors) > 2:
        return ar.outer_sum(factors, asked.at)
    if isinstance(asked.pair, Network):
        return ar.layer(asked.pair, factors[0], factors[1])
    if isinstance(asked.pair, Deep):
        return ar.deep(asked.pair, factors)
    return ar.product(factors[0], factors[1], asked.at)


def fitted(ar: Arithmetic[H], asked: Question, x: Point) -> H:
    """Return the field of sum phi(X_i) + A q."""
    fields: list[H] = []
    left, right = [], []
    wide = asked.rank + sum(o.design.shape[1] if o.design else 1 for o in asked.offsets)
    ar.budget.hold((asked.at.m + asked.at.n) * wide, "factors side by side")
    if len(x.factors) == 2 and not isinstance(asked.pair, Network | Deep):
        left, right = [x.factors[0]], [x.factors[1]]
    else:
        fields.append(model(ar, asked, x.factors))
    for o, q in zip(asked.offsets, x.q, strict=True):
        found = o.factors(q, asked.at)
        if found is None:
            fields.append(ar.load(seen_of(q, asked.at)))
        else:
            left.append(found[0])
            right.append(found[1])
    if left:
        fields.insert(0, ar.product(beside(left), beside(right), asked.at))
    out = fields[0]
    for held in fields[1:]:
        out = ar.add(out, held)
    return out


def loss_value(ar: Arithmetic[H], asked: Question, x: Point) -> Enclosure:
    """Enclose the loss at sum phi(X_i) + A q; a product of factors >= 0 is >= 0."""
    z = fitted(ar, asked, x)
    if isinstance(asked.loss, Squared):
        residual = ar.subtract(z, ar.load(asked.Y))
        return ar.squares(residual, asked.weights).times(Fraction(1, 2))
    los, his, exp = ar.spans(z)
    least = min((v for a in x.factors for v in a.data), default=0.0)
    if not asked.offsets and not isinstance(asked.pair, Network | Deep) and least >= 0:
        los = [max(v, 0) for v in los]
    y = Grains(*dyadic(asked.Y.data))
    return asked.loss.value(Spans(los, his, exp), y, loss_weights(asked))


def objective(ar: Arithmetic[H], asked: Question, x: Point) -> Enclosure:
    """Enclose f(X, q)."""
    prices = x.factors[0].shape[1] * sum(len(n.data) for n in asked.pair.norms)
    ar.budget.spend(FRACTION * prices, "norms of the factors")
    value = loss_value(ar, asked, x)
    value = value.plus(thetas(asked, x.factors).times(asked.lam))
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
        inside = type(item[0]) is int and 0 <= item[0] < asked.at.size
        demand(inside, where, "outside", item[0])
        out.append((item[0], rational(item[1], where)))
    added([c for _, c in out], ar.budget)
    demand(len({k for k, _ in out}) == len(out), where, "order", "an entry twice")
    return Dual(ar.load(raw), raw, tuple(out), name)


def added(terms: Sequence[Fraction], budget: Budget) -> None:
    """Pay for adding fractions: at each step the square of the bits so far."""
    common = 1
    for c in terms:
        common = math.lcm(common, c.denominator)
        bits = common.bit_length() + c.numerator.bit_length()
        budget.spend(bits * bits >> 9, "sums of corrections")


def adjoint(ar: Arithmetic[H], asked: Question, dual: Dual[H], o: Offset) -> list[Fraction]:
    """Return A* W exactly, corrections included; of a smooth q its sums by component."""
    if o.kind == "smooth":
        return component_sums(asked, dual, o.graph)
    if o.kind == "mode":
        return mode_sums(ar, asked, dual, o)
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


def mode_sums(ar: Arithmetic[H], asked: Question, dual: Dual[H], o: Offset) -> list[Fraction]:
    """Return the sums of W over all modes but one, exactly: of rows, or added up by column."""
    at = asked.at
    if o.axis == 0:
        return adjoint(ar, asked, dual, replace(o, kind="row"))
    totals = [Fraction(0)] * at.sizes[o.axis]
    for j, t in enumerate(adjoint(ar, asked, dual, replace(o, kind="column"))):
        totals[o.index(j, at)] += t
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

    For ridge/2 sum w q^2 that is sum (A* W)^2 / (ridge w).  Where H does not grow the
    infimum is -inf unless W is orthogonal, exactly: A* W = 0 for an unpenalized q, and for
    a smooth q with ridge 0 the sums of W over every component are 0 in every column.  W
    with any nonzero sum bounds nothing.
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
            cost += o.cost(totals)
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
    top = ar.lines(dual.field, Line(0, "max", positive=False, signs=(1,)), asked.at)
    for k, c in dual.corrections:
        top = max(top, abs(Fraction(dual.raw.data[k]) + c))
    return min(rhos) / top if top else None


def dual_value(
    ar: Arithmetic[H], asked: Question, dual: Dual[H], cost: Fraction, s: Fraction
) -> Fraction:
    """Return a lower bound of d(sW) - s^2/2 cost, s >= 0 (dyadic but for least squares).

    d(W) = inf over Z, q of the loss + <W, Z>, by the loss's rule.  Least squares:
    d(sW) = s<W,Y> - s^2/2 sum W^2/w, the minimum of w/2 (z - y)^2 + W z being
    W y - W^2 / (2 w).
    """
    if not isinstance(asked.loss, Squared):
        return loss_dual(asked, dual, s) - s * s / 2 * cost
    inner = ar.inner(dual.field, ar.load(asked.Y)).lo
    size = ar.squares_over(dual.field, asked.weights).hi
    for k, c in dual.corrections:
        w = Fraction(asked.weights.data[k]) if asked.weights is not None else Fraction(1)
        inner += c * Fraction(asked.Y.data[k])
        size += (2 * c * Fraction(dual.raw.data[k]) + c * c) / w
    return s * inner - s * s / 2 * (size + cost)


# --- rules for the polar: sup <W, u v^T> over theta(u, v) <= 1 ------------------------


def lines(ar: Arithmetic[H], pair: Pair, w: H, proof: Json, given: Arrays) -> Fraction:
    """Prove sup u^T W v <= the largest dual norm of a line, for |u|_1 (or |v|_1).

    The extreme points of the l1 ball in a cone of signs are the unit vectors with a sign
    the cone allows, so the supremum over u is at a row, and over v is its dual norm.
    """
    axis, outer, inner = 0, pair.left, pair.right
    if outer.name != "l1":
        axis, outer, inner = 1, pair.right, pair.left
    demand(
        outer.name == "l1",
        "proof.polar.rule",
        "wrong_rule",
        f"{pair.left.name} x {pair.right.name}",
    )
    kind = {"l1": "max", "l2": "root", "linf": "sum"}.get(inner.name)
    if kind is None or len(outer.cone) > 1 or len(inner.cone) > 1:
        return each_line(ar, (axis, outer, inner), (pair.at, w), proof, given)
    signs = [a * (-1 if inner.cone == "-" else 1) for a in SIGNS[outer.cone]]
    signs = signs if inner.cone in "+-" else signs[:1]
    line = Line(axis, kind, inner.cone != "*", tuple(signs))
    return max(ar.lines(w, line, pair.at), Fraction(0))


SIGNS = {"*": (1, -1), "+": (1,), "-": (-1,), "0": ()}


def each_line(
    ar: Arithmetic[H],
    what: tuple[int, Norm, Norm],
    where: tuple[Pattern, H],
    proof: Json,
    given: Arrays,
) -> Fraction:
    """Bound the dual norm of each line by itself, in exact arithmetic."""
    (axis, outer, inner), (at, w) = what, where
    rows, e = ar.exact_lines(w, axis, at)
    flow: Sequence[float] = ()
    count = len(inner.data) // 2
    if "flow" in given.arrays:
        flow = given.get("flow", ((at.m, at.n)[axis], count)).data
    level = rational(proof["level"], "proof.polar.level") if "level" in proof else None
    bits = 0 if level is None else level.numerator.bit_length() + level.denominator.bit_length()
    work = FRACTION * (1 + (bits * bits >> 15))
    ar.budget.spend(2 * work * at.m * at.n, "dual norms of lines")
    best = Fraction(0)
    for k, row in enumerate(rows):
        along = [Fraction(f) for f in flow[k * count : k * count + count]]
        line = [v * power(e) for v in row]
        for sign in SIGNS[outer.sign(k)]:
            aimed = [sign * v for v in line], [sign * f for f in along]
            best = max(best, dual_norm(inner, aimed, level))
    return best


def met(n: Norm, y: Sequence[Fraction]) -> list[Fraction]:
    """Return |y_i|, or the part of it that a vector of the cone can meet."""
    nothing = Fraction(0)
    out = []
    for i, v in enumerate(y):
        sign = n.sign(i)
        blind = sign == "0" or (sign == "+" and v < 0) or (sign == "-" and v > 0)
        out.append(nothing if blind else abs(v))
    return out


def dual_norm(
    n: Norm, aimed: tuple[list[Fraction], list[Fraction]], level: Fraction | None
) -> Fraction:
    """Bound sup { <y, x> : |x| <= 1, x in the cone } from above, aimed = (y, flow).

    With p = met(y), <y, x> <= <p, |x|>.  l1: max p.  linf: sum p.  l2: |p|_2.
    weighted: sqrt(sum p^2 / w).  group: the dual of the sum is the largest, and back.
    elastic: if |(p - a t)_+|_2 <= (1 - a) t then <p, |x|> <= a t |x|_1 + (1 - a) t |x|_2.
    variation: <y, x> = <y - B^T f, x> + <f, B x> for any flow f on the edges, B x the
    differences, so at most max(|met(y - B^T f)|_2, max |f| / rho) times the norm.
    """
    y, flow = aimed
    if n.name == "variation":
        return _by_flow(n, y, flow)
    p = met(n, y)
    squares = [v * v for v in p]
    if n.name == "weighted":
        squares = [v / Fraction(w) for v, w in zip(squares, n.data, strict=True)]
    if n.name == "l1":
        return max(p)
    if n.name == "linf":
        return sum(p, Fraction(0))
    if n.name == "group":
        parts = [root(sum(g, Fraction(0))).hi for g in n.groups(squares)]
        return max(parts) if n.outer == "l1" else sum(parts, Fraction(0))
    if n.name == "elastic" and level is not None:
        rest = sum((max(v - n.scalar * level, Fraction(0)) ** 2 for v in p), Fraction(0))
        if level >= 0 and rest <= ((1 - n.scalar) * level) ** 2:
            return level
    return root(sum(squares, Fraction(0))).hi


def _by_flow(n: Norm, y: list[Fraction], flow: list[Fraction]) -> Fraction:
    rest, most = list(y), Fraction(0)
    if flow and n.scalar > 0:
        most = max(map(abs, flow)) / n.scalar
        for f, (i, j) in zip(flow, n.edges(), strict=True):
            rest[i] -= f
            rest[j] += f
    return max(most, root(sum((v * v for v in met(n, rest)), Fraction(0))).hi)


def spectral(ar: Arithmetic[H], pair: Pair, w: H, proof: Json, given: Arrays) -> Fraction:
    """Prove sup u^T W v <= sqrt(c c' lambda_max(X^T X + M)), X = S (W + N) S', S, S' diagonal.

    u^T N v >= 0 if N_ij meets the signs of u_i and v_j (N_ij = 0 where one is free).
    With x = u / s and z = v / s': u^T (W + N) v = x^T X z, |x|_2^2 <= c = sup of
    sum u_i^2 / s_i^2, and z likewise.  M meets the signs of the Gram side's vector, so
    z^T M z >= 0.  Without scales S = I and c is the squared radius of the unit ball.
    """
    at, s = pair.at, w
    axis = gram_side(proof, at, "proof.polar.axis", held="M" in given.arrays)
    if "N" in given.arrays:
        n = given.get("N", (at.size,))
        fixed = "*" not in (pair.left.cone, pair.right.cone)
        demand(fixed, "proof.N", "wrong_rule", "a factor without a sign")
        cones = zip(n.data, at.entries(), strict=True)
        wrong = next(
            (x for x, (i, j) in cones if x and not meets(x, pair.left.sign(i), pair.right.sign(j))),
            None,
        )
        demand(wrong is None, "proof.N", "sign", wrong)
        s = ar.add(w, ar.load(n))
    s, wide = rescaled(ar, pair, s, given)
    g, slack = ar.gram(s, axis, at)
    if "M" in given.arrays:
        g = ar.add(g, multiplier(ar, given, (pair.left, pair.right)[axis]))
    factor = cholesky_factor(given, (at.m, at.n)[axis])
    t = ar.top(g, shift_of(proof, "proof.polar.shift"), factor)
    return (root(max(t, Fraction(0))).hi + slack) * root(wide).hi


def meets(x: float, a: str, b: str) -> bool:
    """Whether x u v >= 0 for all u in the cone a and v in the cone b, x not 0."""
    if "0" in a + b:
        return True
    return "*" not in a + b and (x > 0) == (a == b)


def rescaled(ar: Arithmetic[H], pair: Pair, s: H, given: Arrays) -> tuple[H, Fraction]:
    """Return (S X S', c c'): the scales, if the proof has any, and what they cost."""
    sides = (("scale.left", pair.left), ("scale.right", pair.right))
    held, cost = [], Fraction(1)
    for name, n in sides:
        if name not in given.arrays:
            held.append(filled((n.size,), 1.0))
            cost *= widest(n)
            continue
        a = given.get(name, (n.size,))
        demand(min(a.data) > 0, f"proof.{name}", "sign", min(a.data))
        held.append(a)
        cost *= diagonal_cost(n, [1 / Fraction(x) ** 2 for x in a.data])
    scaled = any(name in given.arrays for name, _ in sides)
    return (ar.scaled(s, held[0], held[1], pair.at) if scaled else s), cost


def gram_side(part: Json, at: Pattern, where: str, *, held: bool) -> int:
    """Return the axis of the Gram matrix: the smaller one, or any whose M the file holds.

    So a few bytes of proof cannot ask for more memory than the question's own size.
    """
    axis, sizes = part.get("axis"), (at.m, at.n)
    demand(type(axis) is int and axis in (0, 1), where, "axis", axis)
    side = int(axis == 1)
    demand(held or sizes[side] == min(sizes), where, "axis", axis)
    return side


def cholesky_factor(given: Arrays, k: int) -> Array | None:
    """Return the packed lower triangle of size k, if the proof has one."""
    return given.get("L", (k * (k + 1) // 2,)) if "L" in given.arrays else None


def multiplier(ar: Arithmetic[H], given: Arrays, n: Norm) -> H:
    """Read M: symmetric, of the signs of the products of two coordinates of a factor."""
    k = n.size
    a = given.get("M", (k, k))
    demand(n.cone != "*", "proof.M", "wrong_rule", "the factor of this side has no sign")
    entries = ((x, *divmod(e, k)) for e, x in enumerate(a.data))
    wrong = next((x for x, i, j in entries if x and not meets(x, n.sign(i), n.sign(j))), None)
    demand(wrong is None, "proof.M", "sign", wrong)
    even = all(a.data[i * k + j] == a.data[j * k + i] for i in range(k) for j in range(i))
    demand(even, "proof.M", "symmetric", "M differs from its transpose")
    return ar.load(a)


@dataclass(frozen=True)
class Leaf:
    """A part of the feasible set: where some cuts have a sign and some coordinates agree.

    z = (u, v), or u alone for a symmetric atom; k coordinates
    cuts     pairs (row of the array "cuts", 1 or -1): sign * (row . z) >= 0
    classes  for each coordinate (smallest coordinate of its class, sign): z_i = sign * z_c;
             sign 0 where z_i = 0, by the cone or outside a group
    """

    cuts: tuple[tuple[int, int], ...]
    classes: tuple[tuple[int, int], ...]

    @property
    def heads(self) -> list[int]:
        """The coordinates that name the classes; y has one entry for each."""
        return [i for i, (c, sign) in enumerate(self.classes) if sign and c == i]


def conic(ar: Arithmetic[H], pair: Pair, w: H, proof: Json, given: Arrays) -> Fraction:
    """Prove sup <W, phi> <= the largest of the leaves' bounds, over a tree of cases.

    {"cut": c, "plus": i, "minus": j} splits at a . z >= 0 and a . z <= 0, a any row: both
    together are everything.  {"equal": [p, q], ...} splits at z_p = z_q and z_p = -z_q, for
    two free coordinates of one linf side: <W, phi> is convex in that factor, so a maximizer
    over the cube is a vertex, where they agree up to sign.  {"groups": "left", "each": [...]}
    has a child for each group of a sum of groups' norms: for the same reason a maximizer is
    an extreme point, which is zero outside one group.  {"leaf": t, ...} bounds.
    A child comes after its parent and has one parent, so the walk ends.
    "boxed" sides are first written as free cubes (`boxed`).
    """
    k = pair.at.m if pair.symmetric else pair.at.m + pair.at.n
    nodes = proof.get("nodes", [])
    demand(isinstance(nodes, list), "proof.polar.nodes", "list", type(nodes).__name__)
    demand(bool(nodes), "proof.polar.nodes", "list", "no node")
    ar.budget.afford(parts_of(nodes) * 3 * MADE * k * k, "the leaves of a tree")
    ar.budget.spend(PATH * paths_of(nodes) + HELD * k * len(nodes), "the paths of a tree")
    hat = ar.symmetric(w, pair.at) if pair.symmetric else ar.hat(w, pair.at)
    pair, hat, rows = boxed(ar, pair, hat, proof.get("boxed", []))
    k, own = sum(n.size for _, n, _ in sides_of(pair)), len(rows)
    cuts = given.get("cuts", (None, k)) if "cuts" in given.arrays else Array((0, k), array("d"))
    cuts = Array(
        (own + cuts.shape[0], k), array("d", [x for r in rows for x in r]) + array("d", cuts.data)
    )
    zeros = [n.sign(i) == "0" for _, n, _ in sides_of(pair) for i in range(n.size)]
    start = tuple((i, int(not zero)) for i, zero in enumerate(zeros))
    open_nodes = [(0, Leaf(tuple((c, 1) for c in range(own)), start))]
    best, seen = Fraction(0), set[int]()
    while open_nodes:
        at, leaf = open_nodes.pop()
        demand(at not in seen, f"proof.polar.nodes[{at}]", "tree", "two parents")
        seen.add(at)
        node = node_of(nodes, at)
        if "leaf" in node:
            best = max(best, leaf_bound(ar, pair, (hat, cuts), (node, leaf), given))
            continue
        parts = parted(pair, leaf, node, (own, cuts.shape[0]))
        found = children(node, at, len(nodes))
        demand(len(found) == len(parts), f"proof.polar.nodes[{at}]", "tree", found)
        open_nodes += zip(found, parts, strict=True)
    met = f"{len(seen)} of {len(nodes)} nodes met"
    demand(len(seen) == len(nodes), "proof.polar.nodes", "tree", met)
    return best


def boxed(
    ar: Arithmetic[H], pair: Pair, hat: H, sides: object
) -> tuple[Pair, H, list[list[float]]]:
    """Write cubes with signs as free cubes of one more coordinate s_0 = 1.

    u_i = (s_0 + s_i)/2 in [0, 1], (s_i - s_0)/2 in [-1, 0], s_i in [-1, 1], or 0: with
    z = R z' the form is z'^T R^T hat R z'.  A vertex of u is one of s.  The rows s_0 + s_i
    and s_0 - s_i are nonnegative, so that their products join the multipliers.
    """
    held = sides_of(pair)
    names = [name for name, n, _ in held if n.name == "linf" and not pair.symmetric]
    known = isinstance(sides, list) and all(sides.count(x) == 1 and x in names for x in sides)
    demand(known, "proof.polar.boxed", "wrong_rule", sides)
    boxes = [name in sides for name, _, _ in held] if isinstance(sides, list) else []
    if not any(boxes):
        return pair, hat, []
    width, first = sum(n.size for _, n, _ in held) + sum(boxes), 0
    ar.budget.hold(4 * width * width, "free cubes")
    entries: list[list[tuple[int, float]]] = []
    rows: list[list[float]] = []
    for (_, n, _), box in zip(held, boxes, strict=True):
        entries += [unmixed(n, i, first, box=box) for i in range(n.size)]
        rows += box_rows(first, n.size, width) if box else []
        first += n.size + box
    k = len(entries)
    flat = array("d", bytes(8 * width * k))
    for at, found in enumerate(entries):
        for j, x in found:
            flat[j * k + at] = x
    R = ar.load(Array((width, k), flat))
    left, right = (
        Norm("linf", n.size + 1) if box else n for (_, n, _), box in zip(held, boxes, strict=True)
    )
    new = Pair(Pattern(left.size, right.size), left, right)
    return new, ar.multiply(ar.multiply(R, hat), R), rows


def box_rows(first: int, size: int, width: int) -> list[list[float]]:
    """Return the rows s_0 + s_i and s_0 - s_i of a box whose s_0 is at `first`."""
    out = []
    for i in range(first + 1, first + 1 + size):
        for x in (1.0, -1.0):
            row = [0.0] * width
            row[first], row[i] = 1.0, x
            out.append(row)
    return out


def unmixed(n: Norm, i: int, first: int, *, box: bool) -> list[tuple[int, float]]:
    """Return coordinate i of a side as [(coordinate of z', factor)]."""
    if not box:
        return [(first + i, 1.0)]
    s = first + 1 + i
    signs = {"*": [(s, 1.0)], "+": [(first, 0.5), (s, 0.5)], "-": [(first, -0.5), (s, 0.5)]}
    return signs.get(n.sign(i), [])


def parts_of(nodes: object, kind: str = "leaf") -> int:
    """Return how many nodes are of a kind; 0 for what is no list of nodes."""
    listed = nodes if isinstance(nodes, list) else []
    return sum(isinstance(node, dict) and kind in node for node in listed)


def paths_of(nodes: Sequence[object]) -> int:
    """Return the sum of the nodes' depths; a child comes after its parent."""
    depths = [0] * len(nodes)
    for at, node in enumerate(nodes):
        held = node if isinstance(node, dict) else {}
        found = [held.get("plus"), held.get("minus")]
        for name in ("each", "signs"):
            found += held[name] if isinstance(held.get(name), list) else []
        for c in found:
            if type(c) is int and at < c < len(nodes):
                depths[c] = max(depths[c], depths[at] + 1)
    return sum(depths)


def node_of(
    nodes: list[Any], at: int, known: Sequence[str] = ("cut", "equal", "groups", "leaf")
) -> Json:
    """Return a node of the tree, of exactly one of the known kinds."""
    node = nodes[at]
    demand(isinstance(node, dict), f"proof.polar.nodes[{at}]", "json", type(node).__name__)
    kinds = [k for k in known if k in node]
    demand(len(kinds) == 1, f"proof.polar.nodes[{at}]", "tree", kinds)
    return dict(node)


def children(node: Json, at: int, count: int) -> list[int]:
    """Return the children: later nodes, each once, so that no walk returns."""
    found = node.get("each") if "groups" in node else [node.get("plus"), node.get("minus")]
    held = found if isinstance(found, list) else []
    good = bool(held) and all(type(c) is int and at < c < count for c in held)
    demand(good and len(set(held)) == len(held), f"proof.polar.nodes[{at}]", "tree", found)
    return held


def parted(pair: Pair, leaf: Leaf, node: Json, count: tuple[int, int]) -> list[Leaf]:
    """Return the parts of a leaf that a node's children stand for; they cover it."""
    if "groups" not in node:
        return [narrowed(pair, leaf, (node, side), count) for side in (1, -1)]
    found = [s for s in sides_of(pair) if s[0] == node["groups"] and not pair.symmetric]
    good = bool(found) and (found[0][1].name, found[0][1].outer) == ("group", "l1")
    demand(good, "proof.polar.nodes", "wrong_rule", f"groups {node['groups']}")
    _, n, first = found[0]
    out = []
    for g in sorted(set(n.data)):
        inside = [first + i for i, other in enumerate(n.data) if other == g]
        away = {first + i for i in range(n.size)} - set(inside)
        classes = enumerate(leaf.classes)
        kept = tuple((i, 0) if i in away else (c, x) for i, (c, x) in classes)
        out.append(Leaf(leaf.cuts, kept))
    return out


def narrowed(pair: Pair, leaf: Leaf, step: tuple[Json, int], count: tuple[int, int]) -> Leaf:
    """Return the part of a leaf on one side of a split; count = (boxes' rows, all rows)."""
    (node, side), (own, rows) = step, count
    if "cut" in node:
        c = node["cut"]
        inside = type(c) is int and 0 <= c < rows - own
        demand(inside, "proof.polar.nodes", "outside", f"cut {c}")
        return Leaf((*leaf.cuts, (own + c, side)), leaf.classes)
    ends = node["equal"]
    demand(isinstance(ends, list) and len(ends) == 2, "proof.polar.nodes", "outside", ends)
    sides = [vertex_side(pair, i) for i in ends]
    demand(sides[0] == sides[1] >= 0, "proof.polar.nodes", "wrong_rule", f"equal {ends}")
    (a, s), (b, t) = (leaf.classes[i] for i in ends)
    demand(a != b, "proof.polar.nodes", "tree", f"equal {ends} twice")
    low, high = min(a, b), max(a, b)
    turn = side * s * t  # z_high = turn * z_low
    moved = tuple((low, x * turn) if c == high else (c, x) for c, x in leaf.classes)
    return Leaf(leaf.cuts, moved)


def vertex_side(pair: Pair, i: object) -> int:
    """Return the side of a free coordinate under linf; -1 for any other."""
    m, n = pair.at.m, pair.at.n
    if pair.symmetric or type(i) is not int or not 0 <= i < m + n:
        return -1
    side, k = (pair.left, i) if i < m else (pair.right, i - m)
    return int(i >= m) if side.name == "linf" and side.sign(k) == "*" else -1


def leaf_bound(
    ar: Arithmetic[H], pair: Pair, whole: tuple[H, Array], step: tuple[Json, Leaf], given: Arrays
) -> Fraction:
    """Prove the bound of one leaf.

    G = hat(W) + B^T N B - Diag(D) - A^T S A, restricted to z_i = sign * z_c, and G <= t I.
    B^T N B is nonnegative on the leaf: N >= 0, and B z >= 0 there (signed coordinates,
    then cuts).  So z^T hat(W) z <= z^T Diag(D) z + z^T A^T S A z + t |z|^2, each bounded
    over the unit balls by its cost.  A pair has u^T W v = 1/2 z^T hat(W) z.
    """
    (hat, cuts), (node, leaf) = whole, step
    t, where = node["leaf"], "proof.polar.nodes"
    demand(type(t) is int and t >= 0, where, "outside", t)
    g = restricted(ar, leaf, nonnegative_part(ar, pair, (hat, cuts), (f"N{t}", leaf), given))
    place = {i: at for at, i in enumerate(leaf.heads)}
    k = len(place)
    ar.budget.hold(2 * k * k, "a leaf")
    cost, wide, diagonal = Fraction(0), Fraction(0), [0.0] * k
    if f"D{t}" in given.arrays:
        diagonal = list(given.get(f"D{t}", (k,)).data)
        square = array("d", bytes(8 * k * k))
        for i, x in enumerate(diagonal):
            square[i * k + i] = x
        g = ar.subtract(g, ar.load(Array((k, k), square)))
    for name, n, first in sides_of(pair):
        mine = {i - first: at for i, at in place.items() if first <= i < first + n.size}
        d = [Fraction(diagonal[mine[i]] if i in mine else 0) for i in range(n.size)]
        part, g = entries_part(ar, (n, f"S{t}.{name}", d), (g, mine, k), given)
        cost += part
        wide += Fraction(len(mine)) if n.name == "linf" else widest(n)  # merged counts once
    shift = shift_of(node, f"{where}.shift")
    size = k * (k + 1) // 2
    factor = given.get(f"L{t}", (size,)) if f"L{t}" in given.arrays else None
    top = max(ar.top(g, shift, factor), Fraction(0))
    return (cost + top * wide) / (1 if pair.symmetric else 2)


def sides_of(pair: Pair) -> tuple[tuple[str, Norm, int], ...]:
    """Return (name, norm, first coordinate) of each part of z."""
    left = ("left", pair.left, 0)
    return (left,) if pair.symmetric else (left, ("right", pair.right, pair.at.m))


def unpacked(a: Array, k: int) -> list[float]:
    """Unpack a symmetric matrix from the rows of its lower triangle, flat."""
    out = [0.0] * (k * k)
    for i, end in enumerate(accumulate(range(1, k + 1))):
        for j, x in enumerate(a.data[end - i - 1 : end]):
            out[i * k + j] = out[j * k + i] = x
    return out


def nonnegative_part(
    ar: Arithmetic[H], pair: Pair, whole: tuple[H, Array], step: tuple[str, Leaf], given: Arrays
) -> H:
    """Return hat(W) + B^T N B; N packed, over signed coordinates and then the leaf's cuts."""
    (hat, cuts), (name, leaf) = whole, step
    if name not in given.arrays:
        return hat
    k = cuts.shape[1]
    ar.budget.hold(4 * k * (k + len(leaf.cuts)), "products of nonnegative rows")
    signed = [
        (f + i, x) for _, n, f in sides_of(pair) for i in range(n.size) if (x := n.sign(i)) in "+-"
    ]
    p, q = len(signed), len(signed) + len(leaf.cuts)
    a = given.get(name, (q * (q + 1) // 2,))
    demand(min(a.data, default=0.0) >= 0, f"proof.{name}", "sign", min(a.data, default=0.0))
    full = unpacked(a, q)
    square, across = array("d", bytes(8 * k * k)), array("d", bytes(8 * k * (q - p)))
    for a_, (i, x) in enumerate(signed):
        for b_, (j, y) in enumerate(signed):
            square[i * k + j] = full[a_ * q + b_] if x == y else -full[a_ * q + b_]
        for c in range(p, q):
            across[i * (q - p) + c - p] = full[a_ * q + c] if x == "+" else -full[a_ * q + c]
    g = ar.add(hat, ar.load(Array((k, k), square)))
    return (
        g if p == q else ar.add(g, cut_part(ar, (cuts, leaf), Array((k, q - p), across), full, p))
    )


def cut_part(
    ar: Arithmetic[H], by: tuple[Array, Leaf], across: Array, full: list[float], p: int
) -> H:
    """Return E N12 C + (E N12 C)^T + C^T N22 C; the rows of C are the leaf's cuts."""
    cuts, leaf = by
    k, c = cuts.shape[1], len(leaf.cuts)
    q = p + c
    rows = [[s * x for x in cuts.data[e * k : e * k + k]] for e, s in leaf.cuts]
    C = ar.load(Array((k, c), array("d", [row[i] for i in range(k) for row in rows])))
    N12 = ar.load(across)
    N22 = ar.load(
        Array((c, c), array("d", [full[(p + i) * q + p + j] for i in range(c) for j in range(c)]))
    )
    out = ar.add(ar.multiply(N12, C), ar.multiply(C, N12))
    return ar.add(out, ar.multiply(ar.multiply(C, N22), C))


def restricted(ar: Arithmetic[H], leaf: Leaf, g: H) -> H:
    """Return M^T G M, where z = M y on the leaf's classes; G itself when nothing is merged."""
    k = len(leaf.classes)
    heads = leaf.heads
    if len(heads) == k:
        return g
    ar.budget.hold(k * len(heads), "merged coordinates")
    flat = array("d", bytes(8 * k * len(heads)))
    place = {c: r for r, c in enumerate(heads)}
    for i, (c, sign) in enumerate(leaf.classes):
        if sign:
            flat[place[c] * k + i] = sign
    M = ar.load(Array((len(heads), k), flat))
    return ar.multiply(ar.multiply(M, g), M)


def entries_part(
    ar: Arithmetic[H],
    what: tuple[Norm, str, list[Fraction]],
    where: tuple[H, dict[int, int], int],
    given: Arrays,
) -> tuple[Fraction, H]:
    """Return (cost of d and S on one side, G - A^T S A), A the coordinates or differences."""
    (n, name, d), (g, mine, k) = what, where
    if name not in given.arrays:
        linf = sum((max(x, Fraction(0)) for x in d), Fraction(0))
        return linf if n.name == "linf" else diagonal_cost(n, d), g
    summed = n.name in ("l1", "elastic", "variation") or (n.name, n.outer) == ("group", "l1")
    demand(summed, f"proof.{name}", "wrong_rule", n.name)
    ends = [(i, j) for i, j in n.edges()] if n.name == "variation" else []
    size = len(ends) if n.name == "variation" else n.size
    ar.budget.hold((k + size) * size, "multipliers of entries")
    ar.budget.spend(2 * FRACTION * size * size, "multipliers of entries")
    full = unpacked(given.get(name, (size * (size + 1) // 2,)), size)
    A = array("d", bytes(8 * k * size))
    for r in range(size):
        for i, x in zip(ends[r], (1.0, -1.0), strict=True) if ends else ((r, 1.0),):
            if i in mine:
                A[mine[i] * size + r] += x
    a, inside = ar.load(Array((k, size), A)), ar.load(Array((size, size), array("d", full)))
    g = ar.subtract(g, ar.multiply(ar.multiply(a, inside), a))
    return entries_cost(n, *largest_entries(n, d, full)), g


def largest_entries(n: Norm, d: list[Fraction], full: list[float]) -> tuple[Fraction, Fraction]:
    """Return (d', s): u^T (Diag(d) + A^T S A) u <= d' x^2 + s (y^2 - x^2), x = |u|_2.

    l1, elastic: y = |u|_1, d' = max d_i + S_ii and s = max |S_ij| off the diagonal (max S_ij
    if every coordinate is >= 0, or every one <= 0).  group: y = sum |u_g|_2, the same with
    the blocks' Frobenius norms.  variation: d' x^2 + s y^2, y = |A u|_1, d' = max d and
    s = max |S_ij|.
    """
    size, zero = math.isqrt(len(full)), Fraction(0)
    if n.name == "variation":
        s = max(zero, *(abs(Fraction(x)) for x in full))
        return max(zero, *d), s
    sizes: dict[tuple[int, int], Fraction] = {}
    for e, x in enumerate(full):
        i, j = divmod(e, size)
        at = (n.data[i], n.data[j]) if n.name == "group" else (i, j)
        sizes[at] = sizes.get(at, zero) + Fraction(x) ** 2 if n.name == "group" else Fraction(x)
    signed = n.cone in ("+", "-")
    if n.name == "group":
        sizes = {at: root(x).hi for at, x in sizes.items()}
    inside = [v + sizes[(n.data[i],) * 2 if n.name == "group" else (i, i)] for i, v in enumerate(d)]
    across = [x if signed else abs(x) for (i, j), x in sizes.items() if i != j]
    return max(zero, *inside), max([zero, *across])


def entries_cost(n: Norm, d: Fraction, s: Fraction) -> Fraction:
    """Bound d x^2 + s (y^2 - x^2), d >= s, over the unit ball: convex, so at a vertex.

    (d < s is raised to s.)  l1 and groups: x <= y <= 1, so d.  elastic: a y + (1 - a) x <= 1,
    x <= y <= sqrt(n) x.  variation, of d x^2 + s y^2: rho y + x <= 1, 0 <= y <= k x, where
    k^2 = sum degree^2, for y <= sum |u_i| + |u_j| = sum degree_i |u_i|.
    """
    if n.name == "elastic":
        d = max(d, s)
        far = n.scalar * root(Fraction(n.size)).lo + 1 - n.scalar
        return max(d, (d + s * (n.size - 1)) / far**2)
    if n.name == "variation":
        degree: dict[int, int] = {}
        for i in n.data:
            degree[i] = degree.get(i, 0) + 1
        square = Fraction(sum(k * k for k in degree.values()))
        return max(d, (d + s * square) / (1 + n.scalar * root(square).lo) ** 2)
    return max(d, s)


POLAR_RULES: dict[str, Callable[..., Fraction]] = {
    "conic": conic,
    "lines": lines,
    "spectral": spectral,
}


# --- rules for the polar of a tensor: sup <W, x1 o ... o xK> over theta <= 1 ----------


def polar_bound(ar: Arithmetic[H], pair: Space, w: H, proof: Json, given: Arrays) -> Fraction:
    """Prove an upper bound of the polar of W by the rule that the proof names.

    A tensor of order 2 is a matrix.  Of a symmetric one only the sum over the permutations
    of W counts: <W, x o ... o x> is 1/K! of that sum's.
    """
    if isinstance(pair, Network):
        return network_bound(ar, pair, w, proof, given)
    if isinstance(pair, Deep):
        return deep_bound(ar, pair, w, proof, given)
    if isinstance(pair, Modes) and len(pair.norms) == 2:
        pair = Pair(pair.at, pair.norms[0], pair.norms[1], pair.symmetric)
    rules = POLAR_RULES if isinstance(pair, Pair) else TENSOR_RULES
    name = str(proof.get("rule"))
    demand(name in rules, "proof.polar.rule", "unknown", name)
    if not isinstance(pair, Modes):
        return rules[name](ar, pair, w, proof, given)
    if not pair.symmetric:
        return rules[name](ar, pair, w, proof, given)
    whole = Modes(Pattern(pair.at.m, pair.at.n, dims=pair.at.dims), pair.norms, pair.symmetric)
    bound = rules[name](ar, whole, ar.permuted(w, pair.at), proof, given)
    return bound / math.factorial(len(pair.norms))


def slices(ar: Arithmetic[H], modes: Modes, w: H, proof: Json, given: Arrays) -> Fraction:
    """Prove sup <W, x1 o ... o xK> <= the largest bound of a slice, |xk|_1 <= 1 in mode k.

    The extreme points of the l1 ball in its cone are the unit vectors with a sign it allows,
    so the supremum over xk is at a slice of W with such a sign.  Where another factor is
    free its sign takes that one's place.  A factor that is all of them (symmetric) is
    bounded as if it were many.
    """
    axis, dims = proof.get("axis"), modes.at.sizes
    demand(type(axis) is int and 0 <= axis < len(dims), "proof.polar.axis", "axis", axis)
    k = int(axis or 0)
    n, rest = modes.norms[k], modes.norms[:k] + modes.norms[k + 1 :]
    demand(n.name == "l1", "proof.polar.rule", "wrong_rule", n.name)
    signs = SIGNS[n.cone][:1] if any(x.cone == "*" for x in rest) else SIGNS[n.cone]
    each = proof.get("each")
    demand(isinstance(each, list), "proof.polar.each", "list", type(each).__name__)
    found = list(each or [])
    wanted = len(signs) * n.size
    demand(len(found) == wanted, "proof.polar.each", "list", f"{len(found)}, not {wanted}")
    own = apart(given)
    sizes = dims[:k] + dims[k + 1 :]
    below = Modes(Pattern(sizes[0], math.prod(sizes[1:]), dims=sizes), rest)
    best = Fraction(0)
    for t, held in enumerate(found):
        demand(isinstance(held, dict), f"proof.polar.each[{t}]", "json", type(held).__name__)
        part = ar.fixed(w, modes.at, (k, t % n.size), signs[t // n.size])
        best = max(best, polar_bound(ar, below, part, held, own.get(t, Arrays({}, "proof"))))
    return best


def apart(given: Arrays) -> dict[int, Arrays]:
    """Return the arrays of each slice: s3.NAME is NAME of slice 3."""
    own: dict[int, dict[str, Array]] = {}
    for name, a in given.arrays.items():
        head, dot, rest = name.partition(".")
        if dot and head[:1] == "s" and head[1:].isdecimal() and len(head) < 20:
            own.setdefault(int(head[1:]), {})[rest] = a
    return {t: Arrays(arrays, given.where) for t, arrays in own.items()}


@dataclass(frozen=True)
class Group:
    """Some modes of a tensor, taken as one vector: the product of their factors.

    name    "rows" or "cols": of its multipliers
    modes   one or more times each; a factor that is there again is a copy
    first   where it starts among the rows of the matrix that is bounded
    one     all factors are the same vector
    """

    name: str
    modes: tuple[int, ...]
    norms: tuple[Norm, ...]
    first: int
    one: bool

    @property
    def places(self) -> list[list[int]]:
        """The places of each vector in the product."""
        held: dict[int, list[int]] = {}
        for at, mode in enumerate(self.modes):
            held.setdefault(0 if self.one else mode, []).append(at)
        return list(held.values())

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of the modes."""
        return tuple(n.size for n in self.norms)

    @property
    def count(self) -> int:
        """How many products of coordinates there are."""
        return math.prod(self.sizes)

    @property
    def wide(self) -> Fraction:
        """A bound of the squared l2 norm of the product."""
        return math.prod(map(widest, self.norms), start=Fraction(1))

    def cost(self, d: Sequence[Fraction]) -> Fraction:
        """Bound sup of sum d_a x_a^2 over products x by the largest sum over the cubes.

        The squares of a factor lie in the cube (linf), where each is at most 1, or in the
        simplex (l1, l2), where they sum to at most 1: for every index of these modes the
        d_a^+ are added over the indices of the others.
        """
        sums: dict[tuple[int, ...], Fraction] = {}
        for a, v in zip(product(*map(range, self.sizes)), d, strict=True):
            at = tuple(i for i, n in zip(a, self.norms, strict=True) if n.name != "linf")
            sums[at] = sums.get(at, Fraction(0)) + max(v, Fraction(0))
        return max(sums.values())

    def partner(self, a: tuple[int, ...], b: tuple[int, ...]) -> tuple[Any, Any]:
        """Return the pair of multi-indices that stands for all with the same monomial.

        The indices of each vector are sorted: the smaller half goes to the first.
        """
        c, d = list(a), list(b)
        for own in self.places:
            both = sorted([a[at] for at in own] + [b[at] for at in own])
            for at, low, high in zip(own, both, both[len(own) :], strict=False):
                c[at], d[at] = low, high
        return tuple(c), tuple(d)

    def pairs(self, *, canonical: bool) -> Pairs:
        """List pairs a <= b of multi-indices in row-major order, with their partners.

        canonical: those a < b that stand for a monomial that no sign makes negative (each
        factor has a sign, or enters as a square).  Else those that stand for another's.
        """
        every = [*product(*map(range, self.sizes))]
        flat = {index: at for at, index in enumerate(every, self.first)}
        out: list[list[int]] = [[], [], [], []]
        signed = [n.cone != "*" for n in self.norms]
        for at, a in enumerate(every):
            for b in every[at:]:
                c, d = self.partner(a, b)
                if canonical == ((a, b) != (c, d)):
                    continue
                fits = zip(a, b, signed, strict=True)
                if canonical and (a == b or not all(s or i == j for i, j, s in fits)):
                    continue
                for held, index in zip(out, (a, b, c, d), strict=True):
                    held.append(flat[index])
        return Pairs(out[0], out[1]) if canonical else Pairs(*out)


def transpose(ar: Arithmetic[H], modes: Modes, w: H, proof: Json, given: Arrays) -> Fraction:
    """Prove sup <W, x1 o ... o xK> by a relaxation of the products of two groups of modes.

    S is W + N unfolded, its rows the products x of the modes "rows", its columns the products
    y of the others.  N >= 0 has the sign of the product of all factors.  J stands for
    multipliers with x^T J x >= 0 on products (`leaf_of_products`).

        gram     S S^T + J <= Diag(D) + t I         x^T S y <= |S^T x| |y|
        hat      [[J, S], [S^T, J']] <= Diag(D) + t I    x^T S y <= 1/2 z^T hat z, z = (x, y)
        square   (S + S^T)/2 + J <= Diag(D) + t I   all factors one, y = x

    and each of x, y is bounded by what its norms allow (`Group.cost`, `Group.wide`).
    "copies", modes among the rows with an l2 norm, puts their factors into x once more, in the form
    gram, which is then S S^T (x) I + J: where a maximizer exists its l2 factors have norm 1,
    so |S^T x|^2 is the same; monomials with a factor twice have more null multipliers.
    The nodes are a tree of cases: {"split": s, "plus": i, "minus": j} splits at
    v^T Q v >= 0 and v^T Q v <= 0, v the factor of the mode splits[s], Q any symmetric
    matrix: both together are everything.
    """
    form, at = str(proof.get("form")), modes.at
    demand(form in ("gram", "hat", "square"), "proof.polar.form", "unknown", form)
    groups, s = grouped(ar, modes, w, proof, given)
    rows, cols = groups
    if form == "square":
        half = modes.symmetric and rows.count == cols.count and len(rows.modes) * 2 == len(at.dims)
        demand(half, "proof.polar.form", "wrong_rule", "square needs half of a symmetric tensor")
    held = (rows, cols) if form == "hat" else (rows,)
    k = sum(g.count for g in held)
    copies = rows.modes[len(modes.norms) - len(cols.modes) :]
    ar.budget.hold(k * k, "a relaxation")
    told = any(name[:1] in "KP" for name in given.arrays)
    ar.budget.afford(told * 8 * HELD * max(g.count**2 for g in held), "pairs of products")
    ar.budget.afford(parts_of(proof.get("nodes")) * 3 * MADE * k * k, "the leaves of a tree")
    demand(not copies or form == "gram", "proof.polar.copies", "wrong_rule", form)
    if form == "gram":
        base = copied(ar, ar.multiply(s, s), rows, len(copies))
    else:
        corner = Pattern(rows.count, cols.count)
        base = ar.hat(s, corner) if form == "hat" else ar.symmetric(s, corner)
    splits = proof.get("splits", [])
    demand(isinstance(splits, list), "proof.polar.splits", "list", type(splits).__name__)
    best = Fraction(0)
    for node, path in leaves(proof, len(splits), ar.budget):
        t, cost = leaf_of_products(ar, held, (base, node, path, splits), given)
        wide = sum((g.wide for g in held), Fraction(0))
        best = max(best, cost + t * wide)
    if form == "gram":
        return root(best * cols.wide).hi
    return best / 2 if form == "hat" else best


def grouped(
    ar: Arithmetic[H], modes: Modes, w: H, proof: Json, given: Arrays
) -> tuple[tuple[Group, Group], H]:
    """Return the two groups of modes, and W + N unfolded between them."""
    count, at = len(modes.norms), modes.at
    listed = proof.get("rows")
    good = isinstance(listed, list) and all(type(i) is int and 0 <= i < count for i in listed)
    good = good and listed == sorted(set(listed or ())) and 0 < len(listed or ()) < count
    demand(good, "proof.polar.rows", "axis", listed)
    left = tuple(listed or ())
    right = tuple(i for i in range(count) if i not in left)
    order, first = left + right, math.prod(at.sizes[i] for i in left)
    s = ar.unfold(w, at, order, first)
    if "N" in given.arrays:
        n = given.get("N", (at.m * at.n,))
        cones = [x.cone for x in modes.norms]
        demand("*" not in cones, "proof.N", "wrong_rule", "a factor without a sign")
        sign = (-1) ** cones.count("-")
        wrong = next((x for x in n.data if sign * x < 0), None)
        demand(wrong is None, "proof.N", "sign", wrong)
        whole = Pattern(at.m, at.n, dims=at.dims)
        s = ar.add(s, ar.unfold(ar.load(n), whole, order, first))
    again = proof.get("copies", [])
    good = isinstance(again, list) and all(type(i) is int and i in left for i in again)
    demand(good, "proof.polar.copies", "axis", again)
    norms = [modes.norms[i].name for i in again]
    demand(set(norms) <= {"l2"}, "proof.polar.copies", "wrong_rule", norms)
    made = [
        Group(name, own, tuple(modes.norms[i] for i in own), start, modes.symmetric)
        for name, own, start in (("rows", (*left, *again), 0), ("cols", right, first))
    ]
    return (made[0], made[1]), s


def copied(ar: Arithmetic[H], g: H, rows: Group, count: int) -> H:
    """Return G (x) I for the last `count` modes of a group."""
    for at in range(len(rows.modes) - count, len(rows.modes)):
        sizes = rows.sizes[: at + 1]
        ar.budget.hold(math.prod(sizes) ** 2, "copies")
        one = ar.load(on_diagonal([1.0] * sizes[-1]))
        g = ar.kronecker(one, g, Place(at, sizes, 0, math.prod(sizes)))
    return g


def leaves(
    proof: Json, splits: int, budget: Budget = Arithmetic.budget
) -> Iterator[tuple[Json, tuple[tuple[int, int], ...]]]:
    """Yield each leaf with the (split, sign) on its way from the root; the walk ends.

    A child comes after its parent and has one parent; every node is met.
    """
    nodes = proof.get("nodes", [])
    demand(isinstance(nodes, list), "proof.polar.nodes", "list", type(nodes).__name__)
    demand(bool(nodes), "proof.polar.nodes", "list", "no node")
    budget.spend(PATH * paths_of(nodes), "the paths of a tree")
    waiting: list[tuple[int, tuple[tuple[int, int], ...]]] = [(0, ())]
    seen = set[int]()
    while waiting:
        at, path = waiting.pop()
        where = f"proof.polar.nodes[{at}]"
        demand(at not in seen, where, "tree", "two parents")
        seen.add(at)
        node = node_of(nodes, at, ("split", "leaf"))
        if "leaf" in node:
            yield node, path
            continue
        s = node.get("split")
        demand(type(s) is int and 0 <= s < splits, where, "outside", s)
        found = children({k: node.get(k) for k in ("plus", "minus")}, at, len(nodes))
        demand(len(found) == 2, where, "tree", found)
        waiting += [
            (child, (*path, (int(s or 0), sign)))
            for child, sign in zip(found, (1, -1), strict=True)
        ]
    met = f"{len(seen)} of {len(nodes)} nodes met"
    demand(len(seen) == len(nodes), "proof.polar.nodes", "tree", met)


def leaf_of_products(
    ar: Arithmetic[H],
    groups: Sequence[Group],
    what: tuple[H, Json, tuple[tuple[int, int], ...], list[Any]],
    given: Arrays,
) -> tuple[Fraction, Fraction]:
    """Prove base + J <= Diag(D) + t I on a leaf; return (t, the cost of D).

    z^T J z >= 0 for z the groups' products, J the sum of

        K      null multipliers: a number k at (a, b), -k at the pair (c, d) that has the same
               monomial x_a x_b = x_c x_d; halved on the diagonal, so that z^T K z = 0
        P      numbers >= 0 at pairs whose monomial no sign makes negative
        F      for a split s on the way, sign * Q (x) F F^T: (sign v^T Q v) |F^T y|^2 >= 0
    """
    g, node, path, splits = what
    t = node["leaf"]
    demand(type(t) is int and t >= 0, "proof.polar.nodes", "outside", t)
    k = sum(x.count for x in groups)
    for group in groups:
        for letter, canonical in (("K", False), ("P", True)):
            name = f"{letter}{t}.{group.name}"
            if name not in given.arrays:
                continue
            ar.budget.hold(8 * group.count**2, "pairs of products")
            pairs = group.pairs(canonical=canonical)
            values = given.get(name, (len(pairs.a),))
            least = min(values.data, default=0.0)
            demand(letter == "K" or least >= 0, f"proof.{name}", "sign", least)
            g = ar.add(g, ar.placed(values, pairs, k))
    for s, sign in path:
        if f"F{t}.{s}" in given.arrays:
            g = ar.add(g, split_part(ar, groups, (splits[s], s, sign, t), given))
    cost = Fraction(0)
    if f"D{t}" in given.arrays:
        diagonal = given.get(f"D{t}", (k,)).data
        g = ar.subtract(g, ar.load(on_diagonal(diagonal)))
        parts = [diagonal[x.first : x.first + x.count] for x in groups]
        ar.budget.hold(k * k, "a diagonal")
        ar.budget.spend(2 * FRACTION * k, "the cost of a diagonal")
        cost = sum(
            (x.cost([*map(Fraction, d)]) for x, d in zip(groups, parts, strict=True)), Fraction(0)
        )
    size = k * (k + 1) // 2
    factor = given.get(f"L{t}", (size,)) if f"L{t}" in given.arrays else None
    top = ar.top(g, shift_of(node, "proof.polar.nodes.shift"), factor)
    return max(top, Fraction(0)), cost


def on_diagonal(values: Sequence[float]) -> Array:
    """Return Diag(values)."""
    k = len(values)
    square = array("d", bytes(8 * k * k))
    for i, x in enumerate(values):
        square[i * k + i] = x
    return Array((k, k), square)


def split_part(
    ar: Arithmetic[H], groups: Sequence[Group], what: tuple[object, int, int, int], given: Arrays
) -> H:
    """Return sign * Q (x) F F^T in its group's block."""
    mode, s, sign, t = what
    home = next((g for g in groups if mode in g.modes), None)
    demand(type(mode) is int and home is not None, f"proof.polar.splits[{s}]", "axis", mode)
    group = home or groups[0]
    at = group.modes.index(int(str(mode)))
    d = group.sizes[at]
    q = given.get(f"Q{s}", (d, d))
    even = all(q.data[i * d + j] == q.data[j * d + i] for i in range(d) for j in range(i))
    demand(even, f"proof.Q{s}", "symmetric", "Q differs from its transpose")
    held = ar.load(Array((d, d), array("d", (sign * x for x in q.data))))
    f = ar.load(given.get(f"F{t}.{s}", (group.count // d, None)))
    k = sum(x.count for x in groups)
    return ar.kronecker(held, ar.multiply(f, f), Place(at, group.sizes, group.first, k))


TENSOR_RULES: dict[str, Callable[..., Fraction]] = {"slices": slices, "transpose": transpose}


# --- rules for the polar of a network: sup <W, pool(s(F u)) v^T> over |u||v| <= 1 ---------


def rows_of(a: Array) -> list[Sequence[float]]:
    """Return the rows of a matrix."""
    d = a.shape[1]
    return [a.data[i * d : i * d + d] for i in range(a.shape[0])]


def float_above(x: Fraction, where: str) -> float:
    """Return a finite float at least x; refuse what no float is."""
    demand(2 * x < sys.float_info.max, where, "overflow", shown(x))
    return math.nextafter(float(x), math.inf)


def network_bound(ar: Arithmetic[H], net: Network, w: H, proof: Json, given: Arrays) -> Fraction:
    """Prove an upper bound of the polar by the rule that the proof names.

    linear    slope 1: s(F u) = F u, and the polar is that of F^T W for u v^T.
    network   bounds sup |W^T s(F u)|_2 over |u| <= 1: for outputs in l2 that is the polar,
              in l1 the largest entry is no larger, in linf the sum is sqrt(outputs) times it
              at most.
    outputs   one output at a time, the t-th one's arrays named s<t>.NAME: the largest of
              their bounds (l1), the sum (linf) or the root of the sum of squares (l2).
    max_pool  for the largest of a sample's rows, of one output; of several, each of "outputs"
              is a proof of it.
    """
    rule, n = str(proof.get("rule")), net.right
    listed = rule in ("linear", "max_pool", "network", "outputs")
    demand(listed, "proof.polar.rule", "unknown", rule)
    fits = rule == "outputs" or (rule == "max_pool") == net.most
    demand(fits, "proof.polar.rule", "wrong_rule", f"{rule} of the {('sum', 'largest')[net.most]}")
    if rule == "max_pool":
        demand(n.size == 1, "proof.polar.rule", "wrong_rule", f"{rule} of {n.size} outputs")
        return max_pool(ar, net, w, proof, given)
    if rule == "linear":
        demand(net.slope == 1, "proof.polar.rule", "wrong_rule", f"slope {net.slope}")
        return of_linear(ar, net, w, proof, given)
    demand(net.left.name in ("l2", "biased"), "proof.polar.rule", "wrong_rule", net.left.name)
    if rule == "network":
        bound = network(ar, net, w, proof, given)
        return root(bound * bound * n.size).hi if n.name == "linf" else bound
    each = proof.get("each")
    demand(isinstance(each, list), "proof.polar.each", "list", type(each).__name__)
    found = list(each or [])
    demand(len(found) == n.size, "proof.polar.each", "list", f"{len(found)}, not {n.size}")
    own, bounds = apart(given), []
    one = net._replace(at=Pattern(net.at.m, 1), right=Norm("l2", 1, n.cone))
    for t, held in enumerate(found):
        demand(isinstance(held, dict), f"proof.polar.each[{t}]", "json", type(held).__name__)
        column = ar.fixed(w, net.at, (1, t), 1)
        bounded = max_pool if net.most else network
        bounds.append(bounded(ar, one, column, held, own.get(t, Arrays({}, "proof"))))
    if n.name == "l1":
        return max(bounds)
    if n.name == "linf":
        return sum(bounds, Fraction(0))
    return root(sum((b * b for b in bounds), Fraction(0))).hi


def max_pool(ar: Arithmetic[H], net: Network, w: H, proof: Json, given: Arrays) -> Fraction:
    """Prove sup sum_k w_k h_k(u) v over |u|, |v| <= 1, h_k(u) = max_i (f_i . u)_+ of its rows.

    v = e, a sign: a tree for each sign that v may have, the t-th one's arrays named s<t>.NAME.
    {"split": s, "plus": i, "minus": j} splits at g . u >= 0 and <= 0 for row g of "splits"
    (count, d): both children are everything.  In {"leaf": t, ...}, its arrays s<t>.NAME, sum_k e
    w_k h_k(u) <= sum_k w_k e sum_i (g_i . u)_+ + extra over |u| <= 1, the rows g_i those of
    `dominating`: a layer that sums its rows, with v of that one sign, whose polar on the leaf
    `network` bounds by the rest of the leaf.
    """
    each, signs = proof.get("each"), SIGNS[net.right.cone]
    demand(isinstance(each, list), "proof.polar.each", "list", type(each).__name__)
    found = list(each or [])
    demand(len(found) == len(signs), "proof.polar.each", "list", f"{len(found)}, not {len(signs)}")
    lines, e = ar.exact_lines(w, 1, net.at)
    omega = [v * power(e) for v in next(iter(lines))]
    own, best = apart(given), Fraction(0)
    leaf = 8 * FRACTION * len(net.features.data)
    for t, (sign, held) in enumerate(zip(signs, found, strict=True)):
        demand(isinstance(held, dict), f"proof.polar.each[{t}]", "json", type(held).__name__)
        arrays, signed = own.get(t, Arrays({}, "proof")), [sign * x for x in omega]
        right, splits = Norm("l2", 1, "+" if sign > 0 else "-"), list[Sequence[float]]()
        if "splits" in arrays.arrays:
            splits = rows_of(arrays.get("splits", (None, net.features.shape[1])))
        parts = apart(arrays)
        ar.budget.afford(parts_of(held.get("nodes")) * leaf, "the leaves of a tree")
        for node, path in leaves(held, len(splits), ar.budget):
            ar.budget.spend(leaf + HELD * len(path) * net.features.shape[1], "a leaf's rows")
            j = node["leaf"]
            demand(type(j) is int, "proof.polar.nodes", "outside", j)
            mine = parts.get(j, Arrays({}, "proof"))
            sides = [array("d", (s * x for x in splits[k])) for k, s in path]
            summed, extra = dominating(net, signed, mine.get("base", (net.at.m,), "q").data, sides)
            best = max(best, network(ar, summed._replace(right=right), w, node, mine) + extra)
    return best


def dominating(
    net: Network, omega: Sequence[Fraction], base: Sequence[int], sides: Sequence[Sequence[float]]
) -> tuple[Network, Fraction]:
    """Return a layer that sums its rows, and extra: sum_k omega_k h_k(u) <= its value + extra.

    h_k = max_i (a_i)_+ over the rows of sample k, a_i = f_i . u, |u| <= 1; b = base_k, one of them.

        omega_k <= 0    h_k >= (a_b)_+
        omega_k > 0     h_k <= sum_i (a_i)_+                           where base_k = -1
                        h_k <= (a_b)_+ + sum_{i != b} (a_i - a_b)_+    else, since
                        a_i = a_b + (a_i - a_b) <= (a_b)_+ + (a_i - a_b)_+

    A difference f_i - f_b is rounded to floats g, and (x + y)_+ <= (x)_+ + |y| takes the rest:
    extra is the sum of omega_k |f_i - f_b - g|.  The rows `sides`, of no sample, stand last: the
    value is asked for where they are >= 0.
    """
    rows, where = rows_of(net.features), "proof.base"
    own: list[list[int]] = [[] for _ in omega]
    for i, k in enumerate(net.samples):
        own[k].append(i)
    out, samples, extra = array("d"), [], Fraction(0)
    for k, (x, b) in enumerate(zip(omega, base, strict=True)):
        summed = b == -1 and x > 0
        demand(summed or b in own[k], where, "outside", f"{b} of sample {k}")
        for i in own[k] if x > 0 else [b]:
            g = array("d", rows[i])
            if not summed and i != b:
                g = array("d", (p - q for p, q in zip(rows[i], rows[b], strict=True)))
                demand(all(map(math.isfinite, g)), where, "overflow", f"{i} less {b}")
                parts = zip(*(map(Fraction, y) for y in (rows[i], rows[b], g)), strict=True)
                extra += x * root(sum(((p - q - r) ** 2 for p, q, r in parts), Fraction(0))).hi
            out.extend(g)
            samples.append(k)
    for side in sides:
        out.extend(side)
        samples.append(-1)
    features = Array((len(samples), net.features.shape[1]), out)
    made = net._replace(features=features, samples=samples, most=False, inside=len(sides))
    return made, extra


def of_linear(ar: Arithmetic[H], net: Network, w: H, proof: Json, given: Arrays) -> Fraction:
    """Prove sup <W, pool(F u) v^T> = sup u^T (F^T W) v by a rule of matrices, "of".

    Of one output every norm is |v|: it is taken as l1, whose polar is closed.
    """
    demand(not net.free, "proof.polar.rule", "wrong_rule", "an unpriced bias")
    held = proof.get("of")
    demand(isinstance(held, dict), "proof.polar.of", "json", type(held).__name__)
    inner = dict(held or {})
    name = str(inner.get("rule"))
    demand(name in POLAR_RULES, "proof.polar.of.rule", "unknown", name)
    d, c = net.features.shape[1], net.right.size
    right = replace(net.right, name="l1") if c == 1 else net.right
    if c == 1 and name == "lines":  # a vector: exactly in every arithmetic
        entries, e = ar.exact_lines(w, 1, net.at)
        column = next(iter(entries))
        own = Grid([column[k] for k in net.samples], e, (1, len(net.samples)))
        exact = Metered(Exact(), ar.budget)
        line = exact.multiply(exact.load(transposed(net.features)), own)  # (d, 1)
        return lines(exact, Pair(Pattern(d, 1), net.left, right), line, inner, given)
    pulled = net.pulled(ar, w)  # (c, m)
    back = ar.multiply(ar.load(transposed(net.features)), pulled)  # (d, c)
    flat = ar.unfold(back, Pattern(d, c), (0, 1), 1)
    return POLAR_RULES[name](ar, Pair(Pattern(d, c), net.left, right), flat, inner, given)


def deep_bound(ar: Arithmetic[H], net: Deep, w: H, proof: Json, given: Arrays) -> Fraction:
    """Prove a bound of sup <W, s(... s(F X1) ...) XK> over |X1|_F ... |XK|_F <= 1.

    linear   slope 1: <F^T W, X1 ... XK> <= sigma_1(F^T W) |X1 ... XK|_*, and the nuclear norm
             of a product is at most the product of two, hence of all, Frobenius norms.
    layers   <W, H XK> <= |W|_2 |H|_F |XK|_F; |s(G X)|_F <= L |G|_F |X|_F, L = max(1, |slope|);
             |F X1|_F <= |F|_2 |X1|_F.  So it is at most |W|_2 |F|_2 L^(K-1), both
             spectral norms by their Gram matrices (arrays "W.L", "F.L").
    """
    rule = str(proof.get("rule"))
    demand(rule in ("linear", "layers"), "proof.polar.rule", "unknown", rule)
    (d, c), m = (net.widths[0], net.widths[-1]), net.at.m
    if rule == "linear":
        demand(net.slope == 1, "proof.polar.rule", "wrong_rule", f"slope {shown(net.slope)}")
        one = Network(net.at, net.features, range(m), net.slope, Norm("l2", d), Norm("l2", c))
        return of_linear(ar, one, w, proof, given)
    bound = net.steep
    for name, field, at in (
        ("W", w, net.at),
        ("F", ar.load(flat_of(net.features)), Pattern(m, d)),
    ):
        held = proof.get(name)
        demand(isinstance(held, dict), f"proof.polar.{name}", "json", type(held).__name__)
        axis = gram_side(dict(held or {}), at, f"proof.polar.{name}.axis", held=False)
        g, slack = ar.gram(field, axis, at)
        k = (at.m, at.n)[axis]
        label, size = f"{name}.L", k * (k + 1) // 2
        factor = given.get(label, (size,)) if label in given.arrays else None
        t = ar.top(g, shift_of(dict(held or {}), f"proof.polar.{name}.shift"), factor)
        bound *= root(max(t, Fraction(0))).hi + slack
    return bound


class Region(NamedTuple):
    """What holds in a part: which sign of w^T s counts, and (kind, index, sign) of its cuts."""

    sign: int = 0
    cuts: tuple[tuple[str, int, int], ...] = ()


@dataclass(frozen=True)
class Case(Generic[H]):
    """One polar of a network: (c, m) the dual point on the rows of F, and the rows of cuts.

    omega  of one output: the same, exactly
    rows   the rows of F; radii: |f_i . u| over |u| <= 1 is at most that; reach: so is |b|
    """

    net: Network
    pulled: H
    omega: Sequence[Fraction]
    cuts: Array

    @cached_property
    def rows(self) -> list[list[Fraction]]:
        """The rows of F, exactly."""
        return [[Fraction(x) for x in row] for row in rows_of(self.net.features)]

    @cached_property
    def reach(self) -> Fraction:
        """As that of the network, computed once."""
        return self.net.reach

    @cached_property
    def radii(self) -> list[Fraction]:
        """As those of the network, computed once."""
        return self.net.radii()


def network(ar: Arithmetic[H], net: Network, w: H, proof: Json, given: Arrays) -> Fraction:
    """Prove sup |W^T pool(s(F u))|_2 over |u| <= 1 <= the largest bound over a tree of cases.

    Over the u where the last `net.inside` rows are >= 0; these are first on every path.

    {"signs": [i, j]}, at the root and for one output: w^T s and -w^T s by themselves (one
    child where v has a sign).  {"row": i, "plus": a, "minus": b} splits at f_i . u >= 0 and <= 0,
    {"cut": c, ...} at a . x >= 0 and <= 0 for any row a of "cuts" over x = (p, u), p =
    (F u)_+: both children together are everything.  {"cell": ...} is `cell_bound`,
    {"leaf": t, ...} is `network_leaf`.  A child comes after its parent and has one parent.
    """
    nodes = proof.get("nodes")
    demand(isinstance(nodes, list) and bool(nodes), "proof.polar.nodes", "list", "no node")
    listed: list[Any] = list(nodes or [])
    m, d = net.features.shape
    leaf = 2 * m * m * (m + d) + 3 * MADE * (m + d) ** 2
    ar.budget.afford(parts_of(listed) * leaf, "the leaves of a tree")
    cells = parts_of(listed, "cell") * 2 * FRACTION * m * (d + 1)
    ar.budget.spend(cells, "the cells of a tree")
    ar.budget.spend(PATH * paths_of(listed), "the paths of a tree")
    ar.budget.spend(3 * FRACTION * m * d, "rows in fractions")
    known = "cuts" in given.arrays
    cuts = given.get("cuts", (None, m + d)) if known else Array((0, m + d), array("d"))
    omega: list[Fraction] = []
    if net.right.size == 1:
        lines, e = ar.exact_lines(w, 1, net.at)
        omega = [v * power(e) for v in next(iter(lines))]
        omega = [omega[k] if k >= 0 else Fraction(0) for k in net.samples]
    case = Case(net, net.pulled(ar, w), omega, cuts)
    inside = tuple(("row", i, 1) for i in range(m - net.inside, m))
    waiting: list[tuple[int, Region]] = [(0, Region(0, inside))]
    best, seen = Fraction(0), set[int]()
    while waiting:
        at, path = waiting.pop()
        where = f"proof.polar.nodes[{at}]"
        demand(at not in seen, where, "tree", "two parents")
        seen.add(at)
        node = node_of(listed, at, ("signs", "row", "cut", "cell", "leaf"))
        if "cell" in node:
            best = max(best, cell_bound(case, path, node))
        elif "leaf" in node:
            best = max(best, network_leaf(ar, case, (path, node), given))
        else:
            waiting += branches(case, path, node, (at, len(listed)))
    met = f"{len(seen)} of {len(listed)} nodes met"
    demand(len(seen) == len(listed), "proof.polar.nodes", "tree", met)
    return best


def branches(
    case: Case[H], path: Region, node: Json, where: tuple[int, int]
) -> list[tuple[int, Region]]:
    """Return the children of a node with what holds in each."""
    at, count = where
    name = f"proof.polar.nodes[{at}]"
    if "signs" in node:
        demand(case.net.right.size == 1 and at == 0, name, "tree", "signs")
        found = children({"groups": 0, "each": node["signs"]}, at, count)
        signs = SIGNS[case.net.right.cone]
        demand(len(found) == len(signs), name, "tree", found)
        return [(c, path._replace(sign=s)) for c, s in zip(found, signs, strict=True)]
    kind = "row" if "row" in node else "cut"
    limit = (case.net.features if kind == "row" else case.cuts).shape[0]
    index = node[kind]
    demand(type(index) is int and 0 <= index < limit, name, "outside", index)
    found = children({k: node.get(k) for k in ("plus", "minus")}, at, count)
    demand(len(found) == 2, name, "tree", found)
    pairs = zip(found, (1, -1), strict=True)
    return [(c, path._replace(cuts=(*path.cuts, (kind, index, s)))) for c, s in pairs]


def sparse_numbers(held: object, where: str, limit: int) -> dict[int, Fraction]:
    """Read [[index, "0x..."], ...], each index once."""
    demand(isinstance(held, list), where, "list", type(held).__name__)
    out: dict[int, Fraction] = {}
    for item in held if isinstance(held, list) else []:
        demand(isinstance(item, list) and len(item) == 2, where, "pair", item)
        k = item[0]
        demand(type(k) is int and 0 <= k < limit and k not in out, where, "outside", k)
        out[k] = number(item[1], where)
    return out


def cell_bound(case: Case[H], path: Region, node: Json) -> Fraction:
    """Prove sup of sign * w^T s(F u) on a cone: it is at most a linear function there.

    With omega = sign * w on a row f of F and slope a <= 1, s is convex.  Where the path
    holds the row's sign, s(z) = z or a z.  Else omega < 0 uses s(z) >= rho z, rho in [a, 1] ("rho",
    a where it has none), and omega > 0 a line above s on the row's range (`chords`).
    Adding mu_k >= 0 times a row on the path,
    sup { c . u : |u| <= 1, the path } <= |c + sum mu_k sign_k f_k|.  An unpriced bias has
    |b| <= reach, so its coefficient counts that often.
    """
    net, where = case.net, "proof.polar.nodes.cell"
    demand(node["cell"] == 0, where, "unknown", node["cell"])
    a, m = net.slope, net.features.shape[0]
    demand(path.sign != 0 and a <= 1, where, "wrong_rule", "a cell needs a sign and slope <= 1")
    signs = {k: s for kind, k, s in path.cuts if kind == "row"}
    rho = sparse_numbers(node.get("rho", []), where, m)
    chord = chords(case, path, node)
    factors, extra = dict.fromkeys(range(m), Fraction(0)), Fraction(0)
    for i, w in enumerate(case.omega):
        omega = path.sign * w
        if i in signs:
            factors[i] += omega * (1 if signs[i] > 0 else a)
        elif omega < 0:
            factor = rho.get(i, a)
            demand(a <= factor <= 1, where, "sign", f"rho {float(factor)}")
            factors[i] += omega * factor
        elif omega > 0:
            kappa, low, high = chord.get(i, ((1 + a) / 2, case.radii[i], case.radii[i]))
            factors[i] += omega * kappa
            extra += omega * max((kappa - a) * low, (1 - kappa) * high)
    return farthest(case, path, factors, node.get("mu", [])) + extra


def chords(
    case: Case[H], path: Region, node: Json
) -> dict[int, tuple[Fraction, Fraction, Fraction]]:
    """Read "chords": [[i, kappa, low, high], ...], and prove the range of each row's z = f_i . u.

    With mu = high, z <= |f_i + sum mu_k sign_k f_k|, with mu = low the same of -z; so
    -lo <= z <= hi on the path, and for kappa in [a, 1], s being convex,

        s(z) <= kappa z + max((kappa - a) lo, (1 - kappa) hi).

    A row without one has kappa = (1 + a) / 2 and |z| <= |f_i|.
    """
    where, held = "proof.polar.nodes.chords", node.get("chords", [])
    demand(isinstance(held, list), where, "list", type(held).__name__)
    out: dict[int, tuple[Fraction, Fraction, Fraction]] = {}
    for item in held:
        demand(isinstance(item, list) and len(item) == 4, where, "chord", item)
        i, kappa = item[0], number(item[1], where)
        demand(type(i) is int and 0 <= i < len(case.rows) and i not in out, where, "outside", i)
        demand(case.net.slope <= kappa <= 1, where, "sign", f"kappa {float(kappa)}")
        low, high = (farthest(case, path, {i: Fraction(s)}, item[2 + (s > 0)]) for s in (-1, 1))
        out[i] = kappa, min(low, case.radii[i]), min(high, case.radii[i])
    return out


def farthest(
    case: Case[H], path: Region, factors: Mapping[int, Fraction], held: object
) -> Fraction:
    """Bound sup { sum factor_i f_i . u : |u| <= 1, the path } by mu, as `cell_bound` does."""
    where, total = "proof.polar.nodes.cell", dict(factors)
    for k, mu in sparse_numbers(held, where, len(path.cuts)).items():
        kind, i, s = path.cuts[k]
        demand(mu >= 0 and kind == "row", where, "sign", f"{float(mu)} of a {kind}")
        total[i] = total.get(i, Fraction(0)) + s * mu
    used = [(f, case.rows[i]) for i, f in total.items() if f]
    d = case.net.features.shape[1]
    sums = [sum((f * row[j] for f, row in used), Fraction(0)) for j in range(d)]
    last = abs(sums.pop()) * case.reach if case.net.free else Fraction(0)
    return root(sum((x * x for x in sums), Fraction(0))).hi + last


def network_leaf(
    ar: Arithmetic[H], case: Case[H], what: tuple[Region, Json], given: Arrays
) -> Fraction:
    """Prove the bound of a part by products of nonnegative facts.

    x = (p / tau, u), p = (F u)_+, q = p - F u, so p_i q_i = 0 and s(F u) = p - a q; tau is a power
    of two.  Facts B x >= 0: the rows of p, of q, then sign * (each cut of the path).  With
    "radial" x has one coordinate more, s = |u| (of the priced part), and after q the facts
    s, r_i s - p_i, r_i s - q_i, r_i >= the largest |f_i . u| over |u| = 1.
    "N<t>", packed, is >= 0 but where p_i meets q_i, so x^T B^T N B x >= 0.  C is A^T A,
    A x = W^T s(F u); or, "linear", with a sign and one output, sign * s A, the value times s.
    Then

        C + B^T N B <= Diag(0, level, bias, radial) + t I
        =>  the value, squared or linear, <= (level + radial)^+ + bias^+ reach^2 + t^+ |x|^2

    with |x|^2 <= (1 + |F|^2 / tau^2) (1 + reach^2) + 1, reach = 0 where no bias is unpriced.
    """
    path, node = what
    net, where, t = case.net, "proof.polar.nodes", node["leaf"]
    demand(type(t) is int and t >= 0, where, "outside", t)
    tau = number(node.get("tau"), f"{where}.tau")
    halves = tau.numerator & (tau.numerator - 1) or tau.denominator & (tau.denominator - 1)
    demand(tau > 0 and not halves, f"{where}.tau", "dyadic", shown(tau))
    radial, linear = "radial" in node, switched(node, "linear", where)
    k = sum(net.features.shape) + radial
    h = (4 if radial else 2) * len(net.samples) + radial + len(path.cuts)
    ar.budget.hold((k + h) * (k + h), "nonnegative facts")
    B = facts(case, path, float(tau), radial=radial)
    across = ar.load(transposed(B))  # (k, h)
    A = ar.multiply(ar.multiply(across, ar.load(net.mixed(h))), case.pulled)  # (k, c)
    if linear:
        fits = radial and path.sign != 0 and net.right.size == 1
        demand(fits, f"{where}.linear", "wrong_rule", "needs radial, a sign and one output")
        half = ar.load(Array((k, 1), array("d", [0.0] * (k - 1) + [path.sign / 2])))
        g = ar.add(ar.multiply(A, half), ar.multiply(half, A))
    else:
        g = ar.multiply(A, A)
    if f"N{t}" in given.arrays:
        N = products_of_facts(given, f"N{t}", h, net.features.shape[0])
        g = ar.add(g, ar.multiply(ar.multiply(across, ar.load(N)), across))
    levels = {x: leveled(node, x, where) for x in ("level", "bias", "radial")}
    m, d = net.features.shape
    diagonal = [0.0] * m + [float(levels["level"])] * (d - net.free)
    diagonal += [float(levels["bias"])] * net.free + [float(levels["radial"])] * radial
    g = ar.subtract(g, ar.load(on_diagonal(diagonal)))
    factor = given.get(f"L{t}", (k * (k + 1) // 2,)) if f"L{t}" in given.arrays else None
    top = max(ar.top(g, shift_of(node, f"{where}.shift"), factor), Fraction(0))
    far = case.reach * case.reach if net.free else Fraction(0)
    wide = (1 + squares_exactly(net.features.data) / (tau * tau)) * (1 + far) + 1
    both = levels["level"] + (levels["radial"] if radial else 0)
    bound = max(both, Fraction(0)) + max(levels["bias"], Fraction(0)) * far + top * wide
    return bound if linear else root(bound).hi


def leveled(node: Json, name: str, where: str) -> Fraction:
    """Read a number of the diagonal; 0 if there is none."""
    return number(node[name], f"{where}.{name}") if name in node else Fraction(0)


def products_of_facts(given: Arrays, name: str, h: int, m: int) -> Array:
    """Read N: packed, >= 0 but where p_i meets q_i."""
    a = given.get(name, (h * (h + 1) // 2,))
    full = unpacked(a, h)
    for i, end in enumerate(accumulate(range(1, h + 1))):
        row = a.data[end - i - 1 : end]
        free = row[i - m] if m <= i < 2 * m else 0.0
        least = min(row)
        if least < 0 and not (least == free and sum(x < 0 for x in row) == 1):
            raise RejectedError(f"proof.{name}", "sign", least)
    return Array((h, h), array("d", full))


def facts(case: Case[H], path: Region, tau: float, *, radial: bool) -> Array:
    """Return B: one row for each fact over x = (p / tau, u), or (p / tau, u, s)."""
    net = case.net
    m, d = net.features.shape
    rows = rows_of(net.features)
    out = array("d")

    def put(p: Mapping[int, float], u: Sequence[float], s: float) -> None:
        """Append one row."""
        line = array("d", bytes(8 * m))
        for i, x in p.items():
            line[i] = x
        out.extend(line)
        out.extend(u)
        out.extend([s] * radial)

    zero = [0.0] * d
    for i in range(m):
        put({i: tau}, zero, 0.0)
    for i in range(m):
        put({i: tau}, [-x for x in rows[i]], 0.0)
    if radial:
        put({}, zero, 1.0)
        far = [float_above(x, "statement.features") for x in case.radii]
        for i in range(m):
            put({i: -tau}, zero, far[i])
        for i in range(m):
            put({i: -tau}, rows[i], far[i])
    for kind, k, sign in path.cuts:
        if kind == "row":
            put({}, [sign * x for x in rows[k]], 0.0)
            continue
        line = case.cuts.data[k * (m + d) : (k + 1) * (m + d)]
        lost = next((x for x in line[:m] if tau * x / tau != x), None)  # one cut for all parts
        demand(lost is None, "proof.cuts", "underflow", lost)
        put({i: sign * tau * x for i, x in enumerate(line[:m])}, [sign * x for x in line[m:]], 0.0)
    return Array((len(out) // (m + d + radial), m + d + radial), out)


# --- bounds -------------------------------------------------------------------------


class Bound(NamedTuple):
    """A proved number and the rules that proved it."""

    value: Fraction
    rules: tuple[str, ...]


def weak_duality(ar: Arithmetic[H], asked: Question, proof: Json, given: Arrays) -> Bound:
    """Prove f_s >= d(sW) for every size s and all offsets, where P(W) s <= lam.

    f_s >= d(sW) - s<W, sum phi> + lam sum theta >= d(sW), since <W, phi(x)> <= P theta(x).
    The rule scales W itself, so a large bound P only weakens the result.  f >= d(0) always.
    """
    least = least_loss(asked)
    if "W" not in given.arrays:
        return Bound(least, ("trivial",))
    dual = dual_point(ar, asked, proof, given, "W")
    polar = part(proof, "polar")
    if isinstance(asked.pair, Network) and asked.pair.free:
        unpriced(ar, asked, dual)
    bound, name = polar_bound(ar, asked.pair, dual.field, polar, given), named_rule(polar)
    bound += dual.stray * asked.wide
    s = min(Fraction(1), asked.lam / bound) if bound else Fraction(1)
    limit = dual_limit(ar, asked, dual)
    s = s if limit is None else min(s, limit)
    s = s if isinstance(asked.loss, Squared) else coarse(s)
    cost = ridge_cost(ar, asked, dual, given, "W")
    value = dual_value(ar, asked, dual, cost, s)
    return Bound(max(value, least), (name, "weak_duality"))


def named_rule(polar: Json) -> str:
    """Name the rule that a proof names, and how far it went: copies, parts."""
    nodes, name = polar.get("nodes"), str(polar.get("rule"))
    if name not in ("transpose", "network") or not isinstance(nodes, list):
        return name
    parts = sum("leaf" in node or "cell" in node for node in nodes)
    name += " with copies" if polar.get("copies") else ""
    return name if parts < 2 else f"{name} in {parts} parts"


def unpriced(ar: Arithmetic[H], asked: Question, dual: Dual[H]) -> None:
    """Demand that every column of W sums to zero, exactly: else an unpriced bias has no bound."""
    totals = adjoint(ar, asked, dual, Offset("column", Fraction(0)))
    wrong = next((t for t in totals if t), None)
    demand(wrong is None, f"proof.{dual.name}", "orthogonal", f"bias: {wrong and shown(wrong)}")


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
    """Bound f over rank <= r by the rule whose witness the proof has; f >= d(0) without one."""
    held = "blocks" in proof or "K" in given.arrays
    kind = type(asked.loss).__name__
    demand(not held or isinstance(asked.loss, Squared), "statement.loss", "scope", kind)
    matrix = isinstance(asked.pair, Pair)
    demand(not held or matrix, "statement.atom", "scope", "a tensor at a fixed rank")
    if "blocks" in proof:
        return blocks(ar, asked, proof, given)
    if "K" in given.arrays:
        return ky_fan(ar, asked, proof, given)
    return Bound(least_loss(asked), ("trivial",))


def ky_fan(ar: Arithmetic[H], asked: Question, proof: Json, given: Arrays) -> Bound:
    """Prove f >= 1/2 |P(C - Z)P'|^2, C = Y - (any offsets mu), as `tail` bounds it."""
    at = asked.at
    plain = at.rows is None and asked.weights is None
    demand(plain, "proof.K", "wrong_rule", "masked or weighted")
    c = ar.load(asked.Y)
    if asked.offsets:
        mu = offset_values(given, "mu.", asked.offsets, at)
        flat = Point((filled((at.m, 1), 0.0), filled((at.n, 1), 0.0)), mu)
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
    sides = [block_sides(asked.at, given, t) for t in range(len(listed))]
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


def block_sides(at: Pattern, given: Arrays, t: int) -> tuple[Sequence[int], Sequence[int]]:
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
    cost), f(X, q) >= d(sW) - s <W, sum phi(X_i)> + lam sum theta for every q.
    """
    if asked.q is not None or not asked.offsets:
        return upper.lo
    if "floor.W" not in given.arrays:
        return least_loss(asked)
    dual = dual_point(ar, asked, part(proof, "floor"), given, "floor.W")
    limit = dual_limit(ar, asked, dual)
    s = Fraction(1) if limit is None else coarse(min(Fraction(1), limit))
    cost = ridge_cost(ar, asked, dual, given, "floor.W")
    value = dual_value(ar, asked, dual, cost, s)
    value -= s * ar.inner(dual.field, model(ar, asked, asked.factors)).hi
    for k, c in dual.corrections:
        value -= s * c * entry_at(asked, asked.at.place(k), ar.budget)
    return value + asked.lam * thetas(asked, asked.factors).lo


def entry_at(asked: Question, place: Sequence[int], budget: Budget = Arithmetic.budget) -> Fraction:
    """Return one entry of sum phi(X_i), exactly."""
    factors = asked.factors
    r = factors[0].shape[1]
    budget.spend(FRACTION * (r + 1) * len(factors), "an entry")
    if isinstance(asked.pair, Network):
        own = sum(k == place[0] for k in asked.pair.samples)
        size = own * asked.pair.features.shape[1]
        budget.spend(FRACTION * (r + 1) * size + len(asked.pair.samples), "an entry")
        return network_entry(asked.pair, factors, place)
    if isinstance(asked.pair, Deep):
        whole = Metered(Exact(), budget).deep(
            asked.pair._replace(at=Pattern(asked.at.m, asked.at.n)), factors
        )
        return whole.ints[place[0] * asked.at.n + place[1]] * power(whole.exp)
    rows = (a.data[i * r : i * r + r] for a, i in zip(factors, place, strict=True))
    terms = (math.prod(map(Fraction, x), start=Fraction(1)) for x in zip(*rows, strict=True))
    return sum(terms, Fraction(0))


def network_entry(net: Network, factors: Sequence[Array], place: Sequence[int]) -> Fraction:
    """Return one output of one sample, exactly."""
    pairs = zip(rows_of(net.features), net.samples, strict=True)
    rows, total = [f for f, k in pairs if k == place[0]], Fraction(0)
    for u, v in zip(*map(columns, factors), strict=True):
        held = Fraction(0)
        for f in rows:
            z = sum((Fraction(a) * Fraction(b) for a, b in zip(f, u, strict=True)), Fraction(0))
            acted = z if z > 0 else net.slope * z
            held = max(held, acted) if net.most else held + acted
        total += held * Fraction(v[place[1]])
    return total


class Outcome(NamedTuple):
    """What was proved: lower <= inf f, f(candidate) <= upper, and the verdict."""

    verdict: str
    lower: Fraction
    upper: Fraction
    better: Fraction | None
    tier: str
    rules: tuple[str, ...]


def prove(  # noqa: PLR0913  the question, its proof, and what it may take
    stated: Json,
    given: Mapping[str, Array],
    proof: Json,
    witness: Mapping[str, Array],
    ar: Arithmetic[Any] | None = None,
    *,
    limit: float | None = None,
) -> Outcome:
    """Prove what the witness allows about the question; never more.

    limit  the units of work it may take; by default the file's `allowance`
    """
    arrays = [*given.values(), *witness.values()]
    budget = Budget(allowance(stated, proof, arrays) if limit is None else limit)
    ar = Metered(ar or Exact(), budget)
    plainly(proof, "proof", budget)
    asked = question(stated, given, budget)
    held = Arrays(witness, "proof")
    candidate = point(Arrays({**witness, **given}, "statement"), "", asked)
    value = objective(ar, asked, candidate)
    rule = weak_duality if asked.claim == "any size" else fixed_rank
    bound = rule(ar, asked, proof, held)
    eps = max(asked.atol, asked.rtol * abs(value.hi))
    better, size = best(ar, asked, proof, held)
    verdict = "UNDECIDED"
    if value.hi - bound.value <= eps:
        verdict = "CERTIFIED"
    elif better is not None and better + eps < floor(ar, asked, proof, held, value):
        verdict = "REFUTED" if size <= asked.rank else "RANK_LIMITED"
    return Outcome(verdict, bound.value, value.hi, better, ar.tier, bound.rules)


def best(
    ar: Arithmetic[H], asked: Question, proof: Json, given: Arrays
) -> tuple[Fraction | None, int]:
    """Return an upper bound of f at the better factors, and their size."""
    if not switched(proof, "better", "proof"):
        return None, 0
    x = point(given, "better.", asked)
    slices = zip(*map(columns, x.factors), strict=True)
    size = sum(all(map(any, parts)) for parts in slices)  # a zero slice is no slice
    small = asked.claim == "any size" or size <= asked.rank
    demand(small, "proof.better", "size", f"{size} slices at a fixed rank {asked.rank}")
    return objective(ar, asked, x).hi, size


# --- the file -----------------------------------------------------------------------

DTYPES = {"d": "F64", "f": "F32", "q": "I64", "l": "I64"}
CODES = {"F64": "d", "F32": "f", "I64": "q"}
ENTRY = {"dtype", "shape", "data_offsets"}  # what a file's header says of an array
PARTS = ("statement", "claim", "proof")
DEPTH = 100  # of JSON: proofs of slices of slices are nested


@dataclass(frozen=True)
class File:
    """A certificate: the question's statement and arrays, the proof and its witness."""

    statement: Json
    given: dict[str, Array]
    claim: Json
    proof: Json
    witness: dict[str, Array]


def dtype_of(a: Array) -> str:
    """Return the type of an array's numbers as a file names it."""
    code = memoryview(a.data).format
    demand(code in DTYPES, "array", "dtype", code)
    return DTYPES[str(code)]


def digest(a: Array) -> str:
    """Return the SHA-256 of an array's type, shape and little-endian bytes."""
    head = json.dumps([dtype_of(a), list(a.shape)]).encode()
    view = memoryview(a.data).cast("B")
    return hashlib.sha256(head + _little(view, a)).hexdigest()


def identity(a: Array) -> Json:
    """Return what a statement says of an array: its type, shape and digest."""
    return {"dtype": dtype_of(a), "shape": list(a.shape), "sha256": digest(a)}


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
    """Parse a JSON object in UTF-8 without a byte order mark, NaN or duplicate keys.

    json.loads guesses UTF-16 and UTF-32 from bytes, so it is given none.
    """
    try:
        told = text.decode("utf-8") if isinstance(text, bytes) else text
        out = json.loads(
            told, object_pairs_hook=unique, parse_constant=_no_constant, parse_float=_no_constant
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
    for name, entry in sorted(header.items(), key=lambda kv: _start(kv[1])):
        where = f"file.{name!a}" if not name.isascii() else f"file.{name}"
        demand(name.isascii(), where, "name", ascii(name)[:80])
        demand(isinstance(entry, dict), where, "header", type(entry).__name__)
        demand(set(entry) <= ENTRY, where, "header", sorted(set(entry) - ENTRY))
        shape, span = entry.get("shape"), entry.get("data_offsets")
        dtype = entry.get("dtype")
        demand(isinstance(dtype, str) and dtype in CODES, where, "dtype", dtype)
        demand(_naturals(shape) and _naturals(span) and len(span) == 2, where, "shape", shape)
        demand(span[0] == position, where, "offsets", span)
        demand(span[1] <= room, where, "truncated", f"{span[1]} of {room} bytes")
        width = 4 if dtype == "F32" else 8
        demand(span[1] - span[0] == width * math.prod(shape), where, "shape", shape)
        position = span[1]
        out.append((name, CODES[entry["dtype"]], tuple(shape), span[0], span[1]))
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
    regular = Path(path).is_file() or Path(path).is_dir()  # a folder is refused by `open`
    demand(regular, "file", "not a certificate", "not a regular file")
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
    for name in PARTS:
        found = head.get(name)
        demand(isinstance(found, dict), f"file.{name}", "json", type(found).__name__)
    demand(depth_of(head) <= DEPTH, "file.metadata", "json", f"nested more than {DEPTH} deep")
    statement, claim, proof = (dict(head[name]) for name in PARTS)
    known_format(statement)
    demand(set(head) <= {*PARTS, "seal"}, "file.metadata", "fields", sorted(head))
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


def depth_of(x: object) -> int:
    """Return how deep lists and objects are nested."""
    depth, level = 0, [x]
    while level:
        depth += 1
        inner = [[*y.values()] if isinstance(y, dict) else y for y in level]
        level = [z for y in inner if isinstance(y, list) for z in y]
    return depth


def same_question(theirs: Json, ours: Json, where: str = "statement") -> None:
    """Reject unless the certificate's statement is the reader's, field by field.

    As JSON: true is not 1, and null is not a field left out.
    """
    both = theirs, ours
    for name in sorted({*theirs, *ours}):
        a, b = (json.dumps(x[name], sort_keys=True) if name in x else "none" for x in both)
        if all(isinstance(x.get(name), dict) for x in both):
            same_question(theirs[name], ours[name], f"{where}.{name}")
        else:
            told = f"certificate has {a:.500}, reader asks {b:.500}"
            demand(a == b, f"{where}.{name}", "question", told)


def check_digests(statement: Json, given: Mapping[str, Array]) -> None:
    """Reject unless the arrays are those the statement names, bit by bit."""
    ours = {k: identity(a) for k, a in given.items()}
    named = statement.get("arrays")
    demand(isinstance(named, dict), "statement.arrays", "missing", type(named).__name__)
    same_question(dict(named or {}), ours, "statement.arrays")


def check(
    file: File,
    given: Mapping[str, Array],
    ar: Arithmetic[Any] | None = None,
    *,
    limit: float | None = None,
) -> Outcome:
    """Prove the certificate's claim about its question asked of these arrays."""
    check_digests(file.statement, given)
    outcome = prove(file.statement, given, file.proof, file.witness, ar, limit=limit)
    claimed = file.claim.get("verdict")
    demand(isinstance(claimed, str) and claimed in EXITS, "claim.verdict", "unknown", claimed)
    idle = "better" in file.proof and outcome.verdict not in ("REFUTED", "RANK_LIMITED")
    demand(not idle, "proof.better", "idle", f"better factors beside {outcome.verdict}")
    demand(
        outcome.verdict == claimed,
        "claim.verdict",
        "not proved",
        f"claims {claimed}, proved {outcome.verdict} in [{shown(outcome.lower)}, "
        f"{shown(outcome.upper)}]",
    )
    return outcome


def described(statement: Json, given: Mapping[str, Array]) -> str:
    """Return the question for a reader: every field and array, numbers in decimals.

    The rank counts at lam = 0, and an array that should not be there (weights, a ridge)
    changes the question.  Nothing is cut off but the middle of a long cone, which its digest
    stands for.
    """
    told: Json = {k: shown(number(statement[k], k)) for k in ("lam", "rtol", "atol")}
    told |= {k: statement[k] for k in ("claim", "loss", "shape", "observed", "q")}
    told["rank"] = given["U"].shape[1]
    told["offsets"] = [
        {k: v if k in ("kind", "axis") else shown(number(v, k)) for k, v in o.items()}
        for o in statement["offsets"]
    ]
    told["atom"] = {k: abridged(v) for k, v in statement["atom"].items()}
    told["arrays"] = {
        k: f"{dtype_of(a)} {list(a.shape)} {summarized(a)}" for k, a in sorted(given.items())
    }
    return ascii(json.dumps(told))[1:-1]


def summarized(a: Array) -> str:
    """Return the range of an array, or its value where all its entries are one."""
    if not len(a.data):
        return "empty"
    low, high = min(a.data), max(a.data)
    return f"all {low!r}" if low == high else f"from {low!r} to {high!r}"


def abridged(side: object) -> object:
    """Return a norm with a long cone shortened to its ends, its length and its digest."""
    if not isinstance(side, dict) or len(side.get("cone", "")) <= 100:
        return side
    cone = side["cone"]
    mark = hashlib.sha256(cone.encode()).hexdigest()
    return {**side, "cone": f"{cone[:20]}...{cone[-20:]} ({len(cone)} signs, sha256 {mark})"}


USAGE = "verify.py CERTIFICATE [QUESTION] [--limit N]"


def question_arrays(path: str | Path) -> dict[str, Array]:
    """Read the reader's arrays, each named NAME or question.NAME, and not both."""
    out: dict[str, Array] = {}
    for name, a in tensors(path)[0].items():
        bare = name.removeprefix("question.")
        demand(bare not in out, f"question.{bare}", "duplicate", f"{bare} and question.{bare}")
        out[bare] = a
    return out


def told_limit(arguments: list[str]) -> tuple[list[str], int | None]:
    """Split `--limit N` from the files; a limit is a natural number."""
    if "--limit" not in arguments:
        return arguments, None
    at = arguments.index("--limit")
    found = arguments[at + 1] if at + 1 < len(arguments) else "missing"
    natural = found.isascii() and found.isdecimal() and len(found) < 80
    demand(natural, "arguments", "usage", f"--limit {found}, not a natural number")
    return arguments[:at] + arguments[at + 2 :], int(found)


def judged(arguments: Iterable[str]) -> tuple[str, int]:
    """Return all that is to be said of a certificate file, and the exit status."""
    files, limit = told_limit([*arguments])
    demand(len(files) in (1, 2), "arguments", "usage", USAGE)
    file = read(files[0])
    given = question_arrays(files[1]) if len(files) == 2 else file.given
    outcome = check(file, given, limit=limit)
    lower, upper = shown(outcome.lower), shown(outcome.upper)
    first = f"VERIFIED {outcome.verdict}  {lower} <= optimum, candidate <= {upper}"
    rules = ", ".join(outcome.rules)
    return f"{first}\nof {described(file.statement, given)}  by {rules}", EXITS[outcome.verdict]


def main(arguments: Iterable[str]) -> int:
    """Verify a certificate file: EXITS of what is proved, 20 otherwise or in any doubt.

    What cannot be told is not verified: the question is printed for somebody to read.
    """
    try:
        text, status = judged(arguments)
    except RejectedError as error:
        text, status = f"NOT VERIFIED  {error}", REJECTED
    except Exception as error:  # noqa: BLE001  any doubt is a rejection
        text, status = f"NOT VERIFIED  {type(error).__name__}: {clean(error)}", REJECTED
    try:
        print(text, flush=True)
    except (OSError, ValueError):  # nobody reads on; closed, so that nothing is flushed at exit
        with suppress(OSError, ValueError):
            sys.stdout.close()
        return REJECTED
    return REJECTED if sys.stdout is None else status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
