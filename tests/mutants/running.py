"""Run tests in forks of a process that has imported everything, until one of them fails."""

import gc
import json
import os
import resource
import select
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import Phase, settings

from .functions import StaleError

ROOM = 2 << 30  # bytes of memory that a mutant may ask for beyond what is there
CLOCKS = (signal.SIGALRM, signal.SIGPROF)
SINGLE = [Phase.explicit, Phase.generate]  # a counterexample need not be small
OPTIONS = ("-q", "-q", "-s", "-p", "no:xdist", "-p", "no:cacheprovider", "-p", "no:cov")
OPTIONS += ("-W", "ignore::pytest.PytestAssertRewriteWarning")  # certify is imported before


@dataclass
class Fate:
    """What became of a mutant: killed (by what), timed out, survived its tests, or an error."""

    outcome: str
    by: str = ""
    count: int = 0
    seconds: float = 0.0


@dataclass
class Job:
    """Work for one child, within a time limit, and what to do with its fate."""

    work: Callable[["Session"], Fate]
    limit: float
    done: Callable[[Fate], None]
    started: float = 0.0
    pid: int = 0
    heard: bytes = b""


class Session:
    """A plugin that collects tests and hands them over to `body` instead of running them."""

    def __init__(self, body: Callable[["Session"], None]) -> None:
        self.body = body
        self.items: dict[str, pytest.Item] = {}
        self.config: pytest.Config | None = None
        self.failed = ""
        self.error: BaseException | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        """Give the collected tests to the body."""
        self.items = {item.nodeid: item for item in session.items}
        self.config = session.config
        for item in session.items:
            without_shrinking(item)
        try:
            warm()
            gc.collect()
            gc.freeze()
            self.body(self)
        except Exception as error:  # noqa: BLE001  it is raised again outside pytest
            self.error = error
        return True

    def pytest_runtest_logreport(self, report):
        """Note a failure."""
        if report.failed:
            self.failed = report.nodeid

    def run(self, names: Sequence[str], until: Callable[[], bool], each: float = 0.0) -> Fate:
        """Run tests until `until` says so; the process ends if one takes over `each` seconds."""
        order = [*(self.items[n] for n in names), None]
        self.failed = ""
        for at, (item, following) in enumerate(pairwise(order), 1):
            signal.setitimer(signal.ITIMER_PROF, each)
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
            if until():
                return Fate("killed" if self.failed else "survived", self.failed, at)
        return Fate("survived", "", len(names))


def collected(files: Iterable[str], body: Callable[[Session], None]) -> None:
    """Collect test files, and call `body` with the session inside pytest's own."""
    plugin = Session(body)
    code = pytest.main([*OPTIONS, "-m", "not slow", *files], plugins=[plugin])
    if plugin.error is not None:
        raise plugin.error
    if not plugin.items:
        raise RuntimeError(f"pytest collected nothing: exit status {code}")


def without_shrinking(item: pytest.Item) -> None:
    """Let a property stop at its first counterexample."""
    test = getattr(item, "obj", None)
    inner = getattr(test, "__func__", test)
    held = getattr(inner, "_hypothesis_internal_use_settings", None)
    if held is not None:
        quick = settings(held, phases=SINGLE, report_multiple_bugs=False)
        inner._hypothesis_internal_use_settings = quick


def warm() -> None:
    """Fill the caches of the tests' helpers once, instead of once for each mutant."""
    for name, module in sorted(sys.modules.items()):
        if name.startswith("tests.") and ".test_" not in name:
            for held in list(vars(module).values()):
                if hasattr(held, "cache_info") and held.__module__ == name and _bare(held):
                    held()


def _bare(held) -> bool:
    return held.__wrapped__.__code__.co_argcount == 0


def run_all(session: Session, jobs: deque[Job], at_once: int) -> None:
    """Run jobs, a few at a time, each in its own fork; `done` may append more."""
    waiting: dict[int, Job] = {}
    while jobs or waiting:
        while jobs and len(waiting) < at_once:
            job = jobs.popleft()
            waiting[_fork(session, job)] = job
        for pipe in select.select(list(waiting), [], [])[0]:
            heard = os.read(pipe, 1 << 16)
            waiting[pipe].heard += heard
            if not heard:
                os.close(pipe)
                _finish(waiting.pop(pipe))


def _fork(session: Session, job: Job) -> int:
    out, into = os.pipe()
    job.started = time.monotonic()
    job.pid = os.fork()
    if job.pid == 0:
        os.close(out)
        _child(session, job, into)
    os.close(into)
    return out


def _child(session: Session, job: Job, into: int) -> None:
    """Do the work without output, tell what happened, and end the process."""
    told = Fate("killed", "the change itself")
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (1, 2):
            os.dup2(nothing, stream)
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + ROOM, size + ROOM))
        for number in (signal.SIGALRM, signal.SIGPROF):
            signal.signal(number, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, job.limit)
        told = job.work(session)
    except StaleError as error:
        told = Fate("error", str(error))
    except BaseException as error:  # noqa: BLE001  whatever happens, the parent is told
        told = Fate("killed", f"the change itself: {type(error).__name__}: {error}")
    finally:
        os.write(into, json.dumps(vars(told)).encode())
        os._exit(0)


def _finish(job: Job) -> None:
    _, status = os.waitpid(job.pid, 0)
    fate = Fate("killed", f"the end of the process: status {status}")
    if job.heard:
        fate = Fate(**json.loads(job.heard))
    elif os.WIFSIGNALED(status) and os.WTERMSIG(status) in CLOCKS:
        fate = Fate("timed out")
    fate.seconds = time.monotonic() - job.started
    job.done(fate)
