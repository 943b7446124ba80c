"""What every benchmark shares: rounds of timings, claims, tables, and the command line.

A round runs each step once, in order, so that a ratio compares what ran side by side.  A
time is the median over the rounds; a ratio is the median of the rounds' own ratios.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from threadpoolctl import threadpool_limits

MACHINE = "2 cores"
Row = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """How much to run: small sizes and one round if quick."""

    quick: bool = False
    repeats: int | None = None

    def rounds(self, usual: int) -> int:
        """Return how many rounds to run."""
        return self.repeats or (1 if self.quick else usual)


@dataclass(frozen=True)
class Claim:
    """What must hold, what was measured, and whether it does."""

    what: str
    wanted: str
    got: str
    holds: bool


@dataclass(frozen=True)
class Report:
    """One benchmark's table and claims; `skipped` is the reason why it did not run."""

    title: str
    rows: Sequence[Row] = ()
    claims: Sequence[Claim] = ()
    skipped: str = ""


def at_most(what: str, got: float, limit: float, unit: str = "s") -> Claim:
    """Claim got <= limit."""
    return Claim(
        what, f"at most {limit:g} {unit}".strip(), f"{got:.3g} {unit}".strip(), got <= limit
    )


def same(what: str, got: object, wanted: object) -> Claim:
    """Claim got == wanted."""
    return Claim(what, str(wanted), str(got), got == wanted)


Steps = Mapping[str, Callable[[dict[str, Any]], object]]


class Rounds:
    """Seconds of each step in each round; a step is called with what the others returned."""

    def __init__(self, steps: Steps, count: int) -> None:
        self.seconds: dict[str, list[float]] = {name: [] for name in steps}
        self.values: dict[str, Any] = {}
        for _ in range(count):
            for name, call in steps.items():
                start = perf_counter()
                self.values[name] = call(self.values)
                self.seconds[name].append(perf_counter() - start)

    def median(self, *names: str) -> float:
        """Return the median over rounds of the sum of these steps."""
        return statistics.median(map(sum, zip(*(self.seconds[k] for k in names), strict=True)))

    def ratio(self, top: str, bottom: str) -> float:
        """Return the median over rounds of seconds(top) / seconds(bottom)."""
        pairs = zip(self.seconds[top], self.seconds[bottom], strict=True)
        return statistics.median(a / b for a, b in pairs)


def shown(value: object) -> str:
    """Write a cell: floats with four digits, nothing for None."""
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def columns(rows: Sequence[Row]) -> list[str]:
    """Return the names of all columns, in order of appearance."""
    return list(dict.fromkeys(name for row in rows for name in row))


def table(rows: Sequence[Row]) -> str:
    """Return rows as aligned text."""
    names = columns(rows)
    cells = [names, *([shown(row.get(k)) for k in names] for row in rows)]
    widths = [max(len(line[k]) for line in cells) for k in range(len(names))]
    lines = ("  ".join(x.ljust(w) for x, w in zip(line, widths, strict=True)) for line in cells)
    return "\n".join(line.rstrip() for line in lines)


def markdown(rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table."""
    names = columns(rows)
    lines = [names, ["---"] * len(names)]
    lines += [[shown(row.get(k)).replace("|", "\\|") for k in names] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def claimed(report: Report) -> list[Row]:
    """Return the claims as rows."""
    verdicts = {True: "yes", False: "NO"}
    return [asdict(c) | {"holds": verdicts[c.holds]} for c in report.claims]


def show(report: Report) -> None:
    """Print a report."""
    print(f"{report.title}  ({MACHINE})\n")
    if report.skipped:
        print(f"skipped: {report.skipped}\n")
        return
    print(table(report.rows) + "\n")
    print(table(claimed(report)) + "\n")


def main(run: Callable[[Options], Report], *, threads: int | None = None) -> None:
    """Run one benchmark from the command line; exit status 1 if a claim does not hold.

    threads limits BLAS; None leaves it every core.
    """
    parser = argparse.ArgumentParser(description=run.__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, one round")
    parser.add_argument("--repeats", type=int, help="rounds")
    parser.add_argument("--json", type=Path, help="file to write the report to")
    given = parser.parse_args()
    with threadpool_limits(threads, user_api="blas"):
        report = run(Options(given.quick, given.repeats))
    show(report)
    if given.json:
        given.json.write_text(json.dumps(asdict(report), indent=1) + "\n", encoding="utf-8")
    sys.exit(not all(c.holds for c in report.claims))
