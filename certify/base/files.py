"""Files of other people: only regular ones are opened, in a folder only what is inside it."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from .errors import InputError, accessing

# O_NONBLOCK: a FIFO without a writer is opened at once; Windows has neither of them
FLAGS = os.O_RDONLY | sum(getattr(os, f"O_{k}", 0) for k in ("NONBLOCK", "NOFOLLOW", "BINARY"))
STREAMS = (stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK)


def demand_regular(path: Path) -> None:
    """Raise InputError for a pipe, a socket or a device, which may never end or answer."""
    if is_stream(path):
        raise InputError(f"cannot read {path}: it is a stream, and must be a regular file")


def is_stream(path: Path) -> bool:
    """Whether there is something that is neither a regular file nor a folder."""
    try:
        return stat.S_IFMT(path.stat().st_mode) in STREAMS
    except (OSError, ValueError):  # who opens it says why
        return False


def member(folder: Path, name: str) -> Path:
    """Return the path of a file of a folder, without links; the file need not exist.

    Raises InputError for a name or a link that leads out of the folder, and for a stream.
    """
    path = folder / name
    try:
        inside, real = folder.resolve(), path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a NUL
        raise InputError(f"cannot open {path}: {error}") from None
    if not real.is_relative_to(inside):
        raise InputError(f"{path} leads out of the folder, to {real}")
    if is_stream(real):
        raise InputError(f"{path} is not a regular file")
    return real


@contextmanager
def open_member(folder: Path, name: str, most: int) -> Iterator[BufferedReader]:
    """Open a regular file of a folder for reading; nothing outside of the folder is opened.

    most  the largest size in bytes

    Raises InputError as `member`, for a larger file, and for one that cannot be read.
    """
    real = member(folder, name)
    with accessing(folder / name, "read"), open(real, "rb", opener=open_at_once) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise InputError(f"{folder / name} is not a regular file")
        if found.st_size > most:
            size = f"{found.st_size:,} bytes, and at most {most:,} are read"
            raise InputError(f"{folder / name} is too large: {size}")
        yield file


def open_at_once(path: str, _flags: int) -> int:
    """Open for reading without waiting for a writer, and without following a link."""
    return os.open(path, FLAGS)


def read_member(folder: Path, name: str, most: int) -> bytes:
    """Return the bytes of a regular file of a folder; raises InputError as `open_member`."""
    with open_member(folder, name, most) as file:
        return file.read(most)
