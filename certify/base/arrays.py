"""Convert a caller's arguments to float64 arrays, exactly, or say what is wrong."""

import math
from collections.abc import Collection, Sequence
from dataclasses import fields, is_dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeGuard, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import sparse

from .errors import InputError

T = TypeVar("T", bound=np.generic)
Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
SparseMatrix = Any  # of scipy.sparse
Dtype = Any  # of numpy
NA = "<NA>"  # a missing number in pandas
UNMASKED = "give an array without a mask"
BESIDE = "give the data without a mask, and mask= beside it"  # where mask= is an argument
LONGEST = 80  # characters of a wrong value in a message
STRIDED = "torch.strided"
FEW = 6  # values of a sequence in a repr
LARGEST = 2**53  # beyond it, not every integer is a float64
NUMBERS = (int, float, Fraction, Decimal, np.integer, np.floating, np.bool_)


def real(x: object, name: str, *, ndim: int | None = None, unmask: str = UNMASKED) -> Array:
    """Return x as float64 without changing any value; values need not be finite.

    x holds floats, integers, booleans, fractions or decimals, in an array or nested lists, each
    equal to a float64.  unmask is the cure that the error for a masked array names.

    Raises InputError for complex numbers, text, sparse and masked arrays, another number of
    dimensions, and for a number that float64 would round, naming the first.
    """
    if sparse.issparse(x):
        raise InputError(f"{name} must be a dense array, got a {type(x).__name__}")
    x = from_torch(x, name)
    if has_masked(x):
        raise InputError(f"{name} has masked entries: {unmask}")
    try:
        a = np.asarray(x)
    except ValueError as error:
        raise InputError(f"{name} is not a rectangular array: {error}") from None
    if ndim is not None and a.ndim != ndim:
        raise InputError(f"{name} must have {ndim} dimensions, got shape {a.shape}")
    if a.dtype.kind == "f" and has_integer(x):
        a = np.asarray(x, dtype=object)  # numpy has rounded the integers among these floats
    return _exactly(a, name)


def has_masked(x: object) -> bool:
    """Return whether an array, or an array in a list, has entries that numpy masks."""
    return any(map(np.ma.is_masked, (x, *(x if isinstance(x, list | tuple) else ()))))


def from_torch(x: Any, name: str = "the array") -> Any:  # noqa: ANN401  an array of any package
    """Return a torch tensor as a numpy array with the same values; anything else unchanged.

    Raises InputError for a meta tensor, which holds no numbers, and a sparse or quantized one.
    """
    if isinstance(x, np.ndarray) or not hasattr(x, "detach"):
        return x
    if getattr(x, "is_meta", False):
        cure = "load the weights first (to_empty leaves them undefined)"
        raise InputError(f"{name} is a meta tensor, which holds no numbers: {cure}")
    kind = "quantized" if getattr(x, "is_quantized", False) else str(getattr(x, "layout", STRIDED))
    if kind != STRIDED:
        cure = "pass x.dequantize()" if kind == "quantized" else "pass x.to_dense()"
        raise InputError(f"{name} is a {kind} tensor: {cure}, or a scipy.sparse matrix")
    tensor = x.detach().cpu()
    try:
        return np.asarray(tensor.numpy())
    except TypeError:  # numpy has no bfloat16
        return np.asarray(tensor.double().numpy())


def has_integer(x: object) -> bool:
    """Whether a nested list has an integer, which numpy rounds beside a float."""
    if isinstance(x, list | tuple):
        return any(map(has_integer, x))
    kind = x.dtype.kind if isinstance(x, np.ndarray | np.generic) else ""
    return isinstance(x, int) or kind in ("i", "u", "O")


def _exactly(a: npt.NDArray[Any], name: str) -> Array:
    """Convert to float64; raise InputError for a number that would be rounded."""
    if a.dtype.kind == "O":
        return _one_by_one(a, name)
    if a.dtype.kind not in "iubf":
        raise InputError(f"{name} must hold real float64 or integers, got dtype {a.dtype}")
    with np.errstate(over="ignore", under="ignore"):
        out = np.asarray(a, dtype=np.float64, order="C")
    if (wrong := first_rounded(a, out)) is not None:
        raise InputError(rounding_message(name, a[wrong], wrong))
    return out


def first_rounded(a: npt.NDArray[Any], out: Array) -> tuple[int, ...] | None:
    """Return the place of the first entry that float64 rounds, if any."""
    whole = a.dtype.kind in "iu"  # otherwise NaN and rounded long floats are suspects
    if whole and a.dtype.itemsize < out.itemsize:  # numpy before 2.2.2 may crash on comparing it
        return None
    suspects = (a > LARGEST) | (a < -LARGEST) if whole else a != out
    return next((k for k in map(tuple, np.argwhere(suspects)) if as_float(a[k]) is None), None)


