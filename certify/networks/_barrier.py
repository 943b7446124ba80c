"""A primal-dual interior-point method for the program of cells.

W = -grad E of its points is inside the dual of every cell, so the gap that is left is the
method's own and not its square root.  |x| is smoothed to the least value of its barrier,

    min over t of lam t - mu log(t^2 - |x|^2),  t = e + sqrt(e^2 + |x|^2),  e = mu / lam.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from certify._arrays import Array
from certify.problem import Values

from ._cells import Cells, Program

STEPS = 150  # of Newton
INSIDE = 0.995  # of the way to the boundary
FAST, SLOW = 0.1, 0.5  # of the mean product: the next one, after a long and a short step
LONG, SHORT = 0.7, 1e-10  # steps of these lengths
NEAR = 0.05  # of a neuron's typical pre-activation: the least slack to start from
SETTLED = 1e-9  # relative residuals that are allowed at the end
JITTER = 1e-14  # of a matrix's diagonal, so that it has a Cholesky factor


@dataclass
class Point:
    """x and q in z; the slacks g and the multipliers y of the cells' borders."""

    z: Array
    g: Array
    y: Array

    def moved(self, by: "Point", t: float) -> "Point":
        """Return the point a step further."""
        return Point(self.z + t * by.z, self.g + t * by.g, self.y + t * by.y)


class Barrier:
    """The program's functions, at ordinary scales."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.layer = program.net.layer
        self.lam = program.problem.lam
        self.d, self.r = program.cells.x.shape
        F = self.layer.features
        borders = np.abs(F).max(axis=1, initial=0.0) > 0
        if self.layer.slope == 1:
            borders[:] = False
        self.F = F[borders]
        self.signs = np.where(program.cells.S[borders] == 1, 1.0, -1.0)
        self.priced = self.d - int(self.layer.free)
        x = program.cells.x
        away = np.abs(self.F @ x)
        self.typical = np.maximum(away.mean(axis=0) if len(away) else np.ones(self.r), 1e-300)
        size = float(np.linalg.norm(x, axis=0).max(initial=0.0))
        self.typical = np.maximum(self.typical, 1e-3 * self.typical.max(initial=size))

    @property
    def count(self) -> int:
        """The number of products that are mu."""
        return int(self.signs.size + 2 * self.r)

    def split(self, z: Array) -> tuple[Array, Array]:
        """Return x (d, r) and q of a vector."""
        return z[: self.d * self.r].reshape(self.r, self.d).T, z[self.d * self.r :]

    def start(self, mu: float) -> Point:
        """Return a point inside, near the cells' neurons."""
        z = self.program.start()
        g = np.maximum(self.borders(z), NEAR * self.typical)
        return Point(z, g, mu / g)

    def borders(self, z: Array) -> Array:
        """Return the pre-activations, positive inside."""
        return self.signs * (self.F @ self.split(z)[0])

    def back(self, y: Array) -> Array:
        """Return the adjoint of `borders`, as a vector of all x."""
        return np.asarray((self.F.T @ (self.signs * y)).T.reshape(-1))

    def lengths(self, z: Array, e: float) -> Array:
        """Return sqrt(e^2 + |x|^2) of each neuron."""
        x = self.split(z)[0][: self.priced]
        return np.asarray(np.sqrt(e * e + np.square(x).sum(axis=0)))

    def residuals(self, p: Point, mu: float) -> tuple[Array, Array, Array]:
        """Return the slope in z, the slacks' defect, and the products' defect."""
        e = mu / self.lam
        x, q = self.split(p.z)
        slope = -self.program.design.T @ self.W(p.z).reshape(-1)
        pull = self.lam * x / (e + self.lengths(p.z, e))
        pull[self.priced :] = 0.0
        own = pull.T.reshape(-1) - self.back(p.y)
        slope += np.concatenate([own, self.program.offsets[1] @ q])
        return slope, self.borders(p.z) - p.g, p.g * p.y - mu

    def W(self, z: Array) -> Array:
        """Return -grad E."""
        return self.program.smoothed.at(self.program.field(z)).W

    def size(self, p: Point, mu: float) -> float:
        """Return the residuals' size, each relative to its own unit."""
        slope, border, product = self.residuals(p, mu)
        parts = (slope / self.lam, border / self.typical, product / mu)
        return float(np.sqrt(sum(np.square(a).sum() for a in parts)))

    def matrix(self, p: Point, mu: float) -> Array:
        """Return the second derivative in z, slacks and multipliers taken out."""
        program, e = self.program, mu / self.lam
        B = program.curved(program.field(p.z))
        H = B.T @ B
        n = self.d * self.r
        H[n:, n:] += program.offsets[1]
        weighted = self.F.T[None] * (p.y / p.g).T[:, None, :]
        blocks = weighted @ self.F
        x, rho = self.split(p.z)[0][: self.priced], self.lengths(p.z, e)
        for k in range(self.r):
            bend = np.eye(self.priced) / (e + rho[k])
            bend -= np.outer(x[:, k], x[:, k]) / (rho[k] * (e + rho[k]) ** 2)
            blocks[k, : self.priced, : self.priced] += self.lam * bend
            at = slice(k * self.d, k * self.d + self.d)
            H[at, at] += blocks[k]
        return np.asarray(H)

    def direction(self, p: Point, mu: float) -> Point:
        """Return Newton's step toward the products mu."""
        slope, border, product = self.residuals(p, mu)
        held = (-product - p.y * border) / p.g
        right = -slope
        right[: self.d * self.r] += self.back(held)
        dz = solved(self.matrix(p, mu), right)
        dg = self.borders(dz) + border
        return Point(dz, dg, (-product - p.y * dg) / p.g)


