"""Parts of a proof that several rules read: signs, sides, proofs of slices and their arrays."""

from collections.abc import Iterator

from ..arrays import Array, Arrays
from ..errors import demand
from ..fields import Json, as_list, as_object, index
from ..patterns import Pattern


def meets(x: float, a: str, b: str) -> bool:
    """Whether x u v >= 0 for all u in the cone a and v in the cone b; x is not 0."""
    if "0" in a + b:
        return True
    return "*" not in a + b and (x > 0) == (a == b)


def gram_side(fields: Json, at: Pattern, where: str, *, stored: bool) -> int:
    """Return the axis of the Gram matrix: of the smaller size, or any if the proof has its M.

    stored  whether the proof has M.  So a few bytes of proof cannot ask for more memory than the
            question takes
    """
    axis, sizes = index(fields.get("axis"), 2, where, "axis"), (at.m, at.n)
    demand(stored or sizes[axis] == min(sizes), where, "axis", axis)
    return axis


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


def proofs_of(proof: Json, given: Arrays, count: int) -> Iterator[tuple[Json, Arrays]]:
    """Yield the proof of each slice, listed in "each", with its own arrays."""
    slices, where = slice_arrays(given), "proof.polar.each"
    proofs = as_list(proof.get("each"), where)
    demand(len(proofs) == count, where, "list", f"{len(proofs)}, not {count}")
    for t, inner in enumerate(proofs):
        yield as_object(inner, f"{where}[{t}]"), slices.get(t, Arrays({}, "proof"))
