"""sup { x^T W x : |x| <= 1 }: slices that earn it, and one leaf that bounds it.

x^T W x = x^T S x with S = (W + W^T) / 2.  For x >= 0 any N >= 0 gives x^T S x <= x^T (S + N) x,
so lambda_max(S + N) bounds l2+ (copositive: NP-hard exactly) and l1+ (|x|_2 <= |x|_1).
"""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from scipy import linalg, sparse

from certify.base.arrays import Array
from certify.polar import eigen as spectra
from certify.polar.ask import Ask, Matrix, Proposal, exact_text
from certify.polar.methods.multiplier import LARGEST, largest_eigenvalue, prox_largest, smallest

STARTS, STEPS = 24, 2000
SETTLED = 1e-15  # relative gain below which an ascent stops; luck, never truth


def part(W: Matrix) -> Array:
    """Return (W + W^T) / 2, dense."""
    held = W.toarray() if sparse.issparse(W) else W
    return np.asarray(held / 2 + held.T / 2)


def leaves(ask: Ask) -> Iterator[Proposal]:
    """Yield bounds by one leaf of the conic rule: N = 0; for x >= 0 S_-, and the best found."""
    S = part(ask.W)
    yield from leaf(S, None)
    if not ask.left.nonneg:
        return
    yield from leaf(S, np.maximum(-S, 0.0) * (1 - np.eye(len(S))))
    if S.size <= LARGEST and not ask.expired():
        signs = np.ones_like(S)
        yield from leaf(S, smallest(S, signs, ask, (prox_largest, largest_eigenvalue)))


def leaf(S: Array, multiplier: Array | None) -> Iterator[Proposal]:
    """Yield the bound lambda_max(S + N), with N and the Cholesky factor that proves it."""
    g, arrays, (i, j) = S, {}, np.tril_indices(len(S))
    if multiplier is not None:
        n = spectra.on_grid(np.maximum(multiplier, 0.0), 40)
        n = np.minimum(n, n.T)
        g, arrays = S + n, {"N0": n[i, j]}
    top = float(linalg.eigvalsh(g)[-1])
    size = float(np.abs(g).sum(axis=0).max(initial=0.0))
    if size == 0.0:
        yield Proposal(0.0, {"rule": "conic", "nodes": [{"leaf": 0, "shift": "0/1"}], **arrays})
    for margin in spectra.MARGINS if size else ():
        shift = top + margin * size
        factor = spectra.factorize(g, shift)
        if factor is not None:
            node = {"leaf": 0, "shift": exact_text(Fraction(shift))}
            proof = {"rule": "conic", "nodes": [node], "L0": spectra.packed(factor), **arrays}
            yield Proposal(max(shift, 0.0) + 1e-14 * size, proof)
            return


def best_vector(ask: Ask) -> tuple[float, Array]:
    """Return (x^T W x, x) with |x| = 1: exact for l2, else the best of many starts."""
    S = part(ask.W)
    vectors = linalg.eigh(S)[1]
    if ask.left.free:
        x = vectors[:, -1] / np.linalg.norm(vectors[:, -1])
        return float(x @ (ask.W @ x)), x
    ascend = replicate if ask.left.axial else project
    found = (ascend(S, x) for x in starts(S, vectors, ask.seed))
    scored = ((float(x @ (ask.W @ x)), x) for x in found)
    return max(scored, key=lambda pair: pair[0])


def ascended(ask: Ask, z: Array) -> tuple[float, tuple[Array]]:
    """Return (x^T W x, (x,)) from a nonnegative start."""
    S = part(ask.W)
    start = np.maximum(z, 0.0)
    if not start.any():
        return 0.0, (np.eye(len(S))[0],)
    x = (replicate if ask.left.axial else project)(S, start)
    return float(x @ (S @ x)), (x,)


def starts(S: Array, vectors: Array, seed: int) -> Iterator[Array]:
    """Yield nonnegative vectors: unit vectors, parts of eigenvectors, pairs, random ones."""
    d = len(S)
    rng = np.random.default_rng(seed)
    yield np.eye(d)[int(S.diagonal().argmax())]
    for k in range(1, min(d, STARTS // 4) + 1):
        yield np.maximum(vectors[:, -k], 0.0)
        yield np.maximum(-vectors[:, -k], 0.0)
    if d > 1:
        off = np.where(np.eye(d) > 0, -np.inf, S)
        yield np.eye(d)[list(divmod(int(off.argmax()), d))].sum(axis=0)
    for _ in range(STARTS):
        yield rng.random(d)


def project(S: Array, x: Array) -> Array:
    """Iterate x <- the direction of ((S + c I) x)_+; x^T S x never falls if S + c I >= 0."""
    shifted = S + max(-float(linalg.eigvalsh(S)[0]), 0.0) * np.eye(len(S))
    size = float(np.linalg.norm(x))
    x = x / size if size > 0 else np.eye(len(S))[int(S.diagonal().argmax())]
    value = -np.inf
    for _ in range(STEPS):
        y = np.maximum(shifted @ x, 0.0)
        size = float(np.linalg.norm(y))
        if size == 0.0 or size - value <= SETTLED * size:
            break
        x, value = y / size, size
    return x


def replicate(S: Array, x: Array) -> Array:
    """Iterate x_i <- x_i (A x)_i / x^T A x on the simplex, A = S + c >= 0: it never falls."""
    A = S - min(float(S.min()), 0.0)
    total = float(x.sum())
    x = x / total if total > 0 else np.eye(len(S))[int(S.diagonal().argmax())]
    value = -np.inf
    for _ in range(STEPS):
        y = A @ x
        earned = float(x @ y)
        if earned <= 0.0 or earned - value <= SETTLED * earned:
            break
        x, value = x * y / earned, earned
    x = np.where(x > x.max() * SETTLED, x, 0.0)
    return np.asarray(x / x.sum())
