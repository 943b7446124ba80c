"""Pairs (phi, theta) whose extreme slices are finitely many rays, so that Omega is exact.

A slice on ray j is (c, j): phi = c phi_j, theta = c theta_j with c = t^p >= 0, whatever p is.

    Omega(Z) = min { theta.c : sum c_j phi_j = Z, c >= 0 },   Omega*(W) = max_j <W, phi_j> / theta_j
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import combinations, product

from ._exact import dot, l1, scale, total
from ._linear import (
    Matrix,
    Vector,
    exact,
    independent_sets,
    linf,
    outer,
    solve,
    transposed,
)
from ._lp import Optimum, minimize, unit

Gauge = Callable[[Sequence[Fraction]], Fraction]


@dataclass(frozen=True)
class Rays:
    """Rays phi_j of cost theta_j; where known, closed forms of Omega and of its polar."""

    name: str
    phi: Matrix
    theta: Vector
    gauge: Gauge | None = None
    closed_polar: Gauge | None = None

    def __repr__(self) -> str:
        return self.name

    @property
    def size(self) -> int:
        """Return card(D)."""
        return len(self.phi[0])

    def omega(self, Z: Sequence[Fraction]) -> Optimum:
        """Return the linear program of Omega(Z), solved: `.x` the slices, `.y` a subgradient."""
        return minimize(self.theta, transposed(self.phi), Z)

    def polar(self, W: Sequence[Fraction]) -> Fraction:
        """Return Omega*(W) over the enumerated rays."""
        values = (dot(W, p) / t for p, t in zip(self.phi, self.theta, strict=True))
        return max(Fraction(0), *values)

    @cached_property
    def bases(self) -> list[tuple[Vector, Matrix]]:
        """Return (costs, inverse) of every set of card(D) independent rays."""
        found = []
        for chosen in independent_sets(self.phi, self.size):
            columns = transposed([self.phi[j] for j in chosen])
            units = [unit(i, self.size) for i in range(self.size)]
            inverse = transposed([solve(columns, e) or () for e in units])
            found.append((tuple(self.theta[j] for j in chosen), inverse))
        return found

    def cheapest_basis(self, Z: Sequence[Fraction]) -> Fraction:
        """Return the least cost of Z by card(D) independent rays, tried one basis after another."""
        costs = []
        for cost, inverse in self.bases:
            c = [dot(row, Z) for row in inverse]
            if min(c) >= 0:
                costs.append(dot(cost, c))
        return min(costs)


def both(vectors: Sequence[Vector]) -> Matrix:
    """Return the vectors and their negatives."""
    return tuple(v for w in vectors for v in (tuple(w), tuple(scale(Fraction(-1), w))))


def sign_vectors(n: int) -> list[Vector]:
    """Return the vectors of n signs, the first +1."""
    return [exact((1, *s)) for s in product((1, -1), repeat=n - 1)]


def entries(m: int, n: int) -> Rays:
    """Return u v^T, |u|_1 |v|_1: Omega is the sum of |Z_ij|."""
    phi = both([unit(i, m * n) for i in range(m * n)])
    return Rays(f"matrix, l1 x l1, {m} x {n}", phi, exact([1] * len(phi)), l1, linf)


def rows(m: int, n: int) -> Rays:
    """Return u v^T, |u|_1 |v|_inf: Omega is the sum over rows of |Z_i|_inf."""
    phi = both([outer(unit(i, m), s) for i in range(m) for s in sign_vectors(n)])

    def split(Z: Sequence[Fraction]) -> list[Sequence[Fraction]]:
        return [Z[i * n : (i + 1) * n] for i in range(m)]

    return Rays(
        f"matrix, l1 x linf, {m} x {n}",
        phi,
        exact([1] * len(phi)),
        lambda Z: total(map(linf, split(Z))),
        lambda W: max(map(l1, split(W))),
    )


def signs(k: int) -> Rays:
    """Return u x v (x w), linf norms, of shape 2 x 2 (x 2).

    The products of signs are the Walsh vectors, orthogonal: Omega is the sum of |<Z, h>| / 2^k.
    """
    walsh = [outer(*s) for s in product(sign_vectors(2), repeat=k)]
    phi = both(walsh)
    return Rays(
        f"{'matrix' if k == 2 else 'CP'}, linf norms, {' x '.join('2' * k)}",
        phi,
        exact([1] * len(phi)),
        lambda Z: total(abs(dot(Z, h)) for h in walsh) / 2**k,
        lambda W: max(abs(dot(W, h)) for h in walsh),
    )


def hexagon() -> Rays:
    """Return the plane's gauge of +-e1, +-e2, +-(e1 + e2): max |z1|, |z2|, |z1 - z2|."""
    phi = both([exact(z) for z in ((1, 0), (0, 1), (1, 1))])
    return Rays(
        "hexagon",
        phi,
        exact([1] * 6),
        lambda Z: linf([*Z, Z[0] - Z[1]]),
        lambda W: linf([*W, W[0] + W[1]]),
    )


def relu(V: Matrix) -> Rays:
    """Return (V u)_+ v, |u|_1 |v| for data V (N, d): rays through the edges of the cells.

    On a cone where the signs of V u and of u are fixed, phi and theta are linear in u, so the
    extreme directions are those orthogonal to d - 1 rows of V, or axes.
    """
    phi, theta = [], []
    for u in both(list(edges(V))):
        values = exact([max(dot(v, u), Fraction(0)) for v in V])
        if any(values):
            for signed in both([values]):
                phi.append(signed)
                theta.append(l1(u))
    return Rays(f"ReLU, l1, V = {[list(map(str, v)) for v in V]}", tuple(phi), tuple(theta))


def edges(V: Matrix) -> list[Vector]:
    """Return a direction along each line where d - 1 of the planes v.u = 0 or u_k = 0 meet."""
    size = len(V[0])
    normals = [*V, *(unit(k, size) for k in range(size))]
    found: list[Vector] = []
    for chosen in combinations(normals, size - 1):
        u = across(chosen)
        if any(u) and not any(parallel(u, w) for w in found):
            found.append(u)
    return found


def across(rows: Sequence[Vector]) -> Vector:
    """Return the vector orthogonal to d - 1 rows, by minors; 0 if they are dependent."""
    size = len(rows) + 1
    return tuple(
        (-1) ** (k + 1) * determinant([r[:k] + r[k + 1 :] for r in rows]) for k in range(size)
    )


def determinant(a: Sequence[Vector]) -> Fraction:
    """Return det A of a small matrix, along its first row."""
    if not a:
        return Fraction(1)
    minors = ([r[:j] + r[j + 1 :] for r in a[1:]] for j in range(len(a)))
    return sum(
        ((-1) ** j * x * determinant(m) for j, (x, m) in enumerate(zip(a[0], minors, strict=True))),
        Fraction(0),
    )


def parallel(u: Vector, w: Vector) -> bool:
    """Return whether all 2 x 2 minors vanish."""
    return all(u[i] * w[j] == u[j] * w[i] for i, j in combinations(range(len(u)), 2))
