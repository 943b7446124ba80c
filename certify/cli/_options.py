"""The options that every command has."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click

from certify.adapters import files
from certify.base.clock import Progress
from certify.base.cluster import connect, on_cluster
from certify.pipeline.budget import AUTO

from ._show import Lines, OutputFile, as_json, for_people

PATH = click.Path(path_type=Path)
Command = Callable[..., int]


@dataclass(frozen=True)
class Options:
    """The options that every command has."""

    json: bool
    budget: float | None
    seed: int
    rtol: float | None
    atol: float | None

    def epsilon(self, loaded: files.Loaded | files.LoadedBlocks) -> dict[str, Any]:
        """Return rtol and atol: those of the options, else the problem's own."""
        rtol = loaded.rtol if self.rtol is None else self.rtol
        return {"rtol": rtol, "atol": loaded.atol if self.atol is None else self.atol}

    def show(self, fields: Lines, **written: OutputFile | None) -> None:
        """Print the result."""
        (as_json if self.json else for_people)(fields, written)

    def search(self, loaded: files.Loaded, tell: Progress | None) -> dict[str, Any]:
        """Return the keywords of a search."""
        budget = AUTO if self.budget is None else self.budget
        return {**self.epsilon(loaded), "budget": budget, "seed": self.seed, "progress": tell}


ROUTE = (
    click.option(
        "--method", default="engine", metavar="METHOD", help="engine, or cvxpy for small problems."
    ),
    click.option("--solver", metavar="NAME", help="With --method cvxpy."),
)
COMMON = (
    click.option("--json", is_flag=True, help="Print one line of JSON."),
    click.option(
        "--budget",
        type=float,
        metavar="SECONDS",
        help="Time limit of the search; a minute by default.",
    ),
    click.option("--seed", type=click.IntRange(min=0), default=0, help="Seed of random starts."),
    click.option("--rtol", type=float, help="Relative tolerance, overrides problem.toml."),
    click.option("--atol", type=float, help="Absolute tolerance, overrides problem.toml."),
    click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks."),
)


def with_scheduler(command: Command) -> Command:
    """Add the option --scheduler, and run the command on that Dask cluster."""

    @functools.wraps(command)
    def wrapped(*arguments: Any, scheduler: str | None, **given: Any) -> int:  # noqa: ANN401
        """Connect to the cluster."""
        if scheduler is None:
            return command(*arguments, **given)
        with connect(scheduler) as client, on_cluster(client):
            return command(*arguments, **given)

    help_ = "Share the work of proofs with a Dask cluster."
    return click.option("--scheduler", metavar="ADDRESS", help=help_)(wrapped)


def common(command: Command) -> Command:
    """Add the options that every command has, and pass them to the command as `Options`."""

    @functools.wraps(command)
    def wrapped(**given: Any) -> int:  # noqa: ANN401  as click parsed them
        """Collect the options."""
        return command(Options(**{f.name: given.pop(f.name) for f in fields(Options)}), **given)

    for option in reversed(COMMON):
        wrapped = option(wrapped)
    return wrapped


def with_route(command: Command) -> Command:
    """Add --method and --solver, and pass them to the command as `route`."""

    @functools.wraps(command)
    def wrapped(*arguments: Any, method: str, solver: str | None, **given: Any) -> int:  # noqa: ANN401
        """Collect the options."""
        return command(*arguments, route={"method": method, "solver": solver}, **given)

    for option in reversed(ROUTE):
        wrapped = option(wrapped)
    return wrapped
