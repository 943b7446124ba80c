"""Minimize a convex function of a few numbers: by L-BFGS, or one number at a time by halving."""

from collections.abc import Callable

import numpy as np
from scipy import optimize

from .arrays import Array

STEPS = 3000  # of L-BFGS
WALL = 1e3  # times the value at the start: what counts for infinite
DOUBLINGS, HALVINGS = 200, 120  # of an interval: more digits than a float has
Smooth = Callable[[Array], tuple[float, Array]]


def quasi_newton(f: Smooth, start: Array) -> Array:
    """Minimize a smooth function by L-BFGS; where it is infinite the line search is sent back."""
    wall = WALL * (1 + abs(f(start)[0]))

    def walled(flat: Array) -> tuple[float, Array]:
        """Return value and gradient; beyond the domain a wall."""
        value, slope = f(flat)
        if np.isfinite(value) and np.isfinite(slope).all():
            return value, slope
        return wall * (1 + float(flat @ flat)), 2 * wall * flat

    options = {"maxiter": STEPS, "maxfun": 2 * STEPS, "ftol": 1e-16, "gtol": 1e-12, "maxcor": 30}
    found = optimize.minimize(walled, start, jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x)


def bisected(slope: Callable[[Array], Array], start: Array) -> Array:
    """Return where each slope, of its own number alone and rising, changes its sign."""
    low, high = start - 1.0, start + 1.0
    for _ in range(DOUBLINGS):
        down, up = slope(low) > 0, slope(high) < 0
        if not (down.any() or up.any()):
            break
        low = np.where(down, 2 * low - start, low)
        high = np.where(up, 2 * high - start, high)
    for _ in range(HALVINGS):
        middle = 0.5 * low + 0.5 * high
        if ((middle <= low) | (middle >= high)).all():
            break
        s = slope(middle)
        low, high = np.where(s >= 0, low, middle), np.where(s <= 0, high, middle)
        low, high = np.where(s == 0, middle, low), np.where(s == 0, middle, high)
    return np.where(np.abs(slope(high)) < np.abs(slope(low)), high, low)
