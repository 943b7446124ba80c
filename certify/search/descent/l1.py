"""Descent with an l1 penalty: majorization and minimization, in U and V in turn."""

from collections.abc import Callable

import numpy as np

from certify.atoms import Factors, RankOne
from certify.base.arrays import Array
from certify.losses import KullbackLeibler
from certify.problem import Problem

STALLED = 1e-10  # relative gain of EACH steps that ends a descent; luck, never truth
EACH = 20  # steps between two tests of the objective, with new offsets


def applies(problem: Problem) -> bool:
    """Whether a step is known: for a loss of bounded curvature, or counts of nonnegative factors.

    theta must be half squares, or a product of norms l1 and l2, or lam = 0.
    """
    atom = problem.atom
    if problem.l1 is None or not isinstance(atom, RankOne):
        return False
    halves = problem.lam == 0 or atom.separable
    known = all(g.is_plain and (g.axial or g.spherical) for g in atom.gauges)
    if isinstance(problem.loss, KullbackLeibler):
        return halves and not problem.offsets and all(g.nonneg for g in atom.gauges)
    product = known and atom.form == "product"
    return bool(np.isfinite(problem.loss.curvature)) and (halves or product)


@np.errstate(all="ignore")  # the caller drops factors that are not finite
def descend(problem: Problem, factors: Factors, steps: int, expired: Callable[[], bool]) -> Factors:
    """Return the end of steps in U and V in turn; no step raises the objective."""
    pair, last = list(factors), np.inf
    q = problem.best_offsets(factors)
    step = multiplicative_step if isinstance(problem.loss, KullbackLeibler) else proximal_step
    for k in range(steps):
        for side in (0, 1):
            if pair[1 - side].any():
                W = problem.dual_point(tuple(pair), q)
                pair[side] = step(problem, pair, side, W)
        if k % EACH == EACH - 1:
            q = problem.best_offsets(tuple(pair))
            value = problem.objective(tuple(pair), q)
            if expired() or not last - value > STALLED * abs(value):
                break
            last = value
    return tuple(pair)


def pull_field(problem: Problem, field: Array, pair: list[Array], side: int) -> Array:
    """Return W V or W^T U."""
    observed = problem.loss.observed
    return (observed.times, observed.times_left)[side](field, pair[1 - side])


def proximal_step(problem: Problem, pair: list[Array], side: int, W: Array) -> Array:
    """Return P(shrink(x + t W other, t a)), t = 1 / L, L the curvature in this side.

    P projects onto the cone, entry by entry.  lam theta then divides by 1 + t lam (half squares),
    is part of a (this norm l1), or shortens each column by t lam |other| (this norm l2).  Together
    this is one proximal map, as the l1 norm and the cone do not change with a column's length.
    """
    x, other, atom = pair[side], pair[1 - side], problem.atom
    norm, sizes = atom.gauges[side], problem.lam * atom.gauges[1 - side].value(other)
    t = 1 / (problem.loss.curvature * float(np.linalg.norm(other.T @ other, 2)))
    x = x + t * pull_field(problem, W, pair, side)
    halves = atom.separable or not problem.lam
    price = (problem.l1 or (0.0, 0.0))[side] + (0.0 if halves or norm.spherical else sizes)
    x = norm.project_cone(np.sign(x) * np.maximum(np.abs(x) - t * price, 0.0))
    if halves:
        return np.asarray(x / (1 + t * problem.lam))
    if norm.axial:
        return np.asarray(x)
    long = np.linalg.norm(x, axis=0)
    return np.asarray(x * np.where(long > 0, np.maximum(1 - t * sizes / long, 0.0), 0.0))


def multiplicative_step(problem: Problem, pair: list[Array], side: int, W: Array) -> Array:
    """Return the x >= 0 with x (B + lam x) = x' N, x' the present factor.

    N is the product of y / z with the other factor, B that of 1, plus the weight a.  It minimizes a
    bound that follows from the concavity of the logarithm, with the present shares s_k of z:

        -y ln z <= -y sum_k s_k ln(x_k v_k / s_k).
    """
    weights = np.zeros_like(W) + getattr(problem.loss, "field_weights", 1.0)
    B = pull_field(problem, weights, pair, side) + (problem.l1 or (0.0, 0.0))[side]
    N = pair[side] * pull_field(problem, weights + W, pair, side)
    below = B + np.sqrt(B * B + 4 * problem.lam * N)
    return np.asarray(np.where(below > 0, 2 * N / below, 0.0))
