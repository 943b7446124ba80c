"""Symmetric tensors of few coordinates: branch and bound over simplicial cones of their factor.

    A(x, ..., x) <= max over i, ..., k of A(g_i, ..., g_k) / (|g_i| ... |g_k|) times |y|_*^K

on the cone of x = sum a_j g_j, a >= 0, with y . g_j = |g_j| (`certify.kernel.simplicial`).  An
orthant of signs s is that of x >= 0 for the tensor of entries s_i ... s_k A.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import reduce
from itertools import product

import numpy as np

from certify.base.arrays import Array, Ints
from certify.base.rigor.cones import Batch, Cones
from certify.kernel.errors import RejectedError
from certify.kernel.norms import SIGNS, LInf
from certify.kernel.simplicial import ConeForm, power_form
from certify.polar.ascent.contract import symmetric_part
from certify.polar.product_query import ProductQuery
from certify.polar.proved import kernel_norm
from certify.polar.query import Proposal

from .cones import FINE, grow_codes, pack_codes
from .cones import GAPS as USUAL

FEW, AXIAL = 4, 8  # coordinates up to which cones are tried before relaxations; in l1
LATE = 6  # and after them, in linf and in l2 with a sign
ENTRIES = 4096  # of a tensor of such cones at most: each of them has as many
GAPS = (*(gap for gap in USUAL if gap >= FINE), 2.0**-6, 2.0**-10, 2.0**-32)
MOST, ALL = 50_000, 300_000  # cones of an orthant and of all of them at most
NUMBERS = 1 << 26  # entries of the tensors of all cones at most
LEAF, PROOF = 7e-6, 0.8  # seconds of a leaf's exact proof, an entry; its share of the time left
AIMS = 0.5, 0.125, 2.0**-5, 2.0**-8, 2.0**-12, 0.0  # relative to the goal
SLACK = 1e-12  # relative: how far floats may be below the rule's bound


class Powers(Cones):
    """Cones of x >= 0 with the bound of A(x, ..., x)."""

    def __init__(self, form: ConeForm, tensor: Array) -> None:
        super().__init__(form)
        self.tensor = tensor

    def bounds(self, batch: Batch) -> tuple[Array, float]:
        """Return an upper bound on each cone, and the largest value at a generator, about."""
        d, order = len(batch.G), self.tensor.ndim
        n = self.lengths(batch.G.reshape(-1, d)).reshape(batch.G.shape[:2])
        unit = (batch.G / n[:, :, None]).transpose(1, 0, 2)  # cones, generators, coordinates
        values = np.broadcast_to(self.tensor.reshape(1, -1), (unit.shape[0], self.tensor.size))
        for _ in range(order):
            values = unit @ values.reshape(len(unit), d, -1)  # the first mode is a generator
            values = values.swapaxes(1, 2).reshape(len(unit), -1)
        diagonal = values[:, :: (d**order - 1) // (d - 1)] if d > 1 else values
        upper = np.maximum(values.max(axis=1), 0.0) * self.bound(batch, n, n) ** order
        if isinstance(self.form.short, LInf):
            ranked = np.argsort(-batch.G.sum(axis=0), axis=1, kind="stable")  # as the rule's
            upper = np.minimum(upper, self.flat_bounds(unit, values, ranked))
        return upper, float(diagonal.max(initial=0.0))

    def flat_bounds(self, unit: Array, values: Array, ranked: Ints) -> Array:
        """Return the bounds by y = 1 at the first coordinates, one to all of them (cones,)."""
        order, best = self.tensor.ndim, np.full(len(unit), np.inf)
        n = np.zeros(unit.shape[:2])
        for count in range(unit.shape[2]):
            n = n + np.take_along_axis(unit, ranked[:, None, [count]], axis=2)[:, :, 0]
            sizes, safe = np.ones((len(unit), 1)), np.where(n > 0, n, 1.0)
            for _ in range(order):
                sizes = (sizes[:, :, None] * safe[:, None, :]).reshape(len(unit), -1)
            t = np.maximum((values / sizes).max(axis=1), 0.0) * (count + 1) ** order
            best = np.where((n > 0).all(axis=1), np.minimum(best, t), best)
        return best


def orthants(query: ProductQuery) -> Iterator[Array]:
    """Yield the signs of each orthant, in the order of the rule."""
    norm, order = kernel_norm(query.gauges[0], query.T.shape[0]), query.T.ndim
    signs = [SIGNS[norm.sign(k)] for k in range(norm.size)]
    if order % 2 == 0 and query.gauges[0].free:
        signs[0] = (1,)
    return map(np.array, product(*signs))


def few_powers(query: ProductQuery, *, late: bool = False) -> bool:
    """Whether cones are tried: of l1 and linf, otherwise loose, and of l2 with a sign.

    late  whether it is after the relaxations, which are tight for l2 alone: more coordinates then
    """
    gauge, d = query.gauges[0], len(query.T)
    signed = gauge.spherical and not gauge.free
    most = LATE if late else AXIAL if gauge.axial else FEW
    known = signed or gauge.cubic or (gauge.axial and not late)
    return query.symmetric and known and d <= most and query.T.size <= ENTRIES


def power_proposal(query: ProductQuery, goal: float) -> Proposal:
    """Return the bound by cones of all orthants; the goal is a bound that is enough.

    Trees for larger bounds are grown first; the smallest bound that time and room allow is kept.
    """
    A = symmetric_part(query.T)
    norm = replace(kernel_norm(query.gauges[0], query.T.shape[0]), cone="+")
    room = min(ALL, NUMBERS // A.size)
    if query.deadline is not None:  # of a tree half the cones are leaves
        room = min(room, int(2 * PROOF * query.time_left() / (LEAF * A.size)) + 1)
    found = Proposal(np.inf)
    try:
        each = [
            Powers(power_form(norm), A * reduce(np.multiply.outer, [s] * A.ndim))
            for s in orthants(query)
        ]
        for more in AIMS:
            made, whole = bound_orthants(each, goal * (1 + more), query, room)
            found = min(found, made, key=lambda p: p.upper)
            if not whole or found.upper <= goal:
                break
    except RejectedError:  # numbers outside the range of floats
        return Proposal(np.inf)
    return found


def bound_orthants(
    each: list[Powers], aim: float, query: ProductQuery, room: int
) -> tuple[Proposal, bool]:
    """Return the bound of trees that end at an aim, and whether time and room were enough."""
    upper, whole, codes = 0.0, True, list[int]()
    for cones in each:
        grown = grow_codes(
            cones, (max(aim, upper), 0.0), query.expired, most=min(MOST, room), gaps=GAPS
        )
        upper, room = max(upper, grown.upper), room - grown.count
        whole = whole and not grown.left
        codes += grown.tree()
    proof = {"rule": "cones", "tree": pack_codes(codes)}
    return Proposal(upper * (1 + SLACK), proof), whole
