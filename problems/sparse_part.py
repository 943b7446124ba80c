"""Low rank plus sparse: an outlier in data that are low rank, and entrywise data."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared
from certify.offsets import Sparse

from . import Instance
from ._truth import HADAMARD, entries, huber, padded

WHY = (
    "with unit vectors g, h of entries 1/2 in size, W = 4 gg' + 2 hh' has W in 4 d|Z|_* at "
    "Z = 6 gg', and |W_ij| is 3/2 where g_i g_j h_i h_j > 0 and 1/2 elsewhere, so W in 3/2 "
    "d|Q|_1 for Q = 8 there: Y = Z + Q + W is best at (Z, Q), 1/2 20 + 4 6 + 3/2 8 = 46"
)
ENTRYWISE = (
    "the gauge is the sum of absolute values, so entries part into 1/2 (y - z - q)^2 + lam |z| "
    "+ rho |q|, whose least value is Huber's at the lower price 1, entry by entry observed"
)


def cases() -> dict[str, Instance]:
    """Return the optimum, the outlier left out, a wrong fit; and entries that part."""
    g, h = HADAMARD[:, :1], HADAMARD[:, 1:2]
    Q = np.zeros((4, 4))
    Q[0, 1] = 8.0
    Y = 6.0 * g @ g.T + Q + 4.0 * g @ g.T + 2.0 * h @ h.T
    problem = Problem(Squared(Y), RankOne("l2", "l2"), 4.0, Sparse(1.5))
    best = (6.0 * g, g)
    told = {
        "optimal_q_found": (best, None, Verdict.CERTIFIED),
        "optimal_q_given": (best, [Q], Verdict.CERTIFIED),
        "outlier_ignored": (best, [0 * Q], Verdict.REFUTED),
        "too_long": ((9.0 * g, g), None, Verdict.REFUTED),
        "slice_of_zero": (padded((g[:, :0], g[:, :0])), None, Verdict.REFUTED),
        "no_slice": ((g[:, :0], g[:, :0]), None, Verdict.RANK_LIMITED),
    }
    out = {k: Instance(problem, x, q, 46.0, v, WHY) for k, (x, q, v) in told.items()}
    return out | entrywise()


def entrywise() -> dict[str, Instance]:
    """Return masked data whose entries part: a cheap sparse part takes all, or nothing."""
    Y, mask = np.array([[4.0, -0.5], [2.0, -3.0]]), np.array([[True, True], [False, True]])
    optimum = sum(huber(abs(y), 1.0) for y in Y[mask].tolist())
    loss, atom, none = Squared(Y, mask=mask), RankOne("l1", "l1"), (np.zeros((2, 0)),) * 2
    cheap = Problem(loss, atom, 2.0, Sparse(1.0))
    dear = Problem(loss, atom, 1.0, Sparse(2.0))
    fit = entries((2, 2), [(0, 0, 3.0), (1, 1, -2.0)])
    told = {
        "all_sparse": (cheap, none, Verdict.CERTIFIED),
        "all_low": (dear, fit, Verdict.CERTIFIED),
        "wrong_one": (cheap, fit, Verdict.REFUTED),
    }
    return {k: Instance(p, x, None, optimum, v, ENTRYWISE) for k, (p, x, v) in told.items()}
