"""The convex problem F(Z, q) that every factorization's objective dominates."""

from dataclasses import dataclass

import numpy as np

from certify._arrays import Array
from certify._errors import InputError
from certify._fitting import operator
from certify.atoms import RankOne
from certify.losses import Squared
from certify.offsets import Offset, Smooth, Sparse
from certify.problem import Problem, Values

from ._cvxpy import Expression, cp
from ._solve import numbers, solve, unit
from .omega import omega


@dataclass(frozen=True)
class Relaxed:
    """What a solver says of min F: believe none of it.

    value   F as the solver left it        W  -grad l there, a field over problem.loss.observed
    Z       (m, n)                         q  one array for each offset
    status  the solver's own word; without an answer the four others are None
    """

    value: float | None
    W: Array | None
    Z: Array | None
    q: Values | None
    status: str
    solver: str


@dataclass(frozen=True)
class Program:
    """The problem in the solver's units, with the variables that hold its answer."""

    asked: Expression
    Z: Expression
    q: list[Expression]
    data: float  # Y, Z and q are divided by it
    weight: float  # weights, lam and ridges are


def convex(problem: Problem, solver: str | None = None, budget: float | None = None) -> Relaxed:
    """Minimize, by a general solver,

        F(Z, q) = l(Z + A q) + lam Omega(Z) + sum_k H_k(q_k).

    Omega is exact unless a factor is l2+ and the other l2 or l2+ (then a lower bound, and F
    with it).  budget: seconds for the solver.

    Raises InputError for a solver that is not installed, or a problem that is not least
    squares over rank-one slices.
    """
    program = stated(problem)
    status, used, answered = solve(program.asked, solver, budget)
    found = numbers([program.asked.objective, program.Z, *program.q]) if answered else None
    if found is None:
        return Relaxed(None, None, None, None, status, used)
    value, Z, *q = found
    with np.errstate(over="ignore", invalid="ignore"):
        return read(problem, program, (float(value), Z, q), (status, used))


def dual_point(
    problem: Problem, solver: str | None = None, budget: float | None = None
) -> Array | None:
    """Return the relaxation's W, a field in the shape of the data, or None.

    W is a witness: a wrong one weakens the bound proved from it and cannot fake one.  One
    with d(W) < 0 shows less than f >= 0 does, so it is not worth handing on.
    Raises InputError as convex() does.
    """
    W = convex(problem, solver, budget).W
    shape = getattr(problem.loss, "data").shape  # noqa: B009  convex() has refused other losses
    if W is None or W.shape != shape:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        return W if problem.loss.dual_value(W) >= 0 else None  # false for NaN and inf - inf


def stated(problem: Problem) -> Program:
    """State min F with the data scaled to numbers near 1."""
    atom, loss = problem.atom, problem.loss
    if not isinstance(atom, RankOne) or not isinstance(loss, Squared):
        got = f"{type(atom).__name__} under {type(loss).__name__}"
        raise InputError(f"a relaxation needs RankOne under Squared, got {got}")
    data, weight = unit(loss.data), unit(loss.scale)
    observed = loss.observed
    Z = cp.Variable(loss.shape)
    q = [cp.Variable(int(np.prod(o.shape(observed)))) for o in problem.offsets]
    price, cone = omega(Z, *atom.gauges)
    rows, cols = observed.listed
    rest = cp.vec(Z, order="C")[rows * observed.n + cols] - loss.data.reshape(-1) / data
    cost = problem.lam / data / weight * price
    for o, x in zip(problem.offsets, q, strict=True):
        rest = rest + operator(o, observed) @ x
        cost = cost + penalty(o, x, loss.shape, (data, weight))
    if loss.scale is not None:
        rest = cp.multiply(np.sqrt(loss.scale.reshape(-1) / weight), rest)
    cost = cost + 0.5 * cp.sum_squares(rest)
    return Program(cp.Problem(cp.Minimize(cost), cone), Z, q, data, weight)


def penalty(
    o: Offset, x: Expression, shape: tuple[int, int], units: tuple[float, float]
) -> Expression:
    """Return H(q) / (data^2 weight) for q = data x."""
    data, weight = units
    if isinstance(o, Sparse):
        return o.rho / data / weight * cp.norm1(x)
    cost = 0.5 * o.ridge / weight * cp.sum_squares(x)
    if isinstance(o, Smooth):
        i, j = o.edges.T
        q = cp.reshape(x, shape, order="C")
        roots = np.ones(len(i)) if o.weights is None else np.sqrt(o.weights)
        steps = cp.multiply(roots[:, None], q[i] - q[j])
        cost = cost + 0.5 * o.rho / weight * cp.sum_squares(steps)
    return cost


def read(
    problem: Problem,
    program: Program,
    found: tuple[float, Array, list[Array]],
    told: tuple[str, str],
) -> Relaxed:
    """Return the answer in the caller's units."""
    value, Z, flat = found
    observed, data = problem.loss.observed, program.data
    Z = Z * data
    q = tuple(
        (x * data).reshape(o.shape(observed)) for o, x in zip(problem.offsets, flat, strict=True)
    )
    rows, cols = observed.listed
    field = Z[rows, cols]
    field = field.reshape(observed.m, observed.n) if observed.full else field
    W = -problem.loss.gradient(np.asarray(field + problem.shift(q)))
    return Relaxed(value * data * data * program.weight, W, Z, q, *told)
