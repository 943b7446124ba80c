"""Plain numbers with commas between them, under one header row or none."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from certify.base.errors import InputError

from ._base import Format, brief

INTEGER = re.compile(r"(?:^|,)\s*([+-]?\d{16,})\s*(?=,|$)")  # long enough to be rounded


class Csv(Format):
    """A table of decimals, each rounded to the nearest float64; always two-dimensional.

    The first row is a header when none of its cells is a number.
    """

    def read(self, path: Path, key: str | None) -> Any:
        """Return the table."""
        del key
        try:
            text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError(f"{path} is not text: {brief(error)}") from None
        rows = [row for row in text.splitlines() if row.split("#")[0].strip()]
        rows = rows[1:] if rows and not any(map(is_number, rows[0].split(","))) else rows
        if not rows:
            raise InputError(f"{path} holds no row of numbers in {len(text)} characters")
        for digits in (d for row in rows for d in INTEGER.findall(row)):
            if int(float(digits)) != int(digits):
                raise InputError(f"{path} has the integer {digits}, which float64 would round")
        try:
            return np.loadtxt(rows, delimiter=",", ndmin=2)
        except ValueError as error:
            cure = "leave out columns of words, such as names of rows"
            raise InputError(f"{path} is not a table of numbers: {brief(error)}; {cure}") from None


def is_number(cell: str) -> bool:
    """Whether a cell is one number."""
    try:
        float(cell)
    except ValueError:
        return False
    return True
