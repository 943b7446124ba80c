"""Matrix Market: a coordinate file lists observed entries, an array file is dense."""

import re
from io import BytesIO
from pathlib import Path
from typing import Any

from scipy import io

from certify.base.errors import InputError, brief
from certify.base.npy import refuse_pickle

from ._base import Format
from ._table import demand_exact

LONG = re.compile(rb"\d{16}")  # perhaps an integer that is rounded
CONTROL = bytes(set(range(32)) - set(b"\t\n\r"))  # scipy reads beyond a line with a NUL


class Mtx(Format):
    """What scipy.io.mmread returns: scipy.sparse for coordinates, else a dense array."""

    def read(self, path: Path, key: str | None) -> Any:
        """Return the matrix.

        scipy's reader crashes on control characters, a last line without an end, and empty
        matrices.  These are refused or changed before, and so is a header that claims more entries
        than the file has bytes.
        """
        blob = path.read_bytes()
        refuse_pickle(blob, str(path))
        if odd := set(blob) & set(CONTROL):
            raise InputError(f"{path} is not a Matrix Market file: it has the byte {min(odd)}")
        text = blob + b"\n"
        if LONG.search(text):
            rows = (row for row in text.decode("latin-1").split("\n") if not row.startswith("%"))
            demand_exact((x for row in rows for x in row.split()), str(path))
        try:
            rows, cols, entries = io.mminfo(BytesIO(text))[:3]
            possible = min(rows, cols) > 0 and entries <= len(text)
            matrix = io.mmread(BytesIO(text)) if possible else None
        except (ValueError, OverflowError) as error:
            raise InputError(f"{path} is not a Matrix Market file: {brief(error)}") from None
        if matrix is None:
            claim = f"{rows} rows, {cols} columns and {entries} entries in {len(blob)} bytes"
            raise InputError(f"{path} is empty or damaged: its header claims {claim}")
        return matrix
