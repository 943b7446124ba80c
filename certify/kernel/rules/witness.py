"""Parts of a proof that several rules read: signs, sides and groups of modes."""

from collections.abc import Iterable, Sequence

from ..arithmetic import Arithmetic, H
from ..arrays import Array, is_increasing
from ..errors import demand
from ..evidence import Evidence
from ..fields import index
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


def gram_side(proof: Evidence, at: Pattern, *, stored: bool) -> int:
    """Return the axis of the Gram matrix: of the smaller size, or any if the proof has its M.

    stored  whether the proof has M.  So a few bytes of proof cannot ask for more memory than the
            question takes
    """
    where, sizes = f"{proof.where}.axis", (at.m, at.n)
    axis = index(proof.fields.get("axis"), 2, where, "axis")
    demand(stored or sizes[axis] == min(sizes), where, "axis", axis)
    return axis


def modes_of(rows: object, order: int, where: str) -> list[int]:
    """Read a group of modes: increasing, at least one, not all."""
    modes = list(rows) if isinstance(rows, list) else []
    inside = all(type(k) is int and 0 <= k < order for k in modes)
    demand(0 < len(modes) < order and inside, where, "axis", rows)
    demand(is_increasing(modes), where, "order", rows)
    return modes
