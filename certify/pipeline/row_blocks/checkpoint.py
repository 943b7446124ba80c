"""Factors of blocks of rows as files, which the workers write: a fit, and what resumes a search."""

import json
import shutil
from io import BytesIO
from operator import attrgetter
from pathlib import Path
from time import monotonic

import numpy as np

from certify.base.arrays import Array, short
from certify.base.checkpoint import EVERY
from certify.base.cluster import PLACE, Task
from certify.base.errors import InputError, accessing
from certify.pipeline import checkpoint_file
from certify.pipeline.certificate.file import write_atomically

from .question import Factors, RowBlocks, accept_factor, identities, read_blocks, state
from .sources import accept_folder

HEAD = "checkpoint.json"


def save(U: list[Task], V: Array, folder: Path) -> list[Task]:
    """Return the names of the files that the workers have written U to."""
    place = PLACE.get()
    make_folder(folder, "folder")
    names = [str(folder / f"U{k}.npy") for k in range(len(U))]
    place.values([place.run(write, *pair) for pair in zip(names, U, strict=True)])
    write(str(folder / "V.npy"), V)
    return names


def make_folder(given: object, name: str) -> Path:
    """Return the absolute path of a folder, which is made if there is none yet.

    name  the argument's

    Raises InputError where it is not the name of a folder, or cannot be made.
    """
    folder = accept_folder(given, name).absolute()
    with accessing(folder, "write"):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def write(name: str, array: Array) -> None:
    """Write a file .npy, which appears when it is whole."""
    blob = BytesIO()
    np.save(blob, array)
    write_atomically(Path(name), blob.getvalue())


class Checkpoint:
    """A folder that holds the best factors of a search, each time in a folder of their own.

    What was written last, and of which question, is in one file, so that there is always a whole
    fit: `question`, a digest, and `at`, the name of its folder.
    """

    def __init__(self, folder: Path, table: RowBlocks) -> None:
        self.folder, self.table = folder, table
        self.question, self.at = "", 0
        self.last = monotonic()

    def recall(self, factors: Factors | None) -> Factors | None:
        """Return the factors that are kept; if there are none, those that are given."""
        head = self.folder / HEAD
        if not head.exists():
            return factors
        self.at, question = read_head(head)
        fit = self.folder / str(self.at)
        names = [str(fit / f"U{k}.npy") for k in range(len(self.table.blocks))]
        kept = names, str(fit / "V.npy")
        V = accept_factor(kept[1], self.table.columns)
        blocks = read_blocks(self.table, names, V.shape[1])
        self.question = question_of(self.table, blocks)
        if question != self.question:
            raise InputError(
                f"{self.folder} is a checkpoint of another table, lam, norms or offsets"
            )
        return kept

    def keep(self, blocks: list[Task], V: Array, *, now: bool = False) -> None:
        """Write the factors of blocks and V, if it is time, and remove the ones before."""
        if not now and monotonic() - self.last < EVERY:
            return
        self.question = self.question or question_of(self.table, blocks)
        before, self.at = self.folder / str(self.at), self.at + 1
        U = [PLACE.get().run(attrgetter("U"), block) for block in blocks]
        save(U, V, self.folder / str(self.at))
        head = json.dumps({"at": self.at, "question": self.question})
        write_atomically(self.folder / HEAD, head.encode())
        shutil.rmtree(before, ignore_errors=True)
        self.last = monotonic()


def read_head(file: Path) -> tuple[int, str]:
    """Return the name of the folder that was written last, and the question.

    Raises InputError where the file does not hold them.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{file} is not a checkpoint of blocks of rows: {error}") from None
    keys = {"at": int, "question": str}
    if not isinstance(found, dict) or {k: type(x) for k, x in found.items()} != keys:
        raise InputError(f"{file} is not a checkpoint of blocks of rows: it holds {short(found)}")
    return found["at"], found["question"]


def question_of(table: RowBlocks, blocks: list[Task]) -> str:
    """Return a digest of what is asked, whatever the factors are."""
    place = PLACE.get()
    stated = place.values([place.run(identities, x, table.given_weights) for x in blocks])
    data = [{k: x for k, x in one.items() if k != "U"} for one in stated]
    no_factors = np.zeros((table.columns, 0))
    statement = state(table, stated, no_factors, 0.0, 0.0).statement
    return checkpoint_file.question_of(statement | {"blocks": data})
