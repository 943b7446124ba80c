"""An audit where the system lacks what Linux has: no groups of processes, no SIGKILL."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.cli.test_audit import rows_in
from tests.question_files import write

ROOT = Path(__file__).parents[2]
LESS = """
import os, signal, sys

os.supports_dir_fd.clear()  # before shutil reads it: Windows opens nothing relative to a folder
import psutil

psutil.Process.kill = lambda self: os.kill(self.pid, 9)  # TerminateProcess of Windows
for name in ("fcntl", "grp", "pty", "pwd", "resource", "termios", "tty"):
    sys.modules[name] = None  # `import` raises ImportError
gone = (
    "fork forkpty getpgid getpgrp killpg setpgid setsid sched_getaffinity wait3 wait4 "
    "O_NOFOLLOW O_NONBLOCK"
)
if hasattr(os, "process_cpu_count"):  # of 3.13; what it is where there is no affinity
    os.process_cpu_count = os.cpu_count
for name in gone.split():
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGKILL", "SIGALRM", "SIGHUP", "SIGPIPE", "SIGCHLD", "alarm", "setitimer"):
    delattr(signal, name)
"""
FITS = """
import os, subprocess, sys, time

BEAT = '''
import sys, time
while True:
    open(sys.argv[1], 'a').write('.')
    time.sleep(0.1)
'''


def start(name):
    subprocess.Popen([sys.executable, "-c", BEAT, name])


def hangs():
    start("child of one that hangs")
    time.sleep(600)


def crashes():
    start("child of one that crashes")
    time.sleep(2)
    os._exit(3)
"""
PLAN = """
[[model]]
name = "one"
problem = "problem.toml"
budget = 5

[[model]]
name = "hangs"
fit = "fits.py:hangs"
timeout = 20

[[model]]
name = "crashes"
fit = "fits.py:crashes"
"""
BEATS = "child of one that hangs", "child of one that crashes"


@pytest.fixture
def fewer(tmp_path):
    """Return the environment of a Python without these functions, its children included."""
    (tmp_path / "less").mkdir()
    (tmp_path / "less" / "sitecustomize.py").write_text(LESS, encoding="utf-8")
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path / "less"), str(ROOT)])}


def audit_of(tmp_path, text):
    """Write a plan and its fits; return the command."""
    write(tmp_path)
    (tmp_path / "fits.py").write_text(FITS, encoding="utf-8")
    (tmp_path / "audit.toml").write_text(text, encoding="utf-8")
    return [sys.executable, "-m", "certify", "audit", "audit.toml", "-o", "out"]


def silent(path):
    """Whether nothing more is written to a file."""
    size = path.stat().st_size
    time.sleep(0.5)
    return 0 < size == path.stat().st_size


def test_an_audit_needs_none_of_these_functions(tmp_path, fewer):
    plan = PLAN.partition('[[model]]\nname = "hangs"')[0]
    command = audit_of(tmp_path, plan)
    done = subprocess.run(
        command, cwd=tmp_path, env=fewer, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    assert [r["verdict"] for r in rows_in(tmp_path / "out")] == ["CERTIFIED"]


@pytest.mark.thorough
@pytest.mark.parametrize("platform", ["this one", "with less"])
def test_what_jobs_have_started_ends_with_them(platform, tmp_path, fewer):
    command = audit_of(tmp_path, PLAN)
    given = fewer if platform == "with less" else os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=given, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    rows = {r["name"]: r for r in rows_in(tmp_path / "out")}
    assert rows["one"]["verdict"] == "CERTIFIED"
    assert (rows["hangs"]["verdict"], rows["hangs"]["status"]) == ("TIMEOUT", 12)
    assert rows["crashes"]["reason"].startswith("the process ended with status 3")
    assert all(silent(tmp_path / name) for name in BEATS)


@pytest.mark.thorough
def test_a_job_ends_with_the_audit_that_was_killed(tmp_path, fewer):
    command = audit_of(tmp_path, PLAN.replace("timeout = 20", "timeout = 300"))
    running = subprocess.Popen(command, cwd=tmp_path, env=fewer, stdout=subprocess.DEVNULL)
    beat, limit = tmp_path / BEATS[0], time.monotonic() + 60
    while not beat.exists():
        assert time.monotonic() < limit
        time.sleep(0.1)
    psutil.Process(running.pid).kill()
    running.wait()
    time.sleep(3)
    assert silent(beat)
