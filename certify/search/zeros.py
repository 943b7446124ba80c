"""The search for sparse data whose zeros are observed: singular pairs by sparse products alone.

Without signs the best factors are known: singular values lowered by lam, or the largest r of them.
With signs the same dual point gives a lower bound, but it ignores the signs.  Better nonnegative
factors are found by sweeps over columns, from the candidate and from the nonnegative parts of the
singular pairs: Boutsidis and Gallopoulos, "SVD based initialization: A head start for nonnegative
matrix factorization", 2008.
"""

from typing import Any

import numpy as np
from scipy.sparse.linalg import ArpackError, svds

from certify.atoms import Factors
from certify.base.arrays import Array, SparseMatrix
from certify.base.clock import Clock
from certify.losses import Squared
from certify.polar import Proposal
from certify.polar import eigen as spectra
from certify.polar.lanczos import Pairs, largest
from certify.problem import Problem

from .candidate import Candidate, lowest
from .column_generation import Search
from .dual.orthogonal import Orthogonal
from .dual.points import Dual, squared_loss
from .dual.scaling import best_multiple
from .growth import nonnegative
from .search_result import Evidence

FIRST = 16  # singular pairs computed at first; then twice as many, and so on
CLOSE = 1e-7  # relative margin of a bound above the estimate of an eigenvalue
ROUNDING = 2.0**-46  # of a Gram matrix computed twice, relative to its largest eigenvalue
TINY = 1e-145  # its square is a positive shift
SWEEP_SHARE = 0.5  # of the time left, for better nonnegative factors; the proof has the rest
SIGNS = "its dual point ignores the signs, and no search for a better one uses them"


def evidence(
    problem: Problem, start: Candidate, epsilon: float, clock: Clock, seed: int
) -> Evidence:
    """Return a dual point, or at lam = 0 Ky Fan's proof, and factors better by epsilon if found."""
    loss = squared_loss(problem)
    clock.tell("singular values", start.value)
    fan = dual = None
    if problem.lam == 0:
        count = start.size
        pairs = leading(loss.matrix, count + 1, seed)
        fan = fan_of(loss.matrix, pairs, count)
    else:
        pairs = above(loss.matrix, problem.lam, seed)
        count = int((pairs.values > problem.lam).sum())
        dual = dual_of(problem, pairs, count)
    if all(g.free for g in problem.atom.gauges):
        note, tried = "", [("singular values", factors_of(problem, pairs, count))]
    else:
        parts = nonnegative_parts(pairs, start.size)
        note, tried = SIGNS, descend_with_signs(problem, (start, parts), epsilon, clock, seed)
    top = lowest([s for _, s in tried])
    better = top if start.value - top.value > epsilon else None
    return Evidence(start, dual, fan, better=better, steps=(("start", start), *tried), note=note)


def descend_with_signs(
    problem: Problem, begin: tuple[Candidate, Factors], epsilon: float, clock: Clock, seed: int
) -> list[tuple[str, Candidate]]:
    """Return the steps of a search inside the cones; the first is the best multiple.

    begin    the candidate, and nonnegative factors of at most its size

    If both factors are nonnegative, sweeps start from either; at lam > 0 also from many components
    if none of these ends is better by epsilon.
    """
    start, parts = begin
    steps = [("multiple", best_multiple(problem, start))]
    if not all(g.nonneg for g in problem.atom.gauges):
        return steps
    part = clock.share(SWEEP_SHARE)
    for name, factors in (("sweep", start.factors), ("sweep of singular pairs", parts)):
        first = Candidate(factors, (), problem.objective(factors))
        search = Search(problem, part, first)
        steps.append((name, nonnegative.sweep_columns(search, seed, more=0)))
    if problem.lam > 0 and start.value - lowest([s for _, s in steps]).value <= epsilon:
        many = nonnegative.sweep_columns(Search(problem, part, start), seed)
        steps.append(("sweep of many components", many))
    return steps


def nonnegative_parts(pairs: Pairs, size: int) -> Factors:
    """Return the larger nonnegative part of each of the first pairs, as balanced factors.

    s u v^T has two nonnegative parts, s u+ v+^T and s u- v-^T.
    """
    count = min(size, len(pairs.values))
    u, v = pairs.left[:, :count], pairs.right[:, :count]
    parts = [(np.maximum(c * u, 0.0), np.maximum(c * v, 0.0)) for c in (1.0, -1.0)]
    norms = [[np.linalg.norm(x, axis=0) for x in part] for part in parts]
    first = norms[0][0] * norms[0][1] >= norms[1][0] * norms[1][1]
    a, b = (np.where(first, x, y) for x, y in zip(*parts, strict=True))
    p, q = (np.maximum(np.where(first, x, y), TINY) for x, y in zip(*norms, strict=True))
    root, turn = np.sqrt(pairs.values[:count]), np.sqrt(q / p)
    return a * (root * turn), b * (root / turn)


