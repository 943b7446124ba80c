"""The contract of a file format, and the errors that all formats share."""

import difflib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from certify.base.errors import InputError


class Format(ABC):
    """A format of arrays; its module is named after the file extension: npy for .npy.

    Arrays are returned as numpy arrays, or as scipy.sparse if the file lists entries.
    Nothing is unpickled or executed, and a size that a file claims is compared with its
    bytes before anything is allocated.
    """

    keyed: ClassVar[bool] = False  # whether a file has several arrays, each with a name

    @abstractmethod
    def read(self, path: Path, key: str | None) -> Any:
        """Return the array with a name; without a name, the only one.

        Raises InputError if the file is not of this format, OSError if it cannot be read.
        """

    def names(self, path: Path) -> list[str]:
        """Return the names of the arrays in a file, [] for a format without names.

        Raises as `read`.
        """
        del path
        return []


def nearest(wrong: str, known: Iterable[str]) -> str:
    """Return the known name that is most similar to a wrong one, ignoring case."""
    names = {name.lower(): name for name in known}
    return names[difflib.get_close_matches(wrong.lower(), names, 1, cutoff=0.0)[0]]


def choose_name(path: Path, key: str | None, names: list[str]) -> str:
    """Return the name to read; raise InputError, with the names in the file, if there is none."""
    if not names:
        raise InputError(f"{path} holds no array")
    if key is None and len(names) == 1:
        return names[0]
    if key is None:
        listed = ", ".join(names)
        raise InputError(f'{path} holds {listed}: name one of them, "{path.name}:{names[0]}"')
    if key not in names:
        listed, near = ", ".join(names), nearest(key, names)
        raise InputError(f"{path} has no array {key!r}: did you mean {near!r}? It holds {listed}")
    return key


def checked(matrix: Any) -> Any:
    """Return a compressed sparse matrix whose pointers and indices are those of its entries.

    scipy does not compare pointers with each other if the last one is 0, and reads beyond the
    arrays.

    Raises ValueError.
    """
    matrix.check_format(full_check=True)
    if (matrix.indptr[1:] < matrix.indptr[:-1]).any():
        raise ValueError("indptr decreases")
    return matrix
