"""Named arrays: safetensors.numpy.save_file({"U": U}, path)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from certify.base.errors import InputError, brief
from certify.base.npy import refuse_pickle

from ._base import Format, choose_name

KINDS = ("BOOL", "U8", "I8", "I16", "U16", "I32", "U32", "I64", "U64", "F16", "F32", "F64")


class Safetensors(Format):
    """Arrays with names; the library compares the sizes with the file before it reads."""

    keyed = True

    def read(self, path: Path, key: str | None) -> Any:
        """Return the array."""
        with opened(path) as file:
            name = choose_name(path, key, sorted(file.keys()))
            kind = file.get_slice(name).get_dtype()
            if kind not in KINDS:
                wanted = "real numbers of at most 64 bits that numpy knows"
                raise InputError(f"{path}:{name} must hold {wanted}, got dtype {kind}")
            return file.get_tensor(name)

    def names(self, path: Path) -> list[str]:
        """Return the names in the header."""
        with opened(path) as file:
            return list(file.keys())


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a file; raise InputError if it is not of this format."""
    with path.open("rb") as file:
        refuse_pickle(file.read(1), str(path))
    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except SafetensorError as error:
        raise InputError(f"{path} is not a safetensors file: {brief(error)}") from None
