"""The budget of a call: seconds, "auto" (the default), or None for no limit."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias

from certify.base.bar import show_progress
from certify.base.checkpoint import Checkpoint, save_to, stoppable
from certify.base.clock import Clock, Progress, limit_fits, seconds
from certify.base.cluster import Client, on_cluster

Budget: TypeAlias = float | Literal["auto"] | None
AUTO: Literal["auto"] = "auto"  # the default
MINUTE = 60.0  # seconds that it allows
LAST = 5.0  # seconds of a check after the minute


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
    """Return the budget of a call inside another: a share of the seconds left."""
    if clock.most is not None:
        return LAST if clock.expired() else AUTO
    left = clock.left()
    return None if left is None else share * left
