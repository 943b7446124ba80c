"""The tiers: what the fast suite keeps of a sampled test, and that it keeps some of each file."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

TESTS = Path(__file__).parents[1]
SLOW = "\npytestmark = pytest.mark.slow"  # of a file all of whose tests are slow
FAST = "not slow and not thorough"


def item(nodeid, *marks):
    """Return what stands for a collected test: its name and its marks."""
    held = {m.name: m for m in marks}
    return SimpleNamespace(
        nodeid=nodeid,
        held=held,
        get_closest_marker=held.get,
        add_marker=lambda m: held.setdefault(m.name, m),
    )


def test_a_sampled_test_keeps_its_first_case_and_each_step_th(pytestconfig):
    plugins = pytestconfig.pluginmanager.get_plugins()
    (conftest,) = (p for p in plugins if getattr(p, "__file__", "") == str(TESTS / "conftest.py"))
    every_third = pytest.mark.sampled(3).mark
    one, two = (
        [item(f"a.py::{name}[{k}[]", every_third) for k in range(7)] for name in ("one", "two")
    )
    other = [item("a.py::other[0]"), item("a.py::other[1]")]
    mixed = [x for pair in zip(one, two, strict=True) for x in pair]
    conftest.pytest_collection_modifyitems([*mixed, *other])
    for items in (one, two):
        assert [k for k, x in enumerate(items) if "thorough" not in x.held] == [0, 3, 6]
    assert all(x.held == {} for x in other)


@pytest.mark.thorough
def test_every_file_of_tests_has_a_fast_one():
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", FAST]
    done = subprocess.run(command, cwd=TESTS.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    found = {line.partition("::")[0] for line in done.stdout.splitlines() if "::" in line}
    held = {p for p in TESTS.rglob("test_*.py") if SLOW not in p.read_text(encoding="utf-8")}
    assert found == {p.relative_to(TESTS.parent).as_posix() for p in held}
