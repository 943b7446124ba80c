"""Simplex steps on slices, each one a straight move: c goes to c' >= 0 with sum c phi known.

Columns phi_j of cost theta_j > 0 that span the space in both directions. A move keeps or follows
the sum, and touches at most card(D) + 1 slices.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ._base import ZERO
from ._exact import dot, scale
from ._linear import Vector, dependences, plus, rank, solve, transposed

Basis = tuple[int, ...]
Weights = dict[int, Fraction]  # column -> coefficient; absent is 0


@dataclass(frozen=True)
class Columns:
    """Columns phi_j of cost theta_j."""

    phi: tuple[Vector, ...]
    theta: Vector

    def weights(self, basis: Basis, Z: Sequence[Fraction]) -> Weights:
        """Return the coefficients of Z in a basis."""
        found = solve(transposed([self.phi[j] for j in basis]), Z)
        return dict(zip(basis, found or (), strict=True))

    def multipliers(self, basis: Basis) -> Vector:
        """Return W with <W, phi_j> = theta_j on the basis."""
        return solve([self.phi[j] for j in basis], [self.theta[j] for j in basis]) or ()

    def prices(self, basis: Basis) -> list[Fraction]:
        """Return the reduced costs theta_j - <W, phi_j>."""
        W = self.multipliers(basis)
        return [t - dot(W, p) for p, t in zip(self.phi, self.theta, strict=True)]


def reduce(columns: Columns, c: Weights) -> Iterator[Weights]:
    """Yield moves along dependences that do not raise the cost, to independent slices."""
    while True:
        inside = [j for j, x in c.items() if x]
        beta = next(dependences([columns.phi[j] for j in inside]), None)
        if beta is None:
            return
        cost = dot(beta, [columns.theta[j] for j in inside])
        if cost > 0 or (cost == 0 and min(beta) >= 0):
            beta = tuple(scale(Fraction(-1), beta))
        step = min(c[j] / -b for j, b in zip(inside, beta, strict=True) if b < 0)
        c = {j: c[j] + step * b for j, b in zip(inside, beta, strict=True)}
        yield c


def completed(columns: Columns, c: Weights) -> Basis:
    """Return a basis that contains the slices of c > 0."""
    basis = [j for j, x in c.items() if x]
    for j in range(len(columns.phi)):
        if len(basis) == len(columns.phi[0]):
            break
        if rank([columns.phi[k] for k in (*basis, j)]) > len(basis):
            basis.append(j)
    return tuple(basis)


def pivots(
    columns: Columns, basis: Basis, Z: Sequence[Fraction]
) -> Iterator[tuple[Basis, Weights]]:
    """Yield the bases and coefficients of the simplex method (Bland's rule) at the sum Z."""
    while True:
        price = columns.prices(basis)
        entering = next((j for j, p in enumerate(price) if p < 0), None)
        if entering is None:
            return
        c = columns.weights(basis, Z)
        change = columns.weights(basis, columns.phi[entering])
        ratios = [(c[j] / a, j) for j, a in change.items() if a > 0]
        leaving = min(ratios)[1]
        basis = tuple(entering if j == leaving else j for j in basis)
        yield basis, columns.weights(basis, Z)


def follow(
    columns: Columns, basis: Basis, start: Vector, end: Vector
) -> Iterator[tuple[Fraction, Basis]]:
    """Yield (t, basis): optimal for (1 - t) start + t end from the last t to this one.

    At a breakpoint a coefficient is zero and would fall below; a dual pivot exchanges its column
    for one of least price, which enters at zero: the point is the same.
    """
    t, way = ZERO, plus(end, start, -1)
    while True:
        c, slope = columns.weights(basis, plus(start, way, t)), columns.weights(basis, way)
        falling = [(c[j] / -slope[j], j) for j in basis if slope[j] < 0]
        step, leaving = min(falling, default=(1 - t, -1))
        if t + step >= 1:
            yield Fraction(1), basis
            return
        t += step
        if step:
            yield t, basis
        basis = exchanged(columns, basis, leaving)


def exchanged(columns: Columns, basis: Basis, leaving: int) -> Basis:
    """Return the basis after the dual pivot that removes `leaving` and keeps prices >= 0."""
    price, row = columns.prices(basis), functional(columns, basis, leaving)
    alphas = [dot(row, p) for p in columns.phi]
    _, entering = min((price[j] / -a, j) for j, a in enumerate(alphas) if a < 0)
    return tuple(entering if j == leaving else j for j in basis)


def functional(columns: Columns, basis: Basis, j: int) -> Vector:
    """Return the linear form that reads the coefficient of column j in the basis."""
    unit = [Fraction(int(k == j)) for k in basis]
    return solve([columns.phi[k] for k in basis], unit) or ()
