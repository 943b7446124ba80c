"""Column generation: a convex master over the slices found so far, for any atom."""

from dataclasses import dataclass, replace

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.problem import Problem, Values

from ._cvxpy import Expression, cp
from ._loss import Units, domain, loss_expression, units
from ._solve import Using, numbers
from .convex import ConvexProgram, as_field, own, slope, with_offsets

ENOUGH = 1e-9  # relative excess of a new slice over lam: cost, never truth
UNUSED = 1e-12  # a slice's share of the largest below which it is left out of the answer
LEAST = 1e-12  # of the largest fit: what a fit that has to be positive is raised to


@dataclass(frozen=True)
class Generated:
    """Factors of the best mixture of the slices found, untrusted.

    factors  of any size, with the coefficients in them     q  one array for each offset
    value    f there, in floats                W  the master's multiplier, a field
    attained the most that <W, phi(x)> reached with theta(x) = 1 in the last round
    status   the solver's own word; without an answer the others are None
    """

    factors: Factors | None
    q: Values | None
    value: float | None
    W: Array | None
    attained: float | None
    rounds: int
    status: str


@dataclass(frozen=True)
class Master:
    """The convex program over given slices, and its coefficients."""

    program: ConvexProgram
    share: Expression


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
    atom that is not one of certify's own.
    """
    own(problem)
    slices, using = first_slices(problem, start), using or Using()
    best = Generated(None, None, None, None, None, 0, "no round was asked for")
    for k in range(rounds):
        result = solve_master(problem, slices, using, k + 1)
        if result.W is None:
            return best if best.factors is not None else result
        top, new = problem.atom.attain(problem.loss.observed.array(result.W), seed + k)
        result = replace(result, attained=top)
        best = min(best, result, key=lowest)
        late = using.left() == 0
        if late or not top > problem.lam * (1 + ENOUGH):
            break
        slices = tuple(
            np.concatenate([x, y[..., None]], axis=-1) for x, y in zip(slices, new, strict=True)
        )
    return best


def lowest(result: Generated) -> float:
    """Return the value, or infinity if there is none."""
    return np.inf if result.value is None else result.value


def first_slices(problem: Problem, start: Factors | None) -> Factors:
    """Return the first slices, each with theta = 1; those that cost nothing are left out.

    Without a start: the slice of ones, if the atom has it.  Its fit is positive, so that
    counts have a finite loss from the first round on.
    """
    if start is None:
        ones = tuple(np.ones((*s, 1)) for s in problem.atom.shapes(problem.loss.dims))
        factors = problem.atom.project(ones) if hasattr(problem.atom, "project") else ones
    else:
        factors = problem.accept(start)
    theta = np.asarray(problem.atom.theta(factors))
    keep = theta > 0
    return tuple(x[..., keep] / theta[keep] ** (1 / problem.atom.degree) for x in factors)


def solve_master(problem: Problem, slices: Factors, using: Using, count: int) -> Generated:
    """Solve the master over these slices."""
    master = over(problem, slices)
    program = master.program
    answered = using.solve(program.asked)
    status, variables = using.statuses[-1][1], [master.share, *program.q]
    values = numbers(variables) if answered else None
    if values is None:
        return Generated(None, None, None, None, None, count, status)
    with np.errstate(all="ignore"):  # a liar's numbers may be anything
        return weigh(problem, slices, program, (values, count, status))


def weigh(
    problem: Problem, slices: Factors, program: ConvexProgram, answer: tuple[list[Array], int, str]
) -> Generated:
    """Return the mixture as factors, with its objective and W."""
    (share, *flat), count, status = answer
    observed, by = problem.loss.observed, program.by
    pairs = zip(problem.offsets, flat, strict=True)
    q = tuple((x * by.data).reshape(o.shape(observed)) for o, x in pairs)
    c = np.maximum(share.reshape(-1)[: slices[0].shape[-1]] * by.data, 0.0)
    c = c + lift_first(problem, slices, c, q)
    keep = c > UNUSED * c.max(initial=0.0)
    root = c[keep] ** (1 / problem.atom.degree)
    factors = tuple(x[..., keep] * root for x in slices)
    Z = problem.atom.predict(factors, observed)
    value, W = problem.objective(factors, q), slope(problem.loss, Z, problem.shift(q), program)
    if not np.isfinite(value) or W is None or not np.isfinite(W).all():
        return Generated(None, None, None, None, None, count, f"{status}, without numbers")
    return Generated(factors, q, float(value), W, None, count, status)


def lift_first(problem: Problem, slices: Factors, c: Array, q: Values) -> Array:
    """Return what to add to the first coefficient, so that rounding leaves no fit below zero."""
    more = np.zeros_like(c)
    F = fieldwise(problem, slices) @ c + np.reshape(problem.shift(q), -1)
    first = fieldwise(problem, tuple(x[..., :1] for x in slices))[:, 0] if c.size else F
    if problem.loss.outside(as_field(problem.loss, F)) and first.min() > 0:
        more[0] = (1 + ENOUGH) * float(np.max(np.maximum(LEAST * F.max() - F, 0.0) / first))
    return more


def over(problem: Problem, slices: Factors) -> Master:
    """State the master; without slices the fit is A q alone."""
    loss, by = problem.loss, units(problem.loss)
    count = slices[0].shape[-1]
    share = cp.Variable(max(count, 1), nonneg=True)
    fields = fieldwise(problem, slices) if count else np.zeros((loss.observed.size, 1))
    fitted = fields @ share
    F, q, link, rest = with_offsets(problem, fitted, by)
    cost = penalty(problem, share, by) + loss_expression(loss, F, by) + rest
    program = cp.Problem(cp.Minimize(cost), [link, *domain(loss, F)])
    return Master(ConvexProgram(program, fitted, F, q, link, by), share)


def penalty(problem: Problem, share: Expression, by: Units) -> Expression:
    """Return lam sum c in the solver's units."""
    return by.cost(problem.lam, 1) * cp.sum(share)


def fieldwise(problem: Problem, slices: Factors) -> Array:
    """Return phi of each slice at the observed entries, one column each."""
    atom, observed = problem.atom, problem.loss.observed
    each = range(slices[0].shape[-1])
    if not each:
        return np.zeros((observed.size, 0))
    parts = [atom.predict(tuple(x[..., k : k + 1] for x in slices), observed) for k in each]
    return np.stack([np.asarray(p).reshape(-1) for p in parts], axis=1)
