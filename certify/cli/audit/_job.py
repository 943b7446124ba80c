"""Judge one model in a process of its own: main(job.json, folder, parent)."""

import importlib.util
import json
import math
import os
import sys
from contextlib import suppress
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any

import psutil

from certify.adapters import from_model
from certify.adapters.files import load
from certify.base.errors import InputError, OutOfScopeError
from certify.kernel.errors import RejectedError
from certify.pipeline.certificate.file import Certificate, write_atomically
from certify.pipeline.certificate.verdict import REJECTED_EXIT, Verdict
from certify.pipeline.check import check
from certify.pipeline.numbers import distance
from certify.pipeline.report import Facts, facts, save
from certify.pipeline.units import OBJECTIVE, Units
from certify.polar.proved import above, below
from certify.problem import Problem

from ._family import kill
from ._plan import Job, epsilon_of, file_of

Row = dict[str, Any]
FAILED = "FAILED"
INFINITE = (float("inf"), float("-inf"))  # not in JSON
CERTIFICATE, OWN, REPORT, ROW = "x.cert", "own.cert", "x.html", "row.json"
WANTED = "(estimator, X), (estimator, X, y) or (problem, factors)"
LONGEST = 600  # characters of a reason
WATCH = 0.5  # seconds between two tests of the parent


def main(job_file: str, folder: str, parent: str) -> None:
    """Judge the job and write its row, certificate and report to the folder.

    parent   the id of a process; this process ends when that one has ended
    """
    job, out = Job(**json.loads(Path(job_file).read_text("utf-8"))), Path(folder)
    start = monotonic()
    Thread(target=end_with_parent, args=(int(parent),), daemon=True).start()
    try:
        row = judge(job, out)
    except RejectedError as error:
        row = failed_row("REJECTED", REJECTED_EXIT, str(error))
    except OutOfScopeError as error:
        row = failed_row(Verdict.OUT_OF_SCOPE.name, Verdict.OUT_OF_SCOPE.exit_code, str(error))
    except InputError as error:
        row = failed_row(FAILED, 2, str(error))
    except Exception as error:  # noqa: BLE001  a defect is a row, not the end of an audit
        row = failed_row(FAILED, 1, f"{type(error).__name__}: {error}")
    row["reason"] = row["reason"][:LONGEST]
    row["seconds"] = round(monotonic() - start, 3)
    write_atomically(out / ROW, json.dumps(finite(row), allow_nan=False).encode())


def finite(row: Row) -> Row:
    """Return a row with None for infinite numbers, which JSON does not have."""
    return {k: None if x in INFINITE else x for k, x in row.items()}


def end_with_parent(parent: int) -> None:
    """End this process and its children when the parent has ended."""
    with suppress(psutil.NoSuchProcess):
        watched = psutil.Process(parent)
        while os.getppid() == parent and watched.is_running():  # Windows keeps the number
            sleep(WATCH)
    kill(os.getpid())


def failed_row(verdict: str, status: int, reason: str) -> Row:
    """Return the row of a model without an answer."""
    return {"verdict": verdict, "status": status, "reason": reason}


def judge(job: Job, out: Path) -> Row:
    """Return the row of a model, after writing its certificate and report.

    Raises InputError for missing files.
    """
    if job.kind == "certificate":
        certificate = Certificate.load(Path(job.folder) / job.source)
        proved = loosened(facts(certificate))
        certificate.save(out / CERTIFICATE)
        save(proved, out / REPORT, f"{file_of(job.name)}.cert")
        reason = {"reason": "the certificate was verified again"}
        return derived(proved, None) | reason
    problem, factors, q, defaults = question(job)
    overrides = epsilon_of(job.kind, job.settings)
    run = {k: job.settings[k] for k in ("budget", "seed")}
    units: Units = defaults.pop("units", getattr(factors, "units", OBJECTIVE))
    result = check(problem, factors, q=q, **{**defaults, **overrides}, **run)
    row = {"verdict": result.verdict.name, "status": result.verdict.exit_code}
    row |= {"reason": result.reason, "tier": result.tier} | shape(problem, factors)
    if result.certificate is not None:
        result.certificate.save(out / CERTIFICATE)
        proved, other = loosened(facts(result.certificate)), result.own_certificate
        own = None if other is None else loosened(facts(other))
        save(proved, out / REPORT, f"{file_of(job.name)}.cert", own, units)
        if own is not None:
            own.certificate.save(out / OWN)
        row |= derived(proved, own)
    return row | units.as_dict()


