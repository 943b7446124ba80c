"""A hidden layer on V = I under weight decay: the gauge is known, |z+| + |z-|."""

import numpy as np

from certify import Problem, Verdict
from certify.atoms import ReLU
from certify.losses import Squared

from . import Instance

WHY = (
    "with V = I, s(u) is any nonnegative vector p at price |p|: the polar of w is max(|w+|, |w-|), "
    "so the signs part and one entry of each sign is shortened by beta: "
    "1/2 (1.5 - 1.4)^2 + 1/2 (0.1)^2 + 0.1 (1.4 + 0.7) = 0.22 at beta = 0.1; at beta = 1 "
    "1/2 + 1/2 0.8^2 + 1/2 = 1.32.  Weight decay beta/2 (|u|^2 + |v|^2) is beta times the sum form"
)


def balanced(*sizes: float) -> tuple[np.ndarray, np.ndarray]:
    """Return one neuron for each entry: u = sqrt|z| e_k, v = sign(z) sqrt|z|."""
    roots = np.sqrt(np.abs(sizes))
    return np.diag(roots), (np.sign(sizes) * roots)[None, :]


def cases() -> dict[str, Instance]:
    """Return both penalties, and weights of the wrong one, perturbed, or with a neuron removed."""
    data = Squared(np.array([[1.5], [-0.8]]))
    weak, strong = (Problem(data, ReLU(np.eye(2), form="sum"), beta) for beta in (0.1, 1.0))
    both, one = balanced(1.4, -0.7), balanced(0.5, 0.0)
    told = {
        "weak": (weak, both, 0.22, Verdict.CERTIFIED),
        "strong": (strong, one, 1.32, Verdict.CERTIFIED),
        "beta_twice_too_large": (weak, balanced(1.3, -0.6), 0.22, Verdict.REFUTED),
        "beta_half": (strong, balanced(1.0, -0.3), 1.32, Verdict.REFUTED),
        "a_neuron_removed": (weak, (both[0][:, :1], both[1][:, :1]), 0.22, Verdict.RANK_LIMITED),
        "perturbed": (strong, (one[0] + 0.125, one[1]), 1.32, Verdict.REFUTED),
    }
    return {k: Instance(p, x, None, f, v, WHY) for k, (p, x, f, v) in told.items()}
