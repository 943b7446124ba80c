"""Fields in float64 with radii: their sums, squares and lines.  `rounded.py` has the proofs."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy import sparse

from certify.kernel.arithmetic import Arithmetic, Extent, Line, square_exactly
from certify.kernel.arrays import Array, dyadic
from certify.kernel.errors import RejectedError
from certify.kernel.exact import Exact
from certify.kernel.graphs import Graph
from certify.kernel.patterns import Pattern
from certify.kernel.scalars import Enclosure, power, root

from .bounds import (
    ETA,
    Floats,
    dots,
    finite,
    gamma,
    nearest,
    norm_up,
    square_sum,
    sum_rounding,
    up,
    view,
)
from .layout import indices, on_int64

DIGITS = 53  # bits of a float
LONG = 2000  # numbers whose exact sum of squares takes milliseconds
RESOLVED = 20  # bits of a radius that `spans` keeps; tightness, never truth


@dataclass(frozen=True)
class Ball:
    """All arrays within `rad` (Frobenius) of `mid`."""

    mid: Floats
    rad: Fraction

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the middle."""
        return self.mid.shape


class Fields(Arithmetic[Ball]):
    """The operations on fields; `Rounded` adds those on matrices."""

    def measure(self, x: Ball) -> Extent:
        """Return the shape and the size of a float."""
        return Extent(x.shape, DIGITS, 0)

    def load(self, a: Array) -> Ball:
        """Return an array as a field, exactly."""
        return Ball(view(a), Fraction(0))

    def spans(self, x: Ball) -> tuple[list[int], list[int], int]:
        """Return mid - rad and mid + rad on a grid, with the radius rounded up."""
        finite(np.abs(x.mid).max(initial=0.0))
        ints, e = dyadic(x.mid.reshape(-1).tolist())
        if not x.rad:
            return ints, ints, e
        size = x.rad.numerator.bit_length() - x.rad.denominator.bit_length()
        spare = max(0, e - (size - RESOLVED))
        r = -int(-x.rad // power(e - spare))
        lows = [(v << spare) - r for v in ints]
        return lows, [v + 2 * r for v in lows], e - spare

    def add(self, x: Ball, y: Ball, sign: int = 1) -> Ball:
        """Return x + sign y."""
        mid = x.mid + y.mid if sign > 0 else x.mid - y.mid
        return Ball(mid, x.rad + y.rad + sum_rounding(mid))

    def _squares(self, x: Ball, weighted: Floats, worst: Fraction) -> Enclosure:
        """Enclose |x|_w^2 from sum x (w x) and the radius times `worst` = sqrt(max w).

        Only products of nonzero numbers can underflow.
        """
        flat = x.mid.reshape(-1)
        value, k = dots(flat, weighted)
        terms = int(np.count_nonzero(flat))
        slack = 2 * terms * ETA * (1 + finite(np.abs(flat).max(initial=0.0)))
        low = max(finite(value) / (1 + gamma(k + 1)) - slack, Fraction(0))
        low = root(low).lo - x.rad * worst
        high = root(up(finite(value), k + 1) + slack).hi + x.rad * worst
        return Enclosure(max(low, Fraction(0)) ** 2, high**2)

    def squares(self, x: Ball, weights: Array | None) -> Enclosure:
        """Enclose sum w x^2."""
        flat = x.mid.reshape(-1)
        if weights is None:
            return self._squares(x, flat, Fraction(1))
        w = view(weights)
        return self._squares(x, w * flat, root(finite(w.max(initial=0.0))).hi)

    def square(self, x: Sequence[float]) -> Enclosure:
        """Enclose sum x^2; exactly if that is quick."""
        return square_exactly(x) if len(x) < LONG else square_sum(np.array(x, dtype=np.float64))

    def squares_over(self, x: Ball, weights: Array | None) -> Enclosure:
        """Enclose sum x^2 / w."""
        flat = x.mid.reshape(-1)
        if weights is None:
            return self._squares(x, flat, Fraction(1))
        w = view(weights)
        return self._squares(x, flat / w, root(1 / finite(w.min(initial=1.0))).hi)

    def inner(self, x: Ball, y: Ball) -> Enclosure:
        """Enclose sum x y."""
        a, b = x.mid.reshape(-1), y.mid.reshape(-1)
        dot, k = dots(a, b)
        value, size_a, size_b = finite(dot), norm_up(a), norm_up(b)
        error = gamma(k) * size_a * size_b + 2 * a.size * ETA
        error += x.rad * size_b + y.rad * size_a + x.rad * y.rad
        return Enclosure(value - error, value + error)

    def absolutes(self, x: Ball) -> Enclosure:
        """Enclose sum |x|; the radius counts sqrt(size) times, as |x|_1 <= sqrt(size) |x|."""
        flat = np.abs(x.mid.reshape(-1))
        value, k = dots(flat, np.ones(flat.size))
        spread = root(Fraction(flat.size)).hi * x.rad
        low = finite(value) / (1 + gamma(k)) - spread
        return Enclosure(max(low, Fraction(0)), up(finite(value), k) + spread)

    def laplacian(self, q: Array, graph: Graph, rho: Fraction, ridge: Fraction) -> Ball:
        """Return rho L q + ridge q = B^T (rho w B q) + ridge q, flat.

        B takes the difference of an edge's two ends.  Each entry is a sum of at most k + 1
        products, k the largest number of edges at a vertex, of factors with 3 roundings.  Its error
        is at most gamma_{k+5} times the sum S of their sizes; S itself is computed the same way.  A
        product that underflows has an error of ETA, times the factor that follows, a difference or
        a weight.
        """
        x, ends = view(q), np.asarray(graph.edges, dtype=np.int64).reshape(-1, 2)
        weights = np.ones(len(ends)) if graph.weights is None else np.asarray(graph.weights)
        count, shape = np.arange(len(ends)), (len(x), len(ends))
        ones = np.ones(len(ends))
        heads, tails = (sparse.csr_array((ones, (side, count)), shape) for side in ends.T)
        pull = nearest(rho) * weights[:, None] * (x[ends[:, 0]] - x[ends[:, 1]])
        ridge_term = nearest(ridge) * x
        mid = np.asarray(heads @ pull - tails @ pull + ridge_term)
        size = np.asarray((heads + tails) @ np.abs(pull) + np.abs(ridge_term))
        steps = int(np.bincount(ends.reshape(-1), minlength=1).max()) + 6
        tiny = (steps + 2) * (len(ends) + 1) * x.size * ETA
        reach = 1 + 2 * finite(np.abs(x).max(initial=0.0))
        error = gamma(steps) * up(norm_up(size), steps) + tiny * reach
        return Ball(mid.reshape(-1), error)

    def totals(self, x: Ball, cells: Sequence[int], count: int) -> list[Fraction]:
        """Return the exact sums; in int64 if the floats share a short grid."""
        if x.rad:
            raise RejectedError("rounded", "inexact", "exact sums of an inexact field")
        flat = x.mid.reshape(-1)
        whole = on_int64(flat, flat.size.bit_length())
        if whole is None:
            exact = Exact()
            return exact.totals(exact.load(Array((flat.size,), flat)), cells, count)
        out = np.zeros(count, dtype=np.int64)  # no sum overflows: room is left for its bits
        np.add.at(out, np.asarray(cells, dtype=np.int64), whole[0])
        return [power(whole[1]) * int(t) for t in out]

    def sums(self, x: Ball, kind: str, at: Pattern) -> Enclosure:
        """Enclose the sum of squared totals; the radius counts |A| = sqrt(length) times."""
        length = {"intercept": at.size, "row": at.n, "column": at.m}[kind]
        mid = x.mid.reshape(at.m, at.n)
        axes = {"intercept": None, "row": 1, "column": 0}[kind]
        totals = np.atleast_1d(np.asarray(mid.sum(axis=axes)))
        error = gamma(length + 1) * norm_up(x.mid) + x.rad
        ball = Ball(totals, root(Fraction(length)).hi * error)
        return self.squares(ball, None)

    def lines(self, x: Ball, line: Line, at: Pattern) -> Fraction:
        """Bound the largest norm of a line, plus the radius, sqrt(length) times for the l1 norm."""
        flat = x.mid.reshape(-1)
        worst = max(self._lines(sign * flat, line, at) for sign in line.signs)
        length = at.m if line.axis else at.n
        return worst + x.rad * (root(Fraction(length)).hi if line.kind == "sum" else 1)

    def _lines(self, x: Floats, line: Line, at: Pattern) -> Fraction:
        y = np.maximum(x, 0.0) if line.positive else np.abs(x)
        if line.kind == "max":
            return finite(y.max(initial=0.0))
        n_lines, length = (at.n, at.m) if line.axis else (at.m, at.n)
        y = np.square(y) if line.kind == "root" else y
        if at.rows is None:
            sums = y.reshape(at.m, at.n).sum(axis=1 - line.axis)
        else:
            sums = np.bincount(indices(at)[line.axis], weights=y, minlength=n_lines)
        size = up(finite(sums.max()), length + 2) + 2 * length * ETA
        return root(size).hi if line.kind == "root" else size
