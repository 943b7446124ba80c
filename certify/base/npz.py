"""Read arrays of an .npz archive; sizes are compared with the file before anything is allocated."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy.typing as npt

from .errors import InputError, brief
from .npy import MAGIC, read_array, refuse_pickle

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
EXPANSION = 1032  # deflate expands one byte to at most this many


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive; raise InputError if the file, or what the body reads of it, is none."""
    with path.open("rb") as file:
        head = file.read(len(MAGIC))
    refuse_pickle(head, str(path))
    if head == MAGIC:
        raise InputError(f"{path} is not a readable .npz file: it is one array, not an archive")
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(f"{path} is not a readable .npz file: {brief(error)}") from None


def member(path: Path, archive: zipfile.ZipFile, name: str) -> npt.NDArray[Any]:
    """Return one array; the sizes in the directory are checked before it is decompressed."""
    entry = f"{name}.npy" if f"{name}.npy" in archive.namelist() else name
    info = archive.getinfo(entry)
    if info.compress_type not in METHODS or info.flag_bits & 1:
        raise InputError(f"{path}:{name} is encrypted or compressed by an unknown method")
    packed = info.compress_size
    if packed > path.stat().st_size or info.file_size > EXPANSION * (packed + 1):
        claim = f"{info.file_size} bytes out of {packed}"
        raise InputError(f"{path}:{name} is damaged: its directory claims {claim}")
    with archive.open(info) as stream:
        return read_array(stream, info.file_size, f"{path}:{name}")
