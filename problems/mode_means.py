"""A free intercept for each index of a mode: the tensor is denoised beside its means."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import CP
from certify.losses import Squared
from certify.offsets import ModeIntercept

from . import Instance
from ._tensors import Factors, summed, weighted
from ._truth import HADAMARD

WHY = (
    "the slices' vectors in the first mode sum to zero, so W = lam (a b c + a' b' c') has zero "
    "sums over that mode and is orthogonal to any mean over it; its spectral norm is lam "
    "(orthogonal vectors in every mode), and <Y, W> - |W|^2 / 2 = 3.5 + 1.5 at lam = 1 is what "
    "the weights 4 and 2 cost when lowered by lam, with the means fitted whole"
)


def cases() -> dict[str, Instance]:
    """Return optima beside one and two modes' means, and candidates that miss them."""
    frame: Factors = (HADAMARD[:, 1:3], np.eye(3)[:, :2], np.eye(2))
    last, middle = np.array([8.0, -1.0]), np.array([2.0, 0.0, -4.0])
    Y = summed(weighted(frame, [4.0, 2.0])) + last
    best = weighted(frame, [3.0, 1.0])
    one = Problem(Squared(Y), CP(("l2",) * 3), 1.0, ModeIntercept(2))
    two = Problem(
        Squared(Y + middle[:, None]), CP(("l2",) * 3), 1.0, [ModeIntercept(1), ModeIntercept(2)]
    )
    told = {
        "optimal_q_found": (one, best, None, Verdict.CERTIFIED),
        "optimal_q_given": (one, best, [last], Verdict.CERTIFIED),
        "two_modes": (two, best, None, Verdict.CERTIFIED),
        "no_means": (one, best, [0 * last], Verdict.REFUTED),
        "not_lowered": (one, weighted(frame, [4.0, 2.0]), None, Verdict.REFUTED),
        "two_modes_not_lowered": (two, weighted(frame, [4.0, 2.0]), None, Verdict.REFUTED),
    }
    return {k: Instance(p, x, q, 5.0, v, WHY) for k, (p, x, q, v) in told.items()}
