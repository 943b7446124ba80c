"""The budget of a verification: work is charged in units before it is done.

The prices of the arithmetic's operations are in `metered`; SPEC.md, Budget, explains the limits.
"""

import math

from .errors import demand

# A unit of work is a product of two short integers and an addition, some 40 ns in `Exact`.
UNIT = 4e-8  # seconds
FLOOR = 1 << 27  # units that any file may ask for: seconds
PER_BYTE = 1 << 13  # further units for each byte of the file
HELD = 64  # units of a number in memory: so 2**21 numbers are allowed, and 128 for each byte
MADE = 8  # units of work to make a number
LINE = 1024  # units of a row or a column; each rule goes through them several times
PATH = 8 * HELD  # units of a step from the root to a leaf: each waiting node keeps its own path
FRACTION = 16  # units of an operation on short fractions


class Budget:
    """The units of work that a verification may still do; more is refused before it is done.

    A small file can ask for much work: a factor without slices has no bytes and any number
    of rows, a list of entries does not bound m n, a leaf of a tree is a few letters.  Every
    such size is charged before the first number is made.
    """

    def __init__(self, limit: float = math.inf) -> None:
        self.limit, self.spent = limit, 0

    def spend(self, work: int, what: str) -> None:
        """Charge units of work, or refuse them."""
        self.afford(work, what)
        self.spent += work

    def afford(self, work: int, what: str) -> None:
        """Refuse later work of at least this many units, and charge nothing yet."""
        self._check(self.spent + work, what)

    def hold(self, numbers: int, what: str, bits: int = 0) -> None:
        """Charge the work to make numbers of so many bits; refuse too many at a time."""
        numbers *= 1 + (bits >> 8)
        self._check(HELD * numbers, what)
        self.spend(MADE * numbers, what)

    def _check(self, units: int, what: str) -> None:
        message = f"{what}: {units} units of work or more, and this file may ask for {self.limit}"
        demand(units <= self.limit, "budget", "limit", f"{message}; --limit {units} allows them")


def product_work(a: int, b: int) -> int:
    """Return the units of work to multiply integers of a and b bits and add the product."""
    return 1 + (a * b >> 15)
