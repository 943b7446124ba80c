"""Exponentials and logarithms of many numbers at once in float64, enclosed.

Both are computed by additions, products and quotients alone, each rounded to nearest, u = 2^-53
(`bounds.py`), not by a library's exp or log.  L1 is the first 32 bits of ln 2, and L2 the float
nearest to the rest, so |ln 2 - L1 - L2| < 2^-85, and k L1 is exact for |k| < 2^20.
"""

import math
from collections.abc import Sequence

import numpy as np

from certify.kernel.exp_log import (
    DEEP,
    FINE,
    LN2,
    ONE,
    Elementary,
    Ends,
    ceil_shift,
    exp_at,
    floor_shift,
    log_at,
)

from .bounds import Floats

L1 = math.ldexp(LN2[0] >> DEEP - 32, -32)
L2 = math.ldexp((LN2[0] - ((LN2[0] >> DEEP - 32) << DEEP - 32)) >> DEEP - 96, -96)
FAR, REST = 700.0, 0.36  # the largest exponent; the largest rest without multiples of ln 2
FACTORIALS = [1.0 / math.factorial(n) for n in range(14)]
ODD = [1.0 / (2 * k + 1) for k in range(11)]
LONG, MOST = 140, 2.0**20  # bits of an exponent; the largest exponent of two of a logarithm
UNIT = 2.0**FINE


class Vectors(Elementary):
    """Enclosures of lists by arrays; numbers out of range are left to the kernel's integers."""

    def exps(self, xs: Sequence[int]) -> list[tuple[int, int, int]]:
        """Enclose e**(x / ONE) 2**(FINE - k).

        f = x / ONE within u 700 < 2^-43.5.  r = (f - k L1) - k L2 has three roundings of numbers
        below .37, and |k| 2^-85 from ln 2: in all less than u.  Horner's p of degree 13 is off by
        at most gamma_28 e^|r| and leaves out 2 r^14 / 14! < 2^-55, both below 2^-47 e^r as
        e^(2 |r|) < 2.06.  So e^(x / ONE) = 2^k p (1 + d), |d| < 2^-43, and 1 -+ 2^-42 has room for
        the rounding of the products below.
        """
        near = [x.bit_length() <= LONG for x in xs]
        f = np.array([float(x) if ok else 2 * FAR * UNIT for x, ok in zip(xs, near, strict=True)])
        f /= UNIT
        far = np.abs(f) > FAR
        f[far] = 0.0
        k = np.rint(f * (1 / (L1 + L2)))
        r = (f - k * L1) - k * L2
        p = np.full(f.shape, FACTORIALS[-1])
        for c in FACTORIALS[-2::-1]:
            p = p * r + c
        far |= np.abs(r) > REST
        lows, highs = floors(p * (1 - 2.0**-42)), ceilings(p * (1 + 2.0**-42))
        bounds = list(zip(lows, highs, k.astype(int).tolist(), strict=True))
        for i in np.flatnonzero(far).tolist():
            bounds[i] = exp_at(xs[i])
        return bounds

    def logs(self, ms: Sequence[int], e: int) -> list[Ends]:
        """Enclose ONE ln(m 2**e) for integers m > 0.

        m = (q + d) 2^s, q < 2^53, where d = 0 if s = 0, and else q >= 2^52 and 0 <= d < 1: that
        adds at most 2^-52.  q = w 2^E with w in [.7, 1.42], exactly.  t = (w - 1) / (w + 1) has
        two roundings, as w - 1 is exact, and |t| < .172.  ln w = 2 t sum t^2k / (2k + 1): all
        terms of the sum are positive, those from k = 11 on below 2^-60 of it, and Horner's value
        is off by 72 roundings at most, so that ln w is by 75 and those, below 2^-46 of itself.
        E L1 is exact, E (ln 2 - L1) by less than 2^-64, and the two sums by u of their values.
        """
        cut = [max(m.bit_length() - 53, 0) for m in ms]
        q = np.array([float(m >> s) for m, s in zip(ms, cut, strict=True)])
        s = np.array(cut, dtype=float)
        w, more = np.frexp(q)
        low = w < math.sqrt(0.5)
        w, E = np.where(low, 2 * w, w), more - low + (s + e)
        t = (w - 1) / (w + 1)
        z, p = t * t, np.full(q.shape, ODD[-1])
        for c in ODD[-2::-1]:
            p = p * z + c
        part = 2 * t * p
        small = E * L2 + part
        y = E * L1 + small
        off = 2.0**-44 * np.abs(part) + 2.0**-51 * (np.abs(small) + np.abs(y)) + 2.0**-64
        lows, highs = floors(y - off), ceilings(y + (off + 2.0**-51 * (s > 0)))
        bounds = list(zip(lows, highs, strict=True))
        for i in np.flatnonzero(np.abs(E) >= MOST).tolist():
            bounds[i] = log_at(ms[i], e)
        return bounds

    def softplus(self, xs: Sequence[int]) -> list[Ends]:
        """Enclose ONE ln(1 + e**(x / ONE)), as the kernel's does."""
        exps = self.exps([-abs(x) for x in xs])
        ends = [(floor_shift(lo, k), ceil_shift(hi, k)) for lo, hi, k in exps]
        logs = self.logs([ONE + a for a, _ in ends], -FINE)
        parts = zip((max(x, 0) for x in xs), ends, logs, strict=True)
        return [(x + low, x + high + b - a) for x, (a, b), (low, high) in parts]

    def xlogx(self, xs: Sequence[int]) -> list[Ends]:
        """Enclose ONE x ln x for integers x >= 0; 0 at 0."""
        positive = [x for x in xs if x]
        pairs = zip(positive, self.logs(positive, 0), strict=True)
        ends = ((x * low, x * high) for x, (low, high) in pairs)
        return [next(ends) if x else (0, 0) for x in xs]


def floors(x: Floats) -> list[int]:
    """Return the floors of x ONE, for |x| < 2^800."""
    return [math.floor(v) for v in (x * UNIT).tolist()]


def ceilings(x: Floats) -> list[int]:
    """Return the ceilings of x ONE, for |x| < 2^800."""
    return [math.ceil(v) for v in (x * UNIT).tolist()]
