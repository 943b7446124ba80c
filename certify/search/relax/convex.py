"""The convex problem F(Z, q) that every factorization's objective dominates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from certify.atoms import ATOMS, Atom
from certify.base.arrays import Array
from certify.base.errors import InputError
from certify.base.observed import Observed
from certify.losses import Loss
from certify.offsets import Offset
from certify.problem import Problem, Values

from ._cvxpy import Expression, cp
from ._loss import Units, domain, is_known, loss_expression, units
from ._solve import Using, numbers
from .network_omega import deep_omega, network_omega
from .omega import Expressed, by_squares, omega
from .tensor_gauge import tensor_omega

Dims: TypeAlias = tuple[int, ...]
UNKNOWN = "no relaxation is known for {}: give the atom a method `relaxation`"
NOISE = 2.0**-16  # a solver's accuracy at worst; a wrong sign only weakens W


@dataclass(frozen=True)
class Relaxed:
    """A solver's answer for min F, untrusted.

    value   F as the solver left it        W  in -dl there, a field over problem.loss.observed
    Z       (m, n)                         q  one array for each offset
    status  the report of the solver; without an answer the four others are None
    """

    value: float | None
    W: Array | None
    Z: Array | None
    q: Values | None
    status: str
    solver: str


@dataclass(frozen=True)
class ConvexProgram:
    """A problem in the solver's units, with the variables that hold its answer.

    main  Z, or the coefficients of slices
    link  F = Z + A q at the observed entries: its multiplier is W
    """

    program: Expression
    main: Expression
    q: list[Expression]
    link: Expression
    by: Units


def convex(problem: Problem, solver: str | None = None, budget: float | None = None) -> Relaxed:
    """Minimize, by a general solver,

        F(Z, q) = l(Z + A q) + lam Omega(Z) + sum_k H_k(q_k).

    Omega is exact where omega() says so; else it is a lower bound, and F with it: of a
    tensor the partial-transpose relaxation; of a hidden layer as `network_omega` says; of
    parallel deep networks as `deep_omega` says, exact for linear ones.
    budget: seconds for the solver.

    Raises InputError for a solver that is not installed, or a problem with a loss or an
    atom without a relaxation.
    """
    posed, using = pose(problem), Using.within(budget, solver)
    variables = [posed.program.objective, posed.main, *posed.q]
    values = numbers(variables) if using.solve(posed.program) else None
    used, status = using.statuses[-1]
    if values is None:
        return Relaxed(None, None, None, None, status, used)
    with np.errstate(all="ignore"):  # a liar's numbers may be anything
        Z, q = values[1] * posed.by.data, offset_values(problem, values[2:], posed.by)
        field = as_field(problem.loss, Z[problem.loss.observed.listed])
        W = slope(problem.loss, field, problem.shift(q), posed)
        return Relaxed(posed.by.back(float(values[0])), W, Z, q, status, used)


def dual_point(problem: Problem, using: Using | None = None) -> Array | None:
    """Return the relaxation's W, a field in the shape of the data, or None.

    W is a witness: a wrong one weakens the bound proved from it and cannot fake one.  One
    with d(W) < d(0) = inf l is worse than W = 0 and is not returned.
    Raises InputError as convex() does.
    """
    observed, using = problem.loss.observed, using or Using()
    try:
        relaxed = convex(problem, using.solver, using.left())
    except (ArithmeticError, ValueError) as error:  # a norm whose square is no float, say
        if isinstance(error, InputError):
            raise
        return None
    using.statuses.append((relaxed.solver, relaxed.status))
    W = relaxed.W
    shape = observed.field_shape
    if W is None or W.shape != shape:
        return None
    with np.errstate(all="ignore"):
        floor = problem.loss.dual_value(np.zeros(shape))
        return W if problem.loss.dual_value(W) >= floor else None  # false for NaN, inf - inf


def pose(problem: Problem) -> ConvexProgram:
    """State min F with the data scaled to numbers near 1."""
    require_own(problem)
    Z = cp.Variable(problem.loss.shape)
    price, cone = gauge_of(problem.atom, Z, problem.loss.dims)
    by, observed = units(problem.loss), problem.loss.observed
    rows, cols = observed.listed
    seen = cp.vec(Z, order="C")[rows * observed.n + cols]
    F, q, link, rest = with_offsets(problem, seen, by)
    cost = by.cost(problem.lam, 1) * price + loss_expression(problem.loss, F, by) + rest
    program = cp.Problem(cp.Minimize(cost), [link, *cone, *domain(problem.loss, F)])
    return ConvexProgram(program, Z, q, link, by)


OMEGAS: dict[str, Callable[[Any, Expression, Dims], Expressed]] = {
    "pairs": lambda atom, Z, _: omega(Z, *atom.gauges),
    "squares": lambda atom, Z, _: by_squares(Z, *atom.gauges),
    "products": lambda atom, Z, dims: tensor_omega(
        cp.vec(Z, order="C"), dims, atom.gauges, symmetric=atom.parts == 1
    ),
    "layers": lambda atom, Z, _: network_omega(Z, atom.layer),
    "deep": lambda atom, Z, _: deep_omega(Z, atom),
}


def gauge_of(atom: Atom, Z: Expression, dims: Dims) -> Expressed:
    """Return Omega(Z), or a lower bound, and its constraints: the atom's own, or its family's."""
    return atom.relaxation(cp, Z) or OMEGAS[atom.family](atom, Z, dims)


def has_own(atom: Atom) -> bool:
    """Whether an atom has a relaxation of its own."""
    return type(atom).relaxation is not Atom.relaxation


def of_family(atom: Atom, table: Mapping[str, object]) -> bool:
    """Whether this is one of certify's own atoms, of a family in a table."""
    return isinstance(atom, tuple(ATOMS.values())) and atom.family in table


