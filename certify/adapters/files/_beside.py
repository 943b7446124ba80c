"""Other parts of a model in its files: biases, the mean, and the order of the ids."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from certify.base.arrays import Array
from certify.base.errors import InputError
from certify.offsets import OFFSETS, Offset

from ._table import TABLES, kind_of
from ._triplets import ORDERS, matrix, recognize, table, triplets

MATRIX = 2  # dimensions
SETTLED = 1e-2  # the largest relative gradient of stationary biases
Named = list[tuple[str, Any]]


@dataclass(frozen=True)
class Beside:
    """Biases of rows and columns, and the mean, as (source, values) or None."""

    row: tuple[str, Array] | None = None
    column: tuple[str, Array] | None = None
    mean: tuple[str, float] | None = None

    @property
    def biases(self) -> list[tuple[str, tuple[str, Array]]]:
        """The kind, the source and the values of each that is not None."""
        sides = [("row", self.row), ("column", self.column)]
        entries = [(k, x) for k, x in sides if x is not None]
        if self.mean is not None:
            entries.insert(0, ("intercept", (self.mean[0], np.array([self.mean[1]]))))
        return entries

    def offsets(self, ridges: list[float]) -> list[Offset]:
        """Return the offsets of the biases with these ridges."""
        return [OFFSETS[k](ridge=r) for (k, _), r in zip(self.biases, ridges, strict=True)]


@dataclass(frozen=True)
class Listing:
    """How a list of ratings is read: its file's columns, the order of its ids, the shape."""

    matrix: Any
    columns: list[str]
    order: str
    shape: tuple[int, int]
    notes: list[str] = field(default_factory=list)


def split(arrays: Named, dims: tuple[int, ...]) -> tuple[Named, Beside]:
    """Return the arrays that may be factors, and the biases and the mean.

    A vector as long as the rows of the data has the biases of the rows, one as long as the columns
    those of the columns; for square data the names decide.  A single number is the mean.
    """
    if not any(np.ndim(x) == MATRIX for _, x in arrays):
        return arrays, Beside()
    factors: Named = []
    beside: dict[str, Any] = {}
    for source, x in arrays:
        a = np.asarray(x)
        flat = a.ndim < MATRIX
        if flat and a.size == 1 and "mean" not in beside:
            beside["mean"] = source, float(a.reshape(-1)[0])
        elif flat and len(dims) == MATRIX and (side := side_of(source, a.size, dims, beside)):
            beside[side] = source, a.astype(np.float64)
        else:
            factors.append((source, x))
    return factors, Beside(**beside)


def side_of(source: str, size: int, dims: tuple[int, ...], taken: dict[str, Any]) -> str:
    """Return the side that a vector belongs to, or ""."""
    name = source.rpartition(":")[2].lower()
    hints = {"row": ("user", "row", "bu"), "column": ("item", "col", "bi")}
    sides = [k for k, n in zip(hints, dims, strict=True) if n == size and k not in taken]
    matches = [k for k in sides if any(h in name for h in hints[k])]
    return (matches or sides or [""])[0]


def listing(path: Path, arrays: Named) -> Listing | None:
    """Return how a .csv or .tsv file lists ratings; None if its header has no such columns.

    The order of the ids (row numbers from 0 or 1, first seen, or sorted) is the one for which the
    factors and biases fit the ratings best.

    Raises InputError if the factors fit no order.
    """
    if kind_of(path) not in TABLES:
        return None
    try:
        columns = recognize(table(path)[0])
    except InputError:  # without a header it is read as a table of numbers
        return None
    if columns is None:
        return None
    tried: list[tuple[float, Listing]] = []
    for order in ORDERS:
        try:
            R = triplets(path, columns, order).matrix
        except InputError:
            continue
        pairs = [(U, V) for U, V in orientations(arrays) if fits(R.shape, (len(U), len(V)), order)]
        for U, V in pairs:
            shape = len(U), len(V)
            rows, cols = R.coords
            whole = matrix(rows, cols, R.data, shape)
            error = misfit(whole, U, V, split(arrays, shape)[1])
            tried.append((error, Listing(whole, columns, order, shape)))
    if tried:
        return min(tried, key=lambda x: x[0])[1]
    R = triplets(path, columns).matrix
    if list(orientations(arrays)):
        sizes = f"{R.shape[0]} users and {R.shape[1]} items"
        shapes = ", ".join(str(np.shape(x)) for _, x in arrays)
        raise InputError(f"{path} has {sizes}, but no factors have as many rows, got {shapes}")
    return Listing(R, columns, "first seen", R.shape)


def fits(counts: tuple[int, int], shape: tuple[int, int], order: str) -> bool:
    """Whether factors fit the counts of users and items; for row numbers there may be more rows."""
    if order in ("number", "from 1"):
        return counts[0] <= shape[0] and counts[1] <= shape[1]
    return counts == shape


def orientations(arrays: Named) -> Iterator[tuple[Array, Array]]:
    """Yield the pairs of arrays, transposed or not, that can be factors."""
    flat = [np.asarray(x) for _, x in arrays if np.ndim(x) == MATRIX]
    for a, b in permutations(flat, 2):
        for U in (a, a.T):
            for V in (b, b.T):
                if U.shape[1] == V.shape[1]:
                    yield U, V


def misfit(R: Any, U: Array, V: Array, beside: Beside) -> float:
    """Return the mean squared error of the model on the ratings."""
    rows, cols = R.coords
    left = R.data - np.einsum("ij,ij->i", U[rows], V[cols])
    left = left - (beside.mean[1] if beside.mean else left.mean())
    for at, bias in ((rows, beside.row), (cols, beside.column)):
        left = left - (bias[1][at] if bias else 0.0)
    return float((left**2).mean())


def ridge(sums: Array, bias: Array) -> float | None:
    """Return the ridge with sums = ridge bias, at which a bias is stationary; None if none fits.

    sums  the sums of the residuals
    """
    if not bias.any():
        return None
    value = float(sums @ bias / (bias @ bias))
    off = float(np.linalg.norm(sums - value * bias))
    settled = off <= SETTLED * float(np.linalg.norm(sums)) and value > 0
    free = float(np.linalg.norm(sums)) <= SETTLED * float(np.linalg.norm(bias)) * 1e-3
    return value if settled else 0.0 if free else None
