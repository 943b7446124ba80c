"""--fresh draws other examples than the last run; the seed that it shows draws them again."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.thorough  # pytest is run again

FRESH = """
import sys
from hypothesis import given, strategies as st

@given(st.integers(0, 10**9))
def test_draws(n):
    print("drawn", n, file=sys.stderr)
"""


def test_the_tests_draw_afresh_when_asked_and_the_same_with_the_seed_told(tmp_path):
    root = Path(__file__).parents[2]
    shutil.copy(root / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_fresh.py").write_text(FRESH)

    def drawn(*options):
        asked = [sys.executable, "-m", "pytest", "-s", "-p", "no:cacheprovider", *options, "."]
        done = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=True)
        told = re.findall(r"--fresh-seed (\d+) draws them again", done.stdout)
        return re.findall(r"drawn (\d+)", done.stderr), told

    fast, again = drawn(), drawn()
    assert fast == again
    assert fast[1] == []
    fresh, (seed,) = drawn("--fresh")
    assert len(fresh) >= 500 > len(fast[0])
    assert fresh != drawn("--fresh")[0]
    assert drawn("--fresh-seed", seed) == (fresh, [seed])
