"""Polar balls { W : polar(W) <= r } with a cheap projection, and the gauges that go with them.

l1 x b                lines move to b's dual ball one by one;  Omega = sum of their norms b
x x^T, l2             eigenvalues of (W + W^T)/2 are cut at r; Omega = the trace, Z >= 0
l2 x l2, no signs     singular values of D^-1 W E^-1 are cut at r, D^2 and E^2 the weights: the
                      nearest W by the norm |D^-1 . E^-1|;  Omega = the sum of those of D Z E
"""

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np

from certify.atoms import Atom, Factors
from certify.base.arrays import Array, Ints
from certify.losses import Softmax
from certify.norms import Gauge
from certify.polar import eigen as spectra
from certify.polar.methods.multiplier import clip_singular, gram_svd
from certify.problem import Problem

NOTHING = 1e-12  # singular values under this share of the largest are rounding only


@dataclass(frozen=True)
class LineBall:
    """The polar ball of two norms, one of them l1."""

    left: Gauge
    right: Gauge

    metric: ClassVar[float] = 1.0

    @property
    def outer(self) -> Gauge:
        """The l1 side."""
        return self.left if self.left.axial else self.right

    @property
    def inner(self) -> Gauge:
        """The other side, whose norm each line is measured in."""
        return self.right if self.left.axial else self.left

    def transpose(self, M: Array) -> Array:
        """Return M with its lines as columns, or a matrix of lines turned back."""
        return M.T if self.left.axial else M

    def signs(self, count: int) -> list[tuple[float, Ints]]:
        """Return (sign, lines that the l1 side may take with it)."""
        low, high = self.outer.sides(count)
        up, down = np.flatnonzero(high > 0), np.flatnonzero(low < 0)
        if self.inner.free:  # both signs earn the same
            return [(1.0, np.union1d(up, down))]
        return [(sign, at) for sign, at in ((1.0, up), (-1.0, down)) if len(at)]

    def project(self, M: Array, radius: float) -> Array:
        """Return the nearest W of the ball."""
        out = self.transpose(M).copy()
        for sign, at in self.signs(out.shape[1]):
            out[:, at] = sign * self.inner.project_dual(sign * out[:, at], radius)
        return self.transpose(out)

    def polar(self, M: Array) -> float:
        """Return the polar of M in floats."""
        lines = self.transpose(M)
        return max(
            float(np.max(self.inner.dual(sign * lines[:, at]), initial=0.0))
            for sign, at in self.signs(lines.shape[1])
        )

    def factors(self, Z: Array) -> Factors:
        """Write Z, a point that the ball's proximal map returned, at its own gauge."""
        lines = self.transpose(Z)
        units, others = [], []
        for sign, part in self.decompose(lines):
            sizes = self.inner.value(part)
            keep = np.nonzero(sizes > 0)[0]
            root = np.sqrt(sizes[keep])
            unit = np.zeros((lines.shape[1], len(keep)))
            unit[keep, np.arange(len(keep))] = sign * root
            units.append(unit)
            others.append(self.inner.project_cone(part[:, keep] / root))
        first, second = np.hstack(units), np.hstack(others)
        return (first, second) if self.left.axial else (second, first)

    def decompose(self, lines: Array) -> list[tuple[float, Array]]:
        """Return (sign, lines in the inner cone) that add up to the lines."""
        low, high = self.outer.sides(lines.shape[1])
        if self.inner.free:
            flip = (high <= 0) & (low < 0)
            return [(1.0, lines * ~flip), (-1.0, -lines * flip)]
        parts = [(1.0, lines * (high > 0)), (-1.0, -lines * (low < 0))]
        return [(sign, self.inner.project_cone(part)) for sign, part in parts]

    def gauge(self, Z: Array) -> float:
        """Return Omega of a point that the proximal map returned."""
        return sum(float(np.sum(self.inner.value(p))) for _, p in self.decompose(self.transpose(Z)))


@dataclass(frozen=True)
class SpectralBall:
    """The polar ball of two l2 norms without signs; d and e are the roots of their weights."""

    d: Array
    e: Array

    @property
    def metric(self) -> Array | float:
        """(d_i e_j)^2: the weight of each entry of Z in the distance of the proximal map."""
        each = np.square(np.outer(self.d, self.e))
        return float(each[0, 0]) if (each == each[0, 0]).all() else each

    def project(self, M: Array, radius: float) -> Array:
        """Return the nearest W of the ball by the metric's inverse."""
        field = np.outer(self.d, self.e)
        return np.asarray(field * clip_singular(M / field, radius))

    def polar(self, M: Array) -> float:
        """Return the polar of M in floats."""
        return float(gram_svd(M / np.outer(self.d, self.e))[2].max(initial=0.0))

    def factors(self, Z: Array) -> Factors:
        """Write Z at its own gauge."""
        scaled = Z * np.outer(self.d, self.e)
        U, V = soft_threshold(scaled, 0.0, gram_svd(scaled))
        return U / self.d[:, None], V / self.e[:, None]

    def gauge(self, Z: Array) -> float:
        """Return Omega."""
        return float(gram_svd(Z * np.outer(self.d, self.e))[2].sum())


