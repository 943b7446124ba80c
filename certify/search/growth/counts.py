"""Counts fitted by nonnegative factors.

    f(U, V) = sum over observed entries of c (z - y ln z) + lam/2 (|U|^2 + |V|^2),   z = <u_i, v_j>

The gradient c (1 - y/z) has no Lipschitz constant, so no step has a length that suits it.

any size    the optimum has many components: the search begins with more than those, and the
            method of multipliers (`descent.multipliers`) leaves those that are needed
own size    majorization and minimization; a point of the other is mended by it, too

As ln is concave, f is at most a sum over single numbers that touches it at U:

    f(X, V) <= sum s_ik x_ik - p_ik ln x_ik + lam/2 x_ik^2 + constant,
    s_ik = sum_j c_ij v_jk,   p_ik = u_ik sum_j c_ij (y_ij / z_ij) v_jk,

which is least at x = 2 p / (s + (s^2 + 4 lam p)^(1/2)): so f never rises, and what is positive
stays positive.  Pairs of such steps are extrapolated in logarithms (Varadhan and Roland, "Simple
and globally convergent methods for accelerating the convergence of any EM algorithm", 2008).
"""

from collections.abc import Callable

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.losses import KullbackLeibler
from certify.problem import Problem
from certify.search import envelope
from certify.search.column_generation import Search
from certify.search.coordinates.products import is_nonnegative
from certify.search.descent import multipliers
from certify.search.descent.multipliers import Multipliers
from certify.search.descent.products import Task
from certify.search.pricing.products import Field, above

ROUNDS, STEPS = 60, 40  # of looks at the dual point, and pairs of steps or turns in each
MANY, TIMES = 600, 4  # components at the start of any size: so many times the shorter side
AT_ONCE, MEND = 20, 3  # components appended in a round; steps that mend a point
FAINT = 1e-3  # of the size of an ordinary component: one that is appended, or no longer positive
LEAST = 1e-150  # a number below it is as good as zero, and its product with another is a float
STALLED, NOTHING = 1e-5, 1e-7  # relative gain of a round that ends the search; a component of zeros
FARTHEST = 30.0  # times a pair of steps that an extrapolation goes
Pull = Callable[[Array, Array], Array]  # of a field and the other factor


def applies(problem: Problem) -> bool:
    """Whether this is the objective."""
    return isinstance(problem.loss, KullbackLeibler) and is_nonnegative(problem)


@np.errstate(all="ignore")  # a point that is not finite is never the lowest
def grow(search: Search, seed: int, wanted: float, cap: int | None = None) -> Search:
    """Descend, and append components that earn more than lam, until the gap is `wanted`.

    cap: the largest number of components
    """
    problem, rng = search.problem, np.random.default_rng(seed)
    task = Task(problem, envelope.Smoothed(problem.loss), expired=search.clock.expired)
    dims = problem.loss.dims
    most = sum(dims) * TIMES if cap is None else cap
    count = min(TIMES * min(dims), MANY) if cap is None else cap
    factors, last = begin(task, search.best.factors, count, rng), np.inf
    data = problem.loss.observed.spread(counting(problem).data)
    turns = multipliers.begin(problem, factors, data) if cap is None else None
    for _ in range(ROUNDS):
        if turns is None:
            factors, value = descend(problem, factors, search)
            small = prune(task, factors)
            W = -problem.loss.gradient(problem.predict(small, ()))
        else:
            small, value = take_turns(turns, task, search)
            W = problem.loss.observed.field(turns.W)
        search.note("majorize", small, ())
        if not np.isfinite(W).all():  # the numbers left the floats
            break
        field = Field(problem.loss.observed, W, task.form, search.clock.expired)
        top, components = above(field, problem.lam, small, seed)
        search.weigh(W, top)
        if search.gap <= wanted or search.over() or last - value <= STALLED * abs(value):
            break
        last, room = value, min(max(most - small[0].shape[1], 0), AT_ONCE)
        wide = append_faint(task, small, tuple(x[:, :room] for x in components))
        factors = positive(wide, size(task, small))
        if turns is not None:
            turns.factors = wide
    return search


def take_turns(turns: Multipliers, task: Task, search: Search) -> tuple[Factors, float]:
    """Return the factors after some turns, and the least objective met: there or mended.

    The loss is infinite where a product is 0 and a count is not: steps from no number below a
    faint one mend that.
    """
    for _ in range(STEPS):  # one at least
        search.steps -= 1
        turns.turn()
        if search.over():
            break
    turns.balance()
    small = prune(task, turns.factors)
    near = positive(small, size(task, small))
    for _ in range(MEND):
        near = step(task.problem, near)
    near = prune(task, near)
    search.note("mend", near, ())
    return small, min(objective(task.problem, x) for x in (small, near))


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
    both = zip(factors, slices, strict=True)
    return tuple(np.hstack([x, least * len(y) ** 0.5 * y]) for x, y in both)


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
    """Return 2 p / (s + (s^2 + 4 lam p)^(1/2)), and no number below the least.

    Of a row without observed entries p and s are 0: it is as small as can be.
    """
    loss, lam = counting(problem), problem.lam
    seen = loss.counted * np.ones_like(loss.data)
    z = np.maximum(loss.observed.product(*factors), LEAST)
    p, s = x * pull(seen * loss.data / z, other), pull(seen, other)
    below = s + np.sqrt(s * s + 4 * lam * p)
    return np.maximum(np.divide(2 * p, below, out=np.zeros_like(p), where=below > 0), LEAST)


def objective(problem: Problem, factors: Factors) -> float:
    """Return the loss and lam/2 (|U|^2 + |V|^2)."""
    value = problem.loss.value(problem.loss.observed.product(*factors))
    return value + 0.5 * problem.lam * sum(float(np.square(x).sum()) for x in factors)


def counting(problem: Problem) -> KullbackLeibler:
    """Return the loss, which `applies` has seen to be this."""
    if not isinstance(problem.loss, KullbackLeibler):
        raise TypeError(f"counts are known here, not {type(problem.loss).__name__}")
    return problem.loss
