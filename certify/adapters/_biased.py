"""Models that pay their penalty once for each rating: surprise, cornac, fancyimpute."""

from collections.abc import Mapping
from typing import Any

from certify.atoms import RankOne
from certify.base.arrays import Array, finite, real, scalar
from certify.base.errors import InputError
from certify.losses import Squared
from certify.norms import Weighted
from certify.offsets import ColumnIntercept, RowIntercept
from certify.problem import Problem

from ._fitted import Adapted, Factors, without_effect
from ._ratings import Ratings, pair, ratings, same_mean

SIDES = ("user", "item")
CORNAC = ("u_factors", "i_factors")


def weighted_model(
    factors: Any, given: Any, reg: Any, biases: Any = None, mean: Any = None
) -> Adapted:
    """Return the objective of stochastic gradient descent with a penalty at every rating:

        sum over ratings of 1/2 (r_ui - mu - b_u - b_i - <p_u, q_i>)^2
            + reg/2 (b_u^2 + b_i^2 + |p_u|^2 + |q_i|^2).

    A row or column with n ratings is charged n times, so with D = diag(n_u), E = diag(n_i)

        theta = 1/2 (|D^(1/2) u|^2 + |E^(1/2) v|^2),  lam = reg,
        H(b) = reg/2 sum n_u b_u^2 + reg/2 sum n_i b_i^2,  data r - mu.

    factors  (P, Q), (m, r) and (n, r)          given  (users, items, ratings) or scipy.sparse
    reg      one number, or {"user":, "item":, "user_bias":, "item_bias":}
    biases   None, or (b_u, b_i), (m,) and (n,)    mean  mu, with biases only

    With reg_p for users and reg_q for items: lam = sqrt(reg_p reg_q) and U = s P, V = Q / s,
    s = (reg_p / reg_q)^(1/4).  Where one of them is 0 both are left out: lam = 0, s = 1.
    check(problem, factors, q=factors.q) asks about b as well.

    Raises InputError for shapes or ids that do not fit.
    """
    return per_rating(pair(factors, ("P", "Q")), given, Paid(reg), (biases, mean))


def surprise_svd(
    factors: Any, given: Any, reg: Any = 0.02, biases: Any = None, mean: Any = None
) -> Adapted:
    """Return the objective of surprise's SVD, `weighted_model` in its own names:

        surprise_svd((model.pu, model.qi), (users, items, ratings), reg=model.reg_all,
                     biases=(model.bu, model.bi), mean=trainset.global_mean)

    users, items   the trainset's inner ids (all_ratings() gives them)
    reg            reg_all, or {"user": reg_pu, "item": reg_qi, "user_bias": reg_bu, ...}

    SVD(biased=False) predicts <p_u, q_i> alone: leave biases and mean out.  SVDpp is
    another model.  The package's default of 20 epochs is far from stationary.
    """
    return per_rating(pair(factors, ("pu", "qi")), given, Paid(reg), (biases, mean))


def cornac_mf(
    factors: Any, given: Any, reg: Any = 0.02, biases: Any = None, mean: Any = None
) -> Adapted:
    """Return the objective of cornac's MF (backend "cpu"), `weighted_model` in its names:

        cornac_mf((model.u_factors, model.i_factors), train_set.matrix, model.lambda_reg,
                  (model.u_biases, model.i_biases), model.global_mean)

    Without use_bias leave biases and mean out.  The loss it prints has no penalty in it.
    """
    return per_rating(pair(factors, CORNAC), given, Paid(reg), (biases, mean))


def cornac_nmf(factors: Any, given: Any, reg: Any, biases: Any = None, mean: Any = None) -> Adapted:
    """Return the objective of cornac's NMF, `weighted_model` with U, V >= 0:

        1/2 sum e^2 + lambda_u/2 sum n_u |U_u|^2 + lambda_v/2 sum n_i |V_i|^2.

    reg    {"user": lambda_u, "item": lambda_v, "user_bias": lambda_bu, "item_bias": lambda_bi}
    """
    return per_rating(pair(factors, CORNAC), given, Paid(reg, "+"), (biases, mean))


class Paid:
    """The four weights of the penalty; the cone of the factors."""

    def __init__(self, reg: Any, cone: str = "") -> None:
        """Take one number for all, or a mapping with a number for each."""
        names = [*SIDES, *(f"{s}_bias" for s in SIDES)]
        weights = reg if isinstance(reg, Mapping) else dict.fromkeys(names, reg)
        if not set(SIDES) <= set(weights) or not set(weights) <= set(names):
            raise InputError(
                f"reg must be a number or have {', '.join(names)}, got {sorted(weights)}"
            )
        self.held, self.cone = weights, cone

    def of(self, name: str) -> float:
        """Return one weight, 0 for no penalty."""
        if name not in self.held:
            raise InputError(f"reg must have {name} for a model with biases")
        label = name if len(set(self.held.values())) > 1 else "reg"
        return scalar(self.held[name], label, zero=True)


def per_rating(
    factors: tuple[Array, Array], given: Any, paid: Paid, beside: tuple[Any, Any]
) -> Adapted:
    """Return the problem and the factors of any of these models."""
    P, Q = factors
    data = ratings(given, (len(P), len(Q)))
    prices = [paid.of(side) for side in SIDES]
    for_P, for_Q = (price**0.5 for price in prices)
    offsets, q, mean = split_biases(data, paid, *beside)
    left, right = (
        Weighted(tuple(n.tolist()), cone=paid.cone) for n in (data.per_user, data.per_item)
    )
    atom = RankOne(left, right, form="sum")
    problem = Problem(Squared(data.less(mean)), atom, for_P * for_Q, offsets)
    s = (for_P / for_Q) ** 0.5 if problem.lam else 1.0
    note = without_effect(*zip(SIDES, prices, strict=True))
    return problem, Factors(P * s, Q / s, q, note)


def split_biases(
    data: Ratings, paid: Paid, biases: Any, mean: Any
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
    prices = [paid.of(f"{side}_bias") for side in SIDES]
    ridges = [p * c if p else 0.0 for p, c in zip(prices, counts, strict=True)]
    offsets = RowIntercept(ridges[0]), ColumnIntercept(ridges[1])
    return offsets, q, same_mean(mean, data)
