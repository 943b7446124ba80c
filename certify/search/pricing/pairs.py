"""Slices that earn more than their price: local maximizers of <W, phi(x)>, many at once.

For W = -grad l a slice x of theta(x) = 1 with <W, phi(x)> > lam lowers the objective.
"""

import numpy as np
from scipy import sparse

from certify.atoms import Atom, Factors
from certify.base.arrays import Array
from certify.norms import Gauge
from certify.polar import Matrix
from certify.polar import eigen as spectra
from certify.polar.methods.lines import line_values
from certify.polar.scale import exponent, scaled
from certify.problem import Problem
from certify.search.coordinates import pairs as at

TOGETHER = 20  # slices returned at once
STARTS, LINES, HEADS = 20, 20, 6  # random starts, lines of W, singular vectors
FEW, MANY, WORK = 4, 64, 1e6  # starts of each kind when those have found nothing, by size
STEPS, SETTLED = 300, 1e-12  # of the ascent, and the relative gain that ends it
CLEAR = 1e-12  # a value within this of lam is no escape; luck, never truth
RACE, FINALISTS = 1, 5  # steps of every start, and starts that go on, where steps are slow
ALIKE = 1e-3  # 1 - cosine under which two slices are one


def above(problem: Problem, W: Array, factors: Factors, seed: int) -> tuple[float, Factors]:
    """Return (largest value found, slices of theta 1 that earn more than lam)."""
    e = exponent(W)
    price = float(scaled(problem.lam, -e))
    top, slices = above_price(problem, scaled(W, -e), price, (factors, seed))
    return float(scaled(top, e)), slices


def above_price(
    problem: Problem, W: Array, price: float, by: tuple[Factors, int]
) -> tuple[float, Factors]:
    """Return (largest value found, slices that earn more than a price) at W of ordinary size."""
    atom, observed, (factors, seed) = problem.atom, problem.loss.observed, by
    matrix = observed.matrix(W)
    if atom.family != "pairs":
        slices = single(problem, matrix, seed)
    elif any(g.axial for g in atom.gauges):
        slices = by_lines(matrix, atom.gauges)
    elif all(g.spherical and g.free for g in atom.gauges):
        slices = by_values(matrix, seed)
    else:
        slices = climbed(matrix, atom.gauges, starts(matrix, atom.gauges, factors, seed))
    if len(slices) == 1:
        slices = distinct(matrix, slices)
    top, found = worth(matrix, slices, price)
    if found[0].shape[1] or atom.family != "pairs" or closed(atom):
        return top, found
    count = int(np.clip(WORK / observed.size, FEW, MANY))
    more = climbed(matrix, atom.gauges, thorough(matrix.shape[1], atom.gauges[1], seed, count))
    again, found = worth(matrix, more, price)
    return max(top, again), found


def worth(W: Matrix, slices: Factors, price: float) -> tuple[float, Factors]:
    """Return the largest value, and the best slices of those above a price."""
    values = earned(W, slices)
    order = np.argsort(-values, kind="stable")
    top = float(values[order[0]]) if len(order) else 0.0
    order = order[values[order] > price * (1 + CLEAR)]
    return top, tuple(x[:, order[:TOGETHER]] for x in slices)


def closed(atom: Atom) -> bool:
    """Whether the largest value is found for sure."""
    left, right = atom.gauges
    plain = all(g.spherical and g.free for g in (left, right))
    return plain or left.axial or right.axial


def thorough(n: int, norm: Gauge, seed: int, count: int) -> Array:
    """Return many starts for v: unit vectors, and random ones on a few coordinates."""
    rng = np.random.default_rng(seed)
    units = np.eye(n)[:, rng.permutation(n)[:count]]
    some = rng.standard_normal((n, count)) * (rng.random((n, count)) < rng.random(count))
    held = np.hstack([units, -units, some, -some, rng.standard_normal((n, count))])
    held = norm.project_cone(held)
    return held[:, np.abs(held).max(axis=0) > 0]


def earned(W: Matrix, slices: Factors) -> Array:
    """Return <W, phi> of each slice."""
    U, V = at.both(slices)
    return np.asarray(np.einsum("mr,mr->r", U, np.asarray(W @ V)))


