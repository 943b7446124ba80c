"""Fit the offsets q for a given Z, a convex problem:

    min over q of l(Z + sum_k A_k q_k) + sum_k H_k(q_k)

The result is not trusted: a candidate may have any q, and its objective is proved.  A fit whose
time is over therefore returns its current q.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from certify.base.arrays import Array
from certify.base.clock import must_end
from certify.base.errors import OutOfScopeError
from certify.base.minimize import bisect_slopes, conjugate, even_out, minimize, quasi_newton
from certify.base.observed import Observed
from certify.losses import Entrywise, Loss
from certify.offsets import Offset

Values = tuple[Array, ...]
JOINT = 500_000  # entries of the design of several offsets that is solved by a pseudoinverse
AGAIN = 50_000  # the same, if it is solved again for each step length
LINES = {"row": 0, "column": 1, "intercept": None}  # the axis of an offset's lines
PAIR, SQUARES = 2, 2  # modes of a matrix; the degree of a loss that scales as squares
SWEEPS, PRODUCTS = 50, 500  # block-coordinate steps; steps of conjugate gradients
NEWTON = 60  # steps of a fit with outliers
FLAT, REFINED = 1e-10, 4  # relative shift of a singular matrix; steps of iterative refinement
SETTLED = 1e-15  # relative change that ends an iteration
STEPS = 3000  # of the methods for other losses
PINNED = 1500  # offsets and entries at kinks, in a linear system that takes a second at most
BALANCED, EARLY, RARER = 5, 50, 4  # steps between changes of t: 5, after step 50 a quarter of all
SHARES = 50  # powers of two by which q is shortened until it is in the domain
ROUNDED, NEARLY = 2.0**-48, 0.5  # relative rounding of a fit; how far A q may be from 1
FAR = 1e8  # relative to the data: a q beyond it has run away


def shift(offsets: Sequence[Offset], q: Values, observed: Observed) -> Array | float:
    """Return the field of sum_k A_k q_k."""
    fields = [o.field(x, observed) for o, x in zip(offsets, q, strict=True) if o.entrywise]
    pairs = [o.factors(x, observed) for o, x in zip(offsets, q, strict=True) if not o.entrywise]
    out: Array | float = 0.0
    if pairs:
        left, right = (np.hstack([p[k] for p in pairs]) for k in (0, 1))
        out = observed.product(left, right)
    for f in fields:
        out = out + f
    return out


def joint_fit(offsets: Sequence[Offset], weights: Array, observed: Observed) -> Array | None:
    """Return the matrix that maps sqrt(w) times a target to the best q; None if it is large.

    It is a part of the pseudoinverse of sqrt(w) A stacked on sqrt(ridge), so that of several best
    q the shortest is returned.
    """
    sizes = [math.prod(o.shape(observed)) for o in offsets]
    if any(o.entrywise for o in offsets) or sum(sizes) * observed.size > JOINT:
        return None
    design = sparse.hstack([o.operator(observed) for o in offsets]).toarray()
    design *= np.sqrt(weights)[:, None]
    ridges = np.concatenate([o.ridges * np.ones(s) for o, s in zip(offsets, sizes, strict=True)])
    stacked = np.vstack([design, np.diag(np.sqrt(ridges))])
    rounding = max(stacked.shape) * float(np.finfo(np.float64).eps)
    return np.asarray(np.linalg.pinv(stacked, rcond=rounding)[:, : observed.size])


def least_squares(
    offsets: Sequence[Offset], target: Array, weights: Array, observed: Observed
) -> Values:
    """Return argmin_q 1/2 sum w (A q - target)^2 + H(q)."""
    if len(offsets) == 1:
        return (offsets[0].solve(target, weights, observed),)
    if any(o.entrywise for o in offsets):
        return robust(offsets, target, weights, observed)
    kinds = {o.kind for o in offsets}
    if len(kinds) == len(offsets) == PAIR and kinds <= LINES.keys():
        return best_lines(offsets, target, weights, observed)
    return sweeps(offsets, target, weights, observed)


def best_lines(
    offsets: Sequence[Offset], target: Array, weights: Array, observed: Observed
) -> Values:
    """Return the best values a of one line offset and b of the other, or of an intercept.

    Let R and S be the sums of the weights over the entries of each number, plus its ridge, C the
    weights of the entries that two numbers share, r and s the weighted sums of the target.  Then

        R a + C b = r,   C^T a + S b = s.

    Conjugate gradients solve (S - C^T R^-1 C) b = s - C^T R^-1 r.  Block-coordinate steps would
    be slow for small ridges, since they hardly move a constant from a to b.
    """
    lines, other = sorted(offsets, key=lambda o: (LINES[o.kind] is None, LINES[o.kind]))
    C, pull = observed.matrix(weights), np.asarray(weights * target)
    if alone := LINES[other.kind] is None:
        C = line_sums(weights, lines, observed)[:, None]
    sides = [
        (line_sums(weights, o, observed) + o.ridges, line_sums(pull, o, observed))
        for o in (lines, other)
    ]
    (R, r), (S, s) = ((np.where(d > 0, d, 1.0), t) for d, t in sides)
    b, until = np.zeros_like(s), (SETTLED, PRODUCTS, lambda: False)
    if not (alone and lines.free and other.free):  # else b = 0: a can do the same
        b, _ = conjugate(lambda x: S * x - C.T @ ((C @ x) / R), s - C.T @ (r / R), 1 / S, until)
    values = {lines.kind: (r - C @ b) / R, other.kind: b}
    return tuple(values[o.kind] for o in offsets)


def line_sums(field: Array, o: Offset, observed: Observed) -> Array:
    """Return the sums of a field over the rows, the columns or all entries, as the offset has."""
    axis = LINES[o.kind]
    return np.atleast_1d(field.sum()) if axis is None else observed.line_sums(field, axis)


def sweeps(offsets: Sequence[Offset], target: Array, weights: Array, observed: Observed) -> Values:
    """Return the best values by block-coordinate descent; if that converges slowly, by `robust`.

    It does if the steps, at the rate at which they shrink, are not small after SWEEPS.
    """
    q, last = [np.zeros(o.shape(observed)) for o in offsets], np.inf
    rest, small = target, SETTLED * max(float(np.abs(target).max()), 1e-300)
    for left in range(SWEEPS - 1, -1, -1):
        before = [x.copy() for x in q]
        for k, o in enumerate(offsets):
            residual = rest + o.field(q[k], observed)
            q[k] = o.solve(residual, weights, observed)
            rest = residual - o.field(q[k], observed)
        moved = max(float(np.abs(a - b).max(initial=0.0)) for a, b in zip(q, before, strict=True))
        if moved <= small or must_end():
            return tuple(q)
        if moved * min(moved / last, 1.0) ** left > small:
            break
        last = moved
    return robust(offsets, target, weights, observed)


def robust(offsets: Sequence[Offset], target: Array, weights: Array, observed: Observed) -> Values:
    """Return the best values of all offsets together, with or without a sparse part.

    Minimizing over the sparse part, of weight rho (inf without one), leaves

        min over q of sum over entries of huber(w, rho; t - A q) + 1/2 <q, K q>.

    This is piecewise quadratic, so Newton's method is exact once the set of outliers,
    |w (t - A q)| > rho, does not change.
    """
    rho = min((o.price for o in offsets if o.price), default=np.inf)
    rest = [o for o in offsets if not o.price]
    parts = Parts(*matrices(rest, observed), weights.reshape(-1), target.reshape(-1), rho)
    flat = np.zeros(parts.A.shape[1])
    for _ in range(NEWTON):
        before, value = flat, parts.value(flat)
        flat = parts.newton(before)
        if not parts.value(flat) <= value:
            flat = parts.majorize(before)
        if parts.value(flat) >= value * (1 - SETTLED) or must_end():
            break
    out = iter(split_values(flat, [o.shape(observed) for o in rest]))
    over = (parts.target - parts.A @ flat).reshape(target.shape)
    return tuple(o.solve(over, weights, observed) if o.price else next(out) for o in offsets)


class Parts(NamedTuple):
    """A least-squares fit with outliers; rho is the largest slope of the Huber losses."""

    A: Any
    K: Any
    weights: Array
    target: Array
    rho: float

    def outliers(self, q: Array) -> Array:
        """Return the sign of each residual beyond rho, else 0."""
        rest = self.weights * (self.target - self.A @ q)
        return np.asarray(np.sign(rest) * (np.abs(rest) > self.rho))

    def value(self, q: Array) -> float:
        """Return the sum of the Huber losses plus 1/2 <q, K q>."""
        rest = np.abs(self.target - self.A @ q)
        inner = np.minimum(rest, self.rho / self.weights)
        outer = rest - inner
        fit = 0.5 * self.weights * inner**2 + (self.rho * outer if outer.any() else 0.0)
        return float(np.sum(fit)) + 0.5 * float(q @ (self.K @ q))

    def newton(self, q: Array) -> Array:
        """Minimize the quadratic piece at q, in which an outlier has the slope rho or -rho."""
        signs = self.outliers(q)
        weights = self.weights * (signs == 0)
        pull = weights * self.target + (self.rho * signs if signs.any() else 0)
        return self.solve(q, weights, pull)

    def majorize(self, q: Array) -> Array:
        """Minimize a quadratic majorant that is equal at q; the value never increases."""
        rest = self.weights * np.abs(self.target - self.A @ q)
        weights = self.weights * np.minimum(self.rho / np.maximum(rest, 1e-300), 1.0)
        return self.solve(q, weights, weights * self.target)

    def solve(self, q: Array, weights: Array, pull: Array) -> Array:
        """Minimize 1/2 sum weights (A q)^2 - pull A q + 1/2 <q, K q>, starting from q."""
        matrix = self.A.T @ sparse.diags_array(weights) @ self.A + self.K
        return semidefinite_solver(matrix)(q, self.A.T @ pull)


def semidefinite_solver(
    matrix: Any,  # noqa: ANN401  scipy.sparse
) -> Callable[[Array, Array], Array]:
    """Return a function of (q, b) that solves matrix x = b, starting from q.

    The matrix is semidefinite; its shifted factorization is corrected by iterative refinement.
    """
    scale = float(matrix.diagonal().max(initial=0.0)) or 1.0
    solver = splu((matrix + FLAT * scale * sparse.eye_array(matrix.shape[0])).tocsc())

    def solve(q: Array, wanted: Array) -> Array:
        """Return the solution."""
        for _ in range(REFINED):
            q = q + solver.solve(np.asarray(wanted - matrix @ q))
        return q

    return solve


def split_values(flat: Array, shapes: Sequence[tuple[int, ...]]) -> Values:
    """Return the values of all offsets, one flat array, as an array for each offset."""
    cuts = np.cumsum([math.prod(s) for s in shapes])[:-1]
    return tuple(x.reshape(s) for x, s in zip(np.split(flat, cuts), shapes, strict=True))


@dataclass(frozen=True)
class Fit:
    """One fit: the loss, the offsets, Z, and the matrices A and K of all offsets together."""

    loss: Loss
    offsets: tuple[Offset, ...]
    Z: Array
    design: Any
    stiffness: Any

    def field(self, flat: Array) -> Array:
        """Return Z + A q."""
        return np.asarray(self.Z + (self.design @ flat).reshape(self.Z.shape))

    def smooth_part(self, flat: Array) -> tuple[float, Array]:
        """Return l(Z + A q) + 1/2 <q, K q> and its gradient; the l1 terms are left out."""
        Z, bent = self.field(flat), self.stiffness @ flat
        slope = self.design.T @ self.loss.gradient(Z).reshape(-1) + bent
        return self.loss.value(Z) + 0.5 * float(flat @ bent), np.asarray(slope)


def best(loss: Loss, offsets: Sequence[Offset], Z: Array, terms: Array) -> Values:
    """Return the best q for any convex loss; terms: as in `Problem.fit_offsets`.

    Smooth losses: L-BFGS, after minimizing over a sparse part if the loss is a sum over entries;
    one that scales as squares of the data, such as Huber's, starts from least squares.
    Other losses: bisection if each number is fitted by itself, else ADMM with the prox of the loss.

    Raises OutOfScopeError if the values grow without bound: there is no minimizer.
    """
    observed = loss.observed
    shapes = [o.shape(observed) for o in offsets]
    sizes = [math.prod(s) for s in shapes]
    objective = Fit(loss, tuple(offsets), Z, *matrices(offsets, observed))
    prices = np.repeat([o.price for o in offsets], sizes)
    flat = np.zeros(sum(sizes))
    lone = len(offsets) == 1 and offsets[0].separate
    bounded = type(loss).outside is not Loss.outside
    if loss.smooth and prices.any() and isinstance(loss, Entrywise):
        flat = eliminate_sparse(objective, prices)
    elif lone and not loss.smooth:
        flat = bisect_slopes(lambda q: objective.smooth_part(q)[1], flat)
    else:
        if not (loss.smooth and np.isfinite(loss.value(Z))):
            flat = alternating(objective)
        if loss.smooth and np.isfinite(loss.value(objective.field(flat))):
            if prices.any():
                flat = split_signs(objective, prices, flat)
            else:
                if isinstance(loss, Entrywise) and loss.degree == SQUARES:  # exact for exact fits
                    flat = fit_at(objective, 1.0)(flat, np.asarray(loss.data - Z).reshape(-1))
                flat = quasi_newton(objective.smooth_part, flat, must_end)
        if bounded:  # gradient methods may stop at the boundary of the domain
            tries = [flat, inside(objective, alternating(objective))]
            flat = min(tries, key=lambda x: objective.smooth_part(x)[0] + float(prices @ np.abs(x)))
    if bounded:
        flat = raise_fit(objective, flat, prices, terms)
    far = FAR * (1 + float(np.abs(Z).max(initial=0.0)))
    if not np.isfinite(flat).all() or float(np.abs(flat).max(initial=0.0)) > far:
        cure = "give each offset a ridge > 0, or give q"
        raise OutOfScopeError(f"the offsets have no best values, they grow without bound: {cure}")
    return split_values(flat, shapes)


def inside(objective: Fit, flat: Array) -> Array:
    """Return the longest of a few multiples of q at which the loss is finite, else q."""
    tries = (flat * (1 - 2.0**-k) for k in range(SHARES, -1, -1))
    return next((q for q in tries if not objective.loss.outside(objective.field(q))), flat)


def raise_fit(objective: Fit, flat: Array, prices: Array, terms: Array) -> Array:
    """Return q with a fit above 0 by more than its rounding, by a sparse part or a constant A q.

    A fit of 0 in floats may be below 0 in exact arithmetic, which is outside the domain.
    """
    A, observed, ones = objective.design, objective.loss.observed, np.ones(objective.Z.size)
    slack = ROUNDED * (terms.reshape(-1) + np.abs(A) @ np.abs(flat))
    short = (slack > 0) & (objective.field(flat).reshape(-1) <= slack)
    if not short.any():
        return flat
    if prices.any():
        raised = flat.copy()
        raised[prices > 0] += np.where(short, 2 * slack, 0.0)
        return raised
    joint = joint_fit(objective.offsets, ones, observed)
    level = np.zeros(len(flat)) if joint is None else joint @ ones
    constant = np.abs(A @ level - 1).max() <= NEARLY
    return flat + 2 * float(slack.max()) * level if constant else flat


def matrices(offsets: Sequence[Offset], observed: Observed) -> tuple[Any, Any]:
    """Return A and K of all offsets together, sparse."""
    designs = [o.operator(observed) for o in offsets]
    curved = [o.curvature(observed) for o in offsets]
    return sparse.hstack(designs).tocsr(), sparse.block_diag(curved).tocsr()


def eliminate_sparse(objective: Fit, prices: Array) -> Array:
    """Minimize l(Z + A b + S) + rho |S|_1 + H(b), l a smooth sum over entries, by L-BFGS over b.

    For each entry let h'(low) = -rho and h'(high) = rho.  The best S moves z = (Z + A b)_ij to
    c(z), the nearest point of [low, high].  This leaves h(c(z)) + rho |z - c(z)|, which is finite
    everywhere; its slope is h' clipped to [-rho, rho].
    """
    loss, Z, own = objective.loss, objective.Z, prices > 0
    rho = prices[own].reshape(Z.shape)
    A, K = objective.design[:, ~own], objective.stiffness[~own][:, ~own]
    least = 0.0 if loss.positive else -np.inf
    data: Array = getattr(loss, "data")  # noqa: B009  of a sum over entries

    def slopes(z: Array) -> Array:
        """Return h'(z), at the nearest point of the domain."""
        return loss.gradient(np.maximum(z, least))

    low = np.maximum(bisect_slopes(lambda z: slopes(z) + rho, data), least)
    high = np.maximum(bisect_slopes(lambda z: slopes(z) - rho, data), least)

    def fit(b: Array) -> tuple[Array, Array]:
        """Return z = Z + A b and c(z)."""
        z = np.asarray(Z + (A @ b).reshape(Z.shape))
        return z, np.clip(z, low, high)

    def value(b: Array) -> tuple[float, Array]:
        """Return the function of b and its gradient."""
        (z, c), bent = fit(b), K @ b
        slope = np.where(z < low, -rho, np.where(z > high, rho, loss.gradient(c)))
        price = float((rho * np.abs(z - c)).sum()) + 0.5 * float(b @ bent)
        return loss.value(c) + price, np.asarray(A.T @ slope.reshape(-1) + bent)

    flat = np.zeros(len(prices))
    if not own.all():
        flat[~own] = quasi_newton(value, flat[~own], must_end)
    z, c = fit(flat[~own])
    flat[own] = (c - z).reshape(-1)
    return flat


