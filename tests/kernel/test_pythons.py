"""The kernel alone answers the same under every Python from the oldest that it names."""

import re
import runpy
import subprocess
import sys

import pytest

from certify.cli._verifiers import archive
from tests import golden, pythons

MAIN = (golden.KERNEL / "__main__.py").read_text("utf-8")
OLDEST = tuple(map(int, re.search(r"sys\.version_info < \((\d+), (\d+)\)", MAIN).groups()))
NEEDED = "certify/kernel needs Python {}.{} or later, got {}.{}\n"
NEW = [v for v in pythons.VERSIONS if tuple(map(int, v.split("."))) >= OLDEST]
OLD = [v for v in pythons.VERSIONS if v not in NEW]


@pytest.fixture(scope="module", params=["folder", "archive"])
def program(request, tmp_path_factory):
    if request.param == "folder":
        return golden.KERNEL
    path = tmp_path_factory.mktemp("verifier") / "verify.pyz"
    path.write_bytes(archive())
    return path


def alone(version, *arguments):
    """Run the interpreter with nothing but its standard library."""
    python = pythons.find(version)
    if python is None:
        pytest.skip(f"not tested: there is no Python {version} on this machine")
    command = [python, "-B", "-I", "-S", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.thorough
def test_the_oldest_python_answers_every_stored_certificate_alike():
    for name in golden.names():
        path = golden.HERE / f"{name}.cert"
        assert alone(NEW[0], golden.KERNEL, path) == (*golden.answer(path), "")


@pytest.mark.parametrize("version", NEW)
def test_a_certificate_is_proved_and_a_changed_one_is_refused(version, program, tmp_path):
    path = golden.HERE / "conic.cert"
    assert alone(version, program, path) == (*golden.answer(path), "")
    changed = tmp_path / "changed.cert"
    changed.write_bytes(path.read_bytes()[:-1] + b"\xff")
    told = golden.answer(changed)
    assert told[0] == 20
    assert alone(version, program, changed) == (*told, "")


@pytest.mark.parametrize("version", OLD)
def test_an_older_python_is_told_which_is_needed(version, program):
    told = 2, "", NEEDED.format(*OLDEST, *version.split("."))
    assert alone(version, program, golden.HERE / "conic.cert") == told
    assert alone(version, program) == told


def test_the_version_is_compared_before_anything_is_imported(monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", (OLDEST[0], OLDEST[1] - 1, 9))
    before = {*sys.modules}
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(golden.KERNEL), run_name="__main__")
    told = capsys.readouterr()
    assert (ended.value.code, told.out) == (2, "")
    assert told.err == NEEDED.format(*OLDEST, OLDEST[0], OLDEST[1] - 1)
    assert not {name for name in {*sys.modules} - before if "certify" in name}


def test_the_format_names_the_oldest_version():
    spec = (golden.KERNEL / "SPEC.md").read_text("utf-8")
    assert f"Python {OLDEST[0]}.{OLDEST[1]} or later" in spec
