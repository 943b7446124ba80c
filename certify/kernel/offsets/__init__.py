"""The table of offsets, and the reader of the offsets in a statement."""

from collections.abc import Sequence

from ..arrays import Array, Arrays
from ..errors import demand
from ..fields import Json, as_list, as_object
from ..patterns import Pattern
from .base import Offset
from .entrywise import Smooth, Sparse
from .low_rank import Column, Intercept, Linear, Mode, Row

__all__ = ["OFFSETS", "Column", "Intercept", "Linear", "Mode", "Offset", "Row", "Smooth", "Sparse"]
__all__ += ["offset_values", "offsets"]

OFFSETS: dict[str, type[Offset]] = {
    o.kind: o for o in (Intercept, Row, Column, Mode, Linear, Sparse, Smooth)
}


def offsets(stated: Json, arrays: Arrays, at: Pattern) -> tuple[Offset, ...]:
    """Read the list of offsets."""
    out = []
    demand("offsets" in stated, "statement.offsets", "missing", sorted(stated))
    for k, entry in enumerate(as_list(stated["offsets"], "statement.offsets")):
        where = f"statement.offsets[{k}]"
        fields = as_object(entry, where)
        kind = str(fields.get("kind"))
        demand(kind in OFFSETS, where, "unknown", kind)
        made = OFFSETS[kind]
        demand(set(fields) == {"kind", *made.fields}, where, "fields", sorted(fields))
        out.append(made.stated(fields, k, arrays, at))
    return tuple(out)


def offset_values(
    arrays: Arrays, prefix: str, kinds: Sequence[Offset], at: Pattern
) -> tuple[Array, ...]:
    """Read one array per offset."""
    named = enumerate(kinds)
    return tuple(arrays.get(f"{prefix}q{k}", o.shape(at)) for k, o in named)
