"""A part on which every row of F has one sign: multipliers that the iteration does not reach.

There f . u >= 0 follows from the cuts, f = sum mu_j a_j with mu >= 0.  Then q = (-f . u)_+ is
zero, and its products with the cuts say so:  sum mu_j q (a_j . u) = q (p - q) = -q^2.  The best
weight of that is infinite; a large one costs the objective its inverse.  Where f is inside the
cone of the cuts, other weights first cancel the products of q and u, and a small one is enough.
"""

import numpy as np
from scipy import optimize

from certify.base.arrays import Array

from .layer_multiplier import LayerMultiplier, best_multiplier
from .layers import LayerForm

ROWS = 200  # of F at most: for more, signs are not searched
WEIGHTS = 2.0 ** np.arange(16, 25, 2)  # tried, in units of the objective
FEW = 2.0 ** np.arange(0, 9, 4)  # the same where the products with u are cancelled
BEYOND = 12  # doublings of t
ROUNDING = 2.0**-45  # of a weight: what a verifier in floats may lose by it
NEAR = 1e-9  # of |f|: what f may differ from a sum of cuts; luck, what is proved is exact


def sharpen(form: LayerForm, multiplier: LayerMultiplier, goal: float) -> LayerMultiplier:
    """Return the multiplier of the least bound, with such weights and without.

    goal: a bound under which nothing better is looked for.
    """
    if multiplier.bound <= goal or not len(form.cuts) or len(form.F) > ROWS:
        return multiplier
    E = zero_rows(form)
    if E is None:
        return multiplier
    size = float(np.exp2(np.ceil(np.log2(np.abs(form.C).max(initial=0.0) or 1.0))))
    best, none = multiplier, np.zeros(E.shape)
    inside = cancel_products(form, E)
    tries = [(inside, w) for w in FEW * size * len(form.F)] if inside is not None else []
    tries += [(N, w) for N in (none, multiplier.N.astype(float)) for w in WEIGHTS * size]
    for N, w in tries:
        candidate = best_multiplier(form, N + w * E)
        candidate = candidate._replace(bound=candidate.bound + w * ROUNDING * len(E) ** 0.5)
        best = min(best, candidate, key=lambda x: x.bound)
        if best.bound <= goal:
            return best
    return best


def zero_rows(form: LayerForm) -> Array | None:
    """Return E with <E, B x x^T B^T> = -2 sum of the q_i^2 or p_i^2 that are zero.

    None unless every row has a sign.
    """
    m, n = len(form.F), len(form.cuts)
    E = np.zeros((2 * m + n, 2 * m + n))
    cuts, at = form.cuts[:, m:].T, 2 * m + np.arange(n)
    for i, f in enumerate(form.F):
        tries = (optimize.nnls(cuts, s * f) for s in (1.0, -1.0))
        sides = [(k, mu) for k, (mu, rest) in enumerate(tries) if rest <= NEAR * np.linalg.norm(f)]
        if not sides:
            return None
        side = i if sides[0][0] else m + i
        E[side, at] = E[at, side] = sides[0][1]
        E[i, m + i] = E[m + i, i] = -1.0
    return E


def cancel_products(form: LayerForm, E: Array) -> Array | None:
    """Return N that cancels the products of the zeros z_i, p_i or q_i, with u; E from `zero_rows`.

    The other one of p_i and q_i is h . u + z_i, h . u >= 0.  If the objective has 2 z_i (g . u) and
    t h - g = sum nu_j a_j with nu >= 0, then

        2 z_i (g . u) + 2 sum nu_j z_i (a_j . u) - 2 t p_i q_i = -2 t z_i^2.

    None if for some row no t up to 2^BEYOND |g| / |h| does.
    """
    m, d = form.F.shape
    cuts, at = form.cuts[:, m:].T, 2 * m + np.arange(len(form.cuts))
    low = np.asarray(E[:m, 2 * m :].sum(axis=1) > 0)  # p_i is the zero
    T = np.eye(form.size)
    T[:m, m : m + d] = np.where(low[:, None], 0.0, form.F)
    cross, N = (T.T @ form.C @ T)[:m, m : m + d], np.zeros(E.shape)
    for i, (f, g) in enumerate(zip(form.F, cross, strict=True)):
        h = -f if low[i] else f
        size = float(np.linalg.norm(h))
        for t in np.linalg.norm(g) / (size or 1.0) * 2.0 ** np.arange(BEYOND):
            nu, rest = optimize.nnls(cuts, t * h - g)
            if rest <= NEAR * t * size:
                break
        else:
            return None
        side = i if low[i] else m + i
        N[side, at] = N[at, side] = nu
        N[i, m + i] = N[m + i, i] = -t
    return N
