"""Clicks at the diagonal of a table, the rest unobserved: every log-odds is shrunk by itself."""

import mpmath
import numpy as np
from scipy import sparse

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Logistic

from . import Instance
from ._truth import DIGITS

WHY = (
    "the nuclear norm is at least the sum of |z_ii|, as it is dual to the norm sigma_1 and a "
    "diagonal of signs has sigma_1 = 1; a diagonal Z attains it.  So entries part: "
    "c ln(1 + e^-x) + lam x has slope 0 where c / (1 + e^x) = lam: x = ln(c / lam - 1), and "
    "x = 0 is best where c <= 2 lam.  c = 1, 2 and 1/4 at lam = 1/4: x = ln 3, "
    "ln 7 and 0"
)
COUNTS = (1.0, 2.0, 0.25)


def cases() -> dict[str, Instance]:
    """Return the best log-odds by two components and by one, and others."""
    labels = np.array([1.0, 0.0, 1.0])
    diagonal = np.arange(3), np.arange(3)
    loss = Logistic(
        sparse.coo_array((labels, diagonal), (3, 3)),
        weights=sparse.coo_array((np.array(COUNTS), diagonal), (3, 3)),
    )
    best = np.array([np.log(3.0), -np.log(7.0), 0.0])
    with mpmath.workdps(DIGITS):
        terms = [(1, mpmath.log(3)), (2, mpmath.log(7)), (mpmath.mpf(1) / 4, mpmath.mpf(0))]
        optimum = float(sum(c * mpmath.log(1 + mpmath.exp(-x)) + x / 4 for c, x in terms))
    told = {
        "optimal": (best, Verdict.CERTIFIED),
        "too_sure": (2 * best, Verdict.REFUTED),
        "one_missing": (best * [1, 0, 0], Verdict.REFUTED),  # by `rank_one`
        "wrong_sign": (best * [1, -1, 0], Verdict.REFUTED),
    }
    problem, out = Problem(loss, RankOne("l2", "l2"), 0.25), {}
    for name, (z, verdict) in told.items():
        root = np.diag(np.sqrt(np.abs(z)))[:, z != 0]
        factors = root, root * np.sign(z)[:, None]
        out[name] = Instance(problem, factors, None, optimum, verdict, WHY)
    sides = (x.sum(axis=1, keepdims=True) for x in out["optimal"].factors)  # the same diagonal
    out["rank_one"] = Instance(problem, tuple(sides), None, optimum, Verdict.CERTIFIED, WHY)
    return out
