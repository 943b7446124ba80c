"""A primal-dual interior-point method for the program of cells.

Borders F x >= 0 have slacks g and multipliers y; the price lam |x| is lam t over the cone
|x| <= t, whose multiplier is (lam, s), |s| <= lam.  W = -grad E of its points is inside the
dual of every cell but for a residual, so the gap that is left is the method's own and not
its square root.  Steps are Newton's, scaled by Nesterov and Todd's point in the cones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import linalg

from certify.base.arrays import Array
from certify.problem import Values

from .cells import CellProgram, Cells

STEPS = 100
INSIDE = 0.99  # of the way to the boundary
FIRST = 0.3  # of the price of all neurons: the gap to start from
NEAR = 1e-7  # of a neuron's typical pre-activation: the least slack to start from
LIFT = 1e4  # of the largest pre-activation: a border that far never counts
SETTLED = 1e-7  # residuals, relative to lam and to a typical pre-activation, at the end
STEADY = 1e-10  # of the offsets' largest second derivative, where some q change nothing
JITTER = 1e-15  # of a matrix's diagonal, so that it has a Cholesky factor
FACTORS, REFINED = 8, 2  # jitters tried, and steps that undo their error
WORSE, HALVINGS = 2.0, 12  # how much a step may raise the slope's residual
STUCK = 1e-9  # a step this short ends the method
Solver = Callable[[Array], Array]


@dataclass
class Point:
    """x and q in z; slacks g, multipliers y; t and s (priced, r) of the cones."""

    z: Array
    g: Array
    y: Array
    t: Array
    s: Array

    def advance(self, by: "Point", step: float) -> "Point":
        """Return the point a step further."""
        names = ("z", "g", "y", "t", "s")
        return Point(*(getattr(self, n) + step * getattr(by, n) for n in names))


class Scaling(NamedTuple):
    """Nesterov and Todd's point of each cone: w = (w0, w1), w0^2 - |w1|^2 = 1, and its size."""

    w0: Array
    w1: Array
    size: Array  # the fourth root of det(t, x) / det(lam, s), squared

    @property
    def top(self) -> Array:
        """The first diagonal entry of the scaling's inverse square."""
        return (2 * self.w0**2 - 1) / self.size


