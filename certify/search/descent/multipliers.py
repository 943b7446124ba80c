"""Counts fitted by as many nonnegative factors as are needed: the method of multipliers.

    min l(X) + lam/2 (|U|^2 + |V|^2)   over   X = U V^T,  U, V >= 0

alternates, with a multiplier W and a penalty rho for X != U V^T:

    X <- the loss's proximal map of U V^T - W / rho,   T = X + W / rho
    each column of U and V <- the minimizer of rho/2 |T - U V^T|^2 + lam/2 (|U|^2 + |V|^2)
    W <- rho (T - U V^T).

So W is minus a subgradient of the loss at X, which needs no Lipschitz constant.  It converges if
there are enough components to reach X.  With few components the iterates may cycle: then
`growth.counts` majorizes instead.  The sweep over columns is that of Cichocki and Phan, "Fast local
algorithms for large scale nonnegative matrix and tensor factorizations", 2009.
"""

from dataclasses import dataclass

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.problem import Problem

UNEVEN, MOST = 1.5, 2.0  # the ratio of the residuals that changes rho; the largest factor
START = 0.3  # of the rho that follows from sizes: with a smaller start the search ends lower
SMALL = 1e-300  # avoids a division by zero


@dataclass
class Multipliers:
    """The iterates, U (m, r), V (n, r), W (m, n), rho, and the residuals of the last turn.

    primal   |X - U V^T| relative to |U V^T|      dual   |change of U V^T| rho relative to |W|
    """

    problem: Problem
    factors: Factors
    W: Array
    rho: float
    primal: float = np.inf
    dual: float = np.inf

    def turn(self) -> None:
        """Move X, each column of U and of V, and W."""
        loss, rho = self.problem.loss, self.rho
        U, V = (x.copy() for x in self.factors)
        before = U @ V.T
        at = before - self.W / rho
        X = loss.observed.spread(loss.prox(loss.observed.field(at), 1 / rho), at)
        T, ridge = X + self.W / rho, self.problem.lam / rho
        sweep(U, V, T, ridge)
        sweep(V, U, T.T, ridge)
        Z = U @ V.T
        W = rho * loss.observed.field(T - Z)  # only observed entries have a multiplier
        self.factors, self.W = (U, V), loss.observed.spread(W)
        self.primal = float(np.linalg.norm(X - Z)) / max(float(np.linalg.norm(Z)), SMALL)
        moved = rho * float(np.linalg.norm(Z - before))
        self.dual = moved / max(float(np.linalg.norm(self.W)), SMALL)

    def balance(self) -> None:
        """Raise rho if X is far from U V^T; lower it if U V^T still moves."""
        uneven = (self.primal / max(self.dual, SMALL)) ** 0.5
        if np.isfinite(uneven) and not 1 / UNEVEN < uneven < UNEVEN:
            self.rho *= float(np.clip(uneven, 1 / MOST, MOST))


def sweep(A: Array, B: Array, T: Array, ridge: float) -> None:
    """Minimize |T - A B^T|^2 + ridge |A|^2 over A >= 0 in each column of A in turn, in place."""
    gram, pull = B.T @ B, T @ B
    for k in range(A.shape[1]):
        rest = pull[:, k] - A @ gram[:, k] + gram[k, k] * A[:, k]
        A[:, k] = np.maximum(rest / (gram[k, k] + ridge), 0.0)


def begin(problem: Problem, factors: Factors, data: Array) -> Multipliers:
    """Start with no multiplier and rho = START (|W| / |Z| / y)^(1/2).

    Without START this is the geometric mean of W's size over Z's and of the loss's curvature 1 / y.
    All singular values of W are near lam, so its entries are near lam / max(m, n)^(1/2).
    """
    m, n = problem.loss.shape
    size, seen = float(np.sqrt(np.mean(np.square(data)))), data[data > 0]
    near = float(seen.mean()) if seen.size else 1.0
    rho = START * (problem.lam / max(m, n) ** 0.5 / max(size, SMALL) / near) ** 0.5
    return Multipliers(problem, factors, np.zeros((m, n)), rho)
