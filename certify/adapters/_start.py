"""Rescale the components of a factorization, as a start for a search."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from certify.base.arrays import Array
from certify.base.errors import InputError
from certify.losses import Squared
from certify.problem import Problem

from ._cp import Modes

SWEEPS = 500  # over the components
SETTLED = 1e-13  # the largest change in the last sweep, relative to the largest multiple


def start(problem: Problem, factors: Sequence[Any]) -> Modes:
    """Return the components at their best lengths, with the same norm in every mode:

        min over b >= 0 of  l(sum_i b_i phi(x_i)) + lam sum_i b_i theta(x_i),

    a convex problem, solved by coordinate descent.  Components with b_i = 0 are dropped.
    Components of a fit without a penalty are too long for a positive lam; after this their
    directions alone are judged.

    The result is another candidate: check(problem, factors) judges the factors of the fit.

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
    weighted = [loss.weigh(f) for f in fields]
    G = np.array([np.vdot(f, g) for f in fields for g in weighted]).reshape(len(prices), -1)
    inner = np.array([np.vdot(g, loss.data) for g in weighted])
    b = multiples(G, inner - prices)
    return balance(tuple(x[..., b > 0] for x in modes), b[b > 0], problem.atom.degree)


def multiples(G: Array, c: Array) -> Array:
    """Return argmin over b >= 0 of b^T G b / 2 - c^T b, by coordinate descent."""
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
    """Return factors of the components b_i phi(x_i), with the same norm in every mode."""
    norms = [np.sqrt((x * x).sum(axis=0)) for x in factors]
    if len(factors) == 1:
        return Modes((factors[0] * b ** (1.0 / degree),))
    size = np.exp(sum(np.log(n) for n in norms) / len(norms)) * b ** (1.0 / len(norms))
    return Modes(x * (size / n) for x, n in zip(factors, norms, strict=True))
