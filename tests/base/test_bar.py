"""When a call shows a bar: told to, or by itself on a terminal after a while."""

import sys
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from certify.base import bar
from certify.base.clock import Clock


@pytest.fixture
def told(monkeypatch):
    """Return what a bar was told, and its length first; stderr is a terminal."""
    seen = []

    @contextmanager
    def listening(total):
        seen.append(total)
        yield lambda stage, value: seen.append((stage, value))
        seen.append("closed")

    monkeypatch.setattr(bar, "bar", listening)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    return seen


@pytest.mark.parametrize("clock", [Clock(30.0), Clock(most=30.0)])
def test_a_call_on_a_terminal_shows_a_bar_once_it_takes_long(told, clock, monkeypatch):
    with bar.show_progress(clock):
        clock.tell("early", 1.0)
        assert told == []
        monkeypatch.setattr(bar, "LATER", -1.0)
        clock.tell("late", 2.0)
        clock.tell("later", 3.0)
    assert told == [30.0, ("late", 2.0), ("later", 3.0), "closed"]
    assert clock.progress is None


def test_where_nothing_can_be_shown_a_late_bar_is_silent(told, monkeypatch):
    @contextmanager
    def nothing(total):
        told.append(total)
        yield None

    monkeypatch.setattr(bar, "bar", nothing)
    monkeypatch.setattr(bar, "LATER", -1.0)
    clock = Clock()
    with bar.show_progress(clock):
        clock.tell("late", 2.0)
    assert told == [None]


def test_a_call_told_to_shows_a_bar_at_once(told):
    clock = Clock(progress=True)
    with bar.show_progress(clock):
        clock.tell("early", 1.0)
    assert told == [None, ("early", 1.0), "closed"]
    assert clock.progress is True


def test_a_call_told_to_be_silent_or_away_from_a_terminal_shows_none(told, monkeypatch):
    with bar.show_progress(silent := Clock(progress=False)):
        assert silent.progress is False
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    with bar.show_progress(away := Clock()):
        assert away.progress is None
    assert told == []


def test_a_bar_says_the_stage_and_its_objective_and_grows_with_time():
    assert bar.show_stage(SimpleNamespace(elapsed=2.5), "descend", 1 / 3) == (
        "descend  0.33333333",
        2.5,
    )
    assert bar.show_stage(SimpleNamespace(elapsed=None), "descend", 2.0) == ("descend  2", 0.0)
