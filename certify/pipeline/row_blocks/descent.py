"""Steps of L-BFGS on blocks of rows: on all numbers at once, with U where the blocks are.

The objective, its metric D and the line search are those of `search/descent/ratings.py`.  Here a
point is z = D^(1/2) x.  A step is a weighted sum of the last steps s, changes y of the slope and
the slope g, and its weights only need the inner products of these.  So in each step V is sent to
each block, and each block sends its part of V's slope and a few numbers.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from certify.base.arrays import Array, Dtype
from certify.base.cluster import PLACE, Task, as_it_is, keep_each, share
from certify.base.rigor.row_blocks import Block, Prices
from certify.base.rigor.tiles import tree
from certify.losses import Squared
from certify.search.descent import ratings
from certify.search.descent.ratings import Entries, Floats, dot


class State(NamedTuple):
    """The numbers x (k, c) of one side, U of a block or V, with biases, as z = root x.

    g     the slope in z
    s, y  the last steps, and the changes of g
    """

    z: Floats
    root: Floats
    g: Floats
    s: tuple[Floats, ...] = ()
    y: tuple[Floats, ...] = ()

    @property
    def basis(self) -> tuple[Floats, ...]:
        """The terms of a step."""
        return (*self.s, *self.y, self.g)

    def combine(self, weights: Array) -> Floats:
        """Return z after a step."""
        z = self.z.copy()
        for x, t in zip(self.basis, weights.tolist(), strict=True):
            ratings.add_scaled(z, x, t)
        return z

    def after(self, z: Floats, g: Floats) -> "State":
        """Return the state after a step to z, with the slope g there."""
        s, y = (*self.s, z - self.z), (*self.y, g - self.g)
        return State(z, self.root, g, s[-ratings.REMEMBERED :], y[-ratings.REMEMBERED :])

    def products(self) -> Array:
        """Return the inner products of the basis."""
        lines = [x.reshape(-1) for x in self.basis]
        out = np.zeros((len(lines),) * 2)
        for start in range(0, lines[0].size, ratings.RUN):
            part = np.stack([x[start : start + ratings.RUN] for x in lines])
            out += part @ part.T
        return out


class Sides(NamedTuple):
    """The entries of the blocks as tasks, and a block without rows, which has V's prices."""

    entries: list[Task]
    empty: Entries


class Part(NamedTuple):
    """The part of V's slope, of the value and of the products, from one or more blocks."""

    pull: Floats
    value: float
    products: Array


class Point(NamedTuple):
    """A point of a descent: (State, Part) of each block, V's state, the value, all products."""

    blocks: list[Task]
    columns: State
    value: float
    products: Array


def sort_blocks(data: list[Task], prices: Prices, q: Array, kind: Dtype) -> Sides:
    """Return the entries of the blocks in one precision; q: prices of the columns."""
    nothing = Block(sparse.csr_array((0, len(q))), np.zeros((0, 0)))
    entries = keep_each(sort, data, given=(prices, kind))
    empty = sort(nothing, prices, kind)
    return Sides(entries, replace(empty, prices=(empty.prices[0], float(prices.lam) * q)))


def sort(data: Block, prices: Prices, kind: Dtype) -> Entries:
    """Return the entries of a block, rows sorted by their counts; its columns' prices are lam."""
    Y, _, c, p = data
    lam = float(prices.lam)
    both = lam * (np.ones(Y.shape[0]) if p is None else p), np.full(Y.shape[1], lam)
    ridges = zip(Y.shape, prices[1:], strict=True)
    rows, columns = (None if x is None else np.full(d, float(x)) for d, x in ridges)
    loss = object.__new__(Squared)  # of listed entries; there may be none
    vars(loss).update(Y=None, data=Y.data, scale=c)
    return ratings.sort_rows(Y.shape, (Y.indptr, Y.indices, loss), both, (rows, columns), kind)


def descend(
    sides: Sides,
    rows: list[Task],
    columns: tuple[Array, Array],
    steps: int,
    expired: Callable[[], bool] = lambda: False,
) -> tuple[list[Task], tuple[Array, Array]]:
    """Return (U, a) of the blocks, and (V, b), after some steps; never higher but for rounding."""
    V, b = columns
    rows_, columns_ = sides.empty.biases
    given = None if rows_ is None else b[:0], None if columns_ is None else b
    x = sides.empty.into((V[:0], V), given)
    if not x.size:
        return rows, columns
    now = step_to(sides, begin(sides, rows, x), None, 0.0)
    for _ in range(steps):
        weights, slope = direction(now.products)
        if expired() or not slope < 0:
            break
        new = ratings.line_search(partial(step_to, sides, now, weights), now, slope)
        if new is None:
            break
        now = new
    (_, V), (_, found) = sides.empty.out(now.columns.z / now.columns.root)
    made = keep_each(finish, sides.entries, now.blocks)
    return made, (V, b if found is None else found)


