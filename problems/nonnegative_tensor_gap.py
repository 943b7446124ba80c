"""Three nonnegative factors where a relaxation exceeds lam and the polar does not."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import CP
from certify.losses import Squared

from . import Instance
from ._truth import GAP, horn_gap

WHY = (
    f"{GAP}.  The first slice of Y is G, the second one is all -1/2 and earns nothing, so the "
    "polar is 4, below lam = 4.125: the zero model is optimal, |G|^2 / 2 + 25 / 8 = 35.625"
)
LAM = 4.125


def cases() -> dict[str, Instance]:
    """Return the zero model, and a fitted entry that is refuted."""
    G = horn_gap(LAM)
    problem = Problem(Squared(np.stack([G, np.full((5, 5), -0.5)], axis=2)), CP(("l2+",) * 3), LAM)
    none = (np.zeros((5, 1)), np.zeros((5, 1)), np.zeros((2, 1)))
    entry = (np.eye(5)[:, :1], np.eye(5)[:, :1], np.eye(2)[:, :1])
    return {
        "zero_model": Instance(problem, none, None, 35.625, Verdict.CERTIFIED, WHY),
        "entry_fitted": Instance(problem, entry, None, 35.625, Verdict.REFUTED, WHY),
    }
