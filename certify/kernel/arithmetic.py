"""What the rules need of numbers; each rule is written once, over `Arithmetic`.

`exact` is the arithmetic of the kernel; integers by FLINT and outward-rounded floats live outside.
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
    """What the rules need of numbers.  H is a handle on an array held by a tier.

    A field is a 1-D handle over the observed entries; a matrix is a 2-D handle.
    Each method returns a handle or an enclosure that is right, or raises.
    """

    tier: str
    budget = Budget()  # of any size; `Metered` has one that ends
    elementary = Elementary()

    def bounds(self, bound: Callable[..., T], items: Sequence[tuple[Any, ...]]) -> list[T]:
        """Return bound(*item) of each item, in order: one after the other, if not overridden."""
        return [bound(*item) for item in items]

    @abstractmethod
    def measure(self, x: H) -> "Extent":
        """Return how large an array and its numbers are."""

    @abstractmethod
    def load(self, a: Array) -> H:
        """Take an array in."""

    @abstractmethod
    def spans(self, x: H) -> tuple[Sequence[int], Sequence[int], int]:
        """Return (lows, highs, e): each entry is in [low, high] * 2**e."""

    @abstractmethod
    def add(self, x: H, y: H) -> H:
        """Return x + y."""

    @abstractmethod
    def subtract(self, x: H, y: H) -> H:
        """Return x - y."""

    @abstractmethod
    def squares(self, x: H, weights: Array | None) -> Enclosure:
        """Enclose sum w x^2."""

    def square(self, x: Sequence[float]) -> Enclosure:
        """Enclose sum x^2 of a column: exactly, where this is not overridden."""
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
        """Return rho L q + ridge q, all m n entries: row i of L q sums w (q_i - q_j)."""

    @abstractmethod
    def totals(self, x: H, cells: Sequence[int], count: int) -> list[Fraction]:
        """Return the sums of the entries by cell, exactly: the k-th is in cells[k] < count."""

    @abstractmethod
    def sums(self, x: H, kind: str, at: Pattern) -> Enclosure:
        """Enclose the sum of squared totals of a full field by row, column or all."""

    @abstractmethod
    def lines(self, x: H, line: Line, at: Pattern) -> Fraction:
        """Return a number at least the largest norm of a line of the field."""

    @abstractmethod
    def gram(self, x: H, axis: int, at: Pattern) -> tuple[H, Fraction]:
        """Return G and e: |x| <= sqrt(lambda_max(G)) + e, where G is
        X X^T (axis 0) or X^T X (axis 1).
        """

    def exact_lines(self, x: H, axis: int, at: Pattern) -> tuple[list[Sequence[int]], int]:
        """Return the rows (axis 0) or columns as integers times 2**e, and e; exactly."""
        entries, e = self.exact_entries(x, at, (axis, 1 - axis))
        size = at.m if axis else at.n
        return [entries[k : k + size] for k in range(0, len(entries), size)], e

    def exact_entries(self, x: H, at: Pattern, order: Sequence[int]) -> tuple[Sequence[int], int]:
        """Return all entries, the modes in this order, as integers times 2**e, and e; exactly."""
        lows, highs, e = self.spans(self.unfold(x, at, order, 1))
        demand(lows == highs, self.tier, "inexact", "exact lines of an inexact field")
        return lows, e

    @abstractmethod
    def times(self, x: H, a: Array, axis: int, at: Pattern) -> H:
        """Return X A (axis 0) or X^T A (axis 1) of a field; A has a row for each line across."""

    @abstractmethod
    def scaled(self, x: H, left: Array, right: Array, at: Pattern) -> H:
        """Return the field of left_i x_ij right_j."""

    @abstractmethod
    def hat(self, x: H, at: Pattern) -> H:
        """Return [[0, X], [X^T, 0]], dense."""

    @abstractmethod
    def symmetric(self, x: H, at: Pattern) -> H:
        """Return (X + X^T) / 2, dense, of a square field."""

    @abstractmethod
    def multiply(self, a: H, b: H) -> H:
        """Return A B^T of matrices."""

    def outer(self, a: Array) -> H:
        """Return a a^T."""
        x = self.load(a)
        return self.multiply(x, x)

    @abstractmethod
    def outer_sum(self, factors: Sequence[Array], at: Pattern) -> H:
        """Return sum over k of x1_k o ... o xK_k at the observed entries, factors (n_i, r).

        Of two factors that is left right^T: the field of a factorization.
        """

    @abstractmethod
    def layer(self, net: Network, left: Array, right: Array) -> H:
        """Return pool(s(F left)) right^T at the observed entries."""

    @abstractmethod
    def deep(self, net: Deep, weights: Sequence[Array]) -> H:
        """Return the sum over slices of s(... s(F X1) X2 ...) XK at the observed entries."""

    @abstractmethod
    def unfold(self, x: H, at: Pattern, order: Sequence[int], rows: int) -> H:
        """Return the field as a dense matrix of `rows` rows, its modes in this order."""

    @abstractmethod
    def permuted(self, x: H, at: Pattern) -> H:
        """Return the sum over all permutations of the modes, all entries; equal sizes."""

    @abstractmethod
    def fixed(self, x: H, at: Pattern, place: tuple[int, int], sign: int) -> H:
        """Return sign times the slice with index i in one mode, all entries; place (mode, i)."""

    @abstractmethod
    def placed(self, values: Array, pairs: "Pairs", k: int) -> H:
        """Return the k x k matrix with each value at (a, b) and (b, a), and its negative
        at (c, d) and (d, c); half the negative of a value on the diagonal.
        """

    @abstractmethod
    def kronecker(self, q: H, s: H, place: "Place") -> H:
        """Return Q on one mode times S on the others, a block of zeros around it."""

    @abstractmethod
    def cones(self, form: ConeForm, span: TreeSpan) -> Fraction:
        """Bound a polar over a tree of cones, which goes this far."""

    @abstractmethod
    def top(self, g: H, shift: Fraction, factor: Array | None) -> Fraction:
        """Return t with G <= t I (symmetric G)."""


class Extent(NamedTuple):
    """The shape of an array; its numbers are of so many bits, times 2**exp."""

    shape: tuple[int, ...]
    bits: int
    exp: int

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return math.prod(self.shape)

    @property
    def square(self) -> int:
        """The units of the product of two of them."""
        return product_work(self.bits, self.bits)

    def joined(self, other: "Extent") -> int:
        """Return the bits of a sum of two numbers, on the finer grid."""
        return max(self.bits + self.exp, other.bits + other.exp) - min(self.exp, other.exp) + 1


class Pairs(NamedTuple):
    """Places of a symmetric matrix: each value at (a, b), its negative at (c, d) if given."""

    a: Sequence[int]
    b: Sequence[int]
    c: Sequence[int] = ()
    d: Sequence[int] = ()


class Place(NamedTuple):
    """Where a product Q (x) S goes: a mode among the sizes of a group, and the group's block."""

    mode: int
    sizes: tuple[int, ...]
    first: int  # row of the block's corner
    k: int  # rows of the whole matrix
