"""improve() of blocks of rows: alternating least squares that grow, ending with a certificate.

    repeat: append the right singular vectors of the residual W that earn more than lam
            a few sweeps: the best U, a where the blocks are, then the best V, b
            write U V^T by its singular vectors, drop those that have died
            until the bracket that the singular values promise is narrow enough

U and a never leave the workers; of a sweep the sums of the columns' normal equations travel.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from io import BytesIO
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from certify.base.arrays import Array
from certify.base.checkpoint import Keeper, keeping, stoppable
from certify.base.clock import Clock, Progress
from certify.base.cluster import PLACE, Client, Task
from certify.base.errors import InputError
from certify.base.rigor import row_blocks as proved
from certify.base.rigor.row_blocks import Block
from certify.base.rigor.tiles import SIDE, tree
from certify.offsets import ColumnIntercept, RowIntercept
from certify.pipeline.certificate.file import write_atomically
from certify.pipeline.certificate.verdict import NO_BOOL
from certify.polar.lanczos import Start, ritz

from .prove import Checked, Sums, check, collect, session, times
from .question import Factors, RowBlocks, accept_factor, read_blocks
from .sources import entries, spans
from .zero_sums import fit_columns

ROUNDS, SWEEPS, MEMORY = 60, 10, 5  # rounds at most; of each; and those that are remembered
PART = 0.4  # of epsilon: the estimated gap at which the search ends
LEAST, MORE = 10, 2  # pairs looked for at once: as many, and so many beside the last ones found
DEAD = 1e-5  # of the largest singular value: a component below it is dropped
ROUGH, LEVEL = (1e-9, 1e-4), 0.1  # least and most change that ends an estimate; of rtol
ROOM = 0.1  # of that change: what is added to an estimate; cost, never truth
STALE, CLOSER = 8, 0.9  # rounds that end a search, without a gap that is so much smaller
LINES = 256  # rows whose equations are solved at once


@dataclass(frozen=True)
class Improved:
    """Better factors of blocks of rows, and what check() proves of them.

    factors  U of each block: an array, a task that the client holds, or the name of a file; and V
    """

    factors: Factors
    result: Checked

    @property
    def certified(self) -> bool:
        """Whether the factors reached are certified."""
        return self.result.certified

    def __bool__(self) -> bool:
        """Refuse, as a Checked does."""
        raise TypeError(NO_BOOL.format(name="an Improved"))


class Fit(NamedTuple):
    """The blocks' entries and weights, their (U, a), V and b (zeros without biases)."""

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
) -> Improved:
    """Return better factors of any size, and their certificate, from given ones or from none.

    factors   as `check` has them; None: no components
    budget    seconds of the search, to which the last sweeps and the proof are added; Ctrl-C ends
              it, too, with the best factors so far
    progress  called with a stage and the objective's upper bound; ends the search by True
    folder    where the workers write U of the k-th block as U<k>.npy, and V.npy is written: each
              appears when it is whole

    Raises InputError as `check` does, where lam is 0, or where a file cannot be written.
    """
    if not table.lam:
        raise InputError(f"lam must be > 0, got {table.lam}: without a penalty no size is best")
    clock = Clock(budget, progress)
    with session(client), keeping(Keeper()), stoppable():
        fit = begin(table, factors)
        best, gap, near = fit, np.inf, None
        stale, mark = 0, np.inf
        rough = min(max(LEVEL * rtol, ROUGH[0]), ROUGH[1])
        for _ in range(ROUNDS):
            sums, b = residuals(table, fit)
            count = LEAST if near is None else max(LEAST, near.shape[1] + MORE)
            start = Start(table.columns, min(count, table.columns), near, seed)
            squares, vectors = ritz(partial(times, sums.W), start, tol=rough)
            top = float(np.sqrt(max(squares[0], 0.0))) * (1 + ROOM * rough)
            spread = estimate_gap(table, sums, top)
            upper = float(sums.upper)
            stale, mark = (0, spread) if spread < CLOSER * mark else (stale + 1, mark)
            if spread < gap:
                best, gap = fit, spread
            wanted = PART * max(rtol * abs(upper), atol)
            clock.tell("sweep", upper)
            if gap <= wanted or stale >= STALE or clock.expired():
                break
            earns = squares > table.lam**2
            near = vectors[:, : max(int(earns.sum()), 1)]
            pairs = np.sqrt(squares[earns]), near[:, : earns.sum()]
            fit = grow(fit._replace(b=b), sums.W, pairs, table.lam)
            fit = balance(descend(table, fit))
        place = PLACE.get()
        U = [place.persist(place.run(itemgetter(0), x)) for x in best.rows]
        U = U if folder is None else save(U, best.V, Path(folder).absolute())
        result = check(table, (U, best.V), rtol=rtol, atol=atol, seed=seed)
        return Improved((U, best.V), result)


