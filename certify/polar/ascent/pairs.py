"""Lower bounds of the polar: a slice that earns them, by alternating maximization."""

import numpy as np
from scipy import sparse

from certify.base.arrays import Array
from certify.polar import eigen as spectra
from certify.polar.ask import Ask, Matrix
from certify.polar.methods._balance import relaxed, scales
from certify.polar.methods.lines import line_values
from certify.polar.methods.spectral import stretched

STARTS, STEPS = 12, 200
TALL = 2.0**480  # entries whose Gram matrix is far from overflow
RACE, FINALISTS = 1, 3  # steps of every start, and starts that go on, where steps are slow
SETTLED = 1e-13  # relative gain below which an ascent stops; luck, never truth


def earned(W: Matrix, u: Array, v: Array) -> float:
    """Return u^T W v."""
    return float(u @ (W @ v))


def best_slice(ask: Ask) -> tuple[float, tuple[Array, Array]]:
    """Return (<W, u v^T>, (u, v)) with unit norms: exact for closed pairs, else found."""
    if ask.left.axial or ask.right.axial:
        return line_slice(ask)
    starts = first_vectors(ask)
    if ask.left.slow or ask.right.slow:  # whose steps are slow: a race
        tries = [climb(ask, v, RACE) for v in starts]
        starts = [v for _, (_, v) in sorted(tries, key=lambda pair: -pair[0])[:FINALISTS]]
    return max((climb(ask, v, STEPS) for v in starts), key=lambda pair: pair[0])


def line_slice(ask: Ask) -> tuple[float, tuple[Array, Array]]:
    """Return the slice at the largest line."""
    values, signs = line_values(ask.W, ask.left, ask.right)
    k = int(values.argmax())
    first = ask.left.axial
    unit = np.zeros(len(values))
    unit[k] = signs[k]
    held = ask.W.tocsr() if sparse.issparse(ask.W) else ask.W
    line = np.asarray((held.T if first else held) @ unit)
    other = (ask.right if first else ask.left).maximizer(line)
    u, v = (unit, other) if first else (other, unit)
    return earned(ask.W, u, v), (u, v)


def first_vectors(ask: Ask) -> list[Array]:
    """Return starts for v: top singular vectors, points of the relaxation, random ones.

    Both signs of each: a u with signs cannot take the sign over.
    """
    if all(g.exact and g.is_round and g.free for g in (ask.left, ask.right)):
        by = scales(ask.W, ask.left, ask.right, ask.seed)
        if by is None:
            return [head(ask.W, ask.seed)]
        wide = stretched(ask.W, by)
        if np.isfinite(wide.data if sparse.issparse(wide) else wide).all() and tame(wide):
            return [head(wide, ask.seed) / by[1]]  # where v's maximizer is it
    top = head(ask.W, ask.seed)
    rng = np.random.default_rng(ask.seed)
    n = ask.W.shape[1]
    lots = [rng.standard_normal(n) for _ in range(STARTS)]
    sides = ask.left.ellipsoids(ask.W.shape[0]), ask.right.ellipsoids(n)
    if not all(around.uniform for around in sides):
        B = relaxed(ask.W, *sides, ask.seed)[1]
        lots += [B @ rng.standard_normal(B.shape[1]) for _ in range(STARTS)]
    both = [sign * v for v in (top, *lots) for sign in (1.0, -1.0)]
    return both if ask.right.free else [*both, *map(np.abs, (top, *lots))]


def tame(W: Matrix) -> bool:
    """Whether the squares of the entries stay within float64."""
    entries = W.data if sparse.issparse(W) else W
    return bool(np.abs(entries).max(initial=0.0) < TALL)


def head(W: Matrix, seed: int) -> Array:
    """Return an approximate top right singular vector."""
    axis = spectra.side(W)
    top = leading(W, axis, seed)
    return top if axis else np.asarray(W.T @ top)


def leading(W: Matrix, axis: int, seed: int) -> Array:
    """Return an approximate top singular vector of the smaller side."""
    k = W.shape[axis]
    if k <= spectra.DENSE:
        return spectra.top_pair(spectra.gram(W, axis), seed)[1]
    if axis:
        return spectra.by_block(lambda x: np.asarray(W.T @ (W @ x)), k, seed)[1]
    return spectra.by_block(lambda x: np.asarray(W @ (W.T @ x)), k, seed)[1]


def climb(ask: Ask, v: Array, steps: int) -> tuple[float, tuple[Array, Array]]:
    """Alternate u <- best for W v, v <- best for W^T u; the value never falls."""
    W, left, right = ask.W, ask.left, ask.right
    v = right.maximizer(v)
    value = -np.inf
    for _ in range(steps):
        u = left.maximizer(np.asarray(W @ v))
        v = right.maximizer(np.asarray(W.T @ u))
        before, value = value, earned(W, u, v)
        if value - before <= SETTLED * abs(value):
            break
    return value, (u, v)
