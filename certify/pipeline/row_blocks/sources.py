"""The sources of blocks of rows: matrices, files of triplets, chunks of a Dask array."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from certify.base.arrays import Array, Ints, SparseMatrix, finite, real, short
from certify.base.cluster import PLACE
from certify.base.errors import InputError, accessing
from certify.base.extras import optional
from certify.base.files import demand_regular
from certify.base.npy import read_array
from certify.base.npz import member, opened
from certify.base.rigor.row_blocks import Block, counts_of

PARQUET, SUFFIXES = ".parquet", (".npz", ".parquet")
FROM_ZERO, THROUGH = COUNTED = ("block", "table")  # from 0 in each block, or through all blocks
FEWEST, MOST = 3, 4  # columns of triplets
MATRIX, PAIR = 2, 2  # dimensions; a matrix and its weights
COUNTS = "counts"  # norms with the numbers of entries as weights
Span = tuple[int, int | None]  # of a block: its first row in the file's count; its rows, if known
Source = Any  # of a block: see RowBlocks
UNREADABLE = (OSError, KeyError, ValueError)  # errors of reading a file


def accept_folder(given: object, name: str) -> Path:
    """Return the path of a folder; raise InputError, with the argument's name, for no path."""
    if not isinstance(given, str | Path) or "\0" in str(given):
        raise InputError(f"{name} must be the name of a folder, got {short(given)}")
    return Path(given)


def in_folder(given: object) -> list[str]:
    """Return the files of blocks in a folder, sorted by name; raise InputError if there is none."""
    folder = accept_folder(given, "folder")
    with accessing(folder, "read"):
        paths = sorted(folder.absolute().iterdir())
    found = [str(p) for p in paths if p.suffix in SUFFIXES and p.name[0] != "."]
    if not found:
        raise InputError(f"{folder} has no blocks of rows: no file .npz or .parquet")
    return found


def row_chunks(array: Any, weights: Any) -> list[Any]:  # noqa: ANN401  dask.array
    """Return a task for each chunk of rows of a Dask array, with the chunk of its weights if any.

    Raises InputError unless the arrays have two dimensions and the same chunks.
    """
    parts = []
    for x in (array,) if weights is None else (array, weights):
        if not hasattr(x, "to_delayed") or len(x.shape) != MATRIX:
            got = f"{type(x).__name__} {getattr(x, 'shape', None)}"
            raise InputError(f"blocks of rows must be a Dask array (m, n), got {got}")
        parts.append(x.rechunk({1: -1}))
    if parts[0].chunks != parts[-1].chunks:
        got = f"{parts[0].chunks[0]} and {parts[-1].chunks[0]}"
        raise InputError(f"data and weights must have the same chunks of rows, got {got}")
    chunks = [x.to_delayed().reshape(-1).tolist() for x in parts]
    if weights is None:
        return list(chunks[0])
    return [*map(optional("dask", "dask", "scale").delayed, zip(*chunks, strict=True))]


def entries(source: Source, span: Span, n: int, prices: Any = None) -> Block:  # noqa: ANN401
    """Return a block without components.

    prices  the weights of its rows: None, "counts", an array or the name of a file .npy

    Raises InputError for a wrong block or wrong weights.
    """
    Y, c = weighted_entries(source, span, n)
    if isinstance(prices, str) and prices == COUNTS:
        prices = counts_of(Y.indptr)
    elif prices is not None:
        prices = load_prices(prices, Y.shape[0], "rows of a block")
    return Block(Y, np.zeros((Y.shape[0], 0)), c, prices)


def load_prices(given: Any, count: int, name: str) -> Array:  # noqa: ANN401  see RowBlocks
    """Return the weights of a norm, given as an array or the name of a file .npy.

    Raises InputError unless they are `count` positive numbers.
    """
    what = f"weights of the {name}"
    array = np.ascontiguousarray(finite(real(load_array(given, f"array, {what}"), what), what))
    if array.shape != (count,):
        raise InputError(f"{what} must have shape ({count},), got {array.shape}")
    if (array <= 0).any():
        raise InputError(f"{what} must be > 0, got {array.min()}")
    return array


