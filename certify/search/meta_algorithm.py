"""The paper's meta-algorithm: from any factors to better ones, and to a certificate.

    descend; a zero slice is filled with the polar's maximizer, scaled by a line search; a
    dependence among slices frees one (the flat path); else the maximizer is appended;
    the slices are reweighted, which is convex; repeat until the polar is at most lam.

Every step keeps the best point so far, and points that are reported are compared in exact
or outward-rounded arithmetic.
"""

from dataclasses import dataclass, replace

import numpy as np

from certify.atoms import Atom, Factors
from certify.base.arrays import Array
from certify.base.clock import Clock
from certify.losses import Squared
from certify.polar import Matrix
from certify.polar import eigen as spectra
from certify.problem import Problem

from .descent import alternating as descent
from .descent.alternating import State

DESCENTS, ROUNDS = 400, 60
WORK, FEWEST, MOST = 6e10, 30, 2000  # multiplications, and sweeps, without a budget
TOGETHER = 20  # slices appended at once where the polar gives several
CLEAR = 1e-12  # a polar value within this of lam is no escape; luck, never truth
# Relative gains of a sweep below which a descent has settled; luck, never truth.  The dual
# point's error is the square root of the objective's, so quick sweeps go on to the end.
STALL, STALL_FINE, STALL_QUICK = 1e-6, 1e-9, 1e-14


@dataclass(frozen=True)
class Trail:
    """What a search found: its steps, the best at the candidate's size, the best of all."""

    steps: tuple[tuple[str, State], ...]
    same: State
    best: State


def search(
    problem: Problem, start: State, clock: Clock, seed: int, shortcut: State | None = None
) -> Trail:
    """Run the meta-algorithm from a state; deterministic for a seed without a budget.

    A shortcut is a known optimum over all sizes: then only the start's size is searched.
    """
    if clock.budget is None:
        clock = replace(clock, sweeps=allowance(problem, start))
    with np.errstate(all="ignore"):  # a point that is not finite is never the lowest
        return trail(problem, start, clock, seed, shortcut)


def allowance(problem: Problem, start: State) -> int:
    """Return how many sweeps a call without a budget may take: a minute or so of work."""
    r = max(start.size, 1)
    cost = problem.loss.observed.size * r * (1 if problem.loss.observed.full else r)
    return int(min(max(WORK / cost, FEWEST), MOST))


def trail(problem: Problem, start: State, clock: Clock, seed: int, shortcut: State | None) -> Trail:
    """Descend and escape in phases."""
    log = Log(clock, [("start", start)])
    atom = descent.rank_one(problem)[0]
    log.add("balance", descent.state(problem, descent.balanced(atom, start.factors), start.q))
    now = log.steps[-1][1]
    stalls = (STALL,) if shortcut else stalls_of(problem)
    for stall in stalls:
        now = lowest([now, log.best()])
        log.add("descend", descend(problem, now, clock, stall))
        if shortcut is None:
            rounds(problem, log, seed, stall)
    if shortcut is not None:
        log.add("lifted", shortcut)
    best = log.best()
    if best.size > start.size:
        log.add("truncate", descend(problem, largest(problem, best, start.size), clock, STALL))
    small = [s for _, s in log.steps if s.size <= start.size]
    return Trail(tuple(log.falling()), lowest(small), log.best())


def lowest(states: list[State]) -> State:
    """Return the state of the lowest objective; one that is not finite comes last."""
    return min(states, key=lambda s: s.value if np.isfinite(s.value) else np.inf)


@dataclass
class Log:
    """The points met, in order."""

    clock: Clock
    steps: list[tuple[str, State]]

    def add(self, name: str, s: State) -> None:
        """Note a point and tell of it."""
        self.steps.append((name, s))
        self.clock.tell(name, s.value)

    def best(self) -> State:
        """Return the point of the lowest objective."""
        return lowest([s for _, s in self.steps])

    def falling(self) -> list[tuple[str, State]]:
        """Return the points that lowered the objective."""
        kept = self.steps[:1]
        for name, s in self.steps[1:]:
            if s.value < kept[-1][1].value:
                kept.append((name, s))
        return kept


def rounds(problem: Problem, log: Log, seed: int, stall: float) -> None:
    """Escape, reweight and descend until that no longer lowers the objective."""
    for k in range(ROUNDS):
        now = log.best()
        found = None if log.clock.expired() else escape(problem, now, seed + k)
        if found is None:
            return
        name, moved = found
        moved = descend(problem, descent.reweighted(problem, moved), log.clock, stall)
        log.add(name, moved)
        if now.value - moved.value <= stall * abs(now.value):
            return


def descend(problem: Problem, now: State, clock: Clock, stall: float) -> State:
    """Sweep until a sweep gains less than `stall` of the objective."""
    for _ in range(DESCENTS):
        if clock.expired() or not now.size:
            break
        new = descent.sweep(problem, now)
        clock.swept()
        gain, now = now.value - new.value, new
        clock.tell("descend", now.value)
        if gain <= stall * abs(now.value):
            break
    return now


