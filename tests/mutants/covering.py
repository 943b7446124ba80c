"""Which tests run which lines of the kernel: one measured run, kept in a cache file."""

import ast
import json
import sys
import time
import warnings
import zlib
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from functools import partial
from operator import itemgetter
from pathlib import Path

import coverage

from .functions import Function, calls
from .running import Fate, Job, Session, run_all

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".mutants"
TURN = 12  # tests of one file before those of another
SLOWEST = 8.0  # measured seconds of a test that is still worth running for a mutant


class Recorder:
    """A plugin that measures each test by itself."""

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self.functions = functions
        files = sorted({f.file for f in functions.values()})
        self.cover = coverage.Coverage(data_file=None, include=files, config_file=False)
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()

    def pytest_runtest_logstart(self, nodeid):
        self.cover.switch_context(nodeid)
        self.seconds[nodeid] = -time.process_time()

    def pytest_runtest_logfinish(self, nodeid):
        self.seconds[nodeid] += time.process_time()

    def pytest_runtest_logreport(self, report):
        if not report.passed:
            self.failed.add(report.nodeid)

    def record(self) -> dict:
        """Return the times of the tests that pass, and the tests of each line of a function."""
        with warnings.catch_warnings(action="ignore"):  # a file may run none of the lines
            data = self.cover.get_data()
        tests = sorted(set(self.seconds) - self.failed)
        place = {name: k for k, name in enumerate(tests)}
        by_line = {file: data.contexts_by_lineno(file) for file in data.measured_files()}
        lines: dict[str, dict[str, list[int]]] = {}
        for name, function in self.functions.items():
            first, last = function.node.lineno, function.node.end_lineno
            for line in range(first, last + 1):
                found = by_line.get(function.file, {}).get(line, ())
                if held := sorted(place[t] for t in found if t in place):
                    lines.setdefault(f"{name} {mark(function)}", {})[str(line - first)] = held
        return {"tests": {t: round(self.seconds[t], 4) for t in tests}, "lines": lines}


def mark(function: Function) -> str:
    """Return a mark of a function's text."""
    return f"{zlib.crc32(function.text.encode()):08x}"


def kept(test_file: str) -> Path:
    """Return where the record of a test file is kept."""
    return CACHE / "covering" / f"{Path(test_file).stem}.json"


def crc(path: Path) -> str:
    """Return a mark of a file."""
    return f"{zlib.crc32(path.read_bytes()):08x}"


def is_measured(test_file: str) -> bool:
    """Tell whether a test file has a record, made since it was changed."""
    path = kept(test_file)
    return path.exists() and json.loads(path.read_text()).get("source") == crc(ROOT / test_file)


def record(
    session: Session, functions: Mapping[str, Function], names: list[str], budget: float
) -> Fate:
    """Run the tests of a file in this process, and keep what each ran."""
    held = Recorder(functions)
    session.config.pluginmanager.register(held)
    end = time.process_time() + budget
    met: Counter[str] = Counter()
    order = []
    for name in names:  # the first case of every test comes first
        test = name.split("[")[0]
        met[test] += 1
        order.append((met[test], name))
    held.cover.start()
    session.run(
        [name for _, name in sorted(order, key=itemgetter(0))], lambda: time.process_time() > end
    )
    held.cover.stop()
    target = kept(names[0].split("::")[0])
    target.parent.mkdir(parents=True, exist_ok=True)
    told = {"source": crc(ROOT / names[0].split("::")[0])} | held.record()
    target.write_text(json.dumps(told))
    return Fate("survived", "", len(held.seconds))


def record_all(
    session: Session, functions: Mapping[str, Function], at_once: int, budget: float
) -> None:
    """Record each test file in its own fork."""
    homes: dict[str, list[str]] = {}
    for name in session.items:
        homes.setdefault(name.split("::")[0], []).append(name)
    jobs = deque(
        Job(
            partial(record, functions=functions, names=names, budget=budget),
            20 * budget,
            _told(home),
        )
        for home, names in homes.items()
    )
    run_all(session, jobs, at_once)


def _told(home: str):
    def done(fate: Fate) -> None:
        told = fate.by or f"{fate.count} tests"
        sys.stdout.write(f"{home}: {told}, {fate.seconds:.0f} s\n")
        sys.stdout.flush()

    return done


class Covering:
    """The tests of each function, by line; of a function that changed since, those of any line."""

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self.functions = functions
        self.seconds: dict[str, float] = {}
        self.lines: dict[tuple[str, int | None], set[str]] = {}
        self.width: Counter[str] = Counter()
        for path in sorted((CACHE / "covering").glob("*.json")):
            held = json.loads(path.read_text())
            tests = list(held["tests"])
            self.seconds |= held["tests"]
            for key, lines in held["lines"].items():
                name, _, text = key.partition(" ")
                same = name in functions and mark(functions[name]) == text
                for offset, found in lines.items():
                    names = {tests[k] for k in found}
                    self.width.update(names)
                    self.lines.setdefault((name, int(offset) if same else None), set()).update(
                        names
                    )

    def tests(self, function: Function, lines: Iterable[int]) -> list[str]:
        """Return the tests that run one of these lines: quick, of few lines, from many files."""
        found = self.found(function, lines)
        ordered = sorted(found, key=lambda t: ((self.seconds[t] + 0.01) * self.width[t], t))
        met: Counter[str] = Counter()
        turns = []
        for test in ordered:
            if self.seconds[test] <= SLOWEST:
                home = test.split("::")[0]
                met[home] += 1
                turns.append((met[home] // TURN, test))
        return [test for _, test in sorted(turns, key=lambda t: t[0])]

    def found(self, function: Function, lines: Iterable[int]) -> set[str]:
        """Return the tests of a function's lines, or of all functions that read a name.

        A function that only import runs has the tests of the names that it gives a value.
        """
        if function.live is None:
            readers = [f for f in self.functions.values() if f.live and _reads(f, function)]
            return {t for f in readers for t in self.found(f, _span(f))}
        first = function.node.lineno
        offsets = [None, *(k - first for k in lines)]
        own = {t for k in offsets for t in self.lines.get((function.qualname, k), ())}
        return own or {
            t
            for name in self.functions.values()
            if name.live is None and calls(name.node, function.qualname)
            for t in self.found(name, ())
        }


def _span(function: Function) -> range:
    return range(function.node.lineno, (function.node.end_lineno or 0) + 1)


def _reads(function: Function, name: Function) -> bool:
    names = (n.id for n in ast.walk(function.node) if isinstance(n, ast.Name))
    return name.qualname in names
