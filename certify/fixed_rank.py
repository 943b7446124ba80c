"""lam = 0: the best factors of rank at most r (PCA, TruncatedSVD), by Ky Fan's bound.

With C the data minus the means the offsets fit, and G the smaller Gram matrix of C,

    G <= t I + K K^T   gives   sum_{i <= r} sigma_i(C)^2 <= r t + |K|^2,

so 1/2 |C - Z|^2 >= 1/2 (|C|^2 - r t - |K|^2) for every Z of rank at most r.
"""

from typing import Any

import numpy as np
from scipy import linalg

from . import descent
from ._arrays import Array
from ._errors import OutOfScopeError
from .atoms import Factors, RankOne
from .losses import Squared
from .polar import _spectra as spectra
from .problem import Problem

CURE = "give lam > 0: then factors of every size are compared"


def require(problem: Problem) -> None:
    """Raise OutOfScopeError, with the cure, unless Ky Fan's bound covers the problem."""
    atom, loss = problem.atom, problem.loss
    if not isinstance(atom, RankOne) or not isinstance(loss, Squared):
        raise OutOfScopeError(f"lam = 0 is covered for RankOne with Squared only; {CURE}")
    if any(g.nonneg for g in atom.gauges):
        raise OutOfScopeError(f"lam = 0 with nonnegative factors has no closed optimum; {CURE}")
    if not loss.observed.full:
        raise OutOfScopeError(f"lam = 0 with missing entries has no closed optimum; {CURE}")
    if loss.scale is not None:
        raise OutOfScopeError(f"lam = 0 with weights has no closed optimum; {CURE}")
    for o in problem.offsets:
        if o.name not in ("row", "column") or o.ridge:
            wanted = "only unpenalized row and column intercepts"
            raise OutOfScopeError(
                f"lam = 0 allows {wanted}, not {o.name} with ridge {o.ridge}; {CURE}"
            )


def centred(problem: Problem) -> Array:
    """Return Y minus the best offsets at Z = 0."""
    loss = descent.rank_one(problem)[1]
    means = problem.fit_offsets(np.zeros(loss.shape))
    return np.asarray(loss.data - problem.shift(means))


def propose(problem: Problem, r: int) -> dict[str, Any]:
    """Return the proof: axis, shift, K, L and the means mu."""
    C = centred(problem)
    axis = spectra.side(C)
    g = spectra.gram(C, axis)
    values, vectors = linalg.eigh(g)
    k = len(values)
    t = float(max(values[k - r - 1] if r < k else 0.0, 0.0))
    head = vectors[:, k - min(r, k) :] * np.sqrt(np.maximum(values[k - min(r, k) :] - t, 0.0))
    K = spectra.on_grid(head, 48)
    rest = g - K @ K.T
    found = spectra.prove_top(rest, t, spectra.MARGINS)
    if found is None:  # only for spectra that float64 cannot hold
        return {"axis": axis, "shift": float(np.abs(rest).sum(axis=0).max()), "K": K}
    shift, factor = found
    out: dict[str, Any] = {"axis": axis, "shift": shift, "K": K}
    if k <= spectra.DENSE:
        out["L"] = spectra.packed(factor)
    return out


def optimum(problem: Problem, r: int) -> Factors:
    """Return balanced factors of the best approximation of rank at most r."""
    C = centred(problem)
    left, values, right = linalg.svd(C, full_matrices=False)
    root = np.sqrt(values[:r])
    return left[:, :r] * root, right[:r].T * root
