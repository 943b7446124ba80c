"""Plain numbers with tabs between them, under one header row or none."""

from pathlib import Path
from typing import Any

from ._base import Format
from ._table import read_table


class Tsv(Format):
    """A table of decimals, each rounded to the nearest float64; always two-dimensional."""

    def read(self, path: Path, key: str | None) -> Any:
        """Return the table."""
        return read_table(path, "\t;,")
