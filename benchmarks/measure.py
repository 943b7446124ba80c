"""What every benchmark shares: cases and tables, the row of a case, rounds of timings.

A benchmark is a `Table`: named cases, and what makes the rows of one.  Each case runs in a process
of its own.
"""

import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from operator import itemgetter
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any, NamedTuple

from threadpoolctl import threadpool_limits

from certify import check, improve, verify
from certify.base.clock import Clock
from certify.pipeline.numbers import at_least, at_most
from certify.problem import proof_time

HERE = Path(__file__).parent
ROUNDED = {  # columns that hold bounds
    **dict.fromkeys(("lower", "proved at least"), at_least),
    **dict.fromkeys(("upper", "better", "gap"), at_most),
}
AGREED = ("rtol", "atol", "q")  # what a question and its verification share
Row = dict[str, Any]


class SkippedError(Exception):
    """Why a case cannot run here."""


class Options(NamedTuple):
    """How much to run: a few cases, small budgets and one round if quick; `repeats` rounds."""

    quick: bool = False
    repeats: int | None = None

    def rounds(self, usual: int) -> int:
        return self.repeats or (1 if self.quick else usual)


class Case(NamedTuple):
    """What a row is made of, what is wanted of its columns, and how the question is asked."""

    make: Any
    wanted: dict[str, str | float] = {}  # noqa: RUF012  never changed
    asked: dict[str, Any] = {}  # noqa: RUF012


def judged_alone(case: Case, options: Options) -> Row:
    """Return the row of what `make` returns: a problem, factors, and figures to compare with."""
    problem, factors, *known = case.make()
    known, asked = dict(*known), dict(case.asked)
    if options.quick and "budget" in asked:
        asked["budget"] = max(asked["budget"] / 10, 10.0)
    optimum = known.pop("optimum", None)
    row = judged(problem, factors, **asked)[0]
    if optimum is not None:
        excess = row["upper"] - optimum
        row["true excess"] = max(excess, 0.0) / row["upper"]
        if excess > 1e-9 * optimum:
            row["gap / excess"] = row["gap"] * row["upper"] / excess
        row["lower / optimum - 1"] = abs(row["lower"] / optimum - 1)
    return known | row | {"GB": peak()}


class Table(NamedTuple):
    """Cases under a title; a quick run has the first few."""

    title: str
    cases: dict[str, Case]
    by: Callable[[Case, Options], Any] = judged_alone  # a row, or several
    few: int = 2
    cores: int | None = 1  # that BLAS uses; None: all
    picture: Callable[[Path, list[Row]], None] | None = None

    def rows(self, options: Options, only: str = "") -> list[Row]:
        """Return the rows of the cases whose names have a text."""
        chosen = [(k, c) for k, c in self.cases.items() if only in k]
        made = {
            k: alone(rows_of, self.by, c, options, self.cores)
            for k, c in (chosen[: self.few] if options.quick else chosen)
        }
        return [{"case": k} | row for k, rows in made.items() for row in rows]

    def claims(self, row: Row) -> list[Row]:
        """Return what is wanted of a row, and whether it holds: texts, or numbers at most."""
        case = self.cases.get(row["case"], Case(None))
        there = {k: w for k, w in case.wanted.items() if row.get(k) is not None}
        return [claim(f"{row['case']}: {k}", row[k], w) for k, w in there.items()]


def claim(what: str, got: Any, wanted: str | float) -> Row:
    """Return what is wanted of a figure, and whether it is among texts or at most a number."""
    if isinstance(wanted, str):
        holds, text, shown = got in wanted.split(" or "), wanted, str(got)
    else:
        holds, text, shown = got <= wanted, f"at most {wanted:g}", f"{got:.3g}"
    return {"what": what, "wanted": text, "got": shown, "holds": "yes" if holds else "NO"}


def rows_of(by: Callable, case: Case, options: Options, cores: int | None) -> list[Row]:
    """Return the rows of a case, or the reason why there are none."""
    with threadpool_limits(cores, user_api="blas"):
        try:
            made = by(case, options)
            return [made] if isinstance(made, dict) else list(made)
        except SkippedError as error:
            return [{"note": f"skipped: {error}"}]


