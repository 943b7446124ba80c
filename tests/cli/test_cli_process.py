"""The command as a user runs it: terminals, pipes, misuse, defects and the demonstration."""

import json
import os
import pty
import subprocess
import sys
import warnings
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from certify import Verdict, __version__, cli
from certify.cli.demo import Row
from tests.cli.test_cli import ONE
from tests.question_files import OPTIMUM, drained, inside, outside, write


def test_the_version_is_the_package_version(capsys):
    first, *_ = inside(capsys, "--version").out.splitlines()
    assert first.split()[:2] == ["certify", __version__]


def test_the_command_is_installed_under_its_name(capsys):
    (entry,) = entry_points(group="console_scripts", name="certify")
    assert entry.load()(["--version"]) == 0
    assert capsys.readouterr().out.split()[:2] == ["certify", __version__]


CTRL_C = """
import runpy, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Finder())
{closed}
sys.argv = ["certify", "--version"]
runpy.run_module("certify", run_name="__main__")
"""


@pytest.mark.parametrize("closed", ["", "sys.stderr = None"])
def test_ctrl_c_while_the_command_is_imported_ends_it_with_a_sentence(closed):
    line = [sys.executable, "-c", CTRL_C.format(closed=closed)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    said = "" if closed else "certify: interrupted; no file is half-written\n"
    assert (done.returncode, done.stdout, done.stderr) == (130, "", said)


@pytest.mark.thorough
def test_a_session_as_a_user_runs_it(tmp_path):
    write(tmp_path, **ONE)
    ended = outside("check", "problem.toml", "-o", "x.cert", "--json", cwd=tmp_path)
    assert (ended.status, ended.json["verdict"]) == (14, "RANK_LIMITED")
    ended = outside("verify", "x.cert", "--problem", "problem.toml", "--json", cwd=tmp_path)
    assert (ended.status, ended.json["verdict"]) == (14, "RANK_LIMITED")
    ended = outside("improve", "problem.toml", "-o", "b.npz", "--json", cwd=tmp_path)
    assert (ended.status, ended.json["verdict"]) == (0, "CERTIFIED")
    assert ended.json["lower"] <= OPTIMUM <= ended.json["upper"]
    assert {p.name for p in tmp_path.iterdir() if p.suffix in (".cert", ".npz")} == {
        "x.cert",
        "b.npz",
    }


@pytest.mark.thorough
def test_nothing_is_said_on_stderr_in_a_pipe(tmp_path):
    ended = outside("check", write(tmp_path))
    assert ended.out.splitlines()[1].startswith("CERTIFIED  proved")
    assert ended.err == ""


@pytest.mark.thorough
@pytest.mark.parametrize("command", ["check", "improve", "verify"])
def test_a_terminal_gets_a_bar_on_stderr_and_stdout_stays_clean(tmp_path, command):
    path, cert = write(tmp_path, **ONE), tmp_path / "x.cert"
    assert cli.main(["check", str(path), "-o", str(cert), "--json"]) == 14
    arguments = {
        "check": [path],
        "improve": [path, "-o", tmp_path / "b.npz"],
        "verify": [cert, "--problem", path],
    }[command]
    main_end, user_end = pty.openpty()
    line = [sys.executable, "-m", "certify", command, *map(str, arguments), "--json"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=user_end, text=True) as process:
        os.close(user_end)
        shown = drained(main_end)
        out = process.stdout.read()
    assert json.loads(out)["lower"] == OPTIMUM
    assert "\x1b[" in shown
    assert "0:00:00" in shown


def printing_to(stdout, path):
    """Check the problem with output that is buffered, as it is in a pipe."""
    line = [sys.executable, "-m", "certify", "check", str(path), "--json"]
    env = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    return subprocess.run(
        line, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False, env=env
    )


@pytest.mark.thorough
def test_a_reader_that_leaves_early_is_no_error(tmp_path):
    path = write(tmp_path)
    reads, writes = os.pipe()
    os.close(reads)
    done = printing_to(writes, path)
    os.close(writes)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.thorough
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_output_that_cannot_be_printed_is_one_sentence(tmp_path):
    with Path("/dev/full").open("w") as full:
        done = printing_to(full, write(tmp_path))
    assert done.stderr == "certify: output: No space left on device\n"
    assert done.returncode == 2


@pytest.mark.sampled(2)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
@pytest.mark.parametrize(
    ("streams", "said"),
    [(">&-", True), ("2>&-", False), (">&- 2>&-", False), ("2>/dev/full", False)],
)
def test_a_stream_that_is_closed_or_full_changes_no_exit_status(tmp_path, streams, said):
    shell = f'"{sys.executable}" -m certify check no.toml {streams}'
    done = subprocess.run(
        ["/bin/sh", "-c", shell], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 2
    assert (done.stderr == "certify: cannot read no.toml: No such file or directory\n") is said


def test_a_verdict_without_a_place_to_print_it_is_its_exit_status(tmp_path, monkeypatch):
    path = write(tmp_path, **ONE)
    monkeypatch.setattr(sys, "stdout", None)
    assert cli.main(["check", str(path)]) == Verdict.RANK_LIMITED.exit_code


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing command"),
        (["chek"], "No such command 'chek'"),
        (["check"], "Missing argument 'PROBLEM' (see certify check --help)"),
        (["check", "a.toml", "--sed", "1"], "No such option"),
        (["check", "a.toml", "--seed", "x"], "'x' is not a valid"),
        (["check", "a.toml", "--seed=-1"], "-1 is not in the range"),
        (["check", "a.toml", "--rtol", "small"], "'small' is not a valid float"),
        (["verify"], "Missing argument 'CERTIFICATE'"),
        (["verify", "x.cert", "--problem", "p.toml", "--tier", "float"], "'float' is not one of"),
        (["improve", "a.toml"], "Missing option '-o'"),
    ],
)
def test_a_misuse_is_one_sentence(capsys, arguments, said):
    ended = inside(capsys, *arguments)
    assert ended.status == 2
    assert said in ended.sentence


