"""Matrix Market: a coordinate file lists observed entries, an array file is dense."""

from pathlib import Path
from typing import Any

from scipy import io

from certify._errors import InputError

from ._base import Format, brief, refuse_pickle


class Mtx(Format):
    """What scipy.io.mmread returns: scipy.sparse for coordinates, else a dense array."""

    def read(self, path: Path, key: str | None) -> Any:  # noqa: ANN401  numpy or scipy.sparse
        """Return the matrix; every entry that the header claims takes at least one byte."""
        del key
        with path.open("rb") as file:
            refuse_pickle(file.read(1), str(path))
        try:
            claimed, size = io.mminfo(path)[2], path.stat().st_size
            found = io.mmread(path) if claimed <= size else None
        except (ValueError, OverflowError) as error:
            raise InputError(f"{path} is not a Matrix Market file: {brief(error)}") from None
        if found is None:
            claim = f"its header claims {claimed} entries in {size} bytes"
            raise InputError(f"{path} is damaged: {claim}")
        return found
