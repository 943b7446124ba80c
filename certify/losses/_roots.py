"""Zeros of many rising functions at once, for proximal maps without a closed form."""

from collections.abc import Callable

import numpy as np

from certify.base.arrays import Array

STEPS = 100  # halvings that exhaust the floats between two ends, nearly always far fewer


def rising_zero(f: Callable[[Array], tuple[Array, Array]], lo: Array, hi: Array) -> Array:
    """Return x in [lo, hi] with f(x) = 0; f gives value and slope and rises.

    Newton's step where it stays between the ends known so far, else their middle.
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
