"""The partial-transpose relaxation: a group of modes, its null multipliers, one eigenvalue.

    gram    G = S S^T + J            sup^2 <= (cost D + t wide_A) wide_B
    hat     G = [[J, S], [S^T, J']]  sup <= (cost D + t (wide_A + wide_B)) / 2
    square  G = (S + S^T) / 2 + J    sup <= cost D + t wide_A

whenever G <= Diag D + t I, t >= 0.  S is the unfolding with the modes of A as rows, J >= 0 on
products of the cones.  Symmetric tensors are first summed over all orders of their modes,
and the bound divided by K!.  Sources: Nie and Wang 2014 (moment relaxations of best rank-one
approximation); Doherty, Parrilo and Spedalieri 2004 (partial transposes).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import factorial, prod

import numpy as np

from certify.base.arrays import Array, Ints
from certify.base.rigor.layout import sum_permutations
from certify.polar import eigen as spectra
from certify.polar.ascent.contract import fold, product, unfold
from certify.polar.product_query import ProductQuery

from .groups import Pairs, index_pairs
from .product_admm import ProductProgram

GRID = 44  # bits of a multiplier, relative to the largest


@dataclass(frozen=True)
class ProductForm:
    """One way to bound a tensor: which modes are rows, and which of the three matrices.

    copies  l2 modes of the rows whose factors stand in the products once more (gram)
    N       a fixed multiplier of the tensor's entries, if all factors have a sign; without it a
            hat finds N itself.  A hat of negative factors is solved for -S, which has the same
            eigenvalues
    """

    query: ProductQuery
    rows: tuple[int, ...]
    form: str
    N: Array | None = None
    copies: tuple[int, ...] = ()

    @property
    def columns(self) -> tuple[int, ...]:
        """The other modes."""
        return tuple(k for k in range(self.query.T.ndim) if k not in self.rows)

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """The groups of modes whose products are rows of G."""
        return (self.rows, self.columns) if self.form == "hat" else ((*self.rows, *self.copies),)

    @cached_property
    def signed(self) -> bool:
        """Whether every mode has a sign."""
        return not any(g.free for g in self.query.gauges)

    @cached_property
    def times(self) -> int:
        """The factor of the tensor in S: K! if symmetric, else 1."""
        return factorial(self.query.T.ndim) if self.query.symmetric else 1

    @cached_property
    def S(self) -> Array:
        """The unfolding."""
        T = sum_permutations(self.query.T) if self.query.symmetric else self.query.T
        return unfold(T, self.rows)

    @property
    def sign(self) -> int:
        """The sign of all factors together, where each has one."""
        return 1 - 2 * (sum(g.cone == "-" for g in self.query.gauges) % 2)

    @property
    def size(self) -> int:
        """The number of rows of G."""
        return sum(self.lengths)

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """The number of rows of each group."""
        return tuple(prod(self.query.T.shape[k] for k in group) for group in self.groups)

    @cached_property
    def pairs(self) -> tuple[Pairs, ...]:
        """The pairs of each group."""
        shape, signed = self.query.T.shape, [not g.free for g in self.query.gauges]
        return tuple(
            index_pairs(
                [shape[k] for k in group],
                [signed[k] for k in group],
                [0] * len(group) if self.query.symmetric else group,
            )
            for group in self.groups
        )

    @property
    def cubes(self) -> bool:
        """Whether a mode of the groups is linf, so that D matters."""
        return any(self.query.gauges[k].cubic for group in self.groups for k in group)

    def wide(self, modes: tuple[int, ...]) -> float:
        """Return sup |x|_2^2 over products of these modes, or an upper bound of it."""
        shape, gauges = self.query.T.shape, self.query.gauges
        return prod(gauges[k].cost(np.ones(shape[k])) for k in modes)

    def value(self, bound: float) -> float:
        """Return the bound of the polar that a bound of <G, X> proves."""
        if self.form == "gram":
            return float(np.sqrt(max(bound, 0.0) * self.wide(self.columns))) / self.times
        return max(bound, 0.0) / self.times / (2 if self.form == "hat" else 1)

    def goal(self, value: float) -> float:
        """Return the bound of <G, X> that proves a value."""
        scaled = max(value, 0.0) * self.times
        if self.form == "gram":
            return scaled * scaled / self.wide(self.columns)
        return scaled * (2 if self.form == "hat" else 1)

    def matrix(self) -> Array:
        """Return G with no multiplier but N."""
        S = self.S if self.N is None else self.S + unfold(self.N, self.rows)
        if self.form == "gram":
            again = prod(self.query.T.shape[k] for k in self.copies)
            return np.asarray(np.kron(S @ S.T, np.eye(again)) if again > 1 else S @ S.T)
        if self.form == "square":
            return (S + S.T) / 2
        p, q = S.shape
        return np.block([[np.zeros((p, p)), S], [S.T, np.zeros((q, q))]])

    def program(self) -> ProductProgram:
        """Return the relaxation."""
        labels, signed = self.classes()
        ball, sizes = self.balls()
        C = self.matrix() * (self.sign if self.has_multiplier else 1)
        return ProductProgram(C, labels, signed, ball, sizes)

    def classes(self) -> tuple[Ints, Array]:
        """Return the class of each entry of G and which classes are >= 0 on the cones.

        A class with a diagonal entry is >= 0 anyway, and a multiplier would only add to G.
        """
        d = self.size
        labels = np.arange(d * d, dtype=np.int64).reshape(d, d)
        labels = np.minimum(labels, labels.T)
        kept = np.zeros(d * d, dtype=bool)
        for first, at in self.blocks():
            block = slice(first, first + at.size)
            local = at.labels()
            labels[block, block] = (local // at.size + first) * d + local % at.size + first
            a, b = at.a[at.signed] + first, at.b[at.signed] + first
            kept[a * d + b] = True
        if self.has_multiplier:
            kept[labels[: self.lengths[0], self.lengths[0] :].reshape(-1)] = True
        kept[labels.diagonal()] = False
        used, inverse = np.unique(labels, return_inverse=True)
        return inverse.reshape(d, d), kept[used]

    @property
    def has_multiplier(self) -> bool:
        """Whether the relaxation finds N itself."""
        return self.form == "hat" and self.signed and self.N is None

    def blocks(self) -> Iterator[tuple[int, Pairs]]:
        """Yield the first row of each group and its pairs."""
        first = 0
        for at in self.pairs:
            yield first, at
            first += at.size

    def balls(self) -> tuple[Ints, Array]:
        """Return the ball of each row: one for all, or one for each index of the linf modes."""
        if not self.cubes:
            wide = sum(self.wide(group) for group in self.groups)
            return np.zeros(self.size, dtype=np.int64), np.array([float(wide)])
        balls = [self.balls_of(k) for k in range(len(self.groups))]
        counts = np.cumsum([0, *(int(r.max()) + 1 for r in balls)])
        ball = np.concatenate([r + k for r, k in zip(balls, counts[:-1], strict=True)])
        if self.query.symmetric:
            return ball, np.bincount(ball).astype(np.float64)
        cubic = [tuple(m for m in g if self.query.gauges[m].cubic) for g in self.groups]
        reach = [self.wide(g) / self.wide(c) for g, c in zip(self.groups, cubic, strict=True)]
        return ball, np.repeat(reach, np.diff(counts))

    def balls_of(self, k: int) -> Ints:
        """Return the balls of one group; those of a symmetric tensor are its classes."""
        if self.query.symmetric:
            labels = self.pairs[k].labels().diagonal()
            return np.unique(labels, return_inverse=True)[1].reshape(-1)
        shape, group = self.query.T.shape, self.groups[k]
        index = np.unravel_index(np.arange(self.lengths[k]), [shape[m] for m in group])
        out = np.zeros(self.lengths[k], dtype=np.int64)
        for m, i in zip(group, index, strict=True):
            if self.query.gauges[m].cubic:
                out = out * shape[m] + i
        return out

    def start(self) -> Array | None:
        """Return X at the given slices, each with the same weight."""
        points = [z for xs in self.query.starts if (z := self.point(xs)).any()]
        if not points:
            return None
        Z = np.stack(points)
        return np.asarray(Z.T @ Z / len(points))

    def point(self, xs: tuple[Array, ...]) -> Array:
        """Return the row of a slice: its product in the group, or in both."""
        vectors = units(self.query, xs)
        return np.concatenate([product([vectors[k] for k in group]) for group in self.groups])


def units(query: ProductQuery, xs: Sequence[Array]) -> list[Array]:
    """Return a slice with one vector a mode, each of norm 1; vectors of zeros do not change."""
    every = tuple(xs) * query.T.ndim if query.symmetric else xs
    sizes = [float(g.value(x)) for g, x in zip(query.gauges, every, strict=True)]
    return [np.asarray(x / (s or 1.0)) for x, s in zip(every, sizes, strict=True)]


def pin(form: ProductForm, J: Array) -> ProductForm:
    """Return the form with N fixed to the multiplier in J."""
    if not form.has_multiplier:
        return form
    p = form.lengths[0]
    found = fold(J[:p, p:], form.rows, form.query.T.shape)
    return replace(form, N=form.sign * spectra.on_grid(np.maximum(found, 0.0), GRID))