def leading(Y: SparseMatrix, count: int, seed: int) -> Pairs:
    """Return the `count` largest singular pairs of Y, or all if there are fewer."""
    k = min(Y.shape)
    if k > spectra.DENSE and count < k - 1:
        start = np.random.default_rng(seed).standard_normal(k)
        try:
            left, values, right = svds(Y, count, v0=start)
        except ArpackError:
            return largest(Y, count, seed=seed)
        order = np.argsort(-values, kind="stable")
        return Pairs(values[order], left[:, order], right[order].T)
    return spectra.singular_pairs(Y, count)


def above(Y: SparseMatrix, lam: float, seed: int) -> Pairs:
    """Return the singular pairs with values above lam, and at least one more if there is one."""
    count = FIRST
    while True:
        pairs = leading(Y, count, seed)
        if len(pairs.values) < count or pairs.values[-1] <= lam or count >= min(Y.shape):
            return pairs
        count *= 2


def factors_of(problem: Problem, pairs: Pairs, count: int) -> Candidate:
    """Return the first `count` pairs, with values lowered by lam, as balanced factors."""
    root = np.sqrt(np.maximum(pairs.values[:count] - problem.lam, 0.0))
    factors = pairs.left[:, :count] * root, pairs.right[:, :count] * root
    return Candidate(factors, (), problem.objective(factors))


def dual_of(problem: Problem, pairs: Pairs, count: int) -> Dual:
    """Return W = Y - L R^T, whose singular values are those of Y cut at lam, with its bound."""
    loss, lam = squared_loss(problem), problem.lam
    Y = loss.matrix
    left, right = pairs.left[:, :count], pairs.right[:, :count]
    low = left * (pairs.values[:count] - lam), right
    top = max(lam if count else float(pairs.values[0]), TINY)
    proof: dict[str, Any] = {"rule": "spectral", "axis": spectra.side(Y)}
    proof |= {"W.left": low[0], "W.right": low[1]} if count else {}
    shift = top**2 * (1 + CLOSE)
    if min(Y.shape) <= spectra.DENSE:
        made = spectra.prove_top(gram(Y, low), top**2, spectra.MARGINS)
        if made is not None:
            shift, proof["L"] = made[0], spectra.pack_triangle(made[1])
    polar = Proposal(float(np.sqrt(shift)), proof | {"shift": float(shift)})
    value = value_of(loss, loss.data, low, min(1.0, lam / polar.upper))
    return Dual(Orthogonal(loss.data), polar, value)


def gram(Y: SparseMatrix, low: tuple[Array, Array]) -> Array:
    """Return the smaller Gram matrix of Y - L R^T, dense (as the kernel's `zeros.gram`)."""
    axis = spectra.side(Y)
    a, b = low if axis else (low[1], low[0])
    whole = 2 * np.asarray((Y.T if axis else Y) @ a) - b @ (a.T @ a)
    moved = whole @ b.T
    return spectra.gram(Y, axis) - (moved + moved.T) / 2


def value(problem: Problem, S: Array, proof: dict[str, Any], s: float) -> float:
    """Return d(s W), W = S - L R^T with the L and R of a proof, if it has any."""
    m, n = problem.loss.dims
    low = proof.get("W.left", np.zeros((m, 0))), proof.get("W.right", np.zeros((n, 0)))
    return value_of(squared_loss(problem), S, low, s)


def value_of(loss: Squared, S: Array, low: tuple[Array, Array], s: float) -> float:
    """Return s <W, Y> - s^2/2 |W|^2 for W = S - L R^T."""
    left, right = low
    inner = float(S @ loss.data) - float(np.einsum("mr,mr->", left, loss.matrix @ right))
    cross = float(np.einsum("mr,mr->", left, loss.observed.matrix(S) @ right))
    size = float(S @ S) - 2 * cross + float(np.sum((left.T @ left) * (right.T @ right)))
    return s * inner - 0.5 * s * s * size


def fan_of(Y: SparseMatrix, pairs: Pairs, r: int) -> dict[str, Any]:
    """Return Ky Fan's proof: G <= t I + K K^T, t just above the (r + 1)-th eigenvalue of G."""
    axis, squares = spectra.side(Y), np.square(pairs.values)
    k, whole = min(r, *Y.shape), float(squares[0]) if len(squares) else 0.0
    least = float(squares[k]) if k < len(squares) else 0.0
    small = min(Y.shape) <= spectra.DENSE
    t = least + ROUNDING * whole if small else least * (1 + CLOSE)
    short = (pairs.right if axis else pairs.left)[:, :k]
    K = spectra.on_grid(short * np.sqrt(np.maximum(squares[:k] - t, 0.0)), 48)
    proof: dict[str, Any] = {"axis": axis, "shift": t * (1 + CLOSE), "K": K}
    if small:
        made = spectra.prove_top(spectra.gram(Y, axis) - K @ K.T, t, spectra.MARGINS)
        if made is not None:
            proof |= {"shift": made[0], "L": spectra.pack_triangle(made[1])}
    return proof
