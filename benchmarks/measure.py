"""What every benchmark shares: the row of a case, of a polar, rounds of timings, claims, tables.

A benchmark is a title and cases (`Table`), or a generator function of Options that yields its
title, then rows (dicts whose first column names them), alone or with what is wanted of their
columns.
"""

import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from certify import check, improve, verify
from certify.base import clock
from certify.problem import proof_time

MACHINE = "2 cores"
HERE = Path(__file__).parent
Row = dict[str, Any]


class SkippedError(Exception):
    """Why a benchmark cannot run here."""


@dataclass(frozen=True)
class Options:
    """How much to run: small sizes and one round if quick; `repeats` rounds; cases `only`."""

    quick: bool = False
    repeats: int | None = None
    only: str = ""

    def rounds(self, usual: int) -> int:
        return self.repeats or (1 if self.quick else usual)

    def wants(self, name: str, few: tuple[str, ...] = ()) -> bool:
        """Whether to run a case; a quick run has those of a few names."""
        quick = not self.quick or any(x in name for x in few)
        return quick and self.only in name


class AtLeast(float):
    """A number that a column should reach."""


@dataclass(frozen=True)
class Claim:
    """What must hold, what was measured, and whether it does."""

    what: str
    wanted: str
    got: str
    holds: bool


def claim(what: str, got: Any, wanted: str | float) -> Claim:
    """Claim that got is among texts, at least a number that is AtLeast, or at most a number."""
    if isinstance(wanted, str):
        return Claim(what, wanted, str(got), got in wanted.split(" or "))
    least = isinstance(wanted, AtLeast)
    holds = got >= wanted if least else got <= wanted
    text = f"at {'least' if least else 'most'} {float(wanted):g}"
    return Claim(what, text, f"{got:.3g}", bool(holds))


def claims(row: Row, wanted: dict[str, str | float]) -> list[Claim]:
    """Return a claim for each column that is wanted and there."""
    name = next(iter(row.values()))
    there = {k: w for k, w in wanted.items() if row.get(k) is not None}
    return [claim(f"{name}: {k}", row[k], w) for k, w in there.items()]


@dataclass(frozen=True)
class Case:
    """What `make` returns (a problem, factors, and figures to compare with), judged as asked."""

    name: str
    make: Callable[[], tuple]
    wanted: dict[str, str | float] = field(default_factory=dict)
    asked: dict[str, Any] = field(default_factory=dict)


class Table(NamedTuple):
    """Cases under a title; a quick run has the first few, a tenth of the budget, 10 s at least."""

    title: str
    cases: list[Case]
    few: int = 2
    cores: int | None = 1  # that BLAS uses; None: all

    def __call__(self, options: Options):
        """Judge each case in a process of its own."""
        yield self.title
        for case in self.cases[: self.few] if options.quick else self.cases:
            if options.only in case.name:
                row = alone(judged_alone, case, options, self.cores)
                yield {"case": case.name} | row, case.wanted


def judged_alone(case: Case, options: Options, cores: int | None) -> Row:
    """Return the row of a case, with the memory of its process, fits left out."""
    problem, factors, *known = case.make()
    known, asked = known[0] if known else {}, dict(case.asked)
    if options.quick and "budget" in asked:
        asked["budget"] = max(asked["budget"] / 10, 10.0)
    with threadpool_limits(cores, user_api="blas"):
        row = judged(problem, factors, rounds=options.rounds(asked.pop("rounds", 1)), **asked)[0]
    shown = {k: x for k, x in known.items() if k != "optimum"}
    return shown | row | compared(row, known.get("optimum")) | {"GB": peak()}


def compared(row: Row, optimum: float | None) -> Row:
    """Compare with an optimum that is known."""
    if optimum is None:
        return {}
    excess, best = row["upper"] - optimum, row["better"] or row["upper"]
    return {
        "true excess": max(excess, 0.0) / row["upper"],
        "gap / excess": row["gap"] * row["upper"] / excess if excess > 1e-9 * optimum else None,
        "best / optimum - 1": abs(best / optimum - 1),
        "lower / optimum - 1": abs(row["lower"] / optimum - 1),
    }


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
        pairs = zip(self.spent[top], self.spent[bottom], strict=True)
        return median(a / b for a, b in pairs)


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
    clock.monotonic = lambda: ahead + process_time()


