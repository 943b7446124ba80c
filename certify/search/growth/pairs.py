"""Column generation for any loss and any norms: grow, polish, and see what the dual says.

    polish all slices; W = -grad; append the slices that earn more than lam; repeat

until nothing earns more (as far as ascents find) and the multiplier of a loss without a
Lipschitz gradient has settled.  The best factors and the best W seen are kept.
"""

import numpy as np

from certify.atoms import Atom, Factors
from certify.base.arrays import Array
from certify.losses import Squared
from certify.problem import Problem, Values
from certify.search import envelope
from certify.search.column_generation import Search
from certify.search.coordinates import pairs as at
from certify.search.descent.alternating import State, balanced_all, canonical
from certify.search.descent.pairs import Task, polished, reweighted
from certify.search.envelope import Smoothed
from certify.search.pricing import pairs as escapes
from certify.search.schedule import Family

ROUNDS = 80
COARSE, FINE = 100, 1000  # steps of a polish while slices are appended, and at the end
WORK, MOST, FEWEST = 3e10, 10_000, 100  # multiplications, and steps, without a budget
PROGRESS, STALE = 0.9, 8  # a gap below this share of the least one is progress; rounds without
STALL = 1e-13  # relative gain of a fine round that ends the search; luck, never truth
LOOSE, TIGHT = 1e-3, 1e-11  # relative excess over lam that is worth a slice
ALIKE, COARSELY = 1e-7, 1e-3  # 1 - cosine under which two slices are merged
SHARES = 50  # powers of two that a mixture is tried with
MANY = 200  # slices up to which all are reweighted at once
FEW = 4  # slices appended at once while a multiplier moves
OFFSET_SWEEPS = 30
NOTHING = 1e-9  # a slice under this share of the largest may be dropped


@np.errstate(all="ignore")  # a point that is not finite is never the lowest
def grow(search: Search, seed: int, wanted: float, cap: int | None = None) -> Search:
    """Run until the gap is below `wanted`, nothing improves, or time or steps are spent.

    cap: the largest number of slices.
    """
    problem, now = search.problem, search.best
    smoothed = envelope.of(problem.loss, problem.predict(now.factors, now.q))
    factors, q, fine, stale, least = now.factors, now.q, False, 0, np.inf
    for k in range(ROUNDS):
        task = Task(problem, smoothed, problem.shift(q), search.clock.expired)
        before = task.value(factors)
        factors = polish(search, task, factors, fine=fine)
        gain = before - task.value(factors)
        q = fitted(problem, smoothed, factors, q)
        search.note("polish" if fine else "descend", inside(search, factors, q), q)
        task = Task(problem, smoothed, problem.shift(q), search.clock.expired)
        W = smoothed.at(task.fit(factors)).W
        if not np.isfinite(W).all():
            break
        top, slices = escapes.above(problem, W, factors, seed + k)
        search.weigh(W, top)
        gap = search.gap
        if gap <= wanted or search.over():
            break
        stale, least = (0, gap) if gap < PROGRESS * least else (stale + 1, least)
        room = few(smoothed) if cap is None else max(cap - factors[0].shape[1], 0)
        if room and top > problem.lam * (1 + excess(search, smoothed, fine=fine)):
            factors = appended(task, factors, tuple(x[:, :room] for x in slices), W)
        elif fine and smoothed.S is None and gain <= STALL * abs(before):
            break
        else:
            fine = True
        if stale >= STALE:
            if fine:
                break
            fine, stale = True, 0
        smoothed = smoothed.moved(task.fit(factors))
    return search


def polish(search: Search, task: Task, factors: Factors, *, fine: bool) -> Factors:
    """Polish, and drop or merge slices; count the steps."""
    steps, stall = (FINE, STALL) if fine else (COARSE, 1e3 * STALL)
    new, used = polished(task, factors, min(steps, search.steps), stall)
    search.steps -= used
    return pruned(task, new, ALIKE if fine else COARSELY)


def excess(search: Search, smoothed: Smoothed, *, fine: bool) -> float:
    """Return the relative excess over lam that is worth a slice."""
    if not fine:
        return LOOSE
    gap = search.gap / max(abs(search.best.value), 1e-300)
    return TIGHT if smoothed.S is None else float(np.clip(0.1 * gap, TIGHT, LOOSE))


def few(smoothed: Smoothed) -> int:
    """Return how many slices to append at once: few while the multiplier moves."""
    return escapes.TOGETHER if smoothed.S is None else FEW


