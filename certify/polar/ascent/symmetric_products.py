"""sup <T, x o ... o x>: slices that earn it, for a symmetric T."""

from collections.abc import Iterator, Sequence

import numpy as np

from certify.base.arrays import Array
from certify.norms import Gauge
from certify.polar.product_ask import Expired, Slice, never

from .contract import unfolded

STARTS, STEPS = 40, 3000
RACE, FINALISTS = 20, 6  # steps of every start, and how many go on
SETTLED = 1e-15  # relative gain below which an ascent stops; luck, never truth
GRID = np.linspace(-1.0, 1.0, 33)  # of a segment on which a polynomial is maximized
NEWTON = 8  # steps at the end, on the sphere
ZOOMS = 6  # grids on a segment, each a 16th of the last


def attain(
    T: Array, gauge: Gauge, seed: int, starts: Sequence[Slice], expired: Expired = never
) -> tuple[float, Slice]:
    """Return (<T, x o ... o x>, (x,)) with |x| = 1 in the gauge's cone.

    For odd order both x and -x are tried where the cone allows it, so the value is that of
    |<T, x o ... o x>|; for even order the sign of T matters and the value may be negative.
    """
    size = float(np.abs(T).max(initial=0.0)) or 1.0
    S = T / size
    tries = []
    for start in first(S, gauge, seed, starts):
        tries.append(ascend(S, gauge, start, RACE, expired))
        if expired():
            break
    tries.sort(key=lambda pair: -pair[0])
    finals = (ascend(S, gauge, x, STEPS, expired) for _, x in tries[:FINALISTS])
    x = max(finals, key=lambda pair: pair[0])[1]
    if gauge.spherical:
        x = polished(S, gauge, x)
    return form(T, x), (x,)


def form(T: Array, x: Array) -> float:
    """Return <T, x o ... o x>."""
    return float(gradient(T, x) @ x)


def gradient(T: Array, x: Array) -> Array:
    """Return T x ... x with one mode left."""
    held = T
    while held.ndim > 1:
        held = held @ x
    return held


def ascend(
    T: Array, gauge: Gauge, x: Array, steps: int, expired: Expired = never
) -> tuple[float, Array]:
    """Climb from x: shifted powers on the sphere, best points of segments on other balls.

    Source: Kolda and Mayo 2011 (SS-HOPM) for the shift, halved while the value rises.
    """
    value, shift = form(T, x), 0.0
    bound = (T.ndim - 1) * float(np.linalg.norm(T))
    for _ in range(steps):
        if expired():
            break
        y = gradient(T, x)
        if gauge.spherical:
            z = gauge.maximizer(y + shift * x)
            found = form(T, z)
        else:
            z, found = along(T, gauge, x, gauge.maximizer(y))
        if found < value and gauge.spherical and shift < bound:
            shift = min(2 * shift + bound / 64, bound)
            continue
        if found - value <= SETTLED * abs(found):
            break
        value, x, shift = found, z, shift / 2
    return value, x


def polished(T: Array, gauge: Gauge, x: Array) -> Array:
    """Take Newton's steps for grad = value x on the sphere, where x is not zero, while it rises.

    The shifted powers end a square root of the rounding away from the point.
    """
    on = np.flatnonzero(x)
    part = T[np.ix_(*[on] * T.ndim)]
    for _ in range(NEWTON):
        z = x[on]
        H = part
        while H.ndim > 2:  # noqa: PLR2004  down to a matrix
            H = H @ z
        value = float(z @ H @ z)
        flat = np.eye(len(z)) - np.outer(z, z)
        A = flat @ ((T.ndim - 1) * H - value * np.eye(len(z))) @ flat
        step = np.linalg.lstsq(A, -flat @ H @ z, rcond=1e-12)[0]
        new = np.zeros_like(x)
        new[on] = z + step
        new = new / np.linalg.norm(new)
        if not gauge.admits(new) or form(T, new) <= form(T, x):
            break
        x = new
    return x


def along(T: Array, gauge: Gauge, x: Array, y: Array) -> tuple[Array, float]:
    """Return the best point of the segment from x to y, pushed out to the unit sphere."""
    at, width = 0.5, 0.5
    best, value = x, form(T, x)
    for _ in range(ZOOMS):
        for t in np.clip(at + width * GRID, 0.0, 1.0):
            z = x + t * (y - x)
            size = float(gauge.value(z))
            if size > 0.0 and (found := form(T, z / size)) > value:
                best, value, at = z / size, found, float(t)
        width /= 16
    return best, value


def first(T: Array, gauge: Gauge, seed: int, starts: Sequence[Slice]) -> Iterator[Array]:
    """Yield unit vectors of the cone: given ones, singular vectors, units, random ones."""
    n = T.shape[0]
    rng = np.random.default_rng(seed)
    S = unfolded(T, (0,))
    heads = np.linalg.eigh(S @ S.T)[1].T[-4:]
    for x in [*(s[0] for s in starts), *heads, *rng.standard_normal((STARTS, n))]:
        yield gauge.maximizer(x)
        yield gauge.maximizer(-x)
    diagonal = T[tuple([np.arange(n)] * T.ndim)]
    yield gauge.unit(diagonal)
