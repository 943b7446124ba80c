"""One hidden ReLU layer over data V (N, d), in rationals: polars, programs, and networks.

For fixed signs s of V u, (V u)_+ = D u with D the rows that are on. A polar is the largest over
the cells, of sup { c.u : |u| <= 1, s_k v_k.u >= 0 } with c = +-D^T W.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, product
from math import isqrt

from ._base import ZERO
from ._cells import Cell, cells
from ._exact import dot, scale
from ._linear import Matrix, Vector, combine, exact, linf, plus, solve, transposed
from ._lp import maximize_over, minimize
from ._rays import Gauge, both, edges


def weights(V: Matrix, cell: Cell, W: Sequence[Fraction]) -> Vector:
    """Return c = D^T W: <W, (V u)_+> = c.u on the cell."""
    on = [w if s > 0 else ZERO for s, w in zip(cell, W, strict=True)]
    return combine(on, V, len(V[0]))


def inward(V: Matrix, cell: Cell) -> list[Vector]:
    """Return s_k v_k: the cell is where all of them are >= 0."""
    return [tuple(scale(Fraction(s), v)) for s, v in zip(cell, V, strict=True)]


def objectives(V: Matrix, W: Sequence[Fraction]) -> Iterator[tuple[list[Vector], Vector]]:
    """Yield (inward normals, c) for every cell and both signs of the output."""
    for cell in cells(V):
        for signed in both([exact(W)]):
            yield inward(V, cell), weights(V, cell, signed)


def polar_l1_by_cells(V: Matrix, W: Sequence[Fraction]) -> Fraction:
    """Return sup |W.(V u)_+| over |u|_1 <= 1: a linear program a cell, the largest |c|_inf first.

    c.u <= |c|_inf |u|_1, so a cell with |c|_inf at most the best so far has nothing better.
    """
    facets = [exact(s) for s in product((1, -1), repeat=len(V[0]))]
    best = ZERO
    for normals, c in sorted(objectives(V, W), key=lambda held: -linf(held[1])):
        if linf(c) <= best:
            break
        rows = [*facets, *(tuple(scale(Fraction(-1), g)) for g in normals)]
        bounds = [*[Fraction(1)] * len(facets), *[ZERO] * len(normals)]
        best = max(best, maximize_over(c, rows, bounds).value)
    return best


def polar_l2_by_cells(V: Matrix, W: Sequence[Fraction]) -> Fraction:
    """Return the square of sup |W.(V u)_+| over |u|_2 <= 1: min |c + sum mu_k g_k|^2, mu >= 0.

    A best mu has at most d entries, where the rest is orthogonal to the g_k: all such sets are
    tried. Any mu >= 0 is an upper bound of its cell.
    """
    best = ZERO
    for normals, c in objectives(V, W):
        if dot(c, c) > best:
            best = max(best, min(dot(rest, rest) for rest in pushed(c, normals)))
    return best


def pushed(c: Vector, normals: Sequence[Vector]) -> Iterator[Vector]:
    """Yield c + sum mu_k g_k, orthogonal to the g_k of a set of at most d, where mu >= 0."""
    for size in range(len(c) + 1):
        for chosen in combinations(normals, size):
            mu = multipliers(c, chosen)
            if mu is not None and min(mu, default=ZERO) >= 0:
                yield plus(c, combine(mu, chosen, len(c)))


def multipliers(c: Vector, chosen: Sequence[Vector]) -> Vector | None:
    """Return one mu that makes c + sum mu_k g_k orthogonal to each g_k, None if there is none."""
    gram = [[dot(g, h) for h in chosen] for g in chosen]
    return solve(gram, [-dot(c, g) for g in chosen]) if chosen else ()


def polar_l2_by_arcs(V: Matrix, W: Sequence[Fraction]) -> Fraction:
    """Return the same by its maximizer u: an edge, or c projected on fewer than d - 1 planes.

    Every direction that is tried is a lower bound; c is that of any cell, u may be in another.
    """
    best = ZERO
    for u in both(edges(V)):
        best = max(best, response(V, W, u) ** 2 / dot(u, u))
    for normals, c in objectives(V, W):
        for size in range(len(c) - 1):
            for chosen in combinations(normals, size):
                u = plus(c, combine(multipliers(c, chosen) or (), chosen, len(c)))
                if any(u):
                    best = max(best, response(V, W, u) ** 2 / dot(u, u))
    return best


def response(V: Matrix, W: Sequence[Fraction], u: Vector) -> Fraction:
    """Return W.(V u)_+."""
    return dot(W, hidden(V, u))


def hidden(V: Matrix, u: Vector) -> Vector:
    """Return (V u)_+."""
    return tuple(max(dot(v, u), ZERO) for v in V)


def omega_by_cells(V: Matrix, z: Sequence[Fraction], patterns: Sequence[Cell]) -> Fraction:
    """Return the convex program min sum |a_i|_1 + |b_i|_1 : z = sum D_i (a_i - b_i), in cones.

    Variables p, q >= 0 with a = p - q, and a slack >= 0 for each row s_k v_k.a.
    """
    return minimize(*cone_program(V, z, patterns)).value


def omega_without_cones(V: Matrix, z: Sequence[Fraction], patterns: Sequence[Cell]) -> Fraction:
    """Return the same program with the cones left out: a lower value."""
    costs, rows, right = cone_program(V, z, patterns)
    kept = [j for j, cost in enumerate(costs) if cost]
    n = len(V)
    return minimize(
        [costs[j] for j in kept], [tuple(r[j] for j in kept) for r in rows[:n]], right[:n]
    ).value


def cone_program(
    V: Matrix, z: Sequence[Fraction], patterns: Sequence[Cell]
) -> tuple[list[Fraction], list[Vector], list[Fraction]]:
    """Return (costs, rows, right sides) of that program in standard form."""
    n, blocks = len(V), [(cell, sign) for cell in patterns for sign in (1, -1)]
    columns, costs, height = [], [], n * (1 + len(blocks))
    for k, (cell, sign) in enumerate(blocks):
        on = [tuple(scale(Fraction(sign * (s > 0)), v)) for s, v in zip(cell, V, strict=True)]
        for axis, way in product(range(len(V[0])), (1, -1)):
            column = [ZERO] * height
            column[:n] = [way * row[axis] for row in on]
            column[n * (k + 1) : n * (k + 2)] = [way * g[axis] for g in inward(V, cell)]
            columns.append(tuple(column))
            costs.append(Fraction(1))
        for i in range(n):
            columns.append(tuple(Fraction(-(j == n * (k + 1) + i)) for j in range(height)))
            costs.append(ZERO)
    return costs, list(transposed(columns)), [*z, *[ZERO] * (height - n)]


def l2_up(a: Sequence[Fraction]) -> Fraction:
    """Return |a|_2 rounded up."""
    return root(dot(a, a))[1]


def root(q: Fraction, bits: int = 90) -> tuple[Fraction, Fraction]:
    """Return lower and upper bounds of sqrt q, 2^-bits apart or equal."""
    scaled = q.numerator * q.denominator << 2 * bits
    low, unit = isqrt(scaled), q.denominator << bits
    return Fraction(low, unit), Fraction(low + (low * low != scaled), unit)


@dataclass(frozen=True)
class Network:
    """Neurons (u, v), with weight decay lam / 2 sum |u|^2 + v^2 or, balanced, lam sum |u| |v|."""

    neurons: tuple[tuple[Vector, Fraction], ...]

    def error(self, V: Matrix, y: Vector) -> Vector:
        """Return the outputs minus y."""
        outputs = [hidden(V, u) for u, _ in self.neurons]
        return plus(combine([v for _, v in self.neurons], outputs, len(y)), y, -1)

    def decayed(self, V: Matrix, y: Vector, lam: Fraction) -> Fraction:
        """Return 1/2 |error|^2 + lam / 2 sum |u|^2 + v^2: rational."""
        e, decay = self.error(V, y), sum((dot(u, u) + v * v for u, v in self.neurons), ZERO)
        return dot(e, e) / 2 + lam * decay / 2

    def grouped(self, V: Matrix, y: Vector, lam: Fraction, norm: Gauge) -> Fraction:
        """Return the convex program's objective at sums of u |v| by cell.

        Each is in its cone, as a sum of vectors that are.
        """
        groups: dict[tuple[Cell, bool], Vector] = {}
        for u, v in self.neurons:
            cell = tuple(1 if dot(row, u) >= 0 else -1 for row in V)
            key = (cell, v > 0)
            groups[key] = plus(groups.get(key, (ZERO,) * len(u)), u, abs(v))
        total, cost = [-t for t in y], ZERO
        for (cell, positive), a in groups.items():
            on = [dot(row, a) if s > 0 else ZERO for s, row in zip(cell, V, strict=True)]
            total = plus(total, on, 1 if positive else -1)
            cost += norm(a)
        return dot(total, total) / 2 + lam * cost
