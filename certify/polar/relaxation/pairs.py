"""One form for every conic polar: a quadratic form on a cone, inside products of balls.

    max  half <C, z z^T>   over   signs_i z_i >= 0,   sum over i in a group of z_i^2 <= capacity

z = (u, v) for a pair, with C = [[0, W], [W^T, 0]] and half = 1/2; z = x with C = W for a
symmetric atom.  A cell adds cuts a.z >= 0 and equalities z_p = +-z_q.  In coordinates y,
z = M y (M contains signs, weights and equalities), let the rows be

    B = [I; cuts],    b_a.y >= 0 for the signed rows.

Any N >= 0 on pairs of signed rows and any D on groups give the bound

    C' + B^T N B - Diag(D) <= 0   =>   half <C, z z^T> <= half sum capacity D.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np
from scipy import linalg

from certify.base.arrays import Array, Bools, Ints
from certify.norms import Gauge, LInf


@dataclass(frozen=True)
class PairForm:
    """The root: k coordinates.

    C, half  the objective            signs   (k,) +1, -1, or 0 for a free coordinate
    group    (k,) number of each coordinate's ball, sum of weight_i z_i^2 <= capacity[group]
    cube     (k,) number of the linf side a free coordinate lies in, -1 if none
    simplex  the ball is { z >= 0, sum z <= 1 } instead: one block, all coordinates signed
    boxed    sides whose cube with signs is replaced by a free cube of one more coordinate
    given    (p, k) rows that are nonnegative everywhere: those of the boxes
    unboxed  (k0, k): the map from z to the original coordinates; None without boxes
    """

    C: Array
    half: float
    signs: Ints
    group: Ints
    capacity: Array
    weight: Array
    cube: Ints
    simplex: bool = False
    boxed: tuple[str, ...] = ()
    given: Array | None = None
    unboxed: Array | None = None

    @property
    def size(self) -> int:
        """The number of coordinates."""
        return int(self.C.shape[0])

    @property
    def trace_only(self) -> bool:
        """Whether the trace is the only constraint: then the bound is the largest eigenvalue."""
        return self.capacity.size == 1 and not self.simplex


@dataclass(frozen=True)
class Cut:
    """A half space a.z >= 0."""

    normal: Array


@dataclass(frozen=True)
class Equal:
    """z_p = sign z_q, for two free coordinates of one linf side, p < q."""

    p: int
    q: int
    sign: int


Label: TypeAlias = Cut | Equal
Path: TypeAlias = tuple[Label, ...]


@dataclass(frozen=True)
class Cell:
    """A form restricted by a path of labels, in coordinates y.

    M (k, d): z = M y.  rows (q, d): [I; cuts].  signed_rows (q,): rows with b.y >= 0.
    first (d,): the coordinate of z that y_i is, up to sign and scale.
    """

    form: PairForm
    M: Array
    first: Ints
    cuts: Array

    @property
    def size(self) -> int:
        """The number of coordinates y."""
        return int(self.M.shape[1])

    @cached_property
    def C(self) -> Array:
        """The objective in y."""
        return np.asarray(self.M.T @ self.form.C @ self.M)

    @cached_property
    def rows(self) -> Array:
        """[I; cuts M]."""
        return np.vstack([np.eye(self.size), self.cuts @ self.M])

    @cached_property
    def signed_rows(self) -> Bools:
        """The rows that are nonnegative on the cell."""
        cut = np.ones(self.cuts.shape[0], dtype=bool)
        return np.concatenate([self.form.signs[self.first] != 0, cut])

    @cached_property
    def signed_pairs(self) -> Bools:
        """The pairs of different signed rows: where a multiplier may be positive."""
        out = np.outer(self.signed_rows, self.signed_rows)
        np.fill_diagonal(out, False)
        return out

    @cached_property
    def groups(self) -> Ints:
        """The group of each y."""
        return self.form.group[self.first]

    @cached_property
    def frame(self) -> tuple[Array, Array]:
        """(Q, R^-1): Q = rows R^-1 has orthonormal columns, R symmetric."""
        if not len(self.cuts):
            return np.eye(self.size), np.eye(self.size)
        values, vectors = np.linalg.eigh(self.rows.T @ self.rows)
        inverse = np.asarray((vectors / np.sqrt(values)) @ vectors.T)
        return np.asarray(self.rows @ inverse), inverse

    def add_multiplier(self, N: Array | None) -> Array:
        """Return C + B^T N B."""
        if N is None:
            return self.C
        if not len(self.cuts):
            return np.asarray(self.C + N)
        g = self.rows.T @ N @ self.rows
        return np.asarray(self.C + 0.5 * (g + g.T))


def cell(form: PairForm, path: Path) -> Cell:
    """Return the cell at the end of a path from the root."""
    label, sign = np.arange(form.size), np.ones(form.size)
    for step in path:
        if isinstance(step, Equal):
            merge(label, sign, step)
    first = np.unique(label)
    fold = np.where(form.signs == 0, sign, form.signs) / np.sqrt(form.weight)
    M = np.zeros((form.size, first.size))
    M[np.arange(form.size), np.searchsorted(first, label)] = fold
    given = [] if form.given is None else list(form.given)
    cuts = [*given, *(step.normal for step in path if isinstance(step, Cut))]
    return Cell(form, M, first, np.array(cuts).reshape(len(cuts), form.size))


def merge(label: Ints, sign: Array, step: Equal) -> None:
    """Join two classes; the smallest index names the class and carries sign +."""
    one, other = sorted((int(label[step.p]), int(label[step.q])))
    if one == other:
        return
    turn = step.sign * sign[step.p] * sign[step.q]
    moved = label == other
    label[moved] = one
    sign[moved] *= turn


def of_pair(W: Array, left: Gauge, right: Gauge) -> PairForm:
    """Return the form of sup u^T W v over two gauges; cubes with signs become boxes."""
    m, n = W.shape
    boxes = cube_map(left, m), cube_map(right, n)
    if all(box is None for box in boxes):
        return of_balls(W, left, right)
    T, S = (np.eye(d) if box is None else box for box, d in zip(boxes, (m, n), strict=True))
    sides = [g if box is None else LInf() for g, box in zip((left, right), boxes, strict=True)]
    form = of_balls(T @ W @ S.T, *sides)
    places = zip(("left", "right"), boxes, ((0, m), (len(T), n)), strict=True)
    given = {name: box_rows(*at, form.size) for name, box, at in places if box is not None}
    rows, unboxed = np.vstack([*given.values()]), linalg.block_diag(T.T, S.T)
    return replace(form, boxed=tuple(given), given=rows, unboxed=unboxed)


def cube_map(gauge: Gauge, d: int) -> Array | None:
    """Return T, (d + 1, d): u = T^T s for a cube with signs, s_0 = 1; None for others."""
    if not gauge.cubic or gauge.free:
        return None
    ends = [np.asarray(side == 0, dtype=np.float64) for side in gauge.sides(d)]
    return np.vstack([0.5 * (ends[0] - ends[1]), np.diag(1 - 0.5 * (ends[0] + ends[1]))])


def box_rows(first: int, size: int, width: int) -> Array:
    """Return the rows s_0 + s_i and s_0 - s_i, in turn, of a box whose s_0 is at `first`."""
    rows = np.zeros((2 * size, width))
    rows[:, first] = 1.0
    rows[:, first + 1 : first + 1 + size] = np.kron(np.eye(size), [[1.0], [-1.0]])
    return rows


class BallForm(NamedTuple):
    """The ball of one side, as fields of `PairForm`."""

    signs: Ints
    group: Ints
    capacity: Array
    weight: Array
    cube: Ints

    @property
    def plain(self) -> bool:
        """Whether this is the l2 ball."""
        return self.capacity.size == 1 and bool((self.weight == 1).all())


def ball_form(gauge: Gauge, d: int) -> BallForm:
    """Return the ellipsoids around the ball of a gauge, and its signs."""
    signs, around = gauge.signs(d).astype(np.int64), gauge.ellipsoids(d)
    cube = np.where(signs == 0, 0, -1) if gauge.cubic else np.full(d, -1)
    capacity = np.ones(int(around.labels.max(initial=0)) + 1)
    return BallForm(signs, around.labels, capacity, around.weights, cube)


def of_balls(W: Array, left: Gauge, right: Gauge) -> PairForm:
    """Return the form of sup u^T W v over two gauges as they are."""
    m, n = W.shape
    C = np.block([[np.zeros((m, m)), W], [W.T, np.zeros((n, n))]])
    one, two = ball_form(left, m), ball_form(right, n)
    if one.plain and two.plain:
        zero, signs = np.zeros(m + n, dtype=np.int64), np.concatenate([one.signs, two.signs])
        return PairForm(C, 0.5, signs, zero, np.array([2.0]), np.ones(m + n), zero - 1)
    two = two._replace(group=two.group + one.capacity.size, cube=np.where(two.cube >= 0, 1, -1))
    return PairForm(C, 0.5, *BallForm(*(np.concatenate(x) for x in zip(one, two, strict=True))))


def of_symmetric(W: Array, gauge: Gauge) -> PairForm:
    """Return the form of sup x^T W x: over the l2 ball, or for l1 over the simplex."""
    ball = ball_form(gauge, W.shape[0])
    return PairForm(0.5 * (W + W.T), 1.0, *ball, simplex=gauge.axial)
