"""The difference between a certificate's question and a reader's, in words and decimals."""

import math
import re

import numpy as np

from certify.base.arrays import short
from certify.kernel.errors import RejectedError

from .file import Arrays, Json, as_numpy

LAST_BITS = 1e-9  # relative: rounding on another machine or in another order of sums
HEX = re.compile(r"-?0x[01]\.[0-9a-f]+p[+-]\d+")
ARRAY = "statement.arrays."


def describe_mismatch(
    error: RejectedError, theirs: Json, ours: Json, arrays: tuple[Arrays, Arrays]
) -> str:
    """Say what differs, and what to do.

    arrays  those of the certificate, if it holds them, and those of the reader
    """
    where = error.where.removeprefix("statement.")
    if where in ("rtol", "atol", "lam"):
        if not is_number(theirs.get(where)):
            return f"the certificate's {where} is no number but {short(theirs.get(where))}"
        a, b = (float.fromhex(x[where]) for x in (theirs, ours))
        if where == "lam":
            return f"the certificate is about lam = {a!r}, your problem has lam = {b!r}"
        cure = f"pass --{where} {a!r} ({where}={a!r} in Python), or make one for yours"
        return f"the certificate was made for {where} {a!r} and you ask for {b!r}: {cure}"
    if error.where.startswith(ARRAY):
        name = error.where.removeprefix(ARRAY).partition(".")[0]
        return of_array(name, arrays, ours["shape"])
    return HEX.sub(lambda number: repr(float.fromhex(number[0])), str(error.value))


def is_number(x: object) -> bool:
    """Whether a field of a statement is a finite float64 in hexadecimal."""
    try:
        return isinstance(x, str) and math.isfinite(float.fromhex(x))
    except (ValueError, OverflowError):
        return False


def of_array(name: str, arrays: tuple[Arrays, Arrays], shape: list[int]) -> str:
    """Say where two arrays of one name differ, and by how much; shape: of the data."""
    theirs, ours = arrays
    cure = "verify it with the data and factors it was made for, or run check on yours"
    if name not in ours:
        return f"the certificate's question has {name}, yours has not: {cure}"
    if name not in theirs:
        return f"your {name} is not that of the certificate: {cure}"
    a, b = (np.asarray(as_numpy(x[name])) for x in (theirs, ours))
    if a.shape != b.shape:
        return f"your {name} has shape {b.shape}, the certificate's {a.shape}: {cure}"
    apart = np.argwhere(a != b)
    if not len(apart):
        return f"your {name} is stored as {b.dtype}, the certificate's as {a.dtype}: {cure}"
    at = tuple(int(k) for k in apart[0])
    flat = a.ndim == 1 and a.size == math.prod(shape)  # data are stored flat
    place = [int(k) for k in (np.unravel_index(at[0], shape) if flat else at)]
    most = float(np.abs(a.astype(float) - b).max())
    text = (
        f"your {name} differs from the certificate's in {len(apart)} of {a.size} numbers, by at "
        f"most {most:.3g}; the first is {place}: {a[at].item()!r} there, {b[at].item()!r} in yours"
    )
    if most <= LAST_BITS * float(np.abs(a).max(initial=0.0)):
        cause = "Only last bits differ, as after a fit on another machine"
        return f"{text}. {cause}: run check on yours"
    return f"{text}: {cure}"
