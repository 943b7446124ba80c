"""NMF and MiniBatchNMF: nonnegative factors, theta a sum of squares, and l1 penalties."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from scipy.optimize import nnls

from certify.atoms import RankOne
from certify.base.arrays import Array, finite, real, scalar
from certify.base.errors import InputError, OutOfScopeError
from certify.losses import KullbackLeibler, Loss, Squared
from certify.problem import Problem

from ._fitted import (
    MARGIN,
    RESOLVED,
    Adapted,
    Factors,
    Fit,
    demand_figure,
    dense,
    ignored_penalty,
    library,
    note_resolved,
    quiet_solver,
)

NONNEGATIVE = RankOne("l2+", "l2+", form="sum")
LOSSES: dict[Any, Callable[[Array], Loss]] = {  # beta_loss, by name and by number
    "frobenius": Squared,
    2: Squared,
    "kullback-leibler": KullbackLeibler,
    1: KullbackLeibler,
}
TINY = float(np.finfo(np.float32).eps)  # the library's, in its Kullback-Leibler divergence
STALLED, SWEEPS, STEPS, LOOKS = 1e-12, 5000, 2000, 10  # of the solvers for W with H fixed
CHANGES = 100  # of the active set, for each component: 3 are too few where rows of H are close
CURES = "fit with beta_loss='frobenius' or 'kullback-leibler'"


def nmf(fit: Fit) -> Adapted:
    """Return the objective of X (n, m) ~ W H, W = codes, H = components_:

        D(X, W H) + m aW (1 - p) / 2 |W|^2 + n aH (1 - p) / 2 |H|^2 + p (m aW |W|_1 + n aH |H|_1)
            = D(X, U V') + lam / 2 (|U|^2 + |V|^2) + a |U|_1 + b |V|_1,
        lam = (1 - p) sqrt(n m aW aH),  U = s W,  V = H' / s,  s = (m aW / (n aH))^(1/4),
        a = p m aW / s,  b = p n aH s,
        D(X, Z) = 1/2 |X - Z|^2  or, by beta_loss,  sum X ln(X / Z) - X + Z.

    Each penalty is scaled by the *other* side's size: m features for W, n samples for H; p is
    l1_ratio.  With p = 1, lam = 0 and s = 1.  A penalty on one factor alone is ignored.
    The compared figure is reconstruction_err_ = sqrt(2 D), which has no penalty.  codes are the W
    that fit_transform returned.  Without codes W is that of transform(), or, if this is not the
    fit's own, the optimum for this H, with a note.  MiniBatchNMF descends the same objective and
    forgets old batches, so its factors are only nearly stationary.
    """
    aW, aH, left_out = penalties(fit)
    n, m = fit.X.shape
    loss, H = loss_of(fit), fit.components
    note = ""
    if fit.codes is None:
        W, note = solve_codes(fit, loss, left_out=bool(left_out))
    else:
        W = fit.codes
        demand_figure(fit, *compare_errors(fit, loss, W))
    note = "; ".join(filter(None, (note, left_out)))
    if isinstance(loss, KullbackLeibler):
        finite_divergence(fit, loss, W @ H)
    p = float(fit.model.l1_ratio) if aW else 0.0
    lam = (1 - p) * ((m * aW) ** 0.5 * (n * aH) ** 0.5)
    s = factor_scale(fit.model, fit.X.shape)
    l1 = (p * m * aW / s, p * n * aH * s) if p else None
    return Problem(loss, NONNEGATIVE, lam, l1=l1), Factors(W * s, H.T / s, note=note)


def penalties(fit: Fit) -> tuple[float, float, str]:
    """Return (alpha_W, alpha_H, ""), or (0, 0, a note) if one of them is 0.

    Raises OutOfScopeError, with the cure, for another loss.
    """
    beta = fit.model.beta_loss
    if beta not in LOSSES:
        reason = f"beta_loss={beta!r} {beta_reason(beta)}"
        raise OutOfScopeError(f"{fit.name} with {reason}: {CURES}")
    aW, aH = alphas(fit.model)
    aW, aH = scalar(aW, "alpha_W", zero=True), scalar(aH, "alpha_H", zero=True)
    if aW and aH:
        return aW, aH, ""
    return 0.0, 0.0, ignored_penalty(("alpha_W", aW), ("alpha_H", aH))


def alphas(model: Any) -> tuple[float, float]:
    """Return alpha_W and alpha_H; alpha_H="same" is alpha_W."""
    return model.alpha_W, model.alpha_W if isinstance(model.alpha_H, str) else model.alpha_H


def factor_scale(model: Any, shape: tuple[int, ...]) -> float:
    """Return s = (m alpha_W / (n alpha_H))^(1/4), or 1 if the penalty has no squares."""
    (aW, aH), (n, m) = alphas(model), shape
    return float((m * aW / (n * aH)) ** 0.25) if aW * aH and model.l1_ratio < 1 else 1.0


def beta_reason(beta: Any) -> str:
    """Return why a beta-divergence is not covered.

    Its second derivative in z, (b - 1) z^(b-2) - (b - 2) x z^(b-3), is >= 0 for all x and z
    exactly if 1 <= b <= 2.
    """
    if not isinstance(beta, str) and 1 < beta < 2:  # noqa: PLR2004  the ends of that range
        return "is not covered"
    return "has a loss that is not convex in W H, so that no bound of its optimum is known"


def solve_codes(fit: Fit, loss: Loss, *, left_out: bool) -> tuple[Array, str]:
    """Return W for the fitted H, and a note if it is not the fit's own.

    W is that of transform() if it reproduces the model's error, else the optimum for this H, or,
    if that is too far from the fit, the W of the same fit repeated.
    If the penalty of W is ignored, the optimum without it is tried before that with it.
    """
    alpha = fit.model.alpha_W
    if not fit.own:
        return optimal_codes(fit, 0.0 if left_out else alpha), ""
    if reported_error(fit) is None:
        message = "W was re-solved; partial_fit keeps none, nor a figure to compare"
        return optimal_codes(fit, alpha), message
    if fit.components.any():
        with quiet_solver(fit):
            codes = fit.model.transform(fit.X.astype(fit.model.components_.dtype))
        W = finite(real(codes, "codes", ndim=2), "codes")
        figure, mine, _, slack = compare_errors(fit, loss, W)
        if abs(mine - figure[1]) <= slack:
            return W, ""
    for weight in (0.0, alpha) if left_out else (alpha,):
        W = optimal_codes(fit, weight)
        figure, mine, _, slack = compare_errors(fit, loss, W)
        if abs(mine - figure[1]) <= slack:
            break
    if abs(mine - figure[1]) > RESOLVED * figure[1] and (again := refitted_codes(fit)) is not None:
        _, repeated, _, rounding = compare_errors(fit, loss, again)
        if abs(repeated - figure[1]) <= rounding:
            return again, ""
    return W, note_resolved(fit, "W", figure, mine, slack)


def refitted_codes(fit: Fit) -> Array | None:
    """Return the W of the same fit repeated, or None if it needs a start that the model lost.

    The default starts depend on random_state by rounding errors only.
    """
    again = library("base").clone(fit.model)
    if again.random_state is None:  # the caller's own random numbers stay as they are
        again.set_params(random_state=0)
    try:
        with quiet_solver(fit):
            codes = again.fit_transform(fit.X.astype(fit.model.components_.dtype))
    except InputError:
        return None
    return finite(real(codes, "codes", ndim=2), "codes")


def optimal_codes(fit: Fit, alpha: float) -> Array:
    """Return the optimal W for the fitted H with the penalty alpha, a convex problem.

    The library refuses H = 0, the result of a large penalty.
    """
    model: Any = fit.model
    if not fit.components.any():
        return np.zeros((fit.X.shape[0], len(fit.components)))
    if LOSSES[model.beta_loss] is KullbackLeibler:
        return divergence_codes(fit, alpha)
    if not alpha * model.l1_ratio:
        with suppress(RuntimeError):  # the active set met one twice
            return least_squares_codes(fit, fit.X.shape[1] * alpha)
    with quiet_solver(fit):
        W, *_ = library("decomposition").non_negative_factorization(
            fit.X,
            H=fit.components.copy(),
            n_components=len(fit.components),
            update_H=False,
            solver="cd",
            alpha_W=alpha,
            alpha_H=0.0,
            l1_ratio=model.l1_ratio,
            tol=STALLED,
            max_iter=SWEEPS,
        )
    return finite(real(W, "codes", ndim=2), "codes")


def least_squares_codes(fit: Fit, ridge: float) -> Array:
    """Return W >= 0 that minimizes 1/2 |X - W H|^2 + ridge / 2 |W|^2, row by row.

    With H' = Q R, each row w minimizes |R w - Q' x|^2 + ridge |w|^2: an active set ends at the
    optimum, while the library's descent needs more steps the closer rows of H are to each other.
    """
    H = fit.components
    stacked = np.vstack([H.T, ridge**0.5 * np.eye(len(H))])
    Q, R = np.linalg.qr(stacked)
    most = CHANGES * len(H)
    return np.stack([nnls(R, b, maxiter=most)[0] for b in np.asarray(fit.X @ Q[: H.shape[1]])])


def divergence_codes(fit: Fit, alpha: float) -> Array:
    """Return W >= 0 that minimizes D(X, W H) + a |W|_1 + b / 2 |W|^2 for the fitted H.

    By Jensen's inequality D is at most -sum c ln w + sum h w + const, with equality at W, where
    c = W * (X / (W H)) H' and h = H 1.  This bound plus the penalties is least at the root of
    b w^2 + (h + a) w = c, so no step raises the objective.  The library's own solver (1.9.1) adds
    a to h in every step if H is fixed.
    """
    X, H, p = fit.X, fit.components, float(fit.model.l1_ratio)
    paid = X.shape[1] * alpha
    slope, bend = H.sum(axis=1) + p * paid, (1 - p) * paid
    W = np.full((len(X), len(H)), (X.mean() / len(H)) ** 0.5)
    value = np.inf
    for step in range(STEPS):
        c = W * ((X / np.maximum(W @ H, TINY)) @ H.T)
        below = slope + np.sqrt(slope**2 + 4 * bend * c)
        W = np.divide(2 * c, below, out=np.zeros_like(c), where=below > 0)
        if step % LOOKS == 0:
            before = value
            value = library_divergence(fit, W @ H)[0] + float(((p * paid + bend / 2 * W) * W).sum())
            if before - value <= STALLED * abs(value):
                break
    return W


def reported_error(fit: Fit) -> float | None:
    """Return reconstruction_err_, or None after partial_fit."""
    figure = getattr(fit.model, "reconstruction_err_", None)
    return None if figure is None else float(figure)


def loss_of(fit: Fit) -> Loss:
    """Return the loss of X, which is made dense for a divergence."""
    kind = LOSSES[fit.model.beta_loss]
    return fit.squared if kind is Squared else kind(dense(fit.X))


def compare_errors(fit: Fit, loss: Loss, W: Array) -> tuple[tuple[str, float], float, str, float]:
    """Return the model's sqrt(2 D) with its name, that of W H, the cure, and the rounding.

    Raises InputError if the model reports none.
    """
    theirs = reported_error(fit)
    if theirs is None:
        cure = "leave codes out, or fit with fit_transform"
        raise InputError(f"{fit.name} after partial_fit reports no reconstruction_err_: {cure}")
    cure = "pass the X of the fit and codes=W, the W that its fit_transform returned"
    cost, slack = divergence(fit, loss, W)
    mine = float(np.sqrt(2 * max(cost, 0.0)))
    slack += fit.slack(theirs**2, cancels=fit.sparse)  # of squares: a^2 - b^2 = (a - b) (a + b)
    return ("reconstruction_err_", theirs), mine, cure, slack / max(mine + theirs, 1e-300)


def divergence(fit: Fit, loss: Loss, W: Array) -> tuple[float, float]:
    """Return D(X, W H) as the library computes it, and its rounding."""
    if isinstance(loss, KullbackLeibler):
        return library_divergence(fit, W @ fit.components)
    if isinstance(loss, Squared) and fit.zeros:
        return loss.value_of_product(W, fit.components.T), 0.0
    return loss.value(W @ fit.components), 0.0


def finite_divergence(fit: Fit, loss: Loss, Z: Array) -> None:
    """Raise InputError if W H is 0 where X is not; the library replaces such a 0 by TINY."""
    if wrong := loss.outside(Z):
        reason = f"the divergence of these factors is infinite, {wrong}"
        raise InputError(f"{fit.name}: {reason}: fit longer, or from another start")


def library_divergence(fit: Fit, Z: Array) -> tuple[float, float]:
    """Return sum X ln(X / Z) - X + Z as the library computes it, and its rounding.

    The library replaces Z by max(Z, TINY) in the logarithm.  The terms are larger than the sum.
    """
    X = fit.X
    seen = X > TINY
    logs = np.where(seen, X, 0.0) * np.log(np.where(seen, X, 1.0) / np.maximum(Z, TINY))
    terms = np.where(seen, logs - X, 0.0) + Z
    large = float((np.abs(logs) + X + np.abs(Z)).sum())
    return float(terms.sum()), 2 * MARGIN * fit.eps * X.size**0.5 * large
