"""Enclosures of exp and log in fixed point, with the proofs of their errors."""

import math
from collections.abc import Sequence

from .errors import demand

FINE, GUARD = 128, 32  # fractional bits of a fixed-point number, and further ones in `exp_at`
DEEP, ONE = FINE + GUARD, 1 << FINE
REACH = 1 << 14  # e**-REACH is less than a unit; exponents above REACH are refused
HALVINGS, TERMS = 8, 15
Ends = tuple[int, int]


def ln2() -> Ends:
    """Enclose 2**DEEP ln 2, where ln 2 = sum over k of 2 / ((2k + 1) 3**(2k + 1)).

    With 32 further bits, each floored term loses less than a unit.  The rest after 128 terms
    is below 2**-405, less than a unit.  So the sum is too low by less than 129 units.
    """
    unit = 1 << DEEP + 33
    low = sum(unit // ((2 * k + 1) * 3 ** (2 * k + 1)) for k in range(128))
    return low >> 32, (low + 129 >> 32) + 1


LN2 = ln2()


def floor_shift(x: int, k: int) -> int:
    """Return the floor of x * 2**k."""
    return x << k if k >= 0 else x >> -k


def ceil_shift(x: int, k: int) -> int:
    """Return the ceiling of x * 2**k."""
    return -floor_shift(-x, k)


def exp_at(x: int) -> tuple[int, int, int]:
    """Return (lo, hi, k) with lo <= e**(x / ONE) 2**(FINE - k) <= hi; hi - lo is a few units.

    x = k ln 2 + r; r / 2**HALVINGS = t < 2**-8, known to d units of 2**-DEEP.  Horner's
    p = 1 + t/n p for n = 15 ... 1 has two floors a step and is too low by less than
    2 / (1 - 2**-8) < 3 units; the terms left out are below 2 t**16 / 16! < 2**-171, less than a
    unit.  So e**t is in [p, p + 4], and e**(t + d) <= e**t (1 + 2d) adds less than 3d.  Both
    ends, squared HALVINGS times with outward rounding, enclose e**r.
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
    """Enclose ONE ln(m 2**e) for an integer m > 0, within a few units.

    For any guess g of ln(m / 2**b): ln m = b ln 2 + g + ln(1 + d), 1 + d = m / 2**b e**-g,
    and d - d**2/2 + d**3/3 - d**4 <= ln(1 + d) <= d - d**2/2 + d**3/3 for |d| <= 1/2; both
    bounds increase in d.  |d| < 2**-32 is checked, so that d**4 is less than a unit.
    """
    b = m.bit_length()
    guess = int(math.log(m / (1 << b)) * 2**53) << FINE - 53
    lo, hi, k = exp_at(-guess)
    low, high = floor_shift(m * lo, k - b) - ONE, ceil_shift(m * hi, k - b) - ONE
    demand(max(-low, high) >> FINE - 32 == 0, "log", "guess", guess)
    ends = sorted((b + e) * x for x in LN2)
    return (
        guess + _cubic(low) - 1 + (ends[0] >> GUARD),
        guess + _cubic(high) + 1 + ceil_shift(ends[1], -GUARD),
    )


def _cubic(d: int) -> int:
    """Return the floor of d - d**2/2 + d**3/3 in units."""
    return (6 * d * ONE * ONE - 3 * d * d * ONE + 2 * d**3) // (6 * ONE * ONE)


def softplus_at(x: int) -> Ends:
    """Enclose ONE ln(1 + e**(x / ONE)) = max(x, 0) + ln(1 + e**-|x|).

    ln(1 + b) <= ln(1 + a) + b - a for b >= a >= 0.
    """
    lo, hi, k = exp_at(-abs(x))
    a, b = floor_shift(lo, k), ceil_shift(hi, k)
    low, high = log_at(ONE + a, -FINE)
    return max(x, 0) + low, max(x, 0) + high + b - a


def xlogx(x: int) -> Ends:
    """Enclose ONE x ln x for an integer x >= 0; 0 at 0."""
    if not x:
        return 0, 0
    low, high = log_at(x, 0)
    return x * low, x * high


class Elementary:
    """Enclosures of lists of numbers; an arithmetic may have its own, faster and wider."""

    def exps(self, xs: Sequence[int]) -> list[tuple[int, int, int]]:
        """Enclose e**(x / ONE), as `exp_at` does."""
        return [exp_at(x) for x in xs]

    def logs(self, ms: Sequence[int], e: int) -> list[Ends]:
        """Enclose ONE ln(m 2**e)."""
        return [log_at(m, e) for m in ms]

    def softplus(self, xs: Sequence[int]) -> list[Ends]:
        """Enclose ONE ln(1 + e**(x / ONE))."""
        return [softplus_at(x) for x in xs]

    def xlogx(self, xs: Sequence[int]) -> list[Ends]:
        """Enclose ONE x ln x."""
        return [xlogx(x) for x in xs]
