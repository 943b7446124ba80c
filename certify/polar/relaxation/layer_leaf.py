"""A leaf of the kernel's rule for hidden layers, as coarse as its bound allows."""

from fractions import Fraction
from typing import Any

import numpy as np

from certify.base.arrays import Array
from certify.polar import eigen as spectra

from .layer_multiplier import LayerMultiplier, proved, settled
from .layers import LayerForm, sizes
from .pair_leaf import factored, stored

GRIDS = (6, 10, 14, 18, 22, 30, 40, 52)  # bits of N tried, the coarsest first
NOISE = 2.0**-48  # roundings of a float verifier for each term, relative
SLACK = 1e-11  # of the prices, so that the last roundings cost nothing more


def leaf(
    form: LayerForm, cuts: Array, found: LayerMultiplier, goal: float
) -> tuple[dict[str, Any], float]:
    """Return ({node, "N", "L"}, bound of the value), under goal if `found` is.

    cuts are the rows of the path as the proof has them, with their signs, over (p, u).
    """
    held = coarsest(form, found, valued(form, goal, back=True))
    lift = 1 + SLACK
    level, bias, radial = (x + abs(x) * (lift - 1) for x in held[1:4])
    level = level if form.radial else max(level, 0.0)  # less would prove no less than 0
    m, d = form.F.shape
    prices = np.concatenate([np.zeros(m), np.full(d, level), np.full(int(form.radial), radial)])
    if form.reach:
        prices[-1] = bias
    G = form.quadratic(held.N) - np.diag(prices)
    wide = (1 + float(np.square(form.F).sum())) * (1 + form.reach**2) + 1
    base = max(level + radial, 0.0) + max(bias, 0.0) * form.reach**2
    rounding = NOISE * len(held.N) ** 0.5 * float(np.abs(G).max(initial=0.0))
    shift, L, bound = factored(G, rounding, (wide, base, valued(form, goal, back=True)))
    node = {"tau": form.scale.hex(), "level": level.hex(), "shift": Fraction(shift)}
    if form.reach:
        node["bias"] = bias.hex()
    if form.radial:
        node |= {"radial": radial.hex()} | ({"linear": True} if form.sign else {})
    N = in_units(form, cuts, held.N)
    arrays = {"N": stored(N[np.tril_indices(len(N))])} | ({} if L is None else {"L": L})
    if not arrays["N"].any():
        del arrays["N"]
    return {"node": node, "arrays": arrays}, valued(form, bound)


def valued(form: LayerForm, x: float, *, back: bool = False) -> float:
    """Return the bound of the value from that of the form, or back."""
    if form.sign:
        return x
    return x * x if back else float(np.sqrt(max(x, 0.0)))


def coarsest(form: LayerForm, found: LayerMultiplier, allowed: float) -> LayerMultiplier:
    """Round N to the first grid whose bound is allowed, else to the finest."""
    m = len(form.F)
    N = found.N.astype(float)
    held = found
    for bits in GRIDS:
        short = spectra.on_grid(N, bits)
        diagonal = np.zeros(N.shape, dtype=bool)
        at = np.arange(m)
        diagonal[at, m + at] = diagonal[m + at, at] = True
        short = np.where(diagonal, short, np.maximum(short, 0.0))
        held = settled(form, proved(form, short))
        if held.bound <= allowed:
            break
    return held


def in_units(form: LayerForm, cuts: Array, N: Array) -> Array:
    """Return N over the kernel's facts: p, q, [s, r s - p, r s - q], cuts as they are."""
    m = len(form.F)
    one = 1 / form.scale
    held = cuts.copy()
    held[:, :m] *= form.scale
    radial = [np.ones(1), np.full(2 * m, one)] if form.radial else []
    unit = np.concatenate([np.full(2 * m, one), *radial, 1 / sizes(held)])
    return np.asarray(N * np.outer(unit, unit))


def nil(form: LayerForm, cut: Array) -> tuple[dict[str, Any], float]:
    """Return a leaf that proves nearly 0 where the one sign of v earns nothing.

    There |u| times the cut, w^T s rounded, is a product of facts: half of it takes away the
    value times |u| but for the rounding.
    """
    m = len(form.F)
    h = 4 * m + 2
    N = np.zeros(h * (h + 1) // 2, dtype=np.float32)
    N[h * (h - 1) // 2 + 2 * m] = 0.5
    held = cut.copy()
    held[:m] *= form.scale
    missed = float(np.abs(form.A[:, 0] - held).sum()) * (1 + NOISE)
    wide = (1 + float(np.square(form.F).sum())) * (1 + form.reach**2) + 1
    zero = (0.0).hex()
    node = {"tau": form.scale.hex(), "level": zero, "radial": zero, "linear": True}
    rest = 2.0**-40 * float(np.abs(form.A).sum())
    shift = Fraction(missed + rest)
    return {"node": node | {"shift": shift}, "arrays": {"N": N}}, 2 * wide * (missed + rest)
