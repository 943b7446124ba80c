"""Numbers for readers; a bound is only rounded to the side on which it is still proved."""

import math
import sys
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction

WHOLE = 1e6  # per cent up to which all digits before the point are shown


def short(x: float, digits: int = 7) -> str:
    """Return a number with `digits` digits, rounded to the nearest."""
    return plain(f"{x:.{digits}g}")


def at_least(x: float, digits: int = 10) -> str:
    """Return a lower bound, rounded down."""
    return round_to(x, digits, ROUND_FLOOR)


def at_most(x: float, digits: int = 10) -> str:
    """Return an upper bound, rounded up."""
    return round_to(x, digits, ROUND_CEILING)


def distance(lower: float, upper: float, *, proved: bool) -> str:
    """Say how far above the optimum an objective of at most `upper` can be."""
    how = "proved" if proved else "by floats, nothing proved"
    most = excess(lower, upper)
    if not most:
        return f"no bound of the distance to the optimum ({how})"
    return f"at most {most} above the optimum ({how})"


def excess(lower: float, upper: float) -> str:
    """Return how far `upper` can be above the optimum, rounded up; "" without a bound.

    If the lower bound is positive, it is a share of that, as "0.0009 %": f - optimum <= share *
    optimum.
    """
    if not (math.isfinite(lower) and math.isfinite(upper)):
        return ""
    gap = max(Fraction(upper) - Fraction(lower), Fraction(0))
    if lower <= 0 < gap:
        return at_most(float_up(gap), 3)
    return percent(float_up(100 * gap / Fraction(lower)) if gap else 0.0)


def percent(share: float, digits: int = 2) -> str:
    """Return per cent, rounded up to `digits` digits, but with all digits before the point."""
    return f"{at_most(share, digits_of(share, digits))} %"


def digits_of(share: float, digits: int = 2) -> int:
    """Return `digits`, or as many as there are before the point of a share below WHOLE."""
    return max(digits, len(str(math.ceil(share)))) if share < WHOLE else digits


def apart(low: float, high: float) -> tuple[str, str]:
    """Return a number and a bound above it with as many digits as tell them apart, 4 or more."""
    digits = next((k for k in range(4, 17) if short(low, k) != short(high, k)), 4)
    return short(low, digits), at_most(high, digits)


def divide(lower: float, upper: float, multiple: float) -> tuple[float, float]:
    """Return a bracket divided by a multiple, rounded outward."""
    down, up = lower / multiple, upper / multiple
    return math.nextafter(down, -math.inf), math.nextafter(up, math.inf)


def float_up(x: Fraction) -> float:
    """Return the least float that is at least x."""
    try:
        nearest = float(x)
    except OverflowError:
        return math.inf
    return math.nextafter(nearest, math.inf) if Fraction(nearest) < x else nearest


def round_to(x: float, digits: int, way: str) -> str:
    """Return a number with `digits` digits, rounded in one direction."""
    if not math.isfinite(x):
        return f"{x:g}"
    decimal = Context(prec=digits, rounding=way).create_decimal(Decimal(x))
    if 0 < abs(x) < sys.float_info.min:  # a subnormal float has fewer digits
        return str(decimal.normalize()).lower()
    return plain(f"{float(decimal):.{digits}g}")


def plain(text: str) -> str:
    """Return a number without leading zeros in its exponent."""
    return text.replace("e-0", "e-").replace("e+0", "e+")
