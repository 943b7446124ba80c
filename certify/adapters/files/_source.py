"""The source of an array: a file, a name in a file, or numbers in the TOML."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError, WithJsonSchema
from pydantic.json_schema import GenerateJsonSchema
from scipy import sparse
from typing_extensions import TypeAliasType

from certify.base.arrays import as_float, rounding_message
from certify.base.errors import InputError, accessing
from certify.base.files import demand_regular

from ._base import Format
from ._table import kind_of
from ._triplets import ORDERS, Order, matrix, subtract, triplets


@dataclass(frozen=True)
class Source:
    """A file, perhaps with a key, or inline numbers.

    columns  the names of users, items and ratings, in a list of ratings
    order    how ids are numbered, see certify.adapters.arrays.triplets
    shape    (users, items), if ids are row numbers; None: up to the largest ids
    less     a number to subtract from every rating: the mean that the model adds
    """

    file: str = ""
    key: str | None = None
    inline: Any = None
    transpose: bool = False
    columns: tuple[str, ...] = ()
    order: str = "number"
    shape: tuple[int, int] | None = None
    less: float = 0.0


class Untitled(GenerateJsonSchema):
    """A JSON schema without titles, which would repeat the keys."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Return False."""
        return False


class Strict(BaseModel):
    """A table in which every key is known and no value is converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Named(Strict):
    """An array of a file; transpose: reverse its axes."""

    file: str
    key: str | None = None
    transpose: bool = False


class Ratings(Strict):
    """A list of ratings; order: how ids are numbered; less: a number to subtract."""

    file: str
    columns: list[str] = Field(min_length=3, max_length=3)
    order: Order = "number"
    shape: list[int] | None = Field(default=None, min_length=2, max_length=2)
    less: float = 0.0


def parse_source(x: object) -> Source:
    """Read "a.npy", "a.npz:Y", {file = "a.npz", key = "Y"}, a number or nested lists.

    {file = "H.npy", transpose = true} is the array with its axes reversed, and {file = "r.csv",
    columns = ["userId", "movieId", "rating"], order, shape, less} a list of ratings.

    Raises ValueError with a sentence without its subject, the key.
    """
    if isinstance(x, str) and x and "\0" not in x:
        head, _, key = x.rpartition(":")
        keyed = Path(head).suffix != "" and "/" not in key and "\\" not in key
        return Source(head, key) if keyed else Source(x)
    if isinstance(x, list) or (isinstance(x, int | float) and not isinstance(x, bool)):
        return Source(inline=x)
    model, wanted = (Ratings, LISTED) if isinstance(x, dict) and "columns" in x else (Named, FILE)
    try:
        given = model.model_validate(x).model_dump()
    except ValidationError:
        raise ValueError(wanted) from None
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    return Source(**fields)


FILE = (
    'must be a file ("a.npy", "a.npz:Y"), {file = ..., key = ...}, there with transpose = true or '
    "false, or numbers"
)
LISTED = (
    'must be {file = "r.csv", columns = ["userId", "itemId", "rating"]}, beside them order = one '
    f"of {', '.join(map(json.dumps, ORDERS))}; shape = [users, items]; less = a number"
)
SHAPE: dict[str, Any] = {
    "anyOf": [
        {"type": ["string", "number", "array"]},
        *(x.model_json_schema(schema_generator=Untitled) for x in (Named, Ratings)),
    ],
    "description": 'a file ("Y.npy", "data.npz:Y"), a list of ratings or numbers',
}
Ref = TypeAliasType("Ref", Annotated[Any, PlainValidator(parse_source), WithJsonSchema(SHAPE)])


@dataclass(frozen=True)
class Reader:
    """Reads sources relative to a folder."""

    folder: Path
    formats: dict[str, type[Format]]

    def path(self, source: Source) -> Path:
        """Return the file of a source."""
        return self.folder / source.file

    def read(self, source: Source, name: str) -> Any:
        """Return the array of a source.

        Raises InputError, with the file, for anything that is not a plain array.
        """
        if not source.file:
            return numbers(source.inline, name)
        path = self.path(source)
        demand_regular(path)
        if source.columns:
            return ratings_matrix(path, source)
        suffix = kind_of(path)
        if suffix not in self.formats:
            known = ", ".join(f".{k}" for k in self.formats)
            raise InputError(f"{name} is in {path}, whose format is not read; known are {known}")
        entry = self.formats[suffix]
        if source.key is not None and not entry.keyed:
            raise InputError(f"{path} holds one array and no names, got the key {source.key!r}")
        with accessing(path, "read"):
            array = entry().read(path, source.key)
        return array.T if source.transpose else array

    def samples(self, source: Source, name: str) -> Any:
        """Return an array of whole numbers as integers."""
        a = self.read(source, name)
        whole = isinstance(a, np.ndarray) and a.dtype.kind == "f" and (a == np.floor(a)).all()
        return a.reshape(-1).astype(np.int64) if whole else a

    def mask(self, source: Source, name: str) -> Any:
        """Return a mask: booleans, or numbers that are all 0 or 1."""
        a = self.read(source, name)
        if sparse.issparse(a):
            raise InputError("mask must be dense; a sparse Y needs none: its entries are the mask")
        if a.dtype.kind not in "iuf":
            return a
        wrong = a[(a != 0) & (a != 1)]
        if wrong.size:
            raise InputError(f"mask must hold booleans or 0 and 1, got {wrong.flat[0]}")
        return a == 1


def ratings_matrix(path: Path, source: Source) -> Any:
    """Return a list of ratings as a sparse matrix, minus `less`.

    Raises InputError, with the file, for anything else.
    """
    entries = subtract(triplets(path, source.columns, source.order).matrix, source.less)
    rows, cols = entries.coords
    return matrix(rows, cols, entries.data, source.shape or entries.shape)


def numbers(x: object, name: str) -> Any:
    """Return numbers in the TOML as an array; only decimals are rounded."""
    try:
        a = np.asarray(x)
    except ValueError:
        raise InputError(f"{name} must be a rectangle of numbers, got rows that differ") from None
    for k in leaves(x):
        if isinstance(k, int) and as_float(k) is None:
            raise InputError(rounding_message(name, k))
        if not isinstance(k, int | float):
            raise InputError(f"{name} must hold numbers, got {k!r}")
    return a


def leaves(x: object) -> list[Any]:
    """Return the entries of nested lists."""
    return [k for part in x for k in leaves(part)] if isinstance(x, list) else [x]
