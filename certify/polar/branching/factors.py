"""Tensors whose factors but one have few coordinates: branch and bound over cones of these factors.

    <A(x_1, ..., x_K), v> <= max of |A(g_i, ..., g_k)|_* / (n_i ... n_k) times |y_1|_* ... |y_K|_*

on a cone of x_k = sum a_j g_j, a >= 0, with y_k . g_j = n_j (`certify.kernel.simplicial`).  An
orthant of signs s is that of x >= 0 for the tensor of entries s_i ... s_k A.  The factor v of the
longest mode is not branched.  A symmetric tensor has one factor, and v is a number in [0, 1].
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import reduce
from itertools import product
from math import prod

import numpy as np

from certify.base.arrays import Array
from certify.base.rigor.cones import Batch, Cones, dual_norms
from certify.kernel.arrays import dyadic
from certify.kernel.budget import FLOOR, PER_BYTE
from certify.kernel.errors import RejectedError
from certify.kernel.norms import LInf
from certify.kernel.rules.cones import factor_form, node_work
from certify.kernel.simplicial import LEVEL, ConeForm
from certify.polar.ascent.contract import symmetric_part
from certify.polar.product_query import ProductQuery
from certify.polar.proved import kernel_norm
from certify.polar.query import Proposal

from .cones import FINE, grow_codes, pack_codes
from .cones import GAPS as USUAL

FEW, AXIAL = 4, 8  # coordinates up to which cones are tried before relaxations; in l1
LATE = 6  # and after them, in linf and in l2 with a sign
ENTRIES = 4096  # of a tensor of such cones at most: each of them has as many
TOGETHER = 10  # coordinates of factors that differ: after the relaxations
GAPS = (*(gap for gap in USUAL if gap >= FINE), 2.0**-6, 2.0**-10, 2.0**-32)
MOST, ALL = 50_000, 300_000  # cones of an orthant and of all of them at most
NUMBERS = 1 << 26  # entries of the tensors of all cones at most
LEAF, ENTRY = 7e-6, 1e-6  # seconds of a leaf's exact proof: of a slope at a choice, of an entry
PROOF = 0.8  # its share of the time left
AIMS = 0.5, 0.125, 2.0**-5, 2.0**-8, 2.0**-12, 0.0  # relative to the goal
SLACK = 1e-12  # relative: how far floats may be below the rule's bound


class Products(Cones):
    """Cones of factors >= 0 with the bound of the dual norm of A(x_1, ..., x_K)."""

    def __init__(self, form: ConeForm, tensor: Array) -> None:
        """Take the tensor with the mode that is not branched as its last one."""
        super().__init__(form)
        self.tensor = tensor
        self.cuts = [slice(part.start, part.stop) for part in form.parts]

    def bounds(self, batch: Batch) -> tuple[Array, float]:
        """Return an upper bound on each cone, and the largest value at a generator, about."""
        d = len(batch.G)
        n = self.lengths(batch.G.reshape(-1, d)).reshape(batch.G.shape[:2])
        unit = (batch.G / n[:, :, None]).transpose(1, 0, 2)  # cones, generators, coordinates
        c, best = self.corner_norms(unit), np.full(len(unit), np.inf)
        for slopes in self.slopes(batch.G, unit, c):
            good = np.asarray((slopes > 0).all(axis=1))
            safe = np.where(good[:, None], slopes, 1.0)
            t = (c / self.products(safe)).max(axis=1)
            sizes = safe.T * n
            long = [
                self.bound(replace(batch, G=batch.G[cut], R=batch.R[cut]), sizes[cut], sizes[cut])
                for cut in self.cuts
            ]
            upper = prod((long[k] for k in self.form.modes), start=np.ones(len(unit)))
            good &= np.isfinite(upper)
            best = np.where(good, np.minimum(best, t * np.where(good, upper, 0.0)), best)
        one = len(self.form.parts) < len(self.form.modes)  # the same generator in all modes
        values = c[:, :: max(1, (d ** len(self.form.modes) - 1) // max(1, d - 1))] if one else c
        return best, float(values.max(initial=0.0))

    def corner_norms(self, unit: Array) -> Array:
        """Return |A(g_i, ..., g_k)|_* for the generators of each cone, (cones, choices)."""
        values = np.broadcast_to(self.tensor.reshape(1, -1), (len(unit), self.tensor.size))
        for cut in (self.cuts[k] for k in self.form.modes):
            inside = unit[:, cut, cut]  # the first mode is contracted with generators
            values = inside @ values.reshape(len(unit), inside.shape[2], -1)
            values = values.swapaxes(1, 2).reshape(len(unit), -1)
        last = self.form.other
        lines = values.reshape(len(unit), last.size, -1).swapaxes(1, 2)
        p = self.one_sided(lines, lines, 0.0)
        return dual_norms(last, p.reshape(-1, last.size)).reshape(len(unit), -1)

    def products(self, slopes: Array) -> Array:
        """Return n_i ... n_k for the generators of each cone, (cones, choices)."""
        out = np.ones((len(slopes), 1))
        for k in self.form.modes:
            out = (out[:, :, None] * slopes[:, None, self.cuts[k]]).reshape(len(slopes), -1)
        return out

    def slopes(self, G: Array, unit: Array, c: Array) -> Iterator[Array]:
        """Yield the n_j / |g_j| that the rule tries, (cones, generators); some may be <= 0."""
        one, modes, cuts = np.ones(unit.shape[:2]), self.form.modes, self.cuts
        yield one
        if isinstance(self.form.short, LInf):
            yield from self.flat_slopes(unit, G.sum(axis=0))
        count = len(modes)
        for first in range(count if 1 < count == len(cuts) else 0):
            n = one.copy()
            for k in (*range(first, count), *range(first)):
                n[:, cuts[k]] = 1.0
                ratios = (c / self.products(n)).reshape(len(c), *self.form.sizes)
                new = ratios.max(axis=tuple(j + 1 for j in range(count) if j != k))
                top = new.max(axis=1, keepdims=True)
                n[:, cuts[k]] = np.maximum(new, np.where(top > 0, top, 1.0) * 2.0**-LEVEL)
            yield n

    def flat_slopes(self, unit: Array, total: Array) -> Iterator[Array]:
        """Yield y . g_j with y = 1 at the 1, 2, ... largest coordinates of each part's total."""
        ranks = [np.argsort(-total[:, c], axis=1, kind="stable") + c.start for c in self.cuts]
        n = np.zeros(unit.shape[:2])
        for count in range(max(self.form.sizes)):
            for ranked in ranks:  # as the rule's
                largest = ranked[:, None, count : count + 1]
                n = n + np.take_along_axis(unit, largest, axis=2).sum(axis=2)
            yield n