def loosened(proof: Facts) -> Facts:
    """Return a proof in rounded arithmetic with bounds that other machines prove, too.

    Their sums round otherwise: the bounds are weaker by 2^-36, far more than that and far less than
    any epsilon.  A proof in exact arithmetic is the same everywhere.
    """
    p = proof.proved
    if p.tier == "exact":
        return proof
    share = Fraction(1, 2**36)

    def weaker(x: float, side: int) -> float:
        """Return a bound that is weaker by this share of it."""
        if not math.isfinite(x):
            return x
        moved = Fraction(x) + side * share * abs(Fraction(x))
        return above(moved) if side > 0 else below(moved)

    better = None if p.better is None else weaker(p.better, 1)
    lower, upper = weaker(p.lower, -1), weaker(p.upper, 1)
    return replace(proof, proved=replace(p, lower=lower, upper=upper, better=better))


def derived(proof: Facts, own: Facts | None) -> Row:
    """Return the fields of a row that follow from its certificates.

    own  the proof at the model's own size, if the row has one
    """
    p, q = proof.proved, proof.question
    away = distance(p.lower, p.upper, p.over, proved=True)
    row = {"verdict": p.verdict.name, "status": p.verdict.exit_code}
    row |= {"distance": away, "over": p.over, "lower": p.lower, "upper": p.upper}
    row |= {"relative_gap": p.relative_gap, "tier": p.tier, "rtol": q.rtol, "atol": q.atol}
    row |= shape(q.problem, proof.candidate)
    if p.better is not None:
        row |= {"better": p.better}
    if own is not None:
        row |= {"own_verdict": own.verdict.name, "own_lower": own.proved.lower}
    return finite(row)


def shape(problem: Problem, factors: Any) -> Row:  # noqa: ANN401  arrays
    """Return the model's kind and sizes."""
    size = factors[0].shape[-1]
    row = {"model": problem.atom.title(), "data": list(problem.loss.dims), "components": size}
    return row | {"counted": problem.atom.count(size)}


def question(job: Job) -> tuple[Problem, Any, Any, Row]:
    """Return the problem, the factors, the offsets and the epsilon of a job."""
    if job.kind == "problem":
        loaded = load(Path(job.folder) / job.source)
        defaults = {"rtol": loaded.rtol, "atol": loaded.atol, "units": loaded.units}
        return loaded.problem, loaded.factors, loaded.q, defaults
    output = run_fit(job)
    if isinstance(output[0], Problem):
        problem, factors, *rest = output
        if rest:
            raise InputError(f"{job.source} must return {WANTED}, got more after a problem")
    else:
        problem, factors = from_model(*output)
    return problem, factors, getattr(factors, "q", None), {}


def run_fit(job: Job) -> tuple[Any, ...]:
    """Return the result of a fit.

    Raises InputError for a missing file or function, an exception, or another return value.
    """
    file, _, name = job.source.rpartition(":")
    path = Path(job.folder) / file
    spec = importlib.util.spec_from_file_location(f"audited_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InputError(f"cannot load {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickle look it up
    sys.path.insert(0, str(path.parent))
    pid = os.getpid()
    try:
        spec.loader.exec_module(module)
        function = getattr(module, name, None)
        output = function() if callable(function) else None
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        raise InputError(f"{job.source} raised {type(error).__name__}: {error}") from error
    finally:
        if os.getpid() != pid:  # a process that the fit forked
            os._exit(0)
    if function is None:
        raise InputError(f"{path} has no function {name!r}")
    if not isinstance(output, tuple) or not 2 <= len(output) <= 3:  # noqa: PLR2004  with y or without
        raise InputError(f"{job.source} must return {WANTED}, got {type(output).__name__}")
    return output


def as_json(job: Job) -> str:
    """Return a job as the JSON that main() reads."""
    return json.dumps(asdict(job))
