"""The prices of the arithmetic's operations."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from itertools import pairwise
from typing import Any

from .arithmetic import Arithmetic, Extent, H, Line, Pairs, Place, T
from .arrays import Array, width
from .budget import FRACTION, MADE, Budget, product_work
from .graphs import Graph
from .patterns import Pattern, pairs_in_lines, thin
from .scalars import Enclosure
from .simplicial import KNOWN, SWEEPS, ConeForm, TreeSpan
from .spaces import Deep, Network


def paying(bound: Callable[..., T], budget: Budget, *item: Any) -> tuple[T, int]:  # noqa: ANN401
    """Return bound(*item), and the units of the budget that this spent."""
    before = budget.spent
    return bound(*item), budget.spent - before


class Metered(Arithmetic[H]):
    """Another arithmetic, whose operations are charged to a budget before they are done.

    The prices count the numbers made and the products summed.  They are the same for every
    arithmetic, so that a file which one accepts is not too large for another.
    """

    def __init__(self, by: Arithmetic[H], budget: Budget) -> None:
        self.by, self.budget, self.tier = by, budget, by.tier
        self.elementary = by.elementary

    def bounds(self, bound: Callable[..., T], items: Sequence[tuple[Any, ...]]) -> list[T]:
        """Ask the other arithmetic; charge the units that other processes spent."""
        before = self.budget.spent
        pairs = self.by.bounds(partial(paying, bound, self.budget), items)
        elsewhere = sum(spent for _, spent in pairs) - (self.budget.spent - before)
        self.budget.spend(elsewhere, "the leaves of a tree")
        return [value for value, _ in pairs]

    def measure(self, x: H) -> Extent:
        """Ask the other arithmetic."""
        return self.by.measure(x)

    def load(self, a: Array) -> H:
        """Pay for each number."""
        self.budget.hold(len(a.data), "an array")
        return self.by.load(a)

    def spans(self, x: H) -> tuple[Sequence[int], Sequence[int], int]:
        """Pay for two numbers an entry."""
        extent = self.measure(x)
        self.budget.hold(2 * extent.size, "intervals", extent.bits)
        return self.by.spans(x)

    def add(self, x: H, y: H, sign: int = 1) -> H:
        """Pay for both on one grid, and the sum."""
        a, b = self.measure(x), self.measure(y)
        self.budget.hold(3 * a.size, "a sum of arrays", a.joined(b))
        return self.by.add(x, y, sign)

    def squares(self, x: H, weights: Array | None) -> Enclosure:
        """Pay for the products."""
        extent = self.measure(x)
        self.budget.spend(2 * extent.size * extent.square, "a sum of squares")
        return self.by.squares(x, weights)

    def square(self, x: Sequence[float]) -> Enclosure:
        """Pay nothing: norms of factors are paid for together."""
        return self.by.square(x)

    def squares_over(self, x: H, weights: Array | None) -> Enclosure:
        """Pay for the products and quotients."""
        extent = self.measure(x)
        self.budget.spend(4 * extent.size * extent.square, "a sum of squares")
        return self.by.squares_over(x, weights)

    def inner(self, x: H, y: H) -> Enclosure:
        """Pay for the products."""
        a, b = self.measure(x), self.measure(y)
        self.budget.spend(a.size * product_work(a.bits, b.bits), "an inner product")
        return self.by.inner(x, y)

    def absolutes(self, x: H) -> Enclosure:
        """Pay for each number."""
        self.budget.spend(self.measure(x).size, "a sum of absolute values")
        return self.by.absolutes(x)

    def laplacian(self, q: Array, graph: Graph, rho: Fraction, ridge: Fraction) -> H:
        """Pay for the numbers of each row and of each edge."""
        count = len(graph.edges) // 2
        self.budget.hold(4 * len(q.data), "a Laplacian", 2 * width(q))
        self.budget.spend(count * (4 * q.shape[1] + 1), "a Laplacian")
        return self.by.laplacian(q, graph, rho, ridge)

    def _totals(self, x: H, count: int) -> None:
        extent = self.measure(x)
        self.budget.hold(count, "sums of entries", extent.bits)
        self.budget.spend(4 * extent.size, "sums of entries")

    def totals(self, x: H, cells: Sequence[int], count: int) -> list[Fraction]:
        """Pay for each entry and each sum."""
        self._totals(x, count)
        return self.by.totals(x, cells, count)

    def sums(self, x: H, kind: str, at: Pattern) -> Enclosure:
        """Pay for each entry and each sum."""
        self._totals(x, {"row": at.m, "column": at.n}.get(kind, 1))
        return self.by.sums(x, kind, at)

    def lines(self, x: H, line: Line, at: Pattern) -> Fraction:
        """Pay for each entry, squared, and each line."""
        extent = self.measure(x)
        self._totals(x, at.n if line.axis else at.m)
        self.budget.spend(2 * extent.size * extent.square, "norms of lines")
        return self.by.lines(x, line, at)

    def times(self, x: H, a: Array, axis: int, at: Pattern) -> H:
        """Pay for r products of each entry."""
        extent, bits, r = self.measure(x), width(a), a.shape[1]
        numbers = (at.n if axis else at.m) * r + len(a.data)
        self.budget.hold(numbers, "a product with a field", extent.bits + bits)
        self.budget.spend(
            extent.size * r * product_work(extent.bits, bits), "a product with a field"
        )
        return self.by.times(x, a, axis, at)

    def scaled(self, x: H, left: Array, right: Array, at: Pattern) -> H:
        """Pay for each entry."""
        extent, bits = self.measure(x), width(left) + width(right)
        self.budget.hold(extent.size + at.m + at.n, "a scaled field", extent.bits + bits)
        return self.by.scaled(x, left, right, at)

    def hat(self, x: H, at: Pattern) -> H:
        """Pay for (m + n)**2 numbers."""
        self.budget.hold((at.m + at.n) ** 2, "[[0, X], [X^T, 0]]", self.measure(x).bits)
        return self.by.hat(x, at)

    def symmetric(self, x: H, at: Pattern) -> H:
        """Pay for two matrices."""
        self.budget.hold(2 * at.m * at.n, "(X + X^T) / 2", self.measure(x).bits)
        return self.by.symmetric(x, at)

    def multiply(self, a: H, b: H) -> H:
        """Pay m n k products."""
        left, right = self.measure(a), self.measure(b)
        (m, k), n = left.shape, right.shape[0]
        self.budget.hold(m * n, "a product of matrices", left.bits + right.bits)
        work = m * n * k * product_work(left.bits, right.bits)
        self.budget.spend(work, "a product of matrices")
        return self.by.multiply(a, b)

    def outer_sum(self, factors: Sequence[Array], at: Pattern) -> H:
        """Pay for the products of the modes after the first, and r for each observed entry."""
        r, bits = factors[0].shape[1], sum(map(width, factors))
        numbers = at.size + (at.m + at.n) * (r + 1)
        self.budget.hold(numbers, "a sum of outer products", bits)
        self.budget.spend(at.size * r * (1 + (bits * bits >> 17)), "a sum of outer products")
        return self.by.outer_sum(factors, at)

    def layer(self, net: Network, left: Array, right: Array) -> H:
        """Pay for two products of matrices, and all outputs."""
        (rows, d), r = net.features.shape, left.shape[1]
        first, second, last = width(net.features), width(left), width(right)
        numbers = rows * r + net.at.m * (2 * r + net.at.n)
        self.budget.hold(numbers, "a layer", first + second)
        work = rows * r * (d * product_work(first, second) + 4)
        work += net.at.m * net.at.n * r * product_work(first + second, last)
        self.budget.spend(work, "a layer")
        return self.by.layer(net, left, right)

    def deep(self, net: Deep, weights: Sequence[Array]) -> H:
        """Pay for the products of every slice and layer, and all outputs."""
        bits, work, m, r = width(net.features), 0, net.at.m, weights[0].shape[1]
        for (a, b), w in zip(pairwise(net.widths), weights, strict=True):
            mine = width(w)
            work += m * a * b * product_work(bits, mine) + MADE * m * b
            bits += mine + net.slope.denominator.bit_length()
        self.budget.hold(2 * m * max(net.widths) * min(r, 1) + m * net.at.n, "layers", bits)
        self.budget.spend(r * work, "layers")
        return self.by.deep(net, weights)

    def _whole(self, x: H, at: Pattern, times: int = 1) -> None:
        self.budget.hold(at.m * at.n * times, "a dense tensor", self.measure(x).bits)

    def unfold(self, x: H, at: Pattern, order: Sequence[int], rows: int) -> H:
        """Pay for all entries."""
        self._whole(x, at, 2)
        return self.by.unfold(x, at, order, rows)

    def permuted(self, x: H, at: Pattern) -> H:
        """Pay for all entries and their places."""
        self._whole(x, at, 2 + len(at.sizes))
        return self.by.permuted(x, at)

    def fixed(self, x: H, at: Pattern, place: tuple[int, int], sign: int) -> H:
        """Pay for the slice; if entries are listed, for all of them."""
        part = at.m * at.n // at.sizes[place[0]]
        numbers = part if at.rows is None else at.m * at.n
        self.budget.hold(numbers, "a slice", self.measure(x).bits)
        return self.by.fixed(x, at, place, sign)

    def placed(self, values: Array, pairs: Pairs, k: int) -> H:
        """Pay for k**2 numbers."""
        self.budget.hold(k * k + len(values.data), "multipliers", width(values))
        return self.by.placed(values, pairs, k)

    def kronecker(self, q: H, s: H, place: Place) -> H:
        """Pay for k**2 numbers."""
        bits = self.measure(q).bits + self.measure(s).bits
        self.budget.hold(2 * place.k**2, "a Kronecker product", bits)
        return self.by.kronecker(q, s, place)

    def gram(self, x: H, axis: int, at: Pattern) -> tuple[H, Fraction]:
        """Pay for its numbers, and a product for each pair of entries in a line across the axis.

        Floats multiply whole lines that have an entry, with a thousand products in a unit.
        """
        extent, size = self.measure(x), at.n if axis else at.m
        work, lines = at.m * at.n * size, at.m if axis else at.n
        numbers = size * size + (0 if at.rows is None else at.m + at.n)
        if at.rows is not None and thin(at, axis):
            work = pairs_in_lines(at, axis) + (min(lines, at.size) * size * size >> 10)
        elif at.rows is not None:
            numbers += 2 * at.m * at.n
        self.budget.hold(numbers, "a Gram matrix", 2 * extent.bits)
        self.budget.spend(work * extent.square, "a Gram matrix")
        return self.by.gram(x, axis, at)

    def cones(self, form: ConeForm, span: TreeSpan) -> Fraction:
        """Pay for the generators of all nodes, and for the memory of the nodes that wait.

        Each generator of a leaf takes a dual norm of the outputs; if no point is bent, only those
        of the roots and one at each split do.  A leaf has three slopes.
        """
        d, outputs, points = form.short.size, form.other.size, len(form.bent)
        nodes, splits = len(form.tree), sum(map(bool, form.tree))
        each = d * (points * (1 + outputs) + 2 * outputs + 2 * d)
        known = 0 if points else (d + 1) * min(KNOWN, nodes)
        self.budget.hold(span.waiting * each + known, "cones that wait", 2 * span.depth)
        ends = d * (nodes - splits) if points else splits + d * (nodes - 2 * splits)
        ends *= 0 if form.other.line == "root" else outputs * (1 + form.other.search)
        slopes = 2 * SWEEPS * d * d + FRACTION * 3 * d * form.short.search
        work = nodes * (2 * each + FRACTION * d * (d + 8)) + FRACTION * ends
        work += (nodes - splits) * slopes
        self.budget.spend(work + work * span.long // nodes, "cones")
        return self.by.cones(form, span)

    def top(self, g: H, shift: Fraction, factor: Array | None) -> Fraction:
        """Pay for three matrices on one grid, and for L L^T or a factorization in floats."""
        extent, e = self.measure(g), 1 - shift.denominator.bit_length()
        k, bits = extent.shape[0], extent.joined(Extent((), shift.numerator.bit_length(), e))
        self.budget.hold(k * k, "a bound of eigenvalues", bits)
        mine = 0 if factor is None else width(factor)
        work = k**3 >> 10 if factor is None else k**3 * product_work(mine, mine)
        self.budget.spend(work + 2 * MADE * k * k, "a bound of eigenvalues")
        return self.by.top(g, shift, factor)
