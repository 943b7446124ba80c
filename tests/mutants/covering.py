"""Which tests run which lines of the kernel: one measured run, kept in a cache file."""

import json
import sys
import time
from collections import deque
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

import coverage

from .functions import Function
from .running import Fate, Job, Session, run_all

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".mutants"
SLOWEST = 4.0  # seconds of a test that is still worth running for a mutant


class Recorder:
    """A plugin that measures each test by itself."""

    def __init__(self, files: Iterable[str]) -> None:
        self.cover = coverage.Coverage(data_file=None, include=list(files), config_file=False)
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()

    def pytest_runtest_logstart(self, nodeid):
        self.cover.switch_context(nodeid)

    def pytest_runtest_logreport(self, report):
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if not report.passed:
            self.failed.add(report.nodeid)

    def record(self) -> dict:
        """Return the times of the tests that pass, and the tests of each line."""
        data, tests = self.cover.get_data(), sorted(set(self.seconds) - self.failed)
        place = {name: k for k, name in enumerate(tests)}
        lines = {}
        for file in sorted(data.measured_files()):
            for line, found in data.contexts_by_lineno(file).items():
                held = sorted(place[name] for name in found if name in place)
                if held:
                    lines[f"{file}:{line}"] = held
        return {"tests": {t: round(self.seconds[t], 4) for t in tests}, "lines": lines}


def kept(test_file: str) -> Path:
    """Return where the record of a test file is kept."""
    return CACHE / "covering" / f"{Path(test_file).stem}.json"


def record(session: Session, files: Iterable[str], names: list[str], budget: float) -> Fate:
    """Run the tests of a file in this process, and keep what each ran."""
    held = Recorder(files)
    session.config.pluginmanager.register(held)
    end = time.monotonic() + budget
    held.cover.start()
    session.run(names, lambda: time.monotonic() > end)
    held.cover.stop()
    target = kept(names[0].split("::")[0])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(held.record()))
    return Fate("survived", "", len(held.seconds))


def record_all(session: Session, files: Iterable[str], at_once: int, budget: float) -> None:
    """Record each test file in its own fork."""
    homes: dict[str, list[str]] = {}
    for name in session.items:
        homes.setdefault(name.split("::")[0], []).append(name)
    jobs = deque(
        Job(partial(record, files=files, names=names, budget=budget), 2 * budget + 60, _told(home))
        for home, names in homes.items()
    )
    run_all(session, jobs, at_once)


def _told(home: str):
    def done(fate: Fate) -> None:
        sys.stdout.write(f"{home}: {fate.outcome} {fate.count} tests, {fate.seconds:.0f} s\n")
        sys.stdout.flush()

    return done


class Covering:
    """The tests of each function, line by line, as measured."""

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self.seconds: dict[str, float] = {}
        self.lines: dict[tuple[str, int], list[str]] = {}
        names = {Path(f.file).as_posix() for f in functions.values()}
        for path in sorted((CACHE / "covering").glob("*.json")):
            held = json.loads(path.read_text())
            tests = list(held["tests"])
            self.seconds |= held["tests"]
            for key, found in held["lines"].items():
                file, _, line = key.rpartition(":")
                if file in names:
                    own = self.lines.setdefault((file, int(line)), [])
                    own += [tests[k] for k in found]

    def tests(self, function: Function, lines: Iterable[int]) -> list[str]:
        """Return the tests that run one of these lines, the quickest first, from many files."""
        found = {t for k in lines for t in self.lines.get((function.file, k), ())}
        ordered = sorted(found, key=lambda t: (self.seconds[t], t))
        met: dict[str, int] = {}
        turns = []
        for test in ordered:
            if self.seconds[test] <= SLOWEST:
                home = test.split("::")[0]
                met[home] = met.get(home, 0) + 1
                turns.append((met[home] // 4, test))  # four of a file, then four of the next
        return [test for _, test in sorted(turns, key=lambda t: t[0])]
