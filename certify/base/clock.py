"""The time that is left, and reports of progress."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from time import monotonic, process_time
from typing import Any

from .arrays import as_number, short
from .checkpoint import bind, request_stop, stop_requested
from .errors import InputError

Progress = Callable[[str, float], object]
LOG = logging.getLogger("certify")
LATE, GRACE = 0.2, 2.0  # a budget may be overrun by this share of it, and these seconds
IDLE, LEAST = 0.5, 0.05  # seconds before cores are counted; the least number of cores


def seconds(budget: object) -> float | None:
    """Return a budget in seconds, or None for no limit; raise InputError for anything else."""
    if budget is None:
        return None
    if not (value := as_number(budget)) >= 0:
        raise InputError(f"budget must be seconds >= 0 or None, got {short(budget)}")
    return value


class Deadline:
    """A computation that ends at a `deadline` of `time.monotonic` (None: never), or on request.

    Another process has another clock, so the seconds left are sent there.
    """

    deadline: float | None

    def __getstate__(self) -> dict[str, Any]:
        """Return the state with the seconds left as deadline."""
        left = None if self.deadline is None else self.time_left()
        return self.__dict__ | {"deadline": left}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the state, with the seconds left counted from now on."""
        left = state["deadline"]
        self.__dict__.update(state | {"deadline": None if left is None else monotonic() + left})

    def expired(self) -> bool:
        """Whether the deadline is over, or a stop was requested."""
        return stop_requested() or (self.deadline is not None and monotonic() > self.deadline)

    def time_left(self) -> float:
        """Return the seconds left, infinite without a deadline."""
        return float("inf") if self.deadline is None else self.deadline - monotonic()


@dataclass
class Clock:
    """The time budget, and the receiver of progress.

    used   the processor's seconds at the start
    most   seconds after which a search that counts its steps ends
    limit  returns seconds that shorten the budget, as they are known by then
    """

    budget: float | None = None
    progress: Progress | bool | None = None
    start: float = field(default_factory=monotonic)
    used: float = field(default_factory=process_time)
    most: float | None = None
    limit: Callable[[], float] | None = None

    def __post_init__(self) -> None:
        """Raise InputError for a progress that can be neither called nor shown."""
        known = self.progress is None or isinstance(self.progress, bool) or callable(self.progress)
        if not known:
            wanted = "a function of (stage, value), True or None"
            raise InputError(f"progress must be {wanted}, got {short(self.progress)}")

    def expired(self) -> bool:
        """Whether the time is over, or a stop was requested."""
        return self.until_end() <= 0

    def duration(self) -> float | None:
        """Return the seconds from start to end; None without a budget."""
        if self.budget is None or self.limit is None:
            return self.budget
        return min(self.budget, self.limit())

    def left(self) -> float | None:
        """Return the seconds left of the budget, or None without one."""
        last = self.duration()
        if stop_requested():
            return 0.0
        return None if last is None else max(last - (monotonic() - self.start), 0.0)

    def until_end(self) -> float:
        """Return the seconds left of the budget or of `most`; infinite without either."""
        ends = [t for t in (self.duration(), self.most) if t is not None]
        spent = monotonic() - self.start
        return 0.0 if stop_requested() else max(min(ends, default=float("inf")) - spent, 0.0)

    def share(self, part: float) -> "Clock":
        """Return the same clock with a part of the budget."""
        budget = None if self.budget is None else part * self.budget
        return replace(self, budget=budget)

    def next_part(self, part: float) -> "Clock":
        """Return the same clock with a part of the time that is left."""
        left, last = self.left(), self.duration()
        if left is None or last is None or self.budget is None:
            return self.share(1.0)
        return self.share((last - (1 - part) * left) / max(self.budget, 1e-300))

    def until_overrun(self) -> float:
        """Return the seconds until the budget is overrun by more than LATE and GRACE allow."""
        if self.budget is None:
            return float("inf")
        return (1 + LATE) * self.budget + GRACE - (monotonic() - self.start)

    def cores(self) -> float:
        """Return the average number of cores of the process so far; 1 at the beginning."""
        spent = monotonic() - self.start
        return max((process_time() - self.used) / spent, LEAST) if spent > IDLE else 1.0

    def tell(self, stage: str, value: float) -> None:
        """Report a stage and its value; request a stop if `progress` returns True."""
        LOG.debug("%s %.10g", stage, value)
        if callable(self.progress) and self.progress(stage, value) is True:
            request_stop()


CLOCK: ContextVar[Clock | None] = ContextVar("certify_clock", default=None)


def limit_fits(clock: Clock) -> AbstractContextManager[Clock | None]:
    """End fits of offsets in the body when the budget is overrun by half of what is allowed.

    Not before, so that the last point of a search can be evaluated.
    """
    return bind(CLOCK, clock)


def must_end() -> bool:
    """Whether a fit of offsets must end with what it has."""
    clock = CLOCK.get()
    if clock is None or clock.budget is None:
        return False
    return clock.until_overrun() <= 0.5 * (LATE * clock.budget + GRACE)
