"""Lower bounds of the polar: a slice that earns them, by alternating maximization."""

import numpy as np
from scipy import sparse

from certify._arrays import Array
from certify.gauges import Gauge

from . import _spectra as spectra
from ._base import Ask, Matrix
from .lines import line_values

STARTS, STEPS = 12, 200
SETTLED = 1e-13  # relative gain below which an ascent stops; luck, never truth


def earned(W: Matrix, u: Array, v: Array) -> float:
    """Return u^T W v."""
    return float(u @ (W @ v))


def best_slice(ask: Ask) -> tuple[float, tuple[Array, Array]]:
    """Return (<W, u v^T>, (u, v)) with unit norms: exact for closed pairs, else found."""
    if "l1" in (ask.left.name, ask.right.name):
        return line_slice(ask)
    starts = list(first_vectors(ask))
    found = [climb(ask.W, ask.left, ask.right, v) for v in starts]
    return max(found, key=lambda pair: pair[0])


def line_slice(ask: Ask) -> tuple[float, tuple[Array, Array]]:
    """Return the slice at the largest line."""
    values, signs = line_values(ask.W, ask.left, ask.right)
    k = int(values.argmax())
    first = ask.left.name == "l1"
    unit = np.zeros(len(values))
    unit[k] = signs[k]
    held = ask.W.tocsr() if sparse.issparse(ask.W) else ask.W
    line = np.asarray((held.T if first else held) @ unit)
    other = (ask.right if first else ask.left).maximizer(line)
    u, v = (unit, other) if first else (other, unit)
    return earned(ask.W, u, v), (u, v)


def first_vectors(ask: Ask) -> list[Array]:
    """Return starts for v: top singular vectors, their signed parts, random ones."""
    n = ask.W.shape[1]
    axis = spectra.side(ask.W)
    top = leading(ask.W, axis, ask.seed)
    heads = [top] if axis else [np.asarray(ask.W.T @ top)]
    if not (ask.left.nonneg or ask.right.nonneg):
        return heads
    rng = np.random.default_rng(ask.seed)
    lots = [rng.standard_normal(n) for _ in range(STARTS)]
    if not ask.right.nonneg:  # both signs of v: u >= 0 cannot take the sign over
        return [sign * v for v in (*heads, *lots) for sign in (1.0, -1.0)]
    parts = [p for h in heads for p in (np.maximum(h, 0), np.maximum(-h, 0))]
    return [*parts, *map(np.abs, (*heads, *lots))]


def leading(W: Matrix, axis: int, seed: int) -> Array:
    """Return an approximate top singular vector of the smaller side."""
    k = W.shape[axis]
    if k <= spectra.DENSE:
        return spectra.top_pair(spectra.gram(W, axis), seed)[1]
    if axis:
        return spectra.by_block(lambda x: np.asarray(W.T @ (W @ x)), k, seed)[1]
    return spectra.by_block(lambda x: np.asarray(W @ (W.T @ x)), k, seed)[1]


def climb(W: Matrix, left: Gauge, right: Gauge, v: Array) -> tuple[float, tuple[Array, Array]]:
    """Alternate u <- best for W v, v <- best for W^T u; the value never falls."""
    v = right.maximizer(v)
    value = -np.inf
    for _ in range(STEPS):
        u = left.maximizer(np.asarray(W @ v))
        v = right.maximizer(np.asarray(W.T @ u))
        before, value = value, earned(W, u, v)
        if value - before <= SETTLED * abs(value):
            break
    return value, (u, v)
