"""One BLAS thread a worker, and Hypothesis without luck or deadlines."""

import gc
import os
import secrets
from collections import Counter

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from hypothesis import HealthCheck, core, settings

FAST, FAMILY = pytest.StashKey[dict](), 40
settings.register_profile(
    "certify",
    deadline=None,  # machines are shared
    derandomize=True,
    max_examples=15,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("certify")
settings.register_profile(
    "fresh",
    deadline=None,
    derandomize=False,
    database=None,
    max_examples=500,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def pytest_addoption(parser):
    """`--fresh` draws other examples than the last run, and more; `--fresh-seed S` again."""
    parser.addoption("--fresh", action="store_true", help="draw fresh examples, and more of them")
    text = "draw the fresh examples of this seed, which a run with --fresh shows"
    parser.addoption("--fresh-seed", type=int, metavar="S", help=text)


def pytest_configure(config):
    """Load the profile before the tests are imported; a worker of xdist has the same seed."""
    if config.option.fresh and config.option.fresh_seed is None:
        config.option.fresh_seed = secrets.randbelow(2**32)
    if config.option.fresh_seed is not None:
        settings.load_profile("fresh")
        core.global_force_seed = config.option.fresh_seed


def pytest_report_header(config):
    """Tell the seed."""
    seed = config.option.fresh_seed
    return None if seed is None else f"fresh examples: --fresh-seed {seed} draws them again"


@pytest.hookimpl(wrapper=True)
def pytest_collection(session):
    """Let the garbage collector leave what is collected alone: millions of objects that stay."""
    del session
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(50_000)  # a test's own objects are few
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Leave the first case of a sampled test and each step-th one fast; the others are thorough.

    Of a family of more than FAMILY cases a third of the others is thorough, and the rest slow.
    config.stash[FAST] tells of each file that was collected whether it has a fast test.
    """
    sampled = [item for item in items if item.get_closest_marker("sampled")]
    cases = Counter(item.nodeid.partition("[")[0] for item in sampled)
    seen = Counter()
    for item in sampled:
        name = item.nodeid.partition("[")[0]
        place, step = seen[name], item.get_closest_marker("sampled").args[0]
        seen[name] += 1
        if place % step:
            kept = cases[name] <= FAMILY or place % 3 == 1
            item.add_marker(pytest.mark.thorough if kept else pytest.mark.slow)
    fast = config.stash.setdefault(FAST, {})
    for item in items:
        file = item.nodeid.partition("::")[0]
        late = item.get_closest_marker("slow") or item.get_closest_marker("thorough")
        fast[file] = fast.get(file, False) or not late


def pytest_terminal_summary(terminalreporter):
    """Count skips in the open: a skipped test has proved nothing."""
    skipped = len(terminalreporter.stats.get("skipped", []))
    terminalreporter.write_line(f"{skipped} skipped")
