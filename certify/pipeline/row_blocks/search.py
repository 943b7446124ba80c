"""improve() of blocks of rows: a search whose factors grow, ending with a certificate.

    repeat: append the singular pairs of the residual W that earn more than lam, and a few more
            some steps on all numbers at once
            write U V^T by its singular vectors, drop those that have died
            until the bracket that the singular values promise is narrow enough

U and a never leave the workers; V, b and what V's slope is on a block travel once a step.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from certify.base.arrays import Array, Ints, natural, scalar
from certify.base.checkpoint import Keeper, stoppable, use_keeper
from certify.base.clock import Clock, Progress, seconds
from certify.base.cluster import PLACE, Client, Task, keep_each, share
from certify.base.errors import InputError
from certify.base.rigor import row_blocks as proved
from certify.base.rigor.row_blocks import Block
from certify.base.rigor.tiles import total
from certify.base.sampled import sampled_product
from certify.offsets import RowIntercept
from certify.pipeline.certificate.verdict import Judgement, Verdict
from certify.polar.lanczos import Start, ritz
from certify.search import ratings

from .checkpoint import Checkpoint, make_folder, save
from .descent import descend, sort_blocks
from .prove import Checked, Sums, check, collect_best, count_columns, session, times
from .question import Factors, RowBlocks, accept_factor, read_blocks, split_factors
from .sources import entries, spans

ROUGH, LEVEL = (1e-9, 1e-4), 0.1  # least and most change that ends an estimate; of rtol
SHARP = 0.01  # of that change: what ends the estimate of a gap that is small enough
ROOM = 0.1  # of that change: what is added to an estimate; cost, never truth
STALE = 8  # rounds that end a search, without a gap that is smaller by ratings.CLOSER


@dataclass(frozen=True)
class Improved(Judgement):
    """Better factors of blocks of rows, and what check() proves of them.

    factors  U of each block: an array, a task that the client holds, or the name of a file; and V
    """

    factors: Factors
    result: Checked

    called = "an Improved"

    @property
    def verdict(self) -> Verdict:  # type: ignore[override]  # that of the result
        """The verdict on the factors reached."""
        return self.result.verdict


class Fit(NamedTuple):
    """The blocks without their U, (U, a) of each, V and b (zeros without biases)."""

    data: list[Task]
    rows: list[Task]
    V: Array
    b: Array


def improve(  # noqa: PLR0913  keywords
    table: RowBlocks,
    factors: Factors | None = None,
    *,
    rtol: float = 1e-6,
    atol: float = 0.0,
    budget: float | None = None,
    progress: Progress | None = None,
    client: Client | None = None,
    seed: int = 0,
    folder: str | Path | None = None,
    checkpoint: str | Path | None = None,
) -> Improved:
    """Return better factors of any size, and their certificate, from given ones or from none.

    factors     as `check` has them; None: no components
    budget      seconds of the search, to which the last steps and the proof are added; None: no
                limit.  Ctrl-C ends the search, too, with the best factors so far
    progress    called with a stage and the objective's upper bound; ends the search by True
    folder      where the workers write U of the k-th block as U<k>.npy, and V.npy is written: each
                appears when it is whole
    checkpoint  a folder to which the best factors so far are written every 20 seconds and at the
                end, as to `folder`; if it has some, of the same question, the search begins with
                them

    Raises InputError as `check` does, where the budget is no number >= 0, where lam is 0, where a
    folder cannot be written, or where the checkpoint is of another question.
    """
    if not table.lam:
        raise InputError(f"lam must be > 0, got {table.lam}: without a penalty no size is best")
    rtol, atol = (scalar(x, name, zero=True) for name, x in (("rtol", rtol), ("atol", atol)))
    clock, seed = Clock(seconds(budget), progress), natural(seed, "seed")
    named = (folder, "folder"), (checkpoint, "checkpoint")  # made first, so that a fit is not lost
    fitted, begun = (None if x is None else make_folder(x, name) for x, name in named)
    with session(client), use_keeper(Keeper()), stoppable():
        kept = None if begun is None else Checkpoint(begun, table)
        fit = begin(table, factors if kept is None else kept.recall(factors))
        best = climb(table, fit, clock, (rtol, atol, seed), kept)
        U = [PLACE.get().persist(x) for x in rows_of(best)]
        if kept is not None:
            kept.keep(blocks_of(best), best.V, now=True)
        U = U if fitted is None else save(U, best.V, fitted)
        result = check(table, (U, best.V), rtol=rtol, atol=atol, seed=seed)
        return Improved((U, best.V), result)


def climb(
    table: RowBlocks,
    fit: Fit,
    clock: Clock,
    asked: tuple[float, float, int],
    kept: Checkpoint | None,
) -> Fit:
    """Return the fit of the smallest gap, if the estimates are right; asked: rtol, atol, seed."""
    rtol, atol, seed = asked
    best, gap, near = fit, np.inf, None
    stale, mark = 0, np.inf
    rough = min(max(LEVEL * rtol, ROUGH[0]), ROUGH[1])
    q = table.column_prices(lambda: np.asarray(total(column_counts, fit.data)))
    q = np.ones(table.columns) if q is None else q
    made = partial(sort_blocks, fit.data, table.prices, q)
    sides = made(precision(table, fit, q))
    for _ in range(ratings.ROUNDS):
        sums, b = residuals(table, fit)
        count = min(max(ratings.LEAST, fit.V.shape[1]), table.columns)
        start = Start(table.columns, count, near, seed)
        upper = float(sums.upper)
        wanted = ratings.PART * max(rtol * abs(upper), atol)
        values, near, spread = estimate(table, sums, start, rough, wanted)
        stale, mark = (0, spread) if spread < ratings.CLOSER * mark else (stale + 1, mark)
        best, gap = (fit, spread) if spread < gap else (best, gap)
        clock.tell("grow", upper)
        if kept is not None:
            kept.keep(blocks_of(best), best.V)
        if gap <= wanted or clock.expired():
            break
        if stale >= STALE:
            if sides.empty.kind == np.float64:
                break
            stale, sides = 0, made(np.float64)
        fit = grow(set_biases(table, fit, b), sums.W, (values, near), table.lam, sums.scale)
        steps = (ratings.MANY if spread < ratings.NEAR * abs(upper) else ratings.FEW) * (1 + stale)
        rows, columns = descend(sides, fit.rows, (fit.V, fit.b), steps, clock.expired)
        fit = balance(Fit(fit.data, rows, *columns), sums.scale)
    return best


def blocks_of(fit: Fit) -> list[Task]:
    """Return the blocks with their factors."""
    return [PLACE.get().run(with_factors, *pair) for pair in zip(fit.data, fit.rows, strict=True)]


def rows_of(fit: Fit) -> list[Task]:
    """Return U of each block."""
    return [PLACE.get().run(itemgetter(0), x) for x in fit.rows]


def begin(table: RowBlocks, factors: Factors | None) -> Fit:
    """Return the blocks with given factors, or with none."""
    n = table.columns
    if factors is None:
        V = np.zeros((n, 0))
        found = spans(table.blocks, str(table.rows))
        numbers = [n] * len(table.blocks)
        data = keep_each(entries, table.blocks, found, numbers, table.row_prices)
        return Fit(data, keep_each(add_zero_biases, data), V, np.zeros(n))
    U, right = split_factors(factors)
    V = accept_factor(right, n)
    blocks = read_blocks(table, U, V.shape[1])
    return Fit(
        keep_each(without_factors, blocks), keep_each(add_zero_biases, blocks), V, np.zeros(n)
    )


def without_factors(block: Block) -> Block:
    """Return a block with no components."""
    return block._replace(U=np.zeros((len(block.U), 0)))


def add_zero_biases(block: Block) -> tuple[Array, Array]:
    """Return U of a block, and biases 0."""
    return block.U, np.zeros(len(block.U))


def with_factors(data: Block, rows: tuple[Array, Array]) -> Block:
    """Return a block with its U."""
    return data._replace(U=rows[0])


def residuals(table: RowBlocks, fit: Fit) -> tuple[Sums, Array]:
    """Return what is known of a fit and its dual point, and the best biases of the columns."""
    sums, b = collect_best(table, blocks_of(fit), fit.V, fit.b)
    return sums, fit.b if b is None else b


def precision(table: RowBlocks, fit: Fit, q: Array) -> Any:  # noqa: ANN401  a dtype
    """Return single precision where all numbers are ordinary, else double."""
    place, lam = PLACE.get(), table.lam
    sizes = place.values([place.run(extremes, x, lam) for x in fit.data])
    given = [np.array([float(x)]) for x in table.prices if x]
    return ratings.precision_of([*sizes, *given, lam * q])


def extremes(data: Block, lam: float) -> Array:
    """Return the least and the largest modulus of the numbers of a block that are not 0."""
    listed = data.Y.data, data.weights, None if data.prices is None else lam * data.prices
    sizes = np.abs(np.concatenate([x for x in listed if x is not None]))
    sizes = sizes[sizes > 0]
    return np.array([sizes.min(), sizes.max()]) if sizes.size else sizes


def set_biases(table: RowBlocks, fit: Fit, b: Array) -> Fit:
    """Return a fit with these biases of the columns, and the best ones of the rows."""
    ridge = table.ridge(RowIntercept)
    if ridge is None:
        return fit._replace(b=b)
    given = share(fit.V), share(b), ridge
    return fit._replace(rows=keep_each(best_biases, fit.data, fit.rows, given=given), b=b)


def best_biases(
    data: Block, rows: tuple[Array, Array], V: Array, b: Array, ridge: float
) -> tuple[Array, Array]:
    """Return U, and the best biases of the rows of a block."""
    (Y, _, c, _), U = data, rows[0]
    at, cols = (k.astype(np.int64) for k in Y.tocoo().coords)
    t = Y.data - sampled_product(U, V, at, cols) - b[cols]
    return U, proved.shrunk_means(t, c, at, len(U), ridge)


def estimate(
    table: RowBlocks, sums: Sums, start: Start, rough: float, wanted: float
) -> tuple[Array, Array, float]:
    """Return about the largest singular values, their right vectors, and the gap if they are right.

    rough  relative change that ends it; where the gap is small enough, sigma_1 may be too low, and
           is estimated again, to a part of that
    """
    look = partial(ritz, partial(times, sums.W))
    squares, near = look(start, tol=rough)
    near[sums.counts == 0] = 0.0  # as the vectors themselves are
    values = np.sqrt(np.maximum(squares, 0.0))
    spread = estimate_gap(table, sums, float(values[0]) * (1 + ROOM * rough))
    if spread <= wanted:
        again, _ = look(Start(start.n, 1, near, start.seed), tol=SHARP * rough)
        top = float(np.sqrt(max(again[0], 0.0)))
        spread = estimate_gap(table, sums, top * (1 + ROOM * rough))
    return values, near, spread


def estimate_gap(table: RowBlocks, sums: Sums, top: float) -> float:
    """Return how far apart the bounds are, if sigma_1(W) is at most `top`."""
    exact = Fraction(top)
    lower = proved.dual_bound(sums.duals, sums.totals, sums.e, exact, table.prices)
    return float(sums.upper - lower)


def grow(
    fit: Fit,
    W: list[Task],
    pairs: tuple[Array, Array],
    lam: float,
    scale: Array | None = None,
) -> Fit:
    """Append root(s) u, root(s) v, s = (sigma - lam) / sum c u^2 v^2 for each pair (u, v).

    With a scale of the columns the pairs are those of S, and u = a u', v = b v'.
    """
    values, right = pairs
    count = min(int(ratings.MORE * (values > lam).sum()) + ratings.FEWEST, int((values > 0).sum()))
    if not count:
        return fit
    turn = right[:, :count] / values[:count]
    values, right = values[:count], right[:, :count] * (1.0 if scale is None else scale[:, None])
    curvatures = total(curvature, fit.data, W, given=(share(turn), share(right**2)))
    s = (values - lam) / np.where(curvatures > 0, curvatures, 1.0)
    root = np.sqrt(np.maximum(s, ratings.SLIGHT * max(float(s.max()), 0.0)))
    rows = keep_each(append_rows, fit.data, fit.rows, W, given=(share(turn * root),))
    return fit._replace(rows=rows, V=np.hstack([fit.V, right * root]))


def append_rows(
    data: Block,
    rows: tuple[Array, Array],
    W: Any,  # noqa: ANN401  scipy.sparse
    turn: Array,
) -> tuple[Array, Array]:
    """Return U with W times a matrix beside it, and a."""
    return np.hstack([rows[0], left_vectors(data, W, turn)]), rows[1]


def left_vectors(data: Block, W: Any, turn: Array) -> Array:  # noqa: ANN401  scipy.sparse
    """Return W times a matrix; with prices W is S, and the rows have the scale that S has."""
    u = W @ turn
    return np.asarray(u if data.prices is None else u / np.sqrt(data.prices)[:, None])


def column_counts(data: Block) -> Ints:
    """Return the numbers of entries of the columns of a block."""
    return count_columns(data.Y)


def curvature(
    data: Block,
    W: Any,  # noqa: ANN401  scipy.sparse
    right: Array,
    squared: Array,
) -> Array:
    """Return sum c u^2 v^2 of each pair, u = W v / sigma, over the entries of a block."""
    u = left_vectors(data, W, right)
    return np.asarray(((u * u) * (weights(data) @ squared)).sum(axis=0))


def weights(data: Block) -> Any:  # noqa: ANN401  scipy.sparse
    """Return the weights of the entries, CSR."""
    Y, _, c, _ = data
    values = np.ones(Y.nnz) if c is None else c
    return sparse.csr_array((values, Y.indices, Y.indptr), shape=Y.shape)


def balance(fit: Fit, scale: Array | None = None) -> Fit:
    """Write U V^T by its singular vectors, times the roots of the values; drop what has died.

    With a scale b of the columns those of P^(1/2) U V^T Q^(1/2), b = Q^(-1/2).
    """
    r = fit.V.shape[1]
    if not r:
        return fit
    squares, E = np.linalg.eigh(total(gram_of_rows, fit.data, fit.rows))
    b = np.ones((len(fit.V), 1)) if scale is None else scale[:, None]
    Q, T = np.linalg.qr(fit.V / b)
    S = np.sqrt(np.maximum(squares, 0.0))[:, None] * E.T
    _, values, right = np.linalg.svd(S @ T.T)
    values = values[:r]
    alive = (
        values > ratings.DEAD * values[0] if values[0] > 0 else np.zeros(len(values), dtype=bool)
    )
    roots, right = np.sqrt(values[alive]), right[: len(values)][alive].T
    rows = keep_each(turn_rows, fit.rows, given=(share((T.T @ right) / roots),))
    return fit._replace(rows=rows, V=(Q @ right) * roots * b)


def gram_of_rows(data: Block, rows: tuple[Array, Array]) -> Array:
    """Return U^T P U, P the prices, or 1."""
    U, p = rows[0], data.prices
    return np.asarray(U.T @ (U if p is None else p[:, None] * U))


def turn_rows(rows: tuple[Array, Array], turn: Array) -> tuple[Array, Array]:
    """Return U times a matrix, and a."""
    return rows[0] @ turn, rows[1]
