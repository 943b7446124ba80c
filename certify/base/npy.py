"""Read one array in numpy's .npy layout from a stream of known size, without pickle."""

import ast
import math
import re
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from .errors import InputError

PICKLE = b"\x80"  # the first byte of every pickle of protocol 2 and later
MAGIC, ZIP = b"\x93NUMPY", b"PK\3\4"
LENGTHS = {1: 2, 2: 4}  # bytes of the header's length, by the version of the layout
LONGEST = 10_000  # bytes of a header; numpy writes about a hundred
PLAIN = re.compile(r"[<>|=](b1|[iu][1248]|f[248]|[SU]\d{1,9})")
KEYS = {"descr", "fortran_order", "shape"}


def read_array(stream: IO[bytes], size: int, name: str) -> npt.NDArray[Any]:
    """Read the array that fills a stream of `size` bytes exactly.

    Raises InputError for what is not a .npy array, for dtypes other than real numbers,
    booleans and text, and for a header that claims more or fewer bytes than there are.
    """
    header, used = read_header(stream, name)
    kind, shape = dtype(header["descr"], name), header["shape"]
    wanted, there = math.prod(shape) * kind.itemsize, size - used
    if wanted != there:
        claim = f"its header claims {math.prod(shape)} elements of {kind}, {wanted} bytes"
        raise InputError(f"{name} is damaged: {claim}, and {there} follow")
    blob = stream.read(wanted)
    if len(blob) != wanted:
        raise InputError(f"{name} is damaged: it ends after {len(blob)} of {wanted} bytes")
    if kind.kind == "b" and blob.translate(None, b"\0\1"):
        raise InputError(f"{name} is damaged: a boolean is {max(blob)}, neither 0 nor 1")
    flat = np.frombuffer(blob, kind) if blob else np.zeros(0, kind)
    try:
        return np.asarray(flat.reshape(shape, order="F" if header["fortran_order"] else "C"))
    except ValueError as error:
        raise InputError(f"{name} has the impossible shape {shape}: {error}") from None


def read_header(stream: IO[bytes], name: str) -> tuple[dict[str, Any], int]:
    """Return the header, a literal dict, and the number of bytes before the data."""
    head = stream.read(8)
    refuse_pickle(head, name)
    if head.startswith(ZIP):
        raise InputError(f"{name} is not a .npy array: it is an archive, not one array")
    if head[:6] != MAGIC or len(head) < len(MAGIC) + 2:
        raise InputError(f"{name} is not a .npy array: it starts with {head!r}")
    if head[6] not in LENGTHS:
        raise InputError(f"{name} has .npy version {head[6]}.{head[7]}; 1.0 and 2.0 are read")
    width = LENGTHS[head[6]]
    length = int.from_bytes(stream.read(width), "little")
    if length > LONGEST:
        raise InputError(f"{name} is damaged: its header claims {length} bytes")
    text = stream.read(length)
    if len(text) != length or not fits(header := literal(text)):
        raise InputError(f"{name} is damaged: its header is {text[:80]!r}")
    return header, 8 + width + length


def literal(text: bytes) -> Any:  # noqa: ANN401  a literal
    """Return the Python literal in a header, or None."""
    try:
        return ast.literal_eval(text.decode("ascii").strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def fits(header: object) -> bool:
    """Whether this is a header: a dict with descr, fortran_order and a shape of integers >= 0."""
    if not isinstance(header, dict) or header.keys() != KEYS:
        return False
    shape, order = header["shape"], header["fortran_order"]
    naturals = isinstance(shape, tuple) and all(type(k) is int and k >= 0 for k in shape)
    return naturals and isinstance(order, bool)


def dtype(descr: object, name: str) -> np.dtype[Any]:
    """Return the dtype; raise InputError for Python objects and other dtypes than PLAIN."""
    if descr == "|O":
        wanted = "which only pickle can load: save an array of numbers"
        raise InputError(f"{name} holds Python objects (dtype object), {wanted}")
    if not isinstance(descr, str) or not PLAIN.fullmatch(descr):
        wanted = "real numbers of at most 64 bits"
        raise InputError(f"{name} must hold {wanted}, got dtype {str(descr)[:60]!r}")
    try:
        return np.dtype(descr)
    except (TypeError, ValueError):
        raise InputError(f"{name} has the impossible dtype {descr}") from None


def refuse_pickle(head: bytes, name: str) -> None:
    """Raise InputError for the first bytes of a pickle."""
    if head.startswith(PICKLE):
        raise InputError(f"{name} is a pickle, which is never loaded: save it with numpy.save")
