"""The tables of problem.toml, and one sentence for each error in them.

    lam = 3.0                        [data]     Y, weights, mask: arrays
    q = ["q.npy"]                    [loss]     kind = "squared"
                                     [atom]     kind = "rank_one", left, right, form
                                                kind = "symmetric", norm
    [factors]  U, V: arrays          [[offsets]]  kind = "column", ridge; "sparse", rho;
                                                  "smooth", edges, rho, ridge, weights
    [epsilon]  rtol, atol                         kind = "cp", norms, symmetric, form
    [[restarts]]  other fits: U, V

lam may be [a, b], the separate weights of a/2 |u|^2 + b/2 |v|^2 (rank_one, l2, form = "sum").
l1 = [a, b] adds a |u|_1 + b |v|_1 for each component, with weights >= 0, one for each factor.
A norm is a key ("l2+") or a table: { norm = "elastic", alpha = 0.5, cone = "+" },
{ norm = "group", groups = [[0, 1], [2]], outer = "linf" }, { norm = "variation", edges, rho },
{ norm = "weighted", weights }; their arrays may be files, with the group number of each coordinate.
A problem with one factor has U alone in [factors]; one with K factors has U, V, X2, ..., or all of
them as X = ["U.npy", "V.npy", ...].  A loss may have a parameter: [loss] kind = "huber",
delta = 1.0; kind = "quantile", tau = 0.9.

A hidden layer is [atom] kind = "relu", V (the data), bias, activation, slope, samples, pool, right;
U and V of [factors] are then its weights in and out.  A trained network can be described by one
table instead, see `_network`.

The keys of data, loss, atom and offsets are the arguments of the registered classes.
"""

import inspect
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationError, create_model

from certify.atoms import ATOMS
from certify.base.arrays import short
from certify.base.errors import InputError, accessing
from certify.base.files import demand_regular
from certify.losses import LOSSES
from certify.norms import NORMS
from certify.offsets import OFFSETS
from certify.pipeline.certificate.file import names_of

from ._base import nearest
from ._kinds import KINDS, Weight, Weights
from ._lines import with_line
from ._source import Ref, Source, Strict

Json = dict[str, Any]
M = TypeVar("M", bound=BaseModel)


class Top(Strict):
    """The whole file; its tables are validated one by one."""

    lam: Weight
    data: Json
    atom: Json
    factors: Json
    loss: Json = Field(default_factory=lambda: {"kind": "squared"})
    offsets: list[Json] = Field(default_factory=list)
    q: list[Ref] | None = None
    restarts: list[Json] = Field(default_factory=list)
    epsilon: Json = Field(default_factory=dict)
    l1: Weights = None


class Listed(Strict):
    """A candidate as a list of arrays."""

    X: list[Ref]


class Epsilon(Strict):
    """The accuracy asked for: upper - lower <= max(atol, rtol |upper|)."""

    rtol: float = 1e-6
    atol: float | None = None


HOMES = {
    **dict.fromkeys(Top.model_fields, "at the top of the file, above the first [table]"),
    **dict.fromkeys(("U", "V", "X"), "in [factors]"),
    **dict.fromkeys(Epsilon.model_fields, "in [epsilon]"),
}


@dataclass(frozen=True)
class Entry:
    """A registered class and its arguments; arrays are still Sources."""

    cls: type[Any]
    arguments: Json

    def sources(self) -> Iterator[Source]:
        """Yield every source in the arguments, nested entries included."""
        for x in self.arguments.values():
            if isinstance(x, Source):
                yield x
            if isinstance(x, Entry):
                yield from x.sources()


@dataclass(frozen=True)
class ProblemFile:
    """The content of a problem.toml, before any array is read."""

    lam: float | list[float]
    loss: Entry
    atom: Entry
    offsets: tuple[Entry, ...]
    factors: tuple[Source, ...]
    q: tuple[Source, ...] | None
    epsilon: Epsilon
    restarts: tuple[tuple[Source, ...], ...] = ()
    l1: list[float] | None = None

    def sources(self) -> list[Source]:
        """Return every source in the file."""
        arrays = [x for e in (self.loss, *self.offsets, self.atom) for x in e.sources()]
        others = [x for fit in self.restarts for x in fit]
        return [*arrays, *self.factors, *others, *(self.q or ())]