def require_own(problem: Problem) -> None:
    """Raise InputError for an atom or a loss without a relaxation."""
    atom, loss = problem.atom, problem.loss
    if not is_known(loss):
        name = type(loss).__name__
        raise InputError(f"a relaxation needs a loss of certify's own, got {name}")
    if not has_own(atom) and not of_family(atom, OMEGAS):
        raise InputError(UNKNOWN.format(type(atom).__name__))


def with_offsets(
    problem: Problem, seen: Expression, by: Units
) -> tuple[Expression, list[Expression], Expression, Expression]:
    """Return F, q, the link F = seen + A q, and the penalty of q."""
    observed = problem.loss.observed
    F = cp.Variable(observed.size)
    q = [cp.Variable(int(np.prod(o.shape(observed)))) for o in problem.offsets]
    fitted, cost = seen, 0.0
    for o, x in zip(problem.offsets, q, strict=True):
        fitted = fitted + o.operator(observed) @ x
        cost = cost + penalty(o, x, observed, by)
    link = cp.Zero(F - fitted)  # its multiplier is W; with the sides swapped it would be -W
    return F, q, link, cost


def offset_values(problem: Problem, flat: list[Array], by: Units) -> Values:
    """Return the values of the offsets in the caller's units and shapes."""
    shapes = (o.shape(problem.loss.observed) for o in problem.offsets)
    return tuple((x * by.data).reshape(s) for x, s in zip(flat, shapes, strict=True))


def as_field(loss: Loss, flat: Array) -> Array:
    """Return flat numbers as a field."""
    observed = loss.observed
    return flat.reshape(observed.m, observed.n) if observed.full else flat


def slope(loss: Loss, Z: Array, shift: Array | float, posed: ConvexProgram) -> Array | None:
    """Return W in -dl(Z + shift): for least squares minus the gradient, else the multiplier.

    A point is known only to the root of the accuracy of its value, and a gradient follows
    the point; near a kink it is meaningless.  Where the multiplier is missing, a Lipschitz
    gradient takes its place.
    """
    multiplier = numbers([posed.link.dual_value])
    if loss.quadratic or (multiplier is None and np.isfinite(loss.curvature)):
        return -loss.gradient(np.asarray(Z + shift))
    if multiplier is None:
        return None
    W = as_field(loss, multiplier[0].reshape(-1) * posed.by.back(1.0, -1))
    return orient(loss, Z, W, posed.by.data)


def orient(loss: Loss, Z: Array, W: Array, size: float) -> Array:
    """Return the multiplier in the domain of d, turned if the solver reports -W.

    At the optimum <W, Z> = lam Omega(Z) >= 0: turned if it is negative by more than a
    solver's noise about data of this size.
    """
    noise = NOISE * float(np.linalg.norm(W)) * (float(np.linalg.norm(Z)) + size)
    return loss.clip_dual(-W if np.vdot(W, Z) < -noise else W)


def penalty(o: Offset, x: Expression, observed: Observed, by: Units) -> Expression:
    """Return H(q) of q = data x, in the solver's units: price |q|_1 + 1/2 |R q|^2."""
    if o.price:
        return by.cost(o.price, 1) * cp.norm1(x)
    return 0.5 * cp.sum_squares(by.cost(1.0, 2) ** 0.5 * o.roots(observed) @ x)
