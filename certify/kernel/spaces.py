"""The spaces of slices, on which a polar depends: a pair, modes, a layer, a network."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

from .arrays import Array, matrix, rows_of, squares_exactly
from .norms import L2, Biased, Norm
from .patterns import Pattern
from .scalars import root


@dataclass(frozen=True)
class Pair:
    """Slices u v^T: the observed entries of W, the norms of u and v, and whether v is u."""

    at: Pattern
    left: Norm
    right: Norm
    symmetric: bool = False

    @property
    def norms(self) -> tuple[Norm, ...]:
        """The norms of u and v."""
        return self.left, self.right


@dataclass(frozen=True)
class Modes:
    """Slices x1 o ... o xK: the observed entries of W, the norm of each factor.

    symmetric  all factors are the same vector
    """

    at: Pattern
    norms: tuple[Norm, ...]
    symmetric: bool = False


@dataclass(frozen=True)
class Network:
    """A hidden layer: phi(u, v) = pool(s(F u)) v^T, s(z) = z for z >= 0 and slope z for z < 0.

    at       Z is samples by outputs
    features F (rows, d); samples: the sample of each row, to which it is added; -1 for none
    left     the norm of u; "biased": the l2 norm of all coordinates but the last, an unpriced
             bias, whose column of F is a constant > 0
    max_pooled  a sample takes the largest of its rows instead of their sum; then slope = 0
    inside   the polar is over the u where this many of the last rows of F u are >= 0
    """

    at: Pattern
    features: Array
    samples: Sequence[int]
    slope: Fraction
    left: Norm
    right: Norm
    symmetric: bool = False
    max_pooled: bool = False
    inside: int = 0

    @property
    def norms(self) -> tuple[Norm, ...]:
        """The norms of u and v."""
        return self.left, self.right

    @property
    def free(self) -> int:
        """The number of coordinates of u without a price: 1 or 0."""
        return int(isinstance(self.left, Biased))

    @cached_property
    def reach(self) -> Fraction:
        """A bound of |b| of some maximizer over |u| <= 1, if the columns of W sum to zero.

        For fixed u the value is piecewise linear in b, with breaks where f_i . u + c b = 0, and
        constant beyond the first and the last.  So a maximum is at a break, and |b| <= |f_i| / c.
        """
        if not self.free:
            return Fraction(0)
        d = self.features.shape[1]
        sizes = (squares_exactly(f[: d - 1]) for f in rows_of(self.features))
        return root(max(sizes)).hi / Fraction(self.features.data[d - 1])

    @cached_property
    def radii(self) -> list[Fraction]:
        """Bounds of |f_i . u| for each row i over |u| <= 1, with a bias within `reach`."""
        rows, reach = rows_of(self.features), self.reach
        sizes = (root(squares_exactly(f[: len(f) - self.free])).hi for f in rows)
        return [x + reach * Fraction(f[-1]) for x, f in zip(sizes, rows, strict=True)]

    def mixed(self, h: int) -> Array:
        """Return M (h, rows) with s(F u) = p - slope q = M^T f, for h facts f = (p, q, ...)."""
        m = len(self.samples)
        factors = [(i, 1.0) for i in range(m)] + [(i, -float(self.slope)) for i in range(m)]
        return matrix([*([x] for x in factors), *[()] * (h - 2 * m)], m)


@dataclass(frozen=True)
class Deep:
    """Parallel networks of K layers: phi(X1, ..., XK) = s(... s(F X1) X2 ...) XK.

    at       Z is samples by outputs     features  F (samples, widths[0])
    widths   d0, ..., dK; Xk is d(k-1) x dk, flat in row-major order, with the l2 norm
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
