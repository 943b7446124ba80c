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

from certify.base.arrays import Array
from certify.base.rigor.cones import Batch, Cones
from certify.kernel.errors import RejectedError
from certify.kernel.norms import LInf
from certify.kernel.simplicial import SIGNS, ConeForm, power_form
from certify.polar.ascent.contract import symmetric_part
from certify.polar.product_query import ProductQuery
from certify.polar.proved import kernel_norm
from certify.polar.query import Proposal

from .cones import grow_codes, pack_codes

FEW = 4  # coordinates up to which cones are tried before relaxations
GAPS = (2.0**-10, 2.0**-32)  # as of other cones, but these are few
MOST = 50_000  # cones of a tree at most, of all orthants
SLACK = 1e-12  # relative: what floats may miss of the rule's bound


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
            upper = np.minimum(upper, self.flat_bounds(unit, values))
        return upper, float(diagonal.max(initial=0.0))

    def flat_bounds(self, unit: Array, values: Array) -> Array:
        """Return the bounds by y = 1 at the largest coordinates, one to all of them (cones,)."""
        order, best = self.tensor.ndim, np.full(len(unit), np.inf)
        ranked = np.argsort(-unit.sum(axis=1), axis=1, kind="stable")
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


def power_proposal(query: ProductQuery, goal: float) -> Proposal:
    """Return the bound by cones of each orthant; the goal is a bound that is enough."""
    A = symmetric_part(query.T)
    norm = replace(kernel_norm(query.gauges[0], query.T.shape[0]), cone="+")
    codes, upper = list[int](), 0.0
    for s in orthants(query):
        tensor = A * reduce(np.multiply.outer, [s] * A.ndim)
        cones = Powers(power_form(norm), tensor)
        try:
            grown = grow_codes(
                cones,
                (max(goal, upper), 0.0),
                query.expired,
                most=MOST,
                gaps=GAPS,
            )
        except RejectedError:  # numbers outside the range of floats
            return Proposal(np.inf)
        upper = max(upper, grown.upper)
        codes += grown.tree()
    return Proposal(upper * (1 + SLACK), {"rule": "cones", "tree": pack_codes(codes)})