def _one_by_one(a: npt.NDArray[Any], name: str) -> Array:
    """Convert an array of Python numbers."""
    out = np.empty(a.shape)
    for k in np.ndindex(a.shape):
        if not isinstance(a[k], NUMBERS):
            got = f"{short(a[k])} at {list(k)} (dtype {a.dtype})"
            if k and (a[k] is None or repr(a[k]) == NA):
                got += ": put NaN where a number is missing; data with NaN need a mask"
            raise InputError(f"{name} must hold real float64 or integers, got {got}")
        if (value := as_float(a[k])) is None:
            raise InputError(rounding_message(name, a[k], k))
        out[k] = value
    return out


def as_float(x: Any) -> float | None:  # noqa: ANN401  one of NUMBERS
    """Return the float64 equal to x, NaN for NaN; None if there is none."""
    number = int(x) if isinstance(x, np.integer) else x  # numpy rounds integers to compare them
    try:
        value = float(number)
        same = value == number or (math.isnan(value) and number != number)  # noqa: PLR0124  NaN
    except (ArithmeticError, ValueError):
        return None
    return value if same else None


def rounding_message(name: str, x: object, at: tuple[int, ...] = ()) -> str:
    """Say which number float64 would round, and where it is."""
    text = f"the number {x!s}"[:LONGEST]
    if isinstance(x, int | np.integer):
        text = f"the integer {x}" if int(x).bit_length() < LONGEST else short(int(x))
    where = f" at {[int(k) for k in at]}" if at else ""
    return f"{name} has{where} {text}, which float64 would round"


def finite(a: Array, name: str) -> Array:
    """Return a; raise InputError, naming the first, for NaN and infinities."""
    bad = ~np.isfinite(a)
    if bad.any():
        where = tuple(int(k) for k in np.argwhere(bad)[0])
        raise InputError(f"{name} must be finite, got {a[where]} at {list(where)}")
    return a


def scalar(x: object, name: str, *, zero: bool) -> float:
    """Return x, a finite number >= 0 (> 0 unless `zero`) that float64 does not round.

    x may be an array without dimensions, also of torch.

    Raises InputError for anything else.
    """
    wanted = "a finite number >= 0" if zero else "a finite number > 0"
    x = from_torch(x, name)
    x = x[()] if isinstance(x, np.ndarray) and not x.ndim else x
    value = as_number(x)
    if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        raise InputError(f"{name} must be {wanted}, got {short(x)}")
    if as_float(x) is None:
        raise InputError(rounding_message(name, x))
    return value


def as_number(x: Any) -> float:  # noqa: ANN401  whatever was given
    """Return x rounded to float64, infinite on overflow; NaN if it is not a real number."""
    if not isinstance(x, NUMBERS) or isinstance(x, bool | np.bool_):
        return math.nan
    try:
        return float(x)
    except OverflowError:
        return math.inf if x > 0 else -math.inf
    except ValueError:  # a signaling NaN
        return math.nan


def natural(x: object, name: str) -> int:
    """Return x; raise InputError unless it is an integer >= 0."""
    if not isinstance(x, int | np.integer) or isinstance(x, bool) or x < 0:
        raise InputError(f"{name} must be an integer >= 0, got {short(x)}")
    return int(x)


def accept_word(x: object, name: str, words: Collection[str]) -> str:
    """Return x; raise InputError unless it is one of the words."""
    if not (isinstance(x, str) and x in words):
        raise InputError(f"{name} must be one of {', '.join(words)}, got {short(x)}")
    return x


def is_list(x: object) -> TypeGuard[Sequence[Any]]:
    """Whether x is a sequence or an array of some dimension, and not text."""
    if isinstance(x, np.ndarray):
        return x.ndim > 0
    return isinstance(x, Sequence) and not isinstance(x, str | bytes)


def short(x: object) -> str:
    """Return a short text for a wrong value, on one line."""
    if isinstance(x, int) and abs(x) >= LARGEST:
        return f"an integer of {x.bit_length()} bits"
    text = " ".join(repr(x).split())
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."


def brief(x: object) -> str:
    """Return a short repr: fields that differ from their defaults, and shapes of arrays."""
    if is_dataclass(x) and not isinstance(x, type):
        named = ((f, getattr(x, f.name)) for f in fields(x) if f.init and f.repr)
        shown = [f"{f.name}={brief(value)}" for f, value in named if not is_default(f, value)]
        return f"{type(x).__name__}({', '.join(shown)})"
    if (shape := getattr(x, "shape", None)) is not None and np.ndim(shape) == 1 and len(shape):
        return f"<{' x '.join(map(str, shape))}>"
    if isinstance(x, list | tuple) and len(x) > FEW:
        return f"<{len(x)} values>"
    return short(x)


def is_default(f: Any, value: object) -> bool:  # noqa: ANN401  a dataclass's field
    """Whether a field has its default value."""
    return value is f.default or (isinstance(value, bool | int | str) and value == f.default)


def as_dense(x: Any) -> Array:  # noqa: ANN401  an array or scipy.sparse
    """Return a dense or sparse matrix as an array."""
    return np.asarray(x.toarray() if sparse.issparse(x) else x)


def frozen(a: npt.NDArray[T]) -> npt.NDArray[T]:
    """Return a read-only copy, so that nobody changes the data of a certificate's problem."""
    out = a.copy()
    out.setflags(write=False)
    return out
