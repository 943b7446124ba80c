"""The command: choose mutants, run the tests that cover them, and report what survived."""

import argparse
import os
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from .covering import ROOT, Covering, is_measured, kept, record_all
from .functions import StaleError, every_function, put_in_force
from .running import Fate, Job, Session, collected, run_all
from .tables import Mutant, by_hand, explained, fixed, made, spread

ELSEWHERE = ("adapters_", "audit", "bad_input", "cli", "contributing", "demo", "docs", "formal")
ELSEWHERE += ("lint", "packaging", "paper_", "problems", "pytest_plugin", "readme", "report")
ELSEWHERE += ("schema", "search", "relax_zoo", "wrong_invocations", "tensor_zoo", "mutants")
ELSEWHERE += ("testing_", "files_", "damaged", "large", "improve", "restarts", "resume", "telling")
HARD = 600.0  # seconds on the wall, for a child that sleeps
HANGING = 20.0  # seconds of a processor beyond its own that a test may take


@dataclass
class Report:
    """The fates of the mutants that were run, and those that are explained."""

    known: dict[tuple, str]
    survivors: Path | None = None
    counts: Counter = field(default_factory=Counter)
    open: list[Mutant] = field(default_factory=list)

    def add(self, mutant: Mutant, fate: Fate) -> None:
        """Count a fate; show a survivor that nothing explains."""
        self.counts["run"] += 1
        kind = self.known.get(mutant.key)
        if fate.outcome == "survived" and kind:
            self.counts[kind] += 1
            return
        self.counts[fate.outcome] += 1
        if fate.outcome in ("survived", "error"):
            self.open.append(mutant)
            told = f"{fate.outcome.upper()} {mutant}\n    {fate.count} tests {fate.by}\n"
            show(told)
            if self.survivors:
                with self.survivors.open("a") as file:
                    file.write(told)

    def line(self) -> str:
        """Return the summary."""
        c = self.counts
        killed = c["killed"] + c["timed out"]
        return (
            f"{c['run']} mutants: {killed} killed ({c['timed out']} by the clock), "
            f"{c['equivalent']} equivalent, {c['loosens']} only loosen, {c['refuses']} only "
            f"refuse, {c['survived']} survived, {c['error']} errors"
        )


