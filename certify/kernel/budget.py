"""What a verification may cost, in units of work that are paid for before they are done.

The prices of the arithmetic's operations are in `metered`; SPEC.md, Budget, says why these limits.
"""

import math
from collections.abc import Callable

from .errors import demand

# A unit of work is a product of two short integers and its sum, some 40 ns in `Exact`.
UNIT = 4e-8  # seconds
FLOOR = 1 << 27  # units that any file may ask for: seconds
PER_BYTE = 1 << 13  # units more for each byte of the file
HELD = 64  # units of a number that is held: 2**21 numbers, and 128 more for each byte
MADE = 8  # units of work to make a number
LINE = 1024  # units of a row or a column, which each rule goes through several times
PATH = 8 * HELD  # units of a step on the way to a leaf: each node that waits keeps its own
FRACTION = 16  # units of an operation on short fractions


class Budget:
    """How much work a verification may do: it is refused before it is done.

    A file can ask for more than its size: a factor of no slices has no bytes and any number
    of rows, a list of entries says nothing about m n, a leaf of a tree is a few letters.  Every
    such size is paid for before the first number is made.

    tell  is called with the units that are spent, each time some are
    """

    def __init__(self, limit: float = math.inf, tell: Callable[[int], object] = id) -> None:
        self.limit, self.spent, self.tell = limit, 0, tell

    def __getstate__(self) -> dict[str, object]:
        """Return what a copy in another process knows: there nobody is told."""
        return {"limit": self.limit, "spent": self.spent, "tell": id}

    def spend(self, work: int, what: str) -> None:
        """Take this many units, or refuse."""
        self.afford(work, what)
        self.spent += work
        self.tell(self.spent)

    def afford(self, work: int, what: str) -> None:
        """Refuse work that is still to come, and takes at least this much."""
        self._check(self.spent + work, what)

    def hold(self, numbers: int, what: str, bits: int = 0) -> None:
        """Refuse so many numbers of so many bits at a time, or take the work to make them."""
        numbers *= 1 + (bits >> 8)
        self._check(HELD * numbers, what)
        self.spend(MADE * numbers, what)

    def _check(self, units: int, what: str) -> None:
        message = f"{what}: {units} units of work or more, and this file may ask for {self.limit}"
        demand(units <= self.limit, "budget", "limit", f"{message}; --limit {units} allows them")


def product_work(a: int, b: int) -> int:
    """Return the units of a product of integers of a and b bits, and its sum."""
    return 1 + (a * b >> 15)
