"""Better networks where a sample takes the largest of its rows, by neurons that earn more.

Neurons of theta 1 are kept, phi_1, ..., phi_r.  Their prices s >= 0 solve a convex problem,

    min  l(sum s_i phi_i + A q) + lam sum s_i;

W = -grad l there, the neuron that earns most by W is added, and all weights go down together by
the gradient of the rows that are the largest.  Where two rows tie there is none, and a point
that is no better is not taken.
"""

from dataclasses import dataclass

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.base.minimize import minimize
from certify.polar.ascent.layers import attain
from certify.polar.layer_query import LayerQuery
from certify.problem import Problem
from certify.search.candidate import Candidate, evaluate, lowest
from certify.search.column_generation import Search
from certify.search.coordinates.layers import Net
from certify.search.descent.layers import Descent, descend
from certify.search.envelope import Smoothed
from certify.search.schedule import Family

from .layers import MOVES

ROUNDS = 40  # of a search
STEPS = 300  # of all weights together, in a round
EXCESS = 1e-9  # relative, over lam, that is worth a neuron
FAINT = 1e-9  # a neuron under this share of the largest is dropped
STALL = 1e-13  # relative gain of a round that ends a search at one size


@dataclass(frozen=True)
class Pooled:
    """A network's problem while it is searched."""

    net: Net

    @property
    def problem(self) -> Problem:
        """The problem."""
        return self.net.problem

    def query(self, W: Array, seed: int) -> LayerQuery:
        """Return the ask of a dual point's polar."""
        return LayerQuery(self.net.layer, self.net.dense(W), seed=seed)

    def lower(self, now: Candidate, factors: Factors) -> Candidate:
        """Return factors with both norms equal, and offsets fitted; the old state if better."""
        balanced = self.net.balance(factors)
        keep = self.net.sizes(balanced) > FAINT * self.net.sizes(balanced).max(initial=0.0)
        candidate = evaluate(self.problem, tuple(x[:, keep] for x in balanced))
        return lowest([now, candidate])

    def reweight(self, now: Candidate) -> Candidate:
        """Return the best prices of the present neurons."""
        units = self.net.units(now.factors)
        lam = self.problem.lam

        def at(s: Array) -> tuple[float, Array]:
            """Return the objective of prices, and its gradient."""
            factors = units[0] * s, units[1]
            W = self.problem.dual_point(factors, now.q)
            inner, _ = self.problem.atom.inner_products(W, units, self.problem.loss.observed)
            return self.problem.objective(factors, now.q), lam - np.asarray(inner)

        start = self.net.sizes(now.factors)
        if not start.size:
            return now
        prices = minimize(at, start, (0.0, np.inf), steps=STEPS, stall=0.0, flat=1e-13)[0]
        return self.lower(now, self.net.scale(units, prices))

    def descend(self, now: Candidate) -> Candidate:
        """Return all weights after a descent together."""
        smoothed = Smoothed(self.problem.loss)
        task = Descent(self.problem, smoothed, self.net.balance(now.factors), now.q)
        return self.lower(now, descend(task, STEPS, 1e-10)[0])


@np.errstate(all="ignore")  # a point that is not finite is never the lowest
def grow(search: Search, seed: int, wanted: float, cap: int | None = None) -> Search:
    """Run until the gap is below `wanted`, no neuron earns more, or time is spent.

    cap: the largest number of neurons.
    """
    run = Pooled(Net(search.problem))
    now = search.keep("neurons", run.reweight(search.best))
    for k in range(ROUNDS):
        before = now.value
        now = search.keep("neurons", run.reweight(run.descend(now)))
        W = run.problem.dual_point(now.factors, now.q)
        if search.over() or not np.isfinite(W).all():
            break
        top, (u, v) = attain(run.query(W, seed + k))
        lam = run.problem.lam
        gap = (top / lam - 1) * lam * float(run.net.sizes(now.factors).sum())
        if top <= lam * (1 + EXCESS) or (now.size and gap <= wanted):
            break
        if cap is not None and now.size >= cap:
            if before - now.value <= STALL * abs(now.value):
                break
            continue
        now = run.reweight(append(run, now, (u, v), top))
    return search


def append(run: Pooled, now: Candidate, x: tuple[Array, Array], top: float) -> Candidate:
    """Return the state with one neuron more, of the price that least squares would give it."""
    problem = run.problem
    size = float(np.square(problem.atom.phi(x)).sum()) * problem.loss.curvature
    price = (top - problem.lam) / size if 0 < size < np.inf else 1.0
    root = np.sqrt(price)
    factors = tuple(np.column_stack([a, root * b]) for a, b in zip(now.factors, x, strict=True))
    return Candidate(factors, now.q, problem.objective(factors, now.q))


def allowance(problem: Problem, now: Candidate) -> int:
    """Return how many steps a search without a budget may take: its rounds are counted instead."""
    del problem, now
    return 1


FAMILY = Family(grow, allowance, MOVES)