def save(U: list[Task], V: Array, folder: Path) -> list[Task]:
    """Return the names of the files that the workers have written U to."""
    place = PLACE.get()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror or error}") from None
    names = [str(folder / f"U{k}.npy") for k in range(len(U))]
    place.values([place.run(write, *pair) for pair in zip(names, U, strict=True)])
    write(str(folder / "V.npy"), V)
    return names


def write(name: str, array: Array) -> None:
    """Write a file .npy, which appears when it is whole."""
    blob = BytesIO()
    np.save(blob, array)
    write_atomically(Path(name), blob.getvalue())


def begin(table: RowBlocks, factors: Factors | None) -> Fit:
    """Return the blocks with given factors, or with none."""
    place, n = PLACE.get(), table.columns
    if factors is None:
        V = np.zeros((n, 0))
        pairs = zip(table.blocks, spans(table.blocks, str(table.rows)), strict=True)
        data = [place.persist(place.run(entries, *pair, n)) for pair in pairs]
        rows = [place.persist(place.run(no_rows, x)) for x in data]
        return Fit(data, rows, V, np.zeros(n))
    V = accept_factor(factors[1], n)
    blocks = read_blocks(table, factors[0], V.shape[1])
    data = [place.persist(place.run(entries_of, block)) for block in blocks]
    rows = [place.persist(place.run(with_zeros, block)) for block in blocks]
    return Fit(data, rows, V, np.zeros(n))


def no_rows(data: tuple[Any, Array | None]) -> tuple[Array, Array]:
    """Return no components, and biases 0."""
    m = data[0].shape[0]
    return np.zeros((m, 0)), np.zeros(m)


def entries_of(block: Block) -> tuple[Any, Array | None]:
    """Return the entries of a block, and their weights."""
    return block.Y, block.weights


def with_zeros(block: Block) -> tuple[Array, Array]:
    """Return U of a block, and biases 0."""
    return block.U, np.zeros(len(block.U))


def join(data: tuple[Any, Array | None], rows: tuple[Array, Array]) -> Block:
    """Return a block."""
    return Block(data[0], rows[0], data[1])


def residuals(table: RowBlocks, fit: Fit) -> tuple[Sums, Array]:
    """Return what is known of a fit and its dual point, and the best biases of the columns."""
    place = PLACE.get()
    both = zip(fit.data, fit.rows, strict=True)
    blocks = [place.run(join, *pair) for pair in both]
    b, ridge = None, table.ridge(ColumnIntercept)
    if ridge is not None:
        ridges = table.ridge(RowIntercept), ridge
        b = fit_columns(blocks, place.run(np.asarray, fit.V), ridges, fit.b)
    return collect(table, blocks, fit.V, b), fit.b if b is None else b


def estimate_gap(table: RowBlocks, sums: Sums, top: float) -> float:
    """Return how far apart the bounds are, if sigma_1(W) is at most `top`."""
    exact = Fraction(top)
    lower = proved.dual_bound(sums.duals, sums.totals, sums.e, exact, table.prices)
    return float(sums.upper - lower)


def grow(fit: Fit, W: list[Task], pairs: tuple[Array, Array], lam: float) -> Fit:
    """Append root(s) v to V, s = (sigma - lam) / sum c u^2 v^2 for the pair (u, v)."""
    values, right = pairs
    if not len(values):
        return fit
    place = PLACE.get()
    shared = place.persist(place.run(np.asarray, right / values))
    squared = place.persist(place.run(np.asarray, right**2))
    parts = list(zip(fit.data, W, strict=True))
    curved = tree(place, lambda x: place.run(curvature, *x, shared, squared), parts)
    bends = np.asarray(place.values([curved])[0])
    steps = np.sqrt((values - lam) / np.where(bends > 0, bends, 1.0))
    return fit._replace(V=np.hstack([fit.V, right * steps]))


