"""What several rules read from a proof: signs, sides, the proofs of slices and their arrays."""

from collections.abc import Iterator

from ..arrays import Array, Arrays
from ..errors import demand
from ..fields import Json
from ..patterns import Pattern

SIGNS = {"*": (1, -1), "+": (1,), "-": (-1,), "0": ()}


def meets(x: float, a: str, b: str) -> bool:
    """Whether x u v >= 0 for all u in the cone a and v in the cone b, x not 0."""
    if "0" in a + b:
        return True
    return "*" not in a + b and (x > 0) == (a == b)


def gram_side(found: Json, at: Pattern, where: str, *, held: bool) -> int:
    """Return the axis of the Gram matrix: the smaller one, or any whose M the file holds.

    So a few bytes of proof cannot ask for more memory than the question's own size.
    """
    axis, sizes = found.get("axis"), (at.m, at.n)
    demand(type(axis) is int and axis in (0, 1), where, "axis", axis)
    side = int(axis == 1)
    demand(held or sizes[side] == min(sizes), where, "axis", axis)
    return side


def apart(given: Arrays) -> dict[int, Arrays]:
    """Return the arrays of each slice: s3.NAME is NAME of slice 3."""
    own: dict[int, dict[str, Array]] = {}
    for name, a in given.arrays.items():
        head, dot, rest = name.partition(".")
        if dot and head[:1] == "s" and head[1:].isdecimal() and len(head) < 20:
            own.setdefault(int(head[1:]), {})[rest] = a
    return {t: Arrays(arrays, given.where) for t, arrays in own.items()}


def inside(given: Arrays, prefix: str) -> Arrays:
    """Return the arrays whose names begin with a prefix, without it."""
    mine = {k: a for k, a in given.arrays.items() if k.startswith(prefix)}
    return Arrays({k.removeprefix(prefix): a for k, a in mine.items()}, given.where)


def proofs_of(proof: Json, given: Arrays, count: int) -> Iterator[tuple[Json, Arrays]]:
    """Yield the proof of each slice, listed in "each", with its own arrays."""
    each, own, where = proof.get("each"), apart(given), "proof.polar.each"
    demand(isinstance(each, list), where, "list", type(each).__name__)
    found = list(each or [])
    demand(len(found) == count, where, "list", f"{len(found)}, not {count}")
    for t, held in enumerate(found):
        demand(isinstance(held, dict), f"{where}[{t}]", "json", type(held).__name__)
        yield held, own.get(t, Arrays({}, "proof"))
