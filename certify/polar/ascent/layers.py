"""Neurons of a hidden layer with large values <W, phi(u, v)>: many local maximizers at once.

Many starts climb together by u <- F^T S W v, the gradient in u's cell, as long as that helps.
The best continue exactly: the maximizer over a whole cell is a projection,

    max { c^T u : |u| <= 1, u in the cell } = min { |c + G^T y| : y >= 0 },   G u >= 0 the cell,

and the next cell lies across the borders whose multiplier y_i exceeds what crossing costs.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from certify.base.arrays import Array
from certify.norms import L2
from certify.polar.layer_query import Ints, Layer, LayerQuery, Slice
from certify.polar.product_query import never
from certify.polar.query import PolarQuery
from certify.polar.scale import ordinary

from . import alike, products
from .pairs import best_slice

RANDOM, DRAWN, OWN = 200, 200, 200  # starts: random, gradients of random cells, given neurons
STEPS = 8  # of all starts together
LENGTHS = (1.0, 0.5, 0.2, 0.05)  # steps that are tried
EXACT, FEW = 200, 20  # starts that continue exactly; where only the best neuron is wanted
CROSSINGS = 60  # cells that each may pass
SINGLY = 6  # borders that are crossed one by one if crossing all gains nothing
GAIN = 1e-12  # relative gain that is worth another step
ALIKE = 1e-5  # 1 - cosine under which two neurons are one
STIFF = 1e5  # weight of an unpriced bias's equation in a projection


@dataclass(frozen=True)
class Field:
    """A layer, and W as (samples, outputs) and on the rows of F."""

    layer: Layer
    W: Array
    rows: Array

    @classmethod
    def of(cls, layer: Layer, W: Array) -> "Field":
        """Return the field of W (samples, outputs)."""
        return cls(layer, W, W[layer.owners])

    def outputs(self, U: Array) -> Array:
        """Return W^T s(F u) of each column, (outputs, count)."""
        return np.asarray(self.W.T @ self.layer.act(U))

    def best(self, U: Array) -> tuple[Array, Array]:
        """Return the value and the best output weights of each column."""
        Y, right = self.outputs(U), self.layer.right
        if right.free and (right.spherical or len(Y) == 1):
            sizes = np.sqrt(np.square(Y).sum(axis=0))
            return sizes, np.where(sizes > 0, Y / np.where(sizes > 0, sizes, 1.0), len(Y) ** -0.5)
        V = right.maximizers(Y)
        return np.asarray((Y * V).sum(axis=0)), V

    def unit(self, U: Array) -> Array:
        """Return the columns at |u| = 1; a column of size 0 stays as it is."""
        size = self.layer.size(U)
        return np.asarray(U / np.where(size > 0, size, 1.0))


@np.errstate(all="ignore")
def attain(query: LayerQuery) -> tuple[float, Slice]:
    """Return (<W, phi(u, v)>, (u, v)) with |u| = |v| = 1, as large as found."""
    if query.layer.slope == 1 and not query.layer.free:
        return of_matrix(query)
    field, d = Field.of(query.layer, query.W), query.layer.features.shape[1]
    given = np.column_stack([np.zeros((d, 0)), *(u for u, _ in query.starts)])
    U = maximizers(field, given, query.seed, query.expired, FEW)
    U = U if U.size else np.eye(d)[:, :1]  # nothing earns anything
    values, V = field.best(U)
    k = int(values.argmax())
    return float(values[k]), (U[:, k], V[:, k])


def of_matrix(query: LayerQuery) -> tuple[float, Slice]:
    """Return the best slice of a linear layer: that of the matrix F^T W."""
    T = query.layer.features.T @ query.layer.spread(query.W)
    gauges = query.layer.left, query.layer.right
    value, (u, v) = products.attain(T, gauges, seed=query.seed, starts=query.starts)
    return value, (u, v)


@np.errstate(all="ignore")
def above(
    field: Field, price: float, given: Array, seed: int, expired: Callable[[], bool] = never
) -> tuple[float, tuple[Array, Array]]:
    """Return (largest value found, distinct neurons of theta 1 above a price, best first).

    given  neurons that are tried as well, as columns u
    """
    U = maximizers(field, given, seed, expired, EXACT)
    values, V = field.best(U)
    keep = values > price
    return float(values.max(initial=0.0)), (U[:, keep], V[:, keep])


def maximizers(
    field: Field, given: Array, seed: int, expired: Callable[[], bool], exact: int
) -> Array:
    """Return distinct local maximizers u of positive value, best first.

    As long as there is time, the `exact` highest ends of the first climb continue, best first.
    """
    if field.layer.slope == 1:
        return distinct(field, linear_maximizers(field))
    given = field.unit(given[:, field.layer.size(given) > 0][:, :OWN])
    U = climb_cells(field, starts(field, given, seed), expired)
    U = np.hstack([distinct(field, U)[:, :exact], given])
    ends = [u if expired() else cross_cells(field, u) for u in U.T]
    return distinct(field, np.column_stack(ends) if U.size else U)


def linear_maximizers(field: Field) -> Array:
    """Return the best u of a linear layer for each block, and the singular vectors of F^T W."""
    features, rows = map(ordinary, (field.layer.features, field.rows))
    M, right = features.T @ rows, field.layer.right  # up to a factor that does not change u
    out = []
    for g in map(list, field.layer.left.blocks(len(M))):
        u = np.linalg.svd(M[g], full_matrices=False)[0]
        u = np.column_stack([best_slice(PolarQuery(M[g], L2(), right))[1][0], u, -u])
        whole = np.zeros((len(M), u.shape[1]))
        whole[g] = u
        out.append(whole)
    return field.unit(np.hstack(out))


def starts(field: Field, given: Array, seed: int) -> Array:
    """Return the given neurons, random ones, and gradients of random cells."""
    rng, F = np.random.default_rng(seed), field.layer.features
    lots = rng.standard_normal((F.shape[1], RANDOM))
    picked = rng.random((len(F), DRAWN)) < rng.random(DRAWN)
    turned = field.rows @ rng.standard_normal((field.W.shape[1], DRAWN))
    neurons = field.unit(np.hstack([given, lots, F.T @ (picked * turned)]))
    return neurons[:, field.layer.size(neurons) > 0]


def climb_cells(field: Field, U: Array, expired: Callable[[], bool]) -> Array:
    """Move each start along its cell's gradient while that raises its value."""
    F = field.layer.features
    values, V = field.best(U)
    for _ in range(STEPS):
        if expired():
            break
        S = field.layer.gates(F @ U)
        step = field.unit(F.T @ (S * (field.rows @ V)))
        if field.layer.free:
            step[-1] = U[-1]
        top, at = values.copy(), U.copy()
        for t in LENGTHS:
            new = best_bias(field, field.unit((1 - t) * U + t * step), V)
            new_values = field.best(new)[0]
            better = new_values > top
            top[better], at[:, better] = new_values[better], new[:, better]
        moved = top > values * (1 + GAIN)
        U, values = at, top
        V = field.best(U)[1]
        if not moved.any():
            break
    return U


