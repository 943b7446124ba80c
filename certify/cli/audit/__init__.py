"""Audits: many models, one table, one exit status, and a folder that others can verify."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from certify.base.errors import MALFORMED
from certify.pipeline.certificate.verdict import REJECTED_EXIT
from certify.pipeline.report import FLOATS, environment

from . import _again as again
from . import _book as book
from ._book import Row, above, epsilon_text
from ._job import derived
from ._plan import Job, Model, plan, settings_of, source_of
from ._pool import as_answered, as_finished, workers

Recheck = tuple[dict[str, Any], Model]  # a model in the lock, and in the plan

NOT_VERIFIED = (
    "not verified: models without a certificate; what a search said (reason), took (seconds) and "
    "was trained for (training, multiple, constant); keys and versions of libraries; in reports "
    f"{FLOATS}; other files"
)

__all__ = [
    "NOT_VERIFIED",
    "Audit",
    "Job",
    "Progress",
    "above",
    "epsilon_text",
    "plan",
    "run",
    "verify",
]


@dataclass(frozen=True)
class Progress:
    """The progress of an audit: models done of all, the last row, estimated seconds left."""

    done: int
    total: int
    row: Row
    left: float


@dataclass(frozen=True)
class Audit:
    """The rows of an audit in the order of its plan, and the worst exit status."""

    folder: Path
    rows: list[Row]

    @property
    def status(self) -> int:
        """The worst of the rows' exit statuses, 0 if all are CERTIFIED."""
        return book.worst(self.rows)

    @property
    def pages(self) -> list[Row]:
        """The rows of pages and tables that `verify` found changed."""
        return [row for row in self.rows if "page" in row]


def run(
    path: str | Path,
    folder: str | Path,
    *,
    executor: Executor | str | None = None,
    jobs: int = 2,
    progress: Callable[[Progress], None] | None = None,
) -> Audit:
    """Judge every model of an audit.toml, and leave the results in a folder.

    executor  any concurrent.futures.Executor, or the address of a Dask scheduler; by default
              `jobs` processes here
    progress  called after each model

    Every model has a process of its own.  A crash or a time-out is a row, and child processes end
    with it.  A model that an earlier run in the same folder finished is not searched again if its
    inputs, settings and versions are the same to the last bit, so an interrupted audit can
    continue.  Stored rows are not trusted: the certificate is verified, and its question is
    compared with the model's file (except for a fit, which is not run again).  The folder contains
    index.html, results.jsonl, certificates/, reports/, audit.toml, audit.lock.

    Raises InputError for a plan that is wrong, or a folder that cannot be written.
    """
    environment()  # fails without the libraries for reports, before any work
    notify = progress or (lambda _at: None)
    every = plan(Path(path))
    place = book.make_folders(Path(folder), Path(path))
    rows: dict[str, Row] = {}
    for job in every:
        if (row := again.earlier_row(place, job)) is not None:
            rows[job.name] = row
            notify(Progress(len(rows), len(every), row, 0.0))
    todo, start, fresh = [j for j in every if j.name not in rows], monotonic(), 0
    if todo:
        with open_pool(jobs, executor) as pool, closing(as_finished(todo, pool)) as ended:
            for job, done in ended:
                rows[job.name], fresh = book.store_row(place, job, done), fresh + 1
                book.write_pages(place, in_order(every, rows))
                left = (monotonic() - start) / fresh * (len(todo) - fresh)
                notify(Progress(len(rows), len(every), rows[job.name], left))
    results = in_order(every, rows)
    book.write_pages(place, results)
    book.write_lock(place, Path(path), every, results)
    return Audit(place, results)


def in_order(every: list[Job], rows: dict[str, Row]) -> list[Row]:
    """Return the rows that exist in the order of the plan."""
    return [rows[j.name] for j in every if j.name in rows]


