"""Counts fitted by nonnegative factors: majorization and minimization at a fixed number of them.

    f(U, V) = sum over observed entries of c (z - y ln z) + lam/2 (|U|^2 + |V|^2),   z = <u_i, v_j>

The gradient c (1 - y/z) has no Lipschitz constant, so no step has a length that suits it.  As ln is
concave, f is at most a sum over single numbers that touches it at U:

    f(X, V) <= sum s_ik x_ik - p_ik ln x_ik + lam/2 x_ik^2 + constant,
    s_ik = sum_j c_ij v_jk,   p_ik = u_ik sum_j c_ij (y_ij / z_ij) v_jk,

which is least at x = 2 p / (s + (s^2 + 4 lam p)^(1/2)): so f never rises, and what is positive
stays positive.  Pairs of such steps are extrapolated in logarithms (Varadhan and Roland, "Simple
and globally convergent methods for accelerating the convergence of any EM algorithm", 2008).  The
optimum has many components, so the search begins with many at once.
"""

from collections.abc import Callable

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.losses import KullbackLeibler
from certify.problem import Problem
from certify.search import envelope
from certify.search.column_generation import Search
from certify.search.descent.products import Task
from certify.search.pricing.products import Field, above

ROUNDS, STEPS = 60, 40  # of looks at the dual point, and pairs of steps in each
MANY, AT_ONCE = 200, 20  # components at the start, if m + n allows, and those appended in a round
FAINT = 1e-3  # of the size of an ordinary component: one that is appended, or no longer positive
LEAST = 1e-150  # a number below it is as good as zero, and its product with another is a float
STALLED, NOTHING = 1e-5, 1e-7  # relative gain of a round that ends the search; a component of zeros
FARTHEST = 30.0  # times a pair of steps that an extrapolation goes
Pull = Callable[[Array, Array], Array]  # of a field and the other factor


def applies(problem: Problem) -> bool:
    """Whether this is the objective: l2 norms, nonnegative factors of a matrix, no offsets."""
    atom = problem.atom
    known = isinstance(problem.loss, KullbackLeibler) and atom.family == "pairs"
    if not known or problem.offsets or not problem.lam > 0:
        return False
    return all(g.spherical and g.nonneg for g in atom.gauges)


@np.errstate(all="ignore")  # a point that is not finite is never the lowest
def grow(search: Search, seed: int, wanted: float, cap: int | None = None) -> Search:
    """Descend, and append components that earn more than lam, until the gap is `wanted`.

    cap: the largest number of components
    """
    problem, rng = search.problem, np.random.default_rng(seed)
    task = Task(problem, envelope.Smoothed(problem.loss), expired=search.clock.expired)
    most = sum(problem.loss.dims) if cap is None else cap
    factors, last = begin(task, search.best.factors, min(most, MANY), rng), np.inf
    for _ in range(ROUNDS):
        factors, value = descend(problem, factors, search)
        small = prune(task, factors)
        search.note("majorize", small, ())
        W = -problem.loss.gradient(problem.predict(small, ()))
        field = Field(problem.loss.observed, W, task.form, search.clock.expired)
        top, components = above(field, problem.lam, small, seed)
        search.weigh(W, top)
        if search.gap <= wanted or search.over() or last - value <= STALLED * abs(value):
            break
        last, room = value, min(most - small[0].shape[1], AT_ONCE)
        new = tuple(x[:, :room] for x in components)
        factors = append_faint(task, small, new) if room > 0 else positive(small, size(task, small))
    return search


def begin(task: Task, factors: Factors, count: int, rng: np.random.Generator) -> Factors:
    """Return the factors, positive, with random components up to a number of them."""
    balanced = task.form.balance(factors)
    more = max(count - balanced[0].shape[1], 0)
    fresh = tuple(rng.random((len(x), more)) for x in balanced)
    mean = float(counting(task.problem).data.mean()) / max(count, 1)
    near = max(mean, LEAST) ** 0.5
    balanced = positive(balanced, FAINT * near) if balanced[0].size else balanced
    return tuple(np.hstack([x, 2 * near * y]) for x, y in zip(balanced, fresh, strict=True))


