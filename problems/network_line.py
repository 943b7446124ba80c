"""Five points on a line with a bias: the toy of Pilanci and Ergen (2020)."""

from functools import cache

import mpmath
import numpy as np

from certify import Problem, Verdict
from certify.atoms import ReLU
from certify.losses import Squared

from . import Instance
from ._networks import scaled, without
from ._truth import DIGITS

WHY = (
    "the convex program over all ten cells, solved by a conic solver, uses the rays (-1, -1) and "
    "(1, 1), where a row is at its kink, and one neuron inside each of two cells; Newton's method "
    "on these six numbers gives 50 digits.  The exact polar of W there, over every cell, is beta"
)
V = np.arange(-2.0, 3.0)[:, None]
Y = np.array([[1.0], [-1.0], [1.0], [1.0], [-1.0]])
START = (1.8968, 1.0377, -0.40919, 0.21988, 2.71953, -1.46136)
F = [(x, 1) for x in range(-2, 3)]
SHARES = (  # of each row: of the rays (-1, -1) and (1, 1), then whether two neurons see it
    (1, 0, 1, 0),
    (0, 0, 1, 0),
    (0, 1, 1, 0),
    (0, 2, 0, 1),
    (0, 3, 0, 1),
)


def slopes(beta: mpmath.mpf, x: tuple[mpmath.mpf, ...]) -> list[mpmath.mpf]:
    """Return the gradient of the objective over the six numbers."""
    a, b, *rest = x
    pairs = (rest[:2], rest[2:])
    gaps = []
    for f, y, (left, right, *seen) in zip(F, Y[:, 0], SHARES, strict=True):
        inner = [s * (u[0] * f[0] + u[1] * f[1]) for s, u in zip(seen, pairs, strict=True)]
        gaps.append(left * a + right * b - sum(inner) - y)
    held = zip(gaps, SHARES, strict=True)
    out = [mpmath.sqrt(2) * beta + sum(g * s[k] for g, s in held) for k in (0,)]
    out.append(mpmath.sqrt(2) * beta + sum(g * s[1] for g, s in zip(gaps, SHARES, strict=True)))
    for k, u in enumerate(pairs):
        size = mpmath.sqrt(u[0] ** 2 + u[1] ** 2)
        for c in range(2):
            rows = zip(gaps, SHARES, F, strict=True)
            out.append(beta * u[c] / size - sum(g * s[2 + k] * f[c] for g, s, f in rows))
    return out


@cache
def solved(beta: float) -> tuple[tuple[np.ndarray, np.ndarray], float]:
    """Return the four neurons and their objective."""
    with mpmath.workdps(DIGITS):
        b = mpmath.mpf(beta)
        x = tuple(mpmath.findroot(lambda *z: slopes(b, z), START, tol=mpmath.mpf(10) ** -80))
        gaps = []
        for f, y, (left, right, *seen) in zip(F, Y[:, 0], SHARES, strict=True):
            inner = [s * (x[k] * f[0] + x[k + 1] * f[1]) for s, k in zip(seen, (2, 4), strict=True)]
            gaps.append(left * x[0] + right * x[1] - sum(inner) - y)
        lengths = mpmath.sqrt(2) * (x[0] + x[1])
        lengths += sum(mpmath.sqrt(x[k] ** 2 + x[k + 1] ** 2) for k in (2, 4))
        value = float(mpmath.fsum(g * g for g in gaps) / 2 + b * lengths)
    a, c, *rest = map(float, x)
    U = np.array([[-a, -a], [c, c], rest[:2], rest[2:]]).T
    return (U, np.array([[1.0, 1.0, -1.0, -1.0]])), value


def cases() -> dict[str, Instance]:
    """Return the optimum; the same of half the beta, a neuron removed, and moved weights."""
    problem = Problem(Squared(Y), ReLU(V, bias="regularized"), 0.1)
    best, optimum = solved(0.1)
    told = {
        "optimal": (best, Verdict.CERTIFIED),
        "beta_half": (solved(0.05)[0], Verdict.REFUTED),
        "a_neuron_removed": (without(best, 1), Verdict.REFUTED),
        "perturbed": (scaled(best, 1.0625), Verdict.REFUTED),
    }
    return {k: Instance(problem, x, None, optimum, v, WHY) for k, (x, v) in told.items()}