def kept_mode(query: ProductQuery) -> int | None:
    """Return the mode without cones, which leaves the least work for the others; None for none."""
    works = {k: work for k in range(query.T.ndim) if (work := work_without(query, k))}
    return None if query.symmetric else min(works, key=lambda k: works[k], default=None)


def work_without(query: ProductQuery, axis: int) -> int:
    """Return the number of coordinates of the other factors, free ones twice; 0 if no rule fits."""
    rest = [
        (g, d)
        for k, (g, d) in enumerate(zip(query.gauges, query.T.shape, strict=True))
        if k != axis
    ]
    kinds = {(g.axial, g.cubic) for g, _ in rest}
    return sum(d << g.free for g, d in rest) if len(kinds) == 1 else 0


def few_factors(query: ProductQuery, *, late: bool = False) -> bool:
    """Whether cones are tried: of l1 and linf, otherwise loose, and of l2 with a sign.

    late  whether it is after the relaxations, which are tight for l2 alone and often for factors
          that differ: more coordinates then
    """
    gauge, d = query.gauges[0], len(query.T)
    if query.T.size > ENTRIES or query.T.ndim == 2:  # noqa: PLR2004  a matrix
        return False
    if not query.symmetric:
        axis = kept_mode(query)
        if axis is None or all(g.free for g in query.gauges) or any(g.axial for g in query.gauges):
            return False
        return late and work_without(query, axis) <= TOGETHER
    signed = gauge.spherical and not gauge.free
    most = LATE if late else AXIAL if gauge.axial else FEW
    known = signed or gauge.cubic or (gauge.axial and not late)
    return known and d <= most


def cones_proposal(query: ProductQuery, goal: float) -> Proposal:
    """Return the bound by cones of all orthants; the goal is a bound that is enough.

    Of several orthants, trees for larger bounds are grown first; the smallest bound that time and
    room allow is kept.  One tree alone is cut short with the bound that it has.
    """
    axis, T = kept_mode(query), query.T
    norms = [kernel_norm(g, d) for g, d in zip(query.gauges, T.shape, strict=True)]
    form, signs, order = factor_form(norms, axis)
    A = symmetric_part(T)[..., None] if axis is None else T.transpose(order)
    room = room_of(query, form, A)
    found = Proposal(np.inf)
    try:
        each = []
        for x in product(*(product(*s) for s in signs)):
            flips = reduce(np.multiply.outer, [np.array(x[k]) for k in form.modes])
            each.append(Products(form, A * flips[..., None]))
        for more in AIMS if len(each) > 1 else AIMS[-1:]:
            made, whole = bound_orthants(each, goal * (1 + more), query, room)
            if axis is not None:
                made = replace(made, proof={**made.proof, "axis": axis})
            found = min(found, made, key=lambda p: p.upper)
            if not whole or found.upper <= goal:
                break
    except RejectedError:  # numbers outside the range of floats
        return Proposal(np.inf)
    return found


def room_of(query: ProductQuery, form: ConeForm, A: Array) -> int:
    """Return how many cones a proof may have: by memory, by the time left, and by their price."""
    room = min(ALL, NUMBERS // A.size)
    if query.deadline is None:
        return room
    leaf = LEAF * A.size / A.shape[-1] * len(form.sizes) + ENTRY * A.size
    bits = max(map(int.bit_length, dyadic(A.reshape(-1).tolist())[0]))
    dear = max(1, node_work(form, A.size, bits) - PER_BYTE)  # units that no byte pays for
    return min(
        room, int(2 * PROOF * query.time_left() / leaf) + 1, FLOOR // dear
    )  # half are leaves


def bound_orthants(
    each: list[Products], aim: float, query: ProductQuery, room: int
) -> tuple[Proposal, bool]:
    """Return the bound of trees that end at an aim, and whether time and room were enough."""
    upper, whole, codes = 0.0, True, list[int]()
    most = MOST if query.deadline is None else ALL
    for cones in each:
        grown = grow_codes(
            cones, (max(aim, upper), 0.0), query.expired, most=min(most, room), gaps=GAPS
        )
        upper, room = max(upper, grown.upper), room - grown.count
        whole = whole and not grown.left
        codes += grown.tree()
    proof = {"rule": "cones", "tree": pack_codes(codes)}
    return Proposal(upper * (1 + SLACK), proof), whole
