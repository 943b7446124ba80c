"""python -m paper_checks: each statement, its evidence, and whether it holds.

`--fresh --examples 5000` draws new instances and prints the seed.  A statement fails too if one of
its claims is not seen, equal and strict, in each of its cases; `cases` and `rarest` are the number
of these and the fewest instances of one, and `--cases` prints all.  The exit status is 0 if all
statements hold, 1 if one does not, 2 for a wrong option.
"""

import difflib
import json
import secrets
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from . import load, names
from ._cases import ENOUGH, EQUAL, STRICT, Cell
from ._formal import built
from ._html import page
from ._run import Outcome, run

NOT_BUILT = "formal proofs not built"


@click.command("paper_checks", context_settings={"show_default": True})
@click.option("--examples", type=click.IntRange(min=1), default=200, help="Instances a statement.")
@click.option("--seed", type=click.IntRange(min=0), help="The same seed draws the same.")
@click.option("--fresh", is_flag=True, help="Draw a seed, if none is given, and tell it.")
@click.option("--only", multiple=True, metavar="NAME", help="This statement; may be repeated.")
@click.option("--cases", is_flag=True, help="Print how often each claim was seen in each case.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON a statement.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="OUT.html",
    help="Write a page with pictures as well.",
)
def command(  # noqa: PLR0913  one for each option
    examples: int,
    only: tuple[str, ...],
    *,
    fresh: bool,
    cases: bool,
    as_json: bool,
    html: Path | None,
    seed: int | None,
) -> int:
    """Test the statements of the paper; exit status 0 only if all hold."""
    wanted, found = chosen(only), []
    seed = started(seed, examples, fresh=fresh)
    if html and not html.parent.is_dir():
        raise click.UsageError(f"cannot write {html}: there is no folder {html.parent}")
    for outcome in outcomes(wanted, examples, seed):
        found.append(outcome)
        if as_json:
            click.echo(json.dumps(as_line(outcome), ensure_ascii=False))
    if not as_json:
        show(found, cases=cases)
    if html:
        write_page(html, found, f"{examples} examples a statement, seed {seed}.")
    return int(not all(o.holds for o in found))


def started(seed: int | None, examples: int, *, fresh: bool) -> int:
    """Return the seed; print one that is drawn, before the run."""
    if not fresh:
        return seed or 0
    seed = secrets.randbelow(2**32) if seed is None else seed
    again = f"python -m paper_checks --seed {seed} --examples {examples}"
    click.echo(f"seed {seed}: {again} draws the same", err=True)
    return seed


def chosen(only: Sequence[str]) -> list[str]:
    """Return the requested statements; UsageError names the one nearest to an unknown name."""
    known = names()
    for name in only:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, 0)
            raise click.UsageError(f"no statement {name!r}; the nearest is {near[0]!r}")
    return [n for n in known if not only or n in only]


def outcomes(wanted: list[str], examples: int, seed: int) -> Iterator[Outcome]:
    """Run each statement; a terminal shows its name."""
    shown = Console(stderr=True)
    for name in wanted:
        with shown.status(name):
            yield run(name, load(name), examples, seed)


def as_line(o: Outcome) -> dict[str, object]:
    """Return the content of a line of --json."""
    return {
        "statement": o.name,
        "title": o.statement.title,
        "evidence": list(o.evidence),
        "theorems": list(o.theorems),
        "examples": o.examples,
        "relations": o.tested,
        "cases": [{**cell._asdict(), "seen": count} for cell, count in o.counts.items()],
        "seconds": round(o.seconds, 3),
        "holds": o.holds,
        "failures": [str(f) for f in o.failures],
    }


def show(found: list[Outcome], *, cases: bool = False) -> None:
    """Print the table, the cases, the failures, and whether the formal proofs are built."""
    table = Table(box=None, pad_edge=False)
    table.add_column("statement", no_wrap=True)
    table.add_column("evidence")
    for title in ("examples", "cases", "rarest", "time"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("result", no_wrap=True)
    for o in found:
        result = Text("holds", "green") if o.holds else Text("FAILS", "bold red")
        seen = sum(map(bool, o.counts.values()))
        numbers = (o.examples, f"{seen}/{len(o.counts)}", min(o.counts.values(), default=0))
        row = (*map(str, numbers), f"{o.seconds:.1f} s")
        table.add_row(o.name, ", ".join(o.evidence), *row, result)
    console = Console()
    console.print(table)
    for o in found if cases else ():
        console.print(counted(o))
    if any(o.examples < ENOUGH for o in found):
        console.print(f"Fewer than {ENOUGH} examples: no claim had to be seen in all cases.")
    for o in found:
        for failure in o.failures:
            console.print(Text(f"{o.name}: {failure}"), soft_wrap=True)
    if not built():
        console.print(NOT_BUILT)


def counted(o: Outcome) -> Table:
    """Return in how many drawn instances each claim was seen in each case, equal and strict."""
    table = Table(title=o.name, title_justify="left", box=None, pad_edge=False)
    for title in ("claim", "case"):
        table.add_column(title)
    for title in (EQUAL, STRICT):
        table.add_column(title, justify="right")
    for claim, case in dict.fromkeys((cell.claim, cell.case) for cell in o.counts):
        sides = (o.counts.get(Cell(claim, case, side)) for side in (EQUAL, STRICT))
        table.add_row(claim, case, *("" if n is None else str(n) for n in sides))
    return table


def write_page(path: Path, found: list[Outcome], note: str) -> None:
    """Write the page; UsageError if it cannot be written there."""
    proofs = "Formal proofs built" if built() else NOT_BUILT.capitalize()
    try:
        path.write_text(page(found, f"{note} {proofs}."), encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"cannot write {path}: {error.strerror}") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status."""
    try:
        status: int = command.main(
            arguments, prog_name="python -m paper_checks", standalone_mode=False
        )
    except click.ClickException as wrong:
        wrong.show()
        return wrong.exit_code
    return status


if __name__ == "__main__":
    sys.exit(main())