def validate_file(path: Path, document: Json) -> ProblemFile:
    """Return the content of a problem.toml.

    Raises InputError, with the file and the key, for anything that is wrong.
    """
    top = validate(Top, document, path, "")
    atom = with_norms(entry(top.atom, ATOMS, path, "atom"), path)
    names = factor_names(atom)
    return ProblemFile(
        lam=top.lam,
        loss=loss(top, path),
        atom=atom,
        offsets=tuple(entry(o, OFFSETS, path, "offsets") for o in top.offsets),
        factors=factors(names, top.factors, path, "factors"),
        q=None if top.q is None else tuple(top.q),
        epsilon=validate(Epsilon, top.epsilon, path, "epsilon"),
        restarts=tuple(factors(names, t, path, "restarts") for t in top.restarts),
        l1=top.l1,
    )


def factor_names(atom: Entry) -> tuple[str, ...]:
    """Return the names of a candidate's arrays: U, V, X2, ..., or U alone."""
    given = atom.arguments
    single = atom.cls.parts == 1 or given.get("symmetric") is True
    keys, order, hidden = (given.get(k) for k in ("norms", "order", "hidden"))
    count = len(keys) if isinstance(keys, list) else order or len(default_norms(atom))
    count = len(hidden) + 1 if isinstance(hidden, list) else count
    return tuple(names_of(1 if single else count))


def default_norms(atom: Entry) -> Sequence[str]:
    """Return the default norms of an atom."""
    parameter = inspect.signature(atom.cls).parameters.get("norms")
    return ("l2", "l2") if parameter is None else parameter.default


def factors(names: tuple[str, ...], table: Json, path: Path, where: str) -> tuple[Source, ...]:
    """Return a candidate's sources: one key for each array, or all of them as X."""
    if "X" not in table:
        fields: Json = dict.fromkeys(names, (Ref, ...))
        model = create_model(where, __base__=Strict, **fields)
        record = validate(model, table, path, where)
        return tuple(getattr(record, k) for k in names)
    listed = validate(Listed, table, path, where).X
    if len(listed) != len(names):
        at = with_line(path, f"{where}.X")
        raise InputError(f"{at}: {where}.X must list {len(names)} arrays, got {len(listed)}")
    return tuple(listed)


def loads(path: Path) -> Json:
    """Return the TOML document.

    Raises InputError for a file that cannot be read, or a stream, which cannot be read twice.
    """
    demand_regular(path)
    with accessing(path, "read"):
        return parse(path.read_bytes(), path)


def parse(blob: bytes, path: Path) -> Json:
    """Return the TOML document in a file's bytes; raise InputError if it is none."""
    try:
        return tomllib.loads(blob.decode("utf-8-sig"))  # Windows writes a byte order mark
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not valid TOML: {error}") from None


def loss(top: Top, path: Path) -> Entry:
    """Return the loss: arrays from [data], all other arguments from [loss]."""
    cls, known = class_of(top.loss, LOSSES, path, "loss")
    arrays = {k: v for k, v in known.items() if v[0] is Ref}
    rest = {k: v for k, v in known.items() if v[0] is not Ref}
    table = {k: v for k, v in top.loss.items() if k != "kind"}
    given = arguments(arrays, top.data, path, "data") | arguments(rest, table, path, "loss")
    return Entry(cls, given)


def entry(
    table: Json, registry: Mapping[str, type[Any]], path: Path, where: str, key: str = "kind"
) -> Entry:
    """Return the registered class of a table's kind, with its arguments."""
    cls, known = class_of(table, registry, path, where, key)
    rest = {k: v for k, v in table.items() if k != key}
    return Entry(cls, arguments(known, rest, path, where))


