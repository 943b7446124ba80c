"""What the commands print: a line of JSON, or lines for people; progress on a terminal."""

import json
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Task
from rich.table import Table
from rich.text import Text

from certify.kernel.errors import RejectedError
from certify.pipeline.certificate.verdict import Verdict, relative, spread
from certify.pipeline.certificate.verify import CHECKED, Proved
from certify.pipeline.report._numbers import at_most, distance, divided
from certify.pipeline.restarts import RestartReport
from certify.pipeline.result import Result

from ._run import printable

COLOURS = {Verdict.CERTIFIED: "bold green", Verdict.REFUTED: "bold red"}
WIDTH = 100  # columns of a table in a pipe
Lines = Mapping[str, Any]


@dataclass(frozen=True)
class OutputFile:
    """A file that was written, and its size in bytes."""

    path: Path
    size: int


def of_result(result: Result, seconds: float) -> Lines:
    """Return what a check found, in the order it is shown."""
    return {
        "distance": result.distance,
        "verdict": result.verdict.name,
        "lower": result.lower,
        "upper": result.upper,
        "gap": result.gap,
        "relative_gap": result.relative_gap,
        "reason": result.reason,
        "stationarity": result.stationarity,
        "tier": result.tier,
        "seconds": round(seconds, 3),
        **of_own_size(result),
    }


def of_own_size(result: Result) -> Lines:
    """Return the answer over at most as many components as the candidate has."""
    own, shares = result.own_size, result.explained_variance
    found = {
        "own_verdict": own.verdict.name,
        "own_lower": own.lower,
        "own_relative_gap": own.relative_gap,
        "own_reason": own.reason,
    }
    if shares is None:
        return found
    return {**found, "explained": shares.yours, "explained_at_most": shares.at_most}


def of_training(multiple: float, found: Lines) -> Lines:
    """Return the result with its bracket as a training objective, of which it has a multiple."""
    if multiple == 1:
        return found
    lower, upper = divided(found["lower"], found["upper"], multiple)
    return {**found, "multiple": multiple, "training_lower": lower, "training_upper": upper}


def of_proof(proved: Proved, seconds: float) -> Lines:
    """Return what a certificate was proved to show."""
    gap = spread(proved.lower, proved.upper)
    return {
        "distance": distance(proved.lower, proved.upper, proved=True),
        "verdict": proved.verdict.name,
        "lower": proved.lower,
        "upper": proved.upper,
        "gap": gap,
        "relative_gap": relative(gap, proved.upper),
        "tier": proved.tier,
        "rules": list(proved.rules),
        "seconds": round(seconds, 3),
    }


def of_rejection(error: RejectedError) -> Lines:
    """Return where and why a certificate was rejected."""
    return {
        "verdict": None,
        "rejected": {"where": error.where, "code": error.code, "value": str(error.value)},
    }


def as_json(found: Lines, written: Mapping[str, OutputFile | None]) -> None:
    """Print one line of JSON; numbers that JSON lacks are null."""
    files = {k.replace(" ", "_"): w and str(w.path) for k, w in written.items()}
    line = {k: finite(v) for k, v in found.items()} | ({"written": files} if files else {})
    print(json.dumps(line, allow_nan=False))  # noqa: T201  the command's output


def finite(x: Any) -> Any:  # noqa: ANN401  a JSON value
    """Return x, or None for a number that is not finite."""
    return None if isinstance(x, float) and not math.isfinite(x) else x


def for_people(found: Lines, written: Mapping[str, OutputFile | None]) -> None:
    """Print the verdict and what is behind it."""
    verdict = Verdict[found["verdict"]]
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    colour = COLOURS.get(verdict, "bold yellow")
    console.print(Text(found["distance"], "bold"))
    checked = "; by the proved checker" if found["tier"] == CHECKED else ""
    console.print(Text.assemble((verdict.name, colour), f"  {verdict.value}{checked}"))
    for name, text in lines(found, written):
        console.print(Text(f"  {name:<13} {printable(text)}"))


def lines(found: Lines, written: Mapping[str, OutputFile | None]) -> Iterator[tuple[str, str]]:
    """Yield (name, text), one for each line."""
    yield "bracket", f"{found['lower']!r} <= optimum, candidate <= {found['upper']!r}"
    if "multiple" in found:
        low, high = found["training_lower"], found["training_upper"]
        yield (
            "in training",
            f"{low!r} <= optimum, candidate <= {high!r}, times {found['multiple']!r}",
        )
    yield "gap", f"{at_most(found['gap'], 4)}, relative {at_most(found['relative_gap'], 4)}"
    if "reason" in found:
        yield "reason", found["reason"]
    if found.get("own_reason", found.get("reason")) != found.get("reason"):
        yield "own size", f"{found['own_verdict']}: {found['own_reason']}"
    if "stationarity" in found:
        yield "stationarity", f"{found['stationarity']:.3e} (0 at a stationary point)"
    if "objective" in found:
        yield "objective", f"{found['objective']!r}, {found['components']} components"
    rules = f" by {', '.join(found['rules'])}" if found.get("rules") else ""
    yield "arithmetic", f"{found['tier']}{rules}, {found['seconds']} seconds"
    for name, w in written.items():
        text = f"nothing: there is no {name}" if w is None else f"{w.path} ({name}, {w.size} bytes)"
        yield "written", text


def table(rows: Table) -> None:
    """Print a table, no narrower in a pipe than WIDTH."""
    narrow = Console(file=sys.stdout)
    wide = narrow.width if narrow.is_terminal else WIDTH
    Console(file=sys.stdout, width=wide, highlight=False).print(rows)


def the_fits(found: RestartReport, written: Mapping[str, OutputFile | None]) -> None:
    """Print a table of fits, the bound and what to do."""
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    for head, *rows in (found.rows(), found.curve())[: 1 + bool(found.sizes)]:
        grid = Table(*head)
        for cells in rows:
            grid.add_row(*cells)
        table(grid)
    console.print(Text(f"optimum >= {found.lower!r}"))
    console.print(Text(printable(found.advice)))
    if found.sizes:
        console.print(Text(found.which))
    for name, w in written.items():
        if w is not None:
            console.print(Text(f"written {printable(str(w.path))} ({name}, {w.size} bytes)"))


def shared(_task: Task, stage: str, value: float) -> tuple[str, float]:
    """Show the stage; the bar is the share that is done."""
    return stage, value
