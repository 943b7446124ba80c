"""Numbers for people; a bound is never rounded to the side on which it is not proved."""

import math
import sys
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal


def short(x: float, digits: int = 7) -> str:
    """Return a number of so many digits, rounded to the nearest."""
    return plain(f"{x:.{digits}g}")


def at_least(x: float, digits: int = 10) -> str:
    """Return a lower bound, rounded down."""
    return rounded(x, digits, ROUND_FLOOR)


def at_most(x: float, digits: int = 10) -> str:
    """Return an upper bound, rounded up."""
    return rounded(x, digits, ROUND_CEILING)


def rounded(x: float, digits: int, way: str) -> str:
    """Return a number of so many digits, rounded one way."""
    if not math.isfinite(x):
        return f"{x:g}"
    held = Context(prec=digits, rounding=way).create_decimal(Decimal(x))
    if 0 < abs(x) < sys.float_info.min:  # a float so small has fewer digits than are shown
        return str(held.normalize()).lower()
    return plain(f"{float(held):.{digits}g}")


def plain(text: str) -> str:
    """Return an exponent without its zeros."""
    return text.replace("e-0", "e-").replace("e+0", "e+")