class Rounds:
    """Seconds of each step in each round; a step is called with what the others returned.

    A round runs each step once, in order, so that a ratio compares what ran side by side.
    """

    def __init__(self, count: int, clock=perf_counter, **steps) -> None:
        self.spent: dict[str, list[float]] = {name: [] for name in steps}
        self.values: Row = {}
        for _ in range(count):
            for name, call in steps.items():
                seconds, self.values[name] = timed(call, self.values, clock=clock)
                self.spent[name].append(seconds)
        self.seconds = {name: median(spent) for name, spent in self.spent.items()}

    def ratio(self, top: str, bottom: str) -> float:
        """Return the median over rounds of seconds(top) / seconds(bottom)."""
        return median(a / b for a, b in zip(self.spent[top], self.spent[bottom], strict=True))


def timed(call, *arguments, clock=perf_counter, **named):
    """Return (seconds, value)."""
    start = clock()
    value = call(*arguments, **named)
    return clock() - start, value


def alone(work, *arguments):
    """Return what a function returns in a process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def peak() -> float:
    """Return the most memory this process ever held, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def count_budget_in_processor_seconds() -> None:
    """Count budgets of this process as on one core from now on, for a machine with other work."""
    proof_time.CORES = 1
    ahead = time.monotonic() - process_time()
    ours = [m for name, m in sys.modules.items() if name.startswith("certify.")]
    for module in (time, *ours):  # each has the clock that it imported
        if hasattr(module, "monotonic"):
            module.monotonic = lambda: ahead + process_time()
    begin = Clock.__init__

    def started(clock, *given, **named) -> None:
        """Begin now, by that clock."""
        begin(clock, *given, **({"start": time.monotonic()} | named))

    Clock.__init__ = started


def judged(problem, factors, *, by=check, tiers=("exact",), cores=None, **asked):
    """Check or improve factors, and verify what is claimed of the result.

    Returns the row, the result, and the factors that it is about.  The verdict is that of the
    search and of every verification: "A/B" if they differ.  Seconds are the processor's; where
    cores= is given, so is the budget, of so many cores.
    """
    if cores:
        asked["budget"] *= cores
        count_budget_in_processor_seconds()
    if by is check:
        asked.setdefault("q", getattr(factors, "q", None))
    seconds, result = timed(by, problem, factors, clock=process_time, **asked)
    row, agreed = {f"{by.__name__} s": seconds}, {k: x for k, x in asked.items() if k in AGREED}
    if by is improve:
        factors, agreed["q"] = result.factors, result.q if problem.offsets else None
        result = result.result
    verdicts = {result.verdict.name}
    for tier in tiers:
        given = result.certificate, problem, factors
        seconds, proof = timed(verify, *given, clock=process_time, tier=tier, **agreed)
        row[f"{tier} verify s"] = seconds
        verdicts.add(proof.verdict.name)
    best = [(result.upper, factors), (result.better_upper, result.better)]
    if result.reached is not None:  # of any size, its objective in floats
        best.append((result.reached.value, result.reached.factors))
    least, at = min((x for x in best if x[0] is not None), key=itemgetter(0))
    with TemporaryDirectory() as folder:
        size = result.certificate.save(Path(folder) / "x.cert")
    row = {
        "components": factors[0].shape[-1],
        "verdict": "/".join(sorted(verdicts)),
        "lower": result.lower,
        "upper": result.upper,
        "gap": result.relative_gap,
        "better": result.better_upper,
        "gap of the best": 1 - result.lower / least if least else None,
        "size of the best": at[0].shape[-1],
        "rule": result.certificate.proof.get("polar", {}).get("rule"),
        "arithmetic": result.tier,
        **row,
        "certificate kB": size / 1e3,
    }
    return row, result, factors


def improving(make, wanted, **asked) -> Case:
    """Return a case that is improved, not only checked."""
    return Case(make, wanted, {"by": improve} | asked)


def shown(value: object, name: str = "") -> str:
    """Write a cell: floats with four digits, a bound rounded outward, nothing for None."""
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    return ROUNDED[name](value, 4) if name in ROUNDED else f"{value:.4g}"


def markdown(rows) -> str:
    """Return rows as a Markdown table of all their columns, in order of appearance."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return grid(names, ([shown(row.get(k), k).replace("|", "\\|") for k in names] for row in rows))


def grid(names, lines) -> str:
    """Return a Markdown table."""
    return "\n".join(f"| {' | '.join(x)} |" for x in [names, ["---"] * len(names), *lines])
