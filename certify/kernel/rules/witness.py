"""Parts of a proof that several rules read: signs, sides, proofs of slices and their arrays."""

from collections.abc import Iterable, Iterator, Sequence

from ..arithmetic import Arithmetic, H
from ..arrays import Array, Arrays, is_increasing
from ..errors import demand
from ..fields import Json, as_list, as_object, index
from ..norms import Norm
from ..patterns import Pattern


def meets(x: float, *cones: str) -> bool:
    """Whether x u v ... >= 0 for all u, v, ... in these cones of one coordinate; x is not 0."""
    if "0" in cones:
        return True
    return "*" not in cones and (x > 0) == (cones.count("-") % 2 == 0)


def of_signs(
    ar: Arithmetic[H], a: Array, name: str, places: Iterable[Sequence[int]], sides: Sequence[Norm]
) -> H:
    """Return multipliers A whose entries have the sign of x_i y_j ..., so that <A, x o y ...> >= 0.

    The norms `sides` of x, y, ... say the signs; places has the multi-index of each entry.
    """
    where = f"proof.{name}"
    demand(all(n.cone != "*" for n in sides), where, "wrong_rule", "a factor without a sign")
    for x, place in zip(a.data, places, strict=True):
        fits = not x or meets(x, *(n.sign(i) for n, i in zip(sides, place, strict=True)))
        demand(fits, where, "sign", x)
    return ar.load(a)


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


def modes_of(rows: object, order: int, where: str) -> list[int]:
    """Read a group of modes: increasing, at least one, not all."""
    modes = list(rows) if isinstance(rows, list) else []
    inside = all(type(k) is int and 0 <= k < order for k in modes)
    demand(0 < len(modes) < order and inside, where, "axis", rows)
    demand(is_increasing(modes), where, "order", rows)
    return modes
