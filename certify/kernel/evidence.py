"""Evidence: a part of the proof, its JSON with its arrays.  All of it is only witnesses."""

from collections.abc import Iterator
from typing import NamedTuple

from .arrays import Array, Arrays
from .errors import demand
from .fields import Json, as_list, as_object, part

POLAR = "proof.polar"


class Evidence(NamedTuple):
    """The JSON of a part of the proof, and its arrays.

    where  its name in rejections
    mark   the end of the names of its arrays: for a leaf t of a tree they are N<t>, D<t>, ...
    """

    fields: Json
    given: Arrays
    where: str = POLAR
    mark: str = ""

    def part(self, name: str, prefix: str = "") -> "Evidence":
        """Return the object of this name, {} if there is none, with the arrays of a prefix."""
        fields = part(self.fields, name, self.where)
        return Evidence(fields, with_prefix(self.given, prefix), f"{self.where}.{name}")

    def leaf(self, node: Json) -> "Evidence":
        """Return the evidence of a leaf, {"leaf": t, ...}."""
        t, where = node["leaf"], f"{POLAR}.nodes"
        demand(type(t) is int and t >= 0, where, "outside", t)
        return Evidence(node, self.given, where, str(t))

    def each(self, count: int) -> Iterator["Evidence"]:
        """Yield the evidence of each slice, listed in "each"; the arrays of slice 3 are s3.NAME."""
        slices, where = slice_arrays(self.given), f"{POLAR}.each"
        proofs = as_list(self.fields.get("each"), where)
        demand(len(proofs) == count, where, "list", f"{len(proofs)}, not {count}")
        for t, inner in enumerate(proofs):
            arrays = slices.get(t, Arrays({}, "proof"))
            yield Evidence(as_object(inner, f"{where}[{t}]"), arrays)

    def find(self, letter: str, *shape: int) -> Array | None:
        """Return the array named by a letter and the mark, or None if there is none."""
        return self.given.find(f"{letter}{self.mark}", shape)


def slice_arrays(given: Arrays) -> dict[int, Arrays]:
    """Return the arrays of each slice: s3.NAME is the array NAME of slice 3."""
    slices: dict[int, dict[str, Array]] = {}
    for name, a in given.arrays.items():
        head, dot, rest = name.partition(".")
        if dot and head[:1] == "s" and head[1:].isdecimal() and len(head) < 20:
            slices.setdefault(int(head[1:]), {})[rest] = a
    return {t: Arrays(arrays, given.where) for t, arrays in slices.items()}


def with_prefix(given: Arrays, prefix: str) -> Arrays:
    """Return the arrays whose names begin with a prefix, without it."""
    mine = {k: a for k, a in given.arrays.items() if k.startswith(prefix)}
    return Arrays({k.removeprefix(prefix): a for k, a in mine.items()}, given.where)
