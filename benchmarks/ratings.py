"""Ratings: generated in the shape of MovieLens-1M, or read from MovieLens-100k."""

import numpy as np
from scipy import sparse

TASTES = 8  # what a user's rating depends on, each less than the one before


def generated(shape: tuple[int, int], count: int, seed: int = 0) -> sparse.coo_array:
    """Return `count` ratings 1..5 minus their mean, of users and items of skewed popularity.

    Matched to MovieLens-1M (6040 x 3706, a million): activity and popularity are
    lognormal; the stars' frequencies and their deviation, 1.12, come out alike.
    """
    rng = np.random.default_rng(seed)
    rows, cols = pairs(shape, count, rng)
    users, items = (rng.standard_normal((k, TASTES)) for k in shape)
    depth = 0.7 * 0.6 ** np.arange(TASTES)
    score = 3.65 + 0.4 * rng.standard_normal(shape[0])[rows]
    score += 0.5 * rng.standard_normal(shape[1])[cols]
    score += np.einsum("kr,kr->k", users[rows] * depth, items[cols])
    stars = np.clip(np.rint(score + 0.75 * rng.standard_normal(count)), 1, 5)
    return sparse.coo_array((stars - stars.mean(), (rows, cols)), shape=shape)


def pairs(
    shape: tuple[int, int], count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return `count` distinct (user, item), each drawn by its popularity."""
    m, n = shape
    users, items = rng.lognormal(0.0, 1.1, m), rng.lognormal(0.0, 1.6, n)
    codes = np.zeros(0, np.int64)
    while len(codes) < count:
        wanted = 2 * (count - len(codes))
        rows = rng.choice(m, wanted, p=users / users.sum())
        cols = rng.choice(n, wanted, p=items / items.sum())
        codes = np.unique(np.concatenate([codes, rows * n + cols]))
    rows, cols = np.divmod(np.sort(rng.choice(codes, count, replace=False)), n)
    return rows, cols
