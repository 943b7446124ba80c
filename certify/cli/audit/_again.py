"""Verify an audit's certificates again, when a run continues and for `--verify`."""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from certify.adapters.files import load
from certify.base.errors import MALFORMED, InputError
from certify.base.files import member, open_member, read_member
from certify.kernel import claim
from certify.kernel.errors import RejectedError
from certify.pipeline.certificate.file import Certificate, ask, rounding
from certify.pipeline.certificate.question import question
from certify.pipeline.report import Facts, comparable, facts, page, same, save
from certify.pipeline.units import Units

from ._book import (
    LARGEST,
    MOST,
    PROVED,
    Row,
    belongs,
    certificate_of,
    changed,
    report_of,
    row_of,
)
from ._job import derived, loosened
from ._plan import Job, digest_of, digests, epsilon_of, file_of, name_of

ROUNDING = 2.0**-30  # of bounds in rounded arithmetic by another BLAS, relative
LOCKED = ("name", "kind", "source", "inputs")  # of the plan, beside the row
UNITS = ("training", "multiple", "constant", "error")  # of a row: the loss of the training
UNVERIFIED = ("key", "cached", "reason", "seconds", *UNITS)  # of a row, whatever it proves
UNPROVED = (
    *(*LOCKED, *UNVERIFIED),
    *("verdict", "status", "tier", "model", "data", "components", "counted"),
)
STATED = ("certificate", "verdict", "sha256")
KEPT = (
    *UNVERIFIED,
    "name",
    "report",
    *(f"{p}{k}" for p in ("", "own_") for k in (*STATED, "bytes")),
)
UNREADABLE = (*MALFORMED, OSError)  # the errors that a stored row may raise


def earlier_row(folder: Path, job: Job) -> Row | None:
    """Return the row of an earlier run of the same job, if its certificate is verified now.

    Nothing of it is believed that does not follow from the certificate, and the report is written
    again.  The question of a
    problem or a certificate must be that of its file; a fit is not run again to compare it.
    """
    try:
        row: Row = json.loads(read_member(folder, row_of(job), MOST).decode())
        json.dumps(row, allow_nan=False)
        if not belongs(job, row):
            return None
        if "certificate" in row:
            proof = prove_again(folder, row)
            own = prove_own_size(folder, row, proof)
            source = job.kind, job.source
            same_question(proof.certificate, source, Path(job.folder), job.settings, row)
            place = member(folder, report_of(job.name))
            proof, own = loosened(proof), None if own is None else loosened(own)
            save(proof, place, f"{place.stem}.cert", own, Units.of(row))
            row = {k: x for k, x in row.items() if k in KEPT} | derived(proof, own)
        else:
            without_proof(row)
    except UNREADABLE:
        return None
    return {**row, "cached": True}


def prove_own_size(place: Path, model: Mapping[str, Any], proof: Facts) -> Facts | None:
    """Verify the claim of a lock or a stored row for a model's own size; None without a claim.

    Raises RejectedError as `prove_again`, without a certificate, or for one that is not about
    the same factors at their own size.
    """
    if not any(key.startswith("own_") for key in model):
        return None
    if "own_certificate" not in model:
        raise RejectedError("audit.lock", "not proved", "the own size has no certificate")
    own = prove_again(place, model, "own_")
    if not same(proof, own):
        message = f"{model['own_certificate']} is not of the same factors at their own size"
        raise RejectedError("audit.lock", "question", message)
    return own


def prove_again(place: Path, model: Mapping[str, Any], prefix: str = "") -> Facts:
    """Verify the claim of a lock or a stored row about a model, from its certificate's arrays.

    prefix  "own_" for the claim about the model's own size

    Raises RejectedError for another file, another epsilon or another verdict.
    """
    name, verdict, digest = (model.get(f"{prefix}{k}") for k in STATED)
    if name != certificate_of(model["name"], own=bool(prefix)):
        raise RejectedError("audit.lock", "path", str(name))
    with open_member(place, name, LARGEST) as file:
        size = os.fstat(file.fileno()).st_size
        if digest_of(file) != digest or size != model.get(f"{prefix}bytes"):
            raise RejectedError("audit.lock", "digest", f"{Path(name).name} is another file")
        certificate = Certificate.load(file)
    same_epsilon(certificate, {k: model.get(k) for k in ("rtol", "atol")}, "audit.lock")
    proof = facts(certificate)
    if proof.verdict.name != verdict:
        message = f"says {verdict}, its certificate proves {proof.verdict.name}"
        raise RejectedError("audit.lock", "not proved", message)
    return proof


def same_epsilon(certificate: Certificate, wanted: Mapping[str, Any], where: str) -> None:
    """Raise RejectedError unless a certificate has this rtol and atol."""
    for name, value in wanted.items():
        actual = float.fromhex(certificate.statement[name])
        if not isinstance(value, int | float) or actual != value:
            message = f"{name} is {value!r}, in the certificate {actual!r}"
            raise RejectedError(where, "epsilon", message)


def planned_epsilon(certificate: Certificate, kind: str, settings: Mapping[str, Any]) -> None:
    """Raise RejectedError unless a certificate has the plan's rtol and atol, or the defaults."""
    wanted = epsilon_of(kind, settings)
    if wanted.get("atol", 0.0) is None:
        query = question(certificate)
        wanted["atol"] = rounding(query.problem, query.factors, query.q)
    same_epsilon(certificate, wanted, "audit.toml")