def with_norms(atom: Entry, path: Path) -> Entry:
    """Return the atom with its norms that are tables as entries."""
    values = {
        k: entry(x, NORMS, path, f"atom.{k}", "norm") if isinstance(x, dict) else x
        for k, x in atom.arguments.items()
    }
    return Entry(atom.cls, values)


def class_of(
    table: Json, registry: Mapping[str, type[Any]], path: Path, where: str, key: str = "kind"
) -> tuple[type[Any], Json]:
    """Return the class of a table's kind and its parameters as (type, default)."""
    kinds = ", ".join(registry)
    if key not in table:
        at = with_line(path, where)
        raise InputError(f"{at}: {where}.{key} is missing; known are {kinds}")
    kind = table[key]
    if not isinstance(kind, str) or kind not in registry:
        near = nearest(str(kind), registry)
        wrong = f"{where}.{key} {kind!r} is unknown"
        at = with_line(path, f"{where}.{key}")
        raise InputError(f"{at}: {wrong}: did you mean {near!r}? Known are {kinds}")
    return registry[kind], parameters(registry[kind])


def parameters(cls: type[Any]) -> Json:
    """Return the arguments of a class as (type, default); the default may be missing: `...`.

    A default that a file cannot hold, such as an array's, is missing.
    """
    known = {}
    for name, p in inspect.signature(cls, eval_str=True).parameters.items():
        held = p.default is None or isinstance(p.default, str | float | int | Sequence)
        known[name] = (KINDS.get(p.annotation, Ref), p.default if held else ...)
    return known


def arguments(fields: Json, table: Json, path: Path, where: str) -> Json:
    """Return the arguments in a table, validated by the parameters of a class."""
    model = create_model(where, __base__=Strict, **fields)
    record = validate(model, table, path, where)
    return {k: getattr(record, k) for k in record.model_fields_set}


def validate(model: type[M], table: Json, path: Path, where: str) -> M:
    """Return the model of a table; raise InputError for the first error, as one sentence."""
    try:
        return model.model_validate(table)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False)
        unknown = [e for e in errors if e["type"] == "extra_forbidden"]
        first = (unknown or errors)[0]
        count = len(errors) - 1
        more = f"; {count} more error{'s follow' if count > 1 else ' follows'}" if count else ""
        at = with_line(path, key_of(first, where))
        message = sentence(first, where, list(model.model_fields))
        raise InputError(f"{at}: {message}{more}") from None


def key_of(error: Mapping[str, Any], where: str) -> str:
    """Return the name of the key of a pydantic error; for a missing key, that of its table."""
    at = [] if error["type"] == "missing" else [str(k) for k in error["loc"]]
    return ".".join([where, *at] if where else at)


def sentence(error: Mapping[str, Any], where: str, known: list[str]) -> str:
    """Return a pydantic error as a sentence with the wrong value."""
    at = [str(k) for k in error["loc"]]
    name = ".".join([where, *at] if where else at)
    if error["type"] == "missing":
        return f"{name} is missing"
    if error["type"] == "extra_forbidden":
        return unknown_key(at[0], where, known)
    message = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    message = message.replace("a valid dictionary", "a table, {key = ...}")
    return f"{name} {message}, got {short(error['input'])}"


def unknown_key(key: str, where: str, known: list[str]) -> str:
    """Return the sentence about an unknown key, with the nearest key or the right table."""
    table = f"in [{where}]" if where else "at the top of the file"
    inputs = key == "X" and "V" in known and where == "atom"  # libraries call a layer's data X
    if not inputs and key in HOMES and key not in known and HOMES[key] != f"in [{where}]":
        return f"the key {key!r} is not known {table}: it belongs {HOMES[key]}"
    if not known:
        return f"the key {key!r} is not known {table}, which has no keys but kind"
    near, listed = "V" if inputs else nearest(key, known), ", ".join(known)
    return f"the key {key!r} is not known {table}: did you mean {near!r}? Known are {listed}"
