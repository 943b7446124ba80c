"""A table in blocks of rows on different machines, and the question about it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from certify.base.arrays import Array, Ints, finite, is_list, real, scalar, short
from certify.base.cluster import PLACE, Task, keep_each
from certify.base.errors import InputError
from certify.base.rigor.row_blocks import Block, Prices
from certify.kernel.claim import same_question
from certify.kernel.errors import RejectedError, demand
from certify.kernel.file import identity
from certify.offsets import ColumnIntercept, Offset, RowIntercept
from certify.pipeline.certificate.file import Json, StatedQuestion
from certify.polar.proved import as_kernel_array

from . import sources
from .sources import COUNTS, PAIR, THROUGH, load_array, load_prices

FORMAT = "certify/blocks/1"
NORMS = PLAIN, _ = ("l2", COUNTS)
ROW_WEIGHTS = "row_weights"  # of a block, in a statement
GIVEN = "given"  # norms whose weights are arrays
ATOM = {"kind": "rank_one", "left": "l2", "right": "l2", "form": "product"}


@dataclass(frozen=True, eq=False)
class RowBlocks:
    """Least squares of the entries in blocks of rows; the norms of the factors are l2.

        f(U, V) = min over a, b of  1/2 sum c_ij (y_ij - <u_i, v_j> - a_i - b_j)^2
                  + lam sum_k |u_k| |v_k| + rho/2 |a|^2 + rho'/2 |b|^2,   c > 0

    blocks   one of these for each block (m_k, n): a matrix of scipy.sparse, or a dense one in which
             NaN is not observed; or a pair, a matrix and the weights c of its entries; or the name
             of a file .npz with `rows`, `cols`, `data` and perhaps `weights`; or of a file .parquet
             with three or four columns: row, column, number and weight; or a Dask task that always
             returns the same one of these
    columns  n
    lam      >= 0
    offsets  RowIntercept(rho) for a, ColumnIntercept(rho') for b, with one ridge each
    rows     how files count their rows: "block", from 0 in each; or "table", through all files,
             which are then sorted by rows.  None means "block", if at most one file is .parquet.
             With "table" a block begins where the factors U of the blocks before it end; without
             factors, at the first row that it lists, and the first block at row 0
    norms    "l2"; or, for sqrt(sum p_i u_ik^2) and sqrt(sum q_j v_jk^2), with the penalty
             lam/2 (sum p_i |u_i|^2 + sum q_j |v_j|^2), the weights p, q > 0 of rows and columns:
             "counts", the numbers of entries, or 1 where there are none; or a pair, p of each block
             (m_k,) and q (n,), each an array or the name of a file .npy

    Raises InputError for no blocks, for an argument of another kind, and if `rows` is missing.
    """

    blocks: Sequence[Any]
    columns: int
    lam: float
    offsets: Sequence[Offset] = ()
    rows: str | None = None
    norms: Any = "l2"

    def __post_init__(self) -> None:
        """Convert the arguments; raise InputError for those without a proof."""
        for name in ("blocks", "offsets"):
            given = getattr(self, name)
            if not isinstance(given, Sequence) or isinstance(given, str | bytes):
                raise InputError(f"{name} must be a sequence, got {short(given)}")
            object.__setattr__(self, name, tuple(given))
        object.__setattr__(self, "lam", scalar(self.lam, "lam", zero=True))
        if not self.blocks:
            raise InputError("there must be a block of rows, got none")
        whole = isinstance(self.columns, int | np.integer) and not isinstance(self.columns, bool)
        if not whole or self.columns < 1:
            raise InputError(f"columns must be a whole number > 0, got {short(self.columns)}")
        object.__setattr__(self, "columns", int(self.columns))
        object.__setattr__(self, "rows", sources.accept_counting(self.blocks, self.rows))
        object.__setattr__(self, "norms", accept_norms(self.norms, len(self.blocks)))
        names = [str(b) for b in self.blocks if isinstance(b, str | Path)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise InputError(f"a block is listed twice: {twice[0]}")
        kinds = [type(o) for o in self.offsets]
        for o in self.offsets:
            known = isinstance(o, RowIntercept | ColumnIntercept) and o.shares is None
            if not known or kinds.count(type(o)) > 1:
                raise InputError(
                    "blocks of rows may have one RowIntercept and one ColumnIntercept, each of one "
                    f"ridge, got {short(o)}"
                )

    @classmethod
    def from_folder(  # noqa: PLR0913  keywords
        cls,
        folder: str | Path,
        columns: int,
        lam: float,
        offsets: Sequence[Offset] = (),
        *,
        rows: str | None = None,
        norms: Any = "l2",  # noqa: ANN401  see the class
    ) -> "RowBlocks":
        """Return the table of all files .npz and .parquet in a folder, sorted by name.

        Raises InputError if there is none.
        """
        return cls(sources.in_folder(folder), columns, lam, offsets, rows, norms)

    @classmethod
    def from_dask(
        cls,
        array: Any,  # noqa: ANN401  dask.array
        lam: float,
        offsets: Sequence[Offset] = (),
        *,
        weights: Any = None,  # noqa: ANN401  dask.array
        norms: Any = "l2",  # noqa: ANN401  see the class
    ) -> "RowBlocks":
        """Return the table of a Dask array (m, n), a block for each chunk of rows.

        Its chunks are dense, NaN where nothing is observed, or of scipy.sparse.

        weights  another Dask array, of the same chunks

        Raises InputError unless the arrays have two dimensions and the same chunks.
        """
        return cls(sources.row_chunks(array, weights), array.shape[1], lam, offsets, None, norms)

    def ridge(self, kind: type[Offset]) -> float | None:
        """Return the ridge of the biases of rows or of columns; None without such biases."""
        return next((float(o.ridge) for o in self.offsets if isinstance(o, kind)), None)

    @property
    def given_weights(self) -> bool:
        """Whether the weights of the norms are arrays."""
        return not isinstance(self.norms, str)

    @property
    def row_prices(self) -> Sequence[Any]:
        """The weights of the rows of each block, for `entries`."""
        if self.given_weights:
            return self.norms[0]  # type: ignore[no-any-return]
        return [None if self.norms == PLAIN else COUNTS] * len(self.blocks)

    def column_prices(self, counts: Callable[[], Ints]) -> Array | None:
        """Return the weights of the columns (n,), or None; counts: the numbers of their entries.

        Raises InputError for wrong weights.
        """
        if self.given_weights:
            return load_prices(self.norms[1], self.columns, "columns")
        if self.norms == PLAIN:
            return None
        return np.maximum(counts(), 1).astype(np.float64)

    @property
    def prices(self) -> Prices:
        """The exact lam and ridges."""
        ridges = (self.ridge(kind) for kind in (RowIntercept, ColumnIntercept))
        return Prices(Fraction(self.lam), *(None if r is None else Fraction(r) for r in ridges))


def accept_norms(norms: Any, count: int) -> Any:  # noqa: ANN401  see RowBlocks
    """Return "l2", "counts", or the weights of each block's rows and of the columns.

    Raises InputError for anything else.
    """
    if isinstance(norms, str) and norms in NORMS:
        return norms
    if not isinstance(norms, tuple | list) or len(norms) != PAIR:
        raise InputError(f'norms must be "l2", "counts" or a pair of weights, got {short(norms)}')
    p, q = norms
    if not isinstance(p, Sequence) or isinstance(p, str | bytes):
        wanted = "a sequence, one for each block"
        raise InputError(f"weights of the rows must be {wanted}, got {short(p)}")
    if len(p) != count:
        raise InputError(f"there are {count} blocks, but weights of the rows for {len(p)}")
    return tuple(p), q


U_NAME = "U of a block"
Factors = tuple[Sequence[Any], Any]  # U of each block, and V


def load_factor(factor: Any, name: str) -> Array:  # noqa: ANN401  see check()
    """Return a factor, given as an array or the name of a file .npy.

    Raises InputError, with its name, unless it is a finite matrix.
    """
    array = load_array(factor, f"factor, {name}")
    return finite(real(array, name, ndim=sources.MATRIX), name)


def split_factors(factors: object) -> Factors:
    """Return U of each block, and V; raise InputError unless they are such a pair."""
    if not isinstance(factors, tuple | list) or len(factors) != PAIR:
        got = len(factors) if isinstance(factors, tuple | list) else type(factors).__name__
        raise InputError(f"factors must be a pair, U of each block and V, got {got}")
    U, V = factors
    if not is_list(U):
        raise InputError(f"U must be a sequence, one factor for each block, got {short(U)}")
    return tuple(U), V


def accept_factor(V: object, columns: int) -> Array:
    """Return V (n, r); raise InputError unless it is a finite matrix of this shape."""
    array = load_factor(V, "V")
    if len(array) != columns:
        raise InputError(f"V must have shape ({columns}, r), got {array.shape}")
    return array


def read_blocks(table: RowBlocks, U: Sequence[Any], r: int) -> list[Task]:
    """Return a task for each block with its factors; the block stays where it is read.

    Raises InputError unless there are as many factors as blocks.
    """
    place = PLACE.get()
    if len(U) != len(table.blocks):
        raise InputError(f"there are {len(table.blocks)} blocks, but U has {len(U)}")
    firsts = [0] * len(U)
    if table.rows == THROUGH:
        heights = place.values([place.run(height, u) for u in U])
        firsts = list(accumulate([0, *heights[:-1]]))
    return keep_each(read, table.blocks, U, firsts, table.row_prices, given=((table.columns, r),))


def height(factor: Any) -> int:  # noqa: ANN401  see check()
    """Return the number of rows of a block's U."""
    return len(load_factor(factor, U_NAME))


def read(
    source: Any,  # noqa: ANN401  see RowBlocks
    factor: Any,  # noqa: ANN401  see check()
    first: int,
    prices: Any,  # noqa: ANN401  see entries()
    shape: tuple[int, int],
) -> Block:
    """Return a block.

    factor  U, or the name of a file .npy
    first   its first row in the count of the file
    prices  the weights of its rows
    shape   the shape (n, r) of V

    Raises InputError for a wrong block or factor.
    """
    (n, r), U = shape, load_factor(factor, U_NAME)
    listed = sources.entries(source, (first, len(U)), n, prices)
    if U.shape != (listed.Y.shape[0], r):
        raise InputError(f"a block {listed.Y.shape} does not fit U {U.shape} and V {shape}")
    return listed._replace(U=U)


def identities(block: Block, given: bool = False) -> Json:  # noqa: FBT001, FBT002  a task's
    """Return the statement of a block: the digests of its arrays.

    given  whether the weights of its rows are an array
    """
    listed = block.Y.tocoo()
    rows, cols = (k.astype(np.int64) for k in listed.coords)
    arrays = {"rows": rows, "cols": cols, "Y": listed.data, "U": block.U}
    if block.weights is not None:
        arrays["weights"] = block.weights
    if given and block.prices is not None:
        arrays[ROW_WEIGHTS] = block.prices
    return {k: identity(as_kernel_array(a)) for k, a in arrays.items()}


def require_stated(block: Block, stated: Json) -> Block:
    """Return a block; raise InputError unless its statement is the given one."""
    found = identities(block, ROW_WEIGHTS in stated)
    if wrong := sorted(k for k in {*found, *stated} if found.get(k) != stated.get(k)):
        raise InputError(f"{wrong[0]} of a block has changed since the question was stated")
    return block


def state(
    table: RowBlocks, blocks: Sequence[Json], V: Array, rtol: float, atol: float
) -> StatedQuestion:
    """Return the question: is f(U, V) within epsilon of the least f over factors of any size?

    blocks  `identities` of each
    """
    given = {"V": as_kernel_array(V)}
    tolerance = {k: scalar(v, k, zero=True).hex() for k, v in (("rtol", rtol), ("atol", atol))}
    rows = sum(b["U"]["shape"][0] for b in blocks)
    numbers = [{k: x.hex() for k, x in o.numbers().items()} for o in table.offsets]
    statement: Json = {
        "format": FORMAT,
        "claim": "any size",
        "loss": "squared",
        "atom": ATOM | weights_of(table),
        "lam": table.lam.hex(),
        "shape": [rows, table.columns],
        "observed": "listed",
        "offsets": [{"kind": o.name} | x for o, x in zip(table.offsets, numbers, strict=True)],
        "q": "found",
        "arrays": {k: identity(a) for k, a in given.items()},
        "blocks": {str(k): b for k, b in enumerate(blocks)},
        **tolerance,
    }
    return StatedQuestion(statement, given)


def state_question(
    table: RowBlocks, U: Sequence[Any], V: Array, epsilon: tuple[float, float]
) -> tuple[list[Task], StatedQuestion]:
    """Return the blocks as tasks, and the question about them.

    If a block is read again because its worker was lost, it must still be the one in the question.
    """
    place, blocks = PLACE.get(), read_blocks(table, U, V.shape[1])
    stated = place.values([place.run(identities, x, table.given_weights) for x in blocks])
    return keep_each(require_stated, blocks, stated), state(table, stated, V, *epsilon)


def weights_of(table: RowBlocks) -> Json:
    """Return the statement of the weights of the norms, without those of the rows."""
    if table.given_weights:
        q = load_prices(table.norms[1], table.columns, "columns")
        return {"weights": GIVEN, "columns": identity(as_kernel_array(q))}
    return {} if table.norms == PLAIN else {"weights": COUNTS}


def known_format(statement: Json) -> None:
    """Reject a statement that is not of blocks of rows."""
    found = statement.get("format")
    wrong = f"{found!r:.80} is not {FORMAT}, the format of blocks of rows"
    demand(found == FORMAT, "statement.format", "version", wrong)


def agree(theirs: Json, ours: Json) -> None:
    """Reject a certificate of another question."""
    compare_blocks(theirs.get("blocks"), ours["blocks"])
    same_question(theirs, ours)


def compare_blocks(theirs: object, ours: Json) -> None:
    """Reject blocks that are not the certificate's, and say how they differ.

    theirs, ours  the `blocks` of the statements
    """
    where = "statement.blocks"
    if not isinstance(theirs, dict) or len(theirs) != len(ours):
        count = len(theirs) if isinstance(theirs, dict) else "no"
        message = f"the certificate has {count} blocks, you have {len(ours)}"
        raise RejectedError(where, "question", message)
    for k, block in ours.items():
        if theirs.get(k) == block:
            continue
        other = next((j for j in theirs if theirs[j] == block), None)
        if other is not None:
            message = f"your block {k} is the certificate's block {other}: keep their order"
            raise RejectedError(f"{where}.{k}", "question", message)
        stated = theirs.get(k)
        stated = stated if isinstance(stated, dict) else {}
        names = sorted({*block, *stated})
        name = next(x for x in names if block.get(x) != stated.get(x))
        message = f"{name} of your block {k} is not that of the certificate"
        raise RejectedError(f"{where}.{k}.{name}", "question", message)
