"""What every benchmark shares: rounds of timings, claims, tables and pictures.

A benchmark is a function of Options that yields its title, rows (dicts) and claims.  A round
runs each step once, in order, so that a ratio compares what ran side by side.  A time is the
median over the rounds; a ratio is the median of the rounds' own ratios.
"""

import statistics
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from certify import verify

MACHINE = "2 cores"
HERE = Path(__file__).parent
Row = dict[str, Any]


class SkippedError(Exception):
    """Why a benchmark cannot run here."""


@dataclass(frozen=True)
class Options:
    """How much to run: small sizes and one round if quick; `repeats` rounds if given."""

    quick: bool = False
    repeats: int | None = None

    def rounds(self, usual: int, **steps):
        """Run the steps in turn, as many rounds as usual or as asked."""
        return Rounds(self.repeats or (1 if self.quick else usual), steps)


@dataclass(frozen=True)
class Claim:
    """What must hold, what was measured, and whether it does."""

    what: str
    wanted: str
    got: str
    holds: bool


def at_most(what: str, got: float, limit: float, unit: str = "s") -> Claim:
    """Claim got <= limit."""
    shown = (f"at most {limit:g} {unit}".strip(), f"{got:.3g} {unit}".strip())
    return Claim(what, *shown, bool(got <= limit))


def same(what: str, got: object, wanted: object) -> Claim:
    """Claim got == wanted."""
    return Claim(what, str(wanted), str(got), got == wanted)


class Rounds:
    """Seconds of each step in each round; a step is called with what the others returned."""

    def __init__(self, count: int, steps) -> None:
        self.seconds: dict[str, list[float]] = {name: [] for name in steps}
        self.values: Row = {}
        for _ in range(count):
            for name, call in steps.items():
                seconds, self.values[name] = timed(call, self.values)
                self.seconds[name].append(seconds)

    def median(self, *names: str) -> float:
        """Return the median over rounds of the sum of these steps."""
        return statistics.median(map(sum, zip(*(self.seconds[k] for k in names), strict=True)))

    def ratio(self, top: str, bottom: str) -> float:
        """Return the median over rounds of seconds(top) / seconds(bottom)."""
        pairs = zip(self.seconds[top], self.seconds[bottom], strict=True)
        return statistics.median(a / b for a, b in pairs)


def timed(call, *arguments, **named):
    """Return (seconds, value)."""
    start = perf_counter()
    value = call(*arguments, **named)
    return perf_counter() - start, value


def saved(certificate) -> int:
    """Return a certificate's size in bytes."""
    with TemporaryDirectory() as folder:
        return certificate.save(Path(folder) / "x.cert")


def both_tiers(found, problem, factors, rtol: float) -> Row:
    """Return a certificate's size, the seconds of each arithmetic, and what they verify."""
    row, verdicts = {"certificate kB": saved(found.certificate) / 1e3}, set()
    for tier in ("exact", "rounded"):
        seconds, proved = timed(verify, found.certificate, problem, factors, rtol=rtol, tier=tier)
        row[f"{tier} verify s"] = seconds
        verdicts.add(proved.verdict.name)
    return row | {"verified as": ", ".join(sorted(verdicts))}


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


@contextmanager
def picture(file: str, size: tuple[float, float], *, outside: bool = True):
    """Give axes to draw on; write them beside this file, with a legend."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=size)
    yield axes
    axes.grid(which="major", alpha=0.3)
    place = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5)} if outside else {}
    axes.legend(frameon=False, **place)
    figure.tight_layout()
    figure.savefig(HERE / file, dpi=120)
    plt.close(figure)


def draw_sizes(axes, rows, lines: dict[str, tuple[str, str]]) -> None:
    """Draw columns of seconds against n on logarithmic axes; a line is a label and a marker."""
    for column, (label, marker) in lines.items():
        held = [(row["n"], row[column]) for row in rows if row.get(column) is not None]
        axes.loglog(*zip(*held, strict=True), label=label, marker=marker)
    axes.set_xticks([row["n"] for row in rows], [str(row["n"]) for row in rows])
    axes.minorticks_off()
