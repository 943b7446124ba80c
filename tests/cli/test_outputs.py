"""Files the commands write: never over an input, never half, whatever stops them."""

import errno
import json
import os
import pty
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from certify import Verdict
from tests.question_files import OLD, arguments, drained, inside, outputs, untouched, write

SIGNED = 'kind = "rank_one"\nleft = "l2+"\nright = "l2+"'


@pytest.mark.parametrize("command", ["check", "improve"])
@pytest.mark.parametrize("name", ["problem.toml", "Y.npy", "./V.npy", "hard.npy", "soft.npy"])
def test_inputs_are_never_written_over(tmp_path, capsys, command, name):
    path = write(tmp_path)
    (tmp_path / "hard.npy").hardlink_to(tmp_path / "Y.npy")
    (tmp_path / "soft.npy").symlink_to(tmp_path / "Y.npy")
    before = (tmp_path / name).read_bytes()
    ended = inside(capsys, command, path, "-o", tmp_path / name)
    assert "it is an input of this command" in ended.sentence
    assert ended.status == 2
    assert (tmp_path / name).read_bytes() == before


def test_two_outputs_do_not_share_a_file(tmp_path, capsys):
    target = tmp_path / "x"
    ended = inside(capsys, "check", write(tmp_path), "-o", target, "--better", target)
    assert "it is another output of this command" in ended.sentence
    assert ended.status == 2
    assert not target.exists()


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("nowhere/x", "there is no folder"),
        ("Y.npy/x", "there is no folder"),
        ("folder", "it is not a regular file"),
        ("/dev/null", "it is not a regular file"),
        ("/proc/x", "No such file or directory"),
        ("x" * 300, "File name too long"),
        ("loop", "it is not a regular file"),
        ("dangling", "it is not a regular file"),
    ],
)
@pytest.mark.parametrize("command", ["check", "improve"])
def test_a_target_that_cannot_be_written_is_one_sentence(tmp_path, capsys, command, target, said):
    path = write(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere.npz")
    ended = inside(capsys, command, path, "-o", tmp_path / target)
    assert said in ended.sentence
    assert ended.status == 2
    assert Path("/dev/null").is_char_device()


def full(*_given):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("command", ["check", "improve"])
def test_the_old_file_survives_a_full_disk(tmp_path, capsys, monkeypatch, command):
    monkeypatch.setattr(os, "fsync", full)
    ended = inside(capsys, *arguments(command, write(tmp_path)))
    assert "No space left on device" in ended.sentence
    assert ended.status == 2
    assert untouched(tmp_path)


def limited():
    """Let no file of this process grow beyond 100 bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))


@pytest.mark.thorough
@pytest.mark.parametrize("command", ["check", "improve"])
def test_the_old_file_survives_when_no_byte_more_fits(tmp_path, command):
    line = [sys.executable, "-B", "-m", "certify", *map(str, arguments(command, write(tmp_path)))]
    done = subprocess.run(
        line,
        preexec_fn=limited,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "File too large" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.returncode == 2
    assert untouched(tmp_path)


# --- Ctrl-C ------------------------------------------------------------------------------


def interruptible():
    """Undo the SIG_IGN that a background job of a shell hands down."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def read_until(handle, mark):
    """Read a terminal until it shows the mark."""
    shown = b""
    while mark not in shown:
        shown += os.read(handle, 4096)


@pytest.mark.thorough
@pytest.mark.parametrize("presses", [1, 2])
@pytest.mark.parametrize("command", ["check", "improve"])
def test_an_interrupt_ends_the_search_and_a_second_one_the_command(tmp_path, command, presses):
    rng = np.random.default_rng(5)
    parts = {"Y": (300, 200), "U": (300, 4), "V": (200, 4)}
    arrays = {k: rng.integers(0, 9, shape) / 8 for k, shape in parts.items()}
    path = write(tmp_path, atom=SIGNED, **arrays)
    given = [*map(str, arguments(command, path)), "--budget", "300", "--json"]
    line = [sys.executable, "-m", "certify", *given]
    shown_end, user_end = pty.openpty()
    with subprocess.Popen(
        line,
        preexec_fn=interruptible,  # noqa: PLW1509  one thread here; restores a signal only
        stdout=subprocess.PIPE,
        stderr=user_end,
    ) as process:
        os.close(user_end)
        read_until(shown_end, b"descend")  # the search is under way
        for _ in range(presses):
            process.send_signal(signal.SIGINT)
            time.sleep(0.02)
        shown = drained(shown_end)
        out, _ = process.communicate(timeout=120)
    assert "Traceback" not in shown
    if presses == 1:
        told = json.loads(out)
        assert 0 <= told["lower"] < told["upper"]
        assert process.returncode == Verdict[told["verdict"]].exit_code
        assert (tmp_path / "x.cert").read_bytes() != OLD
    else:
        assert (process.returncode, out) == (130, b"")
        assert shown.endswith("certify: interrupted; no file is half-written\r\n")
        assert untouched(tmp_path)


@pytest.mark.parametrize("command", ["check", "improve"])
def test_an_interrupt_while_a_file_is_written_leaves_the_old_one(
    tmp_path, capsys, monkeypatch, command
):
    def interrupted(*_given):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    ended = inside(capsys, *arguments(command, write(tmp_path)))
    assert "interrupted" in ended.sentence
    assert ended.status == 130
    assert untouched(tmp_path)


def test_an_old_file_is_replaced_when_all_goes_well(tmp_path, capsys):
    cert, better = outputs(tmp_path)
    ended = inside(capsys, "check", write(tmp_path), "-o", cert, "--better", better)
    assert ended.status == 0
    assert cert.read_bytes() != OLD
    assert better.read_bytes() == OLD  # nothing is better than the optimum
    assert inside(capsys, "verify", cert, "--problem", tmp_path / "problem.toml").status == 0


def test_a_link_is_written_through(tmp_path, capsys):
    cert, _ = outputs(tmp_path)
    (tmp_path / "link.cert").symlink_to(cert)
    assert inside(capsys, "check", write(tmp_path), "-o", tmp_path / "link.cert").status == 0
    assert (tmp_path / "link.cert").is_symlink()
    assert cert.read_bytes() != OLD


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_a_new_file_can_be_read_by_whoever_may_read_new_files(tmp_path, capsys, mask, mode):
    before = os.umask(mask)
    try:
        ended = inside(capsys, "check", write(tmp_path), "-o", tmp_path / "x.cert")
    finally:
        os.umask(before)
    assert ended.status == 0
    assert (tmp_path / "x.cert").stat().st_mode & 0o777 == mode
