"""The folder of an audit: rows, certificates, reports, the lock, and what can be reused."""

import hashlib
import json
import platform
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from certify._errors import InputError
from certify.certificate import Certificate, write_atomically
from certify.kernel.verify import FORMAT
from certify.report import environment
from certify.report._numbers import at_least, at_most
from certify.verdict import EXIT_CODES, REJECTED_EXIT

from ._plan import NAME, Job, installed
from ._pool import Done

Row = dict[str, Any]
LOCK, RESULTS, INDEX, PLAN = "audit.lock", "results.jsonl", "index.html", "audit.toml"
VERSION = "certify-audit/1"
PROVED = ("CERTIFIED", "REFUTED", "RANK_LIMITED")  # never without a certificate
STATUSES = {**EXIT_CODES, "REJECTED": REJECTED_EXIT, "TIMEOUT": 12, "FAILED": 1}
NUMBERS = ("lower", "upper", "relative_gap", "seconds", "bytes", "slices")
WORST = (1, 2, 20, 10, 14, 12, 11, 13, 0)  # exit statuses, the worst first


def made(folder: Path) -> Path:
    """Make the folders.  Raises InputError if they cannot be made."""
    try:
        for name in ("certificates", "reports", "cache"):
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make {folder}: {error.strerror or error}") from None
    return folder


def stored(folder: Path, job: Job, done: Done) -> Row:
    """Write what a job left, its row last; return the row."""
    row = {"name": job.name, "key": job.key, "cached": False, **done.row}
    if done.certificate is not None:
        name = certificate_of(job.name)
        write_atomically(folder / name, done.certificate)
        row |= {"certificate": name, "bytes": len(done.certificate)}
        row["sha256"] = hashlib.sha256(done.certificate).hexdigest()
    if done.report is not None:
        row["report"] = report_of(job.name)
        write_atomically(folder / row["report"], done.report)
    if row["status"] not in (1, 2) and row["verdict"] != "TIMEOUT":
        write_atomically(cached(folder, job), json.dumps(row).encode())
    return row


def recalled(folder: Path, job: Job) -> Row | None:
    """Return the row of an earlier run of the same job, if its files are as they were left.

    Its certificate must claim what the row says; that it proves it, only `verify` tells.
    """
    try:
        row: Row = json.loads(cached(folder, job).read_text("utf-8"))
        json.dumps(row, allow_nan=False)
        usable = belongs(folder, job, row)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return {**row, "cached": True} if usable else None


def cached(folder: Path, job: Job) -> Path:
    """Return where a job's row is kept."""
    return folder / "cache" / f"{job.name}.{job.key}.json"


def belongs(folder: Path, job: Job, row: Row) -> bool:
    """Tell whether a kept row is the job's own, and agrees with the files that it names."""
    numbers = not any(isinstance(row.get(k), str | list | dict) for k in NUMBERS)
    page = folder / report_of(job.name)
    linked = "report" not in row or (row["report"] == report_of(job.name) and page.exists())
    told = row["name"] == job.name and row["status"] == STATUSES[row["verdict"]]
    if not (numbers and linked and told):
        return False
    if "certificate" not in row:
        return row["verdict"] not in PROVED
    path = folder / certificate_of(job.name)
    if row["certificate"] != certificate_of(job.name) or digest_of(path) != row["sha256"]:
        return False
    return bool(Certificate.load(path).verdict == row["verdict"])


def digest_of(path: Path) -> str:
    """Return the digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def certificate_of(name: str) -> str:
    """Return where the certificate of a model is."""
    return f"certificates/{name}.cert"


def report_of(name: str) -> str:
    """Return where the report of a model is."""
    return f"reports/{name}.html"


def worst(rows: list[Row]) -> int:
    """Return the worst exit status."""
    held = {row["status"] for row in rows}
    return next((s for s in WORST if s in held), 1 if held else 0)


def written(folder: Path, rows: list[Row]) -> None:
    """Write results.jsonl and index.html."""
    lines = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)
    write_atomically(folder / RESULTS, lines.encode())
    source = files(__package__).joinpath("index.html.jinja").read_text("utf-8")
    told = {"rows": rows, "counts": counted(rows), "at_least": at_least, "at_most": at_most}
    page = environment().from_string(source).render(**told)
    write_atomically(folder / INDEX, page.encode())


def counted(rows: list[Row]) -> dict[str, int]:
    """Return how many rows each verdict has."""
    out: dict[str, int] = {}
    for row in rows:
        out[row["verdict"]] = out.get(row["verdict"], 0) + 1
    return out


def locked(folder: Path, plan: Path, jobs: list[Job], rows: list[Row]) -> None:
    """Write audit.lock: versions, and the digests of every input and certificate."""
    by = {row["name"]: row for row in rows}
    kept = ("verdict", "status", "lower", "upper", "certificate", "sha256")
    models = [
        {"name": j.name, "kind": j.kind, "source": j.source, "key": j.key, "inputs": j.inputs}
        | {k: by[j.name][k] for k in kept if k in by[j.name]}
        for j in jobs
    ]
    text = plan.read_bytes()
    told = {
        "format": VERSION,
        "certificates": FORMAT,
        "python": platform.python_version(),
        "libraries": installed(),
        "plan": hashlib.sha256(text).hexdigest(),
        "models": models,
    }
    write_atomically(folder / PLAN, text)
    write_atomically(folder / LOCK, (json.dumps(told, indent=1) + "\n").encode())


def status_of(model: Mapping[str, Any]) -> int:
    """Return the exit status of a verdict in a lock; a failure is the caller's (2) or ours."""
    wrong_input = 2
    if model["verdict"] == "FAILED" and model.get("status") == wrong_input:
        return wrong_input
    return STATUSES[model["verdict"]]


def lock_of(folder: Path) -> Mapping[str, Any]:
    """Read audit.lock.  Raises InputError if it is none."""
    path = folder / LOCK
    try:
        told = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}") from None
    if not isinstance(told, dict) or told.get("format") != VERSION:
        raise InputError(f"{path} is not a lock of {VERSION}")
    models = told.get("models")
    if not isinstance(models, list) or not models or not all(map(whole, models)):
        raise InputError(f"{path} has no models, or one without name, verdict, source or inputs")
    return told


def whole(model: object) -> bool:
    """Tell whether a model of a lock has all that `locked` writes."""
    if not isinstance(model, dict) or not isinstance(model.get("inputs"), dict):
        return False
    texts = [model.get(k) for k in ("name", "kind", "source", "verdict")]
    plain = all(isinstance(x, str) for x in texts)
    return plain and model["verdict"] in STATUSES and bool(NAME.fullmatch(model["name"]))