def curvature(
    data: tuple[Any, Array | None],
    W: Any,  # noqa: ANN401  scipy.sparse
    right: Array,
    squared: Array,
) -> Array:
    """Return sum c u^2 v^2 of each pair, u = W v / sigma, over the entries of a block."""
    u = W @ right
    return np.asarray(((u * u) * (weights(data) @ squared)).sum(axis=0))


def weights(data: tuple[Any, Array | None]) -> Any:  # noqa: ANN401  scipy.sparse
    """Return the weights of the entries, CSR."""
    Y, c = data
    values = np.ones(Y.nnz) if c is None else c
    return sparse.csr_array((values, Y.indices, Y.indptr), shape=Y.shape)


def descend(table: RowBlocks, fit: Fit) -> Fit:
    """Return a fit after a few sweeps, each begun where those before point to (Anderson).

    Where that is worse than the last sweep's beginning, the next one begins at its end instead.
    """
    if not fit.V.shape[1] and not table.offsets:
        return fit
    best, lowest = fit, np.inf
    past: list[tuple[Array, Array]] = []
    for _ in range(SWEEPS):
        after, value = sweep(table, fit)
        if value > lowest:
            past, fit = [], best
            continue
        past = [*past[-MEMORY:], (pack(fit), pack(after))]
        best, lowest = after, value
        fit = unpack(after, extrapolate(past))
    return best


def pack(fit: Fit) -> Array:
    """Return V and b as one vector."""
    return np.concatenate([fit.V.reshape(-1), fit.b])


def unpack(fit: Fit, x: Array) -> Fit:
    """Return a fit with V and b of a vector."""
    return fit._replace(V=x[: fit.V.size].reshape(fit.V.shape), b=x[fit.V.size :])


def extrapolate(past: list[tuple[Array, Array]]) -> Array:
    """Return g - dG c for the c with the least |f - dF c|, of pairs (x, g), f = g - x."""
    f, g = (np.stack(x, axis=1) for x in ([b - a for a, b in past], [b for _, b in past]))
    dF, dG = np.diff(f, axis=1), np.diff(g, axis=1)
    c = np.linalg.lstsq(dF.T @ dF, dF.T @ f[:, -1], rcond=1e-12)[0]
    return np.asarray(g[:, -1] - dG @ c)


def sweep(table: RowBlocks, fit: Fit) -> tuple[Fit, float]:
    """Return the best U, a for V, b with the best V, b for them; and the objective between.

    Of the penalties lam/2 (|U|^2 + |V|^2), which are lam sum |u_k| |v_k| at their best scales.
    """
    place, (n, r) = PLACE.get(), fit.V.shape
    rows, columns = table.ridge(RowIntercept), table.ridge(ColumnIntercept)
    V, b = (place.persist(place.run(np.asarray, x.copy())) for x in (fit.V, fit.b))
    made = [place.persist(place.run(best_rows, x, V, b, (table.lam, rows))) for x in fit.data]
    better = [place.run(itemgetter(0, 1), x) for x in made]
    parts = list(zip(fit.data, better, strict=True))

    def equations(part: slice) -> Task:
        """Return the normal equations of some columns."""
        biased = columns is not None
        return tree(place, lambda x: place.run(of_columns, *x, part, biased), parts)

    tiles = [
        place.run(solve_ridge, equations(slice(a, a + SIDE)), (table.lam, columns))
        for a in range(0, n, SIDE)
    ]
    *found, values = place.values([*tiles, tree(place, partial(place.run, itemgetter(2)), made)])
    solved = np.vstack(found)
    value = float(values) + 0.5 * table.lam * float(np.vdot(fit.V, fit.V))
    value += 0.5 * (columns or 0.0) * float(fit.b @ fit.b)
    b_ = solved[:, r] if columns is not None else fit.b
    return Fit(fit.data, better, np.ascontiguousarray(solved[:, :r]), b_.copy()), value


