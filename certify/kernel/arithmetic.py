"""The operations on numbers that the rules use; each rule is written once, for any `Arithmetic`.

The kernel's own arithmetic is in `exact`; faster ones live outside.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Generic, NamedTuple, TypeVar

from .arrays import Array, squares_exactly
from .budget import Budget, product_work
from .errors import demand
from .exp_log import Elementary
from .graphs import Graph
from .patterns import Pattern
from .scalars import Enclosure, exactly
from .simplicial import ConeForm, TreeSpan
from .spaces import Deep, Network

H = TypeVar("H")
T = TypeVar("T")


def square_exactly(x: Sequence[float]) -> Enclosure:
    """Return sum x^2."""
    return exactly(squares_exactly(x))


class Line(NamedTuple):
    """Which lines of W to measure, and in which norm."""

    axis: int  # 0: rows, 1: columns
    kind: str  # "max", the largest |entry|; "root", the l2 norm; "sum", the l1 norm
    positive: bool  # only the positive part counts
    signs: tuple[int, ...]  # of W (1), of -W (-1), or of both


class Arithmetic(ABC, Generic[H]):
    """The operations on arrays that the rules use.  H is the type of an arithmetic's own arrays.

    A field is a 1-D array over the observed entries; a matrix is a 2-D array.  Each method
    returns a correct array, enclosure or bound, or raises.

    tier    the name of the arithmetic
    budget  the work that it may do; elementary: its enclosures of exp and log
    """

    tier: str
    budget = Budget()  # without a limit; `Metered` has one with a limit
    elementary = Elementary()

    def bounds(self, bound: Callable[..., T], items: Sequence[tuple[Any, ...]]) -> list[T]:
        """Return bound(*item) of each item, in order; other arithmetics may work in parallel."""
        return [bound(*item) for item in items]

    @abstractmethod
    def measure(self, x: H) -> "Extent":
        """Return the shape of an array and the size of its numbers."""

    @abstractmethod
    def load(self, a: Array) -> H:
        """Convert an array of the file."""

    @abstractmethod
    def spans(self, x: H) -> tuple[Sequence[int], Sequence[int], int]:
        """Return (lows, highs, e): each entry is in [low, high] * 2**e."""

    @abstractmethod
    def add(self, x: H, y: H, sign: int = 1) -> H:
        """Return x + sign y."""

    def subtract(self, x: H, y: H) -> H:
        """Return x - y."""
        return self.add(x, y, -1)

    @abstractmethod
    def squares(self, x: H, weights: Array | None) -> Enclosure:
        """Enclose sum w x^2."""

    def square(self, x: Sequence[float]) -> Enclosure:
        """Enclose sum x^2 of a column; exactly, unless overridden."""
        return square_exactly(x)

    @abstractmethod
    def squares_over(self, x: H, weights: Array | None) -> Enclosure:
        """Enclose sum x^2 / w."""

    @abstractmethod
    def inner(self, x: H, y: H) -> Enclosure:
        """Enclose sum x y."""

    @abstractmethod
    def absolutes(self, x: H) -> Enclosure:
        """Enclose sum |x|."""

    @abstractmethod
    def laplacian(self, q: Array, graph: Graph, rho: Fraction, ridge: Fraction) -> H:
        """Return rho L q + ridge q, all m n entries; row i of L q is sum_j w_ij (q_i - q_j)."""

    @abstractmethod
    def totals(self, x: H, cells: Sequence[int], count: int) -> list[Fraction]:
        """Return the exact sums of the entries by cell; the k-th entry is in cells[k] < count."""

    @abstractmethod
    def sums(self, x: H, kind: str, at: Pattern) -> Enclosure:
        """Enclose the sum of the squared totals of a full field; kind is as in `Pattern.cells`."""

    @abstractmethod
    def lines(self, x: H, line: Line, at: Pattern) -> Fraction:
        """Return an upper bound of the largest norm of a row or column of the field."""

    @abstractmethod
    def gram(self, x: H, axis: int, at: Pattern) -> tuple[H, Fraction]:
        """Return G and e with |X|_2 <= sqrt(lambda_max(G)) + e; G is about X X^T (axis 0) or X^T X
        (axis 1).
        """

    def exact_lines(self, x: H, axis: int, at: Pattern) -> tuple[list[Sequence[int]], int]:
        """Return the exact rows (axis 0) or columns (1) as integers times 2**e, and e."""
        entries, e = self.exact_entries(x, at, (axis, 1 - axis))
        size = at.m if axis else at.n
        return [entries[k : k + size] for k in range(0, len(entries), size)], e

    def exact_entries(self, x: H, at: Pattern, order: Sequence[int]) -> tuple[Sequence[int], int]:
        """Return all entries exactly, as integers times 2**e, and e; the modes in this order."""
        lows, highs, e = self.spans(self.unfold(x, at, order, 1))
        demand(lows == highs, self.tier, "inexact", "exact lines of an inexact field")
        return lows, e

    @abstractmethod
    def times(self, x: H, a: Array, axis: int, at: Pattern) -> H:
        """Return X A (axis 0) or X^T A (axis 1) of a field X."""

    @abstractmethod
    def scaled(self, x: H, left: Array, right: Array, at: Pattern) -> H:
        """Return the field of left_i x_ij right_j."""

    @abstractmethod
    def hat(self, x: H, at: Pattern) -> H:
        """Return the dense matrix [[0, X], [X^T, 0]]."""

    @abstractmethod
    def symmetric(self, x: H, at: Pattern) -> H:
        """Return the dense matrix (X + X^T) / 2 of a square field."""

    @abstractmethod
    def multiply(self, a: H, b: H) -> H:
        """Return A B^T of matrices."""

    def outer(self, a: Array) -> H:
        """Return a a^T."""
        x = self.load(a)
        return self.multiply(x, x)

    @abstractmethod
    def outer_sum(self, factors: Sequence[Array], at: Pattern) -> H:
        """Return sum over k of x1_k o ... o xK_k at the observed entries; factors (n_i, r).

        For two factors this is left right^T.
        """

    @abstractmethod
    def layer(self, net: Network, left: Array, right: Array) -> H:
        """Return pool(s(F left)) right^T at the observed entries."""

    @abstractmethod
    def deep(self, net: Deep, weights: Sequence[Array]) -> H:
        """Return the sum over slices of s(... s(F X1) X2 ...) XK at the observed entries."""

    @abstractmethod
    def unfold(self, x: H, at: Pattern, order: Sequence[int], rows: int) -> H:
        """Return the field as a dense matrix with `rows` rows, the modes in this order."""

    @abstractmethod
    def permuted(self, x: H, at: Pattern) -> H:
        """Return the sum over all permutations of the modes, all entries; the sizes are equal."""

    @abstractmethod
    def fixed(self, x: H, at: Pattern, place: tuple[int, int], sign: int) -> H:
        """Return sign times the slice with index i in one mode, all entries; place = (mode, i)."""

    @abstractmethod
    def placed(self, values: Array, pairs: "Pairs", k: int) -> H:
        """Return the k x k matrix with each value at (a, b) and (b, a), and its negative
        at (c, d) and (d, c); half of the negative if the value is on the diagonal.
        """

    @abstractmethod
    def kronecker(self, q: H, s: H, place: "Place") -> H:
        """Return the Kronecker product of Q on one mode and S on the others; zeros around it."""

    @abstractmethod
    def cones(self, form: ConeForm, span: TreeSpan) -> Fraction:
        """Bound a polar over a tree of cones; `span` says how much its walk holds."""

    @abstractmethod
    def top(self, g: H, shift: Fraction, factor: Array | None) -> Fraction:
        """Return t with G <= t I; G is symmetric."""


class Extent(NamedTuple):
    """The shape of an array, and the bits of its largest integer; entries are times 2**exp."""

    shape: tuple[int, ...]
    bits: int
    exp: int

    @property
    def size(self) -> int:
        """The number of entries."""
        return math.prod(self.shape)

    @property
    def square(self) -> int:
        """The units of work of a product of two entries."""
        return product_work(self.bits, self.bits)

    def joined(self, other: "Extent") -> int:
        """Return the bits of the sum of an entry of each, on the finer grid."""
        return max(self.bits + self.exp, other.bits + other.exp) - min(self.exp, other.exp) + 1


class Pairs(NamedTuple):
    """Places of a symmetric matrix: of each value (a, b), and of its negative (c, d), if given."""

    a: Sequence[int]
    b: Sequence[int]
    c: Sequence[int] = ()
    d: Sequence[int] = ()


class Place(NamedTuple):
    """The place of a product Q (x) S: the mode of Q among the sizes, and the block of all modes."""

    mode: int
    sizes: tuple[int, ...]
    first: int  # the row where the block begins
    k: int  # the number of rows of the whole matrix
