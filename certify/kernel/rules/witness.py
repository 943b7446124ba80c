"""What several rules read from a proof: signs, sides, factors, the arrays of a part."""

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


def cholesky_factor(given: Arrays, k: int) -> Array | None:
    """Return the packed lower triangle of size k, if the proof has one."""
    return given.get("L", (k * (k + 1) // 2,)) if "L" in given.arrays else None


def apart(given: Arrays) -> dict[int, Arrays]:
    """Return the arrays of each slice: s3.NAME is NAME of slice 3."""
    own: dict[int, dict[str, Array]] = {}
    for name, a in given.arrays.items():
        head, dot, rest = name.partition(".")
        if dot and head[:1] == "s" and head[1:].isdecimal() and len(head) < 20:
            own.setdefault(int(head[1:]), {})[rest] = a
    return {t: Arrays(arrays, given.where) for t, arrays in own.items()}
