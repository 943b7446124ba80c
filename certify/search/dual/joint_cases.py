"""A dual point that a tree of cases bounds by lam: W and the multipliers of all cases together.

    max d(W)   over W and N_c >= 0 with   lam I - [[0, W], [W^T, 0]] - B_c^T N_c B_c  >=  0

for each case c, a cone { z = (u, v) >= 0 : cuts of c >= 0 } with the rows B_c = [I; cuts]; the
cones together are all of z >= 0.  `joint` has one case, and loses what its relaxation does; this
loses less the more cases there are.  It is the dual of

    min l(sum Z_c) + lam/2 sum tr Y_c   over   Y_c >= 0,  X_c = B_c Y_c B_c^T,  X_c ij >= 0 (i != j)

with Z_c the block of X_c that is u v^T.  By alternating directions: each Y_c by an
eigendecomposition, all X_c together by the loss's proximal map.  The cases of the largest bounds
are cut in two along the second eigenvector of their Y_c, and each half starts at its share of the
components that the search found and at half of what Y_c differs from all of them, so that Z does
not move.

W settles before the multipliers of some cases do, and the largest bound of all counts.  So a stage
takes few steps, and in the end a tree for W alone splits the worst cases.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import NamedTuple, TypeAlias

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import Array, Ints
from certify.base.gram import CORES
from certify.base.minimize import even_out
from certify.polar import eigen as spectra
from certify.polar.branching.pairs import CUT_BITS, Grown, splits
from certify.polar.branching.tree import Solved, of_leaves
from certify.polar.relaxation.pair_admm import PairMultiplier, Warm, repair, unit
from certify.polar.relaxation.pairs import Cell, Cut, Label, Path, cell, of_pair
from certify.problem import Problem
from certify.search.coordinates.products import form_of

from . import scaling
from .case_stacks import Case, each, stacked

LOOKS, EVERY = 12, 50  # looks at the bound in a stage, and steps between them
FEW = 2  # looks of a stage between the first and the last: W is where its cases are cut
BIAS = 4.0  # what the dual residual is weighed by, as W alone is used: a smaller rho
FALL = 0.25  # power of the number of cases by which rho falls as they are split
EARLY, OFTEN = 200, 10  # steps of one case, in which rho is balanced often
CHANGE = 1.3  # what rho changes by
SHARED = 12  # rounds of the cases that share an entry
COUNTS = (1, 4, 8, 16, 32, 64, 128, 256, 512, 1024)  # cases of the stages
STALLED = 0.002  # of what is left: the gain in a look that ends a stage
LEAST = 0.02  # rho of a relaxation whose case has no component
TINY = 1e-300  # no division by zero


SolvedCase: TypeAlias = Solved[Label, Warm, PairMultiplier]


class Leaf(NamedTuple):
    """A case's path, its multiplier N, and X = B Y B^T."""

    path: Path
    N: Array
    X: Array


class BoundedCases(NamedTuple):
    """W, a field, the cases, rho, the cases' bounds, and d of the multiple of W they prove."""

    W: Array
    leaves: tuple[Leaf, ...]
    rho: float
    uppers: tuple[float, ...]
    value: float


