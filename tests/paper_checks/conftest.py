"""The proved checker, built once for its tests."""

import fcntl
import subprocess

import pytest

from tests.paper_checks.checker_cases import FOLDER, LIMIT


@pytest.fixture(scope="module")
def binary():
    """Build the checker, or find it built; one process of the tests at a time."""
    with (FOLDER / "Makefile").open(encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = subprocess.run(
            ["make", "-s", "-C", str(FOLDER)],
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT,
        )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return FOLDER / "certcheck"
