"""Tables of numbers as text: their separator, a header row, a column of row names."""

import csv
import gzip
import re
import zlib
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from certify.base.arrays import LONGEST
from certify.base.errors import InputError, brief

TABLES = ("csv", "tsv")  # which may be compressed by gzip
WHOLE = re.compile(r"[+-]?\d{16,}")  # an integer that may be rounded
DECIMAL = re.compile(r"[+-]?\d+,\d+")  # a number with a decimal comma, if ; separates
COUNTED = 4  # the least columns for which a row 0, 1, 2, ... is taken as a header of pandas
MISSING = ("", "na", "n/a", "<na>", "null", "none")  # cells that mean a missing number


def read_table(path: Path, separators: str) -> Any:
    """Return the numbers of a table; each is rounded to the nearest float64.

    A first row is a header if it has words only, or if its first cell is empty and the others are
    0, 1, ..., or the first column has row names.  A first column is left out if it has words only,
    or if its header is empty and it counts the rows 0, 1, ..., as pandas writes it.  Cells for
    missing numbers are not words.  A column of other numbers without a name is refused, since it
    may be data or row names.

    Raises InputError for a file that is not a table of numbers, or may have a header of numbers.
    """
    header, rows = cells(path, separators)
    if len(rows[0]) >= COUNTED and rows[0] == [str(k) for k in range(len(rows[0]))]:
        cure = "leave the header out (header=False), or save the array as .npy"
        raise InputError(f"the first row of {path} counts the columns, 0, 1, ...: {cure}")
    if has_row_names(header, rows):
        rows = [r[1:] for r in rows]
    elif header[:1] == [""]:
        first = ", ".join(row[0] for row in rows[:3])
        cure = "name it, or leave names of rows out (index=False)"
        raise InputError(f"the first column of {path} ({first}, ...) has no name: {cure}")
    demand_exact((c for row in rows for c in row), str(path))
    wide = len(rows[0])
    if odd := next((k for k, row in enumerate(rows) if len(row) != wide), 0):
        got = f"row {odd + 1} has {len(rows[odd])} columns, the first {wide}"
        raise InputError(f"{path} is not a table of numbers: {got}")
    try:
        return np.loadtxt(["\t".join(r) for r in rows], delimiter="\t", ndmin=2)
    except ValueError as error:
        cure = "leave out columns of words, such as names of rows"
        missing = next((c for row in rows for c in row if c.lower() in MISSING), None)
        if missing is not None:
            cell = repr(missing) if missing else "an empty cell"
            cure = f"{cell} is no number: write nan where an entry is missing, and give mask"
        raise InputError(f"{path} is not a table of numbers: {brief(error)}; {cure}") from None


def demand_exact(cells: Iterable[str], where: str) -> None:
    """Raise InputError for the first cell with an integer that float64 would round."""
    for cell in cells:
        if WHOLE.fullmatch(cell) and Decimal(float(cell)) != Decimal(cell):
            raise InputError(f"{where} has the integer {cell[:LONGEST]}, which float64 would round")


def cells(path: Path, separators: str) -> tuple[list[str], list[list[str]]]:
    """Return the header, [] if there is none, and the rows, as text.

    separators  the first one that occurs in the first row is used; with ";" numbers may have a
                decimal comma

    Raises InputError for a file that is not text, or has no row of numbers.
    """
    content = decompress(path)
    encoding = "utf-16" if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not text: {brief(error)}") from None
    lines = [kept for row in text.splitlines() if (kept := row.split("#")[0]).strip()]
    first = lines[0] if lines else ""
    by = next((s for s in separators if s in first), separators[-1])
    read = csv.reader(lines, delimiter=by, skipinitialspace=True)
    rows = [[c.strip() for c in row] for row in read]
    if len(rows) != len(lines):
        raise InputError(f"{path} is not a table of numbers: a quoted cell does not end in its row")
    header = rows.pop(0) if rows and has_header(*rows) else []
    if not rows:
        raise InputError(f"{path} holds no row of numbers in {len(text)} characters")
    if by == ";":
        rows = [[c.replace(",", ".") if DECIMAL.fullmatch(c) else c for c in r] for r in rows]
    return header, rows


def kind_of(path: PurePath) -> str:
    """Return the extension of a file without its dot; "csv" for a.csv.gz."""
    inner, outer = (p.suffix.lower().removeprefix(".") for p in (PurePath(path.stem), path))
    return inner if outer == "gz" and inner in TABLES else outer


def decompress(path: Path) -> bytes:
    """Return the content of a file, decompressed if it is a .gz; raise InputError on failure."""
    content = path.read_bytes()
    if path.suffix.lower() != ".gz":
        return content
    try:
        return gzip.decompress(content)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise InputError(f"{path} is not a readable .gz file: {brief(error)}") from None


def has_header(first: list[str], *rest: list[str]) -> bool:
    """Whether a first row is a header; that of pandas has an empty cell above the row names."""
    if are_words(first):
        return True
    counts = first[1:] == [str(k) for k in range(len(first) - 1)]
    return len(first) > 1 and not first[0] and (counts or has_row_names(first[:1], [*rest]))


def has_row_names(header: list[str], rows: list[list[str]]) -> bool:
    """Whether a first column has the names of the rows."""
    if not rows or not all(len(row) > 1 for row in rows):
        return False
    column = [row[0] for row in rows]
    counts = column == [str(k) for k in range(len(column))]
    return are_words(column) or (header[:1] == [""] and counts)


def are_words(row: list[str]) -> bool:
    """Whether no cell is a number, and some cell is not in MISSING."""
    return not any(map(is_number, row)) and any(c.lower() not in MISSING for c in row)


def is_number(cell: str) -> bool:
    """Whether a cell is one number."""
    try:
        float(cell.replace(",", ".", 1))
    except ValueError:
        return False
    return True
