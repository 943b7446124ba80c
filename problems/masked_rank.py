"""lam = 0 where entries are missing, weighted or signed: a bracket, closed now and then."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Huber, Squared

from . import Instance
from ._truth import entries

BLOCKS = (
    "only the entries of two diagonal blocks are seen, so factors of rank 1 fit each block by "
    "itself, with rows and columns of their own: diag(3, 2) and diag(4, 1) leave 1/2 (4 + 1)"
)
WEIGHTS = (
    "weights a_i b_j turn the fit into a plain one of the entries times the roots, diag(3, 2), "
    "whose best rank 1 leaves 1/2 4 = 2 by Eckart and Young"
)
KINKED = (
    "a residual beyond delta = 10 costs more than 50, so the least value is that of squares: "
    "1/2 2^2 = 2 by Eckart and Young; no bound at a fixed rank is known for this loss"
)
SIGNED = (
    "Eckart and Young: no factors of rank 1, signed or not, leave less of diag(3, 2) than "
    "1/2 2^2 = 2, and nonnegative ones reach it"
)


def cases() -> dict[str, Instance]:
    """Return optima that are proved and one that is not, and candidates that are none."""
    mask = np.kron(np.eye(2), np.ones((2, 2))) > 0
    Y = np.diag([3.0, 2.0, 4.0, 1.0])
    atom, plain = RankOne("l2", "l2"), RankOne("l2+", "l2+")
    masked = Problem(Squared(Y, mask=mask), atom, 0.0)
    small = np.diag([3.0, 1.0])
    weighted = Problem(Squared(small, weights=[[1.0, 2.0], [2.0, 4.0]]), atom, 0.0)
    kinked = Problem(Huber(np.diag([3.0, 2.0]), delta=10.0), atom, 0.0)
    signed = Problem(Squared(np.diag([3.0, 2.0])), plain, 0.0)
    best = np.array([[1.0], [0.0], [1.0], [0.0]]), np.array([[3.0], [0.0], [4.0], [0.0]])
    other = np.array([[0.0], [1.0], [0.0], [1.0]]), np.array([[0.0], [2.0], [0.0], [1.0]])
    first = entries((2, 2), [(0, 0, 3.0)])
    told = {
        "blocks": (masked, best, 2.5, Verdict.CERTIFIED, BLOCKS),
        "blocks_too_long": (masked, (1.5 * best[0], best[1]), 2.5, Verdict.REFUTED, BLOCKS),
        "blocks_other_slices": (masked, other, 2.5, Verdict.REFUTED, BLOCKS),
        "weights": (weighted, first, 2.0, Verdict.CERTIFIED, WEIGHTS),
        "weights_too_long": (weighted, (2 * first[0], first[1]), 2.0, Verdict.REFUTED, WEIGHTS),
        "kinked": (kinked, first, 2.0, Verdict.UNDECIDED, KINKED),
        "signed": (signed, first, 2.0, Verdict.CERTIFIED, SIGNED),
        "signed_too_long": (signed, (2 * first[0], first[1]), 2.0, Verdict.REFUTED, SIGNED),
    }
    return {k: Instance(p, x, None, value, v, why) for k, (p, x, value, v, why) in told.items()}
