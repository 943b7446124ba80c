"""audit.toml: the models of an audit, and their settings."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import metadata
from io import BufferedReader
from pathlib import Path
from typing import Any

from pydantic import Field

from certify import __version__
from certify.adapters.files import load_document
from certify.adapters.files._schema import loads, parse, validate
from certify.adapters.files._source import Strict
from certify.base.errors import InputError, accessing
from certify.base.files import demand_regular
from certify.kernel.statement import FORMAT

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")  # a safe file name
ODD = re.compile(r"[^A-Za-z0-9._-]+")
LIBRARIES = (
    *("numpy", "scipy", "python-flint", "cvxpy", "scikit-learn", "tensorly", "torch", "onnx"),
)
KINDS = ("problem", "fit", "certificate")
EPSILON = {"rtol": 1e-6, "atol": None}  # the defaults of a fit


class Settings(Strict):
    """The settings of one model, or in [defaults] of all."""

    budget: float = Field(default=30.0, ge=0)
    timeout: float | None = Field(default=None, gt=0)
    seed: int = Field(default=0, ge=0)
    rtol: float | None = Field(default=None, ge=0)
    atol: float | None = Field(default=None, ge=0)


class Model(Settings):
    """One [[model]]."""

    name: str
    problem: str | None = None
    fit: str | None = None
    certificate: str | None = None
    inputs: list[str] = Field(default_factory=list)


class Top(Strict):
    """The file."""

    defaults: dict[str, Any] = Field(default_factory=dict)
    model: list[dict[str, Any]]


@dataclass(frozen=True)
class Job:
    """A model to be judged, in plain values that any executor can send.

    kind, source   "problem" and a problem.toml; "fit" and FILE.py:FUNCTION; "certificate"
    inputs         the files that determine the answer, with their digests
    fault          the error in those files, which the model's row reports
    """

    name: str
    kind: str
    source: str
    folder: str
    settings: dict[str, Any]
    inputs: dict[str, str] = field(default_factory=dict)
    fault: str = ""

    @property
    def key(self) -> str:
        """The digest of everything that determines the answer: inputs, settings, versions."""
        parts = [self.kind, self.source, self.settings, self.inputs, FORMAT, installed_versions()]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def plan(path: Path) -> list[Job]:
    """Read an audit.toml.

        [defaults]                    budget, timeout, seed, rtol, atol of all models
        [[model]]
        name = "nmf-16"               also the name of its files in the results, see `file_of`
        problem = "nmf/problem.toml"  or fit = "fits.py:pca", or certificate = "x.cert"
        inputs = ["data.csv"]         the files that a fit reads

    A fit is a function without arguments that returns (estimator, X), (estimator, X, y) or
    (problem, factors).  The defaults of rtol and atol are the problem's own; a fit has those of
    check(), and a certificate always has its own.

    Raises InputError, in one sentence, for whatever is wrong in the file.
    """
    return [job(m, path) for m in models_of(path)]


def models_of(path: Path, blob: bytes | None = None) -> list[Model]:
    """Return the models of an audit.toml, with its defaults, without reading their files.

    blob  the content of the file, if it was read
    """
    text = loads(path) if blob is None else parse(blob, path)
    if "model" not in text and {"data", "network"} & text.keys():
        cure = f"certify check {path}, or name it in a plan, [[model]] problem = ..."
        raise InputError(f"{path} is one problem, not a plan of models: {cure}")
    top = validate(Top, text, path, "")
    defaults = validate(Settings, top.defaults, path, "defaults")
    given = {k: getattr(defaults, k) for k in defaults.model_fields_set}
    models = [validate(Model, {**given, **m}, path, "model") for m in top.model]
    if not models:
        raise InputError(f"{path}: there is no [[model]]")
    names = [file_of(m.name).casefold() for m in models]  # some file systems know no other names
    for m in models:
        if names.count(file_of(m.name).casefold()) > 1:
            raise InputError(f"{path}: two models are named {m.name!r}, or differ in case only")
        kinds = [k for k in KINDS if getattr(m, k) is not None]
        if len(kinds) != 1:
            got = " and ".join(kinds) or "none"
            raise InputError(f"{path}: model {m.name} needs one of {', '.join(KINDS)}, has {got}")
    return models


def file_of(name: str) -> str:
    """Return the file name of a model without its suffix: the model's name, if that is safe.

    Otherwise characters other than letters, digits, . _ - are replaced and a digest is added.
    """
    if NAME.fullmatch(name):
        return name
    kept = ODD.sub("-", name).strip("-.")[:40] or "model"
    return f"{kept}-{hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()[:12]}"


def source_of(model: Model) -> tuple[str, str]:
    """Return the kind and the source of a model."""
    return next((k, str(x)) for k in KINDS if (x := getattr(model, k)) is not None)


def epsilon_of(kind: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rtol and atol of a plan; None: chosen by check(); {} for a certificate."""
    if kind == "certificate":
        return {}
    given = {k: settings[k] for k in EPSILON if settings[k] is not None}
    return {**EPSILON, **given} if kind == "fit" else given


def job(model: Model, path: Path) -> Job:
    """Return a model's job; an error in its source or its files is its `fault`."""
    (kind, source), folder = source_of(model), path.parent.resolve()
    draft = Job(model.name, kind, source, str(folder), settings_of(model))
    try:
        files = [*sources(kind, source, folder), *(folder / x for x in model.inputs)]
        return replace(draft, inputs=digests(files, folder))
    except InputError as error:
        return replace(draft, fault=str(error))


def settings_of(model: Settings) -> dict[str, Any]:
    """Return a model's settings as plain values."""
    return {k: getattr(model, k) for k in Settings.model_fields}


def sources(kind: str, source: str, folder: Path) -> list[Path]:
    """Return the files of a source, as far as they are known without running it.

    Raises InputError for a fit that is not FILE.py:FUNCTION.
    """
    if kind == "fit":
        file, _, name = source.rpartition(":")
        if not (file.endswith(".py") and name.isidentifier()):
            raise InputError(f'a fit must be "FILE.py:FUNCTION", got {source!r}')
        return [folder / file]
    if kind == "problem":
        return load_document(folder / source)
    return [folder / source]


def digests(files: Sequence[Path], folder: Path) -> dict[str, str]:
    """Return the digest of each file, by its path from the folder."""
    out = {}
    for file in files:
        demand_regular(file)
        with accessing(file, "read"), file.open("rb") as content:
            out[name_of(file, folder)] = digest_of(content)
    return dict(sorted(out.items()))


def digest_of(file: BufferedReader) -> str:
    """Return the digest of an open file."""
    return hashlib.file_digest(file, "sha256").hexdigest()


def name_of(file: Path, folder: Path) -> str:
    """Return a path relative to the folder, or the whole path if it is outside."""
    whole = file.resolve()
    return whole.relative_to(folder).as_posix() if whole.is_relative_to(folder) else str(whole)


@cache
def installed_versions() -> dict[str, str]:
    """Return the versions of certify and of the installed libraries."""
    out = {"certify": __version__}
    for name in LIBRARIES:
        try:
            out[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return out
