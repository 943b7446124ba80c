"""The folder of an audit: rows, certificates, reports and the lock."""

import hashlib
import json
import os
import platform
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from certify import __version__
from certify.base.errors import MALFORMED, InputError, accessing
from certify.base.extras import optional
from certify.base.files import demand_regular, member, read_member
from certify.kernel.statement import FORMAT
from certify.pipeline.certificate.file import write_atomically
from certify.pipeline.certificate.verdict import EXIT_CODES, REJECTED_EXIT, relative
from certify.pipeline.numbers import at_least, at_most, excess, percent, short
from certify.pipeline.report import environment
from certify.pipeline.units import Units

from ._plan import Job, Model, file_of, installed_versions, models_of
from ._pool import Done

Row = dict[str, Any]
LOCK, RESULTS, INDEX, PLAN = "audit.lock", "results.jsonl", "index.html", "audit.toml"
BESIDE = ("kind", "source", "inputs")  # of a model in the lock, beside its row
OWN = "own-size"  # the folder of the certificates at the models' own sizes
VERSION = "certify-audit/3"
MOST, LARGEST = 1 << 26, 1 << 32  # bytes that are read of a page or a lock, of a certificate
PROVED = ("CERTIFIED", "REFUTED", "RANK_LIMITED")  # never without a certificate
STATUSES = {**EXIT_CODES, "REJECTED": REJECTED_EXIT, "TIMEOUT": 12, "FAILED": 1}
NUMBERS = (
    *(
        "lower",
        "upper",
        "own_lower",
        "better",
        "multiple",
        "constant",
        "relative_gap",
        "seconds",
        "bytes",
    ),
    *("own_bytes", "components", "rtol", "atol"),
)
WORST = (1, 2, 20, 10, 14, 12, 11, 13, 0)  # exit statuses, from the worst to the best


def make_folders(folder: Path, plan: Path) -> Path:
    """Create the folders with a copy of the plan.

    Raises InputError if that fails, or if one of them is a link out of the folder.
    """
    with accessing(folder, "make"):
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("certificates", f"certificates/{OWN}", "reports", "cache"):
            member(folder, f"{name}/x")
            (folder / name).mkdir(exist_ok=True)
    write_member(folder, PLAN, plan_bytes(plan))
    return folder


def write_member(folder: Path, name: str, blob: bytes) -> None:
    """Write a file of the folder; raises InputError as `member`, so nothing else is written."""
    write_atomically(member(folder, name), blob)


def plan_bytes(path: Path) -> bytes:
    """Return the bytes of a plan; raise InputError if it cannot be read."""
    demand_regular(path)
    with accessing(path, "read"):
        return path.read_bytes()


def store_row(folder: Path, job: Job, done: Done) -> Row:
    """Write a job's files, its row last; return the row."""
    row = {"name": job.name, "key": job.key, "cached": False, **done.row}
    for prefix, certificate in (("", done.certificate), ("own_", done.own)):
        if certificate is not None:
            name = certificate_of(job.name, own=bool(prefix))
            write_member(folder, name, certificate)
            row |= {f"{prefix}certificate": name, f"{prefix}bytes": len(certificate)}
            row[f"{prefix}sha256"] = hashlib.sha256(certificate).hexdigest()
    if done.report is not None:
        row["report"] = report_of(job.name)
        write_member(folder, row["report"], done.report)
    if row["status"] not in (1, 2) and row["verdict"] != "TIMEOUT":
        write_member(folder, row_of(job), json.dumps(row).encode())
    return row


def row_of(job: Job) -> str:
    """Return the path of a job's stored row."""
    return f"cache/{file_of(job.name)}.{job.key}.json"


def belongs(job: Job, row: Row) -> bool:
    """Whether a stored row is the job's own; its claims are not verified here."""
    numbers = not any(isinstance(row.get(k), str | list | dict) for k in NUMBERS)
    own = partial(certificate_of, own=True)
    files = ("certificate", certificate_of), ("own_certificate", own), ("report", report_of)
    linked = all(row.get(k, of(job.name)) == of(job.name) for k, of in files)
    agrees = row["name"] == job.name and row["status"] == STATUSES[row["verdict"]]
    proved = "certificate" in row and "report" in row
    return numbers and linked and agrees and (proved or row["verdict"] not in PROVED)


def certificate_of(name: str, *, own: bool = False) -> str:
    """Return the path of a model's certificate; own: that at its own size."""
    return f"certificates/{f'{OWN}/' if own else ''}{file_of(name)}.cert"


def report_of(name: str) -> str:
    """Return the path of a model's report."""
    return f"reports/{file_of(name)}.html"


def worst(rows: list[Row]) -> int:
    """Return the worst exit status."""
    statuses = {row["status"] for row in rows}
    return next((s for s in WORST if s in statuses), 1 if statuses else 0)


def write_pages(folder: Path, rows: list[Row]) -> None:
    """Write results.jsonl and index.html."""
    for name, text in pages(rows).items():
        write_member(folder, name, text.encode())


def pages(rows: list[Row]) -> dict[str, str]:
    """Return the texts of results.jsonl and index.html, which show the rows and nothing else."""
    lines = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)
    source = files(__package__).joinpath("index.html.jinja").read_text("utf-8")
    shown = {"at_least": at_least, "at_most": at_most, "asked": epsilon_text, "above": above}
    shown |= {"at_size": at_size, "ends": ends}
    counts = Counter(row["verdict"] for row in rows)
    page = environment().from_string(source).render(rows=rows, counts=counts, **shown)
    return {RESULTS: lines, INDEX: page}