def best_bias(field: Field, U: Array, V: Array) -> Array:
    """Give each column its best unpriced bias, which is one of its kinks as sum w = 0.

    sum w s(z + b) is 0 to the left of all kinks, and its slope grows by (1 - slope) w at each.
    """
    layer = field.layer
    if not layer.free:
        return U
    z, w = layer.features[:, :-1] @ U[:-1], field.rows @ V
    order = np.argsort(-z, axis=0)
    kinks = -np.take_along_axis(z, order, axis=0)
    rise = np.cumsum(np.take_along_axis(w, order, axis=0), axis=0)
    steps = np.zeros(kinks.shape)
    steps[1:] = rise[:-1] * np.diff(kinks, axis=0)
    best = np.cumsum(steps, axis=0).argmax(axis=0)
    bias = np.take_along_axis(kinks, best[None], axis=0) / layer.features[0, -1]
    return np.vstack([U[:-1], bias])


def cross_cells(field: Field, u: Array) -> Array:
    """Climb from cell to cell, in each to its maximizer; never to a lower value.

    All borders worth crossing are crossed at once; if that gains nothing, one by one.
    """
    layer = field.layer
    value, V = (x[..., 0] for x in field.best(u[:, None]))
    S, tries = layer.gates(layer.features @ u[:, None])[:, 0], list[Array]()
    for _ in range(CROSSINGS):
        w = field.rows @ V
        new, y = cell_maximum(field, S, w)
        gained = False
        if new is not None:
            new_value, turned = (x[..., 0] for x in field.best(new[:, None]))
            gained = bool(new_value > value * (1 + GAIN))
            if new_value > value:
                u, value, V = new, new_value, turned
        if gained or not tries:
            over = y - (1 - layer.slope) * np.maximum(-w, 0.0)
            tries = flips(layer, S, over)
        if not tries:
            break
        S = tries.pop(0)
    return u


