"""A table in blocks of rows in problem.toml: the folders of its triplets and of its factors.

    lam = 100.0
    [blocks]
    folder = "ratings"               # its files .npz and .parquet, in the order of their names
    columns = 10681
    fit = "fit"                      # U0.npy, U1.npy, ..., one for each file, and V.npy
    rows = "block"                   # counted from 0 in each file, or through the "table"
    norms = "counts"                 # with numbers of entries as weights; else "l2"
    norm_weights = "norms"           # others: rows0.npy, ..., one for each file, and columns.npy

It replaces the tables data, loss, atom and factors.  Optional: fit, which check and verify need;
rows, unless two files are .parquet; norms or norm_weights; [[offsets]] of the kinds row and
column; [epsilon].
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from certify.base.errors import InputError
from certify.pipeline.row_blocks import RowBlocks
from certify.pipeline.row_blocks.question import Factors

from ._kinds import Weight
from ._schema import Epsilon, Json, validate
from ._source import Strict

REPLACED = {"data", "loss", "atom", "factors", "q", "restarts", "l1"}  # by the table of blocks


class Top(Strict):
    """The file."""

    lam: Weight
    blocks: Json
    offsets: list[Json] = Field(default_factory=list)
    epsilon: Json = Field(default_factory=dict)


class Table(Strict):
    """Blocks of rows; norm_weights: the folder of rows0.npy, rows1.npy, ..., and columns.npy."""

    folder: str
    columns: int
    fit: str | None = None
    rows: Literal["block", "table"] | None = None
    norms: Literal["l2", "counts"] = "l2"
    norm_weights: str | None = None


@dataclass(frozen=True, eq=False)
class LoadedBlocks:
    """The question of a problem.toml with blocks of rows; fit: the folder of the factors."""

    table: RowBlocks
    fit: Path | None
    rtol: float
    atol: float
    path: Path

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The files that are read."""
        factors = [] if self.fit is None else [*self.names(self.fit), self.fit / "V.npy"]
        norms = self.table.norms
        weights = [] if isinstance(norms, str) else [*norms[0], norms[1]]
        return (self.path, *map(Path, (*self.table.blocks, *weights)), *factors)

    def names(self, folder: Path) -> list[Path]:
        """Return the file of each block's factors in a folder."""
        return [folder / f"U{k}.npy" for k in range(len(self.table.blocks))]

    def factors(self) -> Factors:
        """Return the files of U of each block, and of V; raise InputError without a fit."""
        if self.fit is None:
            raise InputError(
                f"{self.path}: blocks.fit is missing, the folder of U0.npy, ... and V.npy; "
                "certify improve makes one"
            )
        return [str(name) for name in self.names(self.fit)], str(self.fit / "V.npy")


def read_tables(path: Path, document: Json) -> tuple[Top, Table, Epsilon]:
    """Return the tables of a problem.toml with blocks.

    Raises InputError, with the file and the key, for anything that is wrong.
    """
    if extra := sorted(set(document) & REPLACED):
        raise InputError(
            f"{path}: [blocks] means least squares with l2 norms: leave {', '.join(extra)} out"
        )
    top = validate(Top, document, path, "")
    table = validate(Table, top.blocks, path, "blocks")
    if table.norm_weights is not None and table.norms != "l2":
        raise InputError(f"{path}: blocks.norms must be left out beside blocks.norm_weights")
    return top, table, validate(Epsilon, top.epsilon, path, "epsilon")