def split_signs(objective: Fit, prices: Array, start: Array) -> Array:
    """Minimize smooth_part + sum prices |q|, with q = p - n, p, n >= 0, where prices > 0."""
    own, size = np.flatnonzero(prices), len(start)

    def joined(x: Array) -> Array:
        """Return q."""
        flat = x[:size].copy()
        flat[own] -= x[size:]
        return flat

    def value(x: Array) -> tuple[float, Array]:
        """Return the function of p and n and its gradient."""
        total, slope = objective.smooth_part(joined(x))
        total += float(prices @ x[:size]) + float(prices[own] @ x[size:])
        return total, np.concatenate([slope + prices, prices[own] - slope[own]])

    halves = np.concatenate([start, np.maximum(-start[own], 0.0)])
    halves[own] = np.maximum(start[own], 0.0)
    least = np.where(np.concatenate([prices, prices[own]]) > 0, 0.0, -np.inf)
    ends = least, np.inf
    end, _ = minimize(value, halves, ends, steps=STEPS, stall=0.0, expired=must_end, flat=1e-12)
    return joined(end)


def fit_at(objective: Fit, t: float) -> Callable[[Array, Array], Array]:
    """Return a function of (q, target) that minimizes 1/2 |A q - target|^2 / t + H(q) from q."""
    offsets, A, observed = objective.offsets, objective.design, objective.loss.observed
    weights, sparse_part = np.full(objective.Z.shape, 1 / t), any(o.price for o in offsets)
    if len(offsets) > 1 and any(o.entrywise for o in offsets) and not sparse_part:
        refine = semidefinite_solver(A.T @ A / t + objective.stiffness)
        return lambda q, x: refine(q, A.T @ x / t)
    small = independent_of_step(offsets) or A.shape[1] * weights.size <= AGAIN
    joint = joint_fit(offsets, weights.reshape(-1), observed) if small else None
    if joint is not None:
        return lambda _, x: np.asarray(joint @ x / t**0.5)

    def solve(q: Array, x: Array) -> Array:
        """Return the best values by least squares."""
        del q
        values = least_squares(offsets, x.reshape(weights.shape), weights, observed)
        return np.concatenate([v.reshape(-1) for v in values])

    return solve


