"""Descend on the factors at a fixed number of slices; the objective never rises.

Ellipsoids: alternating ridge regressions, one linear system a row.  Other
norms: one slice at a time, each factor by its proximal map (exact on full data, a majorized
step else).
"""

from dataclasses import dataclass

import numpy as np

from certify.atoms import Atom, Factors
from certify.base.arrays import Array
from certify.base.observed import Observed
from certify.losses import Squared
from certify.norms import Gauge
from certify.problem import Problem, Values

GROUP = 1 << 22  # numbers held at once by the batched normal equations


@dataclass(frozen=True)
class State:
    """Factors, offset values and their objective in floats."""

    factors: Factors
    q: Values
    value: float

    @property
    def size(self) -> int:
        """The number of slices."""
        return int(self.factors[0].shape[-1])


def state(problem: Problem, factors: Factors, q: Values | None = None) -> State:
    """Return the state of these factors, with the best offsets unless given."""
    q = problem.best_offsets(factors) if q is None else q
    return State(factors, q, problem.objective(factors, q))


def rank_one(problem: Problem) -> tuple[Atom, Squared]:
    """Return atom and loss: pairs of factors under least squares."""
    atom, loss = problem.atom, problem.loss
    if atom.family != "pairs" or not isinstance(loss, Squared):
        message = f"descent knows pairs with Squared, not {type(atom).__name__}"
        raise TypeError(message)
    return atom, loss


def squared(problem: Problem) -> Squared:
    """Return the loss, least squares."""
    if not isinstance(problem.loss, Squared):
        message = f"least squares is known here, not {type(problem.loss).__name__}"
        raise TypeError(message)
    return problem.loss


def sweep(problem: Problem, now: State) -> State:
    """Update every factor once, then the offsets; never returns something worse."""
    atom, loss = rank_one(problem)
    if euclidean(atom):
        new = alternate(problem, atom, loss, now)
    else:
        new = slicewise(problem, atom, loss, now)
    found = state(problem, balanced(atom, new))
    return found if found.value < now.value else now


def balanced(atom: Atom, factors: Factors) -> Factors:
    """Scale each slice so that both norms agree: then both forms of theta do too."""
    a, b = (g.value(x) for g, x in zip(atom.gauges, factors, strict=True))
    alive = (a > 0) & (b > 0)
    ratio = np.sqrt(np.where(alive, b, 0.0)) / np.sqrt(np.where(alive, a, 1.0))
    return factors[0] * ratio, factors[1] * np.where(alive, 1.0 / np.where(alive, ratio, 1.0), 0.0)


def balanced_all(atom: Atom, factors: Factors) -> Factors:
    """Balance the slices of an atom with two factors; one factor needs none."""
    return balanced(atom, factors) if atom.family == "pairs" else factors


def canonical(factors: Factors) -> Factors:
    """Return U, V with the same product and the least |U|^2 + |V|^2 (l2 x l2)."""
    if not all(np.isfinite(x).all() for x in factors):
        return factors
    (Q, R), (P, S) = (np.linalg.qr(x) for x in factors)
    left, values, right = np.linalg.svd(R @ S.T, full_matrices=False)
    root = np.sqrt(values)
    return Q @ (left * root), P @ (right.T * root)


def euclidean(atom: Atom) -> bool:
    """Whether both unit balls are ellipsoids, without signs."""
    return all(g.free and g.exact and g.is_round for g in atom.gauges)


def shares(norm: Gauge, X: Array) -> Array | None:
    """Return w with |x|^2 = sum w x^2 for the columns of X; None: all 1."""
    return None if norm.spherical else norm.ellipsoids(len(X)).weights


def alternate(problem: Problem, atom: Atom, loss: Squared, now: State) -> Factors:
    """Solve for U given V, then for V given U, with the offsets held."""
    target = loss.data - problem.shift(now.q)
    U, V = now.factors
    weights = [shares(g, x) for g, x in zip(atom.gauges, now.factors, strict=True)]
    costs = [problem.lam if w is None else problem.lam * w for w in weights]
    U = ridge(loss, np.asarray(target), V, costs[0], transposed=False)
    V = ridge(loss, np.asarray(target), U, costs[1], transposed=True)
    if min(U.shape[0], V.shape[0]) < U.shape[1]:
        return U, V
    roots = [1.0 if w is None else np.sqrt(w)[:, None] for w in weights]
    U, V = canonical((U * roots[0], V * roots[1]))
    return U / roots[0], V / roots[1]


def ridge(
    loss: Squared, target: Array, fixed: Array, lam: Array | float, *, transposed: bool
) -> Array:
    """Return argmin_X 1/2 sum w (X fixed^T - target)^2 + 1/2 sum_i lam_i |x_i|^2, row by row."""
    r = fixed.shape[1]
    if loss.observed.full and loss.scale is None and not isinstance(lam, np.ndarray):
        right = np.asarray((target.T if transposed else target) @ fixed)
        return solved(fixed.T @ fixed + lam * np.eye(r), right.T).T
    held, weights, target = turned(loss, target, transposed=transposed)
    right = held.times(weights * target, fixed)
    matrix, each = held.matrix(weights), np.broadcast_to(lam, held.m)
    i, j = np.triu_indices(r)
    outer = fixed[:, i] * fixed[:, j]  # of v v^T, one triangle
    out = np.empty((held.m, r))
    step = max(1, GROUP // max(r * r, 1))
    for start in range(0, held.m, step):
        part = slice(start, start + step)
        half = np.asarray(matrix[part] @ outer)
        normal = np.empty((len(half), r, r))
        normal[:, i, j] = normal[:, j, i] = half
        normal += each[part, None, None] * np.eye(r)
        out[part] = solved(normal, right[part, :, None])[..., 0]
    return out


def turned(loss: Squared, target: Array, *, transposed: bool) -> tuple[Observed, Array, Array]:
    """Return (pattern, weights, target), of the transpose if asked."""
    shape = target.shape
    weights = np.ones(shape) if loss.scale is None else loss.scale.reshape(shape)
    if not transposed:
        return loss.observed, weights, target
    held, order = loss.observed.transposed()
    w, t = (f.T if order is None else f[order] for f in (weights, target))
    return held, w, t


def solved(A: Array, B: Array) -> Array:
    """Solve A X = B; by the pseudo-inverse where A is singular to working precision."""
    try:
        return np.asarray(np.linalg.solve(A, B))
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(A) @ B)


