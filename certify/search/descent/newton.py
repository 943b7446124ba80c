"""Newton's method with conjugate gradients in a box, from values and gradients alone.

Products with the Hessian are central differences of the gradient.  Near the minimum the
value no longer shows progress: there a step counts that shortens the gradient.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from certify.base.arrays import Array
from certify.base.minimize import conjugate

Function = Callable[[Array], tuple[float, Array]]
DIFFERENCE = 2.0**-17  # relative length of a difference: the cube root of a rounding
ROUNDING = 2.0**-48  # relative: a change of the value that may be rounding
ENOUGH = 2.0**-46  # of the gradient's own rounding scale
PRODUCTS = 200  # with the Hessian, for one step
STEPS = 100  # near a minimum a few are enough; more are taken only towards one that is not attained
HALVINGS = 12


@dataclass(frozen=True)
class Box:
    """low <= x <= high."""

    low: Array
    high: Array

    def inside(self, x: Array) -> Array:
        """Return the nearest point."""
        return np.clip(x, self.low, self.high)

    def free(self, x: Array, slope: Array) -> npt.NDArray[np.bool_]:
        """Tell which coordinates a descent step may move."""
        return ~(((x <= self.low) & (slope >= 0)) | ((x >= self.high) & (slope <= 0)))


def newton(  # noqa: PLR0913  the clock beside what is minimized
    f: Function,
    x: Array,
    box: Box,
    scales: Callable[[Array], Array],
    steps: int,
    *,
    expired: Callable[[], bool] = lambda: False,
) -> tuple[Array, int]:
    """Return a point of a shorter projected gradient and no higher value, and the work done.

    scales: positive numbers like the Hessian's diagonal.  steps: products with the Hessian.
    expired: whether the time is spent; asked before each product.
    """
    x = box.inside(x)
    value, slope = f(x)
    used, damp = 0, 0.0
    first = length(box, x, slope)
    for _ in range(STEPS):
        if used >= steps or not np.isfinite(value) or expired():
            break
        size = length(box, x, slope)
        if size <= ENOUGH * max(first, abs(value) / max(float(np.linalg.norm(x)), 1e-300)):
            break
        free = box.free(x, slope)
        scale = scales(x)
        move, count = newton_direction(
            f, x, np.where(free, slope, 0.0), (free, scale, damp), (size / first, expired)
        )
        used += count + 1
        better = halve_step(f, box, (x, value, slope), move)
        if better is None:
            damp = max(10.0 * damp, 1e-3)
            if damp > 1e3:  # noqa: PLR2004  luck, never truth
                break
            continue
        x, value, slope = better
        damp *= 0.1
    return x, used + 1


def length(box: Box, x: Array, slope: Array) -> float:
    """Return the projected gradient's length."""
    return float(np.linalg.norm(np.where(box.free(x, slope), slope, 0.0)))


def newton_direction(
    f: Function,
    x: Array,
    slope: Array,
    by: tuple[npt.NDArray[np.bool_], Array, float],
    until: tuple[float, Callable[[], bool]],
) -> tuple[Array, int]:
    """Return about -(H + damp D)^-1 slope on the free coordinates, D the scales.

    until: the relative size of the residual that ends it, and whether the time is spent
    """
    (free, scale, damp), (relative, expired) = by, until

    def bent(along: Array) -> Array:
        """Return H + damp D times a direction."""
        return np.where(free, product(f, x, along), 0.0) + damp * scale * along

    stop = min(0.05, relative), PRODUCTS, expired
    move, used = conjugate(bent, -slope, 1 / scale, stop)
    return (move if move.any() else -slope / scale), used


def product(f: Function, x: Array, along: Array) -> Array:
    """Return H times a direction, by a central difference."""
    size = float(np.linalg.norm(along))
    h = DIFFERENCE * max(float(np.linalg.norm(x)), 1e-300) / max(size, 1e-300)
    return np.asarray((f(x + h * along)[1] - f(x - h * along)[1]) / (2 * h))


def halve_step(
    f: Function, box: Box, now: tuple[Array, float, Array], move: Array
) -> tuple[Array, float, Array] | None:
    """Return the first better point among the halved steps; None if there is none."""
    x, value, slope = now
    size = length(box, x, slope)
    for k in range(HALVINGS):
        new = box.inside(x + 0.5**k * move)
        new_value, turn = f(new)
        lower = value - new_value > ROUNDING * abs(value)
        same = new_value - value <= ROUNDING * abs(value)
        if lower or (same and length(box, new, turn) < size * (1 - 0.1 * 0.5**k)):
            return new, new_value, turn
    return None