def flips(layer: Layer, S: Array, over: Array) -> list[Array]:
    """Return the cells across all borders that are worth crossing, and across each of the best."""
    worth = np.nonzero(over > 0)[0]
    worth = worth[np.argsort(-over[worth], kind="stable")]
    groups = [worth, *worth[:SINGLY, None]] if len(worth) > 1 else [worth] * len(worth)
    return [across(layer, S, g) for g in groups]


def across(layer: Layer, S: Array, rows: Ints) -> Array:
    """Return the cell across the borders of some rows; of one sample's largest, the first.

    There the largest row of a sample is another one, or none where it was the largest.
    """
    out = S.copy()
    if layer.max_pooled:
        rows = rows[np.unique(layer.owners[rows], return_index=True)[1]]
        out[np.isin(layer.owners, layer.owners[rows])] = 0.0
    out[rows] = 1.0 + layer.slope - S[rows]
    return out


def borders(layer: Layer, S: Array) -> Array:
    """Return G (rows, d) with G u >= 0 in a cell.

    For the largest of a sample's rows: f_i, and f_i - f_j of each other row j; -f_j for all j
    where none is positive.
    """
    F, on = layer.features, np.flatnonzero(S == 1)
    G = -F
    if layer.max_pooled:
        first = np.full(len(layer.table), -1)
        first[layer.owners[on]] = on
        first = first[layer.owners]
        G[first >= 0] += F[first[first >= 0]]
    G[on] = F[on]
    return G


def cell_maximum(field: Field, S: Array, w: Array) -> tuple[Array | None, Array]:
    """Return the maximizer over a cell, and the multipliers of its borders."""
    layer = field.layer
    F = layer.features
    scale = np.ones(F.shape[1])
    if layer.free:
        scale[-1] = STIFF * np.abs(F[:, :-1]).max(initial=1e-300)
    c = scale * (F.T @ (S * w))
    G = scale[:, None] * borders(layer, S).T
    top = float(np.abs(c).max(initial=0.0))
    if not top > 0:
        return None, np.zeros(len(F))
    try:
        y = optimize.nnls(G, -c / top, maxiter=10 * G.shape[1])[0]
    except RuntimeError:
        return None, np.zeros(len(F))
    u = scale * (c / top + G @ y)
    size = float(layer.size(u[:, None])[0])
    if not size > 1e-12:  # noqa: PLR2004  luck: the cell has no ascent
        return None, top * y
    u = field.unit(u[:, None])
    return best_bias(field, u, field.best(u)[1])[:, 0], top * y


def distinct(field: Field, U: Array) -> Array:
    """Return the distinct columns of positive value, best first."""
    values, V = field.best(U)
    order = np.argsort(-values, kind="stable")
    order = order[np.isfinite(values[order]) & (values[order] > 0)]
    U, V = U[:, order], V[:, order]
    return U[:, alike.distinct(cosines(field.layer, (U, V)) > 1 - ALIKE)]


def cosines(layer: Layer, factors: tuple[Array, Array]) -> Array:
    """Return for each pair of neurons the smaller cosine: that of F u, or of the output weights.

    Not their product: (-u, -v) is another neuron than (u, v).
    """
    out = np.ones((factors[0].shape[1],) * 2)
    for x in (layer.features @ factors[0], factors[1]):
        out = np.minimum(out, alike.unit_gram(x))
    return out
