"""What a slice is made of, all that a polar depends on: a pair, modes, a layer, a network."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from .arrays import Array, matrix, rows_of, squares_exactly
from .norms import L2, Biased, Norm
from .patterns import Pattern
from .scalars import root


class Pair(NamedTuple):
    """Where W lives, the norms of u and v, and whether v is u: all the polar depends on."""

    at: Pattern
    left: Norm
    right: Norm
    symmetric: bool = False

    @property
    def norms(self) -> tuple[Norm, ...]:
        """The norms of u and v."""
        return self.left, self.right


class Modes(NamedTuple):
    """Where a tensor W lives, the norm of each mode, and whether all factors are one."""

    at: Pattern
    norms: tuple[Norm, ...]
    symmetric: bool = False


class Network(NamedTuple):
    """A hidden layer: phi(u, v) = pool(s(F u)) v^T, s(z) = z where z >= 0, slope z elsewhere.

    at       Z: samples by outputs
    features F (rows, d); samples: of each row, which sample it is summed into; -1 for none
    left     the norm of u; "biased": l2 of all but the last, whose column of F is one
             constant > 0 (an unpriced bias)
    most     a sample takes the largest of its rows instead of their sum; slope is 0 then
    inside   how many of the last rows are >= 0 where the polar is asked for
    """

    at: Pattern
    features: Array
    samples: Sequence[int]
    slope: Fraction
    left: Norm
    right: Norm
    symmetric: bool = False
    most: bool = False
    inside: int = 0

    @property
    def norms(self) -> tuple[Norm, ...]:
        """The norms of u and v."""
        return self.left, self.right

    @property
    def free(self) -> int:
        """How many coordinates of u have no price: 1 or 0."""
        return int(isinstance(self.left, Biased))

    @property
    def reach(self) -> Fraction:
        """Bound |b| at some maximizer over |u| <= 1, where the columns of W sum to zero.

        For fixed u the value is piecewise linear in b, with breaks where f_i . u + c b = 0
        and a constant at both ends: a break is as good as any b, and there |b| <= |f_i| / c.
        """
        if not self.free:
            return Fraction(0)
        d = self.features.shape[1]
        sizes = (squares_exactly(f[: d - 1]) for f in rows_of(self.features))
        return root(max(sizes)).hi / Fraction(self.features.data[d - 1])

    def radii(self) -> list[Fraction]:
        """Bound |f_i . u| over |u| <= 1, the bias within its reach, of each row."""
        rows, reach = rows_of(self.features), self.reach
        sizes = (root(squares_exactly(f[: len(f) - self.free])).hi for f in rows)
        return [x + reach * Fraction(f[-1]) for x, f in zip(sizes, rows, strict=True)]

    def mixed(self, h: int) -> Array:
        """Return M, (h, samples), with s(F u) = p - slope q = M^T f of h facts f, p and q first."""
        m = len(self.samples)
        factors = [(i, 1.0) for i in range(m)] + [(i, -float(self.slope)) for i in range(m)]
        return matrix([*([x] for x in factors), *[()] * (h - 2 * m)], m)


class Deep(NamedTuple):
    """Parallel networks of K layers: phi(X1, ..., XK) = s(... s(F X1) X2 ...) XK.

    at       Z: samples by outputs       features  F (samples, widths[0])
    widths   d0, ..., dK; Xk is d(k-1) x dk, flat in row-major order, priced by its l2 norm
    """

    at: Pattern
    features: Array
    widths: tuple[int, ...]
    slope: Fraction
    symmetric: bool = False

    @property
    def norms(self) -> tuple[Norm, ...]:
        """The Frobenius norm of each layer."""
        return tuple(L2(a * b) for a, b in pairwise(self.widths))

    @property
    def steep(self) -> Fraction:
        """A Lipschitz constant of the activations between the layers."""
        return max(Fraction(1), abs(self.slope)) ** (len(self.widths) - 2)


Space = Pair | Modes | Network | Deep
