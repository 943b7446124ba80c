"""What a folder of an audit proves again: for a run that goes on, and for its readers."""

import json
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from certify.adapters.files import load
from certify.base.errors import InputError, OutOfScopeError
from certify.kernel import claim
from certify.kernel.errors import RejectedError
from certify.pipeline.certificate.file import Certificate, ask, rounding
from certify.pipeline.certificate.question import question
from certify.pipeline.report import Facts, facts, save
from certify.pipeline.report._words import distance

from ._book import PROVED, Row, belongs, cached, certificate_of, digest_of, report_of
from ._plan import Job, digests, epsilon_of, named

UNREADABLE = (
    AttributeError,
    LookupError,
    OSError,
    OutOfScopeError,
    RecursionError,
    RejectedError,
    TypeError,
    ValueError,
)


def recalled(folder: Path, job: Job) -> Row | None:
    """Return the row of an earlier run of the same job, if its certificate proves it now.

    The bracket is the one proved now, and the report is written anew.  A problem's or a
    certificate's question must be that of its file; of a fit only running it tells.
    """
    try:
        row: Row = json.loads(cached(folder, job).read_text("utf-8"))
        json.dumps(row, allow_nan=False)
        if not belongs(job, row):
            return None
        if "certificate" in row:
            held = reproved(folder, row)
            same_question(held.certificate, (job.kind, job.source), Path(job.folder), job.settings)
            place = folder / report_of(job.name)
            save(held, place, f"{place.stem}.cert", multiple=row.get("multiple", 1.0))
            row |= proved_of(held)
    except UNREADABLE:
        return None
    return {**row, "cached": True}


def proved_of(held: Facts) -> Row:
    """Return what a row says of a proof."""
    p, q = held.proved, held.question
    numbers = {"lower": p.lower, "upper": p.upper, "relative_gap": held.relative_gap}
    numbers |= {} if p.better is None else {"better": p.better}
    told = {k: x if isfinite(x) else None for k, x in numbers.items()}
    away = distance(p.lower, p.upper, proved=True)
    return {"distance": away, **told, "tier": p.tier, "rtol": q.rtol, "atol": q.atol}


def reproved(place: Path, model: Mapping[str, Any]) -> Facts:
    """Prove what a lock or a kept row says of a model, from the arrays in its certificate.

    Raises RejectedError if the file is another, asks for another epsilon, or proves
    something else.
    """
    if model["certificate"] != certificate_of(model["name"]):
        raise RejectedError("audit.lock", "path", model["certificate"])
    path = place / model["certificate"]
    if digest_of(path) != model.get("sha256"):
        raise RejectedError("audit.lock", "digest", f"{path.name} is another file")
    certificate = Certificate.load(path)
    same_epsilon(certificate, {k: model.get(k) for k in ("rtol", "atol")}, "audit.lock")
    held = facts(certificate)
    if held.verdict.name != model["verdict"]:
        told = f"says {model['verdict']}, its certificate proves {held.verdict.name}"
        raise RejectedError("audit.lock", "not proved", told)
    return held


def same_epsilon(held: Certificate, wanted: Mapping[str, Any], where: str) -> None:
    """Raise RejectedError unless a certificate asks for this rtol and atol."""
    for name, value in wanted.items():
        asked = float.fromhex(held.statement[name])
        if not isinstance(value, int | float) or asked != value:
            told = f"{name} is {value!r}, in the certificate {asked!r}"
            raise RejectedError(where, "epsilon", told)


def planned_epsilon(held: Certificate, kind: str, settings: Mapping[str, Any]) -> None:
    """Raise RejectedError unless a certificate has the rtol and atol of the plan, or the usual."""
    wanted = epsilon_of(kind, settings)
    if wanted.get("atol", 0.0) is None:
        own = question(held)
        wanted["atol"] = rounding(own.problem, own.factors, own.q)
    same_epsilon(held, wanted, "audit.toml")


def same_question(
    held: Certificate, source: tuple[str, str], folder: Path, settings: Mapping[str, Any]
) -> None:
    """Raise RejectedError unless a certificate asks what the plan and the model's file ask.

    source    the kind and the source of a model
    settings  of the plan: its rtol and atol, or None for the file's own
    """
    kind, name = source
    planned_epsilon(held, kind, settings)
    if kind == "certificate":
        claim.same_question(held.statement, Certificate.load(folder / name).statement)
    elif kind == "problem":
        own = load(folder / name)
        q = None if own.q is None else own.problem.accept_offsets(own.q)
        epsilon = {"rtol": own.rtol, "atol": own.atol} | epsilon_of(kind, settings)
        rtol, atol = epsilon["rtol"], epsilon["atol"]
        asked = ask(own.problem, own.problem.accept(own.factors), q, rtol=rtol, atol=atol)
        claim.same_question(held.statement, asked.statement)


def same_source(model: Mapping[str, Any], source: tuple[str, str]) -> None:
    """Raise RejectedError unless a lock's model is of the kind and the source in the plan."""
    if (model["kind"], model["source"]) != source:
        raise RejectedError("audit.lock", "source", f"audit.toml has {' '.join(source)}")


def same_inputs(model: Mapping[str, Any], folder: Path) -> None:
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


def unproved(model: Mapping[str, Any]) -> str:
    """Say that nothing is proved.  Raises RejectedError if the lock says that something is."""
    if model["verdict"] in PROVED:
        raise RejectedError("audit.lock", "not proved", f"{model['verdict']} without a certificate")
    return "there is no certificate: nothing is proved"
