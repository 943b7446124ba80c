"""The table of norms, and the reader of a norm in a statement."""

from ..arrays import Array, Arrays
from ..errors import demand
from ..fields import Json, only
from .base import CONES, SIGNS, Norm
from .elastic import Elastic
from .groups import Groups
from .lp import L1, L2, Biased, LInf
from .variation import Variation
from .weighted import Weighted

__all__ = ["L1", "L2", "NORMS", "PLAIN", "SIGNS", "Biased", "Elastic", "Groups", "LInf", "Norm"]
__all__ += ["Variation", "Weighted", "norm", "outside_cone", "plain"]

# These have a key and no parameters.  Of one coordinate each is |x|, and none is above l1.
PLAIN: dict[str, type[Norm]] = {"l1": L1, "l2": L2, "linf": LInf}
NORMS: dict[str, type[Norm]] = {
    **PLAIN,
    "elastic": Elastic,
    "group": Groups,
    "variation": Variation,
    "weighted": Weighted,
}


def plain(key: str, size: int, where: str = "norm") -> Norm:
    """Return the norm written "l1", "l2" or "linf", with the sign "+" or "-" if it has one."""
    name = key.rstrip("+-")
    demand(name in PLAIN and len(key) - len(name) < 2, where, "unknown", repr(key))
    return PLAIN[name](size, key[len(name) :] or "*")


def norm(atom: Json, side: str, size: int, arrays: Arrays) -> Norm:
    """Read the norm of one side: a key, or an object with its parameters and arrays."""
    stated, where = atom.get(side), f"statement.atom.{side}"
    if isinstance(stated, str):
        return plain(stated, size, where)
    demand(isinstance(stated, dict), where, "unknown", repr(stated))
    fields = dict(stated or {})
    name = fields.get("norm")
    demand(str(name) in NORMS, f"{where}.norm", "unknown", repr(name))
    kind = NORMS[str(name)]
    only(fields, {"norm", "cone", *kind.fields}, where)
    cone = fields.get("cone")
    demand(isinstance(cone, str), f"{where}.cone", "cone", type(cone).__name__)
    cone = str(cone) or "*"
    fits = len(cone) in (1, size) and set(cone) <= set(CONES) and set(cone) != {"0"}
    demand(fits, f"{where}.cone", "cone", f"{cone} for {size} coordinates")
    cone = cone[0] if len(set(cone)) == 1 else cone
    return kind.stated((size, cone), fields, arrays, side)


def outside_cone(n: Norm, factor: Array) -> float | None:
    """Return an entry of a factor outside the cone, if there is one."""
    r = factor.shape[1]
    rows = [(n.cone, factor.data)]
    if len(n.cone) > 1:
        rows = [(c, factor.data[i * r : i * r + r]) for i, c in enumerate(n.cone)]
    for cone, row in rows:
        low, high = min(row, default=0.0), max(row, default=0.0)
        if cone in "+0" and low < 0:
            return low
        if cone in "-0" and high > 0:
            return high
    return None
