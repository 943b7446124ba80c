"""Find disjoint blocks of rows and columns, all of whose entries are observed.

Greedy search for a lower bound at a fixed rank: a block proves something only if both
sides exceed the rank, about (rows - r) (columns - r) for noise of one size.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.base.arrays import Bools, Ints

SEEDS = (4, 24)  # rows, and columns, that a block is grown from: of a large, of a small mask
GROWN = 400_000  # entries of the mask times seeds; 4 instead of 24 lose 1.4 % of the scores
MOST = 64  # blocks
ENTRIES = 4_000_000  # largest dense mask


@dataclass(frozen=True)
class Block:
    """Rows and columns, in ascending order, and the score of the block."""

    rows: Ints
    cols: Ints
    score: float


def never() -> bool:
    """Return that there is time left."""
    return False


def disjoint(seen: Bools, r: int, expired: Callable[[], bool] = never) -> list[Block]:
    """Return disjoint blocks of entries that are observed, the best first, until time is spent."""
    left, out = seen.copy(), []
    for _ in range(MOST):
        block = grow_block(left, r, expired)
        if block.score <= 0:
            break
        left[np.ix_(block.rows, block.cols)] = False
        out.append(block)
        if expired():
            break
    return out


def grow_block(seen: Bools, r: int, expired: Callable[[], bool]) -> Block:
    """Return the best block of True entries grown from rows or from columns."""
    rows = from_rows(seen, r, expired)
    cols = from_rows(seen.T, r, expired)
    best = max((rows, (cols[1], cols[0], cols[2])), key=lambda b: b[2])
    return Block(np.sort(best[0]), np.sort(best[1]), best[2])


def from_rows(seen: Bools, r: int, expired: Callable[[], bool]) -> tuple[Ints, Ints, float]:
    """Add, from each of the fullest rows, the row that keeps most columns, while it pays.

    One of them is tried even if no time is left.
    """
    counts, seeds = seen.sum(axis=1), min(max(GROWN // seen.size, SEEDS[0]), SEEDS[1])
    none = np.zeros(0, dtype=np.int64)
    best: tuple[Ints, Ints, float] = (none, none, 0.0)
    for seed in np.argsort(-counts, kind="stable")[:seeds]:
        cols, taken = seen[seed].copy(), [int(seed)]
        shared = (seen & cols).sum(axis=1)
        shared[seed] = -1
        while (width := int(cols.sum())) > r:
            score = float(max(len(taken) - r, 0) * (width - r))
            if score > best[2]:
                best = (np.array(taken), np.nonzero(cols)[0], score)
            new = int(shared.argmax())
            if shared[new] <= r:
                break
            lost = cols & ~seen[new]
            cols &= seen[new]
            taken.append(new)
            shared -= seen[:, lost].sum(axis=1)
            shared[taken] = -1
        if expired():
            break
    return best
