"""Least squares with bounds, for a few dimensions and many columns."""

import numpy as np

from certify.base.arrays import Array

STEPS = 3  # for each column and more, at most
SMALL = 1e-12  # of a gradient relative to its terms


def least_between(A: Array, c: Array, top: Array, start: Array | None = None) -> Array:
    """Return y in [0, top] that makes |c + A y|_2 least (top may be infinite).

    start: bounds to begin at, each entry 0 or a finite top.

    The columns strictly between their bounds are solved for; a step that would leave the box
    stops at its wall.  Source: Stark and Parker 1995 (bounded-variable least squares).
    """
    n = A.shape[1]
    y, free = np.zeros(n) if start is None else start.copy(), np.zeros(n, dtype=bool)
    size = np.linalg.norm(A, axis=0)
    banned = size == 0.0
    for _ in range(STEPS * (n + 3)):
        r = c + A @ y
        slope = A.T @ r
        gain = np.where(y > 0, np.where(y < top, 0.0, slope), -slope)
        gain[free | banned] = 0.0
        k = int(gain.argmax()) if n else 0
        scale = float(np.linalg.norm(r)) + float(np.linalg.norm(c)) * SMALL
        if not n or gain[k] <= SMALL * size[k] * scale:
            break
        free[k] = True
        before = y.copy()
        settle(A, c, top, (y, free))
        if np.array_equal(before, y):
            banned[k] = True  # rounding: it goes nowhere
            free[k] = False
        else:
            banned = size == 0.0
    return y


def settle(A: Array, c: Array, top: Array, state: tuple[Array, Array]) -> None:
    """Solve for the free columns, and fix those that meet a bound, until none does."""
    y, free = state
    while free.any():
        at = np.flatnonzero(free)
        fixed = np.where(free, 0.0, y)
        goal = np.linalg.lstsq(A[:, at], -(c + A @ fixed))[0]
        step = goal - y[at]
        with np.errstate(divide="ignore", invalid="ignore"):
            room = np.where(step < 0, -y[at] / step, (top[at] - y[at]) / step)
        room = np.where(step == 0, np.inf, room)
        least = float(room.min())
        if least >= 1.0:
            y[at] = goal
            return
        y[at] = y[at] + least * step
        hit = at[int(room.argmin())]
        y[hit] = 0.0 if step[int(room.argmin())] < 0 else top[hit]
        free[hit] = False