def size(task: Task, factors: Factors) -> float:
    """Return a faint entry: a small share of an entry of an ordinary component."""
    rank = factors[0].shape[1]
    return FAINT * float(max(counting(task.problem).data.mean() / max(rank, 1), LEAST) ** 0.5)


def positive(factors: Factors, least: float) -> Factors:
    """Return the factors with no number below a least one."""
    return tuple(np.maximum(x, least) for x in factors)


def append_faint(task: Task, factors: Factors, slices: Factors) -> Factors:
    """Append faint components."""
    least = size(task, factors)
    new = tuple(least * len(x) ** 0.5 * x for x in slices)
    both = zip(factors, new, strict=True)
    return positive(tuple(np.hstack(pair) for pair in both), least)


def prune(task: Task, factors: Factors) -> Factors:
    """Drop components that count for nothing, and numbers that are as good as zero."""
    sizes = task.form.sizes(factors)
    keep = sizes > NOTHING * sizes.max(initial=0.0)
    return tuple(x[:, keep] for x in factors)


def descend(problem: Problem, factors: Factors, search: Search) -> tuple[Factors, float]:
    """Return factors after some extrapolated pairs of steps, and their objective."""
    for _ in range(STEPS):  # one pair of steps at least
        search.steps -= 3
        factors, value = pair(problem, factors)
        if search.over():
            break
    return factors, value


def pair(problem: Problem, factors: Factors) -> tuple[Factors, float]:
    """Return the end of two steps, or of a third from beyond them if that is lower."""
    first = step(problem, factors)
    second = step(problem, first)
    logs = [[np.log(x) for x in point] for point in (factors, first, second)]
    r = [b - a for a, b in zip(logs[0], logs[1], strict=True)]
    v = [c - b - d for b, c, d in zip(logs[1], logs[2], r, strict=True)]
    bend = sum(float(np.square(x).sum()) for x in v)
    far = (sum(float(np.square(x).sum()) for x in r) / bend) ** 0.5 if bend > 0 else 1.0
    t = min(max(far, 1.0), FARTHEST)
    ahead = tuple(np.exp(a + 2 * t * d + t * t * e) for a, d, e in zip(logs[0], r, v, strict=True))
    third = step(problem, positive(ahead, LEAST))
    ends = [(objective(problem, x), x) for x in (second, third)]
    value, best = min((e for e in ends if np.isfinite(e[0])), key=lambda e: e[0], default=ends[0])
    return best, value


def step(problem: Problem, factors: Factors) -> Factors:
    """Return the least of the bound in U, then in V."""
    U, V = factors
    U = majorized_step(problem, U, V, problem.loss.observed.times, (U, V))
    V = majorized_step(problem, V, U, problem.loss.observed.times_left, (U, V))
    return U, V


def majorized_step(problem: Problem, x: Array, other: Array, pull: Pull, factors: Factors) -> Array:
    """Return 2 p / (s + (s^2 + 4 lam p)^(1/2)), and no number below the least."""
    loss, lam = counting(problem), problem.lam
    seen = loss.counted * np.ones_like(loss.data)
    z = np.maximum(loss.observed.product(*factors), LEAST)
    p, s = x * pull(seen * loss.data / z, other), pull(seen, other)
    return np.maximum(2 * p / (s + np.sqrt(s * s + 4 * lam * p)), LEAST)


def objective(problem: Problem, factors: Factors) -> float:
    """Return the loss and lam/2 (|U|^2 + |V|^2)."""
    value = problem.loss.value(problem.loss.observed.product(*factors))
    return value + 0.5 * problem.lam * sum(float(np.square(x).sum()) for x in factors)


def counting(problem: Problem) -> KullbackLeibler:
    """Return the loss, which `applies` has seen to be this."""
    if not isinstance(problem.loss, KullbackLeibler):
        raise TypeError(f"counts are known here, not {type(problem.loss).__name__}")
    return problem.loss
