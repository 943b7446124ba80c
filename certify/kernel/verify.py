"""The trusted kernel: check a certificate with the standard library alone.

    python -I -S verify.py CERTIFICATE [QUESTION]

A certificate answers a question about factors U (m, r), V (n, r) of

    f_r(U, V, q) = l(U V^T + A q) + lam sum_k theta(u_k, v_k) + sum rho/2 |q|^2,

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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
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

GAUGES = {"l1": ("l1", False), "l2": ("l2", False), "l1+": ("l1", True), "l2+": ("l2", True)}
CLAIMS = ("any size", "rank")
OFFSETS = ("intercept", "row", "column", "linear")


@dataclass(frozen=True)
class Offset:
    """One unfactorized variable: what A is, and the ridge weight rho on q."""

    kind: str
    ridge: Fraction
    design: Array | None

    def shape(self, at: Pattern) -> tuple[int, ...]:
        """Return the shape of q."""
        if self.design is not None:
            return (self.design.shape[1], at.n)
        return {"intercept": (1,), "row": (at.m,), "column": (at.n,)}[self.kind]

    def factors(self, q: Array, at: Pattern) -> tuple[Array, Array]:
        """Write A q as left right^T."""
        if self.design is not None:
            return self.design, transposed(q)
        if self.kind == "row":
            return Array((at.m, 1), q.data), filled((at.n, 1), 1.0)
        if self.kind == "column":
            return filled((at.m, 1), 1.0), Array((at.n, 1), q.data)
        return filled((at.m, 1), 1.0), filled((at.n, 1), q.data[0])


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
    loss: Loss
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
        demand(o.get("kind") in OFFSETS, where, "unknown", o.get("kind"))
        ridge = number(o.get("ridge"), f"{where}.ridge")
        demand(ridge >= 0, f"{where}.ridge", "sign", o.get("ridge"))
        linear = o["kind"] == "linear"
        design = arrays.get(f"A{k}", (m, None)) if linear else None
        out.append(Offset(o["kind"], ridge, design))
    return tuple(out)


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
    loss = stated_loss(stated)
    claim = field(stated, "claim", CLAIMS)
    arrays = Arrays(given, "statement")
    at = pattern(stated, arrays)
    atom = stated.get("atom") or {}
    field(atom, "kind", ("rank_one",))
    left, right = (field(atom, side, tuple(GAUGES)) for side in ("left", "right"))
    numbers = {k: number(stated.get(k), f"statement.{k}") for k in ("lam", "rtol", "atol")}
    for name, value in numbers.items():
        demand(value >= 0, f"statement.{name}", "sign", stated[name])
    count = at.size if loss.group else at.m
    weights = arrays.get("weights", (count,)) if "weights" in given else None
    if weights is not None:
        demand(min(weights.data, default=1.0) > 0, "statement.weights", "sign", "not positive")
    kinds = offsets(stated, arrays, at.m)
    found = field(stated, "q", ("given", "found")) == "found"
    asked = Question(
        claim,
        loss,
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
    check_labels(loss, at, asked.Y)
    check_claim(asked)
    return asked


def check_claim(asked: Question) -> None:
    """Reject a claim outside the theorems: lam > 0, or lam = 0 at a fixed rank."""
    r = asked.U.shape[1]
    demand(asked.V.shape[1] == r, "statement.V", "shape", asked.V.shape)
    if asked.claim == "any size":
        demand(asked.lam > 0, "statement.lam", "sign", float(asked.lam))
        return
    kind = type(asked.loss).__name__
    demand(isinstance(asked.loss, Squared), "statement.loss", "scope", kind)
    plain = asked.at.rows is None and asked.weights is None
    signed = GAUGES[asked.left][1] or GAUGES[asked.right][1]
    demand(asked.lam == 0, "statement.lam", "claim", float(asked.lam))
    demand(plain and not signed, "statement.claim", "scope", "masked, weighted or signed")
    for o in asked.offsets:
        good = o.kind in ("row", "column") and o.ridge == 0
        demand(good, "statement.offsets", "scope", o.kind)


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
    pairs = [o.factors(q, asked.at) for o, q in zip(asked.offsets, x.q, strict=True)]
    left = beside([x.U, *(a for a, _ in pairs)])
    right = beside([x.V, *(b for _, b in pairs)])
    return ar.product(left, right, asked.at)


def loss_value(ar: Arithmetic[H], asked: Question, x: Point) -> Enclosure:
    """Enclose the loss at U V^T + A q; a product of factors >= 0 is >= 0."""
    z = fitted(ar, asked, x)
    if isinstance(asked.loss, Squared):
        residual = ar.subtract(z, ar.load(asked.Y))
        return ar.squares(residual, asked.weights).times(Fraction(1, 2))
    los, his, exp = ar.spans(z)
    if not asked.offsets and min([*x.U.data, *x.V.data], default=0.0) >= 0:
        los = [max(v, 0) for v in los]
    y = Grains(*dyadic(asked.Y.data))
    return asked.loss.value(Spans(los, his, exp), y, loss_weights(asked))


def objective(ar: Arithmetic[H], asked: Question, x: Point) -> Enclosure:
    """Enclose f(U, V, q)."""
    value = loss_value(ar, asked, x)
    value = value.plus(thetas(asked, x.U, x.V).times(asked.lam))
    for o, q in zip(asked.offsets, x.q, strict=True):
        value = value.plus(exactly(o.ridge * squares_exactly(q.data) / 2))
    return value


@dataclass(frozen=True)
class Dual(Generic[H]):
    """W = (a float field) + (exact rational corrections at a few entries)."""

    field: H
    raw: Array
    corrections: tuple[tuple[int, Fraction], ...]
    name: str = "W"


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
    """Return A* W exactly, corrections included."""
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


def ridge_cost(ar: Arithmetic[H], asked: Question, dual: Dual[H], name: str) -> Fraction:
    """Return sum |A* W|^2 / rho; unpenalized offsets need A* W = 0 exactly.

    inf over q of <W, A q> + rho/2 |q|^2 is -|A* W|^2 / (2 rho), or -inf unless A* W = 0
    when rho = 0: then W with any nonzero sum bounds nothing.
    """
    cost = Fraction(0)
    for k, o in enumerate(asked.offsets):
        totals = adjoint(ar, asked, dual, o)
        if o.ridge > 0:
            cost += sum(t * t for t in totals) / o.ridge
            continue
        wrong = next((t for t in totals if t), None)
        demand(
            wrong is None, f"proof.{name}", "orthogonal", f"offset {k}: {wrong and shown(wrong)}"
        )
    return cost


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
    The rule scales W itself, so a large bound P only weakens the result.  f >= d(0) always.
    """
    least = least_loss(asked)
    if "W" not in given.arrays:
        return Bound(least, ("trivial",))
    dual = dual_point(ar, asked, proof, given, "W")
    polar = part(proof, "polar")
    name = str(polar.get("rule"))
    demand(name in POLAR_RULES, "proof.polar.rule", "unknown", name)
    bound = POLAR_RULES[name](ar, asked.pair, dual.field, polar, given)
    bound += root(sum((c * c for _, c in dual.corrections), Fraction(0))).hi
    s = min(Fraction(1), asked.lam / bound) if bound else Fraction(1)
    s = s if isinstance(asked.loss, Squared) else coarse(s)
    cost = ridge_cost(ar, asked, dual, "W")
    value = dual_value(ar, asked, dual, cost, s)
    return Bound(max(value, least), (name, "weak_duality"))