# --- defects and demonstrations ----------------------------------------------------------


def broken(*_given, **_keywords):
    raise ZeroDivisionError("by zero\nagain")


def test_a_defect_asks_for_a_report_without_a_traceback(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cli, "decide", broken)
    ended = inside(capsys, "check", write(tmp_path), "-o", tmp_path / "x.cert")
    assert ended.status == 1
    assert r"defect of certify, ZeroDivisionError: by zero\nagain; please report" in ended.sentence
    assert not (tmp_path / "x.cert").exists()


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_traceback_is_shown_on_request(tmp_path, capsys, monkeypatch, by):
    monkeypatch.setattr(cli, "decide", broken)
    if by == "environment":
        monkeypatch.setenv("CERTIFY_DEBUG", "1")
    options = ["--debug"] if by == "option" else []
    ended = inside(capsys, "check", write(tmp_path), *options)
    assert ended.status == 1
    assert "Traceback" in ended.err
    assert "in broken" in ended.err


def test_too_little_memory_is_one_sentence(tmp_path, capsys, monkeypatch):
    def greedy(*_given, **_keywords):
        raise MemoryError("Unable to allocate 7.28 TiB")

    monkeypatch.setattr(cli, "decide", greedy)
    ended = inside(capsys, "check", write(tmp_path))
    assert ended.status == 2
    assert "not enough memory for these sizes: Unable to allocate 7.28 TiB" in ended.sentence


def row(**changed):
    plain = {"model": "PCA(10)", "expected": Verdict.CERTIFIED, "lower": 1.0, "upper": 1.5}
    plain |= {"verdict": Verdict.CERTIFIED, "verified": Verdict.CERTIFIED, "relative_gap": 0.5}
    plain |= {"distance": "50 %", "rtol": 1e-6}
    plain |= {"better": None, "seconds_to_check": 0.5, "seconds_to_verify": 0.5, "bytes": 8}
    return Row(**plain | {"path": Path("pca.cert")} | changed)


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, 0),
        ({"verdict": Verdict.UNDECIDED, "verified": Verdict.UNDECIDED}, 1),
        ({"verified": Verdict.UNDECIDED}, 1),
    ],
)
def test_demo_shows_its_rows_and_fails_on_an_unexpected_one(capsys, monkeypatch, changed, status):
    told = {}

    def run(folder, **keywords):
        told.update(keywords, folder=folder)
        return [row(), row(model="NMF(16)", **changed)]

    monkeypatch.setattr(cli.demonstration, "run", run)
    ended = inside(capsys, "demo", "--seed", "5")
    assert told == {"folder": Path("certify-demo"), "seed": 5, "progress": None}
    assert ended.status == status
    assert "PCA(10)" in ended.out
    assert "2 certificates are in certify-demo" in ended.out
    assert ended.err == ("certify: unexpected verdict: NMF(16)\n" if status else "")
    ended = inside(capsys, "demo", "elsewhere", "--json")
    assert [json.loads(line)["model"] for line in ended.out.splitlines()] == ["PCA(10)", "NMF(16)"]
    assert told["folder"] == Path("elsewhere")


@pytest.mark.parametrize("options", [[], ["error"]])
def test_warnings_of_other_libraries_are_shown_to_who_asks(tmp_path, capsys, monkeypatch, options):
    check = cli.decide

    def warning(*given, **keywords):
        warnings.warn("ill-conditioned", RuntimeWarning, stacklevel=1)
        return check(*given, **keywords)

    monkeypatch.setattr(sys, "warnoptions", options)
    monkeypatch.setattr(cli, "decide", warning)
    ended = inside(capsys, "check", write(tmp_path))
    assert ended.status == len(options)
    assert ("ill-conditioned" in ended.err) == bool(options)
    assert bool(ended.err) == bool(options)
