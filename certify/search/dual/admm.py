"""The convex problem over Z for any loss, by alternating directions.

    min l(X) + H(q) + lam Omega(Z)   over   X = Z + A q

X moves by the loss's proximal map, Z by Omega's, q by least squares.  The multiplier

    W = projection on { polar <= lam } of   W + rho (X - A q)

(rho times the ball's metric, by whose inverse the projection is the nearest point)

is in the polar ball at every step, and near the loss's dual domain at the end.  So it needs
no gradient and serves losses that have none.  Where the projection is cheap: l2 x l2 (clip
singular values, also under weights), an l1 side (lines one by one) and x x^T with |x|_2 (clip
eigenvalues).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.base.arrays import Array
from certify.problem import Problem, Values
from certify.problem.best_offsets import least_squares

from . import scaling
from .polar_ball import AnyBall

STEPS, EVERY = 6000, 20  # steps at most, and how often the gap is measured
RELAX = 1.6  # over-relaxation
CLOSED = 1e-10  # relative gap that ends the iteration; cost, never truth
NEAR = 1e-8  # relative distance from W to the loss's domain that a bound allows; cost, too
SETTLED = 1e-9  # relative distance of X and Z that is enough where no gap is known
EARLY = 400  # steps in which rho is balanced often
UNEVEN, MOST = 1.5, 10.0  # residuals this far apart move rho, by at most this factor


@dataclass
class Iterate:
    """X and Z (m, n), q, the multiplier W (m, n) and the price rho of X != Z + A q."""

    X: Array
    Z: Array
    q: Values
    W: Array
    rho: float


@dataclass(frozen=True)
class Split:
    """The best Z and q seen, and the best W, a field."""

    Z: Array
    q: Values
    W: Array


def solve(problem: Problem, ball: AnyBall, expired: Callable[[], bool], wanted: float) -> Split:
    """Iterate until the gap is `wanted`; Z and W are the best seen of each."""
    now = first(problem)
    upper, lower = np.inf, -np.inf
    best = (now.Z, now.q, ball.project(now.W, problem.lam))
    for k in range(1, STEPS + 1):
        measured = not k % EVERY or expired()
        primal, dual = step(problem, ball, now, exact=measured)
        if not measured:
            continue
        value, bound = both_values(problem, ball, now)
        if value < upper:
            upper, best = value, (now.Z, now.q, best[2])
        if bound >= lower:  # -inf >= -inf: the last one, where none gives a bound
            lower, best = bound, (*best[:2], now.W)
        if np.isfinite(upper):
            closed = upper - lower <= max(wanted, CLOSED * abs(upper))
        else:  # Z is outside the domain by a rounding, but X is not
            closed = primal <= SETTLED * float(np.linalg.norm(now.X))
        if closed or expired():
            break
        rebalance(now, primal, dual, k)
    Z, q, W = best
    return Split(Z, q, problem.loss.observed.field(W))


def first(problem: Problem) -> Iterate:
    """Start from zero; rho balances the sizes of W and of the first move of X."""
    loss, observed = problem.loss, problem.loss.observed
    Z = np.zeros(loss.shape)
    q = tuple(np.zeros(o.shape(observed)) for o in problem.offsets)
    near = loss.prox(observed.field(Z), 1.0)
    size = float(np.sqrt(np.mean(np.square(near))))
    pull = float(np.sqrt(np.mean(np.square(near - observed.field(Z)))))
    rho = min(max(pull / size, 1e-3), 1e3) if size > 0 else 1.0
    return Iterate(Z, Z, q, np.zeros(loss.shape), rho)


def step(problem: Problem, ball: AnyBall, now: Iterate, *, exact: bool) -> tuple[float, float]:
    """Move X, Z, q and W once; return the sizes of the primal and the dual residual.

    exact  whether several offsets are fitted together, so that W is orthogonal to the free ones
    """
    observed, rho = problem.loss.observed, now.rho * ball.metric
    each = observed.field(rho) if isinstance(rho, np.ndarray) else rho
    fit = now.Z + shift(problem, now.q)
    at = fit - now.W / rho
    now.X = observed.spread(problem.loss.prox(observed.field(at), 1 / each), at)
    ahead = RELAX * now.X + (1 - RELAX) * fit
    pushed = rho * (ahead - shift(problem, now.q)) + now.W
    W = ball.project(pushed, problem.lam)
    before, now.Z = now.Z, (pushed - W) / rho
    if problem.offsets:
        now.q = fit_offsets(problem, ahead + now.W / rho - now.Z, now.q, each, exact=exact)
        W = now.W + rho * (ahead - now.Z - shift(problem, now.q))
    now.W = W
    gap = float(np.linalg.norm(now.X - now.Z - shift(problem, now.q)))
    return gap, float(np.linalg.norm(rho * (now.Z - before)))


def shift(problem: Problem, q: Values) -> Array | float:
    """Return A q as an (m, n) array."""
    if not problem.offsets:
        return 0.0
    observed = problem.loss.observed
    return observed.spread(np.asarray(problem.shift(q)))


def fit_offsets(
    problem: Problem, target: Array, q: Values, rho: Array | float, *, exact: bool
) -> Values:
    """Return the argmin of H + 1/2 sum rho (A q - target)^2, or each offset's, one by one."""
    observed = problem.loss.observed
    field, out = observed.field(target), list(q)
    weights = np.broadcast_to(rho, field.shape)
    if exact:
        return least_squares(problem.offsets, field, weights, observed)
    for k, o in enumerate(problem.offsets):
        others = tuple(np.zeros_like(x) if j == k else x for j, x in enumerate(out))
        out[k] = o.solve(np.asarray(field - problem.shift(others)), weights, observed)
    return tuple(out)


def rebalance(now: Iterate, primal: float, dual: float, k: int) -> None:
    """Raise rho when X and Z disagree, lower it when Z still moves; less and less often."""
    if k > EARLY and (k // EVERY) & (k // EVERY - 1):  # then only at powers of two
        return
    size = max(float(np.linalg.norm(now.Z)), 1e-300), max(float(np.linalg.norm(now.W)), 1e-300)
    uneven = np.sqrt((primal / size[0]) / max(dual / size[1], 1e-300))
    if uneven > UNEVEN or uneven < 1 / UNEVEN:
        now.rho *= float(np.clip(uneven, 1 / MOST, MOST))


def both_values(problem: Problem, ball: AnyBall, now: Iterate) -> tuple[float, float]:
    """Return F(Z, q) and the bound that W gives, both in floats.

    W gives no bound if the loss's domain moves it so that it is not orthogonal to a free offset.
    """
    observed = problem.loss.observed
    fit = observed.field(now.Z + shift(problem, now.q))
    value = problem.loss.value(fit) + problem.lam * ball.gauge(now.Z)
    value += sum(o.penalty(x) for o, x in zip(problem.offsets, now.q, strict=True))
    W = problem.loss.clip_dual(observed.field(now.W))
    limits = (o.limit(W) for o in problem.offsets)
    s = min(1.0, problem.lam / max(ball.polar(observed.spread(W)), 1e-300), *limits)
    point = problem.loss.clip_dual(s * W)
    away = float(np.abs(point - s * observed.field(now.W)).max(initial=0.0))
    if any(o.free for o in problem.offsets) and away > NEAR * float(np.abs(point).max(initial=0.0)):
        return float(value), -np.inf
    bound = problem.loss.dual_value(point) - 0.5 * scaling.ridge_cost(problem, point)
    return float(value), float(bound)
