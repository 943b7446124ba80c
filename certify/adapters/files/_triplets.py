"""Lists of ratings: their columns, and the numbers of their ids as rows of factors."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy import sparse

from certify.base.arrays import Array, Ints, accept_word, finite, real, short
from certify.base.errors import InputError, accessing

from ._table import cells, demand_exact, kind_of

NAMES = (  # of columns, in small letters without spaces and underscores
    ("user", "userid", "uid", "u", "row", "customer", "customerid", "reviewer"),
    (
        *("item", "itemid", "iid", "i", "movie", "movieid", "product", "productid", "song"),
        *("artist", "track", "book", "bookid", "isbn", "col", "column"),
    ),
    ("rating", "ratings", "score", "stars", "value", "r", "count", "plays", "data"),
)
ROWS, PER_ID = 1 << 22, 1 << 10  # ids up to ROWS + PER_ID per id may be row numbers
ROLES = ("user", "item", "rating")
Order = Literal["number", "from 1", "sorted", "first seen"]
ORDERS = get_args(Order)


@dataclass(frozen=True)
class Triplets:
    """Ratings as a sparse matrix (users, items), and the ids of its rows and columns.

    matrix         its stored entries are the ratings, zeros included
    users, items   the id of each row and of each column
    """

    matrix: Any
    users: npt.NDArray[Any]
    items: npt.NDArray[Any]


def triplets(source: Any, columns: Sequence[str] | None = None, order: str = "first seen") -> Any:
    """Return a list of ratings as a sparse matrix, with the ids of its rows and columns.

    source   a table with named columns (a DataFrame), the path of a .csv or .tsv file with a
             header, also compressed (.csv.gz), or (users, items, ratings)
    columns  the names of users, items and ratings; by default they are recognized
    order    how ids are numbered: "first seen" (as surprise, cornac and pandas.factorize do),
             "sorted" (as numpy.unique does), "number" (they are row numbers from 0) or "from 1"

    Raises InputError for missing columns, ids that must be row numbers but are not,
    ratings that are not finite, or a rating given twice.
    """
    users, items, given = columns_of(source, columns)
    values = finite(real(given, "ratings", ndim=1), "ratings")
    rows, row_ids = number_ids(users, order, "user")
    cols, col_ids = number_ids(items, order, "item")
    if not len(rows) == len(cols) == len(values):
        counts = f"{len(rows)} users, {len(cols)} items and {len(values)} ratings"
        raise InputError(f"users, items and ratings must have the same length, got {counts}")
    shape = (len(row_ids), len(col_ids))
    names = row_ids[rows], col_ids[cols]
    return Triplets(matrix(rows, cols, values, shape, names), row_ids, col_ids)


def matrix(rows: Ints, cols: Ints, values: Array, shape: tuple[int, int], names: Any = None) -> Any:
    """Return the entries as a sparse matrix; raise InputError for one given twice or outside.

    names  the users and items by their own ids, for the message; by default rows and cols
    """
    for name, ids, size in (("user", rows, shape[0]), ("item", cols, shape[1])):
        if len(ids) and ids.max() >= size:
            raise InputError(f"{name} {ids.max()} is not in 0..{size - 1}: the shape is {shape}")
    order = np.lexsort((cols, rows))
    again = (np.diff(rows[order]) == 0) & (np.diff(cols[order]) == 0)
    if again.any():
        k = order[int(again.argmax())]
        user, item = (x[k] for x in names or (rows, cols))
        cure = "keep one rating of each pair, such as the last, or their mean"
        raise InputError(f"user {user} has rated item {item} more than once: {cure}")
    return sparse.coo_array((values, (rows, cols)), shape=shape)


def subtract(ratings: Any, number: float) -> Any:
    """Return a sparse matrix whose stored entries are those of another minus a number."""
    out = ratings.copy()
    out.data = out.data - number
    return out


def columns_of(source: Any, columns: Sequence[str] | None) -> tuple[Any, Any, Any]:
    """Return the columns of users, items and ratings."""
    if isinstance(source, str | Path):
        header, rows = table(Path(source))
        at = [header.index(k) for k in choose_columns(header, columns, str(source))]
        if short_row := next((r for r in rows if len(r) != len(header)), None):
            expected = f"{len(header)} cells as the header, got {','.join(short_row)[:60]!r}"
            raise InputError(f"every row of {source} must have {expected}")
        users, items, stars = (np.array([r[k] for r in rows]) for k in at)
        return plain(users), plain(items), numbers(stars, str(source))
    if hasattr(source, "columns"):
        names = [str(k) for k in source.columns]
        kept = choose_columns(names, columns, "the table")
        users, items, values = (np.asarray(source[k]) for k in kept)
        return users, items, values
    if not isinstance(source, tuple | list) or len(source) != len(ROLES):
        wanted = "a table with named columns, a .csv or .tsv, or (users, items, ratings)"
        raise InputError(f"source must be {wanted}, got {short(source)}")
    return source[0], source[1], source[2]


def table(path: Path) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a file; raise InputError if it has no header."""
    separators = "\t;," if kind_of(path) == "tsv" else ";,\t"
    with accessing(path, "read"):
        header, rows = cells(path, separators)
    if not header:
        raise InputError(f"{path} must have a header that names its columns: {', '.join(ROLES)}")
    return header, rows