def verify(
    folder: str | Path,
    *,
    inputs: str | Path | None = None,
    executor: Executor | str | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Audit:
    """Verify every certificate in an audit's folder, without a search.

    Each must be the file in the lock, have the lock's epsilon, and prove the lock's verdict from
    its own arrays.  All that the lock says of a model must follow from its certificates, and
    index.html, results.jsonl and the reports must be what is written of that here.  NOT_VERIFIED
    names what cannot be derived, and `not_verified` in a row its fields.  The models and their
    epsilon must be those of the folder's audit.toml.

    inputs  a folder with the models' own files.  Their digests must be those of the lock, and
            the question and epsilon of a problem or a certificate those of its file; the folder
            must contain the plan of the audit under its name in the lock.  Fits are not run, so
            the problem that a fit returns is not compared.

    A row whose certificate fails is REJECTED with the reason.  A row without a certificate keeps
    its verdict, which must be one that needs no proof.  A page or a table that somebody has edited
    gets a REJECTED row.

    Raises InputError if the lock or the plan is missing or not in the form that `run` writes.
    """
    notify = progress or (lambda _at: None)
    place = Path(folder).absolute()
    lock = book.lock_of(place)
    given = None if inputs is None else Path(inputs).absolute()
    todo = list(zip(lock["models"], book.plan_models(place, lock, given), strict=True))
    rows: dict[int, Row] = {}
    edited: list[Row] = []
    start, work = monotonic(), partial(recheck_model, place, given)
    with rowwise(todo, executor, work) as answers:
        for k, row in answers:
            edited += row.pop("pages", [])
            rows[k] = {"name": todo[k][0]["name"]} | row
            left = (monotonic() - start) / len(rows) * (len(todo) - len(rows))
            notify(Progress(len(rows), len(todo), rows[k], left))
    edited += [row_of_page(*page) for page in book.changed_pages(place, lock)]
    return Audit(Path(folder), [rows[k] for k in range(len(todo))] + edited)


@contextmanager
def rowwise(
    todo: list[Recheck], executor: Executor | str | None, work: Callable[[Recheck], Row]
) -> Iterator[Iterator[tuple[int, Row]]]:
    """Yield (place, row) of each model, in order, or as the executor returns them."""
    if executor is None:
        yield ((k, work(x)) for k, x in enumerate(todo))
        return
    with open_pool(1, executor) as pool, closing(as_answered(todo, pool, work)) as answers:
        yield answers


def open_pool(jobs: int, executor: Executor | str | None) -> AbstractContextManager[Executor]:
    """Return the executor, or that of an address; by default one with `jobs` processes."""
    return nullcontext(executor) if isinstance(executor, Executor) else workers(jobs, executor)


def recheck_model(place: Path, inputs: Path | None, one: Recheck) -> Row:
    """Verify one model of a lock."""
    model, entry = one
    row: Row = {"name": model["name"], "verdict": model["verdict"], "status": book.status_of(model)}
    source, settings = source_of(entry), settings_of(entry)
    try:
        again.same_source(model, source)
        if inputs is not None:
            again.same_inputs(model, inputs)
        if "certificate" not in model:
            hollow = sorted(set(model) - set(again.LOCKED))
            return row | {"reason": again.without_proof(model), "not_verified": hollow}
        proof = again.prove_again(place, model)
        own = again.prove_own_size(place, model, proof)
        again.planned_epsilon(proof.certificate, source[0], settings)
        if inputs is not None:
            again.same_question(proof.certificate, source, inputs, settings, model)
        proof, own = again.as_shown(model, proof, own)
        why = again.changed_report(place, model, proof, own)
    except (*MALFORMED, OSError) as error:
        return row | {"verdict": "REJECTED", "status": REJECTED_EXIT, "reason": str(error)}
    pages = [row_of_page(book.report_of(model["name"]), why)] if why else []
    said: Row = {"reason": f"proved by {', '.join(proof.proved.rules)}"}
    said["not_verified"] = [k for k in again.UNVERIFIED if k in model]
    return row | derived(proof, own) | said | {"pages": pages}


def row_of_page(name: str, reason: str) -> Row:
    """Return the row of a page that the audit did not write."""
    reason = f"{reason}: do not rely on it"
    row = {"name": name, "verdict": "REJECTED", "status": REJECTED_EXIT, "reason": reason}
    return row | {"page": True}
