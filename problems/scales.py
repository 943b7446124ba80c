"""One small problem at scales from 2^-500 to 2^500, and with weights of extreme size."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared

from . import Instance
from ._truth import first

WHY = (
    "Y and lam times 2^e, factors times 2^(e/2), give f times 2^(2e), and weights and lam "
    "times 2^b give f times 2^b, exactly; at scale 1 singular values 4 and 2 give 5 at lam = 1"
)
SCALES = {"tiny": (-500, 0), "small": (-160, 0), "large": (160, 0), "huge": (500, 0)}
WEIGHTS = {"light": (0, -400), "heavy": (0, 400), "tiny_and_heavy": (-300, 400)}


def cases() -> dict[str, Instance]:
    """Return the optimum, the best single slice and an unshrunk fit at each scale."""
    Y = np.array([[3.0, 1.0], [1.0, 3.0]])
    basis = np.array([[1.0, 1.0], [1.0, -1.0]])
    out = {}
    for name, (e, b) in (SCALES | WEIGHTS).items():
        weights = np.full((2, 2), 2.0**b) if b else None
        loss = Squared(Y * 2.0**e, weights=weights)
        problem = Problem(loss, RankOne("l2", "l2"), 2.0 ** (e + b))
        best = (basis * 2.0 ** (e // 2), basis * [1.5, 0.5] * 2.0 ** (e // 2))
        optimum = 5.0 * 2.0 ** (2 * e + b)
        for case, x, verdict in (
            ("optimal", best, Verdict.CERTIFIED),
            ("best_single_slice", first(best, 1), Verdict.RANK_LIMITED),
            ("not_thresholded", (best[0], best[1] * [4 / 3, 2.0]), Verdict.REFUTED),
        ):
            out[f"{name}_{case}"] = Instance(problem, x, None, optimum, verdict, WHY)
    return out
