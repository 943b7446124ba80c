"""One file per norm of a factor's column; the file's name is the norm's name."""

from collections.abc import Sequence
from typing import Any

from certify.base.arrays import accept_word, short
from certify.base.errors import InputError
from certify.base.registry import load

from ._balls import Ellipsoids, Mixture
from ._base import SIGNS, Gauge, support, takes_parameters
from .elastic import Elastic
from .group import Group
from .l1 import L1
from .l2 import L2
from .linf import LInf
from .variation import Variation
from .weighted import Weighted

__all__ = [
    "KEYS",
    "L1",
    "L2",
    "NORMS",
    "PLAIN",
    "Elastic",
    "Ellipsoids",
    "Gauge",
    "Group",
    "LInf",
    "Mixture",
    "Variation",
    "Weighted",
    "gauge",
    "norm_of",
    "support",
]

NORMS = load(__name__, Gauge)
PLAIN = tuple(name for name, entry in NORMS.items() if not takes_parameters(entry))
KEYS = tuple(name + sign for name in PLAIN for sign in SIGNS)


def norm_of(statement: str | dict[str, Any], side: str, data: dict[str, Any]) -> Gauge:
    """Return the norm that a statement describes, a key or parameters and arrays of its side."""
    if isinstance(statement, str):
        return gauge(statement)
    texts = {k: x for k, x in statement.items() if k not in ("norm", "cone")}
    prefix = f"{side}."
    arrays = {k.removeprefix(prefix): x for k, x in data.items() if k.startswith(prefix)}
    return NORMS[statement["norm"]].from_statement(statement["cone"], texts, arrays)


def gauge(norm: object) -> Gauge:
    """Return a gauge: an object unchanged, or the norm with a key such as "l2", "l2+" or "linf-".

    Raises InputError for anything else; a norm with parameters has no key.
    """
    if isinstance(norm, Gauge):
        return norm
    if isinstance(norm, str) and norm in KEYS:
        name = norm.rstrip("+-")
        return NORMS[name](cone=norm.removeprefix(name))
    wanted = f"a norm must be one of {', '.join(KEYS)}"
    name = norm.rstrip("+-") if isinstance(norm, str) else ""
    if name in NORMS and name not in PLAIN:
        made = f"{NORMS[name].__name__}(...) of certify.norms"
        raise InputError(f"{wanted}, got {norm!r}, which has parameters: give {made}")
    raise InputError(f"{wanted}, got {short(norm)}")


def plain_key(norm: object, name: str, keys: Sequence[str] = KEYS) -> str:
    """Return the key of a norm without parameters, given by its key or as an object.

    Raises InputError for anything but `keys`; `name` is the argument's.
    """
    key = norm.key if isinstance(norm, Gauge) and norm.is_plain else norm
    return str(accept_word(key, name, keys))
