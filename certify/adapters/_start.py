"""Rescale the components of a factorization: a start for a search, not the candidate itself."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from certify.base.arrays import Array
from certify.base.errors import InputError
from certify.losses import Squared
from certify.problem import Problem

from ._cp import Modes

SWEEPS = 500  # over the components
SETTLED = 1e-13  # of the largest multiple: a sweep that moves none by more is the last


def start(problem: Problem, factors: Sequence[Any]) -> Modes:
    """Return the best multiples of the components, each balanced over its modes.

        min over b >= 0 of  l(sum_i b_i phi(x_i)) + lam sum_i b_i theta(x_i),

    a convex problem, solved by coordinate descent.  Slices with b_i = 0 are dropped; of the
    others every mode gets the same norm.  A fit without a penalty, rejudged at a lam, has
    components too long for it: this separates wrong lengths from wrong directions.

    The answer is another candidate: check(problem, factors) judges the factors as they are.

    Raises InputError for another loss than least squares, or factors that do not fit.
    """
    loss = problem.loss
    if not isinstance(loss, Squared):
        raise InputError(f"start knows least squares, not {type(loss).__name__}")
    modes = problem.accept(factors)
    theta = np.asarray(problem.atom.theta(modes))
    modes = tuple(x[..., theta > 0] for x in modes)
    prices = problem.lam * theta[theta > 0]
    slices = [tuple(x[..., k : k + 1] for x in modes) for k in range(len(prices))]
    fields = [problem.predict(s) for s in slices]
    pulled = [loss.weigh(f) for f in fields]
    G = np.array([[np.vdot(f, g) for g in pulled] for f in fields]).reshape(
        len(prices), len(prices)
    )
    inner = np.array([np.vdot(g, loss.data) for g in pulled])
    b = multiples(G, inner - prices)
    return balance(tuple(x[..., b > 0] for x in modes), b[b > 0], problem.atom.degree)


def multiples(G: Array, c: Array) -> Array:
    """Return argmin over b >= 0 of b^T G b / 2 - c^T b, by exact steps in one b_i at a time."""
    b = np.zeros(len(c))
    curved = np.diag(G)
    for _ in range(SWEEPS):
        moved = 0.0
        for i in np.flatnonzero(curved > 0):
            new = max(0.0, b[i] + float(c[i] - G[i] @ b) / float(curved[i]))
            moved, b[i] = max(moved, abs(new - b[i])), new
        if moved <= SETTLED * b.max(initial=0.0):
            break
    return b


def balance(factors: tuple[Array, ...], b: Array, degree: int) -> Modes:
    """Return factors of the components b_i phi(x_i), every mode of a component of the same norm."""
    norms = [np.sqrt((x * x).sum(axis=0)) for x in factors]
    if len(factors) == 1:
        return Modes((factors[0] * b ** (1.0 / degree),))
    size = np.exp(sum(np.log(n) for n in norms) / len(norms)) * b ** (1.0 / len(norms))
    return Modes(x * (size / n) for x, n in zip(factors, norms, strict=True))