def recognize(names: Sequence[str]) -> list[str] | None:
    """Return the names of the columns of users, items and ratings; None if one is missing."""
    plain_names = {str(k).lower().replace("_", "").replace(" ", ""): str(k) for k in names}
    columns = [next((plain_names[k] for k in known if k in plain_names), None) for known in NAMES]
    return None if None in columns else [k for k in columns if k is not None]


def choose_columns(names: Sequence[str], columns: Sequence[str] | None, where: str) -> list[str]:
    """Return three names of columns; raise InputError if they are missing or not recognized."""
    if columns is None:
        if (guess := recognize(names)) is None:
            cure = f"name the columns of {', '.join(ROLES)}"
            raise InputError(f"{where} has the columns {', '.join(names)}: {cure}")
        return guess
    wanted = [str(k) for k in columns]
    if len(wanted) != len(ROLES) or not set(wanted) <= set(names):
        got = ", ".join(wanted)
        raise InputError(f"columns must be 3 of {', '.join(names)} of {where}, got {got}")
    return wanted


def plain(ids: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return ids of a file as integers, if all of them are integers."""
    try:
        return ids.astype(np.int64)
    except (ValueError, OverflowError):
        return ids


def numbers(values: npt.NDArray[Any], where: str) -> Array:
    """Return text as numbers; raise InputError for words, and for an integer that is rounded."""
    demand_exact(map(str, values), f"the list of ratings {where}")
    try:
        return values.astype(np.float64)
    except ValueError as error:
        raise InputError(f"the ratings of {where} must be numbers: {error}") from None


def number_ids(ids: Any, order: str, name: str) -> tuple[Ints, npt.NDArray[Any]]:
    """Return the row number of each id, and the id of each row.

    Raises InputError for an unknown order, or ids that it cannot number.
    """
    raw = np.asarray(ids)
    if raw.ndim != 1:
        raise InputError(f"{name} ids must be one-dimensional, got shape {raw.shape}")
    accept_word(order, "order", ORDERS)
    if order in ("number", "from 1"):
        first = int(order == "from 1")
        if raw.dtype.kind not in "iu" or (raw.size and raw.min() < first):
            got = short(raw.min()) if raw.dtype.kind in "iuf" and raw.size else str(raw.dtype)
            cure = 'order="first seen" or "sorted" numbers any ids'
            raise InputError(f"{name} ids must be integers from {first}, got {got}; {cure}")
        most = int(raw.max()) if raw.size else first - 1
        if most > ROWS + PER_ID * raw.size:
            why = f"{most} among {raw.size} is no row number"
            raise InputError(f'{name} ids: {why}; order="first seen" or "sorted" numbers any ids')
        return raw.astype(np.int64) - first, np.arange(first, most + 1)
    known, at, lines = np.unique(raw, return_index=True, return_inverse=True)
    if order == "sorted":
        return lines.astype(np.int64), known
    rank = np.empty(len(known), dtype=np.int64)
    rank[np.argsort(at)] = np.arange(len(known))
    return rank[lines], known[np.argsort(at)]
