"""Damaged files are read, or refused in a sentence, within limits of memory and time."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from certify.adapters.files import FORMATS
from tests.fuzz.readers import READERS

ROOT = Path(__file__).parents[2]
FEW, MANY = 200, 10_000


def fuzzed(name, examples):
    """Run a fuzz target in a process of its own, and return what it found."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", name, str(examples)],
        cwd=ROOT,
        env={**os.environ, **one},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr[-2000:]
    return json.loads(done.stdout)


def accept(found, examples):
    """Assert that nothing was found, in examples of which some are read and others refused."""
    assert found["errors"] == {}
    assert sum(found["outcomes"].values()) >= 0.9 * examples
    assert found["outcomes"]["refused"] > 0
    assert len(found["outcomes"]) > 1


def test_every_format_of_data_has_a_fuzz_target():
    assert {*FORMATS} <= {*READERS}


@pytest.mark.sampled(7)
@pytest.mark.parametrize("name", READERS)
def test_a_few_hundred_damaged_files_are_read_or_refused(name):
    accept(fuzzed(name, FEW), FEW)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_ten_thousand_damaged_files_are_read_or_refused(name):
    accept(fuzzed(name, MANY), MANY)
