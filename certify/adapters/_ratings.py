"""Ratings of other packages, and models with a penalty at every rating: surprise and cornac."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from certify.atoms import RankOne
from certify.base.arrays import Array, Ints, finite, real, scalar
from certify.base.errors import InputError
from certify.losses import Squared
from certify.norms import Weighted
from certify.offsets import ColumnIntercept, RowIntercept
from certify.problem import Problem

from ._fitted import Adapted, Factors, ignored_penalty
from .files._triplets import columns_of, matrix, subtract

SIDES, BIASES = ("user", "item"), ("user_bias", "item_bias")
CORNAC = ("u_factors", "i_factors")
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
        got = type(factors).__name__
        raise InputError(f"factors must be a pair ({', '.join(names)}), got {got}")
    P, Q = (finite(real(x, n, ndim=2), n) for x, n in zip(factors, names, strict=True))
    if P.shape[1] != Q.shape[1]:
        cure = "users and items are rows, components are columns: is one transposed?"
        got, both = f"{P.shape} and {Q.shape}", " and ".join(names)
        raise InputError(f"{both} must have the same number of columns, got {got}; {cure}")
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
        message = f"the model's mean is {mean:.10g}, but that of the ratings is {actual:.10g}"
        raise InputError(f"{message}: pass the ratings of the fit")
    return mean


def weighted_model(
    factors: Any, given: Any, reg: Any, biases: Any = None, mean: Any = None
) -> Adapted:
    """Return the objective of stochastic gradient descent with a penalty at every rating:

        sum over ratings of 1/2 (r_ui - mu - b_u - b_i - <p_u, q_i>)^2
            + reg/2 (b_u^2 + b_i^2 + |p_u|^2 + |q_i|^2).

    The penalty of a row or column counts once for each of its n ratings, so with D = diag(n_u)
    and E = diag(n_i)

        theta = 1/2 (|D^(1/2) u|^2 + |E^(1/2) v|^2),  lam = reg,
        H(b) = reg/2 sum n_u b_u^2 + reg/2 sum n_i b_i^2,  data r - mu.

    factors  (P, Q), (m, r) and (n, r)          given  (users, items, ratings) or scipy.sparse
    reg      one number, or {"user":, "item":, "user_bias":, "item_bias":}
    biases   None, or (b_u, b_i), (m,) and (n,)    mean  mu, with biases only

    With reg_p for users and reg_q for items: lam = sqrt(reg_p reg_q) and U = s P, V = Q / s,
    s = (reg_p / reg_q)^(1/4).  If one of them is 0, both are ignored: lam = 0, s = 1.
    check(problem, factors, q=factors.q) judges b too.

    Raises InputError for shapes or ids that do not fit.
    """
    return per_rating(pair(factors, ("P", "Q")), given, (reg, ""), (biases, mean))


def surprise_svd(
    factors: Any, given: Any, reg: Any = 0.02, biases: Any = None, mean: Any = None
) -> Adapted:
    """Return the objective of surprise's SVD, with the names of that package for `weighted_model`:

        surprise_svd((model.pu, model.qi), (users, items, ratings), reg=model.reg_all,
                     biases=(model.bu, model.bi), mean=trainset.global_mean)

    users, items   the trainset's inner ids (all_ratings() gives them)
    reg            reg_all, or {"user": reg_pu, "item": reg_qi, "user_bias": reg_bu, ...}

    SVD(biased=False) predicts <p_u, q_i> alone: leave biases and mean out.  SVDpp is
    another model.  After the default of 20 epochs the factors are far from stationary.
    """
    return per_rating(pair(factors, ("pu", "qi")), given, (reg, ""), (biases, mean))


def cornac_mf(
    factors: Any, given: Any, reg: Any = 0.02, biases: Any = None, mean: Any = None
) -> Adapted:
    """Return the objective of cornac's MF (backend "cpu"), with its names for `weighted_model`:

        cornac_mf((model.u_factors, model.i_factors), train_set.matrix, model.lambda_reg,
                  (model.u_biases, model.i_biases), model.global_mean)

    Without use_bias leave biases and mean out.  The loss that cornac prints has no penalty.
    """
    return per_rating(pair(factors, CORNAC), given, (reg, ""), (biases, mean))


def cornac_nmf(factors: Any, given: Any, reg: Any, biases: Any = None, mean: Any = None) -> Adapted:
    """Return the objective of cornac's NMF, `weighted_model` with U, V >= 0:

        1/2 sum e^2 + lambda_u/2 sum n_u |U_u|^2 + lambda_v/2 sum n_i |V_i|^2.

    reg    {"user": lambda_u, "item": lambda_v, "user_bias": lambda_bu, "item_bias": lambda_bi}
    """
    return per_rating(pair(factors, CORNAC), given, (reg, "+"), (biases, mean))


def penalty_weights(reg: Any, names: Sequence[str]) -> list[float]:
    """Return the weights of the named parts: one number for all, or from a mapping."""
    weights = reg if isinstance(reg, Mapping) else dict.fromkeys((*SIDES, *BIASES), reg)
    if not set(SIDES) <= set(weights) <= {*SIDES, *BIASES}:
        wanted = ", ".join((*SIDES, *BIASES))
        raise InputError(f"reg must be a number or have {wanted}, got {sorted(weights)}")
    if missing := [name for name in names if name not in weights]:
        raise InputError(f"reg must have {missing[0]} for a model with biases")
    labels = names if len(set(weights.values())) > 1 else ["reg"] * len(names)
    return [scalar(weights[n], label, zero=True) for n, label in zip(names, labels, strict=True)]


def per_rating(
    factors: tuple[Array, Array], given: Any, penalty: tuple[Any, str], means: tuple[Any, Any]
) -> Adapted:
    """Return the problem and the factors of any of these models.

    penalty   reg, and the cone of the factors           means   the biases and the mean
    """
    (P, Q), (reg, cone) = factors, penalty
    data = ratings(given, (len(P), len(Q)))
    weights = penalty_weights(reg, SIDES)
    for_P, for_Q = (weight**0.5 for weight in weights)
    offsets, q, mean = split_biases(data, reg, *means)
    left, right = (Weighted(tuple(n.tolist()), cone=cone) for n in (data.per_user, data.per_item))
    atom = RankOne(left, right, form="sum")
    problem = Problem(Squared(subtract(data.matrix, mean)), atom, for_P * for_Q, offsets)
    s = (for_P / for_Q) ** 0.5 if problem.lam else 1.0
    note = ignored_penalty(*zip(SIDES, weights, strict=True))
    return problem, Factors(P * s, Q / s, q, note)


def split_biases(
    data: Ratings, reg: Any, biases: Any, mean: Any
) -> tuple[tuple[RowIntercept, ColumnIntercept] | tuple[()], tuple[Array, ...] | None, float]:
    """Return the offsets, their values, and the mean to subtract from the data."""
    if biases is None:
        if mean is not None:
            raise InputError("a model without biases has no mean: leave mean out")
        return (), None, 0.0
    if not isinstance(biases, tuple | list) or len(biases) != len(SIDES):
        raise InputError("biases must be a pair (of the users, of the items)")
    names = [f"the {side} biases" for side in SIDES]
    q = tuple(finite(real(b, n, ndim=1), n) for b, n in zip(biases, names, strict=True))
    counts = (data.per_user, data.per_item)
    for b, n, c in zip(q, names, counts, strict=True):
        if b.shape != c.shape:
            raise InputError(f"{n} must have shape {c.shape}, got {b.shape}")
    weights = penalty_weights(reg, BIASES)
    ridges = [w * c if w else 0.0 for w, c in zip(weights, counts, strict=True)]
    offsets = RowIntercept(ridges[0]), ColumnIntercept(ridges[1])
    return offsets, q, demand_mean(mean, data)
