"""The convex problem over Z = sum phi(X_i): its dual points, and factors of its optimum.

For least squares on full data without weights the best dual point is a projection:

    max d(W) = 1/2 |Y|^2 - 1/2 |Y - W|^2   over   polar(W) <= lam,

clip singular values at lam (l2 x l2), shrink lines one by one (an l1 side), and for
l2+ x l2+ its spectral relaxation max 1/2 |Y|^2 - 1/2 |(Y - S)_+|^2 over sigma_1(S) <= lam.
With masks, weights or offsets the same proximal maps drive an accelerated gradient method.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.base.minimize import Momentum
from certify.losses import Squared
from certify.polar.methods.multiplier import clip_singular, gram_svd, with_singular_values
from certify.problem import Problem, Values

from . import polar_ball
from .points import squared_loss
from .polar_ball import AnyBall, LineBall, SpectralBall, SymmetricBall

SMALL = 2000  # smaller side up to which all singular values are taken at once
ENTRIES = 2_000_000  # largest dense Z of the iterative method, for line norms
SPECTRAL_ENTRIES = 40_000  # and with a singular value decomposition in every step
STEPS = 400
SETTLED = 1e-13  # relative change of the dual value that ends an iteration; cost, never truth


@dataclass(frozen=True)
class Solution:
    """A dual point W, the multiplier N of nonnegative factors, and the optimum, if known."""

    W: Array
    N: Array | None = None
    factors: Factors | None = None
    q: Values | None = None


def solve(problem: Problem, expired: Callable[[], bool]) -> Solution | None:
    """Return the best dual point a convex method gives, or None if none is known here.

    Least squares; any other loss goes by `admm`.
    """
    loss, ball = squared_loss(problem), polar_ball.of(problem)
    m, n = loss.shape
    lines = isinstance(ball, LineBall)
    if not (polar_ball.around(problem) or ball) or (not lines and min(m, n) > SMALL):
        return None
    if loss.observed.full and loss.scale is None and commutes(problem, ball):
        Y = loss.data - problem.shift(problem.fit_offsets(np.zeros_like(loss.data)))
        return plain(problem, np.asarray(Y), ball, expired)
    if ball is None or m * n > (ENTRIES if lines else SPECTRAL_ENTRIES):
        return None
    return accelerate(problem, loss, ball, expired)


def commutes(problem: Problem, ball: AnyBall | None) -> bool:
    """Whether the projection keeps A* W = 0: no offsets, or means under l2 x l2."""
    means = all(o.means and o.ridge == 0 for o in problem.offsets)
    return not problem.offsets or (means and isinstance(ball, SpectralBall))


def plain(
    problem: Problem, Y: Array, ball: AnyBall | None, expired: Callable[[], bool]
) -> Solution | None:
    """Return the projection of Y on the polar ball, and the optimum's factors."""
    if isinstance(ball, SymmetricBall | LineBall):
        W = ball.project(Y, problem.lam)
        return Solution(W, factors=ball.factors(Y - W))
    one, other = ({"+": 1.0, "-": -1.0}.get(g.cone, 0.0) for g in problem.atom.gauges)
    if turn := one * other:  # the sign of every u_i v_j
        projection = nonnegative(turn * Y, problem.lam, expired)
        return Solution(turn * projection.W, None if projection.N is None else turn * projection.N)
    parts = gram_svd(Y)
    W = with_singular_values(Y, np.minimum(parts[2], problem.lam), parts)
    return Solution(
        W, factors=None if ball is None else polar_ball.soft_threshold(Y, problem.lam, parts)
    )


def nonnegative(Y: Array, lam: float, expired: Callable[[], bool]) -> Solution:
    """Maximize -1/2 |(Y - S)_+|^2 over sigma_1(S) <= lam by an accelerated gradient.

    W = min(S, Y) has W + N = S with N = (S - Y)_+ >= 0, so its polar is at most lam.
    """
    run, value = Momentum(clip_singular(Y, lam)), np.inf
    for _ in range(STEPS):
        S = clip_singular(run.ahead + np.maximum(Y - run.ahead, 0.0), lam)
        run.move(S)
        old, value = value, float(np.square(np.maximum(Y - S, 0.0)).sum())
        if abs(old - value) <= SETTLED * value or expired():
            break
    return Solution(np.minimum(S, Y), np.maximum(S - Y, 0.0))


def accelerate(
    problem: Problem, loss: Squared, ball: AnyBall, expired: Callable[[], bool]
) -> Solution:
    """Minimize F(Z) = min_q l(Z + A q) + lam Omega(Z) by accelerated proximal gradients."""
    scale = 1.0 if loss.scale is None else float(loss.scale.max())
    run = Momentum(np.zeros(loss.shape))
    least = 1e-15 * float(np.abs(loss.data).max(initial=0.0))  # where Z is nothing but rounding
    for _ in range(STEPS * 5):
        W = residual(problem, loss, run.ahead)
        moved = run.ahead + loss.observed.spread(W) / scale
        Z = moved - ball.project(moved, problem.lam / scale)
        change, size = float(np.abs(Z - run.x).max()), float(np.abs(Z).max(initial=0.0))
        run.move(Z)
        if change <= 1e-12 * size + least or expired():
            break
    return Solution(residual(problem, loss, Z), factors=ball.factors(Z))


def residual(problem: Problem, loss: Squared, Z: Array) -> Array:
    """Return w (Y - Z - A q) at the best q, a field."""
    seen = loss.observed.field(Z)
    return loss.weigh(loss.data - seen - problem.shift(problem.fit_offsets(seen)))
