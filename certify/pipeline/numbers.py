"""Numbers for readers; a bound is only rounded to the side on which it is still proved."""

import math
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction

Number = float | Fraction
LEAST_POWER = -4  # smaller numbers are written with an exponent, as floats are
WHOLE = 1e6  # per cent up to which all digits before the point are shown


def short(x: float, digits: int = 7) -> str:
    """Return a number with `digits` digits, rounded to the nearest."""
    return plain(f"{x:.{digits}g}")


def at_least(x: Number, digits: int = 10) -> str:
    """Return a lower bound, rounded down."""
    return round_to(x, digits, ROUND_FLOOR)


def at_most(x: Number, digits: int = 10) -> str:
    """Return an upper bound, rounded up."""
    return round_to(x, digits, ROUND_CEILING)


def distance(lower: float, upper: float, over: str, *, proved: bool) -> str:
    """Say how far above the optimum an objective of at most `upper` can be.

    over  over what the bound holds, as "any size"
    """
    how = "proved" if proved else "by floats, nothing proved"
    most = excess(lower, upper)
    if not most:
        return f"no bound of the distance to the optimum over {over} ({how})"
    return f"at most {most} above the optimum over {over} ({how})"


def excess(lower: float, upper: float) -> str:
    """Return how far `upper` can be above the optimum, rounded up; "" without a bound.

    If the lower bound is positive, it is a share of that, as "0.0009 %": f - optimum <= share *
    optimum.
    """
    if not (math.isfinite(lower) and math.isfinite(upper)):
        return ""
    gap = max(Fraction(upper) - Fraction(lower), Fraction(0))
    if lower <= 0 < gap:
        return at_most(gap, 3)
    return percent(100 * gap / Fraction(lower) if gap else 0.0)


def per_cent(share: float) -> Number:
    """Return 100 times a share, exactly if it is finite."""
    return 100 * Fraction(share) if math.isfinite(share) else share


def share_of(distance: Fraction, whole: Fraction, digits: int = 2) -> str:
    """Return a distance in per cent of a number, rounded up; the distance itself if that is 0."""
    return percent(100 * distance / abs(whole), digits) if whole else at_most(distance, digits)


def percent(share: Number, digits: int = 2) -> str:
    """Return per cent, rounded up to `digits` digits, but with all digits before the point."""
    return f"{at_most(share, digits_of(share, digits))} %"


def digits_of(share: Number, digits: int = 2) -> int:
    """Return `digits`, or as many as there are before the point of a share below WHOLE."""
    return max(digits, len(str(math.ceil(share)))) if share < WHOLE else digits


def apart(low: float, high: float) -> tuple[str, str]:
    """Return a number and a bound above it with as many digits as tell them apart, 4 or more."""
    digits = next((k for k in range(4, 17) if short(low, k) != short(high, k)), 4)
    return short(low, digits), at_most(high, digits)


def round_to(x: Number, digits: int, way: str) -> str:
    """Return a number with `digits` digits, rounded in one direction."""
    if isinstance(x, float) and not math.isfinite(x):
        return f"{x:g}"
    top, bottom = x.as_integer_ratio()
    context = Context(prec=digits, rounding=way, Emax=MAX_EMAX, Emin=MIN_EMIN)
    decimal = context.divide(Decimal(top), Decimal(bottom)).normalize(context)
    power = decimal.adjusted()
    if not decimal or LEAST_POWER <= power < digits:
        return f"{decimal:f}"
    return f"{decimal.scaleb(-power, context):f}e{power:+d}"


def plain(text: str) -> str:
    """Return a number without leading zeros in its exponent."""
    return text.replace("e-0", "e-").replace("e+0", "e+")
