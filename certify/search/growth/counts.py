"""Counts fitted by nonnegative factors.

    f(U, V) = sum over observed entries of c (z - y ln z) + lam/2 (|U|^2 + |V|^2),   z = <u_i, v_j>

The gradient c (1 - y/z) has no Lipschitz constant, so no fixed step length works.

any size    the optimum has many components: the search begins with more, and the method of
            multipliers (`descent.multipliers`) leaves those that are needed
own size    majorization and minimization, which also repairs the points of the other method

As ln is concave, f is at most a sum over single numbers, with equality at U:

    f(X, V) <= sum s_ik x_ik - p_ik ln x_ik + lam/2 x_ik^2 + constant,
    s_ik = sum_j c_ij v_jk,   p_ik = u_ik sum_j c_ij (y_ij / z_ij) v_jk,

which is least at x = 2 p / (s + (s^2 + 4 lam p)^(1/2)).  So f never rises, and positive numbers
stay positive.  Pairs of such steps are extrapolated in logarithms (Varadhan and Roland, "Simple
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
from certify.search.pricing import Field, above

ROUNDS, STEPS = 60, 40  # rounds at most; pairs of steps, or turns, between two dual points
MANY, TIMES = 600, 4  # components at the start of any size; of the shorter side, if that is less
AT_ONCE, REPAIRS = 20, 3  # components appended in a round; steps that repair a point
FAINT = 1e-3  # of an ordinary entry: an entry of a new component, and the least in a repair
LEAST = 1e-150  # a smaller number counts as zero; the product of two such is a normal float
SLOW = 1e-3  # relative gain of a slow round
STALLED, NOTHING = 1e-5, 1e-7  # relative gain of a round that ends the search; a zero component
FARTHEST = 30.0  # length of an extrapolation, in pairs of steps
Pull = Callable[[Array, Array], Array]  # the product of a field and the other factor


def applies(problem: Problem) -> bool:
    """Whether this objective is the problem's."""
    return isinstance(problem.loss, KullbackLeibler) and is_nonnegative(problem)


@np.errstate(all="ignore")  # a point that is not finite is never the lowest
def grow(
    search: Search,
    seed: int,
    wanted: float,
    cap: int | None = None,
    negligible: Callable[[Search], float] = lambda _: -np.inf,
) -> Search:
    """Descend, and append components that earn more than lam, until the gap is `wanted`.

    cap         the largest number of components
    negligible  negligible(search): the gain of a round that is not worth another; asked for once,
                when rounds have become slow
    """
    problem, rng = search.problem, np.random.default_rng(seed)
    task = Task(problem, envelope.Smoothed(problem.loss), expired=search.clock.expired)
    dims = problem.loss.dims
    most = sum(dims) * TIMES if cap is None else cap
    count = min(TIMES * min(dims), MANY) if cap is None else cap
    factors, last, little = begin(task, search.best.factors, count, rng), np.inf, -np.inf
    data = problem.loss.observed.spread(counts_loss(problem).data)
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
        if not np.isfinite(W).all():  # overflow
            break
        field = Field(problem.loss.observed, W, task.form, search.clock.expired)
        top, components = above(field, problem.lam, small, seed)
        search.weigh(W, top)
        gain = last - value
        if little < 0 and gain <= SLOW * abs(value):
            little = max(STALLED * abs(value), negligible(search))
        if search.gap <= wanted or search.over() or gain <= little:
            break
        last, room = value, min(max(most - small[0].shape[1], 0), AT_ONCE)
        faint = FAINT * entry_size(problem, small[0].shape[1])
        both = zip(small, (x[:, :room] for x in components), strict=True)
        wide = tuple(np.hstack([x, faint * len(y) ** 0.5 * y]) for x, y in both)
        factors = positive(wide, faint)
        if turns is not None:
            turns.factors = wide
    return search


