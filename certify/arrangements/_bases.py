"""Upper bounds of the polar of a layer that takes the largest of a sample's rows.

Of one output w and one sign e of v, sum_k e w_k h_k(u) is at most the value of a layer that sums
its rows: `kernel.verify.dominating`.  Which row of each sample is compared with is chosen here so
that this layer is nearly as small as h at the points where it is largest.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from certify._arrays import Array
from certify.gauges import gauge
from certify.polar import Proposal

from . import ascent
from ._base import Ints, LayerAsk
from ._largest import owners, rows_of_samples

ROUNDS = 8  # points at which the layer was too large, each of which moves the rows once more
SWEEPS = 4  # over all samples, of one choice of rows
CLOSE = 1e-6  # relative gain of a choice that is worth another round
SUM = -1  # the choice of no row: all rows are summed
EDGE = 1e-12  # relative, for the rounding of what a difference lost
Json = dict[str, Any]


class Choice(NamedTuple):
    """What is chosen for one sign of v: omega = sign * w, and the layer that sums."""

    base: Ints
    ask: LayerAsk
    extra: float


def proposal(ask: LayerAsk, propose: Callable[[LayerAsk], Proposal]) -> Proposal:
    """Return the bound of one output: the larger of its signs', each with its own rows."""
    signs = {"": (1, -1), "+": (1,), "-": (-1,)}[ask.layer.right.cone]
    upper, texts, arrays = 0.0, list[Json](), dict[str, Any]()
    for t, sign in enumerate(signs):
        held = chosen(part_of(ask, len(signs) - t), sign)
        found = propose(held.ask)
        if found.upper == np.inf:
            return found
        upper = max(upper, found.upper + held.extra)
        own = found.proof | {"base": held.base}
        arrays |= {f"s{t}.{k}": x for k, x in own.items() if isinstance(x, np.ndarray)}
        texts.append({k: x for k, x in own.items() if not isinstance(x, np.ndarray)})
    return Proposal(upper, {"rule": "max_pool", "each": texts, **arrays})


def part_of(ask: LayerAsk, count: int) -> LayerAsk:
    """Return the ask with its part of the time that is left."""
    if ask.deadline is None:
        return ask
    return replace(ask, deadline=ask.deadline - max(ask.left(), 0.0) * (1 - 1 / count))


def chosen(ask: LayerAsk, sign: int) -> Choice:
    """Return the rows for one sign whose layer has the least value found at its maximizer."""
    omega = sign * ask.W[:, 0]
    one = gauge("l2+" if sign > 0 else "l2-")
    own = replace(ask, layer=replace(ask.layer, right=one))
    points = ascent.attain(own)[1][0][:, None]
    best, least = summed(own, omega, first(ask, omega)), np.inf
    for _ in range(ROUNDS if omega.any() else 0):
        base = fitted(ask, omega, points, best.base)
        made = summed(own, omega, base)
        value, (u, _) = ascent.attain(made.ask)
        value += made.extra
        if value < least * (1 - CLOSE):
            best, least = made, value
        met = dominated(ask, omega, points, base).max(initial=0.0)
        points = np.column_stack([points, u])
        if value <= met * (1 + CLOSE) or ask.expired():
            break
    return best


def first(ask: LayerAsk, omega: Array) -> Ints:
    """Return the longest row of each sample; all summed where omega > 0."""
    table = rows_of_samples(owners(ask))
    sizes = np.linalg.norm(ask.layer.features, axis=1)[table]
    longest = np.take_along_axis(table, sizes.argmax(axis=1)[:, None], 1)[:, 0]
    return np.where(omega > 0, SUM, longest).astype(np.int64)


def summed(ask: LayerAsk, omega: Array, base: Ints) -> Choice:
    """Return the layer that sums, its rows in the kernel's order, and what rounding adds."""
    F, samples = ask.layer.features, owners(ask)
    rows, owner, extra = [], [], 0.0
    for k, every in enumerate(members(samples)):
        own = every if omega[k] > 0 else [int(base[k])]
        held = F[own]
        owner += [k] * len(own)
        if omega[k] > 0 and base[k] != SUM:
            held, lost = less(held, F[base[k]])
            held[np.asarray(own) == base[k]] = F[base[k]]
            extra += float(omega[k]) * lost
        rows.append(held)
    layer = replace(ask.layer, features=np.vstack(rows), most=False)
    layer = replace(layer, samples=np.array(owner, dtype=np.int64))
    return Choice(base, replace(ask, layer=layer), extra * (1 + EDGE))


def members(samples: Ints) -> list[list[int]]:
    """Return the rows of each sample, in order."""
    out: list[list[int]] = [[] for _ in range(int(samples.max()) + 1)]
    for i, k in enumerate(samples.tolist()):
        out[k].append(i)
    return out


def less(held: Array, f: Array) -> tuple[Array, float]:
    """Return the rows less f in floats, and the sum of the lengths of what that lost, exactly."""
    g = held - f
    back = g - held
    lost = (held - (g - back)) - (f + back)  # Knuth's two-sum
    return g, float(np.linalg.norm(lost, axis=1).sum())


def terms(ask: LayerAsk, rows: list[int], base: int, points: Array) -> Array:
    """Return what bounds h_k at each point, of a positive omega."""
    a = ask.layer.features[rows] @ points
    if base == SUM:
        return np.asarray(np.maximum(a, 0.0).sum(axis=0))
    b = a[rows.index(base)]
    return np.asarray(np.maximum(a - b, 0.0).sum(axis=0) + np.maximum(b, 0.0))


def dominated(ask: LayerAsk, omega: Array, points: Array, base: Ints) -> Array:
    """Return the value of the layer that sums at each point."""
    total = np.zeros(points.shape[1])
    for k, rows in enumerate(members(owners(ask))):
        total += omega[k] * term(ask, (float(omega[k]), rows), int(base[k]), points)
    return total


def term(ask: LayerAsk, sample: tuple[float, list[int]], base: int, points: Array) -> Array:
    """Return what bounds h_k at each point: from above for omega > 0, else from below."""
    x, rows = sample
    if x > 0:
        return terms(ask, rows, base, points)
    return np.asarray(np.maximum(ask.layer.features[base] @ points, 0.0))


def fitted(ask: LayerAsk, omega: Array, points: Array, base: Ints) -> Ints:
    """Return the rows that make the layer small at its largest point, one sample at a time."""
    options, values = [], []
    for k, rows in enumerate(members(owners(ask))):
        tops = {rows[i] for i in (ask.layer.features[rows] @ points).argmax(axis=0)}
        tries = sorted({*tops, int(base[k])} | ({SUM} if omega[k] > 0 else set()))
        sample = (float(omega[k]), rows)
        options.append(tries)
        values.append(omega[k] * np.array([term(ask, sample, b, points) for b in tries]))
    picked = [int(v[:, 0].argmin()) for v in values]
    total = np.sum([v[i] for v, i in zip(values, picked, strict=True)], axis=0)
    for _ in range(SWEEPS):
        before = list(picked)
        for k, v in enumerate(values):
            rest = total - v[picked[k]]
            picked[k] = int((rest + v).max(axis=1).argmin())
            total = rest + v[picked[k]]
        if picked == before:
            break
    return np.array([o[i] for o, i in zip(options, picked, strict=True)], dtype=np.int64)
