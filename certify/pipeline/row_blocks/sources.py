"""Where blocks of rows come from: matrices, files of triplets, chunks of a Dask array."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from scipy import sparse

from certify.base.arrays import Array, Ints, finite, real
from certify.base.cluster import PLACE
from certify.base.errors import InputError
from certify.base.extras import optional

PARQUET, SUFFIXES = ".parquet", (".npz", ".parquet")
FEWEST, MOST = 3, 4  # columns of triplets
MATRIX, PAIR = 2, 2  # dimensions; a matrix and its weights
UNREADABLE = (OSError, EOFError, KeyError, ValueError, BadZipFile)  # what reading a file raises


def in_folder(folder: Path) -> list[str]:
    """Return the files of blocks in a folder, in the order of their names.

    Raises InputError where there is none.
    """
    try:
        found = sorted(
            p for p in folder.absolute().iterdir() if p.suffix in SUFFIXES and p.name[0] != "."
        )
    except OSError as error:
        raise InputError(f"cannot read {folder}: {error.strerror or error}") from None
    if not found:
        raise InputError(f"{folder} has no blocks of rows: no file .npz or .parquet")
    return [str(p) for p in found]


def row_chunks(array: Any, weights: Any) -> list[Any]:  # noqa: ANN401  dask.array
    """Return a task for each chunk of rows of a Dask array, with the chunk of its weights if any.

    Raises InputError where an array is none of two dimensions, or has other chunks.
    """
    parts = []
    for x in (array,) if weights is None else (array, weights):
        if not hasattr(x, "to_delayed") or len(x.shape) != MATRIX:
            shape = getattr(x, "shape", None)
            raise InputError(
                f"blocks of rows must be a Dask array (m, n), got {type(x).__name__} {shape}"
            )
        parts.append(x.rechunk({1: -1}))
    if parts[0].chunks != parts[-1].chunks:
        got = f"{parts[0].chunks[0]} and {parts[-1].chunks[0]}"
        raise InputError(f"data and weights must have the same chunks of rows, got {got}")
    chunks = [x.to_delayed().reshape(-1).tolist() for x in parts]
    if weights is None:
        return list(chunks[0])
    pair = optional("dask", "dask", "scale").delayed(as_pair)
    return [pair(*both) for both in zip(*chunks, strict=True)]


def as_pair(Y: Any, c: Any) -> tuple[Any, Any]:  # noqa: ANN401  matrices
    """Return a pair."""
    return Y, c


def entries(source: Any, m: int | None, n: int) -> tuple[Any, Array | None]:  # noqa: ANN401
    """Return Y, CSR and canonical, and the weights of its entries.

    m  the rows that a file has, which does not say it; None: up to the last one listed

    Raises InputError where it is no block.
    """
    if hasattr(source, "__dask_graph__"):  # where there is no cluster
        source = source.compute(scheduler="synchronous")
    if isinstance(source, str | Path):
        listed = triplets(source, m, n)
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
    """Return dense matrices as their entries that are observed; sparse ones as they are."""
    if sparse.issparse(Y):
        return Y, c
    dense = real(Y, "data of a block", ndim=MATRIX)
    at = np.nonzero(~np.isnan(dense))
    out = [sparse.coo_array((dense[at], at), shape=dense.shape), c]
    if c is not None and not sparse.issparse(c):
        weights = real(c, "weights of a block", ndim=MATRIX)
        if weights.shape != dense.shape:
            raise InputError(
                f"weights of a block must have its shape {dense.shape}, got {weights.shape}"
            )
        out[1] = sparse.coo_array((weights[at], at), shape=dense.shape)
    return out[0], out[1]


def triplets(source: str | Path, m: int | None, n: int) -> tuple[Any, Any]:
    """Return the entries of a file and their weights, each as COO.

    Raises InputError where it is no block of rows.
    """
    try:
        rows, cols, *numbers = read_parquet(source) if is_parquet(source) else read_npz(source)
        high = int(rows.max(initial=-1)) + 1 if m is None else m
        made = [sparse.coo_array((x, (rows, cols)), shape=(high, n)) for x in numbers]
    except UNREADABLE as error:
        raise InputError(f"{source} is no block of rows: {error}") from None
    return made[0], made[1] if len(made) > 1 else None


def is_parquet(source: object) -> bool:
    """Whether it is the name of such a file."""
    return isinstance(source, str | Path) and Path(source).suffix == PARQUET


def read_npz(source: str | Path) -> list[Any]:
    """Return rows, columns, numbers, and weights where there are any."""
    with Path(source).open("rb") as file, np.load(file) as held:
        names = ("rows", "cols", "data", *(("weights",) if "weights" in held else ()))
        return [*map(accept_indices, (held[x] for x in names[:2])), *(held[x] for x in names[2:])]


def read_parquet(source: str | Path) -> list[Any]:
    """Return rows, counted from the least one, columns, numbers, and weights if there are any.

    Raises InputError where pyarrow is not installed.
    """
    found = parquet_columns(source, None)
    if not FEWEST <= len(found) <= MOST:
        raise ValueError(f"{len(found)} columns, not row, column, number and perhaps a weight")
    rows, cols = map(accept_indices, found[:2])
    return [rows - rows.min(initial=rows.max(initial=0)), cols, *found[2:]]


def accept_indices(x: Any) -> Ints:  # noqa: ANN401  an array
    """Return rows or columns of triplets.

    Raises ValueError where they are no whole numbers: scipy would round them.
    """
    if x.ndim != 1 or (x.size and x.dtype.kind not in "iu"):
        got = f"{x.dtype} of shape {x.shape}"
        raise ValueError(f"rows and columns must be lists of whole numbers, got {got}")
    return np.asarray(x, dtype=np.int64)


def parquet_columns(source: str | Path, names: list[str] | None) -> list[Any]:
    """Return the columns of a file, or some of them."""
    parquet = optional("pyarrow.parquet", "pyarrow", "parquet")
    held = parquet.read_table(source, columns=names)
    return [np.asarray(column.to_numpy()) for column in held.columns]


def refuse_overlaps(sources: Sequence[Any]) -> None:
    """Refuse files .parquet whose rows are counted through all of them, where some share a row.

    Raises InputError, naming two of them.
    """
    place, files = PLACE.get(), [s for s in sources if is_parquet(s)]
    if len(files) <= 1:
        return
    ranges = place.values([place.run(row_range, s) for s in files])
    if not any(low for low, _ in ranges):
        return  # counted from 0 in each
    order = sorted(range(len(files)), key=lambda k: ranges[k])
    for j, k in pairwise(order):
        if ranges[k][0] <= ranges[j][1]:
            (a, b), (c, d) = ranges[j], ranges[k]
            raise InputError(
                f"{files[j]} has rows {a} to {b} and {files[k]} {c} to {d}: sort the triplets by "
                "rows, and begin another file between two rows"
            )


def row_range(source: str | Path) -> tuple[int, int]:
    """Return the least and the largest row of a file .parquet.

    Raises InputError where it is no block of rows.
    """
    try:
        parquet = optional("pyarrow.parquet", "pyarrow", "parquet")
        rows = parquet_columns(source, parquet.read_schema(source).names[:1])[0]
        return int(rows.min()), int(rows.max())
    except (*UNREADABLE, IndexError) as error:
        raise InputError(f"{source} is no block of rows: {error}") from None


def canonical(matrix: Any) -> Any:  # noqa: ANN401  scipy.sparse
    """Return entries as CSR in float64, in order; zeros that are listed are kept.

    Raises InputError where one is listed twice, or is no float64.
    """
    listed = sparse.coo_array(matrix)
    data = real(listed.data, "data of a block")
    csr = sparse.csr_array((data, listed.coords), shape=listed.shape)
    csr.sum_duplicates()
    if csr.nnz != len(data):
        raise InputError(f"{len(data) - csr.nnz} entries of a block are listed twice")
    return csr
