"""Nonnegative factors under a tensor with negative entries, and half-signed ones."""

from certify import Problem, Verdict
from certify.atoms import CP
from certify.losses import Squared

from . import Instance
from ._tensors import kept, tensor, units

ALL = (
    "nonnegative slices cannot lower a fit below 0, so each negative entry costs half its "
    "square and earns nothing; the others are 3 e_111 + 2 e_222, which no nonnegative slice "
    "of l2 norm 1 can earn more than their largest weight from"
)
HALF = (
    "a sign may move between the two free factors, so the entries' signs do not matter and the "
    "weights 3 and 2 are lowered by lam, which costs lam s - lam^2 / 2 each: 11/8 + 7/8"
)
NONE = "all entries are negative and no slice is: zero is the best fit, at half the squares"


def cases() -> dict[str, Instance]:
    """Return optima under three lists of signs, and candidates that are none."""
    dims, plus = (2, 2, 3), ("l2+",) * 3
    mixed = tensor(dims, {(0, 0, 0): 3.0, (1, 1, 1): 2.0, (0, 0, 1): -1.0, (1, 0, 2): -2.0})
    best = units(dims, {(0, 0, 0): 2.5, (1, 1, 1): 1.5})
    turned = tensor(dims, {(0, 0, 0): 3.0, (1, 1, 1): -2.0})
    below = tensor(dims, {(0, 0, 0): -3.0, (1, 1, 1): -2.0, (0, 1, 2): -1.0})
    free = (best[0], best[1] * [1.0, -1.0], best[2])
    nothing = kept(best, 0)
    told = {
        "optimal": (mixed, plus, best, 4.75, Verdict.CERTIFIED, ALL),
        "not_lowered": (mixed, plus, (1.2 * best[0], *best[1:]), 4.75, Verdict.REFUTED, ALL),
        "one_short": (mixed, plus, kept(best, 1), 4.75, Verdict.RANK_LIMITED, ALL),
        "half_optimal": (turned, ("l2+", "l2", "l2"), free, 2.25, Verdict.CERTIFIED, HALF),
        "half_one_sign": (turned, ("l2+", "l2", "l2"), best, 2.25, Verdict.REFUTED, HALF),
        "negative_data": (below, plus, nothing, 7.0, Verdict.CERTIFIED, NONE),
        "negative_data_fitted": (below, plus, kept(best, 1), 7.0, Verdict.REFUTED, NONE),
    }
    return {
        name: Instance(Problem(Squared(Y), CP(norms), 0.5), x, None, optimum, verdict, why)
        for name, (Y, norms, x, optimum, verdict, why) in told.items()
    }
