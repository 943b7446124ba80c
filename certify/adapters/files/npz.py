"""Named arrays in a zip file: numpy.savez(path, Y=Y), or scipy.sparse.save_npz(path, Y)."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scipy import sparse

from certify.base.errors import InputError

from ._base import Format, brief, choose_name, refuse_pickle
from ._stream import read_array

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
EXPANSION = 1032  # deflate expands one byte to at most this many
COMPRESSED = ("csr", "csc")
LAYOUTS = {"csr": sparse.csr_array, "csc": sparse.csc_array, "coo": sparse.coo_array}


class Npz(Format):
    """Arrays with names; a matrix of scipy.sparse.save_npz lists its observed entries."""

    keyed = True

    def read(self, path: Path, key: str | None) -> Any:
        """Return the array; without a name, the sparse matrix if the file is one."""
        with opened(path) as archive:
            names = [n.removesuffix(".npy") for n in archive.namelist()]
            if key is None and {"format", "shape", "data"} <= set(names):
                return listed_entries(path, archive, set(names))
            return member(path, archive, choose_name(path, key, names))

    def names(self, path: Path) -> list[str]:
        """Return the names of the members that are arrays."""
        with opened(path) as archive:
            return [n.removesuffix(".npy") for n in archive.namelist() if n.endswith(".npy")]


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive; raise InputError if the file, or what the body reads of it, is none."""
    with path.open("rb") as file:
        refuse_pickle(file.read(1), str(path))
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(f"{path} is not a readable .npz file: {brief(error)}") from None


def member(path: Path, archive: zipfile.ZipFile, name: str) -> Any:
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


def listed_entries(path: Path, archive: zipfile.ZipFile, names: set[str]) -> Any:
    """Return the sparse matrix; raise InputError for indices outside of it."""
    layout = str(member(path, archive, "format").astype(str))
    if layout not in LAYOUTS:
        known = ", ".join(LAYOUTS)
        raise InputError(f"{path} is a sparse matrix of layout {layout!r}; {known} are read")
    wanted = ["data", *(("indices", "indptr") if layout in COMPRESSED else ("row", "col"))]
    if missing := [k for k in wanted if k not in names]:
        raise InputError(f"{path} is not a sparse matrix: it has no array {missing[0]!r}")
    data, *index = (member(path, archive, k) for k in wanted)
    parts = (data, tuple(index)) if layout == "coo" else (data, *index)
    try:
        out = LAYOUTS[layout](parts, shape=tuple(member(path, archive, "shape").tolist()))
        if layout in COMPRESSED:
            out.check_format(full_check=True)
    except (ValueError, TypeError) as error:
        raise InputError(f"{path} is not a sparse matrix: {brief(error)}") from None
    return out
