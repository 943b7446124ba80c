"""Factorizations with polyhedral theta, by their factors: u v^T in l1 and linf norms, ReLU, CP.

    phi(x) = x1 x x2 x ... or (V x1)_+ x x2,    theta(x) = |x1| |x2| ...

The extreme slices, products of the balls' vertices, are finitely many: these are the rays.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product
from math import prod

from ._exact import dot, l1, scale
from ._linear import Matrix, Vector, combine, exact, linf, outer, plus
from ._lp import unit
from ._rays import Rays, both, edges, sign_vectors

Factors = tuple[Vector, ...]
VERTICES = {"l1": lambda n: [unit(i, n) for i in range(n)], "linf": sign_vectors}
NORMS: dict[str, Callable[[Sequence[Fraction]], Fraction]] = {"l1": l1, "linf": linf}


@dataclass(frozen=True)
class Model:
    """Norms and lengths of the factors; data V for ReLU; the extreme slices, as factors."""

    norms: tuple[str, ...]
    lengths: tuple[int, ...]
    extreme: tuple[Factors, ...]
    V: Matrix | None = None

    def __repr__(self) -> str:
        return f"{'ReLU' if self.V else 'product'} {self.norms} {self.lengths}"

    def phi(self, x: Factors) -> Vector:
        """Return phi of a slice."""
        if self.V is None:
            return outer(*x)
        hidden = tuple(max(dot(v, x[0]), Fraction(0)) for v in self.V)
        return outer(hidden, *x[1:])

    def theta(self, x: Factors) -> Fraction:
        """Return the product of the norms."""
        return prod((NORMS[n](f) for n, f in zip(self.norms, x, strict=True)), start=Fraction(1))

    @cached_property
    def rays(self) -> Rays:
        """Return the extreme slices that have phi != 0."""
        phi, theta = map(self.phi, self.kept), map(self.theta, self.kept)
        return Rays(repr(self), tuple(phi), tuple(theta))

    @cached_property
    def kept(self) -> list[Factors]:
        """Return the extreme slices that have phi != 0, as factors."""
        return [x for x in self.extreme if any(self.phi(x))]

    def objective(self, slices: Sequence[Factors], y: Vector, lam: Fraction, loss: str) -> Fraction:
        """Return 1/2 |sum phi - y|^2 or |sum phi - y|_1, + lam sum theta, from the factors."""
        outputs = [self.phi(x) for x in slices]
        errors = plus(combine([Fraction(1)] * len(outputs), outputs, len(y)), y, -1)
        fit = dot(errors, errors) / 2 if loss == "squared" else l1(errors)
        return fit + lam * sum(map(self.theta, slices), Fraction(0))


def times(c: Fraction, x: Factors) -> Factors:
    """Return the slice with phi and theta multiplied by c >= 0: its first factor is."""
    return (tuple(scale(c, x[0])), *x[1:])


def linear(norms: tuple[str, ...], lengths: tuple[int, ...]) -> Model:
    """Return u x v x ... in these norms."""
    sides = [VERTICES[n](k) for n, k in zip(norms, lengths, strict=True)]
    return Model(norms, lengths, tuple(product(both(sides[0]), *sides[1:])))


def network(V: Matrix) -> Model:
    """Return (V u)_+ v with |u|_1 |v| for data V (N, d)."""
    first = both(edges(V))
    return Model(("l1", "l1"), (len(V[0]), 1), tuple(product(first, both([exact([1])]))), V)
