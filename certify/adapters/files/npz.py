"""Named arrays in a zip file: numpy.savez(path, Y=Y), or scipy.sparse.save_npz(path, Y)."""

import zipfile
from pathlib import Path
from typing import Any

from scipy import sparse

from certify.base.errors import InputError, brief
from certify.base.npz import member, opened

from ._base import Format, checked, choose_name

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
            checked(out)
    except (ValueError, TypeError) as error:
        raise InputError(f"{path} is not a sparse matrix: {brief(error)}") from None
    return out
