"""A hidden layer on V = I under weight decay: the gauge is known, |z+| + |z-|."""

from fractions import Fraction

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


def optimum(beta: float) -> float:
    """Return sum over y of min over z of 1/2 (z - y)^2 + beta |z|, of the floats themselves."""
    b, total = Fraction(beta), Fraction(0)
    for y in (Fraction(1.5), Fraction(0.8)):
        total += b * y - b * b / 2 if y > b else y * y / 2
    return float(total)


def cases() -> dict[str, Instance]:
    """Return both penalties, and weights of the wrong one, perturbed, or with a neuron removed."""
    data = Squared(np.array([[1.5], [-0.8]]))
    weak, strong = (Problem(data, ReLU(np.eye(2), form="sum"), beta) for beta in (0.1, 1.0))
    both, one = balanced(1.4, -0.7), balanced(0.5, 0.0)
    low, high = optimum(0.1), optimum(1.0)
    told = {
        "weak": (weak, both, low, Verdict.CERTIFIED),
        "strong": (strong, one, high, Verdict.CERTIFIED),
        "beta_twice_too_large": (weak, balanced(1.3, -0.6), low, Verdict.REFUTED),
        "beta_half": (strong, balanced(1.0, -0.3), high, Verdict.REFUTED),
        "a_neuron_removed": (weak, (both[0][:, :1], both[1][:, :1]), low, Verdict.RANK_LIMITED),
        "perturbed": (strong, (one[0] + 0.125, one[1]), high, Verdict.REFUTED),
    }
    return {k: Instance(p, x, None, f, v, WHY) for k, (p, x, f, v) in told.items()}
