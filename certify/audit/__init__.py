"""Many models judged at once: one table, one exit status, and a folder others can recheck."""

from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from certify._errors import InputError, OutOfScopeError
from certify.certificate import Certificate, ask
from certify.files import load
from certify.kernel import verify as kernel
from certify.kernel.verify import RejectedError
from certify.report import Facts, environment, facts
from certify.verdict import REJECTED_EXIT

from ._book import (
    PROVED,
    Row,
    certificate_of,
    digest_of,
    lock_of,
    locked,
    made,
    recalled,
    status_of,
    stored,
    worst,
    written,
)
from ._plan import Job, digests, named, plan
from ._pool import finished, workers

__all__ = ["Audit", "Job", "Progress", "plan", "run", "verify"]


@dataclass(frozen=True)
class Progress:
    """How far an audit is: models done of all, the last one's row, seconds left (a guess)."""

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
        return worst(self.rows)


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

    Every model has a process of its own: a crash or a time-out is a row.  What an earlier
    run in the same folder ended is not done again, if its inputs, settings and versions are
    the same to the last bit; so an audit that was killed goes on.  Such rows are believed as
    they are in your folder's cache/; `verify` believes none.  The folder holds index.html,
    results.jsonl, certificates/, reports/, audit.lock.

    Raises InputError for a plan that is wrong, or a folder that cannot be written.
    """
    plan_file, place = Path(path), made(Path(folder))
    environment()  # what the reports need, before any work
    every = plan(plan_file)
    rows: dict[str, Row] = {}
    for job in every:
        if (row := recalled(place, job)) is not None:
            rows[job.name] = row
    todo, start, fresh = [j for j in every if j.name not in rows], monotonic(), 0
    for k, row in enumerate(rows.values(), 1):
        tell(progress, (k, len(every)), row, 0.0)
    if todo:
        given = nullcontext(executor) if isinstance(executor, Executor) else workers(jobs, executor)
        with given as pool:
            for job, done in finished(todo, pool):
                rows[job.name], fresh = stored(place, job, done), fresh + 1
                written(place, ordered(every, rows))
                left = (monotonic() - start) / fresh * (len(todo) - fresh)
                tell(progress, (len(rows), len(every)), rows[job.name], left)
    found = ordered(every, rows)
    written(place, found)
    locked(place, plan_file, every, found)
    return Audit(place, found)


def ordered(every: list[Job], rows: dict[str, Row]) -> list[Row]:
    """Return the rows that are there in the order of the plan."""
    return [rows[j.name] for j in every if j.name in rows]


def tell(
    progress: Callable[[Progress], None] | None, counts: tuple[int, int], row: Row, left: float
) -> None:
    """Report a row."""
    if progress is not None:
        progress(Progress(*counts, row, left))


def verify(
    folder: str | Path,
    *,
    inputs: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Audit:
    """Verify every certificate of an audit's folder; nothing is searched.

    Each must be the file that the lock names, and prove the lock's verdict from the arrays
    stored in it; bracket, tier and exit status in the rows are those proved now.

    inputs  a folder with the models' own files.  Their digests must be those of the lock, and
            a problem's or a certificate's question that of the file there.  What a fit makes
            of its files only running it tells, which this does not.

    A row whose certificate fails is REJECTED with the reason.  A row that had no certificate
    keeps its verdict, which can be none that is proved.

    Raises InputError if there is no lock, or it is not as `run` writes it.
    """
    place = Path(folder)
    models = lock_of(place)["models"]
    rows: list[Row] = []
    start = monotonic()
    for k, model in enumerate(models):
        rows.append(rechecked(place, model, None if inputs is None else Path(inputs)))
        left = (monotonic() - start) / (k + 1) * (len(models) - k - 1)
        tell(progress, (k + 1, len(models)), rows[-1], left)
    return Audit(place, rows)


def rechecked(place: Path, model: dict[str, Any], inputs: Path | None) -> Row:
    """Verify one model of a lock."""
    row: Row = {"name": model["name"], "verdict": model["verdict"], "status": status_of(model)}
    try:
        if inputs is not None:
            same_inputs(model, inputs)
        if "certificate" not in model:
            return row | {"reason": unproved(model)}
        held = reproved(place, model)
        if inputs is not None:
            same_question(held.certificate, model, inputs)
    except (RejectedError, InputError, OutOfScopeError, OSError) as error:
        return row | {"verdict": "REJECTED", "status": REJECTED_EXIT, "reason": str(error)}
    p = held.proved
    row |= {"lower": p.lower, "upper": p.upper, "tier": p.tier, "relative_gap": held.relative_gap}
    return row | {"reason": f"proved by {', '.join(p.rules)}"}


def unproved(model: dict[str, Any]) -> str:
    """Say that nothing is proved.  Raises RejectedError if the lock says that something is."""
    if model["verdict"] in PROVED:
        raise RejectedError("audit.lock", "not proved", f"{model['verdict']} without a certificate")
    return "there is no certificate: nothing is proved"


def reproved(place: Path, model: dict[str, Any]) -> Facts:
    """Prove what the lock says of a model.

    Raises RejectedError if the file is another or proves something else.
    """
    if model["certificate"] != certificate_of(model["name"]):
        raise RejectedError("audit.lock", "path", model["certificate"])
    path = place / model["certificate"]
    if digest_of(path) != model.get("sha256"):
        raise RejectedError("audit.lock", "digest", f"{path.name} is another file")
    held = facts(Certificate.load(path))
    if held.verdict.name != model["verdict"]:
        told = f"says {model['verdict']}, its certificate proves {held.verdict.name}"
        raise RejectedError("audit.lock", "not proved", told)
    return held


def same_question(held: Certificate, model: dict[str, Any], folder: Path) -> None:
    """Raise RejectedError unless a certificate asks what the model's own file asks.

    Epsilon is the certificate's: a plan may set another than the file does.
    """
    source = folder / model["source"]
    if model["kind"] == "certificate":
        kernel.same_question(held.statement, Certificate.load(source).statement)
    elif model["kind"] == "problem":
        own = load(source)
        q = None if own.q is None else own.problem.accept_offsets(own.q)
        rtol, atol = (float.fromhex(held.statement[k]) for k in ("rtol", "atol"))
        factors = own.problem.accept(own.factors)
        kernel.same_question(
            held.statement, ask(own.problem, factors, q, rtol=rtol, atol=atol).statement
        )


def same_inputs(model: dict[str, Any], folder: Path) -> None:
    """Raise InputError unless every input is in the folder with the lock's digest."""
    files = [folder / name for name in model["inputs"]]
    if odd := [f for f in files if f.exists() and not f.is_file()]:
        raise InputError(f"{odd[0]} is not a regular file")
    own = model["source"].rpartition(":")[0] if model["kind"] == "fit" else model["source"]
    if named(folder / own, folder.resolve()) not in model["inputs"]:
        raise InputError(f"the lock has no digest of {own}")
    found = digests(files, folder.resolve())
    changed = [k for k, digest in model["inputs"].items() if found.get(k) != digest]
    if changed:
        raise InputError(f"inputs changed since the audit: {', '.join(changed)}")
