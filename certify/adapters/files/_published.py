"""The JSON schema of problem.toml for editors, made from the models that read it."""

import json
from collections.abc import Mapping
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any, Literal

from pydantic import create_model

from certify.atoms import ATOMS
from certify.losses import LOSSES
from certify.norms import NORMS
from certify.offsets import OFFSETS
from certify.pipeline.certificate.file import names_of

from ._blocks import Table as Blocks
from ._kinds import Weight, Weights
from ._network import Table
from ._schema import Epsilon, Json, parameters
from ._source import Ref, Strict, Untitled

FILE = Path(__file__).with_name("problem.schema.json")
MOST = 9  # factors that are listed by name
several: Any = list  # of a type that is made at run time


def schema() -> Json:
    """Return the schema of a problem.toml."""
    factor: Json = dict.fromkeys(names_of(MOST), (Ref, None)) | {"X": (list[Ref], None)}
    data, losses = split_losses()
    tables: Json = {
        "lam": Weight,
        "l1": Weights,
        "data": table("data", "what was fitted", data),
        "loss": losses,
        "atom": entries(ATOMS),
        "offsets": several[entries(OFFSETS)],
        "factors": table("factors", "the candidate: U, V, X2, ... or all of them as X", factor),
        "restarts": several[table("fit", "another fit", factor)],
        "q": list[Ref],
        "epsilon": Epsilon,
        "network": Table,
        "blocks": Blocks,
        "norm": entries(NORMS, "norm"),
    }
    made = table("problem.toml", "of certify", {k: (x, None) for k, x in tables.items()})
    out: Json = made.model_json_schema(schema_generator=Untitled)
    out["$defs"]["NormRef"]["anyOf"].append(out["properties"].pop("norm"))
    whole = [{"required": ["lam", "data", "atom", "factors"]}, {"required": ["network"]}]
    whole.append({"required": ["lam", "blocks"]})
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **out, "anyOf": whole}


def split_losses() -> tuple[Json, Any]:
    """Return the arrays of all losses, for [data], and the union of the tables for [loss]."""
    data: Json = {}
    tables: Json = {}
    for name, cls in LOSSES.items():
        known = parameters(cls)
        data |= {k: (Ref, ... if k == "Y" else None) for k, x in known.items() if x[0] is Ref}
        fields = {k: x for k, x in known.items() if x[0] is not Ref}
        tables[name] = table(name, first_line(cls), {"kind": (Literal[name], ...)} | fields)
    return data, reduce(or_, tables.values())


def entries(registry: Mapping[str, type[Any]], key: str = "kind") -> Any:
    """Return the union of the tables of the registered classes."""
    fields = {k: {key: (Literal[k], ...)} | parameters(cls) for k, cls in registry.items()}
    return reduce(or_, [table(k, first_line(registry[k]), x) for k, x in fields.items()])


def table(name: str, doc: str, fields: Json) -> Any:
    """Return the model of a table with these keys and no others."""
    return create_model(name, __base__=Strict, __doc__=doc, **fields)


def first_line(cls: type[Any]) -> str:
    """Return the first line of a docstring."""
    return (cls.__doc__ or "").strip().splitlines()[0].rstrip(":")


if __name__ == "__main__":
    text = json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"
    FILE.write_text(text, encoding="utf-8")
