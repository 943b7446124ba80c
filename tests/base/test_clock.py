"""What a clock says of its budget, and of the cores that a process has had."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from certify.base import clock
from certify.base.checkpoint import Checkpoint, request_stop, save_to
from certify.base.clock import Clock, limit_fits, must_end
from certify.norms import gauge
from certify.polar import PolarQuery


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
    assert held.until_overrun() == 72.0
    assert Clock(None, start=0.0).until_overrun() == np.inf


def test_a_limit_that_is_known_later_ends_a_clock_and_its_parts(at):
    known = [80.0]
    held = Clock(100.0, start=0.0, limit=lambda: known[0])
    assert [x.duration() for x in (held, held.share(0.5), Clock(5.0), Clock())] == [80, 50, 5, None]
    at[0] = 60.0
    assert not held.expired()
    assert (held.left(), held.next_part(0.5).left()) == (20.0, 10.0)
    known[0] = 59.0
    assert held.expired()
    assert (held.left(), held.next_part(0.5).left()) == (0.0, 0.0)
    assert held.share(0.55).expired()
    known[0] = 200.0
    assert held.left() == 40.0
    assert not Clock(None, start=0.0, limit=lambda: 0.0).expired()


def test_the_end_is_that_of_the_budget_or_of_the_most(at):
    at[0] = 60.0
    clocks = Clock(100.0), Clock(100.0, most=70.0), Clock(most=90.0), Clock(50.0), Clock()
    ends = [replace(x, start=0.0).until_end() for x in clocks]
    assert ends == [40.0, 10.0, 30.0, 0.0, np.inf]
    with save_to(Checkpoint()):
        request_stop()
        assert replace(clocks[0], start=0.0).until_end() == 0.0


def test_cores_are_processor_seconds_in_seconds_of_the_clock(at):
    held = Clock(100.0, start=0.0, used=3.0)
    at[:] = 0.4, 4.0
    assert held.cores() == 1.0  # too early to tell
    at[:] = 10.0, 23.0
    assert held.cores() == held.share(0.5).cores() == 2.0
    at[:] = 10.0, 3.0
    assert held.cores() == clock.LEAST


def test_of_a_deadline_the_seconds_left_are_sent(at):
    """The other clock is 90 seconds ahead."""
    query = PolarQuery(np.eye(2), gauge("l2"), gauge("l2"), deadline=8.0)
    at[0] = 5.0
    sent, never = pickle.dumps(query), pickle.dumps(PolarQuery(*[None] * 3, deadline=None))
    at[0] = 95.0
    there = pickle.loads(sent)  # noqa: S301  our own
    assert there.time_left() == 3.0
    assert np.array_equal(there.W, query.W)
    assert query.deadline == 8.0
    assert pickle.loads(never).time_left() == np.inf  # noqa: S301  our own


def test_a_must_end_where_half_of_what_is_allowed_beyond_the_budget_is_spent(at):
    assert not must_end()
    for budget, late in ((100.0, 111.0), (0.0, 1.0)):
        with limit_fits(Clock(budget, start=0.0)):
            at[0] = late - 0.125
            assert not must_end()
            at[0] = late
            assert must_end()
            with limit_fits(Clock(None, start=0.0)):
                assert not must_end()
            assert must_end()
    assert not must_end()
