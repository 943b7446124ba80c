"""L-BFGS, momentum, conjugate gradients, penalty updates of ADMM, bisection, and thresholds."""

from collections.abc import Callable

import numpy as np
from scipy import optimize

from .arrays import Array

MEMORY, WINDOW = 20, 10  # steps that L-BFGS remembers, and over which a gain is measured
STEPS = 3000  # of L-BFGS without bounds
WALL = 1e3  # the value that replaces infinity, over that at the start
DOUBLINGS, HALVINGS = 200, 120  # of an interval: more digits than a float has
Smooth = Callable[[Array], tuple[float, Array]]
Bounds = tuple[Array | float, Array | float]


def minimize(  # noqa: PLR0913  when to stop
    f: Smooth,
    start: Array,
    bounds: Bounds = (-np.inf, np.inf),
    *,
    steps: int,
    stall: float | None = None,
    expired: Callable[[], bool] | None = None,
    memory: int = MEMORY,
    flat: float = 0.0,
    goal: float = np.inf,
) -> tuple[Array, int]:
    """Minimize f over low <= x <= high by L-BFGS within bounds; return x and the number of steps.

    f returns its value and gradient.  The method ends after `steps`, when the last WINDOW steps
    gained at most `stall` of the value, when `expired()` is true, when the gradient is at most
    `flat`, or when the steps left cannot reach `goal` at the rate of the last WINDOW steps, as
    gains shrink.
    """
    seen = list[float]()

    def watch(intermediate_result: optimize.OptimizeResult) -> None:
        """Raise StopIteration to end the method."""
        seen.append(float(intermediate_result.fun))
        gained = seen[-1 - WINDOW] - seen[-1] if len(seen) > WINDOW else np.inf
        stalled = stall is not None and gained <= stall * abs(seen[-1])
        far = seen[-1] - goal > gained * (steps - len(seen)) / WINDOW
        if stalled or far or (expired is not None and expired()):
            raise StopIteration

    result = optimize.minimize(
        f,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=optimize.Bounds(*bounds),
        callback=watch,
        options={"maxiter": steps, "maxcor": memory, "ftol": 0.0, "gtol": flat},
    )
    return np.asarray(result.x), int(result.nit) + 1


def quasi_newton(f: Smooth, start: Array, expired: Callable[[], bool] | None = None) -> Array:
    """Minimize a smooth function that may be infinite: a wall sends the line search back."""
    wall = WALL * (1 + abs(f(start)[0]))

    def walled(flat: Array) -> tuple[float, Array]:
        """Return the value and gradient of f, or of the wall outside its domain."""
        value, slope = f(flat)
        if np.isfinite(value) and np.isfinite(slope).all():
            return value, slope
        return wall * (1 + float(flat @ flat)), 2 * wall * flat

    x, _ = minimize(walled, start, steps=STEPS, stall=0.0, expired=expired, memory=30, flat=1e-12)
    return x


class Momentum:
    """Nesterov's momentum: `x` is the end of the last step, `ahead` the start of the next one.

    It restarts when it points uphill (O'Donoghue and Candes, "Adaptive restart", 2015).
    """

    def __init__(self, x: Array) -> None:
        self.restart(x)

    def restart(self, x: Array) -> None:
        """Start the next step at x."""
        self.x, self.ahead, self.t = x, x, 1.0

    def move(self, x: Array) -> None:
        """Take x as the end of a step."""
        if float(((self.ahead - x) * (x - self.x)).sum()) > 0:
            self.t = 1.0
        self.t, last = 0.5 * (1 + (1 + 4 * self.t * self.t) ** 0.5), self.t
        self.ahead, self.x = x + ((last - 1) / self.t) * (x - self.x), x


def conjugate(
    times: Callable[[Array], Array],
    right: Array,
    metric: Array,
    until: tuple[float, int, Callable[[], bool]],
) -> tuple[Array, int]:
    """Solve K x = right by conjugate gradients; return x and the number of products.

    metric  a diagonal near the inverse of K
    until   the relative size of the residual, the most products, and a function that ends it

    The method ends early if K is not positive.
    """
    (relative, most, expired), x, rest = until, np.zeros_like(right), right
    d = metric * rest
    size = float(rest @ d)
    least = relative**2 * size
    for k in range(most):
        if not size > least or (k and expired()):
            return x, k
        turned = times(d)
        bend = float(d @ turned)
        if not bend > 0:
            return x, k + 1
        x, rest = x + (size / bend) * d, rest - (size / bend) * turned
        z = metric * rest
        before, size = size, float(rest @ z)
        d = z + (size / before) * d
    return x, most


def even_out(primal: float, dual: float, most: float, uneven: float = 2.0) -> float:
    """Return the factor of rho that balances the residuals of ADMM: `most`, its inverse or 1."""
    return most if primal > uneven * dual else 1 / most if dual > uneven * primal else 1.0


def bisect_slopes(slope: Callable[[Array], Array], start: Array) -> Array:
    """Return the zero of each slope, an increasing function of one number each."""
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


def threshold_level(sizes: Array, radius: float, least: float = 0.0) -> Array:
    """Return the c of each column with sum (sizes - c)_+ = radius, but at least `least`."""
    ordered = -np.sort(-sizes, axis=0)
    counts = np.arange(1, len(sizes) + 1).reshape(-1, *[1] * (sizes.ndim - 1))
    return np.asarray(((np.cumsum(ordered, axis=0) - radius) / counts).max(axis=0, initial=least))
