"""Least squares by nonnegative factors of any size: sweeps over the columns of many components.

    min 1/2 |Y - U V^T|^2 + lam/2 (|U|^2 + |V|^2)   over   U, V >= 0

The minimizer of each column, the others fixed, has a closed form (`descent.multipliers.sweep`).
The optimum has many components, so the search begins with more; columns of zeros are dropped.  At a
fixed size too many columns end as zeros: there, if Y is dense, small steps on all numbers at once
are better.
"""

from typing import Any

import numpy as np

from certify.atoms import Factors
from certify.losses import Squared
from certify.problem import Problem
from certify.search.candidate import Candidate
from certify.search.column_generation import Search
from certify.search.coordinates.products import form_of, is_nonnegative
from certify.search.descent.multipliers import sweep
from certify.search.dual.points import squared_loss

MANY, TIMES = 300, 2  # components at the start; of the shorter side, if that is less
LOOK, STALLED = 5, 1e-5  # sweeps between two tests, and the relative gain of these that ends them
TINY = 1e-300  # a ridge that avoids a division by zero at lam = 0
COST = 2  # quasi-Newton steps that take as long as a sweep over both factors


def applies(problem: Problem) -> bool:
    """Whether this objective is the problem's, with full data and no weights."""
    loss = problem.loss
    full = isinstance(loss, Squared) and loss.observed.full and loss.scale is None
    return full and is_nonnegative(problem)


@np.errstate(all="ignore")  # a point that is not finite is never the lowest
def sweep_columns(search: Search, seed: int, more: int = MANY) -> Candidate:
    """Sweep from the best point with random components, up to `more` in all; return the best."""
    problem = search.problem
    loss, last, ridge = squared_loss(problem), np.inf, max(problem.lam, TINY)
    Y = loss.matrix if loss.observed.zeros else loss.data
    form = form_of(problem.atom, problem.loss.dims)
    U, V = begin(Y, form.balance(search.best.factors), more, np.random.default_rng(seed))
    while U.shape[1] and not search.over():
        for _ in range(LOOK):
            sweep(U, V, Y, ridge)
            sweep(V, U, Y.T, ridge)
            search.steps -= COST
            if search.over():
                break
        keep = U.any(axis=0) & V.any(axis=0)
        U, V = form.balance((U[:, keep], V[:, keep]))
        value = search.note("sweep", (U, V), ()).value
        if not last - value > STALLED * abs(value):
            break
        last = value
    return search.best


def begin(Y: Any, factors: Factors, most: int, rng: np.random.Generator) -> Factors:  # noqa: ANN401
    """Append random components, whose product is about as large as Y."""
    more = max(min(TIMES * min(Y.shape), most) - factors[0].shape[1], 0)
    size = 2 * (max(float(Y.mean()), 0.0) / max(more, 1)) ** 0.5
    fresh = (size * rng.random((len(x), more)) for x in factors)
    U, V = (np.hstack([x, y]) for x, y in zip(factors, fresh, strict=True))
    return U, V