class Barrier:
    """The program's functions."""

    def __init__(self, program: CellProgram) -> None:
        self.program = program
        self.layer = program.net.layer
        self.lam = np.float64(program.problem.lam)  # whose square overflows without an error
        self.d, self.r = program.cells.x.shape
        self.mask = program.cells.mask
        F = self.layer.features
        borders = np.abs(F).max(axis=1, initial=0.0) > 0
        borders &= self.layer.slope != 1
        self.F = F[borders]
        self.signs = np.where(program.cells.S[borders] == 1, 1.0, -1.0)
        self.priced = self.d - int(self.layer.free)
        away = np.abs(self.F @ program.cells.x)
        typical = away.mean(axis=0) if len(away) else np.ones(self.r)
        self.typical = np.maximum(typical, max(1e-3 * float(typical.max()), 1e-300))
        one_sided = self.layer.free & (program.cells.mask[-1] == 0)
        self.lift = np.where(one_sided, LIFT * self.typical.max(), 0.0)  # no border there

    @property
    def count(self) -> int:
        """The number of products that are mu."""
        return int(self.signs.size + self.r)

    def split(self, z: Array) -> tuple[Array, Array]:
        """Return x (d, r) and q of a vector."""
        return z[: self.d * self.r].reshape(self.r, self.d).T, z[self.d * self.r :]

    def x(self, z: Array) -> Array:
        """Return the priced part of the neurons."""
        return self.split(z)[0][: self.priced]

    def whole(self, s: Array) -> Array:
        """Return a vector of all x that is s where x is priced, else zero."""
        out = np.zeros((self.d, self.r))
        out[: self.priced] = s
        return out.T.reshape(-1)

    def start(self, mu: float) -> Point:
        """Return a point inside, near the cells' neurons."""
        z = self.program.start()
        g = np.maximum(self.borders(z), NEAR * self.typical)
        x, e = self.x(z), mu / self.lam
        rho = np.sqrt(0.25 * e * e + np.square(x).sum(axis=0))
        return Point(z, g, mu / g, 0.5 * e + rho, -self.lam * x / (0.5 * e + rho))

    def borders(self, z: Array) -> Array:
        """Return the pre-activations, positive inside."""
        return np.asarray(self.linear_part(z) + self.lift)

    def linear_part(self, z: Array) -> Array:
        """Return the linear part of `borders`."""
        return np.asarray(self.signs * (self.F @ (self.mask * self.split(z)[0])))

    def back(self, y: Array) -> Array:
        """Return the adjoint of `borders`, as a vector of all x."""
        return np.asarray((self.mask * (self.F.T @ (self.signs * y))).T.reshape(-1))

    def slope(self, p: Point) -> Array:
        """Return grad E - G^T y - s + K q: zero at the optimum."""
        gradient = -self.program.design.T @ self.W(p.z).reshape(-1)
        pull = self.back(p.y) + self.whole(p.s)
        gradient += np.concatenate([-pull, self.program.offsets[1] @ self.split(p.z)[1]])
        return np.asarray(gradient)

    def W(self, z: Array) -> Array:
        """Return -grad E."""
        return self.program.smoothed.at(self.program.field(z)).W

    def products(self, p: Point) -> float:
        """Return the sum of g y and of the cones' products: the gap but for residuals."""
        cones = self.lam * p.t.sum() + (self.x(p.z) * p.s).sum()
        return float((p.g * p.y).sum() + cones)

    def scaling(self, p: Point) -> Scaling:
        """Return the scaling points of the cones."""
        x, lam = self.x(p.z), self.lam
        one = np.sqrt(np.maximum(p.t**2 - np.square(x).sum(axis=0), 1e-300))
        two = np.sqrt(np.maximum(lam**2 - np.square(p.s).sum(axis=0), 1e-300))
        inner = (p.t * lam + (x * p.s).sum(axis=0)) / (one * two)
        both = 2 * np.sqrt(0.5 * (1 + inner))
        w1 = (x / one - p.s / two) / both
        return Scaling(np.sqrt(1 + np.square(w1).sum(axis=0)), w1, one / two)

    def curvature(self, p: Point, at: Scaling) -> "Curvature":
        """Return the second derivative in z, the other unknowns eliminated."""
        B = self.program.curvature_factor(self.program.field(p.z))
        n, K = self.d * self.r, self.program.offsets[1]
        steep = np.square(B[:, n:]).sum(axis=0) + K.diagonal()
        K = K + STEADY * float(steep.max(initial=0.0)) * np.eye(len(K))
        blocks = (self.F.T[None] * (p.y / p.g).T[:, None, :]) @ self.F
        mask, each = self.mask.T, np.arange(self.d)
        blocks *= mask[:, :, None] * mask[:, None, :]
        blocks[:, each, each] += 1.0 - mask
        wide = at.w1.T / np.sqrt(at.w0**2 - 0.5)[:, None]
        bend = np.eye(self.priced) - wide[:, :, None] * wide[:, None, :]
        blocks[:, : self.priced, : self.priced] += bend / at.size[:, None, None]
        return Curvature(B, blocks, K)

    def step(self, p: Point, at: Scaling, solver: Solver, aim: tuple[float, Array]) -> Point:
        """Return Newton's step to the products mu; aim is mu and the borders' correction."""
        mu, correction = aim
        x, off = self.x(p.z), self.borders(p.z) - p.g
        det = np.maximum(p.t**2 - np.square(x).sum(axis=0), 1e-300)
        first, rest = mu * p.t / det - self.lam, -mu * x / det - p.s
        cross = -2 * at.w0 * at.w1 / at.size
        wanted = mu - p.g * p.y - correction
        right = -self.slope(p)
        right[: self.d * self.r] += self.back((wanted - p.y * off) / p.g)
        right[: self.d * self.r] += self.whole(rest - cross * (first / at.top))
        dz = solver(right)
        dx, dg = self.x(dz), self.linear_part(dz) + off
        dt = (first - (cross * dx).sum(axis=0)) / at.top
        bend = (2 * at.w1 * (at.w1 * dx).sum(axis=0) + dx) / at.size
        return Point(dz, dg, (wanted - p.y * dg) / p.g, dt, rest - cross * dt - bend)

    def longest(self, p: Point, by: Point) -> float:
        """Return the longest step, at most 1, that stays inside all cones."""
        steps = [ratio(p.g, by.g), ratio(p.y, by.y)]
        steps.append(cone_ratio(p.t, self.x(p.z), by.t, self.x(by.z)))
        steps.append(cone_ratio(np.full(self.r, self.lam), p.s, np.zeros(self.r), by.s))
        return min(1.0, INSIDE * min(steps))


