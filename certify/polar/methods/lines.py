"""Norms with an l1 side: the polar is the largest dual norm of a line, in closed form."""

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from certify.base.arrays import Array
from certify.norms import Elastic, Gauge, Variation
from certify.polar.ask import Ask, Matrix, Method, Proposal

BLOCK = 512  # sparse columns held dense at once
ROUNDED = 4 * float(np.finfo(np.float64).eps)  # of each number in a line


class Lines(Method):
    """sup u^T W v over |u|_1 <= 1 is at a signed unit vector: a row of W.

    The kernel takes the dual norm of every line itself; for two norms it wants a witness:
    elastic, a level t that every line passes; variation, a flow for every line.
    """

    def applies(self, ask: Ask) -> bool:
        """One side is an l1 norm."""
        return not ask.symmetric and "l1" in (ask.left.name, ask.right.name)

    def propose(self, ask: Ask) -> Proposal:
        """Return the exact value, with the witness that some norms need."""
        lines, outer, inner = oriented(ask.W, ask.left, ask.right)
        if isinstance(inner, Variation):
            return by_flows(lines, outer, inner)
        best = float(line_values(ask.W, ask.left, ask.right)[0].max(initial=0.0))
        upper = best * (1 + 1e-14 + lines.shape[0] * ROUNDED)
        if isinstance(inner, Elastic):
            return Proposal(upper, {"rule": "lines", "level": upper})
        return Proposal(upper, {"rule": "lines"})


def oriented(W: Matrix, left: Gauge, right: Gauge) -> tuple[Matrix, Gauge, Gauge]:
    """Return (A, l1 side, other side): the lines are the columns of A."""
    if left.name == "l1":
        return W.T, left, right
    return W, right, left


def line_values(W: Matrix, left: Gauge, right: Gauge) -> tuple[Array, Array]:
    """Return the dual norm of each line and the sign of the unit vector that earns it.

    A line counts with the signs its unit vector may have; without one it is -inf.
    """
    lines, outer, inner = oriented(W, left, right)
    low, high = outer.sides(lines.shape[1])
    up = dual_of_columns(inner, lines)
    down = up if inner.free else dual_of_columns(inner, -lines)
    up, down = np.where(high > 0, up, -np.inf), np.where(low < 0, down, -np.inf)
    return np.maximum(up, down), np.where(up >= down, 1.0, -1.0)


def dual_of_columns(gauge: Gauge, lines: Matrix) -> Array:
    """Return the dual norm of each column, sparse or dense."""
    if not sparse.issparse(lines):
        return gauge.dual(lines)
    held = lines.tocsc()
    if gauge.name not in ("l1", "l2", "linf"):
        starts = range(0, held.shape[1], BLOCK)
        return np.concatenate([gauge.dual(held[:, k : k + BLOCK].toarray()) for k in starts])
    low, high = (side[held.indices] for side in gauge.sides(held.shape[0]))
    sizes = np.abs(np.clip(held.data, low, high))
    if gauge.name == "l1":
        sized = sparse.csc_array((sizes, held.indices, held.indptr), shape=held.shape)
        return np.asarray(sized.max(axis=0).todense()).reshape(-1)
    top = sizes.max(initial=0.0) or 1.0
    scaled = sizes / top if gauge.name == "linf" else (sizes / top) ** 2
    sums = sparse.csc_array((scaled, held.indices, held.indptr), shape=held.shape).sum(axis=0)
    return np.asarray((sums if gauge.name == "linf" else np.sqrt(sums)) * top).reshape(-1)


def by_flows(lines: Matrix, outer: Gauge, inner: Variation) -> Proposal:
    """Return a flow for each line whose l2 norm alone exceeds what another line earns."""
    low, high = outer.sides(lines.shape[1])
    flows = np.zeros((lines.shape[1], len(inner.edges)))
    best = 0.0
    sizes = plain_sizes(lines)
    for k in np.argsort(-sizes, kind="stable"):
        if sizes[k] <= best:
            break
        line = column(lines, int(k))
        signs = [s for s, allowed in ((1.0, high[k] > 0), (-1.0, low[k] < 0)) if allowed]
        bound, flows[k] = min(
            ((worst(inner, line, f, signs), f) for f in candidates(inner, line, signs)),
            key=lambda pair: pair[0],
        )
        best = max(best, bound)
    return Proposal(best * (1 + 1e-12), {"rule": "lines", "flow": flows})


def plain_sizes(lines: Matrix) -> Array:
    """Return the l2 norm of each column."""
    square = lines.multiply(lines) if sparse.issparse(lines) else np.square(lines)
    return np.asarray(np.sqrt(np.asarray(square.sum(axis=0))).reshape(-1))


def column(lines: Matrix, k: int) -> Array:
    """Return one column, dense."""
    if sparse.issparse(lines):
        return np.asarray(lines.tocsc()[:, [k]].toarray()).reshape(-1)
    return np.asarray(lines[:, k])


def worst(norm: Variation, line: Array, flow: Array, signs: list[float]) -> float:
    """Return what a flow proves of a line, with each of its signs."""
    return max((norm.bound(s * line, s * flow) for s in signs), default=0.0)


def candidates(norm: Variation, line: Array, signs: list[float]) -> Iterator[Array]:
    """Yield flows for a line: the best of each sign, and the best of the whole space."""
    yield np.zeros(len(norm.edges))
    for s in signs[:1] if norm.free else signs:
        yield s * norm.flow(s * line)
    if len(signs) > 1 and not norm.free:
        yield Variation(norm.edges, norm.rho).flow(line)
