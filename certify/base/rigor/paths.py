"""Flows on paths in float64, many vectors at a time: `certify.kernel.norms.paths` in arrays.

A flow is a witness.  Its bound of g*(y) = sup { <y, x> : |x| <= 1 } is evaluated with upward
rounding: an entry of y - B^T f has two roundings, so its error is at most
2^-52 (|y_i| + 2 max |f|) (1 + 2^-50).
"""

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from certify.base.arrays import Ints
from certify.kernel.norms import Variation
from certify.kernel.norms.paths import STEPS

from .bounds import Floats, up

LITTLE = 2.0**-48  # relative: a smaller gain does not move a level
STEEP = 2.0**400  # the largest rho in the search of a flow: nothing overflows
LOST = 2.0**-500  # more than the root of the largest underflow


def variation_norms(norm: Variation, y: Floats) -> Floats:
    """Bound the dual norms of vectors (B, n) from above, by flows along paths."""
    order, _, signs = norm.path
    joined = np.array([*map(bool, signs), False])
    sides = (np.array([norm.sign(i) in marks for i in order]) for marks in ("*-", "*+"))
    low, high = (np.where(s, x, 0.0) for s, x in zip(sides, (-np.inf, np.inf), strict=True))
    y, wide = np.ascontiguousarray(y[:, order]), 1 + 2.0**-50
    rho = float(norm.rho)
    flow = find_flows(y, joined, rho, (low, high))
    most, rest = np.abs(flow).max(axis=1), y - flow
    rest[:, 1:] += flow[:, :-1]
    met = np.clip(rest, low, high)
    more = float(up(Fraction(1), 2 * norm.size + 8)) * wide
    vectors = met, y, np.clip(y, low, high)
    size, whole, alone = (np.sqrt((x * x).sum(axis=1)) * more + LOST for x in vectors)
    size += 2.0**-52 * (whole + 2 * np.sqrt(norm.size) * most) * wide + LOST
    level = most / (rho * (1 - 2.0**-50)) if rho > 0 else np.inf
    return np.asarray(np.fmin(np.maximum(size * wide, level * wide + LOST), alone))


class MergedRows:
    """The minimizers z(c) of vectors (B, n) on a path, for all c at once, in flat arrays.

    The flow out of entry k is signs_k c up to level_k; from there on, it is in one piece with the
    next entry.  `joined` marks the entries with an edge to the next one; the last has none.
    """

    def __init__(self, y: Floats, joined: npt.NDArray[np.bool_], most: Floats) -> None:
        self.y, self.sums = y.reshape(-1), np.cumsum(y, axis=1).reshape(-1)
        there = np.tile(joined, len(y))
        falls = self.y >= np.roll(self.y, -1)
        self.signs = np.where(there, np.where(falls, 1.0, -1.0), 0.0)
        self.level, self.meet = np.full((2, y.size), np.inf)
        self.start, self.end = np.arange(y.size), np.arange(y.size)
        self.renew(np.flatnonzero(there), np.zeros(int(there.sum())))
        self.merge(y.shape, most)

    def renew(self, k: Ints, least: Floats) -> None:
        """Set the levels, at least `least`, at which the pieces on both sides of pairs meet."""
        a, b, s = self.start[k], self.end[k + 1], self.signs[k]
        left, right, upto = k + 1.0 - a, b - k + 0.0, self.sums[k]
        speed = (s - self.signs[a - 1]) * right - (self.signs[b] - s) * left
        apart = (upto - self.sums[a] + self.y[a]) * right - (self.sums[b] - upto) * left
        level = np.divide(apart, speed, out=np.full(len(k), np.inf), where=speed != 0)
        self.meet[k] = np.maximum(level, least)

    def merge(self, shape: tuple[int, ...], most: Floats) -> None:
        """Merge the next pair of each vector until its level is above `most`."""
        rows, table = np.arange(shape[0]), self.meet.reshape(shape)
        while len(rows):
            k = rows * shape[1] + table[rows].argmin(axis=1)
            open_ = self.meet[k] <= most[rows]
            rows, k = rows[open_], k[open_]
            a, b, now = self.start[k], self.end[k + 1], self.meet[k]
            self.level[k], self.meet[k] = now, np.inf
            self.start[b], self.end[a] = a, b
            for near in (a - 1, b):
                there = self.signs[near] != 0
                self.renew(near[there], now[there])

    def at(self, c: Floats) -> Floats:
        """Return z(c), flat, for a level c of each entry."""
        last = np.flatnonzero(self.level > c)
        first = np.concatenate([[0], last + 1])[:-1]
        count = last - first + 1
        total = self.sums[last] - self.sums[first] + self.y[first]
        out = c[last] * (self.signs[last] - self.signs[first - 1])
        return np.repeat((total - out) / count, count)


def find_flows(
    y: Floats, joined: npt.NDArray[np.bool_], rho: float, cone: tuple[Floats, Floats]
) -> Floats:
    """Return nearly the best flows along a path, (B, n), as `certify.kernel.norms.paths` does."""
    n, rho, (low, high) = y.shape[1], min(rho, STEEP), cone
    t, near = np.zeros(len(y)), np.clip(y, low, high)
    merged = MergedRows(y, joined, rho * np.sqrt((near * near).sum(axis=1)))
    for _ in range(STEPS):
        rest = np.clip(merged.at(np.repeat(rho * t, n)).reshape(y.shape), low, high)
        size = np.sqrt((rest * rest).sum(axis=1))
        jumps = (np.abs(rest[:, 1:] - rest[:, :-1]) * joined[:-1]).sum(axis=1)
        gain = np.maximum(size - t, 0.0) * size / np.where(size > 0, size + rho * jumps, 1.0)
        moves = gain > t * LITTLE  # each vector as if it were alone
        t = t + np.where(moves, gain, 0.0)
        if not moves.any():
            break
    c = rho * t
    carried = np.cumsum(y - merged.at(np.repeat(c, n)).reshape(y.shape), axis=1)
    return np.asarray(np.clip(carried, -c[:, None], c[:, None]) * joined)