def slicewise(problem: Problem, atom: Atom, loss: Squared, now: State) -> Factors:
    """Update u_k for each slice k, then v_k, by their proximal maps."""
    target = np.asarray(loss.data - problem.shift(now.q))
    a, b = atom.gauges
    U, V = (x.copy() for x in now.factors)
    if loss.observed.full and loss.scale is None:
        half_sweep(target, (U, V), (a, b), problem.lam)
        half_sweep(target.T, (V, U), (b, a), problem.lam)
        return U, V
    rest = target - loss.observed.product(U, V)
    for side in (0, 1):
        rest = majorized(loss, rest, (U, V), ((a, b), problem.lam), side)
    return U, V


def half_sweep(Y: Array, factors: Factors, gauges: tuple[Gauge, Gauge], lam: float) -> None:
    """Minimize over each column of U in turn, exactly, V held: full data, no weights."""
    U, V = factors
    gram, pull = V.T @ V, Y @ V
    prices = lam * gauges[1].value(V)
    for k in range(U.shape[1]):
        size = gram[k, k]
        if size > 0:
            step = U[:, k] + (pull[:, k] - U @ gram[:, k]) / size
            U[:, k] = gauges[0].prox(step, float(prices[k] / size))


def majorized(
    loss: Squared, rest: Array, factors: Factors, by: tuple[tuple[Gauge, Gauge], float], side: int
) -> Array:
    """Step each column of one factor by its largest curvature; return the new residual."""
    observed, (gauges, lam) = loss.observed, by
    gauge, other = gauges[side], gauges[1 - side]
    X, fixed = factors[side], factors[1 - side]
    times = observed.times if side == 0 else observed.times_left
    for k in range(X.shape[1]):
        x, y = X[:, k].copy(), fixed[:, k]
        size = curvature(loss, y, side)
        if size > 0:
            step = x + times(loss.weighted(rest), y) / size
            X[:, k] = gauge.prox(step, lam * float(other.value(y)) / size)
            change = (X[:, k] - x)[:, None], y[:, None]
            rest = rest - observed.product(*(change if side == 0 else change[::-1]))
    return rest


def curvature(loss: Squared, y: Array, side: int) -> float:
    """Return the largest curvature in x of 1/2 sum w (x y^T - .)^2: max over lines of sum w y^2."""
    if loss.observed.full and loss.scale is None:
        return float(y @ y)
    ones = np.ones(loss.observed.size) if loss.scale is None else loss.scale
    ones = ones.reshape((loss.observed.m, loss.observed.n)) if loss.observed.full else ones
    sums = loss.observed.times(ones, y * y) if side == 0 else loss.observed.times_left(ones, y * y)
    return float(sums.max(initial=0.0))


def reweighted(problem: Problem, now: State) -> State:
    """Rescale all slices at once: min over a >= 0 of l(sum a_k phi_k) + lam sum a_k theta_k."""
    atom, loss = rank_one(problem)
    r = now.size
    if not 0 < r <= 400:  # noqa: PLR2004  a Gram matrix of slices this size is quick
        return now
    U, V = now.factors
    target = loss.data - problem.shift(now.q)
    linear = np.einsum("mr,mr->r", U, loss.observed.times(loss.weighted(np.asarray(target)), V))
    left, right = (g.value(x) for g, x in zip(atom.gauges, now.factors, strict=True))
    linear = linear - problem.lam * (left * right)
    a = coordinate(slice_gram(loss, U, V), linear)
    root = np.sqrt(a)
    found = state(problem, balanced(atom, (U * root, V * root)), None)
    return found if found.value < now.value else now


def slice_gram(loss: Squared, U: Array, V: Array) -> Array:
    """Return <phi_k, phi_l> in the weighted inner product over observed entries."""
    if loss.observed.full and loss.scale is None:
        return np.asarray((U.T @ U) * (V.T @ V))
    r = U.shape[1]
    out = np.empty((r, r))
    for k in range(r):
        field = loss.weighted(loss.observed.product(U[:, k : k + 1], V[:, k : k + 1]))
        out[k] = np.einsum("mr,mr->r", U, loss.observed.times(field, V))
    return 0.5 * (out + out.T)


def coordinate(gram: Array, linear: Array) -> Array:
    """Minimize 1/2 a^T G a - c^T a over a >= 0 by cyclic coordinate steps from a = 1."""
    a = np.ones(len(linear))
    grad = gram @ a - linear
    for _ in range(200):
        moved = 0.0
        for k in range(len(a)):
            if gram[k, k] > 0:
                step = max(a[k] - grad[k] / gram[k, k], 0.0) - a[k]
                a[k] += step
                grad += step * gram[:, k]
                moved = max(moved, abs(step))
        if moved <= 1e-12:  # noqa: PLR2004  luck, never truth
            break
    return a
