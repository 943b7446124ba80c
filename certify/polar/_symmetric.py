"""The polar of phi(x) = x x^T, theta(x) = |x|^2: sup x^T W x over the ball of one gauge.

l2: the largest eigenvalue, closed.  l2+ (copositive) and l1+ (the standard quadratic
program over the simplex) are NP-hard: the doubly nonnegative relaxation, then cuts.  It is
loose on the five-cycle over the simplex: 1 - 1 / sqrt 5 for the true 1/2.
"""

from dataclasses import replace

import numpy as np
from threadpoolctl import threadpool_limits

from certify._arrays import Array
from certify.branching import grow
from certify.gauges import Gauge

from ._base import Ask, Proposal
from ._cone import Form, of_symmetric
from ._nodes import Bounder, Grown, proof_of
from .branch import limits, shared
from .dnn import allowance, bounder, dense

STARTS, STEPS = 24, 400
SETTLED = 1e-14  # relative gain below which an ascent stops
HELD = 1e-12  # share of the simplex below which a coordinate counts as left


def symmetric_form(ask: Ask) -> Form:
    """Return the conic form; `right` is ignored."""
    return of_symmetric(dense(ask.W), ask.left)


def symmetric_slice(ask: Ask) -> tuple[float, tuple[Array]]:
    """Return (x^T W x, (x,)) with |x| = 1, as large as found; exact for l2."""
    W = dense(ask.W)
    W = 0.5 * (W + W.T)
    _, vectors = np.linalg.eigh(W)
    rng = np.random.default_rng(ask.seed)
    lots = np.vstack([vectors.T[-STARTS:], rng.standard_normal((STARTS, W.shape[0]))])
    starts = [*lots, *-lots, *np.abs(lots), *np.eye(W.shape[0])]
    return max((ascend(W, ask.left, x) for x in starts), key=lambda found: found[0])


def ascend(W: Array, gauge: Gauge, x: Array) -> tuple[float, tuple[Array]]:
    """Return (x^T W x, (x,)) of a local maximum."""
    up = over_simplex if gauge.name == "l1" else over_sphere
    x = up(W, gauge, x)
    return float(x @ W @ x), (x,)


def over_sphere(W: Array, gauge: Gauge, x: Array) -> Array:
    """Iterate x <- the best unit vector for (W + c I) x: convex, so the value never falls."""
    c = max(0.0, -float(np.linalg.eigvalsh(W)[0]))
    x, value = gauge.maximizer(x), -np.inf
    for _ in range(STEPS):
        before, value = value, float(x @ W @ x)
        if value - before <= SETTLED * (abs(value) + c):
            break
        x = gauge.maximizer(W @ x + c * x)
    return x


def over_simplex(W: Array, gauge: Gauge, x: Array) -> Array:
    """Move weight from the worst held coordinate to the best one, by exact line searches."""
    sign = -1.0 if gauge.cone == "-" else 1.0
    x = np.maximum(x, 0.0)
    x = x / x.sum() if x.any() else np.full(x.size, 1.0 / x.size)
    for _ in range(STEPS):
        slope = W @ x
        i = int(slope.argmax())
        j = int(np.where(x > HELD, slope, np.inf).argmin())
        gain = float(slope[i] - slope[j])
        if gain <= SETTLED * float(np.abs(slope).max(initial=0.0)):
            break
        bend = float(W[i, i] + W[j, j] - 2 * W[i, j])
        step = x[j] if bend >= 0 else min(float(x[j]), -gain / bend)
        x[i] += step
        x[j] = x[j] - step if step < x[j] else 0.0
    return np.asarray(sign * x / x.sum())


def symmetric_bounder(ask: Ask) -> Bounder:
    """Return the solver of parts."""
    W = dense(ask.W)
    W = 0.5 * (W + W.T)
    solver = bounder(ask, symmetric_form(ask))
    return replace(solver, climb=lambda z: ascend(W, ask.left, z))


def symmetric_proposal(ask: Ask, tree: Grown | None = None) -> Proposal:
    """Return the bound of the relaxation, or of a tree where one is allowed."""
    form, stop, solve = symmetric_form(ask), limits(ask), symmetric_bounder(shared(ask))
    parts = 1 if not form.signs.any() else max(allowance(ask), 1)
    with threadpool_limits(1, user_api="blas"):
        tree = grow(solve, replace(stop, nodes=parts), tree)
    return Proposal(*proof_of(form, tree, stop.aim(tree.lower)))
