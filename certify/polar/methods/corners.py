"""Norms that are all linf but one: the polar is the largest dual norm at a corner of the cubes."""

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np

from certify.base.arrays import Array, as_dense
from certify.norms import Gauge
from certify.polar.query import Method, PolarQuery, Proposal

MOST = 1 << 17  # numbers in the lines at all corners: half a second of exact integers


class Corners(Method):
    """sup <W, x1 o ... o xK> is linear in each factor: those of linf are at corners of their cubes.

    It is exact, and takes 2^d corners of a cube of d coordinates.
    """

    cost = 1

    def applies(self, query: PolarQuery) -> bool:
        """Whether a side is a cube of few coordinates."""
        return not query.symmetric and kept_axis((query.left, query.right), query.W.shape) >= 0

    def propose(self, query: PolarQuery) -> Proposal:
        """Return the exact value, with the witness that some norms need."""
        return largest_corner(as_dense(query.W), (query.left, query.right)).proposal


class Corner(NamedTuple):
    """The bound, and the slice of unit norms that attains it, but for rounding."""

    proposal: Proposal
    xs: tuple[Array, ...]


def kept_axis(gauges: Sequence[Gauge], sizes: Sequence[int]) -> int:
    """Return the mode that is not enumerated, with the fewest corners of the others; else -1."""
    best, axis = MOST + 1, -1
    for k, (g, size) in enumerate(zip(gauges, sizes, strict=True)):
        others = [j for j in range(len(sizes)) if j != k]
        if g.axial or not all(gauges[j].cubic for j in others):
            continue
        bits = sum(sizes[j] for j in others)
        work = best if bits > MOST.bit_length() else size << bits
        if work < best:
            best, axis = work, k
    return axis


def largest_corner(T: Array, gauges: Sequence[Gauge]) -> Corner:
    """Return the largest dual norm of the kept mode at a corner of all the others."""
    axis = kept_axis(gauges, T.shape)
    last = gauges[axis]
    order = [k for k in range(T.ndim) if k != axis]
    cubes = cube_corners([gauges[k] for k in order], last, [T.shape[k] for k in order])
    lines = np.moveaxis(T, axis, -1)
    for S in cubes:  # the corners of each mode in turn take its place, behind the others
        lines = np.moveaxis(np.tensordot(S, lines, (1, 0)), 0, -2)
    counts = lines.shape[:-1]
    lines = lines.reshape(-1, T.shape[axis]).T
    up = np.ones(lines.shape[1], dtype=bool)
    upper, evidence = last.longest(lines, (up, ~up))
    k = int(last.line_values(lines, (up, ~up))[0].argmax())
    at = np.unravel_index(k, counts)
    xs = [S[i] for S, i in zip(cubes, at, strict=True)]
    xs.insert(axis, last.maximizer(lines[:, k]))
    slack = 1 + prod(len(S[0]) for S in cubes) * 2.0**-52  # of the sums of slices
    return Corner(Proposal(upper * slack, {"rule": "corners", "axis": axis, **evidence}), tuple(xs))


def cube_corners(cubes: Sequence[Gauge], last: Gauge, sizes: Sequence[int]) -> list[Array]:
    """Return the corners of each cube as rows, in the order of the rule; of x and -x one."""
    out, absorbed = [], last.free
    for g, size in zip(cubes, sizes, strict=True):
        ends = [coordinate_ends(low, high) for low, high in zip(*g.sides(size), strict=True)]
        if g.free:
            ends[0] = ends[0][: 2 - absorbed]
            absorbed = True
        out.append(np.array([*product(*ends)]))
    return out


def coordinate_ends(low: float, high: float) -> tuple[float, ...]:
    """Return the ends of a coordinate of a cube, given the signs it may have."""
    ends = [x for x, may in ((1.0, high > 0), (-1.0, low < 0)) if may]
    return tuple(ends) if len(ends) > 1 else (*ends, 0.0)
