"""Flows on paths: what total variation takes from a vector, found without a witness.

    min over z of |z - y|^2 / 2 + c sum |z_k - z_(k+1)|  =  max over |f| <= c of ...

On a path the minimizer z(c) is constant on pieces that only merge as c grows: before two
neighbors merge, the flow between them is c or -c, by the sign of y_k - y_(k+1).  So the level at
which each pair merges says z(c) for every c.  All of it is a witness: any flow is one.
"""

from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush
from itertools import accumulate
from math import isqrt
from typing import NamedTuple

FAR = 1 << 99  # above every level
FINE = 48  # bits of the numbers that a flow is found with; sharpness, never truth
STEPS = 30  # of Newton's method at most; about five are needed


class Path(NamedTuple):
    """An order of all vertices in which edges join neighbors.

    order  the vertices;  edges: of each but the last the edge to the next one, or -1
    signs  1 if that edge goes forward, -1 if backward; 0 where there is none
    """

    order: list[int]
    edges: list[int]
    signs: list[int]


def trace_path(size: int, edges: Sequence[tuple[int, int]]) -> Path:
    """Return an order that meets every edge if the graph is one of paths, else some of them.

    An edge is taken, in their order, if its ends have at most one edge yet and are not joined.
    """
    other, near = [*range(size)], list[list[tuple[int, int, int]]]([] for _ in range(size))
    for k, (i, j) in enumerate(edges):
        if len(near[i]) < 2 and len(near[j]) < 2 and i != j and other[i] != j:
            near[i].append((j, k, 1))
            near[j].append((i, k, -1))
            a, b = other[i], other[j]
            other[a], other[b] = b, a  # of each path, the ends know each other
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
    """The minimizers z(c) of a vector on a path, all at once.

    sums   of the first k numbers, k = 0, ..., n
    signs  of each pair of neighbors that of the flow before they merge, 0 if no edge joins them
    level  the c from which on they are equal; one number more for the end, as in signs
    """

    sums: list[int]
    signs: list[int]
    level: list[int]

    def at(self, c: int) -> list[int]:
        """Return z(c): the mean of each piece, less what flows out of it, rounded down."""
        z, start, c = list[int](), 0, min(c, FAR - 1)
        for k, level in enumerate(self.level):
            if level > c:
                out = c * (self.signs[k] - self.signs[start - 1])  # signs[-1] is 0
                count = k + 1 - start
                z += [(self.sums[k + 1] - self.sums[start] - out) // count] * count
                start = k + 1
        return z


def merge_path(y: Sequence[int], joined: Sequence[bool]) -> Merged:
    """Merge neighbors in the order of the levels at which they meet."""
    n, sums = len(y), [0, *accumulate(y)]
    pairs = zip(joined, y, y[1:], strict=False)
    signs = [*((1 if a >= b else -1) if there else 0 for there, a, b in pairs), 0]
    start, end = [*range(n)], [*range(n)]  # of a piece, the start at its end, and back
    level, meet = [FAR] * n, [FAR] * n

    def level_of(k: int) -> int:
        """Return where the pieces on both sides of a pair are equal, rounded down."""
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
        if meet[k] != now:  # it has changed since
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
    """Return about the flow f of least max(max |f| / rho, |P(y - B^T f)|_2): a witness.

    joined  which neighbors have an edge;  rho: p, q with rho = p / q;  met(k, v): P of a number

    With z(c) from above, P(z(c)) is the rest and L its length, if P is the same everywhere.
    rho L(c) - c falls, and is convex: Newton's steps rise to its root c.
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
