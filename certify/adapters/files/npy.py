"""One array: numpy.save(path, a)."""

from pathlib import Path
from typing import Any

from certify.base.npy import read_array

from ._base import Format


class Npy(Format):
    """A single .npy array; its header is parsed here, so that no pickle can be loaded."""

    def read(self, path: Path, key: str | None) -> Any:
        """Return the array."""
        with path.open("rb") as file:
            return read_array(file, path.stat().st_size, str(path))
