"""The tiers: what the fast suite keeps of a sampled test, and that it keeps some of each file."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

TESTS = Path(__file__).parents[1]
LATER = re.compile(
    r"^pytestmark = \[?\s*pytest\.mark\.(slow|thorough)", re.MULTILINE
)  # a whole file


def item(nodeid, *marks):
    """Return what stands for a collected test: its name and its marks."""
    held = {m.name: m for m in marks}
    return SimpleNamespace(
        nodeid=nodeid,
        held=held,
        get_closest_marker=held.get,
        add_marker=lambda m: held.setdefault(m.name, m),
    )


@pytest.fixture
def conftest(pytestconfig):
    plugins = pytestconfig.pluginmanager.get_plugins()
    (found,) = (p for p in plugins if getattr(p, "__file__", "") == str(TESTS / "conftest.py"))
    return found


def test_a_sampled_test_keeps_its_first_case_and_each_step_th(conftest):
    every_third = pytest.mark.sampled(3).mark
    one, two = (
        [item(f"a.py::{name}[{k}[]", every_third) for k in range(7)] for name in ("one", "two")
    )
    other = [item("a.py::other[0]"), item("a.py::other[1]")]
    mixed = [x for pair in zip(one, two, strict=True) for x in pair]
    config = SimpleNamespace(stash={})
    conftest.pytest_collection_modifyitems(config, [*mixed, *other])
    assert config.stash[conftest.FAST] == {"a.py": True}
    thorough = [x for x in mixed if "thorough" in x.held]
    config.stash.clear()
    conftest.pytest_collection_modifyitems(config, thorough[:1])
    assert config.stash[conftest.FAST] == {"a.py": False}
    for items in (one, two):
        assert [k for k, x in enumerate(items) if "thorough" not in x.held] == [0, 3, 6]
    assert all(x.held == {} for x in other)


def test_of_a_large_family_a_third_is_thorough_and_the_rest_slow(conftest):
    marks = pytest.mark.sampled(7).mark
    large = [item(f"a.py::large[{k}]", marks) for k in range(conftest.FAMILY + 1)]
    conftest.pytest_collection_modifyitems(SimpleNamespace(stash={}), large)
    tiers = [
        "slow" if "slow" in x.held else "thorough" if "thorough" in x.held else "fast"
        for x in large
    ]
    assert tiers[:10] == [
        "fast",
        "thorough",
        "slow",
        "slow",
        "thorough",
        "slow",
        "slow",
        "fast",
        "slow",
        "slow",
    ]


def test_every_file_of_tests_has_a_fast_one(conftest, pytestconfig):
    told = pytestconfig.stash[conftest.FAST]  # of the files that this run collected
    held = {f for f in told if not LATER.search((TESTS.parent / f).read_text(encoding="utf-8"))}
    assert {f for f in held if not told[f]} == set()