def load_array(given: Any, name: str) -> Any:  # noqa: ANN401  an array, or a file's name
    """Return an array, from a file .npy if its name is given.

    name  the meaning of the array

    Raises InputError for a file that cannot be read.
    """
    if not isinstance(given, str | Path):
        return given
    demand_regular(Path(given))
    path = Path(given)
    try:
        with path.open("rb") as file:
            return read_array(file, path.stat().st_size, str(path))
    except UNREADABLE as error:
        raise InputError(f"{given} is no {name}: {error}") from None


def weighted_entries(source: Source, span: Span, n: int) -> tuple[SparseMatrix, Array | None]:
    """Return Y, canonical CSR, and the weights of its entries; raise InputError for no block."""
    if hasattr(source, "__dask_graph__"):  # there is no cluster
        source = source.compute(scheduler="synchronous")
    if isinstance(source, str | Path):
        listed = triplets(source, span, n)
    else:
        listed = source if isinstance(source, tuple) else (source, None)
        if len(listed) != PAIR:
            raise InputError(f"a block must be a matrix, or it and its weights, got {len(listed)}")
        listed = drop_missing(*listed)
    Y, c = canonical(listed[0]), None if listed[1] is None else canonical(listed[1])
    if Y.shape[1] != n:
        raise InputError(f"a block must have {n} columns, got shape {Y.shape}")
    finite(Y.data, "data of a block")
    if c is None:
        return Y, None
    same = np.array_equal(c.indptr, Y.indptr) and np.array_equal(c.indices, Y.indices)
    if c.shape != Y.shape or not same:
        where = "other places" if (c.shape, c.nnz) == (Y.shape, Y.nnz) else f"shape {c.shape}"
        raise InputError(
            f"weights of a block must be of the {Y.nnz} entries of shape {Y.shape} that it lists, "
            f"got {c.nnz} of {where}"
        )
    weights = finite(c.data, "weights of a block")
    if (weights <= 0).any():
        raise InputError(f"weights of a block must be > 0, got {weights.min()}")
    return Y, weights


def drop_missing(Y: Any, c: Any) -> tuple[Any, Any]:  # noqa: ANN401  matrices
    """Return the observed entries of dense matrices; sparse matrices unchanged."""
    if sparse.issparse(Y):
        return Y, c
    dense = real(Y, "data of a block", ndim=MATRIX)
    at = np.nonzero(~np.isnan(dense))
    out = [sparse.coo_array((dense[at], at), shape=dense.shape), c]
    if c is not None and not sparse.issparse(c):
        weights = real(c, "weights of a block", ndim=MATRIX)
        if weights.shape != dense.shape:
            shapes = f"{dense.shape}, got {weights.shape}"
            raise InputError(f"weights of a block must have its shape {shapes}")
        out[1] = sparse.coo_array((weights[at], at), shape=dense.shape)
    return out[0], out[1]


def triplets(source: str | Path, span: Span, n: int) -> tuple[Any, Any]:
    """Return the entries and weights of a file, each as COO; raise InputError for no block."""
    first, m = span
    try:
        rows, cols, *numbers = read_columns(source)
        low, high = (int(rows.min()), int(rows.max())) if rows.size else (first, first - 1)
        m = high + 1 - first if m is None else m
        if low < first or high >= first + m:
            wanted = f"rows {first} to {first + m - 1}"
            raise ValueError(f"rows {low} to {high} are listed, not {wanted}")
        listed = [real(x, "what it lists", ndim=1) for x in numbers]
        made = [sparse.coo_array((x, (rows - first, cols)), shape=(m, n)) for x in listed]
    except UNREADABLE as error:
        raise InputError(f"{source} is no block of rows: {error}") from None
    return made[0], made[1] if len(made) > 1 else None


def is_parquet(source: object) -> bool:
    """Whether a source is the name of a file .parquet."""
    return isinstance(source, str | Path) and Path(source).suffix == PARQUET


