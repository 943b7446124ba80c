"""Rule `max_pool`: layers in which each sample takes the largest of its rows."""

import math
from array import array
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import NamedTuple

from ..arithmetic import Arithmetic, H
from ..arrays import Array, Arrays, rows_of
from ..budget import FRACTION, HELD
from ..errors import demand
from ..evidence import Evidence, slice_arrays
from ..fields import Json
from ..norms import L2, SIGNS
from ..scalars import power, root
from ..spaces import Network
from .network import network
from .tree import ROOT, End, Signed, largest, signed_splits


def max_pool(ar: Arithmetic[H], net: Network, w: H, proof: Evidence) -> Fraction:
    """Prove sup sum_k w_k h_k(u) v over |u|, |v| <= 1, h_k(u) = max_i (f_i . u)_+ of its rows.

    There is one tree for each sign e of v; the arrays of tree t are named s<t>.NAME.
    {"split": s, "plus": i, "minus": j} splits into g . u >= 0 and g . u <= 0 for row g of "splits"
    (count, d); the children cover everything.  In {"leaf": t, ...}, with arrays s<t>.NAME,
    `dominating` has a layer that sums its rows g_i, with v of this one sign, and over |u| <= 1

        sum_k e w_k h_k(u) <= sum_k e w_k sum_i (g_i . u)_+ + extra.

    The rest of the leaf is a proof of `network`, which bounds the polar of that layer on the leaf.
    """
    signs, d = SIGNS[net.right.cone], net.features.shape[1]
    lines, e = ar.exact_lines(w, 1, net.at)
    omega, best = [v * power(e) for v in lines[0]], Fraction(0)
    for sign, inner in zip(signs, proof.each(len(signs)), strict=True):
        listed = inner.given.find("splits", (None, d))
        side = Side(
            replace(net, right=L2(1, "+" if sign > 0 else "-")),
            [sign * x for x in omega],
            rows_of(listed) if listed else [],
            slice_arrays(inner.given),
        )
        end = End(8 * FRACTION * len(net.features.data), partial(pooled_leaf, ar, w, side))
        kinds = signed_splits(len(side.splits))
        best = max(best, largest(ar, inner.fields, kinds, ROOT, {"leaf": end}))
    return best


class Side(NamedTuple):
    """The layer for one sign of v, that sign times w, the rows of splits, the arrays of leaves."""

    net: Network
    omega: list[Fraction]
    splits: list[Sequence[float]]
    parts: dict[int, Arrays]


def pooled_leaf(ar: Arithmetic[H], w: H, side: Side, path: Signed, node: Json) -> Fraction:
    """Bound the layer where each g . u has the sign of the path, by the proof in the leaf."""
    (rows, d), j = side.net.features.shape, node["leaf"]
    ar.budget.spend(8 * FRACTION * rows * d + HELD * len(path) * d, "a leaf's rows")
    demand(type(j) is int, "proof.polar.nodes", "outside", j)
    mine = side.parts.get(j, Arrays({}, "proof"))
    sides = [array("d", (s * x for x in side.splits[k])) for k, s in path]
    base = mine.get("base", (side.net.at.m,), "q").data
    summed, extra = dominating(side.net, side.omega, base, sides)
    return network(ar, summed, w, Evidence(node, mine)) + extra


def dominating(
    net: Network, omega: Sequence[Fraction], base: Sequence[int], sides: Sequence[Sequence[float]]
) -> tuple[Network, Fraction]:
    """Return a layer that sums its rows, and extra: sum_k omega_k h_k(u) <= its value + extra.

    h_k = max_i (a_i)_+ over the rows i of sample k, a_i = f_i . u, |u| <= 1.  base_k is a row b of
    the sample, or -1.

        omega_k <= 0    h_k >= (a_b)_+
        omega_k > 0     h_k <= sum_i (a_i)_+                           if base_k = -1
                        h_k <= (a_b)_+ + sum_{i != b} (a_i - a_b)_+    otherwise, since
                        a_i = a_b + (a_i - a_b) <= (a_b)_+ + (a_i - a_b)_+

    A difference f_i - f_b is rounded to floats g.  By (x + y)_+ <= (x)_+ + |y| the error is at most
    extra, the sum of omega_k |f_i - f_b - g|.  The rows `sides` are last and belong to no sample;
    the polar is over the u where they are >= 0.
    """
    rows, where = rows_of(net.features), "proof.base"
    members: list[list[int]] = [[] for _ in omega]
    for i, k in enumerate(net.samples):
        members[k].append(i)
    out, samples, extra = array("d"), [], Fraction(0)
    for k, (x, b) in enumerate(zip(omega, base, strict=True)):
        summed = b == -1 and x > 0
        demand(summed or b in members[k], where, "outside", f"{b} of sample {k}")
        for i in members[k] if x > 0 else [b]:
            g = array("d", rows[i])
            if not summed and i != b:
                g = array("d", (p - q for p, q in zip(rows[i], rows[b], strict=True)))
                demand(all(map(math.isfinite, g)), where, "overflow", f"{i} less {b}")
                parts = zip(*(map(Fraction, y) for y in (rows[i], rows[b], g)), strict=True)
                extra += x * root(sum(((p - q - r) ** 2 for p, q, r in parts), Fraction(0))).hi
            out.extend(g)
            samples.append(k)
    for side in sides:
        out.extend(side)
        samples.append(-1)
    features = Array((len(samples), net.features.shape[1]), out)
    made = replace(net, features=features, samples=samples, max_pooled=False, inside=len(sides))
    return made, extra
