"""1/2 |sum c_j phi_j - y|^2 + lam theta.c over c >= 0, in rationals: descent, and enumeration."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import combinations

from ._base import ZERO
from ._exact import dot, scale, total
from ._linear import Vector, combine, dependence, dependences, exact, plus, rank, solve, transposed
from ._rays import Rays


@dataclass(frozen=True)
class Fit:
    """Columns phi_j of cost theta_j, the data y and lam > 0."""

    phi: tuple[Vector, ...]
    theta: Vector
    y: Vector
    lam: Fraction

    def residual(self, c: Sequence[Fraction]) -> Vector:
        """Return W = y - sum c_j phi_j."""
        return plus(self.y, combine(c, self.phi, len(self.y)), -1)

    def value(self, c: Sequence[Fraction]) -> Fraction:
        """Return the objective."""
        W = self.residual(c)
        return dot(W, W) / 2 + self.lam * dot(self.theta, c)

    def gain(self, j: int, W: Vector) -> Fraction:
        """Return <W, phi_j> - lam theta_j: how fast the objective falls as c_j grows."""
        return dot(W, self.phi[j]) - self.lam * self.theta[j]

    def descend(self, c: Vector) -> Iterator[Vector]:
        """Yield points, none higher than the last, to a minimum over the slices of c > 0.

        On the support: down a dependence whose cost is not zero, to its end; else toward a
        solution of the normal equations, until a slice vanishes.
        """
        while True:
            inside = [j for j, x in enumerate(c) if x > 0]
            move = self._direction(inside, self.residual(c))
            if move is None:
                return
            d, longest = move
            step = room(c, d)
            if longest is not None:
                step = longest if step is None else min(step, longest)
            c = plus(c, d, step)
            yield c

    def minimum(self) -> Vector:
        """Return independent slices that no column improves.

        From zero: grow the steepest column, descend, drop dependences (they cost nothing there).
        """
        c: Vector = (ZERO,) * len(self.phi)
        while True:
            W = self.residual(c)
            gains = [self.gain(j, W) for j in range(len(c))]
            j = max(range(len(c)), key=gains.__getitem__)
            if gains[j] <= 0:
                return c
            size = gains[j] / dot(self.phi[j], self.phi[j])
            grown = tuple(x + size * (k == j) for k, x in enumerate(c))
            *_, lowest = (grown, *self.descend(grown))
            c = self.independent(lowest)

    def independent(self, c: Vector) -> Vector:
        """Follow dependences of the slices until there is none; the sum of phi stays."""
        while True:
            inside = [j for j, x in enumerate(c) if x]
            beta = dependence([self.phi[j] for j in inside])
            if beta is None:
                return c
            d = self._spread(inside, beta if min(beta) < 0 else scale(Fraction(-1), beta))
            c = plus(c, d, room(c, d))

    def _direction(self, inside: list[int], W: Vector) -> tuple[Vector, Fraction | None] | None:
        columns = [self.phi[j] for j in inside]
        for beta in dependences(columns):
            cost = dot(beta, [self.theta[j] for j in inside])
            if cost:
                return self._spread(inside, scale(-1 / cost, beta)), None
        gains = [self.gain(j, W) for j in inside]
        if not any(gains):
            return None
        gram = [[dot(a, b) for b in columns] for a in columns]
        return self._spread(inside, solve(gram, gains) or ()), Fraction(1)

    def _spread(self, inside: list[int], d: Sequence[Fraction]) -> Vector:
        full = [ZERO] * len(self.phi)
        for j, x in zip(inside, d, strict=True):
            full[j] = x
        return tuple(full)


def room(c: Sequence[Fraction], d: Sequence[Fraction]) -> Fraction | None:
    """Return the largest t with c + t d >= 0, None if there is none."""
    return min((x / -s for x, s in zip(c, d, strict=True) if s < 0), default=None)


@lru_cache(maxsize=64)
def supports(rays: Rays) -> list[tuple[Vector, tuple[Vector, ...], Vector, tuple[Vector, ...]]]:
    """Return (theta, G^-1 Phi^T, G^-1 theta, phi) of every independent set of rays, G its Gram."""
    found = []
    for size in range(1, rays.size + 1):
        for chosen in combinations(range(len(rays.phi)), size):
            columns = [rays.phi[j] for j in chosen]
            if rank(columns) < size:
                continue
            theta = tuple(rays.theta[j] for j in chosen)
            gram = [[dot(a, b) for b in columns] for a in columns]
            maps = [solve(gram, x) or () for x in transposed(columns)]
            found.append((theta, transposed(maps), solve(gram, theta) or (), tuple(columns)))
    return found


def enumerated(rays: Rays, y: Vector, lam: Fraction) -> Fraction:
    """Return min F: each set of at most card(D) independent rays is fitted, the best is kept.

    A minimum has such a support (a dependence costs nothing there), where its coefficients
    solve the normal equations; every c >= 0 tried is a point, so none is too low.
    """
    best = dot(y, y) / 2
    for theta, maps, shift, columns in supports(rays):
        c = [dot(row, y) - lam * s for row, s in zip(maps, shift, strict=True)]
        if min(c) > 0:
            fall = [dot(p, y) - lam * t for p, t in zip(columns, theta, strict=True)]
            best = min(best, dot(y, y) / 2 - dot(fall, c) / 2)
    return best


def orthogonal(rays: Rays, y: Vector, lam: Fraction) -> Fraction:
    """Return min F by soft thresholds where the rays are +-h, the h orthogonal and theta = 1."""
    terms = []
    for h in rays.phi[::2]:
        square, inner = dot(h, h), abs(dot(h, y))
        kept = max(ZERO, inner - lam)
        terms.append((inner**2 - kept**2) / (2 * square))
    return total(terms)


def dual_value(W: Vector, y: Vector) -> Fraction:
    """Return d(W) = <W, y> - 1/2 |W|^2, below every factorization if the polar is <= lam."""
    return dot(W, y) - dot(W, W) / 2


def below(rays: Rays, W: Vector, y: Vector, lam: Fraction) -> Fraction:
    """Return d at W scaled into the polar ball of lam: a bound below all f, for any W."""
    steepest = max(lam, rays.polar(W))
    return dual_value(exact(scale(lam / steepest, W)), y)


def fit(rays: Rays, y: Sequence[Fraction], lam: Fraction) -> Fit:
    """Return the problem over the rays themselves."""
    return Fit(rays.phi, rays.theta, exact(y), lam)