def same_question(
    certificate: Certificate,
    source: tuple[str, str],
    folder: Path,
    settings: Mapping[str, Any],
    row: Mapping[str, Any],
) -> None:
    """Raise RejectedError unless a certificate has the question of the plan and the model's file.

    source    the kind and the source of a model
    settings  the plan's rtol and atol; None for the file's own
    row       the row of the model, whose training objective is that of the file
    """
    kind, name = source
    planned_epsilon(certificate, kind, settings)
    shown = units = {k: row[k] for k in UNITS if k in row}
    if kind == "certificate":
        claim.same_question(certificate.statement, Certificate.load(folder / name).statement)
        units = {}
    elif kind == "problem":
        loaded = load(folder / name)
        q = None if loaded.q is None else loaded.problem.accept_offsets(loaded.q)
        epsilon: Any = {"rtol": loaded.rtol, "atol": loaded.atol} | epsilon_of(kind, settings)
        expected = ask(loaded.problem, loaded.problem.accept(loaded.factors), q, **epsilon)
        claim.same_question(certificate.statement, expected.statement)
        units = loaded.units.as_dict()
    if shown != units:
        message = f"the training objective is {shown}, by its file {units}"
        raise RejectedError("audit.lock", "units", message)


def same_source(model: Mapping[str, Any], source: tuple[str, str]) -> None:
    """Raise RejectedError unless a lock's model has the kind and the source of the plan."""
    if (model["kind"], model["source"]) != source:
        raise RejectedError("audit.lock", "source", f"audit.toml has {' '.join(source)}")


def same_inputs(model: Mapping[str, Any], folder: Path) -> None:
    """Raise InputError unless every input is in the folder with the lock's digest.

    A model that FAILED because of its files has no digests and no claim.
    """
    if model["verdict"] == "FAILED" and not model["inputs"]:
        return
    files = [folder / name for name in model["inputs"]]
    source = model["source"].rpartition(":")[0] if model["kind"] == "fit" else model["source"]
    if name_of(folder / source, folder.resolve()) not in model["inputs"]:
        raise InputError(f"the lock has no digest of {source}")
    current = digests(files, folder.resolve())
    changed = [k for k, digest in model["inputs"].items() if current.get(k) != digest]
    if changed:
        raise InputError(f"inputs changed since the audit: {', '.join(changed)}")


def without_proof(model: Mapping[str, Any]) -> str:
    """Return that nothing is proved; raise RejectedError if the lock claims a proof."""
    if model["verdict"] in PROVED:
        raise RejectedError("audit.lock", "not proved", f"{model['verdict']} without a certificate")
    if shown := sorted(set(model) - set(UNPROVED)):
        raise RejectedError("audit.lock", "not proved", f"{shown[0]} without a certificate")
    return "there is no certificate: nothing is proved"


def as_shown(
    model: Mapping[str, Any], proof: Facts, own: Facts | None
) -> tuple[Facts, Facts | None]:
    """Return the proofs with the bounds that a lock shows, which every page repeats.

    In exact arithmetic these must be the bounds that are proved now; in rounded arithmetic they may
    be weaker by ROUNDING, as those that an audit shows are: another machine rounds otherwise.

    Raises RejectedError for another bound, and for any other field that does not follow from the
    certificates.
    """
    bounds = {k: model.get(k) for k in ("lower", "upper", "better")}
    proof = with_bounds(proof, bounds)
    own = None if own is None else with_bounds(own, {"lower": model.get("own_lower")})
    wanted = derived(proof, own) | {"report": report_of(model["name"])}
    known = (*LOCKED, *KEPT)
    for name in sorted(model.keys() | wanted.keys()):
        if name in wanted and (name not in model or model[name] != wanted[name]):
            message = f"shows {name} = {model.get(name)!r}, its certificate {wanted[name]!r}"
            raise RejectedError("audit.lock", "not proved", message)
        if name not in wanted and name not in known:
            raise RejectedError("audit.lock", "not proved", f"shows {name}, which is not proved")
    return proof, own


def with_bounds(proof: Facts, shown: Mapping[str, Any]) -> Facts:
    """Return a proof with other bounds, where these are weaker by no more than rounding."""
    new = {}
    for name, x in shown.items():
        now = getattr(proof.proved, name)
        plain = isinstance(x, float) and isinstance(now, float) and math.isfinite(now)
        if not plain or proof.proved.tier == "exact":
            continue
        weaker = now - x if name == "lower" else x - now
        if 0 <= weaker <= ROUNDING * abs(now):
            new[name] = x
    return replace(proof, proved=replace(proof.proved, **new))


def changed_report(
    folder: Path, model: Mapping[str, Any], proof: Facts, own: Facts | None
) -> str | None:
    """Return what is wrong with a model's report; None if it is as written here or missing."""
    name = report_of(model["name"])
    if not os.path.lexists(folder / name):
        return None
    html = page(proof, f"{file_of(model['name'])}.cert", own, Units.of(model))
    return changed(folder, name, html, comparable)
