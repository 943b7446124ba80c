"""Read a certificate file: safetensors, JSON, digests.  SPEC.md describes the format."""

import hashlib
import json
import math
import sys
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import SEEK_END
from pathlib import Path
from typing import Any, BinaryIO

from .arrays import Array
from .errors import RejectedError, demand
from .fields import Json, as_object
from .statement import known_format

MAX_HEADER = 1 << 30  # bytes of JSON; a longer header is refused before it is read
DTYPES = {"d": "F64", "f": "F32", "q": "I64", "l": "I64"}
CODES = {"F64": "d", "F32": "f", "I64": "q"}
ENTRY = {"dtype", "shape", "data_offsets"}  # the fields of an array in a file's header
PARTS = ("statement", "claim", "proof")
DEPTH = 100  # at most, of nested JSON: proofs of slices of slices are nested


@dataclass(frozen=True)
class File:
    """A certificate: the question's statement and arrays, the claim, the proof and its arrays."""

    statement: Json
    given: dict[str, Array]
    claim: Json
    proof: Json
    witness: dict[str, Array]


def dtype_of(a: Array) -> str:
    """Return the type of an array's numbers, as named in files."""
    code = memoryview(a.data).format
    demand(code in DTYPES, "array", "dtype", code)
    return DTYPES[str(code)]


def digest(a: Array) -> str:
    """Return the SHA-256 of an array's type, shape and little-endian bytes."""
    head = json.dumps([dtype_of(a), list(a.shape)]).encode()
    view = memoryview(a.data).cast("B")
    return hashlib.sha256(head + _little(view, a)).hexdigest()


def identity(a: Array) -> Json:
    """Return an array's entry in a statement: its type, shape and digest."""
    return {"dtype": dtype_of(a), "shape": list(a.shape), "sha256": digest(a)}


def _little(view: memoryview, a: Array) -> bytes | memoryview:
    if sys.byteorder == "little":
        return bytes(view)
    copy = array(memoryview(a.data).format, bytes(view))
    copy.byteswap()
    return copy.tobytes()


def seal(statement: Json, claim: Json, proof: Json, arrays: Mapping[str, Array]) -> str:
    """Return the digest of everything in a certificate."""
    head = json.dumps([statement, claim, proof], sort_keys=True)
    rest = "".join(f"{k}:{digest(arrays[k])};" for k in sorted(arrays))
    return hashlib.sha256(f"{head}|{rest}".encode()).hexdigest()


def unique(pairs: list[tuple[str, Any]]) -> Json:
    """Build a JSON object; reject a duplicate key."""
    out = dict(pairs)
    demand(len(out) == len(pairs), "file.header", "duplicate", [k for k, _ in pairs][:20])
    return out


def parse(text: bytes | str, where: str) -> Json:
    """Parse a JSON object in UTF-8; reject a byte order mark, floats, NaN and duplicate keys.

    The bytes are decoded here because json.loads would also accept UTF-16 and UTF-32.
    """
    try:
        content = text.decode("utf-8") if isinstance(text, bytes) else text
        out = json.loads(
            content, object_pairs_hook=unique, parse_constant=_no_constant, parse_float=_no_constant
        )
    except RejectedError:
        raise
    except (ValueError, RecursionError) as error:
        raise RejectedError(where, "json", str(error)[:80]) from None
    return as_object(out, where)


def _no_constant(name: str) -> float:
    raise RejectedError("file.header", "number", name)


def layout(header: Json, room: int) -> list[tuple[str, str, tuple[int, ...], int, int]]:
    """Return (name, typecode, shape, start, end) of each array; every byte must be used once."""
    out, position = [], 0
    for name, entry in sorted(header.items(), key=lambda kv: _start(kv[1])):
        where = f"file.{name!a}" if not name.isascii() else f"file.{name}"
        demand(name.isascii(), where, "name", ascii(name)[:80])
        demand(isinstance(entry, dict), where, "header", type(entry).__name__)
        demand(set(entry) <= ENTRY, where, "header", sorted(set(entry) - ENTRY))
        shape, span = entry.get("shape"), entry.get("data_offsets")
        dtype = entry.get("dtype")
        demand(isinstance(dtype, str) and dtype in CODES, where, "dtype", dtype)
        demand(_naturals(shape) and _naturals(span) and len(span) == 2, where, "shape", shape)
        demand(span[0] == position, where, "offsets", span)
        demand(span[1] <= room, where, "truncated", f"{span[1]} of {room} bytes")
        width = 4 if dtype == "F32" else 8
        demand(span[1] - span[0] == width * math.prod(shape), where, "shape", shape)
        position = span[1]
        out.append((name, CODES[entry["dtype"]], tuple(shape), span[0], span[1]))
    demand(position == room, "file", "trailing", f"{room - position} bytes")
    return out