class Cases:
    """The iterates of all cases, and W (m, n), which they share.

    components   (m + n, r): the search's, each (u, v) with |u| = |v|
    """

    def __init__(self, problem: Problem, factors: Factors, threads: int = CORES) -> None:
        self.problem = problem
        m, n = self.shape = problem.loss.shape
        form = form_of(problem.atom, problem.loss.dims)
        self.components = np.vstack(form.balance(factors))
        zeros, everything = np.zeros((m + n, m + n)), np.arange(self.components.shape[1])
        self.pool = ThreadPoolExecutor(threads)
        self.stack([Case.begin((), np.zeros((0, m + n)), everything, (zeros, zeros))])
        self.W = np.zeros((m, n))
        self.rho, self.steps = first_price(problem), 0
        zero = problem.loss.observed.field(np.zeros((m, n)))
        self.top = problem.loss.observed.tensor(-problem.loss.gradient(zero))

    def stack(self, cases: list[Case]) -> None:
        """Go on with these cases."""
        self.cases, self.stacks = cases, stacked(cases, self.shape[0])
        self.ends = np.cumsum([len(x.X) for x in self.stacks])[:-1]

    def step(self) -> tuple[float, float]:
        """Take a step; return the sizes of both residuals relative to the iterates."""
        self.steps += 1
        pull = self.problem.lam / (2 * self.rho)
        blocks = self.share(np.concatenate(each(self.pool, lambda x: x.step(pull), self.stacks)))
        parts = list(zip(self.stacks, np.split(blocks, self.ends), strict=True))
        squares = sum(each(self.pool, lambda x: x[0].meet(x[1]), parts), np.zeros(4))
        primal, dual, size, weight = map(float, squares)
        return (primal / max(size, TINY)) ** 0.5, (dual / max(weight, TINY)) ** 0.5

    def share(self, V: Array) -> Array:
        """Return the blocks nearest to V (cases, m, n) in the price l(sum) over blocks >= 0.

        An entry is 0 in the cases where V + w / (2 rho) is not positive, w = -l' at the sum;
        these are found by turns, from those of the last w.  Sets W to w.
        """
        top = np.equal(V, V.max(axis=0))
        active = (V + self.W / (2 * self.rho) > 0) | top
        for _ in range(SHARED):
            count = active.sum(axis=0)
            W = self.slope((V * active).sum(axis=0), count)
            above = (V + W / (2 * self.rho) > 0) | top
            if (above == active).all():
                break
            active = above
        self.W = W
        return np.maximum(V + W / (2 * self.rho), 0.0)

    def slope(self, total: Array, count: Array) -> Array:
        """Return w = -l' where l(z) + rho (z - total)^2 / count is least over z >= 0."""
        observed = self.problem.loss.observed
        ratio = count / (2 * self.rho)
        z = self.problem.loss.prox(observed.field(total), observed.field(ratio))
        W = observed.tensor((z - observed.field(total)) / observed.field(ratio))
        return np.where(observed.tensor(z) > 0, W, np.minimum(W, self.top))

    def balance(self, primal: float, dual: float) -> None:
        """Move rho toward equal residuals; of several cases, toward a smaller dual one."""
        dual *= BIAS if len(self.cases) > 1 else 1.0
        self.scale_rho(even_out(primal, dual, CHANGE))

    def scale_rho(self, ratio: float) -> None:
        """Change rho; the multipliers 2 rho U stay."""
        self.rho *= ratio
        for x in self.stacks:
            x.U /= ratio

    def split(self, count: int) -> None:
        """Split the cases of the largest bounds until there are so many; rho falls as they grow."""
        before, size = len(self.cases), 0
        while size < len(self.cases) < count:
            size = len(self.cases)
            uppers = self.bound().uppers
            parts = [[c] for c in self.cases]
            for k in np.argsort(-np.array(uppers)):
                second, normal = self.cases[k].spread()
                if second > 0 and sum(map(len, parts)) < count:
                    parts[k] = self.halves(self.cases[k], normal)
            self.stack([c for part in parts for c in part])
        self.scale_rho((before / len(self.cases)) ** FALL)

    def halves(self, case: Case, normal: Array) -> list[Case]:
        """Return both sides of a cut through a case."""
        cut = Cut(spectra.on_grid(normal, CUT_BITS))
        plus, size = cut.normal @ self.components[:, case.at] >= 0, sum(self.shape)
        left = 0.5 * (case.Y[:size, :size] - self.gram(case.at))
        sides = ((cut, case.at[plus]), (Cut(-cut.normal), case.at[~plus]))
        return [
            Case.begin(
                (*case.path, label),
                np.vstack([case.cuts, label.normal]),
                at,
                (self.gram(at) + left, case.U),
            )
            for label, at in sides
        ]

    def gram(self, at: Ints) -> Array:
        """Return the sum of z z^T over some components."""
        return np.asarray(self.components[:, at] @ self.components[:, at].T)

    def bound(self) -> BoundedCases:
        """Return W in the domain of d, the multipliers, and the value that they prove."""
        problem, m = self.problem, self.shape[0]
        W = problem.loss.clip_dual(problem.loss.observed.field(self.W))
        dense = problem.loss.observed.tensor(W)
        form = of_pair(dense, *problem.atom.gauges)

        def bounded(case: Case) -> tuple[Leaf, float]:
            """Return a case with its multiplier and the bound."""
            U = -2 * self.rho * case.U
            N = np.maximum(U, 0.0)
            np.fill_diagonal(N, 0.0)
            N[:m, m : sum(self.shape)] = np.maximum(U[:m, m : sum(self.shape)] - dense, 0.0)
            N[m : sum(self.shape), :m] = N[:m, m : sum(self.shape)].T
            leaf = Leaf(case.path, np.minimum(N, N.T), case.X.copy())
            return leaf, bound_leaf(cell(form, case.path), leaf).bound

        leaves, uppers = zip(*each(self.pool, bounded, self.cases), strict=True)
        s = problem.lam / max(problem.lam, *uppers)
        return BoundedCases(W, leaves, self.rho, uppers, scaling.value(problem, W, s))


