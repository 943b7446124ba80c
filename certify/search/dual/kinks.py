"""Slopes at kinks of the loss: between both sides, the ones that balance the offsets.

At the best offsets q there are W in -dl(Z) with A* W = grad H(q).  Where the loss is smooth this is
-grad l; at kinks that takes one end or the middle, and an orthogonal W near it may bound nothing.
"""

import numpy as np
from scipy.optimize import lsq_linear

from certify.base.arrays import Array
from certify.problem import Problem
from certify.problem.best_offsets import matrices
from certify.search.candidate import Candidate

STEP = 1e-6  # of the largest entry of Z: within it of a kink is at the kink
MOST = 1000  # entries at kinks: the steps that put them to ends take half a second then


def has_kinks(problem: Problem) -> bool:
    """Whether slopes at kinks of the loss have offsets to balance."""
    sparse = any(o.price for o in problem.offsets)
    return not problem.loss.smooth and bool(problem.offsets) and not sparse


def balance(problem: Problem, now: Candidate, W: Array) -> Array:
    """Return W = -grad l with its entries at kinks as they balance the offsets, in floats.

    Least squares within the slopes of both sides.  W does not change if there are no entries at
    kinks, or more than MOST.
    """
    if not has_kinks(problem):
        return W
    Z = problem.predict(now.factors, now.q)
    step = STEP * float(np.abs(Z).max(initial=0.0))
    high, low = (-problem.loss.gradient(Z + s * step).reshape(-1) for s in (-1, 1))
    kinks = high > low
    if not 0 < int(kinks.sum()) <= MOST:
        return W
    A, K = matrices(problem.offsets, problem.loss.observed)
    flat = np.concatenate([np.asarray(x).reshape(-1) for x in now.q])
    out = np.where(kinks, 0.0, W.reshape(-1))
    missing = K @ flat - A.T @ out
    ends = low[kinks], high[kinks]
    out[kinks] = lsq_linear(A.T[:, kinks].toarray(), missing, ends, method="bvls").x
    return np.asarray(out.reshape(W.shape))
