"""Find disjoint blocks of rows and columns whose entries are all observed.

They give a lower bound at a fixed rank.  A block helps only if both sides exceed the rank r, by
about (rows - r) (columns - r) for noise of one size.  The search is greedy.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certify.base.arrays import Bools, Ints
from certify.polar.product_query import never

SEEDS = (4, 24)  # rows and columns to grow a block from, at least and at most
GROWN = 400_000  # entries of the mask times seeds; 4 instead of 24 lose 1.4 % of the scores
MOST = 64  # blocks
ENTRIES = 4_000_000  # largest dense mask


@dataclass(frozen=True)
class Block:
    """Rows and columns, in ascending order, and the score of the block."""

    rows: Ints
    cols: Ints
    score: float


def disjoint(seen: Bools, r: int, expired: Callable[[], bool] = never) -> list[Block]:
    """Return disjoint blocks of observed entries, the best first, until the time is over."""
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
    """Return the best block of observed entries that is grown from rows or from columns."""
    rows = from_rows(seen, r, expired)
    cols = from_rows(seen.T, r, expired)
    best = max((rows, (cols[1], cols[0], cols[2])), key=lambda b: b[2])
    return Block(np.sort(best[0]), np.sort(best[1]), best[2])


def from_rows(seen: Bools, r: int, expired: Callable[[], bool]) -> tuple[Ints, Ints, float]:
    """Return the rows, columns and score of the best block that is grown from a full row.

    Each step adds the row that keeps most columns.  One start is tried even without time.
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
