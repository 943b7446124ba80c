"""The processors that a process may use: its affinity, its container's quota, or all."""

import os

import pytest

from certify.base import cores


@pytest.fixture
def group(tmp_path, monkeypatch):
    path = tmp_path / "cpu.max"
    monkeypatch.setattr(cores, "QUOTA", path)
    return path


def test_a_process_bound_to_some_processors_counts_these(group, monkeypatch):
    del group
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 9}, raising=False)
    assert cores.usable_cores() == 3


@pytest.mark.parametrize(("count", "found"), [(6, 6), (None, 1)])
def test_without_an_affinity_all_processors_count(count, found, group, monkeypatch):
    del group
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: count)
    assert cores.usable_cores() == found


@pytest.mark.parametrize(
    ("text", "found"),
    [("200000 100000", 2), ("50000 100000", 1), ("350000 100000", 3), ("max 100000", 8), ("", 8)],
)
def test_a_container_allows_no_more_than_its_quota(text, found, group, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    group.write_text(text, encoding="ascii")
    assert cores.usable_cores() == found