def stalls_of(problem: Problem) -> tuple[float, ...]:
    """Return the relative gains that end the descents: coarse first, so that slices are
    appended early; to the end where sweeps are quick.
    """
    atom = descent.rank_one(problem)[0]
    plain = descent.euclidean(atom)
    return (STALL, STALL_FINE, STALL_QUICK) if plain else (STALL,)


def largest(problem: Problem, s: State, size: int) -> State:
    """Keep the slices of largest theta."""
    keep = np.sort(np.argsort(-problem.atom.theta(s.factors), kind="stable")[:size])
    return descent.state(problem, tuple(x[:, keep] for x in s.factors))


def escape(problem: Problem, now: State, seed: int) -> tuple[str, State] | None:
    """Return a better state: slices of polar value above lam fill zeros, or are appended."""
    W = problem.dual_point(now.factors, now.q)
    slices = violating(problem, W, seed) if np.isfinite(W).all() else None
    if slices is None:
        return None
    atom, loss = descent.rank_one(problem)
    U, V = slices
    gain = np.einsum("mr,mr->r", U, loss.observed.times(W, V)) - problem.lam
    U, V = (x * np.sqrt(gain) for x in (U, V))
    step = loss.observed.product(U, V)
    curve = float(np.vdot(step, loss.weighted(step)))
    if not curve > 0:
        return None
    root = np.sqrt(float((gain * gain).sum()) / curve)
    name, held = room(now.factors, U.shape[1], atom)
    moved = tuple(np.hstack([x, y * root]) for x, y in zip(held, (U, V), strict=True))
    found = descent.state(problem, descent.balanced(atom, moved))
    return (name, found) if found.value < now.value else None


def room(factors: Factors, wanted: int, atom: Atom) -> tuple[str, Factors]:
    """Drop zero slices, or free one along a dependence, to make room for new ones."""
    alive = np.asarray(atom.theta(factors)) > 0
    held = tuple(x[:, alive] for x in factors)
    if not alive.all():
        return "fill a zero slice", held
    if wanted == 1 and (shorter := flat_path(held)) is not None:
        return "free a dependent slice", shorter
    return "append a slice", held


def flat_path(factors: Factors) -> Factors | None:
    """Follow sum beta_k phi(X_k) = 0 until a slice vanishes; None if independent.

    X_k(t) = (1 + t beta_k)^(1/2) X_k keeps the product; theta changes linearly, so the end
    on the side where it does not rise is taken.
    """
    U, V = factors
    r = U.shape[1]
    gram = (U.T @ U) * (V.T @ V)
    if not np.isfinite(gram).all():
        return None
    scale = np.sqrt(np.maximum(gram.diagonal(), 1e-300))
    values, vectors = np.linalg.eigh(gram / np.outer(scale, scale)) if r else (np.ones(1), None)
    if vectors is None or values[0] > 1e-13 * r:  # luck only: the objective is compared
        return None
    beta = vectors[:, 0] / scale
    price = float(beta @ (np.linalg.norm(U, axis=0) * np.linalg.norm(V, axis=0)))
    beta = -beta if price > 0 else beta
    low = beta.min()
    if low >= 0:
        return None
    weights = np.sqrt(np.maximum(1 - beta / low, 0.0))
    keep = np.arange(r) != int(beta.argmin())
    return tuple(x[:, keep] * weights[keep] for x in factors)


def violating(problem: Problem, W: Array, seed: int) -> Factors | None:
    """Return unit slices whose polar value exceeds lam: several where they come together."""
    atom, loss = descent.rank_one(problem)
    matrix = loss.observed.matrix(W)
    if all(g.spherical and g.free for g in atom.gauges) and min(loss.shape) <= spectra.DENSE:
        return singular_slices(matrix, problem.lam)
    value, (u, v) = atom.attain(matrix, seed)
    return None if value <= problem.lam * (1 + CLEAR) else (u[:, None], v[:, None])


def singular_slices(W: Matrix, lam: float) -> Factors | None:
    """Return the singular pairs of W above lam, at most TOGETHER."""
    axis = spectra.side(W)
    g = spectra.gram(W, axis)
    values, vectors = spectra.leading(g, TOGETHER)
    sizes = np.sqrt(np.maximum(values, 0.0))
    keep = np.nonzero(sizes > lam * (1 + CLEAR))[0][::-1]
    if not len(keep):
        return None
    short = vectors[:, keep]
    long = np.asarray((W if axis else W.T) @ short) / sizes[keep]
    return (long, short) if axis else (short, long)


def supported(problem: Problem) -> bool:
    """Whether factors of this problem can be improved here."""
    return problem.atom.family == "pairs" and isinstance(problem.loss, Squared)