def independent_of_step(offsets: Sequence[Offset]) -> bool:
    """Whether the fit does not depend on t: no offset has a penalty, none is entrywise."""
    return all(o.free and not o.entrywise for o in offsets)


def move_to_kinks(objective: Fit, q: Array, X: Array) -> Array:
    """Return q that puts the entries E that X has at kinks of the loss exactly there, if better.

    With the slopes g of the other entries, which are constant near q, it solves

        K q + A^T g + A_E^T y = 0,   (Z + A q)_E = X_E.

    This is the optimum if E is right; ADMM alone would converge to it slowly.
    """
    loss, A, K = objective.loss, objective.design, objective.stiffness
    size = float(np.abs(X).max(initial=0.0)) or 1.0
    low, high = (loss.gradient(X + s * SETTLED * size).reshape(-1) for s in (-1, 1))
    at = np.flatnonzero(high > low)
    if loss.smooth or any(o.price for o in objective.offsets) or len(q) + len(at) > PINNED:
        return q
    rest, on = np.where(high > low, 0.0, low), A[at]
    system = sparse.block_array([[size * K, on.T], [on, None]]).toarray()
    parts = -(A.T @ rest + K @ q), (X - objective.field(q)).reshape(-1)[at] / size
    wanted = np.concatenate(parts)
    if not (np.isfinite(system).all() and np.isfinite(wanted).all()):
        return q
    new = q + size * np.linalg.lstsq(system, wanted, rcond=None)[0][: len(q)]
    return min((q, new), key=lambda x: objective.smooth_part(x)[0])


