"""l2+ x l2+ where a relaxation exceeds lam and the polar does not: cuts close the gap."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import RankOne
from certify.losses import Squared

from . import Instance
from ._truth import GAP, horn_gap

ZERO = f"{GAP}.  As 4 is below lam = 4.125, the zero model is optimal, |G|^2 / 2 = 32.5"
SPLIT = (
    "with G = 4 I - H as above, W = diag(lam, G) has sup u^T W v = lam at e_1, e_1 (blocks "
    "part), and Y = W + 2 e_1 e_1^T: so Z = 2 e_1 e_1^T is optimal, |W|^2 / 2 + 2 lam; W is "
    "the only optimal dual point, and its bounds from multipliers exceed lam"
)
LAM = 4.125


def cases() -> dict[str, Instance]:
    """Return two true optima that only branching certifies, and candidates that are refuted."""
    G = horn_gap(LAM)
    Y = np.zeros((6, 6))
    Y[0, 0], Y[1:, 1:] = LAM + 2.0, G
    atom = RankOne("l2+", "l2+")
    zero, split = Problem(Squared(G), atom, LAM), Problem(Squared(Y), atom, LAM)
    none, e = np.zeros((5, 1)), np.eye(6)[:, :1]
    corner = np.eye(5)[:, :1]
    spent = LAM**2 / 2 + 32.5 + 2.0 * LAM
    return {
        "zero_model": Instance(zero, (none, none), None, 32.5, Verdict.CERTIFIED, ZERO),
        "entry_fitted": Instance(zero, (corner, corner), None, 32.5, Verdict.REFUTED, ZERO),
        "one_slice": Instance(split, (e, 2.0 * e), None, spent, Verdict.CERTIFIED, SPLIT),
        "slice_too_long": Instance(split, (e, 4.0 * e), None, spent, Verdict.REFUTED, SPLIT),
    }
