"""How much time is left, and who hears of progress."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from time import monotonic, process_time
from typing import Any

from .arrays import as_number, short
from .checkpoint import halt, stopped
from .errors import InputError

Progress = Callable[[str, float], object]
LOG = logging.getLogger("certify")
LATE, GRACE = 0.2, 2.0  # of a budget, and seconds, by which it may be overrun
IDLE, LEAST = 0.5, 0.05  # seconds from which the cores are counted, and at least so many


def seconds(budget: object) -> float | None:
    """Return a budget in seconds, None for no limit.  Raises InputError for anything else."""
    if budget is None:
        return None
    if not (value := as_number(budget)) >= 0:
        raise InputError(f"budget must be seconds >= 0 or None, got {short(budget)}")
    return value


class Deadline:
    """What ends at a moment of `time.monotonic` (None: never), or as somebody asks to stop.

    Another process has another clock: the seconds left are sent there, and nobody to tell.
    """

    deadline: float | None

    def __getstate__(self) -> dict[str, Any]:
        """Return what is sent."""
        left = None if self.deadline is None else self.time_left()
        alone = {"progress": None} if "progress" in self.__dict__ else {}
        return self.__dict__ | {"deadline": left} | alone

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Count the seconds left from now on."""
        left = state["deadline"]
        self.__dict__.update(state | {"deadline": None if left is None else monotonic() + left})

    def expired(self) -> bool:
        """Whether that moment is over, or somebody asked to stop."""
        return stopped() or (self.deadline is not None and monotonic() > self.deadline)

    def time_left(self) -> float:
        """Return the seconds left, infinite without a deadline."""
        return float("inf") if self.deadline is None else self.deadline - monotonic()


@dataclass
class Clock:
    """The time budget, and who wants to hear of progress."""

    budget: float | None = None
    progress: Progress | bool | None = None
    start: float = field(default_factory=monotonic)
    used: float = field(default_factory=process_time)  # of the processor, at the start
    most: float | None = None  # seconds after which a search that counts its steps ends, too
    limit: Callable[[], float] | None = None  # the same, as far as it is known by now

    def __post_init__(self) -> None:
        """Refuse a progress that can be neither called nor shown."""
        if not (
            self.progress is None or isinstance(self.progress, bool) or callable(self.progress)
        ):
            wanted = "a function of (stage, value), True or None"
            raise InputError(f"progress must be {wanted}, got {short(self.progress)}")

    def expired(self) -> bool:
        """Whether the budget is spent, or somebody asked to stop."""
        spent = monotonic() - self.start
        late = any(t is not None and spent > t for t in (self.last(), self.most))
        return late or stopped()

    def last(self) -> float | None:
        """Return the seconds after which it ends, None without a budget."""
        if self.budget is None or self.limit is None:
            return self.budget
        return min(self.budget, self.limit())

    def left(self) -> float | None:
        """Return the seconds left, or None without a budget."""
        last = self.last()
        if stopped():
            return 0.0
        return None if last is None else max(last - (monotonic() - self.start), 0.0)

    def until_end(self) -> float:
        """Return the seconds until it is expired: of the budget, or of `most`; else infinite."""
        ends = [t for t in (self.last(), self.most) if t is not None]
        spent = monotonic() - self.start
        return 0.0 if stopped() else max(min(ends, default=float("inf")) - spent, 0.0)

    def share(self, part: float) -> "Clock":
        """Return the same clock with a part of the budget."""
        budget = None if self.budget is None else part * self.budget
        return replace(self, budget=budget)

    def next_part(self, part: float) -> "Clock":
        """Return the same clock with a part of the time that is left."""
        left, last = self.left(), self.last()
        if left is None or last is None or self.budget is None:
            return self.share(1.0)
        return self.share((last - (1 - part) * left) / max(self.budget, 1e-300))

    def divide(self, count: int) -> "Clock":
        """Return a clock with one of `count` equal parts of the time that is left."""
        left = self.left()
        return self.share(1.0) if left is None else Clock(left / count, self.progress)

    def allowed(self) -> float:
        """Return the seconds until the budget is overrun by more than is allowed."""
        if self.budget is None:
            return float("inf")
        return (1 + LATE) * self.budget + GRACE - (monotonic() - self.start)

    def cores(self) -> float:
        """Return how many cores the process has had so far, one where that is not known yet."""
        spent = monotonic() - self.start
        return max((process_time() - self.used) / spent, LEAST) if spent > IDLE else 1.0

    def tell(self, stage: str, value: float) -> None:
        """Report a stage and its value."""
        LOG.debug("%s %.10g", stage, value)
        if callable(self.progress) and self.progress(stage, value) is True:
            halt()


CURRENT: ContextVar[Clock | None] = ContextVar("certify_clock", default=None)


@contextmanager
def fitting(clock: Clock) -> Iterator[None]:
    """End fits of offsets inside where the budget is overrun by half of what is allowed.

    Not before: a search that has ended there has its last point evaluated.
    """
    token = CURRENT.set(clock)
    try:
        yield
    finally:
        CURRENT.reset(token)


def must_end() -> bool:
    """Whether a fit of offsets has to end with what it has."""
    clock = CURRENT.get()
    if clock is None or clock.budget is None:
        return False
    return clock.allowed() <= 0.5 * (LATE * clock.budget + GRACE)