def first_step(loss: Loss, Z: Array) -> float:
    """Return the length of the prox step with t = 1, relative to the gradient; 1 if it is longer.

    If the data are small but the slopes are not, t = 1 is far too long.
    """
    with np.errstate(all="ignore"):
        slope = float(np.abs(loss.gradient(Z)).mean())
        moved = float(np.abs(loss.prox(Z, 1.0) - Z).mean())
    return moved / slope if 0 < moved < slope < np.inf else 1.0


def alternating(objective: Fit) -> Array:
    """Minimize l(X) + H(q) over X = Z + A q by ADMM, with the prox of l.

    The step t follows the residuals (Boyd et al. 2011, 3.4.1): it is doubled if X moves far more
    than X and Z + A q differ, and halved in the opposite case.  It changes less and less often, as
    otherwise it may tend to 0 before X reaches the minimum.
    """
    observed, offsets = objective.loss.observed, objective.offsets
    X, dual = objective.Z.copy(), np.zeros(objective.Z.shape)
    t = first_step(objective.loss, X)
    q, fit_offsets, fitted = np.zeros(objective.design.shape[1]), fit_at(objective, t), t
    shapes, turn = [o.shape(observed) for o in offsets], BALANCED
    for k in range(1, STEPS + 1):
        if t != fitted and not independent_of_step(offsets):
            fit_offsets, fitted = fit_at(objective, t), t
        q = fit_offsets(q, (X - objective.Z + dual).reshape(-1))
        fit = np.asarray(objective.Z + shift(offsets, split_values(q, shapes), observed))
        before, X = X, objective.loss.prox(fit - dual, t)
        dual = dual + X - fit
        apart, moved = float(np.abs(X - fit).max()), float(np.abs(X - before).max())
        if must_end() and not objective.loss.outside(objective.field(q)):
            return q
        if apart + moved <= 1e-13 * max(float(np.abs(X).max()), 1e-300):
            break
        if k == turn:
            turn += BALANCED if k < EARLY else k // RARER
            change = even_out(apart, moved, 0.5)
            t, dual = t * change, dual * change
    return move_to_kinks(objective, q, X)
