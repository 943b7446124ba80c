"""Lower bounds of the polar of a hidden layer: neurons that attain them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from certify.base.arrays import Array
from certify.polar.layer_query import Layer, LayerQuery, Slice

from . import pooled as _largest
from . import products as multilinear
from .circle import best_kink, on_circle

STARTS, ROUNDS = 512, 20  # random starts, and alternating steps of each
DATA = 256  # rows of F that serve as starts, at most
SLOW = 8  # divides STARTS and DATA where each start has its own search for a free bias
FINALISTS, STEPS, TRIES = 40, 60, 3  # starts that climb on circles; steps; random directions
SETTLED = 1e-14  # relative gain of a circle that counts as none; luck, never truth
ON = 1e-9  # relative size of z below which a row counts as on its kink


def attain(query: LayerQuery) -> tuple[float, Slice]:
    """Return (<W, phi(u, v)>, (u, v)) with |u| = |v| = 1.

    All starts (given neurons, rows of F, random directions) take alternating steps
    u <- F^T D_s(u) W v, v <- the best response; the best of them then move to the exact
    maximum on great circles, so that their value never falls.
    """
    if query.layer.most:
        return _largest.attain(query)
    if query.layer.slope == 1 and not query.layer.free:
        return of_matrix(query)
    return climb_starts(Climb.of(query), query)


def of_matrix(query: LayerQuery) -> tuple[float, Slice]:
    """Return the best slice of a linear layer: that of the matrix F^T W."""
    T = query.layer.features.T @ query.layer.spread(query.W)
    gauges = query.layer.left, query.layer.right
    value, (u, v) = multilinear.attain(T, gauges, seed=query.seed, starts=query.starts)
    return value, (u, v)


@dataclass(frozen=True)
class Climb:
    """What an ascent of the polar needs.

    F (m, d), and W (m, outputs) on its rows.  F lacks the column of a free bias, which is
    chosen exactly for each u.
    """

    layer: Layer
    F: Array
    W: Array
    rng: np.random.Generator

    @classmethod
    def of(cls, query: LayerQuery) -> "Climb":
        """Prepare the ascent of a query."""
        layer = query.layer
        F = layer.features[:, :-1] if layer.free else layer.features
        return cls(layer, F, layer.spread(query.W), np.random.default_rng(query.seed))

    def with_best_bias(self, u: Array, omega: Array) -> tuple[int, Array]:
        """Return the row whose kink is the best bias, and z with that bias; -1 without one."""
        z = self.F @ u
        if not self.layer.free:
            return -1, z
        j = best_kink(omega, z)
        return j, z - z[j]

    def value(self, u: Array, omega: Array) -> float:
        """Return sum omega s(z), the bias at its best."""
        return float(omega @ self.layer.activate(self.with_best_bias(u, omega)[1]))


def climb_starts(run: Climb, query: LayerQuery) -> tuple[float, Slice]:
    """Return the best neuron over all starts."""
    pairs = race_all(run, starts(run, query), query.expired)
    best: tuple[float, Slice] | None = None
    for u, v in pairs:
        candidate = polish(run, u, v)
        best = candidate if best is None or candidate[0] > best[0] else best
        if query.expired():
            break
    if best is None:  # no start at all has a direction
        u = np.eye(run.F.shape[1])[0]
        best = polish(run, u, np.asarray(run.layer.right.maximizer(np.zeros(run.W.shape[1]))))
    return best


def starts(run: Climb, query: LayerQuery) -> Array:
    """Return unit columns u: given neurons, rows of F of both signs, random directions."""
    m, d = run.F.shape
    slow = SLOW if run.layer.free else 1
    few = DATA // slow
    given = [np.asarray(u, dtype=float)[:d] for u, _ in query.starts]
    rows = run.F if m <= few else run.F[run.rng.choice(m, few, replace=False)]
    random = run.rng.standard_normal((STARTS // slow, d))
    return _largest.unit_columns([*given, *rows, *-rows, *random])


def race_all(run: Climb, U: Array, expired: Callable[[], bool]) -> Iterator[Slice]:
    """Take alternating steps from all starts at once; yield the best ends, each once."""
    one = run.W.shape[1] == 1
    signs = [np.ones(1), -np.ones(1)] if one and run.layer.right.free else [None]
    ends = [race(run, U, sign, expired) for sign in signs]
    values = np.concatenate([e[0] for e in ends])
    U = np.hstack([e[1] for e in ends])
    V = np.hstack([e[2] for e in ends])
    taken: list[Array] = []
    for k in np.argsort(-values, kind="stable"):
        if any(abs(values[k] - values[j]) <= ON * abs(values[k]) for j in taken):
            continue  # the same neuron from another start
        taken.append(k)
        yield U[:, k], V[:, k]
        if len(taken) == FINALISTS:
            return


def race(
    run: Climb, U: Array, sign: Array | None, expired: Callable[[], bool]
) -> tuple[Array, Array, Array]:
    """Return (values, U, V) after alternating steps; a step that lowers a value is not taken."""
    best, V = best_responses(run, U, sign)
    for _ in range(ROUNDS):
        if expired():
            break
        z = preactivations(run, U, V) if run.layer.free else run.F @ U
        gates = np.where(z > 0, 1.0, run.layer.slope)
        c = run.F.T @ (gates * (run.W @ V))
        size = np.linalg.norm(c, axis=0)
        new = np.where(size > 0, c / np.where(size > 0, size, 1.0), U)
        values, answers = best_responses(run, new, sign)
        better = values > best
        if not better.any():
            break
        U = np.where(better, new, U)
        V, best = np.where(better, answers, V), np.maximum(values, best)
    return best, U, V


def preactivations(run: Climb, U: Array, V: Array) -> Array:
    """Return z of each column, with its own best bias."""
    pairs = zip(U.T, (run.W @ V).T, strict=True)
    return np.column_stack([run.with_best_bias(u, omega)[1] for u, omega in pairs])


def best_responses(run: Climb, U: Array, sign: Array | None) -> tuple[Array, Array]:
    """Return each column's value and its best v; where a sign is given, v is that sign."""
    if run.layer.free:
        pairs = [respond(run, u, sign) for u in U.T]
        return np.array([p[0] for p in pairs]), np.column_stack([p[1] for p in pairs])
    Y = run.W.T @ run.layer.activate(run.F @ U)
    if sign is not None:
        return sign[0] * Y[0], np.broadcast_to(sign[:, None], Y.shape)
    V = run.layer.right.maximizers(Y)
    return (Y * V).sum(axis=0), V