def best_rows(
    data: tuple[Any, Array | None], V: Array, b: Array, prices: tuple[float, float | None]
) -> tuple[Array, Array, Array]:
    """Return the best U and a of a block, and its part of the objective."""
    (Y, c), r = data, V.shape[1]
    biased = prices[1] is not None
    t = Y.data - b[Y.indices]
    sums = normal(Y, t, c, with_ones(V, biased))
    found = solve_ridge(sums, prices)
    a = found[:, r] if biased else np.zeros(len(found))
    earned = float(np.vdot(sums[:, -found.shape[1] :], found)) if found.size else 0.0
    value = 0.5 * (float(t @ (t if c is None else c * t)) - earned)
    return np.ascontiguousarray(found[:, :r]), np.ascontiguousarray(a), np.array(value)


def with_ones(X: Array, biased: bool) -> Array:  # noqa: FBT001  a task's argument
    """Return X, with a column of ones for biases."""
    return np.hstack([X, np.ones((len(X), 1))]) if biased else X


def of_columns(
    data: tuple[Any, Array | None],
    rows: tuple[Array, Array],
    part: slice,
    biased: bool,  # noqa: FBT001
) -> Array:
    """Return what some columns of a block add to their normal equations."""
    Y, c = data
    U, a = rows
    t = Y.data - np.repeat(a, np.diff(Y.indptr))
    both = (t,) if c is None else (t, c)
    across = [
        sparse.csr_array((x, Y.indices, Y.indptr), shape=Y.shape)[:, part].T.tocsr() for x in both
    ]
    weights_ = None if c is None else across[1].data
    return normal(across[0], across[0].data, weights_, with_ones(U, biased))


def normal(Y: Any, t: Array, c: Array | None, X: Array) -> Array:  # noqa: ANN401
    """Return sum c x x^T and sum c t x over the entries of each row of Y, side by side."""
    m, r = Y.shape[0], X.shape[1]
    out = np.zeros((m, r * r + r))
    ends = Y.indptr.tolist()
    for i in range(m):
        at = slice(ends[i], ends[i + 1])
        F = X[Y.indices[at]]
        left = F.T if c is None else F.T * c[at]
        out[i, : r * r] = (left @ F).reshape(-1)
        out[i, r * r :] = left @ t[at]
    return out


def solve_ridge(sums: Array, prices: tuple[float, float | None]) -> Array:
    """Return the solutions of ridge regressions, one a row; prices: of factors, and of a bias."""
    biased = prices[1] is not None
    r = int(np.sqrt(sums.shape[1] + 0.25))
    ridge = np.full(r, prices[0])
    out = np.zeros((len(sums), r))
    for start in range(0, len(sums), LINES):
        part = sums[start : start + LINES]
        grams = part[:, : r * r].reshape(-1, r, r) + np.diag(ridge)
        if biased:
            grams[:, -1, -1] += np.float64(prices[1]) - prices[0]
            grams[:, -1, -1] += grams[:, -1, -1] == 0  # no entry, no ridge: a bias 0
        out[start : start + LINES] = np.linalg.solve(grams, part[:, r * r :, None])[..., 0]
    return out


def balance(fit: Fit) -> Fit:
    """Write U V^T by its singular vectors, times the roots of the values; drop what has died."""
    place, r = PLACE.get(), fit.V.shape[1]
    if not r:
        return fit
    total = tree(place, partial(place.run, gram_of_rows), fit.rows)
    squares, E = np.linalg.eigh(np.asarray(place.values([total])[0]))
    Q, T = np.linalg.qr(fit.V)
    S = np.sqrt(np.maximum(squares, 0.0))[:, None] * E.T
    _, values, right = np.linalg.svd(S @ T.T)
    values = values[:r]
    alive = values > DEAD * values[0] if values[0] > 0 else np.zeros(len(values), dtype=bool)
    roots, right = np.sqrt(values[alive]), right[: len(values)][alive].T
    turn = place.persist(place.run(np.asarray, (T.T @ right) / roots))
    rows = [place.persist(place.run(turn_rows, x, turn)) for x in fit.rows]
    return fit._replace(rows=rows, V=(Q @ right) * roots)


def gram_of_rows(rows: tuple[Array, Array]) -> Array:
    """Return U^T U."""
    return np.asarray(rows[0].T @ rows[0])


def turn_rows(rows: tuple[Array, Array], turn: Array) -> tuple[Array, Array]:
    """Return U times a matrix, and a."""
    return rows[0] @ turn, rows[1]
