"""A leaf of the kernel's rule for hidden layers, as coarse as its bound allows."""

from fractions import Fraction
from typing import Any

import numpy as np

from certify.base.arrays import Array
from certify.polar import eigen as spectra

from .layer_multiplier import LayerMultiplier, best_multiplier, exact_bound
from .layers import LayerForm, sizes
from .pair_leaf import as_float32, cholesky_leaf

GRIDS = (6, 10, 14, 18, 22, 30, 40, 52)  # bits of N tried, the coarsest first
NOISE = 2.0**-48  # roundings of a float verifier for each term, relative
SLACK = 1e-11  # of the prices, so that the last roundings cost nothing more
ABOVE = 1 + 2.0**-50  # a length rounded up


def leaf(
    form: LayerForm, cuts: Array, multiplier: LayerMultiplier, goal: float
) -> tuple[dict[str, Any], float]:
    """Return ({node, "N", "L"}, bound of the value), under goal if `multiplier` is.

    cuts are the rows of the path as the proof has them, with their signs, over (p, u).
    """
    rounded = coarsest(form, multiplier, value_bound(form, goal, back=True))
    return write_leaf(form, cuts, rounded, goal)


def write_leaf(
    form: LayerForm, cuts: Array, rounded: LayerMultiplier, goal: float
) -> tuple[dict[str, Any], float]:
    """Return the leaf of a multiplier whose numbers are on a grid."""
    lift = 1 + SLACK
    level, bias, radial = (x + abs(x) * (lift - 1) for x in rounded[2:5])
    level = level if form.radial else max(level, 0.0)  # less would prove no less than 0
    m, d = form.F.shape
    prices = np.concatenate([np.zeros(m), np.full(d, level), np.full(int(form.radial), radial)])
    if form.reach:
        prices[m + d - 1] = bias
    G = form.quadratic(rounded.N, rounded.Y) - np.diag(prices)
    wide = (1 + float(np.square(form.F).sum())) * (1 + form.reach**2) + 1
    base = max(level + radial, 0.0) + max(bias, 0.0) * form.reach**2
    rounding = NOISE * len(rounded.N) ** 0.5 * float(np.abs(G).max(initial=0.0))
    shift, L, bound = cholesky_leaf(G, rounding, (wide, base, value_bound(form, goal, back=True)))
    node = {"tau": form.scale.hex(), "level": level.hex(), "shift": Fraction(shift)}
    if form.reach:
        node["bias"] = bias.hex()
    unit = units(form, cuts)
    N = rounded.N * np.outer(unit, unit)
    arrays = {"N": as_float32(N[np.tril_indices(len(N))])} | ({} if L is None else {"L": L})
    if not arrays["N"].any():
        del arrays["N"]
    if form.radial:
        node |= {"radial": radial.hex()} | ({"linear": True} if form.sign else {})
    if form.sign and not form.ranges:
        arrays["Y"] = as_float32(rounded.Y * unit[:, None])
    return {"node": node, "arrays": arrays}, value_bound(form, bound)


def value_bound(form: LayerForm, x: float, *, back: bool = False) -> float:
    """Return the bound of the value from that of the form, or back."""
    if form.sign:
        return x
    return x * x if back else float(np.sqrt(max(x, 0.0)))


def coarsest(form: LayerForm, multiplier: LayerMultiplier, allowed: float) -> LayerMultiplier:
    """Round N to the first grid whose bound is allowed, else to the finest."""
    m = len(form.F)
    N = multiplier.N.astype(float)
    rounded = multiplier
    for bits in GRIDS:
        short = spectra.on_grid(N, bits)
        diagonal = np.zeros(N.shape, dtype=bool)
        at = np.arange(m)
        diagonal[at, m + at] = diagonal[m + at, at] = True
        short = np.where(diagonal, short, np.maximum(short, 0.0))
        rounded = exact_bound(form, best_multiplier(form, short, cones_on_grid(multiplier.Y, bits)))
        if rounded.bound <= allowed:
            break
    return rounded


def cones_on_grid(Y: Array, bits: int) -> Array:
    """Return float32 rows (y, t) on a grid, but t is rounded up until |y| <= t."""
    out = spectra.on_grid(Y.astype(float), bits).astype(np.float32).astype(float)
    if out.size:
        lengths = np.linalg.norm(out[:, :-1], axis=1) * ABOVE
        out[:, -1] = np.where(out[:, -1] < lengths, above32(lengths), out[:, -1])
    return np.asarray(out)


def above32(x: Array) -> Array:
    """Round up to float32."""
    short = x.astype(np.float32)
    return np.where(short < x, np.nextafter(short, np.float32(np.inf)), short).astype(float)


def units(form: LayerForm, cuts: Array) -> Array:
    """Return the kernel's facts, p, q, [s, ranges,] cuts and bounds of rows, in the form's."""
    m = len(form.F)
    scaled = np.vstack([form.path_lines(cuts, form.sign), form.lines(form.row_bounds)])
    scaled[:, :m] *= form.scale
    each = np.full(2 * m, 1 / form.scale)
    ranges = [np.ones(1), each] if form.ranges else []
    return np.concatenate([each, *ranges, 1 / sizes(scaled)])


def nil(form: LayerForm, cut: Array) -> tuple[dict[str, Any], float]:
    """Return a leaf that proves nearly 0 where the only sign of v gives no positive value.

    There |u| times the cut, w^T s rounded, is not negative: it cancels the value times |u| up to
    the rounding.
    """
    m = len(form.F)
    size = 2 * m + len(form.bias_ranges) + 1
    Y = np.zeros((size, form.norm_size + 1), dtype=np.float32)
    Y[-1, -1] = 0.5
    scaled = cut.copy()
    scaled[:m] *= form.scale
    missed = float(np.abs(form.A[:, 0] - scaled).sum()) * (1 + NOISE)
    wide = (1 + float(np.square(form.F).sum())) * (1 + form.reach**2) + 1
    zero = (0.0).hex()
    node = {"tau": form.scale.hex(), "level": zero, "radial": zero, "linear": True}
    rest = 2.0**-40 * float(np.abs(form.A).sum())
    shift = Fraction(missed + rest)
    return {"node": node | {"shift": shift}, "arrays": {"Y": Y}}, 2 * wide * (missed + rest)
