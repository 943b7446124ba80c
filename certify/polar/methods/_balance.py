"""Scales for the spectral rule: sigma_1(S W S') times their cost on the unit balls.

    u^T W v <= sigma_1(S W S') |S^-1 u|_2 |S'^-1 v|_2,
    |S^-1 u|_2^2 <= sup { sum u_i^2 / s_i^2 : |u|_a <= 1 }

A ball here is the product of ellipsoids that its norm names, sum over i in block g of
w_i u_i^2 <= 1.  The best scales solve the relaxation

    max <W, A B^T>,  sum over i in g of w_i |a_i|^2 <= 1,  likewise B,

(Grothendieck's for linf).  Block-wise ascent on A and B finds its value if there are enough
columns.  With M = W B, the multiplier of a block is mu_g = (sum |M_i|^2 / w_i)^(1/2), and
s_i^2 = 1 / (w_i mu_g).  Any scales are valid: the kernel computes their cost.
"""

import numpy as np

from certify.base.arrays import Array
from certify.norms import Ellipsoids, Gauge
from certify.polar.query import Matrix

SWEEPS, COLUMNS = 400, 48
STALLED = 1e-12  # relative gain of a sweep that ends the ascent; cost, never truth
LEAST = 2.0**-40  # of the largest multiplier, for a block with the multiplier 0
BITS = 26  # of a scale, so that the sum of 1 / s^2 is quick in rationals


def scales(W: Matrix, left: Gauge, right: Gauge, seed: int) -> tuple[Array, Array] | None:
    """Return (s, s'), or None where scales do not help."""
    a, b = left.ellipsoids(W.shape[0]), right.ellipsoids(W.shape[1])
    if a.uniform and b.uniform:
        return None
    if a.single and b.single:
        return 1.0 / np.sqrt(a.weights), 1.0 / np.sqrt(b.weights)
    mu, nu = relax(W, a, b, seed)[2:]
    return short_inverse_root(a.weights * keep_positive(mu)), short_inverse_root(
        b.weights * keep_positive(nu)
    )


def relax(W: Matrix, a: Ellipsoids, b: Ellipsoids, seed: int) -> tuple[Array, Array, Array, Array]:
    """Return (A, B, mu, nu) of the relaxation, by alternating ascent."""
    k = int(min(COLUMNS, 2 + np.sqrt(2.0 * sum(W.shape)), max(W.shape) + 1))
    B = np.random.default_rng(seed).standard_normal((W.shape[1], k))
    B, value = b.normalize(B)[0], 0.0
    for _ in range(SWEEPS):
        A, mu = a.normalize(np.asarray(W @ B))
        B, nu = b.normalize(np.asarray(W.T @ A))
        before, value = value, float(np.bincount(b.labels, nu).sum())
        if value - before <= STALLED * value:
            break
    return A, B, mu, nu


def keep_positive(mu: Array) -> Array:
    """Keep multipliers away from zero."""
    top = float(mu.max(initial=0.0))
    return np.maximum(mu, LEAST * top) if top > 0 else np.ones_like(mu)


def short_inverse_root(square: Array) -> Array:
    """Return about 1 / sqrt of the numbers, each of a few bits."""
    head, e = np.frexp(1.0 / np.sqrt(square))
    return np.asarray(np.ldexp(np.rint(np.ldexp(head, BITS)), e - BITS))