def _start(entry: object) -> int:
    span = entry.get("data_offsets") if isinstance(entry, dict) else None
    return span[0] if _naturals(span) and span else 0


def _naturals(x: object) -> bool:
    return isinstance(x, list) and all(type(k) is int and 0 <= k < 1 << 62 for k in x)


def tensors(source: str | Path | BinaryIO) -> tuple[dict[str, Array], Json]:
    """Read a safetensors file: named arrays and metadata.  Sizes are checked before reading."""
    if isinstance(source, str | Path):
        path = Path(source)
        path.stat()
        regular = path.is_file() or path.is_dir()  # a folder is refused by `open`
        demand(regular, "file", "not a certificate", "not a regular file")
        with path.open("rb") as file:
            return tensors(file)
    size = source.seek(0, SEEK_END)
    source.seek(0)
    length = int.from_bytes(source.read(8), "little")
    fits = size >= 8 and 2 <= length <= min(size - 8, MAX_HEADER)
    demand(fits, "file", "not a certificate", f"{size} bytes, header of {length}")
    header = parse(source.read(length), "file.header")
    metadata = header.pop("__metadata__", {})
    demand(isinstance(metadata, dict), "file.header", "metadata", type(metadata).__name__)
    arrays = {}
    for name, code, shape, start, end in layout(header, size - 8 - length):
        data = array(code, source.read(end - start))
        if sys.byteorder == "big":
            data.byteswap()
        arrays[name] = Array(shape, data)
    return arrays, metadata


def read(source: str | Path | BinaryIO, known: Callable[[Json], None] = known_format) -> File:
    """Read a certificate, a path or an open file, whose digest matches its contents.

    known  rejects a statement whose format the caller does not read
    """
    arrays, metadata = tensors(source)
    demand("certify" in metadata, "file", "not a certificate", sorted(metadata))
    text = metadata["certify"]
    demand(isinstance(text, str), "file", "not a certificate", type(text).__name__)
    head = parse(text, "file.metadata")
    statement, claim, proof = (as_object(head.get(name), f"file.{name}") for name in PARTS)
    demand(depth_of(head) <= DEPTH, "file.metadata", "json", f"nested more than {DEPTH} deep")
    known(statement)
    demand(set(head) <= {*PARTS, "seal"}, "file.metadata", "fields", sorted(head))
    sealed = head.get("seal") == seal(statement, claim, proof, arrays)
    demand(sealed, "file", "digest", "the contents do not match their digest")
    given = {k[9:]: a for k, a in arrays.items() if k.startswith("question.")}
    witness = {k[6:]: a for k, a in arrays.items() if k.startswith("proof.")}
    demand(len(given) + len(witness) == len(arrays), "file", "unknown", "an array of neither part")
    return File(statement, given, claim, proof, witness)


def depth_of(x: object) -> int:
    """Return the depth of nested lists and objects."""
    depth, level = 0, [x]
    while level:
        depth += 1
        inner = [[*y.values()] if isinstance(y, dict) else y for y in level]
        level = [z for y in inner if isinstance(y, list) for z in y]
    return depth


def question_arrays(path: str | Path) -> dict[str, Array]:
    """Read the reader's arrays; each is named NAME or question.NAME, not both."""
    out: dict[str, Array] = {}
    for name, a in tensors(path)[0].items():
        bare = name.removeprefix("question.")
        demand(bare not in out, f"question.{bare}", "duplicate", f"{bare} and question.{bare}")
        out[bare] = a
    return out
