"""improve() for blocks of rows: a search with growing factors that ends with a certificate.

    repeat: append the singular pairs of the residual W that earn more than lam, and a few more
            take some steps on all numbers at once
            write U V^T by its singular vectors, and drop the dead ones
            until the estimated bracket is narrow enough

U and a stay with the workers; V, b and the blocks' parts of V's slope are sent once in each step.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import sparse

from certify.base.arrays import Array, Dtype, Ints, SparseMatrix, natural, scalar
from certify.base.checkpoint import Checkpoint, save_to, stoppable
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

from .checkpoint import CheckpointFolder, make_folder, save
from .descent import descend, sort_blocks
from .prove import Checked, Sums, check, collect_best, count_columns, session, times
from .question import Factors, RowBlocks, accept_factor, read_blocks, split_factors
from .sources import entries, spans

ROUGH, LEVEL = (1e-9, 1e-4), 0.1  # limits of the change that ends an estimate; its share of rtol
SHARP = 0.01  # of that change: the change that ends the estimate of a gap that is small enough
ROOM = 0.1  # of that change: the margin above an estimate; cost, never truth
STALE = 8  # rounds without a gap smaller by ratings.CLOSER that end the search


@dataclass(frozen=True)
class Improved(Judgement):
    """Better factors of blocks of rows, and their result of check().

    factors  U of each block: an array, a task of the client, or the name of a file; and V
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

    factors     as in `check`; None: no components
    budget      seconds of the search, without its last steps and the proof; None: no limit.
                Ctrl-C also ends the search, with the best factors so far
    progress    progress(stage, upper bound of the objective); True ends the search
    folder      a folder in which the workers write U of block k as U<k>.npy, and V as V.npy; a file
                appears when it is complete
    checkpoint  a folder for the best factors so far, written every 20 seconds and at the end, as in
                `folder`; if it has factors of the same question, the search begins with them

    Raises InputError as `check` does, for a budget that is no number >= 0, for lam = 0, for a
    folder that cannot be written, and for a checkpoint of another question.
    """
    if not table.lam:
        raise InputError(f"lam must be > 0, got {table.lam}: without a penalty no size is best")
    rtol, atol = (scalar(x, name, zero=True) for name, x in (("rtol", rtol), ("atol", atol)))
    clock, seed = Clock(seconds(budget), progress), natural(seed, "seed")
    named = (folder, "folder"), (checkpoint, "checkpoint")  # made before the search: an early error
    fitted, begun = (None if x is None else make_folder(x, name) for x, name in named)
    with session(client), save_to(Checkpoint()), stoppable():
        kept = None if begun is None else CheckpointFolder(begun, table)
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
    kept: CheckpointFolder | None,
) -> Fit:
    """Return the fit with the smallest estimated gap; asked: rtol, atol and the seed."""
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
        V, found = np.zeros((n, 0)), spans(table.blocks, str(table.rows))
        data = keep_each(entries, table.blocks, found, [n] * len(found), table.row_prices)
        return Fit(data, keep_each(add_zero_biases, data), V, np.zeros(n))
    U, right = split_factors(factors)
    V = accept_factor(right, n)
    blocks = read_blocks(table, U, V.shape[1])
    data, rows = (keep_each(work, blocks) for work in (without_factors, add_zero_biases))
    return Fit(data, rows, V, np.zeros(n))


def without_factors(block: Block) -> Block:
    """Return a block without components."""
    return block._replace(U=np.zeros((len(block.U), 0)))


def add_zero_biases(block: Block) -> tuple[Array, Array]:
    """Return U of a block, and zero biases."""
    return block.U, np.zeros(len(block.U))


def with_factors(data: Block, rows: tuple[Array, Array]) -> Block:
    """Return a block with its U."""
    return data._replace(U=rows[0])


def residuals(table: RowBlocks, fit: Fit) -> tuple[Sums, Array]:
    """Return the sums of a fit and its dual point, and the best biases of the columns."""
    sums, b = collect_best(table, blocks_of(fit), fit.V, fit.b)
    return sums, fit.b if b is None else b


def precision(table: RowBlocks, fit: Fit, q: Array) -> Dtype:
    """Return single precision if all numbers are ordinary, else double."""
    place, lam = PLACE.get(), table.lam
    sizes = place.values([place.run(extremes, x, lam) for x in fit.data])
    given = [np.array([float(x)]) for x in table.prices if x]
    return ratings.precision_of([*sizes, *given, lam * q])


def extremes(data: Block, lam: float) -> Array:
    """Return the least and the largest modulus of the nonzero numbers of a block."""
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
    """Return estimates of the largest singular values, of their right vectors and of the gap.

    rough  the relative change that ends the estimate

    If the gap is small enough, sigma_1 may be too low, and is estimated again more closely.
    """
    look = partial(ritz, partial(times, sums.W))
    squares, near = look(start, tol=rough)
    near[sums.counts == 0] = 0.0  # the singular vectors are 0 there
    values = np.sqrt(np.maximum(squares, 0.0))
    spread = estimate_gap(table, sums, float(values[0]) * (1 + ROOM * rough))
    if spread <= wanted:
        again, _ = look(Start(start.n, 1, near, start.seed), tol=SHARP * rough)
        top = float(np.sqrt(max(again[0], 0.0)))
        spread = estimate_gap(table, sums, top * (1 + ROOM * rough))
    return values, near, spread


def estimate_gap(table: RowBlocks, sums: Sums, top: float) -> float:
    """Return the gap if sigma_1(W) is at most `top`."""
    lower = proved.dual_bound(sums.duals, sums.totals, sums.e, Fraction(top), table.prices)
    return float(sums.upper - lower)


def grow(
    fit: Fit, W: list[Task], pairs: tuple[Array, Array], lam: float, scale: Array | None = None
) -> Fit:
    """Append root(s) u, root(s) v with s = (sigma - lam) / sum c u^2 v^2 for each pair (u, v).

    With a scale of the columns the pairs (u', v') are those of S, and u = a u', v = b v'.
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
    data: Block, rows: tuple[Array, Array], W: SparseMatrix, turn: Array
) -> tuple[Array, Array]:
    """Return U with the columns of W times a matrix appended, and a."""
    return np.hstack([rows[0], left_vectors(data, W, turn)]), rows[1]


def left_vectors(data: Block, W: SparseMatrix, turn: Array) -> Array:
    """Return W times a matrix; with prices W is S, and the rows are scaled as in S."""
    u = W @ turn
    return np.asarray(u if data.prices is None else u / np.sqrt(data.prices)[:, None])


def column_counts(data: Block) -> Ints:
    """Return the numbers of entries of the columns of a block."""
    return count_columns(data.Y)


def curvature(data: Block, W: SparseMatrix, right: Array, squared: Array) -> Array:
    """Return sum c u^2 v^2 of each pair, u = W v / sigma, over the entries of a block."""
    u = left_vectors(data, W, right)
    return np.asarray(((u * u) * (weights(data) @ squared)).sum(axis=0))


def weights(data: Block) -> SparseMatrix:
    """Return the weights of the entries, CSR."""
    Y, _, c, _ = data
    values = np.ones(Y.nnz) if c is None else c
    return sparse.csr_array((values, Y.indices, Y.indptr), shape=Y.shape)


def balance(fit: Fit, scale: Array | None = None) -> Fit:
    """Write U V^T by its singular vectors, times the roots of the values; drop dead components.

    With a scale b = Q^(-1/2) of the columns they are those of P^(1/2) U V^T Q^(1/2).
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
    alive = values > ratings.DEAD * values[0]
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