class Curvature(NamedTuple):
    """H = B^T B + diag(D_1, ..., D_r, K): a d x d block for each neuron, and one for q."""

    B: Array
    blocks: Array
    K: Array

    @property
    def finite(self) -> bool:
        """Whether all numbers are."""
        return all(bool(np.isfinite(x).all()) for x in self)

    def solver(self) -> Solver:
        """Return the map to H^-1 b for H nearly singular, by what is smaller: H, or B B^T."""
        if len(self.B) < self.blocks.shape[0] * self.blocks.shape[1]:
            return self.solver_by_rows()
        H, n, d = self.B.T @ self.B, len(self.blocks), self.blocks.shape[1]
        H[n * d :, n * d :] += self.K
        for k, block in enumerate(self.blocks):
            H[k * d : k * d + d, k * d : k * d + d] += block
        return solver_of(H)

    def times(self, z: Array) -> Array:
        """Return H z."""
        r, d, _ = self.blocks.shape
        own = np.einsum("rij,rj->ri", self.blocks, z[: r * d].reshape(r, d)).reshape(-1)
        return np.asarray(self.B.T @ (self.B @ z) + np.concatenate([own, self.K @ z[r * d :]]))

    def solver_by_rows(self) -> Solver:
        """Return the map to H^-1 b by S = I + X D^-1 X^T, B = (X, Q).

        H^-1 = D^-1 - D^-1 X^T S^-1 X D^-1 in the neurons,  Q^T S^-1 Q + K in what is left
        """
        r, d, _ = self.blocks.shape
        X, Q = self.B[:, : r * d], self.B[:, r * d :]
        scale = 1 / np.sqrt(np.maximum(np.diagonal(self.blocks, axis1=1, axis2=2), 1e-300))
        values, vectors = np.linalg.eigh(scale[:, :, None] * self.blocks * scale[:, None, :])
        half = scale[:, :, None] * vectors / np.sqrt(np.maximum(values, JITTER))[:, None, :]
        D = half @ half.transpose(0, 2, 1)  # D^-1

        def over(x: Array) -> Array:
            """Return D^-1 x."""
            return np.asarray(np.einsum("rij,rj->ri", D, x.reshape(r, d)).reshape(-1))

        M = np.einsum("nri,rij->nrj", X.reshape(-1, r, d), half).reshape(len(X), -1)
        S = linalg.cho_factor(np.eye(len(X)) + M @ M.T, lower=True, check_finite=False)
        pulled = linalg.cho_solve(S, Q, check_finite=False) if Q.size else Q
        rest = Q.T @ pulled + self.K

        def once(b: Array) -> Array:
            """Return about H^-1 b."""
            x, q = b[: r * d], b[r * d :]
            pull = q - pulled.T @ (X @ over(x))
            move = np.asarray(np.linalg.lstsq(rest, pull, rcond=None)[0] if len(q) else q)
            y = over(x - X.T @ (Q @ move))
            back = linalg.cho_solve(S, X @ y, check_finite=False)
            return np.concatenate([y - over(X.T @ back), move])

        def solve_by(right: Array) -> Array:
            """Solve, and undo the rounding errors."""
            out = once(right)
            for _ in range(REFINED):
                out = out + once(right - self.times(out))
            return out

        return solve_by


