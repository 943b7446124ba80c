"""Lower bounds of the polar of matrices: closed forms, and starts of ascents elsewhere."""

from collections.abc import Sequence

import numpy as np
from scipy import linalg, sparse

from certify.base.arrays import Array, as_dense
from certify.norms import Gauge
from certify.polar import eigen as spectra
from certify.polar.methods._balance import relax, scales
from certify.polar.methods._symmetric import part
from certify.polar.methods.corners import kept_axis, largest_corner
from certify.polar.methods.lines import line_values
from certify.polar.methods.spectral import scale_both
from certify.polar.query import Matrix, PolarQuery

from .products import Target, attain, climb, race

STARTS, STEPS = 12, 200
STEPS_OF_ONE = 2000  # the same for one vector on both sides
TALL = 2.0**480  # entries whose Gram matrix is far from overflow
RACE, FINALISTS = 1, 3  # steps of every start, and starts that go on, where steps are slow
STALLED, STALLED_ONE = 1e-13, 1e-15  # relative gains that end an ascent; luck, never truth


def inner_product(W: Matrix, u: Array, v: Array) -> float:
    """Return u^T W v."""
    return float(u @ (W @ v))


def best_slice(query: PolarQuery) -> tuple[float, tuple[Array, Array]]:
    """Return (<W, u v^T>, (u, v)) with unit norms: exact for a closed form, else by ascent."""
    if query.left.axial or query.right.axial:
        u, v = (x[:, 0] for x in line_slices(query.W, (query.left, query.right), 1))
        return inner_product(query.W, u, v), (u, v)
    if kept_axis((query.left, query.right), query.W.shape) >= 0:
        u, v = largest_corner(as_dense(query.W), (query.left, query.right)).xs
        if (value := inner_product(query.W, u, v)) > 0:
            return value, (u, v)
    return ascend(query, np.column_stack(first_vectors(query)))


def ascend(query: PolarQuery, V: Array) -> tuple[float, tuple[Array, Array]]:
    """Return the best slice reached from the columns of V."""
    slow = query.left.slow or query.right.slow  # then all starts take few steps, and few go on
    target = Target(query.W, (query.left, query.right))
    V = query.right.maximizers(V)
    rounds = (RACE, FINALISTS, STEPS) if slow else (STEPS, 1, 0)
    vectors = race(target, (query.left.maximizers(np.asarray(query.W @ V)), V), rounds, STALLED)[1]
    u, v = (x[:, 0] for x in vectors)
    return inner_product(query.W, u, v), (u, v)


def line_slices(W: Matrix, sides: Sequence[Gauge], count: int) -> tuple[Array, Array]:
    """Return the slices at the largest lines, for an l1 side, as columns."""
    values, signs = line_values(W, *sides)
    keep, first = np.argsort(-values, kind="stable")[:count], sides[0].axial
    unit = np.zeros((len(values), len(keep)))
    unit[keep, np.arange(len(keep))] = signs[keep]
    matrix = W.tocsr() if sparse.issparse(W) else W
    lines = np.asarray((matrix.T if first else matrix) @ unit)
    other = sides[first].maximizers(lines)
    return (unit, other) if first else (other, unit)


def first_vectors(query: PolarQuery) -> list[Array]:
    """Return starts for v: top singular vectors, points of the relaxation, random ones.

    Both signs of each: a u of fixed signs cannot absorb the sign of v.
    """
    if all(g.exact and g.is_round and g.free for g in (query.left, query.right)):
        by = scales(query.W, query.left, query.right, query.seed)
        if by is None:
            return [head(query.W, query.seed)]
        wide = scale_both(query.W, by)
        entries = wide.data if sparse.issparse(wide) else wide
        if np.abs(entries).max(initial=0.0) < TALL:  # false for NaN
            return [head(wide, query.seed) / by[1]]  # where v's maximizer is it
    top = head(query.W, query.seed)
    rng = np.random.default_rng(query.seed)
    n = query.W.shape[1]
    lots = [rng.standard_normal(n) for _ in range(STARTS)]
    sides = query.left.ellipsoids(query.W.shape[0]), query.right.ellipsoids(n)
    if not all(around.uniform for around in sides):
        B = relax(query.W, *sides, query.seed)[1]
        lots += [B @ rng.standard_normal(B.shape[1]) for _ in range(STARTS)]
    both = [sign * v for v in (top, *lots) for sign in (1.0, -1.0)]
    return both if query.right.free else [*both, *map(np.abs, (top, *lots))]


def head(W: Matrix, seed: int) -> Array:
    """Return an approximate top right singular vector."""
    axis = spectra.side(W)
    tall, k = W if axis else W.T, W.shape[axis]
    if k <= spectra.DENSE:
        top = spectra.top_pair(spectra.gram(W, axis), seed)[1]
    else:
        top = spectra.ritz_pair(lambda x: np.asarray(tall.T @ (tall @ x)), k, seed)[1]
    return top if axis else np.asarray(tall @ top)


def best_vector(query: PolarQuery) -> tuple[float, Array]:
    """Return (x^T W x, x) with |x| = 1: exact for l2, else the best of many starts."""
    S = part(query.W)
    if query.left.free:
        x = linalg.eigh(S)[1][:, -1]
        x = x / np.linalg.norm(x)
    else:
        x = attain(S, (query.left, query.left), symmetric=True, seed=query.seed)[1][0]
    return inner_product(query.W, x, x), x


def ascend_symmetric(query: PolarQuery, X: Array) -> tuple[float, Array]:
    """Return (x^T W x, x) reached from the nonnegative columns of X."""
    S, norm = part(query.W), query.left
    X = np.maximum(X, 0.0)
    sizes = np.asarray(norm.value(X))
    X = X[:, sizes > 0] / sizes[sizes > 0]
    if not X.size:
        return 0.0, np.eye(len(S))[0]
    target = Target(S, (norm, norm), symmetric=True)
    values, (vectors,) = climb(target, (X,), STEPS_OF_ONE, STALLED_ONE)
    x = vectors[:, int(values.argmax())]
    return inner_product(query.W, x, x), x
