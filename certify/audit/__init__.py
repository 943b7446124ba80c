"""Many models judged at once: one table, one exit status, and a folder others can recheck."""

import hashlib
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from certify._errors import InputError
from certify.certificate import Certificate
from certify.kernel.verify import RejectedError
from certify.recheck import Proved
from certify.report import environment, facts
from certify.verdict import REJECTED_EXIT

from ._book import Row, lock_of, locked, made, recalled, stored, worst, written
from ._plan import Job, digests, plan
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
    the same to the last bit; so an audit that was killed goes on.  The folder holds
    index.html, results.jsonl, certificates/, reports/, audit.lock.

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
    stored in it; the bracket in the rows is the one proved now.  inputs: a folder with the
    models' own files, whose digests must then be those of the lock too.

    A row whose certificate fails is REJECTED with the reason.  A row that had no certificate
    keeps its verdict: nothing was proved then, and nothing is now.

    Raises InputError if there is no lock.
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
    row: Row = {k: model[k] for k in ("name", "verdict", "status") if k in model}
    try:
        if inputs is not None:
            same_inputs(model, inputs)
        if "certificate" not in model:
            return row | {"reason": "there is no certificate: nothing is proved"}
        p = reproved(place, model)
    except (RejectedError, InputError, OSError) as error:
        return row | {"verdict": "REJECTED", "status": REJECTED_EXIT, "reason": str(error)}
    gap = (p.upper - p.lower) / abs(p.upper) if p.upper else 0.0
    row |= {"lower": p.lower, "upper": p.upper, "tier": p.tier, "relative_gap": gap}
    return row | {"reason": f"proved by {', '.join(p.rules)}"}


def reproved(place: Path, model: dict[str, Any]) -> Proved:
    """Prove what the lock says of a model.

    Raises RejectedError if the file is another or proves something else.
    """
    path = place / model["certificate"]
    if hashlib.sha256(path.read_bytes()).hexdigest() != model["sha256"]:
        raise RejectedError("audit.lock", "digest", f"{path.name} is another file")
    proved = facts(Certificate.load(path)).proved
    if proved.verdict.name != model["verdict"]:
        told = f"says {model['verdict']}, its certificate proves {proved.verdict.name}"
        raise RejectedError("audit.lock", "not proved", told)
    return proved


def same_inputs(model: dict[str, Any], folder: Path) -> None:
    """Raise InputError unless every input is in the folder with the lock's digest."""
    found = digests([folder / name for name in model["inputs"]], folder.resolve())
    changed = [k for k, digest in model["inputs"].items() if found.get(k) != digest]
    if changed:
        raise InputError(f"inputs changed since the audit: {', '.join(changed)}")