def read_columns(source: str | Path, count: int = MOST) -> list[Any]:
    """Return the first `count` of rows, columns, numbers and weights, if there are weights.

    Raises InputError if pyarrow is not installed, ValueError for a wrong file.
    """
    demand_regular(Path(source))
    if is_parquet(source):
        parquet = optional("pyarrow.parquet", "pyarrow", "parquet")
        names = parquet.read_schema(source).names
        if not FEWEST <= len(names) <= MOST:
            raise ValueError(f"{len(names)} columns, not row, column, number and perhaps a weight")
        table = parquet.read_table(source, columns=names[:count])
        found = [np.asarray(column.to_numpy()) for column in table.columns]
    else:
        path = Path(source)
        with opened(path) as archive:
            more = ["weights"] if "weights.npy" in archive.namelist() else []
            names = ["rows", "cols", "data", *more]
            found = [member(path, archive, x) for x in names[:count]]
    return [*map(accept_indices, found[:2]), *found[2:]]


def accept_indices(x: Any) -> Ints:  # noqa: ANN401  an array
    """Return rows or columns of triplets.

    Raises ValueError unless they are whole numbers: scipy would round others.
    """
    if x.ndim != 1 or (x.size and x.dtype.kind not in "iu"):
        got = f"{x.dtype} of shape {x.shape}"
        raise ValueError(f"rows and columns must be lists of whole numbers, got {got}")
    return np.asarray(x, dtype=np.int64)


def accept_counting(sources: Sequence[Any], rows: str | None) -> str:
    """Return how the rows of files are counted, "block" or "table".

    Raises InputError for another value, if the value is missing, or if it does not suit the blocks.
    """
    if rows not in (None, *COUNTED):
        raise InputError(f'rows must be "block" or "table", got {short(rows)}')
    if rows is None and sum(map(is_parquet, sources)) > 1:
        raise InputError(
            'say how the files .parquet count their rows: rows="block", from 0 in each, or '
            'rows="table", through all of them'
        )
    if rows == THROUGH and (other := [s for s in sources if not isinstance(s, str | Path)]):
        got = type(other[0]).__name__
        raise InputError(f'rows="table" is for files that are sorted by rows, got a block {got}')
    return rows or FROM_ZERO


def spans(sources: Sequence[Any], rows: str) -> list[Span]:
    """Return the span of each block without factors.

    If rows are counted through the table, a block begins with the first row that it lists, and the
    first block with row 0.

    Raises InputError if the files are not sorted by rows.
    """
    if rows == FROM_ZERO:
        return [(0, None) for _ in sources]
    place = PLACE.get()
    ranges = place.values([place.run(row_range, s) for s in sources])
    listed = [(s, *r) for s, r in zip(sources, ranges, strict=True) if r is not None]
    for (one, a, b), (other, c, d) in pairwise(listed):
        if c <= b:
            raise InputError(
                f"{one} has rows {a} to {b} and {other}, after it, {c} to {d}: sort the triplets "
                "by rows, and begin another file between two rows"
            )
    ends = [listed[-1][2] + 1 if listed else 0]
    for found in reversed(ranges[1:]):
        ends.append(ends[-1] if found is None else found[0])
    return [(a, b - a) for a, b in pairwise([0, *reversed(ends)])]


def row_range(source: str | Path) -> tuple[int, int] | None:
    """Return the least and the largest row of a file, None if it lists no rows.

    Raises InputError if it is not a block of rows.
    """
    try:
        (rows,) = read_columns(source, 1)
    except UNREADABLE as error:
        raise InputError(f"{source} is no block of rows: {error}") from None
    return (int(rows.min()), int(rows.max())) if rows.size else None


def canonical(matrix: SparseMatrix) -> SparseMatrix:
    """Return entries as sorted CSR in float64, with the zeros that are listed.

    Raises InputError for an entry that is listed twice or is no float64, and for too many rows.
    """
    listed = sparse.coo_array(matrix)
    data = real(listed.data, "data of a block")
    try:
        csr = sparse.csr_array((data, listed.coords), shape=listed.shape)
    except (MemoryError, ValueError):
        raise InputError(f"a block of shape {listed.shape} is too large to hold") from None
    csr.sum_duplicates()
    if csr.nnz != len(data):
        raise InputError(f"{len(data) - csr.nnz} entries of a block are listed twice")
    return csr
