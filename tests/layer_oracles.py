"""The polar of small hidden layers by enumeration, apart from the package's methods."""

from itertools import product

import numpy as np
from scipy.optimize import nnls


def acted(z, slope):
    """s(z)."""
    return np.where(z > 0, z, slope * z)


def around_circle(F, W, slope=0.0, signs=(1, -1)):
    """sup |W^T s(F u)|_2 over |u| = 1, d = 2: the exact maximum on every arc between kinks.

    One output: of sign * w^T s, for the signs that v may have.
    """
    kinks = np.arctan2(-F[:, 0], F[:, 1])
    ends = np.sort(np.concatenate([kinks, kinks + np.pi, [0.0]]) % (2 * np.pi))
    best = 0.0
    for low, high in zip(ends, [*ends[1:], ends[0] + 2 * np.pi], strict=True):
        middle = np.array([np.cos((low + high) / 2), np.sin((low + high) / 2)])
        gates = np.where(F @ middle > 0, 1.0, slope)
        M = (W * gates[:, None]).T @ F
        tops = np.linalg.svd(M)[2]
        tries = [np.array([np.cos(t), np.sin(t)]) for t in (low, high)] + [*tops, *-tops]
        for u in tries:
            angle = low + (np.arctan2(u[1], u[0]) - low) % (2 * np.pi)
            if angle <= high or u is tries[0] or u is tries[1]:
                y = M @ u
                value = np.linalg.norm(y) if len(y) > 1 else max(s * y[0] for s in signs)
                best = max(best, value)
    return best


def over_patterns(F, w, slope=0.0, signs=(1, -1)):
    """sup of sign * w^T s(F u) over |u| <= 1: of each sign pattern of the rows, the length of the
    projection of its linear function on its cone.
    """
    best = 0.0
    for s in product((1, -1), repeat=len(F)):
        pattern = np.array(s)
        c = F.T @ (w * np.where(pattern > 0, 1.0, slope))
        best = max(best, *(nnls((F * pattern[:, None]).T, -sign * c)[1] for sign in signs))
    return best


def with_free_bias(F, w, slope=0.0, signs=(1, -1)):
    """As `around_circle`, for two features and an unpriced bias: some best b is a kink."""
    return max(around_circle(F - f, w[:, None], slope, signs) for f in F)
