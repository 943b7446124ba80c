"""The determinant of order 3 at lam = 1/2: six slices reach the optimum, five do not."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import CP
from certify.losses import Squared

from . import Instance
from ._tensors import Factors, balanced, descended, kept, slices, tensor, units, weighted

WHY = (
    "a determinant of three unit vectors is at most 1 (Hadamard), so the spectral norm is 1 and "
    "Leibniz' six terms give the nuclear norm 6 = |Y|^2: the optimum is 6 (1/2 - 1/8) = 9/4 at "
    "Y / 2.  The best known with five slices is 2.3016681, from a sum of five terms (Derksen)"
)
SIGNS = {
    (0, 1, 2): 1.0,
    (1, 2, 0): 1.0,
    (2, 0, 1): 1.0,
    (0, 2, 1): -1.0,
    (2, 1, 0): -1.0,
    (1, 0, 2): -1.0,
}
FIVE = (  # half their sum is the determinant; found by Derksen 2016
    ((0, 1, 1), (1, -1, 0), (1, 1, 0)),
    ((1, 1, 0), (0, 1, -1), (0, 1, 1)),
    ((0, 2, 0), (-1, 0, 1), (1, 0, 1)),
    ((0, -1, 1), (1, 1, 0), (-1, 1, 0)),
    ((1, -1, 0), (0, 1, 1), (0, -1, 1)),
)


def five(Y: np.ndarray) -> Factors:
    """Return a fit by five slices, descended from Derksen's five terms."""
    return descended(Y, 0.5, balanced(weighted(slices(FIVE), [0.25] * 5)))


def cases() -> dict[str, Instance]:
    """Return Leibniz' terms under both forms, five slices, and a term that is missing."""
    Y = tensor((3, 3, 3), SIGNS)
    six = units((3, 3, 3), {at: s / 2 for at, s in SIGNS.items()})
    told = {
        "optimal": (six, "product", Verdict.CERTIFIED),
        "balanced": (balanced(six), "sum", Verdict.CERTIFIED),
        "five_slices": (five(Y), "product", Verdict.RANK_LIMITED),
        "a_term_missing": (kept(six, 5), "product", Verdict.REFUTED),
        "unbalanced": (six, "sum", Verdict.REFUTED),
    }
    out = {}
    for name, (x, form, verdict) in told.items():
        problem = Problem(Squared(Y), CP(("l2",) * 3, form=form), 0.5)
        out[name] = Instance(problem, x, None, 2.25, verdict, WHY)
    return out