def begin(sides: Sides, rows: list[Task], x: Floats) -> Point:
    """Return the first point, without its slope."""
    r = x.shape[1] - sides.empty.bias_count
    begun = keep_each(begin_rows, sides.entries, rows, given=(share(x),))
    root = roots(sides.empty.price(r) + add_up(begun).pull)
    return Point(begun, State(x * root, root, 0 * x), np.inf, np.zeros((1, 1)))


def begin_rows(entries: Entries, rows: tuple[Array, Array], V: Floats) -> tuple[State, Part]:
    """Return the state of a block, and its part of V's metric."""
    U, a = rows
    bias = None if entries.biases[0] is None else a
    m, r = len(U), U.shape[1]
    x = np.ascontiguousarray(entries.into((U, np.zeros((entries.shape[1], r))), (bias, None))[:m])
    C = entries.second_derivatives(x, V)
    root = roots(entries.price(r)[:m] + C @ np.square(V))
    curved = entries.times_transposed(C.data, np.square(x))
    return State(x * root, root, 0 * x), Part(curved, 0.0, np.zeros((1, 1)))


def add_parts(x: tuple[Any, Part], y: tuple[Any, Part]) -> tuple[None, Part]:
    """Return the sum of two parts, without a state."""
    a, b = x[1], y[1]
    return None, Part(a.pull + b.pull, a.value + b.value, a.products + b.products)


def add_up(made: list[Task]) -> Part:
    """Return the sum of the parts of all blocks."""
    place = PLACE.get()
    total = tree(place, as_it_is, made, add_parts)
    part: Part = place.values([place.run(itemgetter(1), total)])[0]
    return part


def roots(D: Floats) -> Floats:
    """Return D^(1/2), with a floor."""
    return np.asarray(np.sqrt(ratings.floor(D)))


def step_to(sides: Sides, now: Point, step: Array | None, t: float) -> Point:
    """Return the point after t times a step; None: the same point, with its slope."""
    side, weights = now.columns, None if step is None else t * step
    z = side.z if weights is None else side.combine(weights)
    x = z / side.root
    r = x.shape[1] - sides.empty.bias_count
    made = keep_each(step_rows, sides.entries, now.blocks, given=(share(x), weights))
    part, priced = add_up(made), sides.empty.price(r) * x
    g = sides.empty.free(r) * (priced - part.pull) / side.root
    side = side._replace(g=g) if weights is None else side.after(z, g)
    value = part.value + 0.5 * dot(priced, x)
    return Point(made, side, value, part.products + side.products())


def step_rows(
    entries: Entries, before: tuple[State, Part], V: Floats, weights: Array | None
) -> tuple[State, Part]:
    """Return the state and part of a block after a step."""
    state = before[0]
    m, r = len(state.z), V.shape[1] - entries.bias_count
    z = state.z if weights is None else state.combine(weights)
    U = z / state.root
    loss, W, pull = entries.fit(U, V)
    priced = entries.price(r)[:m] * U
    g = entries.free(r)[:m] * (priced - pull) / state.root
    after = state._replace(g=g) if weights is None else state.after(z, g)
    value = loss + 0.5 * dot(priced, U)
    return after, Part(entries.times_transposed(W, U), value, after.products())


def finish(entries: Entries, last: tuple[State, Part]) -> tuple[Array, Array]:
    """Return U and a of a block, in double precision, in the order of its rows."""
    state, _ = last
    (U, _), (a, _) = entries.out(state.z / state.root)
    return U, np.zeros(len(U)) if a is None else a


def direction(products: Array) -> tuple[Array, float]:
    """Return the weights of minus the inverse Hessian times the slope, and its derivative.

    They follow from the two loops of `Steps`, on weights of the basis instead of vectors.  Pairs
    without positive curvature are left out.
    """
    G, k = products, len(products) // 2
    least = [ratings.CURVED * (G[i, i] * G[k + i, k + i]) ** 0.5 for i in range(k)]
    curved = [i for i in range(k) if G[i, k + i] > least[i]]
    q, kept = np.zeros(len(G)), {}
    q[-1] = -1.0
    for i in reversed(curved):
        kept[i] = (G[i] @ q) / G[i, k + i]
        q[k + i] -= kept[i]
    if curved:
        last = curved[-1]
        q *= G[last, k + last] / G[k + last, k + last]
    for i in curved:
        q[i] += kept[i] - (G[k + i] @ q) / G[i, k + i]
    along = float(G[-1] @ q)
    if curved and not along < 0:
        q = np.zeros(len(G))
        q[-1], along = -1.0, -float(G[-1, -1])
    return q, along