def first_price(problem: Problem) -> float:
    """Return a first rho: the size of W, about lam, over that of Z, which is near no price."""
    observed, lam = problem.loss.observed, problem.lam
    zero = observed.field(np.zeros(problem.loss.shape))
    near = problem.loss.prox(zero, 1.0 / lam)
    size = float(np.sqrt(np.mean(np.square(near))))
    rho = 0.3 * lam / max(problem.loss.shape) ** 0.5 / max(size, TINY)
    return rho if 0 < rho < np.inf else 1.0


def polish(
    problem: Problem, factors: Factors, goal: tuple[float, int], left: Callable[[], float]
) -> Iterator[BoundedCases]:
    """Yield what each number of cases proves: those of more cases begin where the last ended.

    goal: the value, and the number of cases, at which to stop; left: the seconds until the end
    """
    (wanted, most), state, took = goal, Cases(problem, factors), 0.0
    for count in COUNTS:
        begun, before = monotonic(), len(state.cases)
        if count > most:
            return
        if left() < took * count / before:  # no time for a stage of so many
            most = before
        state.split(min(count, most))
        if len(state.cases) < min(count, most):
            return
        found = settle(state, wanted, left, LOOKS if count == 1 or count >= most else FEW)
        yield found
        if found.value >= wanted or left() <= 0:
            return
        took = monotonic() - begun


def settle(state: Cases, wanted: float, left: Callable[[], float], looks: int) -> BoundedCases:
    """Take steps until the value rises no more; return the best seen in so many looks."""
    best = look(state, left)
    for _ in range(looks - 1):
        before = best.value
        if before >= wanted or left() <= 0:
            break
        best = max(best, look(state, left), key=lambda seen: seen.value)
        if best.value - before <= STALLED * (wanted - best.value):
            break
    return best


def look(state: Cases, left: Callable[[], float]) -> BoundedCases:
    """Take steps, fewer where time is over; return what is proved then."""
    for k in range(1, EVERY + 1):
        residuals = state.step()
        often = len(state.cases) == 1 and state.steps <= EARLY and state.steps % OFTEN == 0
        if often or k == EVERY:
            state.balance(*residuals)
        if left() <= 0:
            break
    return state.bound()


def bound_leaf(part: Cell, leaf: Leaf) -> PairMultiplier:
    """Return a case's multiplier with the bound it proves."""
    return repair(part, leaf.N, np.zeros(1))


def tree_of(problem: Problem, W: Array, found: BoundedCases) -> Grown:
    """Return the tree of the cases for a dense W; it can grow further, from their iterates."""
    form = of_pair(W, *problem.atom.gauges)
    return of_leaves([(x.path, solved(cell(form, x.path), x, found.rho)) for x in found.leaves])


def solved(part: Cell, leaf: Leaf, rho: float) -> SolvedCase:
    """Return what is known of a case, in the units of its relaxation for a given W."""
    multiplier, d = bound_leaf(part, leaf), part.size
    mass = max(float(np.trace(leaf.X[:d, :d])), float(leaf.X.max()), TINY)
    scale = max(2 * rho * mass, LEAST * unit(part))
    U = -leaf.N / scale
    U[np.diag_indices(d)] += multiplier.D / scale
    warm = Warm(leaf.X / mass, U, scale / unit(part), multiplier)
    halves = splits(part, *np.linalg.eigh(leaf.X[:d, :d]))
    return Solved(multiplier.bound, multiplier, split=halves, warm=warm)
