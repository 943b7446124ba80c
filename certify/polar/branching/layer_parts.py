"""Bound and split the parts of a layer's tree; a part is cut by halfspaces of (p, u).

The bound is that of the doubly nonnegative relaxation: products of the facts p >= 0, q >= 0 and of
the cuts are >= 0.
"""

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np

from certify.base.arrays import Array
from certify.polar import eigen as spectra
from certify.polar.ascent.layers import Field, best_bias, cross_cells
from certify.polar.layer_query import LayerQuery, Slice
from certify.polar.relaxation.layer_admm import Relaxed, Start, solve
from certify.polar.relaxation.layer_leaf import value_bound
from certify.polar.relaxation.layer_multiplier import LayerMultiplier
from certify.polar.relaxation.layers import LayerForm, form_of
from certify.polar.relaxation.row_bounds import RowBound, with_zeros
from certify.polar.relaxation.steps import Stop

from .tree import Solved, Tree

CUT_BITS, SIGN_BITS = 12, 24  # of a cut's entries: short integers for the verifier
STEPS, STALLED = 1000, 1e-3  # of one part; splitting early pays more than many steps
ROOT_STEPS = 2000
MORE = 200  # of a part whose W has moved
BEGIN = 2.0  # rho of a child is the geometric mean of this and its parent's last
FLOPS, FIXED, SPEED = 5.0, 1e7, 6e10  # of a step: by size cubed, fixed; of an ordinary core
EFFORT = 15.0  # seconds of an ordinary core without a deadline, as a number of steps
FEWEST = 60  # steps: fewer give no useful bound
UNDER = 1 - 2.0**-22  # of the aim: room for the roundings of a leaf
DIRECTIONS = 2  # eigenvectors of u u^T that start an ascent


class Cut(NamedTuple):
    """sign * normal . (p, u) >= 0; both children of a split share the normal."""

    normal: Array
    sign: int


Path: TypeAlias = tuple[Cut, ...]
Grown: TypeAlias = Tree[Cut, Relaxed, LayerMultiplier | None]


@dataclass(frozen=True)
class Bounder:
    """The `Solve` of the tree of one layer: bounds a part, and says how it is split.

    steps  at most, of the root and of each other part
    """

    query: LayerQuery
    form: LayerForm
    steps: tuple[int, int] = (ROOT_STEPS, STEPS)

    def __call__(
        self, path: Path, above: Relaxed | None, aim: float
    ) -> Solved[Cut, Relaxed, LayerMultiplier | None]:
        """Bound a part; stop as soon as the bound is below the aim."""
        if path and path[0].sign == self.excluded_sign:
            return Solved(0.0, None)
        form = self.at(path, above.best.row_bounds if above else ())
        goal = max(aim, 0.0) * UNDER
        steps = self.steps[1] if path else self.steps[0]
        least_gain = STALLED if form.sign else 2 * STALLED  # of the square
        stop = Stop(value_bound(form, goal, back=True), steps, least_gain, self.query.expired)
        return self.conclude(path, solve(form, stop, start_child(form, above)), goal)

    def resume(
        self, path: Path, relaxed: Relaxed, aim: float
    ) -> Solved[Cut, Relaxed, LayerMultiplier | None]:
        """Take MORE steps from the end of a solve, unless its bound is below the aim."""
        best = relaxed.best
        form = self.at(path, best.row_bounds)
        target = value_bound(form, max(aim, 0.0) * UNDER, back=True)
        if best.bound > target:
            start = Start(relaxed.X.astype(float), best, relaxed.rho)
            stop = Stop(target, MORE, -1.0, self.query.expired)
            relaxed = solve(form, stop, start)
            relaxed = relaxed._replace(best=min(best, relaxed.best, key=lambda b: b.bound))
        return self.conclude(path, relaxed, 0.0)

    def conclude(
        self, path: Path, relaxed: Relaxed, goal: float
    ) -> Solved[Cut, Relaxed, LayerMultiplier | None]:
        """Return the bound of a part; above the goal, also its halves and an attained value."""
        upper = value_bound(self.at(path), relaxed.best.bound)
        value, found = self.ascend(relaxed) if upper > goal else (-np.inf, None)
        split = self.split(path, relaxed) if upper > goal else None
        best, dtype = relaxed.best, self.form.dtype  # every part of the tree stores its multipliers
        stored = best._replace(N=best.N.astype(dtype), Y=best.Y.astype(dtype))
        start = relaxed._replace(X=relaxed.X.astype(dtype), best=stored)
        return Solved(upper, stored, value, found, split, start)

    @property
    def excluded_sign(self) -> int:
        """The sign of w^T s whose part has no positive value, as v has one sign; else 0."""
        one = self.query.W.shape[1] == 1
        return {"+": -1, "-": 1}.get(self.query.layer.right.cone, 0) if one else 0

    def at(self, path: Path, rows: tuple[RowBound, ...] = ()) -> LayerForm:
        """Return the form of a part: of the value if its sign is known, else of its square."""
        single = self.query.W.shape[1] == 1
        sign = path[0].sign if path and single else 0
        return self.form.with_cuts(self.cuts(path), sign).with_row_bounds(rows)

    def cuts(self, path: Path) -> Array:
        """Return the cuts of a path as rows over (p, u)."""
        k = sum(self.form.F.shape)
        return np.array([c.sign * c.normal for c in path]).reshape(-1, k)

    def split(self, path: Path, relaxed: Relaxed) -> tuple[Cut, Cut] | None:
        """Return the halves of a part.

        One output: by the sign of w^T s, then through the mean of u.  Several: along an
        eigenvector of u u^T, the first and then the second.
        """
        m, d = self.form.F.shape
        single = self.query.W.shape[1] == 1
        if not path and single:
            return self.by_sign()
        at = 2 if path else 1
        if d < at:
            return None
        if single:
            return self.through_mean(relaxed.X)
        normal = np.zeros(m + d)
        normal[m:] = np.linalg.eigh(relaxed.X[m : m + d, m : m + d])[1][:, -at]
        return halves(spectra.on_grid(normal, CUT_BITS))

    def through_mean(self, X: Array) -> tuple[Cut, Cut]:
        """Return the halves of a part of one output, through the mean of u; X over x."""
        m, d = self.form.F.shape
        normal, X = np.zeros(m + d), X[: m + d, : m + d]
        mean, weighed = X[m:] @ self.form.A[:, 0], self.form.omega * self.form.F
        normal[m:] = across(mean, X[m:, m:], weighed)
        return halves(spectra.on_grid(normal, CUT_BITS))

    def by_sign(self) -> tuple[Cut, Cut]:
        """Return the halves of the root, of one output: by the sign of w^T s."""
        row = self.form.A[:, 0].copy()
        row[: len(self.form.F)] /= self.form.scale
        return halves(spectra.on_grid(row, SIGN_BITS))

    def ascend(self, relaxed: Relaxed) -> tuple[float, Slice | None]:
        """Return the neuron that an ascent reaches from a leading eigenvector of u u^T.

        It starts from the one of them, or of their negatives, that has the largest value.
        """
        m, d = self.form.F.shape
        field = Field.of(self.query.layer, self.query.W)
        vectors = np.linalg.eigh(relaxed.X[m : m + d, m : m + d])[1][:, -DIRECTIONS:]
        vectors = vectors[:, field.layer.size(vectors) > 0]
        if not vectors.size:
            return -np.inf, None
        U = field.unit(np.hstack([vectors, -vectors]))
        U = best_bias(field, U, field.best(U)[1])
        u = U[:, int(field.best(U)[0].argmax())]
        u = u if self.query.expired() else cross_cells(field, u)
        value, v = (x[..., 0] for x in field.best(u[:, None]))
        return float(value), (u, v)


