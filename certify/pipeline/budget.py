"""The budget of a call: seconds, "auto" where none is given, or None for no limit."""

from typing import Literal, TypeAlias

from certify.base.clock import Clock
from certify.base.errors import InputError

Budget: TypeAlias = float | Literal["auto"] | None
AUTO: Literal["auto"] = "auto"  # the budget where none is given
MINUTE = 60.0  # seconds that it is at most
LAST = 5.0  # seconds of a check after the minute


def limits(budget: Budget) -> tuple[float | None, float | None]:
    """Return a clock's budget, and the most that counted steps may take, both in seconds."""
    return (None, MINUTE) if budget == AUTO else (positive(budget), None)


def positive(budget: object) -> float | None:
    """Return the budget in seconds, or None for none."""
    if budget is None:
        return None
    if not (isinstance(budget, int | float) and budget >= 0):
        raise InputError(f"budget must be seconds >= 0 or None, got {budget!r}")
    return float(budget)


def rest(clock: Clock, share: float = 1.0) -> Budget:
    """Return the budget of a call within another: a share of the seconds that are left."""
    if clock.most is not None:
        return LAST if clock.expired() else AUTO
    left = clock.left()
    return None if left is None else share * left
