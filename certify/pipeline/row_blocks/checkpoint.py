"""Files of factors that the workers write: a fit, or a checkpoint to resume a search from."""

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
    """Let the workers write U, write V, and return the names of the files of U."""
    place = PLACE.get()
    make_folder(folder, "folder")
    names = [str(folder / f"U{k}.npy") for k in range(len(U))]
    place.values([place.run(write, *pair) for pair in zip(names, U, strict=True)])
    write(str(folder / "V.npy"), V)
    return names


def make_folder(given: object, name: str) -> Path:
    """Make a folder if it does not exist, and return its absolute path.

    name  the name of the argument

    Raises InputError if it is not the name of a folder, or cannot be made.
    """
    folder = accept_folder(given, name).absolute()
    with accessing(folder, "write"):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def write(name: str, array: Array) -> None:
    """Write a file .npy, which appears when it is complete."""
    blob = BytesIO()
    np.save(blob, array)
    write_atomically(Path(name), blob.getvalue())


class CheckpointFolder:
    """A folder with the best factors of a search; each write makes a new folder inside it.

    One file names the last one: `question`, a digest, and `at`, the name of the folder.  So there
    is always a complete fit.
    """

    def __init__(self, folder: Path, table: RowBlocks) -> None:
        self.folder, self.table = folder, table
        self.question, self.at = "", 0
        self.last = monotonic()

    def recall(self, factors: Factors | None) -> Factors | None:
        """Return the saved factors; if there are none, the given ones."""
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
            other = "another table, lam, norms or offsets"
            raise InputError(f"{self.folder} is a checkpoint of {other}")
        return kept

    def keep(self, blocks: list[Task], V: Array, *, now: bool = False) -> None:
        """Write the factors of blocks and V, if it is time, and remove the last ones."""
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
    """Return the name of the last folder, and the question; raise InputError for a wrong file."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{file} is not a checkpoint of blocks of rows: {error}") from None
    keys = {"at": int, "question": str}
    if not isinstance(found, dict) or {k: type(x) for k, x in found.items()} != keys:
        raise InputError(f"{file} is not a checkpoint of blocks of rows: it holds {short(found)}")
    return found["at"], found["question"]


def question_of(table: RowBlocks, blocks: list[Task]) -> str:
    """Return a digest of the question without its factors."""
    place = PLACE.get()
    stated = place.values([place.run(identities, x, table.given_weights) for x in blocks])
    data = [{k: x for k, x in one.items() if k != "U"} for one in stated]
    no_factors = np.zeros((table.columns, 0))
    statement = state(table, stated, no_factors, 0.0, 0.0).statement
    return checkpoint_file.question_of(statement | {"blocks": data})
