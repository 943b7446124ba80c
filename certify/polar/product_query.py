"""The query of the methods for tensors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from certify.base.arrays import Array
from certify.base.clock import Deadline
from certify.norms import Gauge

Slice = tuple[Array, ...]  # one unit vector a mode; one alone if symmetric
Expired = Callable[[], bool]


def never() -> bool:
    """Return False: without a deadline nothing expires."""
    return False


@dataclass(frozen=True)
class ProductQuery(Deadline):
    """A query for a bound of sup <T, x1 o ... o xK> over unit vectors of the modes' gauges.

    T          float64 array of K >= 2 dimensions
    gauges     one l2, l1 or linf gauge a mode; the same for all if symmetric
    symmetric  sup <T, x o ... o x> instead
    target     a bound that is enough; None: as small as the effort allows
    deadline   on the clock of time.monotonic
    starts     slices that are believed to attain the polar, or nearly
    """

    T: Array
    gauges: tuple[Gauge, ...]
    symmetric: bool = False
    target: float | None = None
    seed: int = 0
    deadline: float | None = None
    starts: Sequence[Slice] = ()
