"""Turn what a caller gives into float64 arrays, exactly, or say what is wrong."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ._errors import InputError

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
LONGEST = 80  # characters of a wrong value that a message shows
LARGEST = 2**53  # beyond it, not every integer is a float64


def real(x: object, name: str, *, ndim: int | None = None) -> Array:
    """Return x as float64 without changing any value.

    Accepts real floats of at most 64 bits, integers and booleans; refuses complex,
    object and text arrays, and integers that float64 would round.  Values are not
    checked to be finite here.
    """
    if sparse.issparse(x):
        raise InputError(f"{name} must be a dense array, got a {type(x).__name__}")
    if isinstance(x, np.ma.MaskedArray):
        raise InputError(f"{name} is a masked array, whose mask would be lost: give data and mask=")
    try:
        a = np.asarray(x)
    except ValueError as error:
        raise InputError(f"{name} is not a rectangular array: {error}") from None
    if ndim is not None and a.ndim != ndim:
        raise InputError(f"{name} must have {ndim} dimensions, got shape {a.shape}")
    return _exactly(a, name)


def _exactly(a: npt.NDArray[Any], name: str) -> Array:
    """Convert to float64; an integer that would be rounded is an error."""
    if a.dtype.kind in "iub":
        over = np.nonzero((a > LARGEST) | (a < -LARGEST))[0] if a.dtype.kind != "b" else ()
        out = a.astype(np.float64)
        if len(over) and any(int(x) != int(y) for x, y in zip(a.flat, out.flat, strict=True)):
            wrong = max(a.flat, key=abs)
            raise InputError(f"{name} has the integer {wrong}, which float64 would round")
        return np.ascontiguousarray(out)
    if a.dtype.kind != "f" or a.dtype.itemsize > 8:  # noqa: PLR2004  bytes of a float64
        raise InputError(f"{name} must hold real float64 or integers, got dtype {a.dtype}")
    return np.ascontiguousarray(a, dtype=np.float64)


def finite(a: Array, name: str) -> Array:
    """Return a; refuse NaN and infinities, naming the first and where it is."""
    bad = ~np.isfinite(a)
    if bad.any():
        where = tuple(int(k) for k in np.argwhere(bad)[0])
        raise InputError(f"{name} must be finite, got {a[where]} at {list(where)}")
    return a


def scalar(x: object, name: str, *, zero: bool) -> float:
    """Return a finite real number >= 0 (> 0 unless `zero`)."""
    wanted = "a finite number >= 0" if zero else "a finite number > 0"
    plain = isinstance(x, int | float | np.integer | np.floating) and not isinstance(x, bool)
    try:
        value = float(x) if plain else math.nan  # type: ignore[arg-type]  # a number, then
    except OverflowError:
        value = math.inf
    if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        raise InputError(f"{name} must be {wanted}, got {short(x)}")
    return value


def short(x: object) -> str:
    """Show a wrong value, on one line and not too long."""
    text = (
        repr(x)
        if not isinstance(x, int) or abs(x) < LARGEST
        else f"an integer of {x.bit_length()} bits"
    )
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."


def frozen(a: Array) -> Array:
    """Return a read-only copy, so that a problem cannot change under a certificate."""
    out = a.copy()
    out.setflags(write=False)
    return out
