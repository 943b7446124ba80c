"""NMF and MiniBatchNMF with l2 penalties: nonnegative factors, theta a sum of squares."""

from typing import Any

import numpy as np

from certify._arrays import Array, finite, real
from certify._errors import InputError, OutOfScopeError
from certify.atoms import RankOne
from certify.losses import Squared
from certify.problem import Problem

from ._fitted import Adapted, Factors, Fit, agree, penalty, solving, squares

NONNEGATIVE = RankOne("l2+", "l2+", form="sum")


def nmf(fit: Fit) -> Adapted:
    """Return the objective of X (n, m) ~ W H, W = codes, H = components_:

        1/2 |X - W H|^2 + m aW / 2 |W|^2 + n aH / 2 |H|^2
            = 1/2 |X - U V'|^2 + lam / 2 (|U|^2 + |V|^2),
        lam = sqrt(n m aW aH),  U = s W,  V = H' / s,  s = (m aW / (n aH))^(1/4).

    Each penalty is scaled by the *other* side's size: m features for W, n samples for H.
    Its figure: reconstruction_err_ = |X - W H|, the penalty left out.  W is the one
    fit_transform returned; transform() solves for another, which is tried when no codes
    are given and is right only for a fit run to convergence.
    """
    aW, aH = scope(fit)
    n, m = fit.X.shape
    H = fit.components
    W = resolved(fit) if fit.codes is None else fit.codes
    compare(fit, W, H)
    for_W, for_H = (m * aW) ** 0.5, (n * aH) ** 0.5
    s = (for_W / for_H) ** 0.5
    problem = Problem(Squared(fit.X), NONNEGATIVE, for_W * for_H)
    return problem, Factors(W * s, H.T / s)


def scope(fit: Fit) -> tuple[float, float]:
    """Return (alpha_W, alpha_H).

    Raises OutOfScopeError, with the cure, for another loss, an l1 share or no penalty.
    """
    model: Any = fit.model
    if model.beta_loss not in ("frobenius", 2):
        given = f"beta_loss={model.beta_loss!r}"
        raise OutOfScopeError(
            f"{fit.name} with {given} has no rule: fit with beta_loss='frobenius'"
        )
    if model.l1_ratio > 0:
        given = f"l1_ratio={model.l1_ratio}"
        raise OutOfScopeError(
            f"{fit.name} with {given} has a penalty of degree 1 on a product of degree 2: "
            "fit with l1_ratio=0"
        )
    alpha_H = model.alpha_W if isinstance(model.alpha_H, str) else model.alpha_H
    return penalty(fit, "alpha_W", model.alpha_W), penalty(fit, "alpha_H", alpha_H)


def resolved(fit: Fit) -> Array:
    """Return W as the library's transform() solves it for the fitted H."""
    with solving(fit):
        W = fit.model.transform(fit.X.astype(fit.model.components_.dtype))
    return finite(real(W, "codes", ndim=2), "codes")


def compare(fit: Fit, W: Array, H: Array) -> None:
    """Compare the residual with reconstruction_err_."""
    reported = getattr(fit.model, "reconstruction_err_", None)
    if reported is None:
        cure = "fit with fit_transform"
        raise InputError(f"{fit.name} after partial_fit reports no reconstruction_err_: {cure}")
    cure = "pass the X of the fit and codes=W, the W that its fit_transform returned"
    theirs, mine = float(reported), float(np.sqrt(squares(fit.X - W @ H)))
    slack = fit.slack(theirs**2, cancels=fit.sparse)  # of squares: a^2 - b^2 = (a - b) (a + b)
    allowed = slack / max(mine + theirs, 1e-300)
    agree(fit, ("reconstruction_err_", theirs), mine, cure, allowed)
