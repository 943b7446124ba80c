"""Exact integer Gram matrices by products in float64, and their bound of eigenvalues.

Integers are cut into digits of b bits, -2^(b-1) <= d < 2^(b-1): x = sum_a 2^(b a) d_a.  Let an
entry be a sum of at most c products, with c 2^(2 b) <= 2^53.  Then each sum of products of digits,
or of sums of two digits, and each partial sum in any order, is an integer of at most 53 bits, which
float64 does not round.  So with C(D) = D^T D, exactly,

    X^T X = sum_a 2^(2 b a) C(D_a) + sum_{a < s} 2^(b (a + s)) (C(D_a + D_s) - C(D_a) - C(D_s)).

Sums of these are stored in two halves of int64: (high 2^LOW + low) 2^exp, 0 <= low < 2^LOW.
"""

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from certify.base.arrays import Ints
from certify.base.gram import gram
from certify.kernel.exact import Grid
from certify.kernel.scalars import power

from .bounds import Floats

LOW = 56  # bits of the lower half
HIGH, TERMS = 58, 28  # bits of a term in the upper half, and terms: their sum, G and a shift fit
MIDDLE = 30  # bits of the parts whose sums over a row fit an int64


class Halves(NamedTuple):
    """Integers (k, k) of more than 64 bits, times 2^exp."""

    high: Ints
    low: Ints
    exp: int

    def at(self, exp: int) -> "Halves | None":
        """Return the same numbers with a smaller exponent; None if they are too wide."""
        up = self.exp - exp
        if not 0 <= up <= LOW or int(np.abs(self.high).max(initial=0)).bit_length() + up > HIGH:
            return None
        rest = LOW - up
        high = (self.high << up) + (self.low >> rest)
        return Halves(high, (self.low & ((1 << rest) - 1)) << up, exp)

    def row_sums(self) -> list[int]:
        """Return the sums of the absolute values of each row, exactly."""
        sign = np.where(self.high < 0, -1, 1)
        total = [0] * len(sign)
        for half, base in ((self.high, LOW), (self.low, 0)):
            part = sign * half  # = (part >> MIDDLE) 2^MIDDLE + the rest, of either sign
            above, rest = part >> MIDDLE, part & ((1 << MIDDLE) - 1)
            for x, e in ((above, MIDDLE), (rest, 0)):
                sums = x.sum(axis=1).tolist()
                total = [t + (s << e + base) for t, s in zip(total, sums, strict=True)]
        return total

    def largest_row(self) -> Fraction:
        """Return |.|_inf."""
        return max(self.row_sums()) * power(self.exp)


class WideGrid(Grid):
    """A symmetric matrix of integers in halves; their list is made when it is needed."""

    halves: Halves

    def __init__(self, halves: Halves) -> None:
        for name, value in (("halves", halves), ("exp", halves.exp), ("shape", halves.high.shape)):
            object.__setattr__(self, name, value)

    @cached_property
    def ints(self) -> list[int]:
        """All integers."""
        high, low, _ = self.halves
        pairs = zip(high.reshape(-1).tolist(), low.reshape(-1).tolist(), strict=True)
        return [(h << LOW) + x for h, x in pairs]

    @cached_property
    def bits(self) -> int:
        """The bits of the largest integer, or one or two more."""
        high = self.halves.high
        return ((int(np.abs(high).max(initial=0)) + 1) << LOW).bit_length()


def digit_bits(products: int) -> int:
    """Return b with products 2^(2 b) <= 2^53."""
    return (53 - (products - 1).bit_length()) // 2


def digits(x: Ints, b: int) -> list[Floats]:
    """Return d_0, d_1, ... with x = sum 2^(b a) d_a, |x| < 2^62."""
    out, half = list[Floats](), 1 << (b - 1)
    while True:
        d = ((x + half) & ((1 << b) - 1)) - half
        out.append(d.astype(np.float64))
        x = (x - d) >> b
        if not x.any():
            return out


def gram_terms(
    x: Ints, e: int, products: int, square: Callable[[Floats], Floats]
) -> Iterator[tuple[Floats, int]]:
    """Yield (T, p) with X^T X = sum T 2^p, X integers times 2^e; square(D) returns D^T D."""
    b = digit_bits(products)
    ds = digits(x, b)
    squares = [square(d) for d in ds]
    yield from ((c, 2 * (e + b * a)) for a, c in enumerate(squares))
    for a, d in enumerate(ds):
        for s in range(a + 1, len(ds)):
            yield square(d + ds[s]) - squares[a] - squares[s], 2 * e + b * (a + s)


def add_up(terms: Iterable[tuple[Floats, int]], exp: int, size: int) -> Halves | None:
    """Return the sum of T 2^p (size, size), p >= exp; None if it is too wide or has many terms."""
    high, low = (np.zeros((size, size), dtype=np.int64) for _ in range(2))
    for k, (floats, p) in enumerate(terms):
        if k == TERMS:
            return None
        up = p - exp
        t = floats.astype(np.int64)
        if int(np.abs(t).max(initial=0)).bit_length() + up > LOW + HIGH:
            return None
        if up >= LOW:
            high += t << (up - LOW)
            continue
        h = t >> (LOW - up)
        high += h
        low += (t - (h << (LOW - up))) << up
    return normal(high, low, exp)


def normal(high: Ints, low: Ints, exp: int) -> Halves:
    """Return the same numbers with 0 <= low < 2^LOW."""
    carry = low >> LOW
    return Halves(high + carry, low - (carry << LOW), exp)


def gram_of_lines(lines: Any, products: int, exp: int) -> Grid | None:  # noqa: ANN401  numpy, scipy
    """Return X^T X, X integers times 2^exp, dense or CSR, |X| < 2^62; None if it is too wide."""
    listed = sparse.issparse(lines)

    def square(d: Floats) -> Floats:
        """Return D^T D of digits at the places of X."""
        if not listed:
            return np.asarray(d.T @ d)
        return gram(sparse.csr_array((d, lines.indices, lines.indptr), shape=lines.shape))

    terms = gram_terms(lines.data if listed else lines, exp, products, square)
    halves = add_up(terms, 2 * exp, lines.shape[1])
    return None if halves is None else WideGrid(halves)


def halves_of(g: Grid) -> Halves | None:
    """Return a matrix of integers in halves; None if it is too wide."""
    if isinstance(g, WideGrid):
        return g.halves
    if g.bits > LOW + HIGH:
        return None
    parts = ([v >> LOW for v in g.ints], [v & ((1 << LOW) - 1) for v in g.ints])
    high, low = (np.array(x, dtype=np.int64).reshape(g.shape) for x in parts)
    return Halves(high, low, g.exp)


def bound_top(g: Grid, shift: Fraction, lower: tuple[Ints, int]) -> Fraction | None:
    """Bound lambda_max(G) as `Exact.top` does, by L (k, k), integers times 2^e; None: too wide."""
    (L, e), k, es = lower, g.shape[0], 1 - shift.denominator.bit_length()
    exp = min(g.exp, 2 * e, es)
    halves = halves_of(g)
    G = None if halves is None else halves.at(exp)
    M = add_up(gram_terms(L, e, k, lambda d: d @ d.T), exp, k)
    corner, rest = divmod(shift.numerator << (es - exp), 1 << LOW)
    if G is None or M is None or corner.bit_length() > HIGH:
        return None
    high, low = -G.high - M.high, -G.low - M.low
    high[np.diag_indices(k)] += corner
    low[np.diag_indices(k)] += rest
    return min(shift + normal(high, low, exp).largest_row(), G.largest_row())