def respond(run: Climb, u: Array, v: Array | None) -> tuple[float, Array]:
    """Return (value, v) with the bias and v chosen in turn, from v or from each output's best."""
    if v is not None:
        return run.value(u, run.W @ v), v
    tries = []
    for t in range(run.W.shape[1]):
        for s in (1.0, -1.0):
            z = run.with_best_bias(u, s * run.W[:, t])[1]
            y = run.W.T @ run.layer.activate(z)
            v = np.asarray(run.layer.right.maximizer(y))
            tries.append((run.value(u, run.W @ v), v))
    return max(tries, key=lambda pair: pair[0])


def polish(run: Climb, u: Array, v: Array) -> tuple[float, Slice]:
    """Climb by exact maxima on great circles, v the best response in between."""
    value, failed = run.value(u, run.W @ v), 0
    for k in range(STEPS * (1 + TRIES)):
        omega = run.W @ v
        new = circle_step(run, u, omega, direction(run, u, omega, k % (2 + TRIES) if failed else 0))
        new_v = response(run, new, v)
        now = run.value(new, run.W @ new_v)
        if now <= value + SETTLED * abs(value):
            failed += 1
            if failed > 1 + TRIES:
                break
            continue
        u, v, value, failed = new, new_v, now, 0
    return finish(run, u, v)


def response(run: Climb, u: Array, v: Array) -> Array:
    """Return the best v at the bias that is best for the last one."""
    z = run.with_best_bias(u, run.W @ v)[1]
    y = run.W.T @ run.layer.activate(z)
    return v if len(v) == 1 else np.asarray(run.layer.right.maximizer(y))


def direction(run: Climb, u: Array, omega: Array, kind: int) -> Array:
    """Return a direction for a circle: kind 0 the gradient, 1 along the kinks at u, else random."""
    if kind > 1:
        return run.rng.standard_normal(u.size)
    j, z = run.with_best_bias(u, omega)
    rows = run.F - run.F[j] if j >= 0 else run.F
    size = np.linalg.norm(rows, axis=1)
    on = np.abs(z) <= ON * size
    gates = np.where(z > 0, 1.0, run.layer.slope)
    c: Array = rows[~on].T @ (gates * omega)[~on]
    if kind == 1 and on.any():
        edges = rows[on] / np.where(size[on] > 0, size[on], 1.0)[:, None]
        c = c - edges.T @ np.linalg.lstsq(edges.T, c)[0]
    return c


def circle_step(run: Climb, u: Array, omega: Array, towards: Array) -> Array:
    """Return the best point of the great circle through u and `towards`.

    A free bias stays at the kink of the row where it is.
    """
    w = towards - (towards @ u) * u
    size = float(np.linalg.norm(w))
    if not np.isfinite(size) or size <= ON * float(np.linalg.norm(towards)):
        return -u if u.size == 1 else u
    j = run.with_best_bias(u, omega)[0]
    rows = run.F - run.F[j] if j >= 0 else run.F
    theta = on_circle(omega, rows @ u, rows @ (w / size), run.layer.slope)
    new = np.cos(theta) * u + np.sin(theta) * (w / size)
    return np.asarray(new / np.linalg.norm(new))


def finish(run: Climb, u: Array, v: Array) -> tuple[float, Slice]:
    """Return the neuron with its bias, and its value recomputed from its weights."""
    layer = run.layer
    if layer.free:
        j, _ = run.with_best_bias(u, run.W @ v)
        u = np.append(u, -float(run.F[j] @ u) / layer.features[j, -1])
    u = u / float(layer.size(u[:, None])[0])
    y = run.W.T @ layer.activate(layer.features @ u)
    v = np.asarray(layer.right.maximizer(y))
    return float(y @ v), (u, v)
