"""Units without a kink: a linear layer is a matrix problem, gated units are a group lasso."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import ReLU
from certify.atoms.relu import gated
from certify.losses import Squared

from . import Instance
from ._networks import scaled, without
from ._truth import HADAMARD

LINEAR = (
    "V has orthogonal columns of length 2, so Omega(V M) = |M|_* and M is shrunk: V^T Y / 4 = "
    "diag(3, 1) loses lam / 4 = 1 / 2; 2 (1/4 + 1/4) + 2 (5/2 + 1/2) = 7, and the part of Y "
    "outside the range of V adds |Y'|^2 / 2 = 2"
)
GATED = (
    "the polar of w is max over g of |V^T D_g w|: the gates part the rows, so each half is a ridge "
    "regression of its own with a length in the penalty: x = V_g^T y = (6, 8) and (0, 3) on "
    "orthonormal columns, shortened by lam = 1: 10 - 1/2 + 3 - 1/2 = 12"
)


def linear() -> dict[str, Instance]:
    """Return the optimum of a linear network, and bad twins."""
    V = 2 * HADAMARD[:, :2]
    rest = 2 * HADAMARD[:, 2:3] @ np.array([[1.0, 0.0]])
    problem = Problem(Squared(V @ np.diag([3.0, 1.0]) + rest), ReLU(V, activation="linear"), 2.0)
    best = np.eye(2), np.diag([2.5, 0.5])
    told = {
        "optimal": (best, Verdict.CERTIFIED),
        "beta_half": ((np.eye(2), np.diag([2.75, 0.75])), Verdict.REFUTED),
        "a_neuron_removed": (without(best, 1), Verdict.RANK_LIMITED),
        "mixed": ((np.array([[1.0, 0.25], [0.0, 1.0]]), best[1]), Verdict.REFUTED),
    }
    return {f"linear_{k}": Instance(problem, x, None, 9.0, v, LINEAR) for k, (x, v) in told.items()}


def cases() -> dict[str, Instance]:
    """Return both, with bad twins."""
    V = np.vstack([np.eye(2), np.eye(2)])
    gates = np.array([[1, 0], [1, 0], [0, 1], [0, 1]])
    problem = Problem(Squared(np.array([[6.0], [8.0], [0.0], [3.0]])), gated(V, gates), 1.0)
    U = np.array([[5.4, 0.0], [7.2, 0.0], [0.0, 0.0], [0.0, 2.0]])
    best = U, np.ones((1, 2))
    told = {
        "optimal": (best, Verdict.CERTIFIED),
        "scaled": (scaled(best, 0.875), Verdict.REFUTED),
        "no_neuron": (without(best, [0, 1]), Verdict.RANK_LIMITED),
    }
    out = {f"gated_{k}": Instance(problem, x, None, 12.0, v, GATED) for k, (x, v) in told.items()}
    return linear() | out
