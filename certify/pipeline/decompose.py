"""Decompositions of least cost and their dual tensors: proximal steps on the nuclear norm.

With P_0 = 0 and lam > 0,

    Z_k = argmin 1/2 |T + P_k - Z|^2 + lam nuclear(Z),    P_{k+1} = P_k + T - Z_k,

W_k = P_{k+1} / lam has spectral norm at most 1 and <W_k, Z_k> = nuclear(Z_k); Z_k tends to T.
All of this is search: the bounds are proved from W and from the factors alone.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from certify.atoms import CP, Atom, Factors, RankOne
from certify.base.arrays import Array
from certify.base.clock import Clock
from certify.base.observed import Observed
from certify.base.rigor.flint import Flint
from certify.base.threads import threads
from certify.kernel import scalars, statement
from certify.kernel.arrays import Arrays
from certify.kernel.statement import Point, factor_arrays
from certify.kernel.values import loss_value, thetas
from certify.losses import Squared
from certify.polar import PolarBound
from certify.polar.proved import above, as_kernel_array, below
from certify.problem import Problem
from certify.search.candidate import evaluate
from certify.search.column_generation import Search
from certify.search.coordinates.compress import compress
from certify.search.dual.points import squared_loss
from certify.search.growth.products import grow

from .certificate.file import ask
from .certificate.tiers import arithmetic

MATRIX = 2  # modes
ROUNDS = 40  # proximal steps
STEPS, NEAR = 3000, 1e-13  # of descent in each, and the relative gap that ends it
SHARE = 0.2  # the first lam over the spectral norm
FALL = 0.5  # the factor of lam from step to step: the steps grow
STALE, GAINED = 4, 0.9  # the search ends if so many steps reduce the gap by less than a tenth
CLOSE = 1e-9  # relative gap at which more steps are not worth their cost
EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Decomposition:
    """lower <= nuclear norm <= upper, the factors and the dual tensor."""

    lower: float
    dual: Array
    upper: float
    factors: Factors


def empty(dims: tuple[int, ...]) -> Factors:
    """Return factors without components."""
    return tuple(np.zeros((n, 0)) for n in dims)


def norm_atom(order: int) -> Atom:
    """Return the atom whose gauge is the nuclear norm."""
    return RankOne("l2", "l2") if order == MATRIX else CP(("l2",) * order)


def polar(T: Array, budget: float | None, seed: int) -> PolarBound:
    """Enclose the spectral norm of a tensor or matrix."""
    return norm_atom(T.ndim).polar(T, budget=budget, seed=seed)


def decompose(T: Array, clock: Clock, seed: int) -> Decomposition:
    """Bracket the nuclear norm of a tensor T != 0 of order >= 2 whose entries are about 1.

    A mode longer than the product of the others is searched in the span of T; the bounds are
    proved for T itself.
    """
    if T.ndim == MATRIX:
        return by_values(T, clock, seed)
    with threads(Observed(1, T.size)):
        return proximal_steps(T, clock, seed)


def proximal_steps(T: Array, clock: Clock, seed: int) -> Decomposition:
    """Take proximal steps until the bracket is closed, no longer narrows, or time is spent."""
    small = compress(Problem(Squared(T), norm_atom(T.ndim), 1.0))
    core = T if small is None else squared_loss(small.problem).data.reshape(small.problem.loss.dims)
    top = polar(T, clock.left(), seed)
    best = Decomposition(*lower_of(T, T, top.upper), *upper_of(T, empty(T.shape)))
    lam, P, factors = SHARE * top.upper, np.zeros(core.shape), empty(core.shape)
    gaps = [best.upper - best.lower]
    for _ in range(ROUNDS):
        stale = len(gaps) > STALE and gaps[-1] > GAINED * gaps[-STALE]
        if clock.expired() or gaps[-1] <= CLOSE * best.upper or stale:
            break
        problem = Problem(Squared(core + P), norm_atom(T.ndim), lam)
        factors = fit_components(problem, factors, clock, seed)
        P = P + core - problem.predict(factors).reshape(core.shape)
        wide, W = factors, P / lam
        if small is not None:
            wide, W = small.up(factors), small.field_up(W).reshape(T.shape)
        best = best_of(best, Decomposition(*dual_of(T, W, clock, seed), *upper_of(T, wide)))
        gaps.append(best.upper - best.lower)
        lam, P = FALL * lam, FALL * P
    return best


def fit_components(problem: Problem, factors: Factors, clock: Clock, seed: int) -> Factors:
    """Return nearly optimal factors of a problem, by column generation from given ones."""
    start = evaluate(problem, problem.accept(factors))
    search = Search(problem, clock, start, steps=STEPS)
    return grow(search, seed, NEAR * start.value).best.factors


def by_values(T: Array, clock: Clock, seed: int) -> Decomposition:
    """Bracket the nuclear norm of a matrix by its singular values and vectors."""
    left, values, right = np.linalg.svd(T, full_matrices=False)
    kept = values > EPS * max(T.shape) * values[0]
    root = np.sqrt(values[kept])
    dual = dual_of(T, left[:, kept] @ right[kept], clock, seed)
    return Decomposition(*dual, *upper_of(T, (left[:, kept] * root, right[kept].T * root)))


def best_of(one: Decomposition, other: Decomposition) -> Decomposition:
    """Return the better bound on each side, with its evidence."""
    low, high = max(one, other, key=lambda f: f.lower), min(one, other, key=lambda f: f.upper)
    return Decomposition(low.lower, low.dual, high.upper, high.factors)


def dual_of(T: Array, W: Array, clock: Clock, seed: int) -> tuple[float, Array]:
    """Return a proved lower bound <D, T> and D, a multiple of W of spectral norm <= 1."""
    return lower_of(T, W, polar(W, clock.left(), seed).upper)


def upper_of(T: Array, factors: Factors) -> tuple[float, Factors]:
    """Return a proved upper bound of the nuclear norm by a decomposition:

        sum_i prod_k |x_i^k| + sqrt(d) |T - sum_i phi(x_i)|_F,

    d the number of fibers along the longest mode.
    """
    problem = Problem(Squared(T), norm_atom(T.ndim), 1.0)
    request = ask(problem, factors, (), rtol=0.0, atol=0.0)
    question = statement.question(request.statement, request.given)
    arrays = factor_arrays(Arrays(request.given, "statement"), "", question.space)
    loss = loss_value(arithmetic(problem), question, Point(arrays, ())).hi
    fibers = T.size // max(T.shape)
    rest = scalars.root(2 * fibers * loss).hi
    return above(thetas(question, arrays).hi + rest), factors


def lower_of(T: Array, W: Array, bound: float) -> tuple[float, Array]:
    """Return a proved lower bound <D, T> and D = W / p, whose spectral norm is at most 1.

    bound is at least that of W.  Each entry of D is off by at most EPS |W_i| / p, so
    p >= bound + EPS |W|_F is enough; doubled to cover the roundings of p itself.
    """
    p = math.nextafter(bound + 4 * EPS * float(np.linalg.norm(W)), math.inf)
    D = W / p
    exact = Flint()
    d, t = (exact.load(as_kernel_array(x.reshape(-1))) for x in (D, T))
    return below(max(exact.inner(d, t).lo, Fraction(0))), D
