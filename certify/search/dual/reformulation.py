"""Dual points of least squares on full data without weights, and factors of the optimum.

The best dual point of the convex problem over Z = sum phi(X_i) is a projection:

    max d(W) = 1/2 |Y|^2 - 1/2 |Y - W|^2   over   polar(W) <= lam,

clip singular values at lam (l2 x l2), shrink lines one by one (an l1 side), and for
l2+ x l2+ its spectral relaxation max 1/2 |Y|^2 - 1/2 |(Y - S)_+|^2 over sigma_1(S) <= lam.
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
from .polar_ball import AnyBall, LineBall, SpectralBall, SymmetricBall

SMALL = 2000  # smaller side up to which all singular values are taken at once
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
    """Return the best dual point, or None where it is no projection."""
    loss, ball = problem.loss, polar_ball.of(problem)
    if not (isinstance(loss, Squared) and loss.observed.full and loss.scale is None):
        return None
    small = isinstance(ball, LineBall) or min(loss.shape) <= SMALL
    if not (ball or polar_ball.around(problem)) or not small or not commutes(problem, ball):
        return None
    Y = loss.data - problem.shift(problem.fit_offsets(np.zeros_like(loss.data)))
    return plain(problem, np.asarray(Y), ball, expired)


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
