"""The doubly nonnegative relaxation of a hidden layer: facts, objective, coordinates.

x = (p, u[, s]), p = (F u)_+, q = p - F u, s = |u|; F is divided by a power of two near its largest
singular value, and p with it.  Facts B x >= 0: p, q and cuts; p_i q_i = 0.

    value^2 (or the value times s) = <C, x x^T>  <=  level [+ radial]
    if   Diag(level, radial) - C - B^T N B - B^T L - L^T B  >=  0

for any N >= 0, free in sign where p_i meets q_i, and L whose row k is that of t_k s - y_k . u with
t_k >= |y_k|: as s = |u|, its product with the k-th fact is >= 0.  Without s there is no L.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from certify.base.arrays import Array
from certify.polar.layer_query import LayerQuery, reach

from .row_bounds import BiasRange, RowBound, bias_ranges, find_row_bounds

WHOLE = 0.9  # of a form of even rows: the largest singular value of F
CUT = 0.35  # of a cut's row beside those of p and q
ABOVE = 1 + 2.0**-50  # a radius rounded up
SINGLE = 150  # rows from which iterates are kept in float32
CROWDED = 16  # rows per coordinate of u, from which bounds of rows pay
SPREAD = 4.0  # of units of p, beyond their median


@dataclass(frozen=True)
class LayerForm:
    """What is maximized over which facts.

    F       (m, d), divided by `scale`
    omega   W on the rows of F, (m, outputs), times `scale`
    slope   of the activation
    reach   of a free bias, 0 without
    sign    0: the value squared; +-1: sign * w^T s(F u) * |u|, and s = |u| is a coordinate
    cuts    (n, m + d + 1) over (p, u, s), each >= 0
    bias_ranges  of a free bias; with a sign and L they are the first cuts
    row_bounds  those that are the last cuts
    ranges  whether s, r s - p and r s - q, r the lengths of F's rows, are facts, instead of L
    """

    F: Array
    scale: float
    omega: Array
    slope: float
    reach: float
    cuts: Array
    sign: int = 0
    ranges: bool = False
    bias_ranges: tuple[BiasRange, ...] = ()
    row_bounds: tuple[RowBound, ...] = ()

    @property
    def radial(self) -> bool:
        """Whether s = |u| is a coordinate."""
        return self.sign != 0 or self.ranges

    @property
    def size(self) -> int:
        """The number of coordinates of x."""
        return sum(self.F.shape) + self.radial

    @property
    def dtype(self) -> Any:  # noqa: ANN401  a type of numpy
        """The type of the iterates."""
        return np.float32 if len(self.F) > SINGLE else np.float64

    @property
    def norm_size(self) -> int:
        """The number of coordinates of u in |u|: all but a free bias."""
        return int(self.F.shape[1]) - bool(self.reach)

    @property
    def facts(self) -> int:
        """The number of facts."""
        return 2 * len(self.F) + len(self.rows)

    @property
    def crowded(self) -> bool:
        """Whether bounds of rows by other rows gain more than they take: many rows, and s."""
        m, d = self.F.shape
        return self.sign != 0 and m >= CROWDED * d

    @cached_property
    def rows(self) -> Array:
        """The facts after p and q, over x."""
        m, d = self.F.shape
        cuts = self.cuts[:, : self.size]
        if not self.ranges:
            return cuts
        lengths = np.linalg.norm(self.F[:, : self.norm_size], axis=1)
        r = (lengths + self.reach * self.F[0, -1])[:, None] * ABOVE
        eye, zero = np.eye(m), np.zeros((m, d))
        ranges = [np.hstack([-eye, zero, r]), np.hstack([-eye, self.F, r])]
        return np.vstack([np.eye(1, self.size, self.size - 1), *ranges, cuts])

    @cached_property
    def A(self) -> Array:
        """The factor of the objective: value = A^T x, (m + d, outputs)."""
        a = self.slope
        return np.vstack([(1 - a) * self.omega, a * (self.F.T @ self.omega)])

    @cached_property
    def C(self) -> Array:
        """The objective over x."""
        if not self.sign:
            A = np.pad(self.A, ((0, int(self.radial)), (0, 0)))
            return np.asarray(A @ A.T)
        out = np.zeros((self.size, self.size))
        out[:-1, -1] = out[-1, :-1] = 0.5 * self.sign * self.A[:, 0]
        return out

    def no_cones(self) -> Array:
        """Return (y, t) of every fact, of no effect: (facts, priced + 1), or (facts, 0)."""
        return np.zeros((self.facts, self.norm_size + 1 if self.sign else 0))

    def quadratic(self, N: Array, Y: Array) -> Array:
        """Return C + B^T N B + B^T L + L^T B, N over p, q and the cuts, Y the rows (y, t) of L."""
        m = len(self.F)
        pp, pq, qq = N[:m, :m], N[:m, m : 2 * m], N[m : 2 * m, m : 2 * m]
        out = self.C.copy()
        d = self.F.shape[1]
        out[:m, :m] += pp + pq + pq.T + qq
        cross = -(pq + qq) @ self.F
        out[:m, m : m + d] += cross
        out[m : m + d, :m] += cross.T
        out[m : m + d, m : m + d] += self.F.T @ qq @ self.F
        if len(self.rows):
            rest = N[2 * m :, : 2 * m]
            half = np.zeros((len(self.rows), self.size))
            half[:, :m] = rest[:, :m] + rest[:, m:]
            half[:, m : m + d] = -rest[:, m:] @ self.F
            half += 0.5 * N[2 * m :, 2 * m :] @ self.rows
            both = self.rows.T @ half
            out += both + both.T
        if self.sign:
            both = self.beside_cones(Y)
            out += both + both.T
        return out

    def beside_cones(self, Y: Array) -> Array:
        """Return B^T L."""
        m, d = self.F.shape
        L = np.zeros((len(Y), self.size))
        L[:, m : m + self.norm_size], L[:, -1] = -Y[:, :-1], Y[:, -1]
        out = self.rows.T @ L[2 * m :]
        out[:m] += L[:m] + L[m : 2 * m]
        out[m : m + d] -= self.F.T @ L[m : 2 * m]
        return np.asarray(out)

    def with_cuts(self, cuts: Array, sign: int = 0) -> "LayerForm":
        """Return the form with these cuts over (p, u) of an unscaled F, of a sign of the value."""
        lines = self.path_lines(cuts, sign)
        return replace(self, cuts=self.even(lines), sign=sign, row_bounds=())

    def with_row_bounds(self, bounds: tuple[RowBound, ...]) -> "LayerForm":
        """Return the form with these bounds of rows only."""
        others = self.cuts[: len(self.cuts) - len(self.row_bounds)]
        cuts = np.vstack([others, self.even(self.lines(bounds))])
        return replace(self, cuts=cuts, row_bounds=bounds)

    def find_row_bounds(
        self, X: Array, expired: Callable[[], bool] = lambda: False
    ) -> tuple[RowBound, ...]:
        """Return bounds of rows that X over x violates, found until expired; there is a sign."""
        return find_row_bounds(self.F, self.sign * self.A[: len(self.F), 0], X, expired)

    def path_lines(self, cuts: Array, sign: int) -> Array:
        """Return the ranges of a free bias, if there are a sign and L, then cuts, over (p, u, s).

        F is unscaled.
        """
        ranges = self.bias_ranges if sign and not self.ranges else ()
        lines = [x.line(self.scale * self.F) for x in ranges]
        return np.vstack([*lines, np.pad(cuts, ((0, 0), (0, 1)))])

    def lines(self, bounds: tuple[RowBound, ...]) -> Array:
        """Return bounds of rows over (p, u, s), of an unscaled F."""
        F, size = self.scale * self.F, sum(self.F.shape) + 1
        return np.array([x.line(F, self.reach) for x in bounds]).reshape(-1, size)

    def even(self, lines: Array) -> Array:
        """Return lines of an unscaled F as those of F, about as long as 1."""
        lines[:, : len(self.F)] *= self.scale
        return np.asarray(lines / sizes(lines)[:, None])


def even_units(form: LayerForm) -> tuple[LayerForm, Array, Array]:
    """Return the form in units in which steps converge, the units of x and those of the facts.

    p_i and q_i in units 1 / t_i, t_i ~ |W_i|^(1/2) / |F_i|: rows alike, but for what they earn.
    """
    m = len(form.F)
    lengths, slopes = (np.linalg.norm(x, axis=1) for x in (form.F, form.omega))
    t = np.sqrt(near_median(slopes)) / near_median(lengths)
    t *= WHOLE / (float(np.linalg.norm(t[:, None] * form.F, 2)) or 1.0)
    rest = np.ones(form.size - m)
    x = np.concatenate([t, rest])
    cuts = CUT * form.cuts / np.append(x[: m + form.F.shape[1]], 1.0)
    facts = np.concatenate([t, t, np.full(len(cuts), CUT)])
    inner = replace(form, F=t[:, None] * form.F, omega=form.omega / t[:, None], cuts=cuts)
    return inner, x, facts


def near_median(sizes: Array) -> Array:
    """Return sizes within a factor of their median."""
    middle = float(np.median(sizes)) or 1.0
    return np.asarray(np.clip(sizes / middle, 1 / SPREAD, SPREAD))


def sizes(rows: Array) -> Array:
    """Return a power of two near the length of each row."""
    return np.asarray(np.exp2(np.ceil(np.log2(np.linalg.norm(rows, axis=1) + 1e-300))))


def form_of(query: LayerQuery) -> LayerForm:
    """Return the relaxation of a query, without cuts."""
    layer = query.layer
    scale = float(np.exp2(np.ceil(np.log2(np.linalg.norm(layer.features, 2) + 1e-300))))
    far = reach(layer.features) if layer.free else 0.0
    m, d = layer.features.shape
    omega = layer.spread(query.W) * scale
    F, none = layer.features / scale, np.zeros((0, m + d + 1))
    ranges = bias_ranges(F) if layer.free and omega.shape[1] == 1 else ()
    return LayerForm(F, scale, omega, layer.slope, far, none, bias_ranges=ranges)
