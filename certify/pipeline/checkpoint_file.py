"""A file from which a long check() is resumed: the dual point, the best factors, and trees."""

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from certify.base.checkpoint import Arrays, Checkpoint
from certify.base.errors import InputError, accessing
from certify.base.files import demand_regular

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
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file} is not a checkpoint of this version: {error}") from None
    return checkpoint


def read(file: Path) -> tuple[dict[str, Any], Arrays]:
    """Return the head and the arrays of a checkpoint."""
    demand_regular(file)
    with accessing(file, "read"):
        blob = file.read_bytes()
    try:
        with np.load(io.BytesIO(blob), allow_pickle=False) as stored:
            arrays = {k: stored[k] for k in stored.files}
        head = json.loads(str(arrays.pop("head")))
        known = isinstance(head, dict) and head.get("format") == FORMAT and "question" in head
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile):
        cure = "name one that an earlier run wrote, or a file that does not exist yet"
        raise InputError(f"{file} is not a checkpoint, or is damaged: {cure}") from None
    if not known:
        raise InputError(f"{file} is not a checkpoint of format {FORMAT}")
    return head, arrays


def question_of(statement: dict[str, Any]) -> str:
    """Return a digest of the question without its epsilon."""
    fields = {k: v for k, v in statement.items() if k not in LEFT_OUT}
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
