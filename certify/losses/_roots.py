"""Roots of many increasing functions at once, for proximal maps without a closed form."""

from collections.abc import Callable

import numpy as np

from certify.base.arrays import Array

STEPS = 100  # of Newton or bisection at most; far fewer are usually enough


def rising_zero(f: Callable[[Array], tuple[Array, Array]], lo: Array, hi: Array) -> Array:
    """Return x in [lo, hi] with f(x) = 0, entry by entry; f returns its value and slope.

    Newton's method; where a step would leave the bracket, its midpoint is taken.
    """
    lo, hi = lo.copy(), hi.copy()
    x = lo + (hi - lo) / 2
    for _ in range(STEPS):
        value, slope = f(x)
        lo, hi = np.where(value <= 0, x, lo), np.where(value >= 0, x, hi)
        step = x - value / slope
        new = np.where((step > lo) & (step < hi), step, lo + (hi - lo) / 2)
        if np.array_equal(new, x):
            break
        x = new
    return x