def solver_of(H: Array) -> Solver:
    """Return the map to H^-1 b for H nearly singular."""
    root = 1 / np.sqrt(np.maximum(H.diagonal(), 1e-300))
    scaled = root[:, None] * H * root
    for k in range(FACTORS):
        try:
            more = JITTER * 100.0**k * np.eye(len(H))
            factor = linalg.cho_factor(scaled + more, lower=True, check_finite=False)
        except linalg.LinAlgError:
            continue

        def solve_by(right: Array, factor: object = factor) -> Array:
            """Solve, and undo the jitter's error; what is not finite stays so."""
            b = root * right
            out = linalg.cho_solve(factor, b, check_finite=False)
            for _ in range(REFINED):
                out = out + linalg.cho_solve(factor, b - scaled @ out, check_finite=False)
            return np.asarray(root * out)

        return solve_by
    return lambda right: np.asarray(root * np.linalg.lstsq(scaled, root * right, rcond=None)[0])


def ratio(a: Array, da: Array) -> float:
    """Return the longest step that keeps a positive."""
    falling = da < 0
    return float((a[falling] / -da[falling]).min(initial=np.inf))


def cone_ratio(t: Array, x: Array, dt: Array, dx: Array) -> float:
    """Return the longest step that keeps |x| <= t in each column."""
    a = dt**2 - np.square(dx).sum(axis=0)
    b = t * dt - (x * dx).sum(axis=0)
    c = np.maximum(t**2 - np.square(x).sum(axis=0), 0.0)
    root = np.sqrt(np.maximum(b * b - a * c, 0.0))
    with np.errstate(all="ignore"):  # the roots of a s^2 + 2 b s + c, without cancelling
        q = -(b + np.where(b >= 0, root, -root))
        both = np.stack([q / a, c / q])
    real = (b * b - a * c >= 0) & np.isfinite(both) & (both > 0)
    out = float(np.where(real, both, np.inf).min(initial=np.inf))
    return min(out, ratio(t, dt))


def solve(
    program: CellProgram, wanted: float, expired: Callable[[], bool]
) -> tuple[Cells, Values, Array, int]:
    """Return the cells' neurons, q, W and the steps taken.

    wanted: the gap at which it may stop.
    """
    barrier = Barrier(program)
    size = program.problem.lam * float(program.net.layer.size(program.cells.x).sum())
    p, steps = barrier.start(max(FIRST * size, wanted) / barrier.count), 0
    while steps < STEPS:
        steps += 1
        at = barrier.scaling(p)
        curvature = barrier.curvature(p, at)
        if not curvature.finite:
            break
        try:
            by = newton_step(barrier, p, at, curvature.solver(), 0.3 * wanted / barrier.count)
        except linalg.LinAlgError:  # its numbers left the floats
            break
        if not np.isfinite(by.z).all():
            break
        new, t = longest_step(barrier, p, by)
        p = new
        off = np.abs((barrier.borders(p.z) - p.g) / barrier.typical).max(initial=0.0)
        exact = off <= SETTLED and np.abs(barrier.slope(p)).max() <= SETTLED * barrier.lam
        if (exact and barrier.products(p) <= wanted) or t <= STUCK or expired():
            break
    cells, q = program.finish(p.z)
    return cells, q, barrier.W(p.z), steps


def newton_step(barrier: Barrier, p: Point, at: Scaling, solver: Solver, least: float) -> Point:
    """Return Mehrotra's step: straight on first, then to the products mu, at the least `least`."""
    mean, zero = barrier.products(p) / barrier.count, np.zeros_like(p.g)
    straight = barrier.step(p, at, solver, (0.0, zero))
    long = barrier.longest(p, straight)
    ahead = barrier.products(p.advance(straight, long)) / barrier.count
    left = ahead / mean if mean else 0.0  # products may underflow
    mu = max(mean * float(np.clip(left**3, 1e-4, 1.0)), least)
    return barrier.step(p, at, solver, (mu, long**2 * straight.g * straight.y))


def longest_step(barrier: Barrier, p: Point, by: Point) -> tuple[Point, float]:
    """Take the longest step, shorter while it raises the slope's residual much."""
    t = barrier.longest(p, by)
    before = float(np.abs(barrier.slope(p)).max())
    for _ in range(HALVINGS):
        new = p.advance(by, t)
        after = float(np.abs(barrier.slope(new)).max())
        if after <= WORSE * before + 0.1 * barrier.lam:
            break
        t *= 0.5
    return new, t