class SymmetricBall:
    """The polar ball of x x^T with |x|_2: { W : the largest eigenvalue of (W + W^T)/2 <= r }."""

    metric = 1.0

    def project(self, M: Array, radius: float) -> Array:
        """Return the nearest W of the ball; the skew part of M does not change."""
        values, vectors = np.linalg.eigh(spectra.demand_finite((M + M.T) / 2))
        return np.asarray(M - (vectors * np.maximum(values - radius, 0.0)) @ vectors.T)

    def polar(self, M: Array) -> float:
        """Return the polar of M in floats."""
        return max(spectra.largest_eigenvalue(spectra.demand_finite((M + M.T) / 2)), 0.0)

    def factors(self, Z: Array) -> Factors:
        """Return X with Z = X X^T, of a point Z that the ball's proximal map returned."""
        values, vectors = np.linalg.eigh(Z)
        keep = np.flatnonzero(values > NOTHING * values[-1])[::-1]
        return (vectors[:, keep] * np.sqrt(values[keep]),)

    def gauge(self, Z: Array) -> float:
        """Return Omega of a point that the proximal map returned."""
        return float(np.trace(Z))


AnyBall: TypeAlias = LineBall | SpectralBall | SymmetricBall


def is_pair(atom: Atom) -> bool:
    """Whether slices are u v^T: of a matrix, and of a tensor of order 2."""
    return atom.family in ("pairs", "products") and atom.parts == 2  # noqa: PLR2004


def is_square(atom: Atom) -> bool:
    """Whether slices are x x^T: of a symmetric matrix, and of a symmetric tensor of order 2."""
    tensor = atom.family == "products" and atom.parts == 1
    return atom.family == "squares" or (tensor and len(atom.gauges) == 2)  # noqa: PLR2004


def of(problem: Problem) -> AnyBall | None:
    """Return the problem's polar ball without weights, or None where no projection is known."""
    if is_square(problem.atom) and problem.atom.gauges[0].spherical:
        return SymmetricBall() if problem.atom.gauges[0].free else None
    if not is_pair(problem.atom):
        return None
    left, right = problem.atom.gauges
    if all(g.spherical and g.free for g in (left, right)):
        return around(problem)
    if not (left.axial or right.axial):
        return None
    ball = LineBall(left, right)
    split = ball.inner.free or ball.inner.cone in ("+", "-") or len(set(ball.outer.cone)) == 1
    return ball if split else None


def weighted(problem: Problem) -> SpectralBall | None:
    """Return the polar ball of l2 norms, at least one of them weighted; None for other atoms.

    None, too, for rows of classes where weights differ: their proximal map has one step.
    """
    atom = problem.atom
    if not is_pair(atom) or not all(g.free and g.is_round and g.exact for g in atom.gauges):
        return None
    around = (g.ellipsoids(k) for g, k in zip(atom.gauges, problem.loss.shape, strict=True))
    ball = SpectralBall(*(np.sqrt(x.weights) for x in around))
    rows = isinstance(problem.loss, Softmax) and not isinstance(ball.metric, float)
    return None if rows else ball


def around(problem: Problem) -> SpectralBall | None:
    """Return the ball of a matrix's l2 norms without signs, which lies in the one with signs."""
    atom = problem.atom
    known = is_pair(atom) and all(g.spherical for g in atom.gauges)
    return SpectralBall(*map(np.ones, problem.loss.shape)) if known else None


def soft_threshold(Y: Array, lam: float, parts: tuple[Array, Array, Array]) -> Factors:
    """Return balanced factors of Y with its singular values lowered by lam; parts: `gram_svd`."""
    tall, vectors, values = parts
    keep = np.nonzero(values > max(lam, NOTHING * values.max(initial=0.0)))[0][::-1]
    basis, sizes = vectors[:, keep], values[keep]
    root = np.sqrt(sizes - lam)
    long, short = (tall @ basis) * (root / sizes), basis * root
    return (long, short) if tall is Y else (short, long)
