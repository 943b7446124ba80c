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
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import factorial, prod

import numpy as np

from certify._arrays import Array
from certify.polar import Proposal, exact_text
from certify.polar import _spectra as spectra

from ._base import TensorAsk
from ._program import Multiplier, Program, top
from .contract import product, symmetrized, unfolded
from .groups import Ints, Pairs, assemble, pairs, taken

GRID = 44  # bits of a multiplier, relative to the largest
FACTORED = 1000  # sizes up to which a Cholesky factor is stored
SLACK = 1e-13  # of the search, relative: cost, never truth


@dataclass(frozen=True)
class Form:
    """One way to bound a tensor: which modes are rows, and which of the three matrices.

    A hat of negative factors is solved for -S: it has the same eigenvalues.
    """

    ask: TensorAsk
    rows: tuple[int, ...]
    form: str

    @property
    def columns(self) -> tuple[int, ...]:
        """The other modes."""
        return tuple(k for k in range(self.ask.T.ndim) if k not in self.rows)

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """The groups of modes whose products are rows of G."""
        return (self.rows, self.columns) if self.form == "hat" else (self.rows,)

    @cached_property
    def signed(self) -> bool:
        """Whether every mode has a sign."""
        return not any(g.free for g in self.ask.gauges)

    @cached_property
    def times(self) -> int:
        """What the tensor was multiplied with: K! if symmetric."""
        return factorial(self.ask.T.ndim) if self.ask.symmetric else 1

    @cached_property
    def S(self) -> Array:
        """The unfolding."""
        T = symmetrized(self.ask.T) if self.ask.symmetric else self.ask.T
        return unfolded(T, self.rows)

    @property
    def sign(self) -> int:
        """The sign of all factors together, where each has one."""
        return 1 - 2 * (sum(g.cone == "-" for g in self.ask.gauges) % 2)

    @property
    def size(self) -> int:
        """The number of rows of G."""
        return sum(self.lengths)

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """The number of rows of each group."""
        return tuple(prod(self.ask.T.shape[k] for k in group) for group in self.groups)

    @cached_property
    def pairs(self) -> tuple[Pairs, ...]:
        """The pairs of each group."""
        free = [not g.free for g in self.ask.gauges]
        shape, symmetric = self.ask.T.shape, self.ask.symmetric
        return tuple(
            pairs([shape[k] for k in group], [free[k] for k in group], symmetric=symmetric)
            for group in self.groups
        )

    @property
    def cubes(self) -> bool:
        """Whether a mode of the groups is linf, so that D matters."""
        return any(self.ask.gauges[k].name == "linf" for group in self.groups for k in group)

    def wide(self, modes: tuple[int, ...]) -> int:
        """Return sup |x|_2^2 over products of these modes."""
        shape, gauges = self.ask.T.shape, self.ask.gauges
        return prod(shape[k] for k in modes if gauges[k].name == "linf")

    def value(self, bound: float) -> float:
        """Return the bound of the polar that a bound of <G, X> proves."""
        if self.form == "gram":
            return float(np.sqrt(max(bound, 0.0) * self.wide(self.columns))) / self.times
        return max(bound, 0.0) / self.times / (2 if self.form == "hat" else 1)

    def goal(self, value: float) -> float:
        """Return the bound of <G, X> that proves a value."""
        held = max(value, 0.0) * self.times
        if self.form == "gram":
            return held**2 / self.wide(self.columns)
        return held * (2 if self.form == "hat" else 1)

    def matrix(self, N: Array | None = None) -> Array:
        """Return G without multipliers; N is a field like T."""
        S = self.S if N is None else self.S + unfolded(N, self.rows)
        if self.form == "gram":
            return S @ S.T
        if self.form == "square":
            return (S + S.T) / 2
        p, q = S.shape
        return np.block([[np.zeros((p, p)), S], [S.T, np.zeros((q, q))]])

    def program(self, N: Array | None = None) -> Program:
        """Return the relaxation."""
        labels, signed = self.classes()
        room, sizes = self.rooms()
        C = self.matrix(N)
        return Program(self.sign * C if self.crossed else C, labels, signed, room, sizes)

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
            own = at.labels()
            labels[block, block] = (own // at.size + first) * d + own % at.size + first
            a, b = at.a[at.signed] + first, at.b[at.signed] + first
            kept[a * d + b] = True
        if self.crossed:
            kept[labels[: self.lengths[0], self.lengths[0] :].reshape(-1)] = True
        kept[labels.diagonal()] = False
        used, inverse = np.unique(labels, return_inverse=True)
        return inverse.reshape(d, d), kept[used]

    @property
    def crossed(self) -> bool:
        """Whether N is a multiplier of its own."""
        return self.form == "hat" and self.signed

    def blocks(self) -> Iterator[tuple[int, Pairs]]:
        """Yield the first row of each group and its pairs."""
        first = 0
        for at in self.pairs:
            yield first, at
            first += at.size

    def rooms(self) -> tuple[Ints, Array]:
        """Return the room of each row: one for all, or one for each index of the linf modes."""
        if not self.cubes:
            wide = sum(self.wide(group) for group in self.groups)
            return np.zeros(self.size, dtype=np.int64), np.array([float(wide)])
        rooms = [self.rooms_of(k) for k in range(len(self.groups))]
        counts = np.cumsum([0, *(int(r.max()) + 1 for r in rooms)])
        room = np.concatenate([r + k for r, k in zip(rooms, counts[:-1], strict=True)])
        sizes = np.bincount(room) if self.ask.symmetric else np.ones(counts[-1])
        return room, sizes.astype(np.float64)

    def rooms_of(self, k: int) -> Ints:
        """Return the rooms of one group; those of a symmetric tensor are its classes."""
        if self.ask.symmetric:
            labels = self.pairs[k].labels().diagonal()
            return np.unique(labels, return_inverse=True)[1].reshape(-1)
        shape, group = self.ask.T.shape, self.groups[k]
        index = np.unravel_index(np.arange(self.lengths[k]), [shape[m] for m in group])
        out = np.zeros(self.lengths[k], dtype=np.int64)
        for m, i in zip(group, index, strict=True):
            if self.ask.gauges[m].name == "linf":
                out = out * shape[m] + i
        return out

    def start(self) -> Array | None:
        """Return X at the given slices, each with the same weight."""
        points = [z for xs in self.ask.starts if (z := self.point(xs)).any()]
        if not points:
            return None
        Z = np.stack(points)
        return np.asarray(Z.T @ Z / len(points))

    def point(self, xs: tuple[Array, ...]) -> Array:
        """Return the row of a slice: its product in the group, or in both."""
        held = units(self.ask, xs)
        return np.concatenate([product([held[k] for k in group]) for group in self.groups])

    def proposal(self, found: Multiplier, N: Array | None = None) -> Proposal | None:
        """Return the bound of a multiplier with its proof: one leaf."""
        arrays, N = self.multipliers(found.J, N)
        g = self.assembled(arrays, N)
        D = found.D[self.rooms()[0]] if self.cubes else None
        if D is not None:
            D = spectra.on_grid(D, GRID)
            g[np.diag_indices_from(g)] -= D
            arrays["D0"] = D
        shift, factor = shifted(g)
        if factor is None:
            return None
        if self.size <= FACTORED:
            arrays["L0"] = spectra.packed(factor)
        if N is not None:
            arrays["N"] = N.reshape(-1)
        sizes = self.rooms()[1]
        bound = max(shift, 0.0) * float(sizes.sum())
        if D is not None:
            bound += float(sizes @ found.D)
        node = {"leaf": 0, "shift": exact_text(Fraction(shift))}
        head = {"rule": "transpose", "rows": list(self.rows), "form": self.form}
        proof = {**head, "nodes": [node], "splits": [], **arrays}
        return Proposal(self.value(bound) * (1 + SLACK), proof)

    def multipliers(self, J: Array, N: Array | None) -> tuple[dict[str, Array], Array | None]:
        """Return the flat arrays of J on a grid, and N."""
        arrays = {}
        for side, (first, at) in zip(("rows", "cols"), self.blocks(), strict=False):
            block = slice(first, first + at.size)
            K, P = taken(at, J[block, block])
            arrays[f"K0.{side}"] = spectra.on_grid(K, GRID)
            arrays[f"P0.{side}"] = spectra.on_grid(P, GRID)
        if self.crossed:
            p = self.lengths[0]
            N = self.sign * spectra.on_grid(np.maximum(folded(J[:p, p:], self), 0.0), GRID)
        return {k: x for k, x in arrays.items() if x.any()}, N

    def assembled(self, arrays: dict[str, Array], N: Array | None) -> Array:
        """Return G with the multipliers of the flat arrays."""
        g = self.matrix(N)
        for side, (first, at) in zip(("rows", "cols"), self.blocks(), strict=False):
            block = slice(first, first + at.size)
            K = arrays.get(f"K0.{side}", np.zeros(int(at.null.sum())))
            g[block, block] += assemble(at, K, arrays.get(f"P0.{side}"))
        return g


def units(ask: TensorAsk, xs: Sequence[Array]) -> list[Array]:
    """Return a slice with one vector a mode, each of norm 1; vectors of zeros stay."""
    every = tuple(xs) * ask.T.ndim if ask.symmetric else xs
    sizes = [float(g.value(x)) for g, x in zip(ask.gauges, every, strict=True)]
    return [np.asarray(x / (s or 1.0)) for x, s in zip(every, sizes, strict=True)]


def folded(S: Array, form: Form) -> Array:
    """Return the tensor of an unfolding."""
    order = [*form.rows, *form.columns]
    held = S.reshape([form.ask.T.shape[k] for k in order])
    return np.ascontiguousarray(held.transpose(np.argsort(order)))


def shifted(g: Array) -> tuple[float, Array | None]:
    """Return a shift just above lambda_max(g) and the Cholesky factor of shift I - g."""
    size = float(np.abs(g).sum(axis=0).max(initial=0.0))
    if size == 0.0:
        return 0.0, np.zeros_like(g)
    high = top(g)
    for margin in spectra.MARGINS:
        factor = spectra.factorize(g, high + margin * size)
        if factor is not None:
            return high + margin * size, factor
    return np.inf, None
