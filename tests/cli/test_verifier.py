"""`certify verifier`: the archive answers what the folder answers, and is the folder."""

import importlib
import runpy
import subprocess
import sys
import zipfile

import pytest

from certify.cli._verifiers import archive
from certify.kernel import claim
from tests import golden
from tests.question_files import inside

NAMES = golden.names()
REFUSED = sorted(golden.EARLIER.glob("*.cert"))


@pytest.fixture(scope="module")
def verifier(tmp_path_factory):
    path = tmp_path_factory.mktemp("verifier") / "verify.pyz"
    path.write_bytes(archive())
    return path


@pytest.fixture
def empty(tmp_path):
    path = tmp_path / "empty"
    path.mkdir()
    return path


def alone(program, folder, *arguments):
    """Return the status and the output of a verifier in an empty folder."""
    done = run(program, folder, *arguments)
    assert done.stderr == ""
    return done.returncode, done.stdout


def run(program, folder, *arguments):
    """Return the ended process of a verifier that has nothing but Python."""
    command = [sys.executable, "-I", "-S", "-W", "error", str(program), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("name", NAMES)
def test_the_archive_and_the_folder_answer_what_the_package_answers(name, verifier, empty):
    path = golden.HERE / f"{name}.cert"
    asked = golden.answer(path)
    assert alone(golden.KERNEL, empty, path) == asked
    assert alone(verifier, empty, path) == asked


@pytest.mark.sampled(1000)
@pytest.mark.parametrize("name", NAMES)
def test_they_refuse_what_the_package_refuses(name, verifier, empty):
    blob = bytearray((golden.HERE / f"{name}.cert").read_bytes())
    blob[-1] ^= 1
    path = empty.parent / "changed.cert"
    path.write_bytes(bytes(blob))
    asked = golden.answer(path)
    assert asked[0] == 20
    assert alone(golden.KERNEL, empty, path) == alone(verifier, empty, path) == asked


@pytest.mark.parametrize("path", REFUSED, ids=[path.stem for path in REFUSED])
def test_they_refuse_an_earlier_format_alike(path, verifier, empty):
    asked = golden.answer(path)
    assert asked[0] == 20
    assert alone(golden.KERNEL, empty, path) == alone(verifier, empty, path) == asked


def test_without_a_file_they_say_what_they_take(verifier, empty):
    usage = "usage: python -I -S certify/kernel CERTIFICATE [QUESTION] [--limit N]\n"
    told = f"{usage}one or two files are wanted, got 0\n"
    for program in golden.KERNEL, verifier:
        done = run(program, empty)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", told)


def test_the_archive_is_the_folder_and_the_same_bytes_each_time(verifier):
    assert archive() == verifier.read_bytes()
    with zipfile.ZipFile(verifier) as held:
        names = held.namelist()
        texts = {n: held.read(n) for n in names}
        assert {entry.date_time for entry in held.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert names == sorted(names)
    here = golden.KERNEL
    assert texts == {p.relative_to(here).as_posix(): p.read_bytes() for p in here.rglob("*.py")}


def test_the_folder_is_a_package_of_its_own_when_it_is_started(monkeypatch, capsys):
    path = golden.HERE / "spectral.cert"
    before = {*sys.modules}
    monkeypatch.setattr(sys, "argv", ["kernel", str(path)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(golden.KERNEL), run_name="__main__")
    made = {*sys.modules} - before
    for name in [name for name in made if name.startswith("certify_kernel")]:
        del sys.modules[name]
    assert (ended.value.code, capsys.readouterr().out) == golden.answer(path)
    assert {"certify_kernel", "certify_kernel.rules.polar"} <= made
    assert str(golden.KERNEL) not in sys.path


def test_as_a_module_of_its_package_it_is_the_packages():
    assert importlib.import_module("certify.kernel.__main__").main is claim.main


def test_the_command_writes_the_archive(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ended = inside(capsys, "verifier", "-o", "verify.pyz")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out == f"verify.pyz written, {len(archive()):,} bytes\n"
    assert (tmp_path / "verify.pyz").read_bytes() == archive()


def test_the_command_refuses_a_folder_that_is_not_there(tmp_path, capsys):
    ended = inside(capsys, "verifier", "-o", str(tmp_path / "absent" / "verify.pyz"))
    assert ended.status == 2
    assert "there is no folder" in ended.err