def show(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


@dataclass
class Runner:
    """Runs mutants within a session: their tests, and each killer once without a mutant."""

    session: Session
    functions: dict
    report: Report
    options: argparse.Namespace
    jobs: deque[Job] = field(default_factory=deque)
    trusted: dict[str, bool] = field(default_factory=dict)
    killers: dict[str, list[str]] = field(default_factory=dict)

    def add(self, mutant: Mutant, tests: Sequence[str]) -> None:
        """Queue a mutant."""
        tests = [t for t in tests if t in self.session.items and self.trusted.get(t, True)]
        work = partial(self.work, mutant=mutant, tests=tests)
        self.jobs.append(Job(work, HARD, partial(self.done, mutant, tests)))

    def work(self, session: Session, mutant: Mutant, tests: Sequence[str]) -> Fate:
        """Run the tests with the mutant in force; first those that killed its neighbours."""
        put_in_force(mutant.function, mutant.node(), self.functions)
        first = [t for t in self.killers.get(mutant.function.qualname, ()) if t in tests]
        end = time.process_time() + self.options.seconds
        return session.run(
            list(dict.fromkeys([*first, *tests])),
            lambda: bool(session.failed) or time.process_time() > end,
            self.options.seconds + HANGING,
        )

    def done(self, mutant: Mutant, tests: Sequence[str], fate: Fate) -> None:
        """Report a fate, once the test that killed is known to pass without the mutant."""
        killer = fate.by if fate.by in self.session.items else ""
        if fate.outcome != "killed" or not killer or self.trusted.get(killer):
            if killer:
                self.killers.setdefault(mutant.function.qualname, []).insert(0, killer)
            self.report.add(mutant, fate)
            if self.options.verbose:
                show(f"{fate.outcome} {mutant}\n    {fate.by} {fate.seconds:.1f} s\n")
            return

        def judged(alone: Fate) -> None:
            self.trusted[killer] = alone.outcome == "survived"
            if self.trusted[killer]:
                self.done(mutant, tests, fate)
            else:
                show(f"NOT TRUSTED {killer}: fails without a mutant\n")
                self.add(mutant, tests)

        alone = Job(lambda s: s.run([killer], lambda: bool(s.failed)), HARD, judged)
        self.jobs.appendleft(alone)


def test_files() -> list[str]:
    """Return the test files that speak of the kernel."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    held = [p for p in files if not p.name[5:].startswith(ELSEWHERE)]
    return [p.relative_to(ROOT).as_posix() for p in held]


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the options."""
    out = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    out.add_argument("--sample", type=int, default=300, help="how many the operators make")
    out.add_argument("--seed", type=int, default=1, help="of the choice")
    out.add_argument("--all", action="store_true", help="every mutant")
    out.add_argument("--hand", action="store_true", help="only those written by hand")
    out.add_argument("--fixed", action="store_true", help="only the short list of fixed.toml")
    out.add_argument("--only", nargs="*", help="every mutant of some functions, by qualified name")
    out.add_argument("--within", default="", help="only functions of this module or package")
    out.add_argument("--tests", nargs="*", help="only by the tests of these files")
    out.add_argument("--again", type=Path, help="only those that this file of survivors names")
    out.add_argument("--jobs", type=int, default=2, help="processes")
    out.add_argument("--seconds", type=float, default=20.0, help="of a processor for a mutant")
    out.add_argument("--survivors", type=Path, help="a file to append the survivors to")
    out.add_argument("--map", nargs="*", help="measure again which tests cover which lines")
    out.add_argument(
        "--budget", type=float, default=90.0, help="seconds of a processor to measure a test file"
    )
    out.add_argument("--verbose", action="store_true", help="show the killed ones too")
    return out.parse_args(arguments)


def chosen(options: argparse.Namespace, hand: list[Mutant], auto: list[Mutant]) -> list[Mutant]:
    """Return the mutants to run."""
    hand, auto = (
        [m for m in mutants if f"{m.function.module}.".startswith(options.within)]
        for mutants in (hand, auto)
    )
    if options.only:
        mutants = hand if options.hand else [*hand, *auto]
        return [m for m in mutants if m.function.qualname in options.only]
    if options.again:
        told = options.again.read_text()
        return [m for m in [*hand, *auto] if f"{m.key[0]} [" in told and _in(m, told)]
    if options.hand:
        return hand
    return [*hand, *(auto if options.all else spread(auto, options.sample, options.seed))]


def _in(mutant: Mutant, text: str) -> bool:
    return str(mutant).split(" ", 1)[1] + "\n" in text


def main(arguments: Sequence[str]) -> int:
    """Run mutants; return 1 if any survives that nothing explains."""
    options = parsed(arguments)
    os.chdir(ROOT)
    functions = every_function()
    hand, auto = by_hand(functions), made(functions)
    report = Report(explained([*hand, *auto]), options.survivors)
    if options.fixed:
        rows = fixed([*hand, *auto])
        files = {test.split("::")[0] for _, test in rows}

        def body(session: Session) -> None:
            runner = Runner(session, functions, report, options)
            for mutant, test in rows:
                if test not in session.items:
                    raise StaleError(f"on the short list, but no test any more: {test}")
                runner.add(mutant, [test])
            run_all(session, runner.jobs, options.jobs)
    else:
        files = measured(options, functions)
        mutants, covering = chosen(options, hand, auto), Covering(functions)

        def body(session: Session) -> None:
            runner = Runner(session, functions, report, options)
            for mutant in mutants:
                runner.add(mutant, covering.tests(mutant.function, mutant.lines))
            run_all(session, runner.jobs, options.jobs)

    collected(sorted(files), body)
    show(report.line() + "\n")
    return int(bool(report.open))


def measured(options: argparse.Namespace, functions: dict) -> list[str]:
    """Measure the test files that have no record yet; return all that have one."""
    files = options.tests or test_files()
    wanted = options.map or files
    lacking = [f for f in wanted if options.map is not None or not is_measured(f)]
    if lacking:
        plan = partial(record_all, functions=functions, at_once=options.jobs, budget=options.budget)
        apart(partial(collected, lacking, plan))
    return [f for f in files if kept(f).exists()]


def apart(work: Callable[[], None]) -> None:
    """Do something in a process of its own: pytest imports tests once in each."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            sys.stdout.flush()
            os._exit(0)
    os.waitpid(pid, 0)
