"""The kernel's own arithmetic: integers times a power of two."""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product
from operator import mul

from .arithmetic import Arithmetic, Extent, Line, Pairs, Place
from .arrays import Array, dyadic, lower_triangle, transposed
from .graphs import Graph
from .patterns import Pattern, split_index, strides, thin
from .scalars import Enclosure, exactly, power, root
from .simplicial import ConeForm, TreeSpan, over_cones
from .spaces import Deep, Network


@dataclass(frozen=True)
class Grid:
    """An array of integers times 2**exp."""

    ints: list[int]
    exp: int
    shape: tuple[int, ...]

    @cached_property
    def bits(self) -> int:
        """The bits of the largest integer."""
        ends = max(self.ints, default=0), min(self.ints, default=0)
        return max(x.bit_length() for x in ends)


class Exact(Arithmetic[Grid]):
    """Exact integers, with the standard library only."""

    tier = "exact"

    def measure(self, x: Grid) -> Extent:
        """Return the shape, the bits of its largest integer and the exponent."""
        return Extent(x.shape, x.bits, x.exp)

    def load(self, a: Array) -> Grid:
        """Convert an array exactly: float64 values are dyadic."""
        ints, e = dyadic(a.data)
        return Grid(ints, e, a.shape)

    def multiply(self, a: Grid, b: Grid) -> Grid:
        """Return A B^T for A (m, k), B (n, k); zeros in a sparse row of A are skipped."""
        tall = min(a.shape[0], b.shape[0]) >= TALL
        size = (a.bits + b.bits + a.shape[1].bit_length()) // 8 + 1
        product = _packed if tall and size <= WIDEST else _plain
        return Grid(product(a, b, size), a.exp + b.exp, (a.shape[0], b.shape[0]))

    def spans(self, x: Grid) -> tuple[Sequence[int], Sequence[int], int]:
        """Return the entries themselves, as intervals of one point."""
        return x.ints, x.ints, x.exp

    def add(self, x: Grid, y: Grid, sign: int = 1) -> Grid:
        """Return x + sign y."""
        e = min(x.exp, y.exp)
        p, unit = x.exp - e, sign << y.exp - e
        pairs = zip(x.ints, y.ints, strict=True)
        return Grid([(v << p) + unit * w for v, w in pairs], e, x.shape)

    def squares(self, x: Grid, weights: Array | None) -> Enclosure:
        """Return sum w x^2."""
        if weights is None:
            return exactly(Fraction(sum(map(mul, x.ints, x.ints))) * power(2 * x.exp))
        w, e = dyadic(weights.data)
        total = sum(c * v * v for c, v in zip(w, x.ints, strict=True))
        return exactly(Fraction(total) * power(2 * x.exp + e))

    def squares_over(self, x: Grid, weights: Array | None) -> Enclosure:
        """Enclose sum x^2 / w by integer division to 2**-192 of a weight's unit."""
        if weights is None:
            return self.squares(x, None)
        w, e = dyadic(weights.data)
        bits = 192 + max(w).bit_length()
        total = sum((v * v << bits) // c for c, v in zip(w, x.ints, strict=True))
        unit = power(2 * x.exp - e - bits)
        return Enclosure(total * unit, (total + len(w)) * unit)

    def inner(self, x: Grid, y: Grid) -> Enclosure:
        """Return sum x y."""
        total = sum(map(mul, x.ints, y.ints))
        return exactly(Fraction(total) * power(x.exp + y.exp))

    def absolutes(self, x: Grid) -> Enclosure:
        """Return sum |x|."""
        return exactly(sum(map(abs, x.ints)) * power(x.exp))

    def laplacian(self, q: Array, graph: Graph, rho: Fraction, ridge: Fraction) -> Grid:
        """Return rho L q + ridge q, for dyadic rho and ridge."""
        a, (m, n) = self.load(q), q.shape
        weights, e = dyadic(graph.weights or [1.0] * (len(graph.edges) // 2))
        rows = [a.ints[i * n : i * n + n] for i in range(m)]
        out = [[0] * n for _ in range(m)]
        for (i, j), w in zip(graph.pairs(), weights, strict=True):
            for k, (x, y) in enumerate(zip(rows[i], rows[j], strict=True)):
                out[i][k] += w * (x - y)
                out[j][k] -= w * (x - y)
        flat = Grid([x for row in out for x in row], a.exp + e, (m * n,))
        straight = Grid(a.ints, a.exp, (m * n,))
        return self.add(scaled_grid(flat, rho), scaled_grid(straight, ridge))

    def totals(self, x: Grid, cells: Sequence[int], count: int) -> list[Fraction]:
        """Return the sums."""
        totals = [0] * count
        for v, k in zip(x.ints, cells, strict=True):
            totals[k] += v
        return [power(x.exp) * t for t in totals]

    def sums(self, x: Grid, kind: str, at: Pattern) -> Enclosure:
        """Return the sum of squared totals."""
        totals = self.totals(x, *at.cells(kind))
        return exactly(sum((t * t for t in totals), Fraction(0)))

    def lines(self, x: Grid, line: Line, at: Pattern) -> Fraction:
        """Return the largest norm of a line; an l2 norm is rounded up."""
        return max(self._lines(x, line, at, sign) for sign in line.signs)

    def _lines(self, x: Grid, line: Line, at: Pattern, sign: int) -> Fraction:
        best = [0] * (at.n if line.axis else at.m)
        for v, e in zip(x.ints, at.entries(), strict=True):
            y = max(sign * v, 0) if line.positive else abs(v)
            k = e[line.axis]
            best[k] = max(best[k], y) if line.kind == "max" else best[k] + y ** EXPONENT[line.kind]
        unit = power(x.exp)
        return root(max(best) * unit * unit).hi if line.kind == "root" else max(best) * unit

    def _dense(self, x: Grid, at: Pattern) -> list[int]:
        if at.rows is None:
            return x.ints
        dense = [0] * (at.m * at.n)
        for v, (i, j) in zip(x.ints, at.entries(), strict=True):
            dense[i * at.n + j] = v
        return dense

    def times(self, x: Grid, a: Array, axis: int, at: Pattern) -> Grid:
        """Return X A or X^T A, entry by entry of X."""
        right, r = self.load(a), a.shape[1]
        shape = (at.n if axis else at.m), r
        out = [0] * (shape[0] * r)
        for v, place in zip(x.ints, at.entries(), strict=True):
            i, k = place[axis] * r, place[1 - axis] * r
            for t in range(r):
                out[i + t] += v * right.ints[k + t]
        return Grid(out, x.exp + right.exp, shape)

    def scaled(self, x: Grid, left: Array, right: Array, at: Pattern) -> Grid:
        """Return the field of left_i x_ij right_j."""
        a, b = self.load(left), self.load(right)
        pairs = zip(x.ints, at.entries(), strict=True)
        ints = [v * a.ints[i] * b.ints[j] for v, (i, j) in pairs]
        return Grid(ints, x.exp + a.exp + b.exp, x.shape)

    def hat(self, x: Grid, at: Pattern) -> Grid:
        """Return [[0, X], [X^T, 0]]."""
        m, n, dense = at.m, at.n, self._dense(x, at)
        rows = [[*[0] * m, *dense[i * n : i * n + n]] for i in range(m)]
        rows += [[*dense[j::n], *[0] * n] for j in range(n)]
        return Grid([v for row in rows for v in row], x.exp, (m + n, m + n))

    def symmetric(self, x: Grid, at: Pattern) -> Grid:
        """Return (X + X^T) / 2."""
        n, dense = at.n, self._dense(x, at)
        ints = [dense[i * n + j] + dense[j * n + i] for i in range(n) for j in range(n)]
        return Grid(ints, x.exp - 1, (n, n))

    def outer_sum(self, factors: Sequence[Array], at: Pattern) -> Grid:
        """Return the field by products of the modes after the first."""
        first, rest = self.load(factors[0]), self.load(factors[1])
        r = factors[0].shape[1]
        for x in map(self.load, factors[2:]):
            ints: list[int] = []
            for i in range(rest.shape[0]):
                row = rest.ints[i * r : i * r + r]
                for j in range(x.shape[0]):
                    ints += map(mul, row, x.ints[j * r : j * r + r])
            rest = Grid(ints, rest.exp + x.exp, (rest.shape[0] * x.shape[0], r))
        if at.rows is None:
            return self.seen(self.multiply(first, rest), at)
        a, b = first.ints, rest.ints
        rows = [a[i * r : i * r + r] for i in range(at.m)]
        sums = [sum(map(mul, rows[i], b[j * r : j * r + r])) for i, j in at.entries()]
        return Grid(sums, first.exp + rest.exp, (at.size,))

    def layer(self, net: Network, left: Array, right: Array) -> Grid:
        """Return the field; the sums or maxima over each sample are of activated rows."""
        inputs = self.multiply(self.load(net.features), self.load(transposed(left)))
        hidden, r = activate(inputs, net.slope), inputs.shape[1]
        sums = [0] * (net.at.m * r)
        for i, k in enumerate(net.samples):
            for j in range(r):
                x, y = sums[k * r + j], hidden.ints[i * r + j]
                sums[k * r + j] = max(x, y) if net.max_pooled else x + y
        pooled = Grid(sums, hidden.exp, (net.at.m, r))
        return self.seen(self.multiply(pooled, self.load(right)), net.at)

    def deep(self, net: Deep, weights: Sequence[Array]) -> Grid:
        """Return the field, one slice after the other."""
        features, out = self.load(net.features), None
        for k in range(weights[0].shape[1]):
            values = features
            for at, w in enumerate(weights):
                values = activate(values, net.slope) if at else values
                shape = net.widths[at], net.widths[at + 1]
                matrix = transposed(Array(shape, array("d", w.data[k :: w.shape[1]])))
                values = self.multiply(values, self.load(matrix))
            out = values if out is None else self.add(out, values)
        return self.seen(out or Grid([0] * (net.at.m * net.at.n), 0, ()), net.at)

    def seen(self, x: Grid, at: Pattern) -> Grid:
        """Return the observed entries of a matrix."""
        every = at.rows is None
        ints = x.ints if every else [x.ints[i * at.n + j] for i, j in at.entries()]
        return Grid(ints, x.exp, (at.size,))

    def unfold(self, x: Grid, at: Pattern, order: Sequence[int], rows: int) -> Grid:
        """Return the field as a matrix, its modes reordered."""
        dense, steps = self._dense(x, at), strides(at.sizes)
        places = [0]
        for mode in order:
            places = [p + steps[mode] * i for p in places for i in range(at.sizes[mode])]
        return Grid([dense[p] for p in places], x.exp, (rows, len(places) // rows))

    def permuted(self, x: Grid, at: Pattern) -> Grid:
        """Sum each orbit once; each entry counts as often as permutations fix its multi-index."""
        dense, sizes = self._dense(x, at), at.sizes
        orbits = [tuple(sorted(i)) for i in product(*map(range, sizes))]
        totals: dict[tuple[int, ...], int] = {}
        for v, orbit in zip(dense, orbits, strict=True):
            totals[orbit] = totals.get(orbit, 0) + v
        for orbit in totals:
            totals[orbit] *= math.prod(math.factorial(orbit.count(i)) for i in set(orbit))
        return Grid([totals[orbit] for orbit in orbits], x.exp, (len(dense),))

    def fixed(self, x: Grid, at: Pattern, place: tuple[int, int], sign: int) -> Grid:
        """Return a slice, or its negative."""
        (mode, i), sizes, dense = place, at.sizes, self._dense(x, at)
        step = strides(sizes)[mode]
        block = step * sizes[mode]
        starts = range(i * step, len(dense), block)
        ints = [sign * v for start in starts for v in dense[start : start + step]]
        return Grid(ints, x.exp, (len(ints),))

    def placed(self, values: Array, pairs: Pairs, k: int) -> Grid:
        """Return the matrix in half units, in which half a value is an integer."""
        grid = self.load(values)
        out = [0] * (k * k)
        for v, a, b in zip(grid.ints, pairs.a, pairs.b, strict=True):
            out[a * k + b] += 2 * v
            if a != b:
                out[b * k + a] += 2 * v
        for v, a, b, c, d in zip(grid.ints, *pairs, strict=True) if pairs.c else ():
            lost = v if a == b else 2 * v
            out[c * k + d] -= lost
            out[d * k + c] -= lost
        return Grid(out, grid.exp - 1, (k, k))

    def kronecker(self, q: Grid, s: Grid, place: Place) -> Grid:
        """Return the product, entry by entry."""
        mode, sizes, first, k = place
        parts = [split_index(i, sizes, mode) for i in range(math.prod(sizes))]
        d, rest, out = sizes[mode], s.shape[0], [0] * (k * k)
        for a, (i, p) in enumerate(parts, first):
            for b, (j, t) in enumerate(parts, first):
                out[a * k + b] = q.ints[i * d + j] * s.ints[p * rest + t]
        return Grid(out, q.exp + s.exp, (k, k))

    def cones(self, form: ConeForm, span: TreeSpan) -> Fraction:
        """Walk through the tree with integers."""
        del span
        return over_cones(form)

    def gram(self, x: Grid, axis: int, at: Pattern) -> tuple[Grid, Fraction]:
        """Return X X^T or X^T X and 0; a thin pattern is summed by pairs of entries in a line."""
        if at.rows is not None and at.cols is not None and thin(at, axis):
            return self._thin_gram(x, axis, at), Fraction(0)
        a = self.unfold(x, at, (axis, 1 - axis), at.n if axis else at.m)
        return self.multiply(a, a), Fraction(0)

    def _thin_gram(self, x: Grid, axis: int, at: Pattern) -> Grid:
        size = at.n if axis else at.m
        lines: dict[int, list[tuple[int, int]]] = {}
        for v, place in zip(x.ints, at.entries(), strict=True):
            lines.setdefault(place[1 - axis], []).append((place[axis], v))
        out = [0] * (size * size)
        for line in lines.values():
            for i, v in line:
                for j, w in line:
                    out[i * size + j] += v * w
        return Grid(out, 2 * x.exp, (size, size))

    def top(self, g: Grid, shift: Fraction, factor: Array | None) -> Fraction:
        """Bound lambda_max(G) by shift + |E|_inf, E = shift I - G - L L^T.

        L L^T >= 0, so G <= shift I - E <= (shift + |E|_inf) I for every L.  Without a factor L,
        and also with one, lambda_max(G) <= |G|_inf (Gershgorin).
        """
        k = g.shape[0]
        if factor is None:
            return _row_sums(g)
        e = 1 - shift.denominator.bit_length()
        corner = [shift.numerator, *[0] * k]
        diagonal = Grid((corner * k)[: k * k], e, (k, k))
        lower = self.load(lower_triangle(factor, k))
        rest = self.subtract(diagonal, self.add(g, self.multiply(lower, lower)))
        return min(shift + _row_sums(rest), _row_sums(g))


TALL, WIDEST = 8, 48  # packing is faster for this many rows or more, entries of up to 48 bytes


def _packed(a: Grid, b: Grid, size: int) -> list[int]:
    """Return the entries of C = A B^T; each column of B is packed into one integer.

    With p_c = sum_j B_jc 2^(8 size j), row i of A gives sum_c A_ic p_c = sum_j C_ij 2^(8 size j).
    As |C_ij| <= k max |A| max |B| < 2^(8 size - 1) = half, the numbers C_ij + half are the digits
    of that sum plus sum_j half 2^(8 size j).
    """
    k, n, out = a.shape[1], b.shape[0], list[int]()
    half = 1 << (8 * size - 1)
    halves = int.from_bytes(half.to_bytes(size, "little") * n, "little")
    columns = []
    for c in range(k):
        digits = b"".join((v + half).to_bytes(size, "little") for v in b.ints[c::k])
        columns.append(int.from_bytes(digits, "little") - halves)
    for i in range(a.shape[0]):
        row = zip(a.ints[i * k : i * k + k], columns, strict=True)
        digits = sum((v * p for v, p in row if v), halves).to_bytes(size * n, "little")
        ends = range(0, size * n, size)
        out += [int.from_bytes(digits[t : t + size], "little") - half for t in ends]
    return out


def _plain(a: Grid, b: Grid, _size: int) -> list[int]:
    """Return the entries of A B^T, computed one by one."""
    k, out = a.shape[1], list[int]()
    right = [b.ints[j * k : j * k + k] for j in range(b.shape[0])]
    for i in range(a.shape[0]):
        row, others = a.ints[i * k : i * k + k], iter(right)
        at = [c for c, v in enumerate(row) if v] or [0]
        if 4 * len(at) < k:
            row = [row[c] for c in at]
            others = map(list, zip(*(b.ints[c::k] for c in at), strict=True))
        out += [sum(map(mul, row, y)) for y in others]
    return out


EXPONENT = {"root": 2, "sum": 1}  # the power of |entry| that is summed over a line


def activate(x: Grid, slope: Fraction) -> Grid:
    """Return x where it is > 0, and slope x elsewhere, for a dyadic slope."""
    e = slope.denominator.bit_length() - 1
    ints = [v << e if v > 0 else slope.numerator * v for v in x.ints]
    return Grid(ints, x.exp - e, x.shape)


def scaled_grid(x: Grid, c: Fraction) -> Grid:
    """Return c x, for a dyadic c."""
    e = 1 - c.denominator.bit_length()
    return Grid([c.numerator * v for v in x.ints], x.exp + e, x.shape)


def _row_sums(g: Grid) -> Fraction:
    k = g.shape[0]
    sums = (sum(map(abs, g.ints[i * k : i * k + k])) for i in range(k))
    return max(sums) * power(g.exp)
