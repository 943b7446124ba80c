"""Commands for the start: a problem.toml from the user's files, completion, versions."""

from pathlib import Path

import click
from click.shell_completion import get_completion_class

from certify.adapters.files._drafts import draft, source_at
from certify.kernel.statement import FORMAT
from certify.pipeline.certificate.file import write_atomically

from ._options import PATH
from ._output import guard, save_array
from .audit._plan import LIBRARIES, installed_versions

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("data", type=PATH)
@click.argument("factors", type=PATH, nargs=-1)
@click.option("-o", "output", type=PATH, default="problem.toml", metavar="PROBLEM.TOML")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def init(data: Path, factors: tuple[Path, ...], output: Path, *, force: bool) -> int:
    """Write a commented problem.toml for the files DATA and FACTORS.

    DATA is the matrix or tensor that was fitted; FACTORS one file for each factor, or one
    file that holds all of them by name. fit.npz:W is one array of a file. If entries of DATA
    are NaN, mask.npy is written, which says that they are missing. lam is computed from the
    factors if they are stationary for some lam. What the files do not say is
    marked TODO, and so are numbers that may be no data: -999, or a first row of years.

    Example: certify init Y.csv W.npy H.npy && certify check problem.toml
    """
    inputs = [Path(source_at(path).file) for path in (data, *factors)]
    guard([output], inputs)
    text, notes, arrays = draft(data, factors, output.parent)
    beside = [output.parent / name for name in arrays]
    guard([output, *beside], inputs)
    for path in [] if force else [output, *beside]:
        if path.exists():
            raise click.UsageError(f"{path} exists already: --force overwrites it")
    for path, array in zip(beside, arrays.values(), strict=True):
        save_array(array, path)
    write_atomically(output, text.encode())
    click.echo(f"{output} written")
    for note in notes:
        click.echo(f"  {note}")
    return 0


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> int:
    """Print the completion script for SHELL.

    Example: certify completion bash >> ~/.bashrc
    """
    from . import certify  # noqa: PLC0415  this module is imported by it

    made = get_completion_class(shell)
    if made is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(made(certify, {}, "certify", "_CERTIFY_COMPLETE").source())
    return 0


def versions() -> str:
    """Return the versions of certify, of the format and of the installed libraries."""
    found = installed_versions()
    known = {k: found.get(k, "not installed") for k in ("certify", *LIBRARIES)}
    first, *others = (f"{name} {version}" for name, version in known.items())
    return "\n".join([f"{first} (format {FORMAT})", *others])
