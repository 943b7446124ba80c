"""A file from which a long check() is resumed: the dual point, the best factors, and trees."""

import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from certify.base.checkpoint import Arrays, Checkpoint
from certify.base.errors import MALFORMED, InputError, OutOfScopeError, accessing
from certify.base.files import demand_regular
from certify.base.npz import member, opened
from certify.kernel.errors import RejectedError

from .certificate.file import write_atomically

FORMAT = 4
LEFT_OUT = ("rtol", "atol")  # of the question: a proof may be resumed with another epsilon


def open_checkpoint(path: str | Path, statement: dict[str, Any]) -> Checkpoint:
    """Return a checkpoint that writes to a file, filled from the file if it exists.

    Raises InputError for a file that is no checkpoint, or a checkpoint of another question.
    """
    file, mark = Path(path), question_of(statement)

    def write(text: Any, arrays: Arrays) -> None:  # noqa: ANN401  JSON
        """Write a new file beside the old one, and rename it."""
        head = json.dumps({"format": FORMAT, "question": mark, "kept": text}, sort_keys=True)
        blob = io.BytesIO()
        np.savez(blob, allow_pickle=False, head=np.array(head), **arrays)
        write_atomically(file, blob.getvalue())

    checkpoint = Checkpoint(write)
    if not file.exists():
        return checkpoint
    head, arrays = read(file)
    if head["question"] != mark:
        raise InputError(f"{file} is a checkpoint of another problem, candidate or lam")
    try:
        checkpoint.fill(head["kept"], arrays)
        checkpoint.size = file.stat().st_size
    except MALFORMED as error:
        raise InputError(f"{file} is not a checkpoint of this version: {error}") from None
    return checkpoint


@contextmanager
def resuming(checkpoint: Checkpoint, path: str | Path | None) -> Iterator[None]:
    """Replace an error of values that were read from a file, and that no run writes.

    The values are not trusted, but a search cannot look at each before it goes on from them.

    Raises InputError, with the cause.
    """
    try:
        yield
    except (RejectedError, InputError, OutOfScopeError):
        raise
    except (*MALFORMED, MemoryError) as error:
        if not checkpoint.size:
            raise
        cause = f"{type(error).__name__}: {error}"
        cure = "name a new file; if that fails too, it is a defect of certify"
        raise InputError(f"{path} is damaged: to go on from it ends in {cause}; {cure}") from error


def read(file: Path) -> tuple[dict[str, Any], Arrays]:
    """Return the head and the arrays of a checkpoint."""
    demand_regular(file)
    try:
        with accessing(file, "read"), opened(file) as archive:
            names = [n.removesuffix(".npy") for n in archive.namelist()]
            arrays = {k: member(file, archive, k) for k in names}
        head = json.loads(str(arrays.pop("head")))
        known = isinstance(head, dict) and head.get("format") == FORMAT and "question" in head
    except MALFORMED:
        cure = "name one that an earlier run wrote, or a file that does not exist yet"
        raise InputError(f"{file} is not a checkpoint, or is damaged: {cure}") from None
    if not known:
        raise InputError(f"{file} is not a checkpoint of format {FORMAT}")
    return head, arrays


def question_of(statement: dict[str, Any]) -> str:
    """Return a digest of the question without its epsilon."""
    fields = {k: v for k, v in statement.items() if k not in LEFT_OUT}
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
