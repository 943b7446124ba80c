"""Which of many components are alike."""

import numpy as np

from certify.base.arrays import Array, Bools, Ints


def unit_gram(x: Array) -> Array:
    """Return the cosines of all pairs of columns; 0 for a column of zeros."""
    size = np.sqrt(np.square(x).sum(axis=0))
    unit = x / np.where(size > 0, size, 1.0)
    return np.asarray(unit.T @ unit)


def distinct(near: Bools) -> list[int]:
    """Return the components, in order, that are near no earlier one of these."""
    keep: list[int] = []
    for k in range(len(near)):
        if not near[k, keep].any():
            keep.append(k)
    return keep


def merge(sizes: Array, near: Bools) -> tuple[Ints, Array]:
    """Return the largest component of each group that is alike, and the total size of each."""
    free, chosen, totals = np.ones(len(sizes), dtype=bool), list[int](), list[float]()
    for k in np.argsort(-sizes, kind="stable"):
        if free[k]:
            group = np.nonzero(free & near[k])[0]
            free[group] = False
            chosen.append(int(k))
            totals.append(float(sizes[group].sum()))
    return np.array(chosen, dtype=np.int64), np.array(totals)
