"""Questions about numbers in a user's data that may not be data: codes and labels."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from certify.base.arrays import Array

from ._table import TABLES, kind_of

MATRIX = 2  # dimensions
LEAST, CODES = 10, 3  # the fewest entries of which one may be a code; the most codes
NINES = re.compile(r"-?9{2,}")  # -99, -999, 9999, ...
COUNTED = 3  # the fewest numbers of a row or a column that counts
SHOWN = 3


def questions(Y: Any, path: Path) -> Iterator[str]:
    """Yield a question for each value that may mean missing, and for lines that may be labels.

    path  the file of the data
    """
    numbers = Y.data if sparse.issparse(Y) else Y
    if kind_of(path) in TABLES and not sparse.issparse(Y) and Y.ndim == MATRIX:
        for axis, name in enumerate(("row", "column")):
            lines = numbers if axis == 0 else numbers.T
            if are_labels(lines):
                first = ", ".join(f"{x:.10g}" for x in lines[0][:SHOWN])
                yield f"does the first {name} ({first}, ...) label the data? Then take it out"
                numbers = numbers[1:] if axis == 0 else numbers[:, 1:]
    for value, count, (low, high) in codes(numbers[~np.isnan(numbers)]):
        others = f"and the others from {low:.6g} to {high:.6g}"
        code = f"does {value:.10g} mean that they are missing? Then mask them"
        yield f"{count} of {numbers.size} entries are {value:.10g}, {others}: {code}"


def codes(values: Array) -> Iterator[tuple[float, int, tuple[float, float]]]:
    """Yield (value, count, ends of the others) of each value that may mean missing.

    It is the least or the largest, occurs twice or more, and is further from the others than they
    are from each other, or a negative number of nines beside others >= 0.
    """
    found = 0
    while values.size >= LEAST and found < CODES:
        for value in (float(values.min()), float(values.max())):
            others = values[values != value]
            count = values.size - others.size
            if count > 1 and others.size:
                low, high = float(others.min()), float(others.max())
                far = low < high and max(low - value, value - high) > high - low
                if far or (value < 0 <= low and NINES.fullmatch(f"{value:.10g}")):
                    yield value, count, (low, high)
                    values, found = others, found + 1
                    break
        else:
            return


def are_labels(lines: Array) -> bool:
    """Whether the first line has whole numbers with equal steps, and the second has not."""
    if len(lines) < 2 or lines.shape[1] < COUNTED:  # noqa: PLR2004  a first and a second
        return False
    first, second = np.diff(lines[0]), np.diff(lines[1])
    whole = bool((lines[0] == np.floor(lines[0])).all())
    return whole and bool(first[0] and (first == first[0]).all() and (second != first).any())