def take_turns(turns: Multipliers, task: Task, search: Search) -> tuple[Factors, float]:
    """Return the factors after some turns, and their least objective, before or after a repair.

    The loss is infinite where a product is 0 and a count is not.  The repair raises all numbers to
    a faint one and takes steps from there.
    """
    for _ in range(STEPS):  # at least one
        search.steps -= 1
        turns.turn()
        if search.over():
            break
    turns.balance()
    small = prune(task, turns.factors)
    near = positive(small, FAINT * entry_size(task.problem, small[0].shape[1]))
    for _ in range(REPAIRS):
        near = step(task.problem, near)
    near = prune(task, near)
    search.note("repair", near, ())
    return small, min(objective(task.problem, x) for x in (small, near))


def begin(task: Task, factors: Factors, count: int, rng: np.random.Generator) -> Factors:
    """Make the factors positive, and append random components up to `count`."""
    balanced = task.form.balance(factors)
    more = max(count - balanced[0].shape[1], 0)
    fresh = tuple(rng.random((len(x), more)) for x in balanced)
    near = entry_size(task.problem, count)
    balanced = positive(balanced, FAINT * near) if balanced[0].size else balanced
    return tuple(np.hstack([x, 2 * near * y]) for x, y in zip(balanced, fresh, strict=True))


def entry_size(problem: Problem, count: int) -> float:
    """Return the size of an ordinary entry of `count` factors whose product fits the data."""
    return float(max(counts_loss(problem).data.mean() / max(count, 1), LEAST) ** 0.5)


def positive(factors: Factors, least: float) -> Factors:
    """Raise all numbers to a least one."""
    return tuple(np.maximum(x, least) for x in factors)


def prune(task: Task, factors: Factors) -> Factors:
    """Drop negligible components."""
    sizes = task.form.sizes(factors)
    keep = sizes > NOTHING * sizes.max(initial=0.0)
    return tuple(x[:, keep] for x in factors)


def descend(problem: Problem, factors: Factors, search: Search) -> tuple[Factors, float]:
    """Return factors after some extrapolated pairs of steps, and their objective."""
    for _ in range(STEPS):  # at least one
        search.steps -= 3
        factors, value = pair(problem, factors)
        if search.over():
            break
    return factors, value


def pair(problem: Problem, factors: Factors) -> tuple[Factors, float]:
    """Return the lower of the ends of two steps and of a third one from an extrapolated point."""
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
    """Return the minimizer of the bound in U, then of that in V."""
    U, V = factors
    U = majorized_step(problem, U, V, problem.loss.observed.times, (U, V))
    V = majorized_step(problem, V, U, problem.loss.observed.times_left, (U, V))
    return U, V


def majorized_step(problem: Problem, x: Array, other: Array, pull: Pull, factors: Factors) -> Array:
    """Return 2 p / (s + (s^2 + 4 lam p)^(1/2)), but no number below LEAST.

    A row without observed entries has p = s = 0 and gets LEAST.
    """
    loss, lam = counts_loss(problem), problem.lam
    seen = loss.field_weights * np.ones_like(loss.data)
    z = np.maximum(loss.observed.product(*factors), LEAST)
    p, s = x * pull(seen * loss.data / z, other), pull(seen, other)
    below = s + np.sqrt(s * s + 4 * lam * p)
    return np.maximum(np.divide(2 * p, below, out=np.zeros_like(p), where=below > 0), LEAST)


def objective(problem: Problem, factors: Factors) -> float:
    """Return the loss and lam/2 (|U|^2 + |V|^2)."""
    value = problem.loss.value(problem.loss.observed.product(*factors))
    return value + 0.5 * problem.lam * sum(float(np.square(x).sum()) for x in factors)


def counts_loss(problem: Problem) -> KullbackLeibler:
    """Return the loss.

    Raises TypeError unless it is KullbackLeibler.
    """
    if not isinstance(problem.loss, KullbackLeibler):
        raise TypeError(f"counts are known here, not {type(problem.loss).__name__}")
    return problem.loss
