"""Flows on paths, as witnesses of dual norms of total variation; any flow is a valid witness.

    z(c) minimizes |z - y|^2 / 2 + c sum |z_k - z_(k+1)|

On a path z(c) is constant on pieces, which only merge as c grows.  Before two neighbors merge,
the flow between them is c or -c, by the sign of y_k - y_(k+1).  So the levels c at which the
pairs merge determine z(c) for every c.
"""

from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush
from itertools import accumulate
from math import isqrt
from typing import NamedTuple

FAR = 1 << 99  # above every level
FINE = 48  # bits of the numbers from which a flow is computed; affects sharpness, never truth
STEPS = 30  # of Newton's method, at most; about five are needed


class Path(NamedTuple):
    """An order of all vertices, and the edges that join neighbors.

    order  the vertices;  edges: for each but the last, the edge to the next one, or -1
    signs  1 if that edge goes forward, -1 if backward, 0 if there is none
    """

    order: list[int]
    edges: list[int]
    signs: list[int]


def trace_path(size: int, edges: Sequence[tuple[int, int]]) -> Path:
    """Return an order in which neighbors are joined by all edges if the graph consists of paths,
    else by some of them.

    Each edge in turn is taken if its ends have at most one taken edge each and are not connected.
    """
    other, near = [*range(size)], list[list[tuple[int, int, int]]]([] for _ in range(size))
    for k, (i, j) in enumerate(edges):
        if len(near[i]) < 2 and len(near[j]) < 2 and i != j and other[i] != j:
            near[i].append((j, k, 1))
            near[j].append((i, k, -1))
            a, b = other[i], other[j]
            other[a], other[b] = b, a  # the ends of each path know each other
    path, seen = Path([], [], []), [False] * size
    for first in range(size):
        if seen[first] or len(near[first]) > 1:
            continue
        steps = [(first, -1, 0)]
        while steps:
            i, edge, sign = steps.pop()
            path.order.append(i)
            path.edges.append(edge)
            path.signs.append(sign)
            seen[i] = True
            steps = [x for x in near[i] if not seen[x[0]]]
    return Path(path.order, path.edges[1:], path.signs[1:])


class Merged(NamedTuple):
    """The minimizers z(c) of a vector on a path, for all c.

    sums   the sums of the first k numbers, k = 0, ..., n
    signs  for each pair of neighbors, the sign of the flow before they merge; 0 without an edge
    level  for each pair, the c from which on they are equal; signs and level end with one more
    """

    sums: list[int]
    signs: list[int]
    level: list[int]

    def at(self, c: int) -> list[int]:
        """Return z(c), rounded down: on each piece its mean minus the flow out of it, averaged."""
        z, start, c = list[int](), 0, min(c, FAR - 1)
        for k, level in enumerate(self.level):
            if level > c:
                out = c * (self.signs[k] - self.signs[start - 1])  # signs[-1] is 0
                count = k + 1 - start
                z += [(self.sums[k + 1] - self.sums[start] - out) // count] * count
                start = k + 1
        return z


def merge_path(y: Sequence[int], joined: Sequence[bool]) -> Merged:
    """Merge neighbors in the order of the levels at which they become equal."""
    n, sums = len(y), [0, *accumulate(y)]
    pairs = zip(joined, y, y[1:], strict=False)
    signs = [*((1 if a >= b else -1) if there else 0 for there, a, b in pairs), 0]
    start, end = [*range(n)], [*range(n)]  # start[end of a piece], end[start of a piece]
    level, meet = [FAR] * n, [FAR] * n

    def level_of(k: int) -> int:
        """Return the level at which the pieces beside a pair become equal, rounded down."""
        a, b, s = start[k], end[k + 1], signs[k]
        left, right = k + 1 - a, b - k
        speed = (s - signs[a - 1]) * right - (signs[b] - s) * left
        apart = (sums[k + 1] - sums[a]) * right - (sums[b + 1] - sums[k + 1]) * left
        return apart // speed if speed else FAR

    for k in range(n - 1):
        meet[k] = level_of(k) if signs[k] else FAR
    waiting = [(x, k) for k, x in enumerate(meet) if x < FAR]
    heapify(waiting)
    while waiting:
        now, k = heappop(waiting)
        if meet[k] != now:  # the level has changed since
            continue
        level[k], meet[k] = now, FAR
        a, b = start[k], end[k + 1]
        start[b], end[a] = a, b
        for beside in (a - 1, b):
            meet[beside] = max(now, level_of(beside)) if signs[beside] else FAR
            if meet[beside] < FAR:
                heappush(waiting, (meet[beside], beside))
    return Merged(sums, signs, level)


def find_flow(
    y: Sequence[int], joined: Sequence[bool], rho: tuple[int, int], met: Callable[[int, int], int]
) -> list[int]:
    """Return about the flow f that minimizes max(max |f| / rho, |P(y - B^T f)|_2).

    joined  which neighbors have an edge;  rho: p, q with rho = p / q;  met(k, v): P on entry k

    The flow of level c has y - B^T f = z(c).  Let L(c) = |P(z(c))|_2.  If P is the same for all
    entries, rho L(c) - c is decreasing and convex, and Newton's steps increase to its root c.
    """
    p, q = rho
    merged, c = merge_path(y, joined), 0
    for _ in range(STEPS):
        rest = [met(k, v) for k, v in enumerate(merged.at(c))]
        size = isqrt(sum(v * v for v in rest))
        ends = zip(joined, rest, rest[1:], strict=False)
        jumps = sum(abs(a - b) for there, a, b in ends if there)
        short = size * p - c * q
        if short * size <= 0 or not (gain := short * size // (size * q + p * jumps)):
            break
        c += gain
    carried = accumulate(a - b for a, b in zip(y, merged.at(c), strict=True))
    return [max(-c, min(c, v)) if there else 0 for there, v in zip(joined, carried, strict=False)]
