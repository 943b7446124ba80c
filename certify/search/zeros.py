"""The search for sparse data whose zeros are observed: singular pairs, of sparse products only.

Without signs the best factors are known: singular values lowered by lam, or the largest r of them.
With signs the same dual point bounds from below; what is lost is that it knows of no sign.  Better
nonnegative factors are found by sweeps over their columns, from the candidate and from the
nonnegative parts of the singular pairs: Boutsidis and Gallopoulos, "SVD based initialization: A
head start for nonnegative matrix factorization", 2008.
"""

from typing import Any

import numpy as np
from scipy.sparse.linalg import ArpackError, svds

from certify.atoms import Factors
from certify.base.arrays import Array
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

FIRST = 16  # singular pairs that are looked for at first; then twice as many, and so on
CLOSE = 1e-7  # relative: a bound above the estimate of an eigenvalue that a proof checks
ROUNDING = 2.0**-46  # of a Gram matrix made twice, relative to its largest eigenvalue
TINY = 1e-145  # its square is a positive shift
SWEEP_SHARE = 0.5  # of the time left is for better nonnegative factors; the rest proves
SIGNS = "its dual point ignores the signs, and no search for a better one uses them"


def evidence(
    problem: Problem, start: Candidate, epsilon: float, clock: Clock, seed: int
) -> Evidence:
    """Return a dual point, or at lam = 0 Ky Fan's proof, and better factors if there are any.

    epsilon   by how much others have to be better
    """
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
        dual = dual_of(problem, loss, pairs, count)
    if all(g.free for g in problem.atom.gauges):
        note, tried = "", [("singular values", factors_of(problem, pairs, count))]
    else:
        parts = nonnegative_parts(pairs, start.size)
        note, tried = SIGNS, descend_with_signs(problem, (start, parts), epsilon, clock, seed)
    top = lowest([s for _, s in tried])
    better = top if start.value - top.value > epsilon else None
    return Evidence(start, dual, fan, better=better, steps=(("start", start), *tried), note=note)


def descend_with_signs(
    problem: Problem,
    begin: tuple[Candidate, Factors],
    epsilon: float,
    clock: Clock,
    seed: int,
) -> list[tuple[str, Candidate]]:
    """Return the steps of a search that keeps to the cones; the first is the best multiple.

    begin    the candidate, and nonnegative factors of at most its size

    Where both factors are nonnegative, sweeps go on from either; at lam > 0 where none of these is
    better by epsilon, from many components.  In other cones the multiple is all there is.
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
        steps.append(
            (
                "sweep of many components",
                nonnegative.sweep_columns(Search(problem, part, start), seed),
            )
        )
    return steps


def nonnegative_parts(pairs: Pairs, size: int) -> Factors:
    """Return of each of the first pairs the larger of its nonnegative parts, as factors.

    s u v^T has two of them, s u+ v+^T and s u- v-^T; the one of larger norm is kept, balanced.
    """
    count = min(size, len(pairs.values))
    u, v = pairs.left[:, :count], pairs.right[:, :count]
    parts = [(np.maximum(c * u, 0.0), np.maximum(c * v, 0.0)) for c in (1.0, -1.0)]
    norms = [[np.linalg.norm(x, axis=0) for x in part] for part in parts]
    first = norms[0][0] * norms[0][1] >= norms[1][0] * norms[1][1]
    a, b = (np.where(first, x, y) for x, y in zip(*parts, strict=True))
    p, q = (np.where(first, x, y) for x, y in zip(*norms, strict=True))
    root = np.sqrt(pairs.values[:count])
    return a * (root * np.sqrt(q / np.maximum(p, TINY))), b * (
        root * np.sqrt(p / np.maximum(q, TINY))
    )


def leading(Y: Any, count: int, seed: int) -> Pairs:  # noqa: ANN401  scipy.sparse
    """Return the `count` largest singular pairs of Y, or all of them."""
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


def above(Y: Any, lam: float, seed: int) -> Pairs:  # noqa: ANN401  scipy.sparse
    """Return the singular pairs whose values are above lam, and at least one more."""
    count = FIRST
    while True:
        pairs = leading(Y, count, seed)
        if len(pairs.values) < count or pairs.values[-1] <= lam or count >= min(Y.shape):
            return pairs
        count *= 2


def factors_of(problem: Problem, pairs: Pairs, count: int) -> Candidate:
    """Return the first `count` pairs, their values lowered by lam, as balanced factors."""
    root = np.sqrt(np.maximum(pairs.values[:count] - problem.lam, 0.0))
    factors = pairs.left[:, :count] * root, pairs.right[:, :count] * root
    return Candidate(factors, (), problem.objective(factors))


def dual_of(problem: Problem, loss: Squared, pairs: Pairs, count: int) -> Dual:
    """Return W = Y - L R^T, the singular values above lam cut at lam, with its bound."""
    lam, Y = problem.lam, loss.matrix
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
    value = value_of(problem, loss, (loss.data, low), min(1.0, lam / polar.upper))
    return Dual(Orthogonal(loss.data), polar, value)


def gram(Y: Any, low: tuple[Array, Array]) -> Array:  # noqa: ANN401  scipy.sparse
    """Return the smaller Gram matrix of Y - L R^T, dense (as the kernel's `zeros.gram`)."""
    axis = spectra.side(Y)
    a, b = low if axis else (low[1], low[0])
    whole = 2 * np.asarray((Y.T if axis else Y) @ a) - b @ (a.T @ a)
    moved = whole @ b.T
    return spectra.gram(Y, axis) - (moved + moved.T) / 2


def value(problem: Problem, S: Array, proof: dict[str, Any], s: float) -> float:
    """Return d(s W), W = S - L R^T with the L and R of a proof, if it has any."""
    low = tuple(
        proof.get(k, np.zeros((d, 0)))
        for k, d in zip(("W.left", "W.right"), problem.loss.dims, strict=True)
    )
    return value_of(problem, squared_loss(problem), (S, (low[0], low[1])), s)


def value_of(
    problem: Problem, loss: Squared, point: tuple[Array, tuple[Array, Array]], s: float
) -> float:
    """Return s <W, Y> - s^2/2 |W|^2."""
    S, (left, right) = point
    observed, of_y = problem.loss.observed, loss.matrix
    inner = float(S @ loss.data) - float(np.einsum("mr,mr->", left, of_y @ right))
    cross = float(np.einsum("mr,mr->", left, observed.matrix(S) @ right))
    size = float(S @ S) - 2 * cross + float(np.sum((left.T @ left) * (right.T @ right)))
    return s * inner - 0.5 * s * s * size


def fan_of(Y: Any, pairs: Pairs, r: int) -> dict[str, Any]:  # noqa: ANN401  scipy.sparse
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