def ky_fan(ar: Arithmetic[H], asked: Question, proof: Json, given: Arrays) -> Bound:
    """Prove f >= 1/2 (|PCP'|^2 - r t - |K|^2) for every Z of rank <= r.

    C = Y - (any offsets mu), P and P' remove the means an unpenalized intercept fits.
    The best offsets leave 1/2 |P(Y - Z)P'|^2 >= 1/2 sum over i > r of sigma_i(PCP')^2
    (Eckart-Young), and sum over i <= r of sigma_i(PCP')^2 <= sum over i <= r of
    lambda_i(G), G = C C^T or C^T C, <= r t + |K|^2 if G <= t I + K K^T (Ky Fan).
    """
    at, r = asked.at, asked.rank
    if "K" not in given.arrays:
        return Bound(Fraction(0), ("trivial",))
    c = ar.load(asked.Y)
    if asked.offsets:
        mu = offset_values(given, "mu.", asked.offsets, at)
        flat = Point(filled((at.m, 1), 0.0), filled((at.n, 1), 0.0), mu)
        c = ar.subtract(c, fitted(ar, asked, flat))
    fan = part(proof, "ky_fan")
    axis = gram_side(fan, at, "proof.ky_fan.axis", held=False)
    g, slack = ar.gram(c, axis, at)
    k = given.get("K", ((at.m, at.n)[axis], None))
    shift = shift_of(fan, "proof.ky_fan.shift")
    t = ar.top(ar.subtract(g, ar.outer(k)), shift, cholesky_factor(given, k.shape[0]))
    energy = centred(ar, asked, c)
    head = r * max(t, Fraction(0)) + squares_exactly(k.data)
    spread = 2 * slack * root(max(head, Fraction(0)) * max(r, 1)).hi + r * slack * slack
    return Bound(max((energy - head - spread) / 2, Fraction(0)), ("ky_fan",))


def centred(ar: Arithmetic[H], asked: Question, c: H) -> Fraction:
    """Return a lower bound of |PCP'|^2 = |C|^2 - |1^T C|^2/m - |C 1|^2/n + (1^T C 1)^2/mn.

    Only the sums of an offset that is present are removed; the last term needs both.
    """
    at, kinds = asked.at, {o.kind for o in asked.offsets}
    energy = ar.squares(c, None).lo
    sizes = {"column": at.m, "row": at.n}
    for kind in sorted(kinds):
        energy -= ar.sums(c, kind, at).hi / sizes[kind]
    if len(kinds) == 2:
        energy += ar.sums(c, "intercept", at).lo / (at.m * at.n)
    return energy


def floor(
    ar: Arithmetic[H], asked: Question, proof: Json, given: Arrays, upper: Enclosure
) -> Fraction:
    """Return a lower bound of the candidate's own value, over all its offsets.

    Offsets given: the enclosure's lower end.  Otherwise, for W with A* W = 0 (or its
    ridge cost), f(U, V, q) >= d(W) - <W, U V^T> + lam sum theta for every q.
    """
    if asked.q is not None or not asked.offsets:
        return upper.lo
    if "floor.W" not in given.arrays:
        return least_loss(asked)
    dual = dual_point(ar, asked, part(proof, "floor"), given, "floor.W")
    cost = ridge_cost(ar, asked, dual, "floor.W")
    value = dual_value(ar, asked, dual, cost, Fraction(1))
    product = ar.product(asked.U, asked.V, asked.at)
    value -= ar.inner(dual.field, product).hi
    for k, c in dual.corrections:
        i, j = asked.at.entry(k)
        value -= c * dot(asked.U, i, asked.V, j)
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
    rule = weak_duality if asked.claim == "any size" else ky_fan
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
    ridges = [{**o, "ridge": shown(number(o["ridge"], "ridge"))} for o in statement["offsets"]]
    return clean(json.dumps({**told, "offsets": ridges}, sort_keys=True))


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
