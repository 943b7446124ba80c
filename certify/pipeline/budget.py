"""The budget of a call: seconds, "auto" (the default), or None for no limit."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Literal, TypeAlias

from certify.base.bar import show_progress
from certify.base.checkpoint import Checkpoint, save_to, stoppable
from certify.base.clock import Clock, Progress, limit_fits, seconds
from certify.base.cluster import Client, on_cluster

Budget: TypeAlias = float | Literal["auto"] | None
AUTO: Literal["auto"] = "auto"  # the default
MINUTE = 60.0  # seconds that it allows
LAST = 5.0  # seconds of a check after the minute, at least
MORE = 0.5  # of a minute in which checks after it may end


def start_clock(budget: Budget, progress: Progress | bool | None) -> Clock:  # noqa: FBT001  a bar
    """Return the clock of a call; raise InputError for a wrong budget or progress."""
    if isinstance(budget, str) and budget == AUTO:
        return Clock(None, progress, most=MINUTE)
    return Clock(seconds(budget), progress)


@contextmanager
def session(clock: Clock, saved: Checkpoint, client: Client | None = None) -> Iterator[None]:
    """Run the body with a clock, a checkpoint, a progress bar and a cluster; Ctrl-C stops it."""
    with limit_fits(clock), save_to(saved), stoppable(), show_progress(clock), on_cluster(client):
        yield


def rest(clock: Clock, share: float = 1.0) -> Budget:
    """Return the budget of a call inside another: a share of the seconds left.

    After the minute of "auto" it is the rest of half a minute more, as a bound may need that long.
    """
    if clock.most is not None:
        late = monotonic() - clock.start - clock.most
        spare = MORE * clock.most - late if late > 0 else 0.0  # 0: a stop was requested
        return max(spare, LAST) if clock.expired() else AUTO
    left = clock.left()
    return None if left is None else share * left
