"""One file per norm of a factor's column; the file's name is the norm's name."""

from certify._errors import InputError
from certify._registry import load

from ._base import Gauge

__all__ = ["GAUGES", "KEYS", "Gauge", "gauge"]

GAUGES = load(__name__, Gauge)
KEYS = tuple(name + sign for name in GAUGES for sign in ("", "+"))


def gauge(key: object) -> Gauge:
    """Return the gauge written "l2" or, on nonnegative vectors, "l2+"."""
    if key not in KEYS:
        raise InputError(f"a norm must be one of {', '.join(KEYS)}, got {key!r}")
    text = str(key)
    return GAUGES[text.rstrip("+")](nonneg=text.endswith("+"))