def single(problem: Problem, W: Matrix, seed: int) -> Factors:
    """Return local maximizers of x^T W x, for an atom of one factor.

    l2: x <- the ball's best for (S + c I) x, which rises for c >= -lambda_min(S).  l1: on the
    simplex x <- x (S - c) x / x^T (S - c) x, c = min S: replicator steps, which rise too.
    """
    norm = problem.atom.gauges[0]
    held = np.asarray(W.toarray() if sparse.issparse(W) else W)
    S, n = 0.5 * (held + held.T), len(held)
    values, vectors = np.linalg.eigh(S)
    rng = np.random.default_rng(seed)
    lots = np.hstack([vectors[:, -HEADS:], -vectors[:, -HEADS:], rng.standard_normal((n, MANY))])
    if norm.axial:
        X = np.hstack([replicated(S, np.abs(lots)), np.eye(n)])
        return (X,)
    S = S + max(-float(values[0]), 0.0) * np.eye(n)
    X = norm.maximizers(np.hstack([lots, np.eye(n)]))
    for _ in range(STEPS):
        X = norm.maximizers(S @ X)
    return (X,)


def replicated(S: Array, X: Array) -> Array:
    """Climb on the simplex from all columns at once; small coordinates are put to zero."""
    lifted, X = S - S.min(), X / X.sum(axis=0)
    for _ in range(STEPS):
        moved = X * (lifted @ X)
        total = moved.sum(axis=0)
        X = np.where(total > 0, moved / np.where(total > 0, total, 1.0), X)
    X = np.where(ALIKE * X.max(axis=0) < X, X, 0.0)
    return np.asarray(X / X.sum(axis=0))


def by_lines(W: Matrix, norms: tuple[Gauge, ...]) -> Factors:
    """Return the slices of the best lines, for an l1 side."""
    values, signs = line_values(W, *norms)
    keep = np.argsort(-values, kind="stable")[:TOGETHER]
    first = norms[0].axial
    unit = np.zeros((len(values), len(keep)))
    unit[keep, np.arange(len(keep))] = signs[keep]
    lines = np.asarray((W.T if first else W) @ unit)
    other = (norms[1] if first else norms[0]).maximizers(lines)
    return (unit, other) if first else (other, unit)


def by_values(W: Matrix, seed: int) -> Factors:
    """Return the pairs of the largest singular values."""
    del seed
    axis = spectra.side(W)
    values, vectors = spectra.leading(spectra.gram(W, axis), TOGETHER)
    sizes = np.sqrt(np.maximum(values, 0.0))
    keep = np.nonzero(sizes > 0)[0][::-1]
    short = vectors[:, keep]
    long = np.asarray((W if axis else W.T) @ short) / sizes[keep]
    return (long, short) if axis else (short, long)


def starts(W: Matrix, norms: tuple[Gauge, ...], factors: Factors, seed: int) -> Array:
    """Return starts for v: singular vectors, rows of W, the factors there are, random ones."""
    rng = np.random.default_rng(seed)
    n = W.shape[1]
    axis = spectra.side(W)
    heads = spectra.leading(spectra.gram(W, axis), HEADS)[1]
    heads = heads if axis else np.asarray(W.T @ heads)
    rows = rng.permutation(W.shape[0])[:LINES]
    picked = W[rows].toarray() if sparse.issparse(W) else W[rows]
    held = factors[1][:, rng.permutation(factors[1].shape[1])[:LINES]]
    units = np.eye(n)[:, rng.permutation(n)[:LINES]]
    lots = rng.standard_normal((n, STARTS))
    lots = np.abs(lots) if norms[1].nonneg else lots
    return np.hstack([heads, -heads, picked.T, units, held, lots])


def climbed(W: Matrix, norms: tuple[Gauge, ...], V: Array) -> Factors:
    """Alternate u <- best for W v, v <- best for W^T u from all starts; drop repetitions."""
    V = norms[1].maximizers(V)
    values = np.full(V.shape[1], -np.inf)
    slow = norms[0].slow or norms[1].slow
    for k in range(STEPS):
        pulls = np.asarray(W @ V)
        U = norms[0].maximizers(pulls)
        V = norms[1].maximizers(np.asarray(W.T @ U))
        before, values = values, earned(W, (U, V))
        if slow and k == RACE:  # steps cost milliseconds each: only the best go on
            best = np.argsort(-values, kind="stable")[:FINALISTS]
            U, V, before, values = U[:, best], V[:, best], before[best], values[best]
        if not (values - before > SETTLED * np.abs(values)).any():
            break
    return distinct(W, (U, V))


def distinct(W: Matrix, slices: Factors) -> Factors:
    """Return the slices from the best on, without repetitions."""
    order = np.argsort(-earned(W, slices), kind="stable")
    held = tuple(x[:, order] for x in slices)
    U, V = at.both(held)
    sizes = np.linalg.norm(U, axis=0) * np.linalg.norm(V, axis=0)
    alike = (1 - ALIKE) * np.outer(sizes, sizes) < (U.T @ U) * (V.T @ V)
    keep: list[int] = []
    for k in range(len(order)):
        if not alike[k, keep].any():
            keep.append(k)
    return tuple(x[:, keep] for x in held)
