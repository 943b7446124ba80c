"""The budget of a call: seconds, "auto" (the default), or None for no limit."""

from typing import Literal, TypeAlias

from certify.base.clock import Clock, seconds

Budget: TypeAlias = float | Literal["auto"] | None
AUTO: Literal["auto"] = "auto"  # the default
MINUTE = 60.0  # seconds that it allows
LAST = 5.0  # seconds of a check after the minute


def limits(budget: Budget) -> tuple[float | None, float | None]:
    """Return the budget of a clock, and its limit for counted steps, both in seconds."""
    if isinstance(budget, str) and budget == AUTO:
        return None, MINUTE
    return seconds(budget), None


def rest(clock: Clock, share: float = 1.0) -> Budget:
    """Return the budget of a call inside another: a share of the seconds left."""
    if clock.most is not None:
        return LAST if clock.expired() else AUTO
    left = clock.left()
    return None if left is None else share * left
