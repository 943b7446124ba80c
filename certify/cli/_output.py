"""Write files for the commands: never over an input, and atomically."""

import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from certify.base.arrays import Array
from certify.base.errors import InputError
from certify.pipeline.certificate.file import Certificate, as_numpy, write_atomically

from ._show import OutputFile


def guard(outputs: Iterable[Path | None], inputs: Iterable[Path]) -> None:
    """Refuse outputs that cannot be written or would overwrite an input, before any work.

    Raises InputError for a missing folder, a target that is not a regular file (a device, a
    folder) or is an input of this command, or the same target for two outputs.
    """
    taken = {os.path.realpath(path): "an input" for path in inputs}
    for path in outputs:
        if path is None:
            continue
        if not path.parent.is_dir():
            raise InputError(f"cannot write {path}: there is no folder {path.parent}")
        if os.path.lexists(path) and not path.is_file():
            raise InputError(f"cannot write {path}: it is not a regular file")
        real = os.path.realpath(path)
        if role := taken.get(real) or same_file(path, taken):
            raise InputError(f"cannot write {path}: it is {role} of this command")
        taken[real] = "another output"


def same_file(path: Path, taken: Mapping[str, str]) -> str:
    """Return the role of a file that is the same under another name (a hard link), or ""."""
    if not path.exists():
        return ""
    roles = (role for p, role in taken.items() if Path(p).exists() and path.samefile(p))
    return next(roles, "")


def save_certificate(
    certificate: Certificate | None, path: Path | None, name: str = "certificate"
) -> dict[str, OutputFile | None]:
    """Write a certificate if a path is given; return the file under a name, None if not written."""
    if path is None:
        return {}
    size = 0 if certificate is None else certificate.save(os.path.realpath(path))
    return {name: OutputFile(path, size) if size else None}


def save_arrays(arrays: Mapping[str, Any], path: Path) -> OutputFile | None:
    """Write named arrays as .npz, unless there are none."""
    if not arrays:
        return None
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    blob = buffer.getvalue()
    write_atomically(Path(os.path.realpath(path)), blob)
    return OutputFile(path, len(blob))


def save_array(array: Array, path: Path) -> None:
    """Write one array as .npy."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    write_atomically(Path(os.path.realpath(path)), buffer.getvalue())


def better_arrays(certificate: Certificate | None) -> dict[str, Any]:
    """Return the better factors (U, V) and offset values (q0, ...) in a certificate, if any."""
    if certificate is None or certificate.better() is None:
        return {}
    items = certificate.witness.items()
    return {k.removeprefix("better."): as_numpy(a) for k, a in items if k.startswith("better.")}
