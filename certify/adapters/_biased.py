"""Models with a penalty at every rating: surprise and cornac."""

from collections.abc import Mapping, Sequence
from typing import Any

from certify.atoms import RankOne
from certify.base.arrays import Array, finite, real, scalar
from certify.base.errors import InputError
from certify.losses import Squared
from certify.norms import Weighted
from certify.offsets import ColumnIntercept, RowIntercept
from certify.problem import Problem

from ._fitted import Adapted, Factors, ignored_penalty
from ._ratings import Ratings, demand_mean, pair, ratings
from .files._triplets import subtract

SIDES, BIASES = ("user", "item"), ("user_bias", "item_bias")
CORNAC = ("u_factors", "i_factors")


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
