"""CONTRIBUTING.md is executed: its files written, its diffs applied, its commands run.

A fence's first line says what becomes of it:

    python PATH   is written to PATH        diff PATH   is applied to PATH
    python        is run as a script        console     its lines after "$ " are run
    sh            is shown only: it sets an environment up
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import certify
from certify.kernel.statement import FORMAT

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "CONTRIBUTING.md"
COPIED = ("certify", "problems", "paper_checks", "tests", "docs", "pyproject.toml")
FENCE = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Step:
    """One fenced block: its kind, the path it is for, its text and its line in the guide."""

    kind: str
    path: str
    text: str
    line: int


def steps(guide):
    return [
        Step(m[1], m[2], m[3], guide.count("\n", 0, m.start()) + 1) for m in FENCE.finditer(guide)
    ]


def applied(text, diff):
    """Return text with one hunk applied: its old lines must be there, exactly once."""
    lines = [line or " " for line in diff.splitlines()]
    assert {line[0] for line in lines} <= set(" +-")
    old, new = ("".join(f"{x[1:]}\n" for x in lines if x[0] in kept) for kept in (" -", " +"))
    assert text.count(old) == 1, f"found {text.count(old)} times:\n{old}"
    return text.replace(old, new)


def run(tree, *command):
    """Run python in the tree; its own packages come before any installed ones."""
    environment = os.environ | {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    environment["MYPY_CACHE_DIR"] = str(ROOT / ".mypy_cache")  # most files are the same
    done = subprocess.run(
        [sys.executable, *command],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def follow(step, tree):
    """Do what a step says."""
    target = tree / step.path
    if step.kind == "sh":
        return
    if step.kind == "console":
        for command in (line[2:] for line in step.text.splitlines() if line.startswith("$ ")):
            program, *rest = shlex.split(command)
            assert program == "python"
            run(tree, *rest)
    elif step.kind == "diff":
        text = target.read_text(encoding="utf-8")
        target.write_text(applied(text, step.text), encoding="utf-8")
    elif step.path:
        assert not target.exists()
        target.write_text(step.text, encoding="utf-8")
    else:
        assert step.kind == "python"
        run(tree, "-W", "error", "-c", step.text)


@pytest.fixture
def tree(tmp_path):
    """Return a copy of what a contributor edits."""
    for name in COPIED:
        source, target = ROOT / name, tmp_path / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    assert run(tmp_path, "-c", "import certify; print(certify.__file__)").startswith(str(tmp_path))
    return tmp_path


@pytest.mark.thorough
def test_every_step_of_the_guide_works(tree):
    for step in steps(GUIDE.read_text(encoding="utf-8")):
        try:
            follow(step, tree)
        except (AssertionError, OSError) as error:
            pytest.fail(f"CONTRIBUTING.md:{step.line}: {error}")


def test_the_guide_shows_each_kind_of_contribution():
    found = steps(GUIDE.read_text(encoding="utf-8"))
    written = {str(Path(s.path).parent) for s in found if s.path}
    folders = {"atoms", "losses", "norms", "offsets", "polar/methods", "kernel/rules"}
    folders |= {"kernel/norms", "kernel/offsets", "adapters", "adapters/files", "pipeline"}
    assert written >= {
        "problems",
        "paper_checks",
        "tests/atoms",
        "tests/norms",
        *(f"certify/{name}" for name in folders),
    }
    text = GUIDE.read_text(encoding="utf-8")
    fences = [line for line in text.splitlines() if line.startswith("```")]
    assert len(fences) == 2 * len(found)  # no fence that the pattern misses


def test_every_path_the_guide_names_exists_or_is_made_by_it():
    text = GUIDE.read_text(encoding="utf-8")
    made = {s.path for s in steps(text)}
    prose = FENCE.sub("", text)
    named = set(re.findall(r"`((?:certify|tests|problems)/[\w./]*)`", prose))
    assert named
    missing = {p for p in named - made if "NAME" not in p and not (ROOT / p).exists()}
    assert missing == set()


WRITTEN = "```python certify/extra.py\nVALUE = 3\n```\n"


def script(line):
    return f"{WRITTEN}```python\nfrom certify.extra import VALUE\n{line}\n```\n"


def pytest_of(arguments):
    return f"```console\n$ python -m pytest -q {arguments}\n```\n"


def diff_of(path, *lines):
    return "\n".join([f"```diff {path}", *lines, "```\n"])


LIE = diff_of("certify/norms/l1.py", '-    name = "l1"', '+    name = "l2"')
BROKEN = {
    "a script that asserts something false": script("assert VALUE == 4"),
    "a script that warns": script("import warnings; warnings.warn('x')"),
    "a script with a name that is gone": script("from certify import absent"),
    "a diff without its context": diff_of(
        "certify/pipeline/certificate/verdict.py", "-no such line", "+x"
    ),
    "a diff whose context is there twice": diff_of(
        "certify/pipeline/certificate/verdict.py", " ", "+x"
    ),
    "a file that exists": "```python certify/pipeline/certificate/verdict.py\nx = 1\n```\n",
    "a file in no folder": "```python nowhere/x.py\nx = 1\n```\n",
    "a command that fails": pytest_of("tests/test_none.py"),
    "a command that selects nothing": pytest_of("tests/base/test_registry.py -k xyz"),
    "an entry that breaks its contract": LIE
    + pytest_of("tests/base/test_registry.py -k files_name"),
}


@pytest.mark.thorough
def test_the_harness_follows_a_guide_that_works(tree):
    for step in steps(script("assert VALUE == 3")):
        follow(step, tree)


@pytest.mark.thorough
@pytest.mark.parametrize("guide", BROKEN.values(), ids=BROKEN)
def test_the_harness_fails_on_a_guide_that_does_not(guide, tree):
    *before, last = steps(guide)
    for step in before:
        follow(step, tree)
    with pytest.raises((AssertionError, OSError)):
        follow(last, tree)


def test_the_changelog_has_the_version_and_the_certificate_format():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {certify.__version__}" in text
    assert f"`{FORMAT}`" in text