def epsilon_text(row: Row) -> str:
    """Return the epsilon of a row in per cent of |upper|, or ""."""
    if row.get("upper") is None or "rtol" not in row:
        return ""
    share = relative(row["atol"], row["upper"])
    return f"{short(100 * row['rtol'])} %" if share <= row["rtol"] else percent(100 * share)


def above(row: Row) -> str:
    """Return how far a row's model can be above the optimum, or ""."""
    if row.get("lower") is None or row.get("upper") is None:
        return ""
    return excess(row["lower"], row["upper"])


def ends(row: Row) -> dict[str, tuple[str, str]]:
    """Return the lower bound, the best objective found and the model's own, rounded outwards.

    Each is a pair: the judged objective, and the training objective ("" if it is the same).
    """
    out, units = {}, Units.of(row)
    best = [x for x in (row.get("better"), row.get("upper")) if x is not None]
    values = {"lower": row.get("lower"), "best": min(best, default=None), "upper": row.get("upper")}
    for k, (name, x) in enumerate(values.items()):
        rounded, texts = (at_most if k else at_least), ("–", "")
        if x is not None:
            trained = units.upper(x) if k else units.lower(x)
            texts = rounded(x, 8), rounded(trained, 6) if units else ""
        out[name] = texts
    return out


def at_size(row: Row) -> str:
    """Return how far a model can be above the best of its size; "the same" if not asked apart."""
    if row.get("own_lower") is None or row.get("upper") is None:
        return "the same" if above(row) else ""
    return excess(row["own_lower"], row["upper"])


def write_lock(folder: Path, plan: Path, jobs: list[Job], rows: list[Row]) -> None:
    """Write audit.lock: versions, the digests of all inputs, and the rows of the pages."""
    by = {row["name"]: row for row in rows}
    models = [{"kind": j.kind, "source": j.source, "inputs": j.inputs} | by[j.name] for j in jobs]
    lock = {
        "format": VERSION,
        "certificates": FORMAT,
        "python": platform.python_version(),
        "libraries": installed_versions(),
        "plan": {
            "name": plan.name,
            "sha256": hashlib.sha256(plan_bytes(folder / PLAN)).hexdigest(),
        },
        "models": models,
    }
    write_member(folder, LOCK, (json.dumps(lock, indent=1) + "\n").encode())


def status_of(model: Mapping[str, Any]) -> int:
    """Return the exit status of a model in a lock; a failure has 2 (wrong input) or 1."""
    wrong_input = 2
    if model["verdict"] == "FAILED" and model.get("status") == wrong_input:
        return wrong_input
    return STATUSES[model["verdict"]]


def lock_of(folder: Path) -> Mapping[str, Any]:
    """Return the content of audit.lock; raise InputError if it is not one."""
    path, text = folder / LOCK, read_member(folder, LOCK, MOST)
    try:
        lock = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}") from None
    if not isinstance(lock, dict) or lock.get("format") != VERSION:
        raise InputError(f"{path} is not a lock of {VERSION}")
    models = lock.get("models")
    if not isinstance(models, list) or not models or not all(map(is_complete, models)):
        raise InputError(f"{path} has no models, or one without name, verdict, source or inputs")
    return lock


def plan_models(folder: Path, lock: Mapping[str, Any], inputs: Path | None) -> list[Model]:
    """Return the models of the folder's plan, in the order of the lock.

    Raises InputError if the plan is not that of the lock, or differs from that in `inputs`.
    """
    path = folder / PLAN
    text, raw = read_member(folder, PLAN, MOST), lock.get("plan")
    record = raw if isinstance(raw, dict) else {}
    if inputs is not None:
        original = inputs / Path(str(record.get("name"))).name
        if not original.is_file():
            wanted = "the plan of the audit must be there"
            raise InputError(f"there is no {original.name} among the inputs: {wanted}")
        if original.read_bytes() != text:
            raise InputError(f"{path} is another plan than {original}")
    models = models_of(path, text)
    same = hashlib.sha256(text).hexdigest() == record.get("sha256")
    if not same or [m.name for m in models] != [m["name"] for m in lock["models"]]:
        cure = "run the audit to its end"
        raise InputError(f"{path} is not the plan that {LOCK} was written for: {cure}")
    return models


def changed_pages(folder: Path, lock: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (name, reason) of the pages and tables that are not made of the lock's rows."""
    rows = [{k: x for k, x in m.items() if k not in BESIDE} for m in lock["models"]]
    texts: dict[str, str | None] = dict.fromkeys((RESULTS, INDEX))
    wrong = optional("jinja2", "jinja2", "report").TemplateError
    with suppress(*MALFORMED, wrong):  # values that no row has
        texts |= pages(rows)
    texts |= {report_of(m["name"]): None for m in lock["models"] if "report" not in m}
    for name, text in texts.items():
        if os.path.lexists(folder / name) and (why := changed(folder, name, text)):
            yield name, why


def changed(
    folder: Path, name: str, text: str | None, compared: Callable[[str], str] = str
) -> str | None:
    """Return why a page is not this text; None if it is.

    text      None: no text of this audit has the name
    compared  compared(text) leaves out what need not be the same
    """
    try:
        there = read_member(folder, name, MOST).decode("utf-8", "replace")
    except InputError as error:
        return str(error)
    if text is None or compared(there) != compared(text):
        return f"it is not what certify {__version__} writes of what is verified"
    return None


def is_complete(model: object) -> bool:
    """Whether a model of a lock has all fields of `write_lock`."""
    if not isinstance(model, dict) or not isinstance(model.get("inputs"), dict):
        return False
    texts = [model.get(k) for k in ("name", "kind", "source", "verdict")]
    plain = all(isinstance(x, str) for x in texts)
    return plain and model["verdict"] in STATUSES