def solved(H: Array, right: Array) -> Array:
    """Return H^-1 right for H nearly singular."""
    diagonal = np.maximum(H.diagonal(), 1e-300)
    root = 1 / np.sqrt(diagonal)
    scaled = root[:, None] * H * root
    for k in range(8):
        try:
            factor = linalg.cho_factor(scaled + JITTER * 100.0**k * np.eye(len(H)), lower=True)
        except linalg.LinAlgError:
            continue
        out = linalg.cho_solve(factor, root * right)
        rest = root * right - scaled @ out
        return np.asarray(root * (out + linalg.cho_solve(factor, rest)))
    return np.asarray(root * np.linalg.lstsq(scaled, root * right, rcond=None)[0])


def longest(a: Array, da: Array) -> float:
    """Return the longest step, at most 1, that keeps a positive."""
    falling = da < 0
    return float(min(1.0, (INSIDE * a[falling] / -da[falling]).min(initial=1.0)))


def solve(
    program: Program, gap: float, wanted: float, expired: Callable[[], bool]
) -> tuple[Cells, Values, Array, int]:
    """Return the cells' neurons, q, W and the steps; gap is about what is to be gained.

    wanted: the gap at which it may stop.
    """
    held = Barrier(program)
    mu = max(gap, wanted) / max(held.count, 1)
    p, least, steps = held.start(mu), 0.5 * wanted / max(held.count, 1), 0
    for steps in range(1, STEPS + 1):
        by = held.direction(p, mu)
        if not np.isfinite(by.z).all():
            break
        t = min(longest(p.g, by.g), longest(p.y, by.y))
        before = held.size(p, mu)
        while t > SHORT and not held.size(p.moved(by, t), mu) <= (1 - 0.01 * t) * before:
            t *= 0.5
        if t <= SHORT:
            break
        p = p.moved(by, t)
        slope, border, _ = held.residuals(p, mu)
        exact = np.abs(slope).max() <= SETTLED**0.5 * held.lam
        exact = exact and np.abs(border / held.typical).max(initial=0.0) <= SETTLED**0.5
        if expired() or (exact and mu <= least):
            break
        mean = float((p.g * p.y).mean()) if p.g.size else mu
        if held.size(p, mu) <= 0.5 * held.count**0.5 or t >= LONG:
            mu = max(min(mu, (FAST if t >= LONG else SLOW) * max(mean, mu * FAST)), least * 0.99)
    cells, q = program.ended(p.z)
    return cells, q, held.W(p.z), steps
