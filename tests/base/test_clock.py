"""What a clock says of its budget, and of the cores that a process has had."""

import pytest

from certify.base import clock
from certify.base.clock import Clock


@pytest.fixture
def at(monkeypatch):
    """Set the time that has passed, and the processor's."""
    now = [0.0, 0.0]
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    monkeypatch.setattr(clock, "process_time", lambda: now[1])
    return now


def test_a_budget_may_be_overrun_by_a_fifth_and_two_seconds(at):
    held = Clock(100.0, start=0.0)
    at[0] = 50.0
    assert not held.overrun(72.0)
    assert held.overrun(72.5)
    assert not Clock(None, start=0.0).overrun(1e9)


def test_cores_are_processor_seconds_in_seconds_of_the_clock(at):
    held = Clock(100.0, start=0.0, used=3.0)
    at[:] = 0.4, 4.0
    assert held.cores() == 1.0  # too early to tell
    at[:] = 10.0, 23.0
    assert held.cores() == held.share(0.5).cores() == 2.0
    at[:] = 10.0, 3.0
    assert held.cores() == clock.LEAST
