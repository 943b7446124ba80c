"""A leaf of the conic rule: the multiplier on as coarse a grid as its bound allows.

Any N >= 0 and any D prove a bound, so rounding them only makes it less tight; the
coarsest rounding whose bound is still under the allowed value is taken.  Then a Cholesky
factor shows G <= shift I, again as coarse as its error allows.
"""

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from certify.base.arrays import Array
from certify.polar import eigen as spectra
from certify.polar.query import exact_text

from .pair_admm import PairMultiplier, repair
from .pairs import Cell

GRIDS = (3, 4, 6, 8, 11, 14, 18, 22, 28, 36, 46)  # bits of N tried, the coarsest first
FACTOR = (10, 14, 18, 22, 30, 38, 48, 52)  # bits of the Cholesky factor
WHOLE = 46  # bits of D
NOISE = 2.0**-49  # roundings of a float verifier for each term of G, relative


def leaf(
    cell: Cell, multiplier: PairMultiplier, allowed: float, number: int
) -> tuple[dict[str, Any], float]:
    """Return (node and arrays, bound); the bound is at most `allowed` if the multiplier's is."""
    slack = max(allowed - multiplier.bound, 0.0)
    m = coarsest(cell, multiplier, multiplier.bound + 0.5 * slack)
    G, price, base = kernel_form(cell, m)
    shift, factor, bound = cholesky_leaf(G, noise(cell, m.N), (price, base, allowed))
    arrays: dict[str, Any] = {f"N{number}": as_float32(to_kernel(cell, m.N))}
    if cell.form.simplex:
        one = np.full(cell.form.size * (cell.form.size + 1) // 2, float(m.D[0]))
        arrays[f"S{number}.left"] = one.astype(float)
    elif not cell.form.trace_only:
        arrays[f"D{number}"] = diagonal(cell, m)
    if factor is not None:
        arrays[f"L{number}"] = factor
    if not arrays[f"N{number}"].any():
        del arrays[f"N{number}"]
    text = exact_text(Fraction(shift))
    return {"node": {"leaf": number, "shift": text}, "arrays": arrays}, bound


def coarsest(cell: Cell, multiplier: PairMultiplier, allowed: float) -> PairMultiplier:
    """Round N and D to the first grid whose bound is allowed, else to the finest."""
    m = multiplier
    for bits in GRIDS:
        N = np.maximum(spectra.on_grid(multiplier.N, bits), 0.0)
        m = repair(cell, N, multiplier.D)
        m = repair(cell, N, up(m.D, min(max(bits + 6, 16), WHOLE)))
        if m.bound <= allowed:
            break
    return m


def up(D: Array, bits: int) -> Array:
    """Round up to a grid."""
    top = float(D.max(initial=0.0))
    step = np.ldexp(1.0, int(np.frexp(top)[1]) - bits) if top else 1.0
    return np.asarray(np.ceil(D / step) * step)


def kernel_form(cell: Cell, m: PairMultiplier) -> tuple[Array, float, float]:
    """Return (G as the kernel forms it, the price of its top eigenvalue, the other cost)."""
    form, scale = cell.form, scales(cell)
    G = cell.add_multiplier(m.N)
    base = 0.0
    if form.simplex:
        G, base = G - float(m.D[0]), float(m.D[0])
    elif not form.trace_only:
        G = G - np.diag(m.D[cell.groups])
        used = np.unique(cell.groups)
        base = form.half * float(form.capacity[used] @ m.D[used])
    return G * np.outer(1 / scale, 1 / scale), wide(cell), base


def noise(cell: Cell, N: Array) -> float:
    """Return a bound of the rounding errors of a verifier in floats when it forms G."""
    rows = np.abs(cell.rows)
    sizes = np.abs(cell.C) + rows.T @ N @ rows
    return float(NOISE * N.shape[0] * sizes.max(initial=0.0))


def scales(cell: Cell) -> Array:
    """Return y_i = z_i / scale_i for the heads of the classes."""
    return np.asarray(cell.M[cell.first, np.arange(cell.size)])


def wide(cell: Cell) -> float:
    """Return half the sum of the largest |z|_2^2 of the sides."""
    if cell.form.simplex:
        return 1.0
    scale = np.square(scales(cell))
    groups = range(cell.form.capacity.size)
    tops = np.array([scale[cell.groups == g].max(initial=0.0) for g in groups])
    return cell.form.half * float(cell.form.capacity @ tops)


def diagonal(cell: Cell, m: PairMultiplier) -> Array:
    """Return D for each class, in z's units."""
    return np.asarray(m.D[cell.groups] / np.square(scales(cell)))


def to_kernel(cell: Cell, N: Array) -> Array:
    """Return N over the kept rows, in z's units, packed by rows of the lower triangle."""
    row = np.ones(N.shape[0])
    row[: cell.size] = 1 / np.abs(scales(cell))
    full = (N * np.outer(row, row))[np.ix_(cell.signed_rows, cell.signed_rows)]
    return np.asarray(full[np.tril_indices(full.shape[0])])


def as_float32(x: Array) -> npt.NDArray[Any]:
    """Return x in float32 if that is exact."""
    single = x.astype(np.float32)
    return single if np.array_equal(single.astype(np.float64), x) else x


def cholesky_leaf(
    G: Array, rounding: float, goal: tuple[float, float, float]
) -> tuple[float, npt.NDArray[Any] | None, float]:
    """Return (shift, packed L, bound): shift I - G = L L^T + E.

    The bound is base + price (shift + |E|), |E| the largest row sum; goal = (price, base,
    allowed).
    """
    price, base, allowed = goal
    k = G.shape[0]
    size = float(np.abs(G).max(initial=0.0))
    if not size:
        return 0.0, None, base
    top = max(spectra.largest_eigenvalue(spectra.demand_finite(G)), -size)
    best: tuple[float, Array | None, float] = (top + k * size, None, base + price * 2 * k * size)
    for bits in FACTOR:
        shift = top + 4.0 * k * 2.0**-bits * size + rounding
        lower = spectra.factorize(G, shift)
        if lower is None:
            continue
        L = spectra.on_grid(np.tril(lower), bits)
        error = float(np.abs(shift * np.eye(k) - G - L @ L.T).sum(axis=1).max())
        bound = base + price * max(shift + error, 0.0)
        if bound < best[2]:
            best = shift, L, bound
        if bound <= allowed:
            break
    if best[1] is None:
        return best[0], None, best[2]
    return best[0], as_float32(best[1][np.tril_indices(k)]), best[2]
