"""Column generation: a convex master over the slices found so far, for any atom."""

from dataclasses import dataclass, replace

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.problem import Problem, Values
from certify.search.masters import fields, scale_slices, unit_slices

from ._cvxpy import cp
from ._loss import domain, loss_expression, units
from ._solve import Using, numbers
from .convex import ConvexProgram, as_field, offset_values, require_own, slope, with_offsets

ENOUGH = 1e-9  # relative excess of a new slice over lam: cost, never truth
LEAST = 1e-12  # of the largest fit: the least fit where fits have to be positive


@dataclass(frozen=True)
class Generated:
    """Factors of the best mixture of the slices found, untrusted.

    status   the report of the solver; without an answer the fields below are None
    factors  of any size, with the coefficients in them     q  one array for each offset
    value    f there, in floats                W  the master's multiplier, a field
    attained the most that <W, phi(x)> reached with theta(x) = 1 in the last round
    """

    rounds: int
    status: str
    factors: Factors | None = None
    q: Values | None = None
    value: float | None = None
    W: Array | None = None
    attained: float | None = None


def columns(
    problem: Problem,
    start: Factors | None = None,
    *,
    rounds: int = 100,
    using: Using | None = None,
    seed: int = 0,
) -> Generated:
    """Minimize over c >= 0 and q, for slices x_1, x_2, ... with theta(x_k) = 1,

        l(sum c_k phi(x_k) + A q) + lam sum c_k + sum H(q),

    and append the slice x of the largest <W, phi(x)>, until none found exceeds lam.  Each
    master is a bound from above: its factors cost `value`.  If the search for slices is
    exact, the last value is the optimum; nothing proves that here.

    start    slices to begin with, such as a model's own factors

    Raises InputError for a solver that is not installed, or a problem with a loss or an
    atom without a relaxation.
    """
    require_own(problem)
    slices, using = first_slices(problem, start), using or Using()
    best = Generated(0, "no round was asked for")

    def cost(result: Generated) -> float:
        """Return the value, or infinity without one."""
        return np.inf if result.value is None else result.value

    for k in range(rounds):
        result = solve_master(problem, slices, using, k + 1)
        if result.W is None:
            return result if best.factors is None else best
        top, new = problem.atom.attain(problem.loss.observed.array(result.W), seed + k)
        best = min(best, replace(result, attained=top), key=cost)
        if using.left() == 0 or not top > problem.lam * (1 + ENOUGH):
            break
        slices = tuple(
            np.concatenate([x, y[..., None]], axis=-1) for x, y in zip(slices, new, strict=True)
        )
    return best


def first_slices(problem: Problem, start: Factors | None) -> Factors:
    """Return the first slices, each with theta = 1; slices of price 0 are left out.

    Without a start: the slice of ones, if the atom has it.  Its fit is positive, so that
    counts have a finite loss from the first round on.
    """
    if start is None:
        ones = tuple(np.ones((*s, 1)) for s in problem.atom.shapes(problem.loss.dims))
        factors = problem.atom.project(ones)
    else:
        factors = problem.accept(start)
    return unit_slices(problem, factors)


def solve_master(problem: Problem, slices: Factors, using: Using, count: int) -> Generated:
    """Solve the master over these slices, in round `count`."""
    master = pose_master(problem, slices)
    answered = using.solve(master.program)
    values, status = numbers([master.main, *master.q]) if answered else None, using.statuses[-1][1]
    if values is None:
        return Generated(count, status)
    with np.errstate(all="ignore"):  # a liar's numbers may be anything
        q = offset_values(problem, values[1:], master.by)
        factors = weigh(problem, slices, values[0] * master.by.data, q)
        Z = problem.atom.predict(factors, problem.loss.observed)
        value, W = problem.objective(factors, q), slope(problem.loss, Z, problem.shift(q), master)
    if not np.isfinite(value) or W is None or not np.isfinite(W).all():
        return Generated(count, f"{status}, without numbers")
    return Generated(count, status, factors, q, float(value), W)


def weigh(problem: Problem, slices: Factors, coefficients: Array, q: Values) -> Factors:
    """Return the slices times the roots of their coefficients, without those that are unused."""
    c = np.maximum(coefficients.reshape(-1)[: slices[0].shape[-1]], 0.0)
    c = c + lift_first(problem, slices, c, q)
    return scale_slices(problem, slices, c)


def lift_first(problem: Problem, slices: Factors, c: Array, q: Values) -> Array:
    """Return an addition to the first coefficient with which no fit is below zero."""
    more = np.zeros_like(c)
    F = fields(problem, slices) @ c + np.reshape(problem.shift(q), -1)
    first = fields(problem, tuple(x[..., :1] for x in slices))[:, 0] if c.size else F
    if problem.loss.outside(as_field(problem.loss, F)) and first.min() > 0:
        more[0] = (1 + ENOUGH) * float(np.max(np.maximum(LEAST * F.max() - F, 0.0) / first))
    return more


def pose_master(problem: Problem, slices: Factors) -> ConvexProgram:
    """State the master; without slices the fit is A q alone."""
    loss, by = problem.loss, units(problem.loss)
    count = slices[0].shape[-1]
    share = cp.Variable(max(count, 1), nonneg=True)
    each = fields(problem, slices) if count else np.zeros((loss.observed.size, 1))
    F, q, link, rest = with_offsets(problem, each @ share, by)
    cost = by.cost(problem.lam, 1) * cp.sum(share) + loss_expression(loss, F, by) + rest
    program = cp.Problem(cp.Minimize(cost), [link, *domain(loss, F)])
    return ConvexProgram(program, share, q, link, by)