def bounder(query: LayerQuery) -> Bounder:
    """Return the solver of the parts of a query; a root that is split at once takes no steps."""
    parts, most = allowance(query)
    root = 0 if query.W.shape[1] == 1 and parts > 1 else most[0]
    return Bounder(query, form_of(query), (root, most[1]))


def allowance(query: LayerQuery) -> tuple[int, tuple[int, int]]:
    """Return how many parts a tree may have, and the steps of its root and of the others."""
    whole = 1 << 30 if query.nodes is None else query.nodes
    if query.deadline is not None:
        return whole, (ROOT_STEPS, STEPS)
    cost = step_seconds(query.layer.features.shape)
    most = max(int(EFFORT / 3 / cost), FEWEST)
    steps = min(STEPS, most)
    parts = max(int(EFFORT / (cost * steps)), 3) if query.nodes is None else whole
    return parts, (min(ROOT_STEPS, most), steps)


def step_seconds(shape: tuple[int, ...]) -> float:
    """Return about how long a step takes an ordinary core, for features of a shape."""
    return (FLOPS * sum(shape) ** 3 + FIXED) / SPEED


def across(mean: Array, spread: Array, weighed: Array) -> Array:
    """Return a = R e, R^2 = G^T G, with a . mean = 0 and the largest spread e . R u of R u.

    X is a mixture sum t_j x_j x_j^T of neurons of nearly one value A^T x_j, so X A gives the
    mean of their u: both sides of a keep some of them.  An eigenvector of the spread alone may
    have all of them on one side.  The rows of G are those of F, each times its omega: neurons
    that gain from different rows are far apart.
    """
    values, vectors = np.linalg.eigh(weighed.T @ weighed)
    R = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    center = R @ mean
    size = float(np.linalg.norm(center))
    projector = np.eye(len(mean)) - np.outer(center, center) / (size * size or 1.0)
    e = np.linalg.eigh(projector @ R @ spread @ R @ projector)[1][:, -1]
    normal = R @ e
    length = float(np.linalg.norm(normal))
    return np.asarray(normal / length if length > 0 else e)


def halves(normal: Array) -> tuple[Cut, Cut]:
    """Return both sides of a cut."""
    return Cut(normal, 1), Cut(normal, -1)


def start_child(form: LayerForm, above: Relaxed | None) -> Start | None:
    """Return the start of a child from its parent: the products with its cut cost nothing."""
    if above is None or len(above.X) != form.size or not above.X.any():
        return None
    best = above.best
    at = len(best.N) - len(best.row_bounds)
    added = best._replace(N=with_zeros(best.N, at), Y=np.insert(best.Y, at, 0.0, axis=0))
    return Start(above.X.astype(float), added, (BEGIN * above.rho) ** 0.5)
