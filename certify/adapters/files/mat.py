"""MATLAB files up to -v7: real numeric arrays with names, dense or sparse."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from certify.base.arrays import real
from certify.base.errors import InputError
from certify.base.npy import refuse_pickle

from ._base import Format, checked, choose_name

HEAD = 128  # bytes before the first element; the last four are the version and the byte order
COMPRESSED, MATRIX = 15, 14  # types of elements
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8"} | {
    12: "i8",
    13: "u8",
}
SPARSE, DENSE = 5, range(6, 16)  # classes of arrays that are read: double, single, integers
COMPLEX = 0x0800  # a flag of an array
EXPANSION = 1032  # deflate expands one byte to at most this many
KINDS = {1: "a cell array", 2: "a struct", 3: "an object", 4: "text"}


@dataclass(frozen=True)
class MatArray:
    """An array in the file: its name, class, shape, and the data after them."""

    name: str
    kind: int
    shape: tuple[int, ...]
    parts: list[bytes]
    types: list[int]


class Mat(Format):
    """Arrays with names; a sparse matrix lists its observed entries.

    The layout is parsed here: every size is compared with the bytes of the file, only numbers are
    read, and no function handle or object is created.
    """

    keyed = True

    def read(self, path: Path, key: str | None) -> Any:
        """Return the array of that name, or the only one."""
        blob = path.read_bytes()
        refuse_pickle(blob[:1], str(path))
        entries = {x.name: x for x in arrays(blob, path)}
        entry = entries[choose_name(path, key, list(entries))]
        where = f"{path}:{entry.name}"
        if entry.kind in KINDS:
            raise InputError(f"{where} is {KINDS[entry.kind]}, not an array of numbers")
        try:
            return values(entry, where)
        except InputError:
            raise
        except (ValueError, LookupError, TypeError) as error:
            raise InputError(f"{where} is damaged: {error}") from None

    def names(self, path: Path) -> list[str]:
        """Return the names of the numeric arrays."""
        return [x.name for x in arrays(path.read_bytes(), path) if x.kind not in KINDS]


def arrays(blob: bytes, path: Path) -> Iterator[MatArray]:
    """Yield the arrays of a file.

    Raises InputError for other files, those of -v7.3 (HDF5) and damaged ones.
    """
    if blob[:8] == b"\x89HDF\r\n\x1a\n" or b"MATLAB 7.3" in blob[:HEAD]:
        raise InputError(f'{path} is of MATLAB 7.3 (HDF5), which is not read: save(..., "-v7")')
    if len(blob) < HEAD or blob[126:128] not in (b"IM", b"MI"):
        raise InputError(f"{path} is not a MATLAB file (of -v6 or -v7)")
    order = "<" if blob[126:128] == b"IM" else ">"
    try:
        for kind, body in elements(blob[HEAD:], order):
            packed = kind == COMPRESSED
            inner = elements(inflate(body, len(blob)), order) if packed else [(kind, body)]
            for k, x in inner:
                if k == MATRIX:
                    yield array(x, order)
    except (struct.error, zlib.error, ValueError, IndexError) as error:
        raise InputError(f"{path} is damaged: {error}") from None


def inflate(body: bytes, size: int) -> bytes:
    """Return decompressed data, no more than a file of that size can contain."""
    stream = zlib.decompressobj()
    out = stream.decompress(body, EXPANSION * (size + 1))
    if not stream.eof:
        raise ValueError("a compressed array ends too early")
    return out


def elements(blob: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Yield (type, bytes) of each element; the bytes of short ones are in their tag."""
    at = 0
    while at + 8 <= len(blob):
        kind, size = struct.unpack_from(f"{order}II", blob, at)
        if kind >> 16:  # a short element: its size in the upper half
            kind, size = kind & 0xFFFF, kind >> 16
            if size > 4:  # noqa: PLR2004  bytes of a short element
                raise ValueError(f"a short element claims {size} bytes")
            yield kind, blob[at + 4 : at + 4 + size]
            at += 8
            continue
        if size > len(blob) - at - 8:
            raise ValueError(f"an element claims {size} bytes, and {len(blob) - at - 8} follow")
        yield kind, blob[at + 8 : at + 8 + size]
        at += 8 + size + (-size % 8 if kind != COMPRESSED else 0)


def array(body: bytes, order: str) -> MatArray:
    """Return an array: its flags, shape and name, and the elements after them."""
    (_, flags), (_, dims), (_, name), *rest = elements(body, order)
    word = struct.unpack_from(f"{order}I", flags)[0]
    shape = tuple(np.frombuffer(dims, f"{order}i4").tolist())
    kind = word & 0xFF
    if kind in DENSE or kind == SPARSE:
        if min(shape, default=0) < 0 or word & COMPLEX:
            what = "complex" if word & COMPLEX else f"of shape {shape}"
            raise ValueError(f"{name.decode('ascii', 'replace')} is {what}")
    else:
        kind = kind if kind in KINDS else 3
    parts, types = [x for _, x in rest], [k for k, _ in rest]
    wide = [f"{order}{NUMBERS.get(k, 'u1')}" for k in types]
    blobs = [np.frombuffer(x, w).astype(w[1:]).tobytes() for x, w in zip(parts, wide, strict=True)]
    return MatArray(name.decode("ascii", "replace"), kind, shape, blobs, types)


def values(entry: MatArray, where: str) -> Any:
    """Return the numbers of an array."""
    columns = [np.frombuffer(x, NUMBERS[k]) for x, k in zip(entry.parts, entry.types, strict=True)]
    if entry.kind != SPARSE:
        (data,) = columns
        if prod(entry.shape) != len(data):
            claim = (
                f"its shape {entry.shape} has {prod(entry.shape)} numbers, and {len(data)} follow"
            )
            raise InputError(f"{where} is damaged: {claim}")
        return real(data.reshape(entry.shape, order="F"), where)
    rows, starts, data = columns
    count = int(starts[-1]) if len(starts) else 0
    if len(starts) != entry.shape[1] + 1 or not 0 <= count <= min(len(rows), len(data)):
        raise InputError(f"{where} is damaged: its columns do not fit its entries")
    out = sparse.csc_array((real(data[:count], where), rows[:count], starts), shape=entry.shape)
    return checked(out)
