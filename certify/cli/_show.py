"""The output of the commands: a line of JSON, or lines of text; progress on a terminal."""

import json
import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Task
from rich.table import Table
from rich.text import Text

from certify.base.errors import NotCoveredError
from certify.kernel.errors import RejectedError
from certify.pipeline.certificate.verdict import Verdict
from certify.pipeline.certificate.verify import CHECKED, Proved
from certify.pipeline.numbers import at_least, at_most, distance
from certify.pipeline.restarts import RestartReport
from certify.pipeline.result import Result
from certify.pipeline.units import Units

from ._run import printable

COLOURS = {Verdict.CERTIFIED: "bold green", Verdict.REFUTED: "bold red"}
DIGITS = 12  # of a bracket
WIDTH = 100  # columns of a table that is not printed on a terminal
Lines = Mapping[str, Any]


@dataclass(frozen=True)
class OutputFile:
    """A file that was written, and its size in bytes."""

    path: Path
    size: int


def of_bracket(away: str, answer: Result | Proved) -> Lines:
    """Return the verdict and the bracket; away: how far the model can be above the optimum."""
    sides = {"verdict": answer.verdict.name, "lower": answer.lower, "upper": answer.upper}
    sides |= {"over": answer.over}
    return {"distance": away, **sides, "gap": answer.gap, "relative_gap": answer.relative_gap}


def of_result(result: Result, seconds: float) -> Lines:
    """Return the fields of a check's result, in the order of the output."""
    return {
        **of_bracket(result.distance, result),
        "reason": result.reason,
        "stationarity": result.stationarity,
        "tier": result.tier,
        "seconds": round(seconds, 3),
        **of_own_size(result),
    }


def of_own_size(result: Result) -> Lines:
    """Return the fields for models with at most as many components as the candidate."""
    own_size, shares = result.own_size, result.explained_variance
    fields = {
        "own_verdict": own_size.verdict.name,
        "own_lower": own_size.lower,
        "own_over": own_size.over,
        "own_relative_gap": own_size.relative_gap,
        "own_reason": own_size.reason,
    }
    if shares is None:
        return fields
    return {**fields, "explained": shares.yours, "explained_at_most": shares.at_most}


def of_training(units: Units, fields: Lines) -> Lines:
    """Return the fields with the bracket in units of the loss that the library reports."""
    if not units:
        return fields
    ends = {
        "training_lower": units.lower(fields["lower"]),
        "training_upper": units.upper(fields["upper"]),
    }
    return {**fields, **units.as_dict(), **ends}


def of_proof(proved: Proved, seconds: float) -> Lines:
    """Return the fields of a verified certificate."""
    return {
        **of_bracket(distance(proved.lower, proved.upper, proved.over, proved=True), proved),
        "tier": proved.tier,
        "rules": list(proved.rules),
        "seconds": round(seconds, 3),
    }


@contextmanager
def print_rejection(wanted: bool) -> Iterator[None]:  # noqa: FBT001
    """Print a rejection, or what is not covered, as a line of JSON, if wanted; raise it again."""
    try:
        yield
    except NotCoveredError as error:
        if wanted:
            as_json({"verdict": None, "not_covered": str(error)}, {})
        raise
    except RejectedError as error:
        if wanted:
            at = {"where": error.where, "code": error.code, "value": str(error.value)}
            as_json({"verdict": None, "rejected": at}, {})
        raise


def as_json(fields: Lines, written: Mapping[str, OutputFile | None]) -> None:
    """Print one line of JSON; numbers that JSON lacks are null."""
    files = {k.replace(" ", "_"): w and str(w.path) for k, w in written.items()}
    line = {k: finite(v) for k, v in fields.items()} | ({"written": files} if files else {})
    print(json.dumps(line, allow_nan=False))  # noqa: T201  the command's output


def finite(x: Any) -> Any:  # noqa: ANN401  a JSON value
    """Return x, or None for a number that is not finite."""
    return None if isinstance(x, float) and not math.isfinite(x) else x


def console_of_lines() -> Console:
    """Return a console on stdout; with the width 0, as for COLUMNS=0, it would print nothing."""
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    console.width = console.width or WIDTH
    return console


def for_people(fields: Lines, written: Mapping[str, OutputFile | None]) -> None:
    """Print the verdict, the bracket and their explanation."""
    verdict = Verdict[fields["verdict"]]
    console = console_of_lines()
    colour = COLOURS.get(verdict, "bold yellow")
    console.print(Text(fields["distance"], "bold"))
    checked = "; by the proved checker" if fields["tier"] == CHECKED else ""
    said = f"  {verdict.said(fields['over'])}{checked}"
    console.print(Text.assemble((verdict.name, colour), said))
    for name, text in lines(fields, written):
        console.print(Text(f"  {name:<13} {printable(text)}"))


def lines(fields: Lines, written: Mapping[str, OutputFile | None]) -> Iterator[tuple[str, str]]:
    """Yield (name, text), one for each line."""
    low, high = at_least(fields["lower"], DIGITS), at_most(fields["upper"], DIGITS)
    yield "bracket", f"{low} <= optimum over {fields['over']}, candidate <= {high}"
    if units := Units.of(fields):
        yield "in training", units.sentence((fields["lower"], fields["upper"]), fields["over"])
    yield "gap", f"{at_most(fields['gap'], 4)}, relative {at_most(fields['relative_gap'], 4)}"
    if "reason" in fields:
        yield "reason", fields["reason"]
    if fields.get("own_reason", fields.get("reason")) != fields.get("reason"):
        yield "own size", f"{fields['own_verdict']}: {fields['own_reason']}"
    if "stationarity" in fields:
        yield "stationarity", f"{fields['stationarity']:.3e} (0 at a stationary point)"
    if "objective" in fields:
        yield "objective", f"{fields['objective']!r}, {fields['components']} components"
    if "question" in fields:
        yield "question", fields["question"]
        yield "compared", fields["compared"]
    rules = f" by {', '.join(fields['rules'])}" if fields.get("rules") else ""
    yield "arithmetic", f"{fields['tier']}{rules}, {fields['seconds']} seconds"
    for name, w in written.items():
        text = f"nothing: no {name}" if w is None else f"{w.path} ({name}, {w.size} bytes)"
        yield "written", text


def table(rows: Table) -> None:
    """Print a table, in a pipe with WIDTH columns."""
    narrow = Console(file=sys.stdout)
    wide = (narrow.width if narrow.is_terminal else 0) or WIDTH
    Console(file=sys.stdout, width=wide, highlight=False).print(rows)


def the_fits(report: RestartReport, written: Mapping[str, OutputFile | None]) -> None:
    """Print a table of fits, the bound and the advice."""
    console = console_of_lines()
    for head, *rows in (report.rows(), report.curve())[: 1 + bool(report.sizes)]:
        grid = Table(*head)
        for cells in rows:
            grid.add_row(*cells)
        table(grid)
    console.print(Text(report.bound))
    console.print(Text(printable(report.advice)))
    if report.sizes:
        console.print(Text(report.which))
    for name, w in written.items():
        if w is not None:
            console.print(Text(f"written {printable(str(w.path))} ({name}, {w.size} bytes)"))


def show_share(_task: Task, stage: str, value: float) -> tuple[str, float]:
    """Return the stage, and the share that is done for the bar."""
    return stage, value
