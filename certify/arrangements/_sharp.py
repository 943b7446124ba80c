"""A part on which every row has one sign: weights that no steps reach.

There f . u >= 0 follows from the cuts, f = sum mu_j a_j with mu >= 0.  Then q = (-f . u)_+ is
zero, and its products with the cuts say so:  sum mu_j q (a_j . u) = q (p - q) = -q^2.  The best
weight of that is infinite; a large one costs the objective its inverse.
"""

import numpy as np
from scipy import optimize

from certify._arrays import Array

from ._form import Form
from ._multiplier import Multiplier, proved

ROWS = 200  # beyond which no signs are looked for
WEIGHTS = 2.0 ** np.arange(16, 25, 2)  # tried, in units of the objective
ROUNDING = 2.0**-45  # of a weight: what a verifier in floats may lose by it
NEAR = 1e-9  # of |f|: what f may differ from a sum of cuts; luck, what is proved is exact


def sharpened(form: Form, found: Multiplier, goal: float) -> Multiplier:
    """Return the multiplier of the least bound, with such weights and without.

    goal: a bound under which nothing better is looked for.
    """
    if found.bound <= goal or not len(form.cuts) or len(form.F) > ROWS:
        return found
    E = decided(form)
    if E is None:
        return found
    size = float(np.exp2(np.ceil(np.log2(np.abs(form.C).max(initial=0.0) or 1.0))))
    best = found
    for N in (np.zeros(E.shape), found.N.astype(float)):
        for w in WEIGHTS * size:
            held = proved(form, N + w * E)
            held = held._replace(bound=held.bound + w * ROUNDING * len(E) ** 0.5)
            best = min(best, held, key=lambda x: x.bound)
            if best.bound <= goal:
                return best
    return best


def decided(form: Form) -> Array | None:
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
