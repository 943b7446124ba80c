"""Norms of the kernel on small unit balls: their definitions, and points that fill the balls."""

from array import array
from fractions import Fraction

import numpy as np

from certify.kernel.exact import Exact
from certify.kernel.norms import L1, L2, Elastic, Groups, LInf, Variation, Weighted
from certify.kernel.scalars import power


class Sharp(Exact):
    """The largest eigenvalue itself: what is left to be wrong is the rule's algebra."""

    def top(self, g, shift, factor):
        del shift, factor
        k = g.shape[0]
        dense = np.array([float(x) for x in g.ints]).reshape(k, k) * float(power(g.exp))
        assert np.array_equal(dense, dense.T)
        return Fraction(float(np.linalg.eigvalsh(dense)[-1]))


SLACK = 1e-12  # of eigenvalues and norms in floats, for numbers of size one
M, N = 3, 2
GROUPS, EDGES = array("q", [0, 1, 0]), array("q", [0, 1, 1, 2])
LEFT = {
    "l1": L1(M),
    "l2": L2(M),
    "l2+": L2(M, "+"),
    "l2 mixed": L2(M, "+-*"),
    "l2 support": L2(M, "*0+"),
    "linf": LInf(M),
    "linf+": LInf(M, "+"),
    "linf-": LInf(M, "-"),
    "elastic": Elastic(M, "*", alpha=Fraction(1, 2)),
    "elastic+": Elastic(M, "+", alpha=Fraction(3, 4)),
    "group l1": Groups(M, "*", outer="l1", groups=GROUPS),
    "group linf": Groups(M, "+", outer="linf", groups=GROUPS),
    "variation": Variation(M, "*", rho=Fraction(1, 2), ends=EDGES),
    "weighted": Weighted(M, "*", weights=array("d", [0.25, 1.0, 4.0])),
}
RIGHT = {"l2": L2(N), "linf": LInf(N), "l2+": L2(N, "+")}
SUMMED = ("l1", "elastic", "elastic+", "group l1", "variation")


def size(n, x):
    """The norm by its definition, in floats."""
    l2 = np.sqrt((x**2).sum())
    if n.name == "group":
        parts = [np.sqrt((x[[i for i in range(M) if n.groups[i] == g]] ** 2).sum()) for g in (0, 1)]
        return sum(parts) if n.outer == "l1" else max(parts)
    if n.name == "variation":
        return float(n.rho) * sum(abs(x[i] - x[j]) for i, j in n.edges) + l2
    if n.name == "elastic":
        return float(n.alpha) * np.abs(x).sum() + float(1 - n.alpha) * l2
    weighted = np.sqrt((np.array(n.weights) * x**2).sum()) if n.name == "weighted" else 0.0
    return {"l1": np.abs(x).sum(), "l2": l2, "linf": np.abs(x).max(), "weighted": weighted}[n.name]


def points(n, rng, count=300):
    """Vectors of the cone, of norm one; corners among them."""
    grid = np.array(np.meshgrid(*[[-1.0, 0, 1]] * n.size)).reshape(n.size, -1).T
    x = np.vstack([grid, rng.standard_normal((count, n.size))])
    for i in range(n.size):
        cone = n.sign(i)
        x[:, i] = {"*": x[:, i], "+": abs(x[:, i]), "-": -abs(x[:, i]), "0": 0 * x[:, i]}[cone]
    x = x[np.abs(x).sum(axis=1) > 0]
    return x / np.array([size(n, v) for v in x])[:, None]


def attained(W, left, right, rng):
    """A value of u^T W v that some unit vectors earn."""
    return float((points(left, rng) @ W @ points(right, rng).T).max())
