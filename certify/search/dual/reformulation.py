"""The convex problem over Z = sum phi(X_i): its dual points, and factors of its optimum.

For least squares on full data without weights the best dual point is a projection:

    max d(W) = 1/2 |Y|^2 - 1/2 |Y - W|^2   over   polar(W) <= lam,

as `polar_ball` knows it.  With masks, weights or offsets the same projection drives an accelerated
gradient method.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.base.minimize import Momentum
from certify.losses import Squared
from certify.polar.methods.multiplier import gram_svd, with_singular_values
from certify.problem import Problem, Values

from . import polar_ball
from .points import squared_loss
from .polar_ball import AnyBall, LineBall, SpectralBall

SMALL = 2000  # smaller side up to which all singular values are taken at once
ENTRIES = 2_000_000  # largest dense Z of the iterative method, for line norms
SPECTRAL_ENTRIES = 40_000  # and with a singular value decomposition in every step
STEPS = 2000


@dataclass(frozen=True)
class Solution:
    """A dual point W, and the optimum, if known."""

    W: Array
    factors: Factors | None = None
    q: Values | None = None


def solve(problem: Problem, expired: Callable[[], bool]) -> Solution | None:
    """Return the best dual point a convex method gives, or None if none is known here.

    Least squares; any other loss goes by `admm`.
    """
    loss, ball = squared_loss(problem), polar_ball.of(problem)
    m, n = loss.shape
    lines = isinstance(ball, LineBall)
    if ball is None or (not lines and min(m, n) > SMALL):
        return None
    if loss.observed.full and loss.scale is None and commutes(problem, ball):
        Y = loss.data - problem.shift(problem.fit_offsets(np.zeros_like(loss.data)))
        return plain(np.asarray(Y), ball, problem.lam)
    if m * n > (ENTRIES if lines else SPECTRAL_ENTRIES):
        return None
    return accelerate(problem, loss, ball, expired)


def commutes(problem: Problem, ball: AnyBall) -> bool:
    """Whether the projection keeps A* W = 0: no offsets, or means under l2 x l2."""
    means = all(o.means and o.ridge == 0 for o in problem.offsets)
    return not problem.offsets or (means and isinstance(ball, SpectralBall))


def plain(Y: Array, ball: AnyBall, lam: float) -> Solution:
    """Return the projection of Y on the polar ball, and the optimum's factors."""
    if not isinstance(ball, SpectralBall):
        W = ball.project(Y, lam)
        return Solution(W, ball.factors(Y - W))
    parts = gram_svd(Y)
    W = with_singular_values(Y, np.minimum(parts[2], lam), parts)
    return Solution(W, polar_ball.soft_threshold(Y, lam, parts))


def accelerate(
    problem: Problem, loss: Squared, ball: AnyBall, expired: Callable[[], bool]
) -> Solution:
    """Minimize F(Z) = min_q l(Z + A q) + lam Omega(Z) by accelerated proximal gradients."""
    scale = 1.0 if loss.scale is None else float(loss.scale.max())
    run = Momentum(np.zeros(loss.shape))
    least = 1e-15 * float(np.abs(loss.data).max(initial=0.0))  # where Z is nothing but rounding
    for _ in range(STEPS):
        W = residual(problem, loss, run.ahead)
        moved = run.ahead + loss.observed.spread(W) / scale
        Z = moved - ball.project(moved, problem.lam / scale)
        change, size = float(np.abs(Z - run.x).max()), float(np.abs(Z).max(initial=0.0))
        run.move(Z)
        if change <= 1e-12 * size + least or expired():
            break
    return Solution(residual(problem, loss, Z), ball.factors(Z))


def residual(problem: Problem, loss: Squared, Z: Array) -> Array:
    """Return w (Y - Z - A q) at the best q, a field."""
    seen = loss.observed.field(Z)
    return loss.weigh(loss.data - seen - problem.shift(problem.fit_offsets(seen)))
