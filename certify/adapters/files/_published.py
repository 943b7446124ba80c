"""The JSON schema of problem.toml, for editors; what it says comes from the registries."""

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from certify.atoms import ATOMS
from certify.losses import LOSSES
from certify.norms import GAUGES, KEYS
from certify.offsets import OFFSETS
from certify.pipeline.certificate.file import names_of

from ._kinds import NormRef, NormsRef
from ._network import Table
from ._schema import Epsilon, Json, parameters
from ._source import Ref

FILE = "problem.schema.json"
MOST = 9  # factors that are listed by name
PLAIN: dict[Any, Json] = {
    float: {"type": "number"},
    int: {"type": "integer"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    Ref: {"$ref": "#/$defs/array"},
    NormRef: {"$ref": "#/$defs/norm"},
    NormsRef: {"$ref": "#/$defs/norms"},
    float | None: {"type": "number"},
    str | None: {"type": "string"},
    float | list[float]: {"type": ["number", "array"], "items": {"type": "number"}},
}


def published() -> str:
    """Return the schema's text as it is shipped."""
    return files(__package__).joinpath(FILE).read_text(encoding="utf-8")


def schema() -> Json:
    """Return the schema of a problem.toml, made from the classes themselves."""
    factor = dict.fromkeys((*names_of(MOST),), PLAIN[Ref]) | {"X": listed(PLAIN[Ref])}
    data, losses = split_losses()
    tables: Json = {
        "lam": {"type": "number", "minimum": 0, "description": "the weight of theta"},
        "data": table(data, ["Y"], "what was fitted"),
        "loss": {"description": first_line(LOSSES["squared"]), "oneOf": losses},
        "atom": {"oneOf": entries(ATOMS)},
        "offsets": listed({"oneOf": entries(OFFSETS)}),
        "factors": table(factor, [], "the candidate: U, V, X2, ... or all of them as X"),
        "restarts": listed(table(factor, [], "another fit")),
        "q": listed(PLAIN[Ref]),
        "epsilon": modelled(Epsilon),
        "network": modelled(Table),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "problem.toml of certify",
        "type": "object",
        "properties": tables,
        "additionalProperties": False,
        "anyOf": [{"required": ["lam", "data", "atom", "factors"]}, {"required": ["network"]}],
        "$defs": definitions(),
    }


def definitions() -> Json:
    """Return what an array and a norm may be written as."""
    keyed = table(
        {"file": PLAIN[str], "key": PLAIN[str], "transpose": PLAIN[bool]},
        ["file"],
        "an array in a file",
    )
    norms: Json = {"type": ["string", "array"], "items": {"enum": list(KEYS)}}
    array = {"anyOf": [{"type": ["string", "number", "array"]}, keyed]}
    return {
        "array": array | {"description": 'a file ("Y.npy", "data.npz:Y") or numbers'},
        "norm": {"anyOf": [{"enum": list(KEYS)}, {"oneOf": entries(GAUGES, "norm")}]},
        "norms": norms | {"description": "one norm a mode"},
    }


def split_losses() -> tuple[Json, list[Json]]:
    """Return the arrays of all losses, which stand in [data], and each loss's own table."""
    data: Json = {}
    kinds = []
    for name, cls in LOSSES.items():
        known = parameters(cls)
        data |= {k: PLAIN[Ref] for k, (kind, _) in known.items() if kind is Ref}
        own = {k: v for k, v in known.items() if v[0] is not Ref}
        kinds.append(kind_of(name, own, first_line(cls)))
    return data, kinds


def entries(registry: Mapping[str, type[Any]], key: str = "kind") -> list[Json]:
    """Return the table of each registered class."""
    return [kind_of(k, parameters(cls), first_line(cls), key) for k, cls in registry.items()]


def kind_of(name: str, known: Json, said: str, key: str = "kind") -> Json:
    """Return the table of one class: its name, and its arguments."""
    fields = {k: plain(kind) for k, (kind, _) in known.items()}
    due = [k for k, (_, default) in known.items() if default is ...]
    return table({key: {"const": name}} | fields, [key, *due], said)


def modelled(model: Any) -> Json:  # noqa: ANN401  a pydantic model
    """Return the table of a model."""
    fields = model.model_fields
    due = [k for k, f in fields.items() if f.is_required()]
    held = {k: plain(f.annotation if not f.metadata else whole(f)) for k, f in fields.items()}
    return table(held, due, first_line(model))


def whole(field: Any) -> Any:  # noqa: ANN401  pydantic splits an annotated type
    """Return the type of a field: an array's, if that is how it is read."""
    return field.annotation if field.annotation in PLAIN else Ref


def plain(kind: Any) -> Json:  # noqa: ANN401  a type
    """Return the schema of a type."""
    return PLAIN[kind]


def table(fields: Json, due: list[str], said: str) -> Json:
    """Return an object of these keys and no others."""
    out: Json = {"type": "object", "description": said, "properties": fields}
    return out | ({"required": due} if due else {}) | {"additionalProperties": False}


def listed(item: Json) -> Json:
    """Return a list."""
    return {"type": "array", "items": item}


def first_line(cls: type[Any]) -> str:
    """Return the first line of a docstring."""
    return (cls.__doc__ or "").strip().splitlines()[0].rstrip(":")


if __name__ == "__main__":
    target = files(__package__).joinpath(FILE)
    Path(str(target)).write_text(
        json.dumps(schema(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