def allowance(problem: Problem, now: State) -> int:
    """Return how many steps a call without a budget may take: a minute or so of work."""
    cost = 6 * problem.loss.observed.size * max(now.size, 8)
    return int(min(max(WORK / cost, FEWEST), MOST))


def pruned(task: Task, factors: Factors, alike: float) -> Factors:
    """Drop slices that count for nothing, and put l2 x l2 factors in their least form."""
    atom = task.problem.atom
    if len(factors) > 1 and all(g.spherical and g.free for g in atom.gauges):
        factors = lowest(task, [factors, canonical(factors)])
    sizes = np.asarray(atom.theta(factors))
    keep = sizes > NOTHING * sizes.max(initial=0.0)
    if not keep.all():
        factors = lowest(task, [factors, tuple(x[:, keep] for x in factors)])
    return merged(atom, factors, alike)


def merged(atom: Atom, factors: Factors, alike: float) -> Factors:
    """Put each slice together with those nearly parallel to it; the next polish mends it.

    Of parallel slices the sum is a slice: sum u_k v_k^T = (sum c_k u_k) v with v_k = c_k v.
    """
    U, V = at.both(factors)
    if not U.shape[1]:
        return factors
    sizes = np.linalg.norm(U, axis=0), np.linalg.norm(V, axis=0)
    u, v = (x / np.where(s > 0, s, 1.0) for x, s in zip((U, V), sizes, strict=True))
    cosine = (u.T @ u) * (v.T @ v)
    order = np.argsort(-np.asarray(atom.theta(factors)), kind="stable")
    free, out = np.ones(len(order), dtype=bool), []
    for k in order:
        if not free[k]:
            continue
        near = np.nonzero(free & (cosine[k] > 1 - alike))[0]
        free[near] = False
        total = float(np.sqrt((sizes[0] * sizes[1])[near].sum()))
        own = float(np.sqrt(sizes[0][k] * sizes[1][k]))
        out.append([x[:, k] * (total / own if own > 0 else 0.0) for x in factors])
    return balanced_all(atom, tuple(np.column_stack(x) for x in zip(*out, strict=True)))


def inside(search: Search, factors: Factors, q: Values) -> Factors:
    """Mix in a little of the best factors where the loss is infinite at these.

    The loss is convex, so the least share that makes it finite is found by doubling.
    """
    problem, best = search.problem, search.best
    if not problem.loss.outside(problem.predict(factors, q)):
        return factors
    for k in range(SHARES, -1, -1):
        t = 2.0**-k
        parts = zip(factors, best.factors, strict=True)
        mixed = tuple(np.hstack([np.sqrt(1 - t) * x, np.sqrt(t) * y]) for x, y in parts)
        if not problem.loss.outside(problem.predict(mixed, q)):
            return mixed
    return factors


def lowest(task: Task, tries: list[Factors]) -> Factors:
    """Return the factors of the lowest value; the later ones where they are equal."""
    return min(reversed(tries), key=task.value)


def appended(task: Task, factors: Factors, slices: Factors, W: Array) -> Factors:
    """Append slices along sum (earned - lam) phi, as far as the curvature allows.

    E falls by at least sum (earned - lam)^2 s - 1/2 curvature |s D|^2 for D that sum.
    """
    problem = task.problem
    matrix = problem.loss.observed.matrix(W)
    gain = np.maximum(escapes.earned(matrix, slices) - problem.lam, 0.0)
    U, V = at.both(slices)
    step = problem.loss.observed.product(U * gain, V)
    curve = task.smoothed.curvature * float(np.square(step).sum())
    if not curve > 0:
        return factors
    root = np.sqrt(gain * float(gain @ gain) / curve)
    new = tuple(np.hstack([x, y * root]) for x, y in zip(factors, slices, strict=True))
    new = balanced_all(problem.atom, new)
    return reweighted(task, new) if new[0].shape[1] <= MANY else new


def fitted(problem: Problem, smoothed: Smoothed, factors: Factors, q: Values) -> Values:
    """Return better offsets for these factors: least squares with the curvature's bound."""
    if not problem.offsets:
        return q
    if isinstance(problem.loss, Squared):
        return problem.best_offsets(factors)
    observed, bend = problem.loss.observed, smoothed.curvature
    fit, out = problem.predict(factors, q), list(q)
    weights = np.full(fit.shape, bend)
    for _ in range(OFFSET_SWEEPS):
        for k, o in enumerate(problem.offsets):
            own = o.field(out[k], observed)
            new = o.solve(own + smoothed.at(fit).W / bend, weights, observed)
            fit = fit - own + o.field(new, observed)
            out[k] = new
    return tuple(out)


FAMILY = Family(grow, allowance)
