"""Column generation for a piecewise-linear loss: linear programs of the dual point.

    W, c, q <- max d(W)  over the domain of d,  <W, phi(x_k)> <= lam for the components x_k so far,
                         A^T W = 0 for free offsets
    append the components that earn more than lam at W; repeat

d is linear on its domain, so each master is a linear program.  Its multipliers are the sizes c of
the components and the offsets q, the best ones for these components.  Descents smooth such a loss,
and their slopes at its kinks are no dual point; the last W of the masters is one that is optimal.

Source: Kelley 1960 (cutting planes); Dantzig and Wolfe 1960 (their dual).
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import linprog

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.losses import Entrywise
from certify.problem import Problem, Values
from certify.problem.best_offsets import matrices, split_values

from .column_generation import Search
from .dual import scaling

Earn = Callable[..., tuple[float, Factors]]

ENTRIES = 2000  # of the data, at most: a program takes .1 s at first, and 5 s after 50 rounds
ROUNDS = 400
NOTHING = 1e-12  # a component under this share of the largest is left out
EXCESS = 1e-9  # relative excess over lam that is worth a component
TOLERANCES = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
SHARE = 0.2  # of the last W in the point where components are looked for first


def applies(problem: Problem) -> bool:
    """Whether the loss is linear on both sides of a kink, and offsets have no penalty.

    For tensors without signs descents are quicker: their optimum has many components.
    """
    loss, atom = problem.loss, problem.atom
    linear = isinstance(loss, Entrywise) and type(loss).each_dual is Entrywise.each_dual
    penalized = (o.price or o.curvature(loss.observed).count_nonzero() for o in problem.offsets)
    many = atom.family == "products" and all(g.free for g in atom.gauges)
    return linear and loss.observed.size <= ENTRIES and not (many or any(penalized))


def refine(search: Search, earn: Earn, wanted: float, over: Callable[[], bool], seed: int) -> bool:
    """Solve masters until it is over; return whether they end before: at a gap that is `wanted`,
    or where no component earns more than lam.

    earn  earn(W, price, factors, seed=seed), as in `Family`

    The last W is a corner of a polyhedron, often far from the corner before.  So components are
    looked for first between it and the best W: those that earn more than lam there cut off the
    last W; if there are none, that point is better than the best W.
    """
    problem, center = search.problem, Center(search.problem)
    price = problem.lam * (1 + EXCESS)
    slices = unit_slices(problem, search.best.factors)
    design = fields(problem, slices)
    for k in range(ROUNDS):
        solved = solve(problem, design)
        if solved is None:
            return False
        W, c, q = solved
        used = scale_slices(problem, slices, c)
        search.note("masters", used, q)
        for at in (center.toward(W), W):
            top, new = earn(at, price, used, seed=seed + k)
            top = max(top, 0.0)
            s = scaling.best_scale(problem, at, top)
            search.weigh(s * at, s * top)
            center.weigh(problem.loss.clip_dual(s * at))
            if new[0].shape[-1] or search.gap <= wanted:
                break
        if not new[0].shape[-1] or search.gap <= wanted:
            return True
        if over():
            return False
        slices = tuple(np.concatenate(x, axis=-1) for x in zip(slices, new, strict=True))
        design = np.hstack([design, fields(problem, new)])
    return False


class Center:
    """The dual point W of the highest value d(W) so far."""

    def __init__(self, problem: Problem) -> None:
        self.loss, self.value = problem.loss, -np.inf
        self.W: Array | None = None

    def toward(self, W: Array) -> Array:
        """Return a point between the best one and W."""
        return W if self.W is None else SHARE * W + (1 - SHARE) * self.W

    def weigh(self, W: Array) -> None:
        """Keep W if it is better."""
        value = self.loss.dual_value(W)
        if value > self.value:
            self.W, self.value = W, value


def solve(problem: Problem, design: Array) -> tuple[Array, Array, Values] | None:
    """Return W, c and q of a master; None if it has no solution.

    design  phi of each component at the observed entries, one column each
    """
    loss, observed = entrywise(problem), problem.loss.observed
    low, high = (np.broadcast_to(x, observed.field_shape).reshape(-1) for x in loss.bounds)
    A = matrices(problem.offsets, observed)[0].T if problem.offsets else None
    found = linprog(
        -loss.data.reshape(-1),
        A_ub=design.T,
        b_ub=np.full(design.shape[1], problem.lam),
        A_eq=A,
        b_eq=None if A is None else np.zeros(A.shape[0]),
        bounds=np.column_stack([low, high]),
        method="highs",
        options=TOLERANCES,
    )
    if found.x is None or not np.isfinite(found.x).all():
        return None
    shapes = [o.shape(observed) for o in problem.offsets]
    q = split_values(-found.eqlin.marginals, shapes) if problem.offsets else ()
    return found.x.reshape(observed.field_shape), np.maximum(-found.ineqlin.marginals, 0.0), q


def entrywise(problem: Problem) -> Entrywise:
    """Return the loss.

    Raises TypeError unless it is a sum over the entries.
    """
    if not isinstance(problem.loss, Entrywise):
        raise TypeError(f"a sum over the entries is needed, not {type(problem.loss).__name__}")
    return problem.loss


def unit_slices(problem: Problem, factors: Factors) -> Factors:
    """Return the components with theta = 1, without those of price 0."""
    theta = np.asarray(problem.atom.theta(factors))
    keep = theta > 0
    return tuple(x[..., keep] / theta[keep] ** (1 / problem.atom.degree) for x in factors)


def scale_slices(problem: Problem, slices: Factors, c: Array) -> Factors:
    """Return components of theta 1 times their sizes, without those that are nothing."""
    keep = c > NOTHING * c.max(initial=0.0)
    return tuple(x[..., keep] * c[keep] ** (1 / problem.atom.degree) for x in slices)


def fields(problem: Problem, slices: Factors) -> Array:
    """Return phi of each component at the observed entries, one column each."""
    atom, observed = problem.atom, problem.loss.observed
    parts = [
        np.asarray(atom.predict(tuple(x[..., k : k + 1] for x in slices), observed)).reshape(-1)
        for k in range(slices[0].shape[-1])
    ]
    return np.column_stack(parts) if parts else np.zeros((observed.size, 0))