def judged(problem, factors, *, by=check, rounds=1, tiers=("exact",), **asked):
    """Check or improve factors, and verify what is claimed of the result, in rounds.

    Returns the row, the result, and the factors that it is about.  The verdict is that of the
    search and of every verification: "A/B" if they differ.  Seconds are the processor's; where
    cores= is asked, so is the budget, of so many cores.
    """
    if cores := asked.pop("cores", None):
        asked["budget"] *= cores
        count_budget_in_processor_seconds()
    if by is check:
        asked.setdefault("q", getattr(factors, "q", None))

    def search(_):
        found = by(problem, factors, **asked)
        if by is check:
            return found, factors, {}
        return found.result, found.factors, {"q": found.q} if problem.offsets else {}

    def verified(ran, tier: str):
        result, reached, offsets = ran["search"]
        return verify(result.certificate, problem, reached, tier=tier, **agreed | offsets)

    agreed = {k: x for k, x in asked.items() if k in ("rtol", "atol", "q")}
    steps = {f"{tier} verify": partial(verified, tier=tier) for tier in tiers}
    ran = Rounds(rounds, process_time, search=search, **steps)
    result, reached, _ = ran.values["search"]
    ends = {x.verdict.name for x in (result, *(ran.values[k] for k in steps))}
    best = [(result.upper, reached), (result.better_upper, result.better)]
    if result.reached is not None:  # of any size, its objective in floats
        best.append((result.reached.value, result.reached.factors))
    best = min((x for x in best if x[0] is not None), key=lambda x: x[0])
    row = {
        "components": reached[0].shape[-1],
        "verdict": "/".join(sorted(ends)),
        "lower": result.lower,
        "upper": result.upper,
        "gap": result.relative_gap,
        "better": result.better_upper,
        "gap of the best": 1 - result.lower / best[0] if best[0] else None,
        "size of the best": best[1][0].shape[-1],
        "rule": result.certificate.proof.get("polar", {}).get("rule"),
        "arithmetic": result.tier,
        f"{by.__name__} s": ran.seconds.pop("search"),
        **{f"{k} s": s for k, s in ran.seconds.items()},
        "certificate kB": saved(result.certificate) / 1e3,
    }
    return row, result, reached


def improving(*given, **asked) -> Case:
    """Return a case that is improved, not only checked."""
    return Case(*given, {"by": improve} | asked)


def saved(certificate) -> int:
    """Return a certificate's size in bytes."""
    with TemporaryDirectory() as folder:
        return certificate.save(Path(folder) / "x.cert")


def bounded(propose, verified) -> Row:
    """Time the search for a polar's value and a proposal of its bound, and its verification."""
    searched, (lower, found) = timed(propose, clock=process_time)
    packed = 8 * len(found.proof.get("tree", ()))  # a part is a bit of it
    seconds, upper = timed(verified, found.proof, clock=process_time)
    arrays = [x for x in found.proof.values() if isinstance(x, np.ndarray)]
    return {
        "attained": lower,
        "proved": float(upper),
        "gap": float(upper) / lower - 1,
        "parts": packed or len(found.proof.get("nodes", [0])),
        "search s": searched,
        "verify s": seconds,
        "MB": sum(x.nbytes for x in arrays) / 1e6,
    }


def shown(value: object) -> str:
    """Write a cell: floats with four digits, nothing for None."""
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def cells(rows) -> list[list[str]]:
    """Return the names of all columns, in order of appearance, and the cells of each row."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return [names, *([shown(row.get(k)) for k in names] for row in rows)]


def table(rows) -> str:
    """Return rows as aligned text."""
    lines = cells(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ("  ".join(map(str.ljust, line, widths)) for line in lines)
    return "\n".join(line.rstrip() for line in padded)


def markdown(rows) -> str:
    """Return rows as a Markdown table."""
    names, *rest = cells(rows)
    lines = [names, ["---"] * len(names), *([x.replace("|", "\\|") for x in r] for r in rest)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def draw_sizes(file: str, rows, lines: dict[str, tuple[str, str]], by: str, axis: str) -> None:
    """Draw columns against sizes on logarithmic axes; a line is a label and a marker."""
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    figure, axes = plt.subplots(figsize=(9, 4.5))
    for column, (label, marker) in lines.items():
        points = [(row[by], row[column]) for row in rows if row.get(column) is not None]
        axes.loglog(*zip(*points, strict=True), label=label, marker=marker)
    axes.set_xticks([row[by] for row in rows], [f"{row[by]:,}" for row in rows])
    axes.minorticks_off()
    axes.set(xlabel=axis, ylabel="seconds (2 cores)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.01, 0.5))
    figure.tight_layout()
    figure.savefig(HERE / file, dpi=120)
    plt.close(figure)
