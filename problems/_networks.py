"""Hidden layers in rational arithmetic: every cell, every face, and the exact polar.

Like _truth.py, owes nothing to certify.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import lcm

import numpy as np

from certify.base.arrays import Array

Row = tuple[Fraction, ...]
Signs = tuple[int, ...]
Cells = dict[Signs, Row]


def rational(x: Array) -> list[Row]:
    """Return the rows of a matrix, exactly."""
    return [tuple(map(Fraction, row)) for row in np.asarray(x).tolist()]


def dot(a: Iterable[Fraction], b: Iterable[Fraction]) -> Fraction:
    """Return <a, b>."""
    return sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0))


def sign(x: Fraction) -> int:
    """Return -1, 0 or 1."""
    return (x > 0) - (x < 0)


def beside(f: Row) -> list[Row]:
    """Return a basis of the vectors orthogonal to f, f not zero."""
    j = next(k for k, x in enumerate(f) if x)
    units = [[Fraction(int(i == k)) for i in range(len(f))] for k in range(len(f))]
    out = []
    for k in range(len(f)):
        if k != j:
            units[k][j] = -f[k] / f[j]
            out.append(tuple(units[k]))
    return out


def combined(basis: Sequence[Row], z: Row) -> Row:
    """Return sum z_k basis_k."""
    return tuple(dot(z, column) for column in zip(*basis, strict=True))


def cells(rows: Sequence[Row], d: int) -> Cells:
    """Return the signs of rows . x on every open cell of R^d, each with a point of it.

    One row after another: it cuts the cells whose signs also occur on its own hyperplane
    (where the rows before it make a smaller arrangement), and no other.
    """
    found: Cells = {(): (Fraction(1),) * d}
    for n, f in enumerate(rows):
        if not any(f):
            found = {(*s, 0): x for s, x in found.items()}
            continue
        basis = beside(f)
        inside = [tuple(dot(g, b) for b in basis) for g in rows[:n]]
        facets = {
            s: combined(basis, z) if basis else (Fraction(0),) * d
            for s, z in cells(inside, d - 1).items()
        }
        grown: Cells = {}
        for s, x in found.items():
            if s not in facets:
                grown[*s, sign(dot(f, x))] = x
                continue
            for side in (1, -1):
                grown[*s, side] = moved(facets[s], f, side, (rows[:n], s))
        found = grown
    return found


def moved(x: Row, f: Row, side: int, held: tuple[Sequence[Row], Signs]) -> Row:
    """Return x + side e f, e so small that the rows keep their signs."""
    e = Fraction(side)
    rows, signs = held
    while True:
        y = tuple(a + e * b for a, b in zip(x, f, strict=True))
        if all(sign(dot(g, y)) == s for g, s in zip(rows, signs, strict=True)):
            return y
        e /= 2


def faces(rows: Sequence[Row], d: int) -> Iterable[list[Row]]:
    """Yield a basis of each space on which up to d - 1 independent rows vanish."""
    for k in range(d):
        for chosen in combinations(rows, k):
            basis: list[Row] = [tuple(Fraction(int(i == j)) for i in range(d)) for j in range(d)]
            for f in chosen:
                inside = tuple(dot(f, b) for b in basis)
                if not any(inside):
                    break
                basis = [combined(basis, z) for z in beside(inside)]
            else:
                yield basis


def solved(A: list[list[Fraction]], b: Row) -> Row:
    """Return x with A x = b, A positive definite, by elimination."""
    held = [[*row, y] for row, y in zip(A, b, strict=True)]
    n = len(held)
    for k in range(n):
        pivot = held[k][k]
        held[k] = [x / pivot for x in held[k]]
        for i in range(n):
            if i != k:
                held[i] = [x - held[i][k] * y for x, y in zip(held[i], held[k], strict=True)]
    return tuple(row[-1] for row in held)


@dataclass(frozen=True)
class Steepest:
    """sup w^T s(F u) over |u| = 1, squared with its sign, and the directions that attain it."""

    square: Fraction
    directions: list[Row]


def acted(z: Fraction, slope: Fraction) -> Fraction:
    """Return s(z)."""
    return z if z > 0 else slope * z


def steepest(F: Array, w: Array, slope: float = 0.0) -> Steepest:
    """Return the largest value of w^T s(F u) over the unit sphere, exactly.

    On a face of a cell the value is linear, c . u: its only local maximum in the face's
    interior is at the projection of c.  The value is taken there from its definition, so a
    projection outside its face does no harm.
    """
    rows, d, a = rational(F), np.shape(F)[1], Fraction(slope)
    held = tuple(map(Fraction, np.asarray(w).reshape(-1).tolist()))
    best, at = Fraction(-1), dict[Row, None]()
    for basis in faces(rows, d):
        inside = [tuple(dot(f, b) for b in basis) for f in rows]
        gram = [[dot(x, y) for y in basis] for x in basis]
        for signs in cells(inside, len(basis)):
            parts = zip(held, signs, inside, strict=True)
            used = [(x * (1 if s > 0 else a), f) for x, s, f in parts if s]
            c = tuple(sum((x * f[k] for x, f in used), Fraction(0)) for k in range(len(basis)))
            if not any(c):
                continue
            t = combined(basis, solved(gram, c))
            for u in (t, tuple(-x for x in t)):
                value = dot(held, (acted(dot(f, u), a) for f in rows))
                square = abs(value) * value / dot(u, u)
                if square > best:
                    best, at = square, {}
                if square == best:
                    at[primitive(u)] = None
    return Steepest(best, list(at))


def largest(rows: Sequence[Row], samples: Sequence[int], u: Row) -> dict[int, tuple[Fraction, Row]]:
    """Return of each sample the largest f . u of its rows, if it is positive, and f."""
    out: dict[int, tuple[Fraction, Row]] = {}
    for f, k in zip(rows, samples, strict=True):
        z = dot(f, u)
        if z > 0 and (k not in out or z > out[k][0]):
            out[k] = z, f
    return out


def steepest_largest(F: Array, samples: Sequence[int], w: Array) -> Steepest:
    """Return the largest |w^T h(u)| over the unit sphere, h the largest (f . u)_+ of a sample.

    As `steepest`; the cells are those of the rows and of the differences in a sample, on which
    h is linear.
    """
    rows, d = rational(F), np.shape(F)[1]
    held = tuple(map(Fraction, np.asarray(w).reshape(-1).tolist()))
    pairs = [(i, j) for i, j in combinations(range(len(rows)), 2) if samples[i] == samples[j]]
    every = [*rows, *(tuple(np.subtract(rows[i], rows[j])) for i, j in pairs)]
    best, at = Fraction(-1), dict[Row, None]()
    for basis in faces(every, d):
        inside = [tuple(dot(f, b) for b in basis) for f in every]
        gram = [[dot(x, y) for y in basis] for x in basis]
        for point in cells(inside, len(basis)).values():
            top = largest(rows, samples, combined(basis, point)).items()
            whole = [sum((held[k] * f[j] for k, (_, f) in top), Fraction(0)) for j in range(d)]
            c = tuple(dot(whole, b) for b in basis)
            if not any(c):
                continue
            t = combined(basis, solved(gram, c))
            for u in (t, tuple(-x for x in t)):
                parts = ((held[k], z) for k, (z, _) in largest(rows, samples, u).items())
                square = sum((x * z for x, z in parts), Fraction(0)) ** 2 / dot(u, u)
                if square > best:
                    best, at = square, {}
                if square == best:
                    at[primitive(u)] = None
    return Steepest(best, list(at))


def primitive(u: Row) -> Row:
    """Return the multiple of u by a positive number whose entries are coprime integers."""
    q = lcm(*(x.denominator for x in u))
    ints = [int(x * q) for x in u]
    common = int(np.gcd.reduce(ints))
    return tuple(Fraction(x, common) for x in ints)


def free_steepest(V: Array, w: Array, slope: float = 0.0) -> Steepest:
    """Return the same over u in the unit sphere and any b: s(V u + b), w summing to zero.

    For each u the value is piecewise linear in b and constant at both ends, so some
    b = -v_i . u is best: then row k is (v_k - v_i) . u.  Directions are (u, b).
    """
    best = Steepest(Fraction(-1), [])
    for v in np.asarray(V):
        found = steepest(V - v, w, slope)
        at = [(*u, -dot(u, map(Fraction, v.tolist()))) for u in found.directions]
        if found.square > best.square:
            best = Steepest(found.square, at)
        elif found.square == best.square:
            best = Steepest(best.square, [*best.directions, *at])
    return best


def root(x: Fraction) -> Fraction:
    """Return the square root of the square of a rational number."""
    p, q = (round(n**0.5) for n in (x.numerator, x.denominator))
    if Fraction(p * p, q * q) != x:
        raise ValueError(f"{x} is not a square")
    return Fraction(p, q)


@dataclass(frozen=True)
class Neuron:
    """A direction (u, and b where there is a free bias) at which the polar is attained.

    sign  of the output there;  k: how many times the direction is used
    """

    sign: int
    u: Sequence[int]
    k: float = 1.0


@dataclass(frozen=True)
class Built:
    """A layer, a dual point w, and neurons at which w^T s(F u) attains its polar `lam`.

    Source of the optimum: with Z = sum k sign s(F u), Y = Z + W has W = Y - Z in the
    subdifferential of lam Omega at Z, so Z is optimal: |W|^2 / 2 + lam Omega(Z).
    """

    F: Array
    w: Array
    lam: float
    neurons: tuple[Neuron, ...]
    slope: float = 0.0
    free: bool = False

    def outputs(self) -> Array:
        """Return Z, one column."""
        U = np.array([n.u for n in self.neurons], dtype=float).T
        z = self.F @ U
        weights = np.array([n.sign * n.k for n in self.neurons])
        return np.asarray((np.where(z > 0, z, self.slope * z) @ weights)[:, None])

    def data(self, g: Array | None = None, v: Array | None = None) -> Array:
        """Return Y = W + Z, W = w g^T and Z = z v^T; of one output without them."""
        one = np.ones(1)
        W = np.outer(self.w, one if g is None else g)
        return np.asarray(W + self.outputs() * (one if v is None else v))

    def factors(self, v: Array | None = None) -> tuple[Array, Array]:
        """Return U (d, r) and V (outputs, r)."""
        U = np.array([[n.k * x for x in n.u] for n in self.neurons], dtype=float).T
        signs = np.array([float(n.sign) for n in self.neurons])
        return U, np.outer(np.ones(1) if v is None else v, signs)

    def price(self) -> float:
        """Return sum k |u|: the directions have whole lengths."""
        parts = ((n.k, n.u[:-1] if self.free else n.u) for n in self.neurons)
        return float(sum(k * root(Fraction(sum(x * x for x in u))) for k, u in parts))

    def optimum(self, g: float = 1.0, dual: float = 1.0, size: float = 1.0) -> float:
        """Return the optimum, |g|^2, the dual norm of g and |v| as given."""
        return float(self.w @ self.w * g / 2 + self.lam * dual * size * self.price())

    def along(self, lam: float) -> float:
        """Return the multiple of Z that is best for another lam: the mistake of a wrong beta."""
        z = self.outputs()
        return float((z.T @ self.data())[0, 0] - lam * self.price()) / float((z * z).sum())


def scaled(factors: tuple[Array, Array], by: float) -> tuple[Array, Array]:
    """Multiply every neuron."""
    return by * factors[0], factors[1]


def without(factors: tuple[Array, Array], k: int | list[int]) -> tuple[Array, Array]:
    """Remove neuron k, or all of a list."""
    U, V = (np.delete(x, k, axis=1) for x in factors)
    return U, V


def turned(factors: tuple[Array, Array], by: float = 0.125) -> tuple[Array, Array]:
    """Move the weights: every column of U by its neighbour's coordinate."""
    return factors[0] + by * factors[0][::-1], factors[1]
