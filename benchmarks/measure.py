"""What every benchmark shares: rows about fits and polars, rounds of timings, claims and tables.

A benchmark is a generator function of Options.  It yields its title, then rows (dicts whose first
column names them), alone or with what is wanted of their columns, and claims about several rows.
"""

import resource
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import numpy as np

from certify import check, verify

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
        """Return how many rounds to run."""
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
    """Claim that got is a text, at least a number that is AtLeast, or at most another number."""
    if isinstance(wanted, str):
        return Claim(what, wanted, str(got), got == wanted)
    least = isinstance(wanted, AtLeast)
    holds = got >= wanted if least else got <= wanted
    text = f"at {'least' if least else 'most'} {float(wanted):g}"
    return Claim(what, text, f"{got:.3g}", bool(holds))


def saved(certificate) -> int:
    """Return a certificate's size in bytes."""
    with TemporaryDirectory() as folder:
        return certificate.save(Path(folder) / "x.cert")


def claims(row: Row, wanted: dict[str, str | float]) -> list[Claim]:
    """Return a claim for each column that is wanted and there."""
    name = next(iter(row.values()))
    there = {k: w for k, w in wanted.items() if row.get(k) is not None}
    return [claim(f"{name}: {k}", row[k], w) for k, w in there.items()]


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


def judged(  # noqa: PLR0913  keywords
    problem, factors, *, by=check, rounds=1, tiers=("exact",), clock=process_time, **asked
):
    """Check or improve factors, and verify what is claimed of the result, in rounds.

    Returns the row, the result, and the factors that it is about.  The verdict is that of the
    search and of every verification: "A/B" if they differ.  Seconds are the processor's.
    """

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
    ran = Rounds(rounds, clock, search=search, **steps)
    result, reached, _ = ran.values["search"]
    ends = {x.verdict.name for x in (result, *(ran.values[k] for k in steps))}
    row = {
        "components": reached[0].shape[-1],
        "verdict": "/".join(sorted(ends)),
        "lower": result.lower,
        "upper": result.upper,
        "gap": result.relative_gap,
        "better": result.better_upper,
        "arithmetic": result.tier,
        f"{by.__name__} s": ran.seconds.pop("search"),
        **{f"{k} s": s for k, s in ran.seconds.items()},
        "certificate kB": saved(result.certificate) / 1e3,
    }
    return row, result, reached


def bounded(propose, verified, clock=perf_counter) -> Row:
    """Time the search for a polar's value and a proposal of its bound, and its verification."""
    searched, (lower, found) = timed(propose, clock=clock)
    packed = 8 * len(found.proof.get("tree", ()))  # a part is a bit of it
    seconds, upper = timed(verified, found.proof, clock=clock)
    return {
        "attained": lower,
        "proved": float(upper),
        "gap": float(upper) / lower - 1,
        "parts": packed or len(found.proof.get("nodes", [0])),
        "search s": searched,
        "verify s": seconds,
        "MB": megabytes(found.proof),
    }


def megabytes(proof) -> float:
    """Return the size of a proof's arrays."""
    return sum(x.nbytes for x in proof.values() if isinstance(x, np.ndarray)) / 1e6


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


def draw_sizes(axes, rows, lines: dict[str, tuple[str, str]], by: str = "n") -> None:
    """Draw columns against sizes on logarithmic axes; a line is a label and a marker."""
    for column, (label, marker) in lines.items():
        points = [(row[by], row[column]) for row in rows if row.get(column) is not None]
        axes.loglog(*zip(*points, strict=True), label=label, marker=marker)
    axes.set_xticks([row[by] for row in rows], [f"{row[by]:,}" for row in rows])
    axes.minorticks_off()
