"""The command `certify audit`."""

from pathlib import Path

import click
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from certify.base.bar import bar as progress
from certify.base.errors import InputError
from certify.pipeline.numbers import at_least, at_most

from . import audit as auditing
from ._options import PATH
from ._run import printable
from ._show import as_json, show_share, table


@click.command()
@click.argument("plan", type=PATH, required=False)
@click.option("-o", "folder", type=PATH, metavar="DIR", help="Folder for all results.")
@click.option("--verify", type=PATH, metavar="DIR", help="Only verify the results in DIR.")
@click.option("--inputs", type=PATH, metavar="DIR", help="With --verify: compare inputs.")
@click.option("--jobs", type=click.IntRange(min=1), default=2, help="Number of processes.")
@click.option("--scheduler", metavar="ADDRESS", help="Run, or verify, on a Dask cluster.")
@click.option("--json", "lines", is_flag=True, help="Print one line of JSON for each model.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")
def audit(  # noqa: PLR0913  a command's options
    plan: Path | None,
    *,
    folder: Path | None,
    verify: Path | None,
    inputs: Path | None,
    jobs: int,
    scheduler: str | None,
    lines: bool,
) -> int:
    """Check every model of PLAN (an audit.toml); the exit status is that of the worst verdict.

    An interrupted audit continues where it stopped when it is started again. Anybody who
    receives DIR can verify it with `certify audit --verify DIR`, without any search.

    Example: certify audit audit.toml -o audit && certify audit --verify audit
    """
    with progress(1.0, show_share) as update:

        def tell(at: auditing.Progress) -> None:
            """Show the number of finished models and the estimated time that is left."""
            left = f", {at.left:.0f} s left" if at.left else ""
            if update is not None:
                update(f"{at.done} of {at.total}{left}", at.done / at.total)

        if verify is not None:
            if plan is not None:
                raise InputError(f"--verify takes no plan, got {plan}: the lock in DIR is read")
            result = auditing.verify(verify, inputs=inputs, executor=scheduler, progress=tell)
        elif plan is None or folder is None:
            raise InputError("give a plan and -o DIR, or --verify DIR (see certify audit --help)")
        else:
            result = auditing.run(plan, folder, executor=scheduler, jobs=jobs, progress=tell)
    show(result, lines=lines)
    if verify is not None and not lines:
        click.echo(auditing.NOT_VERIFIED)
    return result.status


def show(result: auditing.Audit, *, lines: bool) -> None:
    """Print the rows."""
    if lines:
        for row in result.rows:
            as_json(row, {})
        return
    out = Table(box=SIMPLE_HEAD)
    for name in ("model", "above optimum", "verdict", "optimum >=", "model <=", "asked", "seconds"):
        out.add_column(name, justify="left" if name in ("model", "verdict") else "right")
    for row in result.rows:
        ends = (row.get("lower"), at_least), (row.get("upper"), at_most)
        cells = ["–" if x is None else rounded(x, 8) for x, rounded in ends]
        cells.append(auditing.epsilon_text(row) or "–")
        spent = row.get("seconds")
        cells.append("–" if spent is None else f"{spent:.1f}")
        out.add_row(
            Text(printable(row["name"])), auditing.above(row) or "–", row["verdict"], *cells
        )
    table(out)
    for row in result.rows:
        if row["verdict"] in ("FAILED", "TIMEOUT", "REJECTED"):
            click.echo(f"{printable(row['name'])}: {printable(row['reason'])}")
    counts = [f"{len(result.rows) - len(result.pages)} models"]
    if changed := len(result.pages):
        counts.append(f"{changed} changed page{'s' if changed > 1 else ''}")
    click.echo(f"{' and '.join(counts)} in {result.folder}, exit status {result.status}")
