"""Ratings of other packages, and the checks of all their readers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from certify.base.arrays import Array, Ints, finite, real
from certify.base.errors import InputError

from .files._triplets import columns_of, matrix

AGREE = 1e-6  # relative rounding of a mean in single precision
PARTS = 3  # users, items, ratings


@dataclass(frozen=True)
class Ratings:
    """Ratings as a sparse matrix (m, n), and the number of ratings of each user and item."""

    matrix: Any
    per_user: Array
    per_item: Array


def pair(factors: Any, names: tuple[str, str]) -> tuple[Array, Array]:
    """Return (P, Q), (m, r) and (n, r).

    Raises InputError for arrays that are not two-dimensional and finite, or of two ranks.
    """
    if not isinstance(factors, tuple | list) or len(factors) != 2:  # noqa: PLR2004  a pair
        raise InputError(
            f"factors must be a pair ({', '.join(names)}), got {type(factors).__name__}"
        )
    P, Q = (finite(real(x, n, ndim=2), n) for x, n in zip(factors, names, strict=True))
    if P.shape[1] != Q.shape[1]:
        cure = "users and items are rows, components are columns: is one transposed?"
        got = f"{P.shape} and {Q.shape}"
        raise InputError(
            f"{names[0]} and {names[1]} must have the same number of columns, got {got}; {cure}"
        )
    return P, Q


def ratings(given: Any, shape: tuple[int, int]) -> Ratings:
    """Read (users, items, ratings), a scipy.sparse matrix, or a table with named columns.

    users, items   inner ids: row numbers of the factors

    Raises InputError for ids that are not rows of the factors, a rating given twice or not
    finite, or a user or item without ratings, whose factors would be arbitrary.
    """
    users, items, values = (
        stored_entries(given, shape) if sparse.issparse(given) else listed_entries(given)
    )
    for name, ids, size in (("user", users, shape[0]), ("item", items, shape[1])):
        if len(ids) and (ids.min() < 0 or ids.max() >= size):
            wrong = int(ids[(ids < 0) | (ids >= size)][0])
            cure = "give inner ids, which are the row numbers of the factors"
            raise InputError(f"{name} ids must lie in 0..{size - 1}, got {wrong}: {cure}")
    if not len(values):
        raise InputError("there is no rating: nothing to fit")
    R = matrix(users, items, values, shape)
    counts = (rating_counts("user", users, shape[0]), rating_counts("item", items, shape[1]))
    return Ratings(R, *counts)


def stored_entries(given: Any, shape: tuple[int, int]) -> tuple[Ints, Ints, Array]:
    """Return the stored entries of a sparse matrix."""
    if given.shape != shape:
        cure = "users are its rows, items its columns"
        raise InputError(f"ratings must have shape {shape}, got {given.shape}: {cure}")
    matrix = given.tocoo()
    values = finite(real(matrix.data, "ratings"), "ratings")
    return matrix.row.astype(np.int64), matrix.col.astype(np.int64), values


def listed_entries(given: Any) -> tuple[Ints, Ints, Array]:
    """Return three arrays of one length."""
    if hasattr(given, "columns"):
        given = columns_of(given, None)
    if not isinstance(given, tuple | list) or len(given) != PARTS:
        wanted = "(users, items, ratings), a scipy.sparse matrix or a table with named columns"
        raise InputError(f"ratings must be {wanted}, got {type(given).__name__}")
    values = finite(real(given[2], "ratings", ndim=1), "ratings")
    ids = []
    for name, x in zip(("users", "items"), given[:2], strict=True):
        array = np.asarray(x)
        if array.dtype.kind not in "iu":
            cure = "inner ids are the row numbers of the factors (surprise: trainset.to_inner_uid; "
            cure += "certify.adapters.arrays.triplets numbers raw ids)"
            raise InputError(f"{name} must be integers, got dtype {array.dtype}; {cure}")
        if array.shape != values.shape:
            raise InputError(f"{name} must have shape {values.shape}, got {array.shape}")
        ids.append(array.astype(np.int64))
    return ids[0], ids[1], values


def rating_counts(name: str, ids: Ints, size: int) -> Array:
    """Return how many ratings each user or item has."""
    counts = np.bincount(ids, minlength=size).astype(np.float64)
    if not counts.all():
        k = int((counts == 0).argmax())
        cure = "drop its row: without ratings it has no penalty and nothing determines it"
        raise InputError(f"{name} {k} has no rating: {cure}")
    return counts


def demand_mean(given: Any, data: Ratings) -> float:
    """Return the model's global mean; raise InputError if it is not that of the ratings."""
    if given is None:
        cure = "pass mean=, the trainset's global mean"
        raise InputError(f"a model with biases also has a global mean: {cure}")
    number = finite(real(given, "mean"), "mean").reshape(-1)
    if number.shape != (1,):
        raise InputError(f"mean must be one number, got {len(number)}")
    mean, actual = float(number[0]), float(data.matrix.data.mean())
    if not abs(mean - actual) <= AGREE * max(float(np.abs(data.matrix.data).max()), abs(mean)):
        cure = "pass the ratings of the fit"
        raise InputError(
            f"the model's mean is {mean:.10g}, but that of the ratings is {actual:.10g}: {cure}"
        )
    return mean
