"""Arrays of a file: reading them with their shapes checked, and their exact integers."""

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise, starmap
from operator import lt, mul
from typing import Any

from .errors import RejectedError, demand
from .scalars import power


@dataclass(frozen=True)
class Array:
    """Numbers in row-major order; `data` is a flat buffer of doubles or int64."""

    shape: tuple[int, ...]
    data: Any


def filled(shape: tuple[int, ...], value: float) -> Array:
    """Return a constant array."""
    return Array(shape, array("d", [value]) * math.prod(shape))


def columns(a: Array) -> list[Sequence[float]]:
    """Return the columns of an (m, r) array."""
    return [a.data[k :: a.shape[1]] for k in range(a.shape[1])]


def side_by_side(parts: Sequence[Array]) -> Array:
    """Put (m, r_k) arrays side by side."""
    out = array("d")
    for rows in zip(*map(rows_of, parts), strict=True):
        for row in rows:
            out.extend(row)
    return Array((parts[0].shape[0], sum(p.shape[1] for p in parts)), out)


def transposed(a: Array) -> Array:
    """Return the transpose of a matrix."""
    out = array("d")
    for column in columns(a):
        out.extend(column)
    return Array((a.shape[1], a.shape[0]), out)


def dyadic(values: Sequence[float] | Sequence[Fraction]) -> tuple[list[int], int]:
    """Return integers x and an exponent e with values == x * 2**e, exactly."""
    ratios = [v.as_integer_ratio() for v in values]
    e = -max((q for _, q in ratios), default=1).bit_length() + 1
    ints = [p * (1 << -e) // q for p, q in ratios]
    if e == 0 and (shared := math.gcd(*ints)):
        e = (shared & -shared).bit_length() - 1
        ints = [x >> e for x in ints]
    return ints, e


def squares_exactly(values: Sequence[float]) -> Fraction:
    """Return the exact sum of squares."""
    ints, e = dyadic(values)
    return Fraction(sum(map(mul, ints, ints))) * power(2 * e)


def absolutes_exactly(values: Sequence[float]) -> Fraction:
    """Return the exact sum of absolute values."""
    ints, e = dyadic(values)
    return Fraction(sum(map(abs, ints))) * power(e)


class Arrays:
    """Named arrays with checked shapes; every float in them is finite."""

    def __init__(self, arrays: Mapping[str, Array], where: str) -> None:
        self.arrays, self.where, self.used = arrays, where, set[str]()

    def get(self, name: str, shape: tuple[int | None, ...], kind: str = "d") -> Array:
        """Return an array of this shape (None matches any length); kind "d": floats, "q": ints."""
        where = f"{self.where}.{name}"
        demand(name in self.arrays, where, "missing", sorted(self.arrays))
        self.used.add(name)
        a = self.arrays[name]
        fits = len(a.shape) == len(shape) and all(
            want in (None, have) for want, have in zip(shape, a.shape, strict=True)
        )
        demand(fits, where, "shape", f"{list(a.shape)}, not {list(shape)}")
        view = memoryview(a.data)
        known = {"d": ("d", "f") if self.where == "proof" else ("d",), "q": ("q", "l")}
        demand(view.format in known[kind], where, "dtype", view.format)
        demand(len(view) == math.prod(a.shape), where, "length", len(view))
        if kind == "d" and not all(map(math.isfinite, a.data)):
            raise RejectedError(where, "finite", next(x for x in a.data if not math.isfinite(x)))
        return a

    def positive(self, name: str, shape: tuple[int | None, ...]) -> Array:
        """Return an array as `get` does; all its numbers must be > 0."""
        a = self.get(name, shape)
        least = min(a.data, default=1.0)
        demand(least > 0, f"{self.where}.{name}", "sign", least)
        return a

    def find(self, name: str, shape: tuple[int | None, ...]) -> Array | None:
        """Return an array as `get` does, or None if none has this name."""
        return self.get(name, shape) if name in self.arrays else None


def is_increasing(numbers: Iterable[int]) -> bool:
    """Whether each number is larger than the one before."""
    return all(starmap(lt, pairwise(numbers)))


def lower_triangle(packed: Array, k: int) -> Array:
    """Unpack rows of a lower triangular matrix; zeros above the diagonal."""
    out = array("d", bytes(8 * k * k))
    for i, end in enumerate(accumulate(range(1, k + 1))):
        out[i * k : i * k + i + 1] = array("d", packed.data[end - i - 1 : end])
    return Array((k, k), out)


def width(a: Array) -> int:
    """Bound the bits of an array's integers on one grid; a float has 53 significant bits."""
    low = min(filter(None, map(abs, a.data)), default=0.0)
    return math.frexp(max(map(abs, a.data)))[1] - math.frexp(low)[1] + 53 if low else 1


def flat_of(q: Array) -> Array:
    """Return the same numbers in one dimension."""
    return Array((len(q.data),), q.data)


def unpacked(a: Array, k: int) -> Array:
    """Unpack a symmetric matrix from the rows of its lower triangle."""
    whole = lower_triangle(a, k)
    for i in range(k):
        whole.data[i * k + i : i * k + k] = whole.data[i * k + i :: k]
    return whole


def matrix(rows: Sequence[Iterable[tuple[int, float]]], k: int) -> Array:
    """Return the matrix with k columns whose rows are sums of (column, value)."""
    out = array("d", bytes(8 * len(rows) * k))
    for i, row in enumerate(rows):
        for j, x in row:
            out[i * k + j] += x
    return Array((len(rows), k), out)


def on_diagonal(values: Sequence[float]) -> Array:
    """Return Diag(values)."""
    return matrix([[pair] for pair in enumerate(values)], len(values))


def rows_of(a: Array) -> list[Sequence[float]]:
    """Return the rows of a matrix."""
    d = a.shape[1]
    return [a.data[i * d : i * d + d] for i in range(a.shape[0])]
