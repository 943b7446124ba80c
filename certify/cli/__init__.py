"""The command `certify`: check, verify, improve, restarts, demo.  Exit statuses: _run."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import click

from certify import demo as demonstration
from certify import files, recheck, report
from certify.certificate import Certificate, named
from certify.improving import improve as improved_from
from certify.kernel.verify import RejectedError
from certify.pipeline import check as decide
from certify.recheck import TIERS
from certify.report import facts
from certify.restarts import plottable, restart_report
from certify.search import Progress

from ._output import better_arrays, guard, saved, stored
from ._run import DEFECT, ended, run
from ._show import (
    Lines,
    Written,
    as_json,
    for_people,
    of_proof,
    of_rejection,
    of_result,
    of_training,
    progress,
    shared,
    table,
    the_fits,
)

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

    def epsilon(self, held: files.Loaded) -> dict[str, Any]:
        """Return rtol and atol: the option, else the problem's own."""
        rtol = held.rtol if self.rtol is None else self.rtol
        return {"rtol": rtol, "atol": held.atol if self.atol is None else self.atol}

    def show(self, found: Lines, **written: Written | None) -> None:
        """Print the result."""
        (as_json if self.json else for_people)(found, written)

    def search(self, tell: Progress | None) -> dict[str, Any]:
        """Return the keywords of a search."""
        return {"budget": self.budget, "seed": self.seed, "progress": tell}


COMMON = (
    click.option("--json", "as_json", is_flag=True, help="Print one line of JSON a result."),
    click.option("--budget", type=float, metavar="SECONDS", help="Search at most so long."),
    click.option("--seed", type=click.IntRange(min=0), default=0, help="Seed of random starts."),
    click.option("--rtol", type=float, help="Relative epsilon, instead of the problem's."),
    click.option("--atol", type=float, help="Absolute epsilon, instead of the problem's."),
    click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks."),
)


def common(command: Command) -> Command:
    """Add the options that every command has, and hand them over as one."""

    @functools.wraps(command)
    def wrapped(**given: Any) -> int:  # noqa: ANN401  as click parsed them
        """Gather the options."""
        names = {"as_json": "json", **{k: k for k in ("budget", "seed", "rtol", "atol")}}
        held = {name: given.pop(k) for k, name in names.items()}
        return command(Options(**held), **given)

    for option in reversed(COMMON):
        wrapped = option(wrapped)
    return wrapped


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=False)
@click.version_option(package_name="certify", prog_name="certify", message="%(prog)s %(version)s")
def certify() -> None:
    """Prove that a factorization is a global optimum, or find a better one."""


@certify.command()
@click.argument("problem", type=PATH)
@click.option("-o", "output", type=PATH, metavar="X.CERT", help="Write the certificate.")
@click.option("--better", type=PATH, metavar="X.NPZ", help="Write better factors, if any.")
@click.option("--resume", type=PATH, metavar="FILE", help="Write progress here, and go on.")
@common
def check(
    options: Options,
    problem: Path,
    output: Path | None,
    better: Path | None,
    resume: Path | None,
) -> int:
    """Decide whether the factors of PROBLEM (a .toml file) are a global optimum.

    With --resume a long proof writes a checkpoint now and then and goes on from it; Ctrl-C
    ends the search with the bracket proved so far.
    """
    held = files.load(problem)
    guard([output, better, resume], held.inputs)
    start = monotonic()
    with progress(options.budget) as tell:
        found = decide(
            held.problem,
            held.factors,
            q=held.q,
            checkpoint=resume,
            **options.epsilon(held),
            **options.search(tell),
        )
    written: dict[str, Written | None] = {}
    if output is not None:
        written["certificate"] = saved(found.certificate, output)
    if better is not None:
        written["better factors"] = stored(better_arrays(found.certificate), better)
    told = of_training(held.multiple, of_result(found, monotonic() - start))
    options.show(told, **written)
    return found.verdict.exit_code


@certify.command()
@click.argument("certificate", type=PATH)
@click.option("--problem", type=PATH, required=True, help="The question: your own problem.toml.")
@click.option("--tier", type=click.Choice(TIERS), default="exact", help="The arithmetic.")
@common
def verify(options: Options, certificate: Path, problem: Path, tier: str) -> int:
    """Prove what CERTIFICATE claims about your own PROBLEM.

    Nothing is searched and nothing is drawn: --budget and --seed change nothing here.
    """
    held = files.load(problem)
    start = monotonic()
    try:
        with progress():
            found = recheck.verify(
                certificate,
                held.problem,
                held.factors,
                q=held.q,
                tier=tier,
                **options.epsilon(held),
            )
    except RejectedError as error:
        if options.json:
            as_json(of_rejection(error), {})
        raise
    options.show(of_training(held.multiple, of_proof(found, monotonic() - start)))
    return found.verdict.exit_code


@certify.command("report")
@click.argument("certificate", type=PATH)
@click.option("-o", "output", type=PATH, metavar="X.HTML", help="Where to; beside it if not given.")
@click.option("--tier", type=click.Choice(TIERS), help="The arithmetic; by default the claim's.")
@common
def report_of(options: Options, certificate: Path, output: Path | None, tier: str | None) -> int:
    """Verify CERTIFICATE again and write it as one HTML page for people.

    The page needs no network and no script.  Nothing is searched: --budget, --seed, --rtol
    and --atol change nothing here.
    """
    target = certificate.with_suffix(".html") if output is None else output
    guard([target], [certificate])
    start = monotonic()
    try:
        held = facts(Certificate.load(certificate), tier)
    except RejectedError as error:
        if options.json:
            as_json(of_rejection(error), {})
        raise
    size = report.save(held, target, certificate.name)
    options.show(of_proof(held.proved, monotonic() - start), report=Written(target, size))
    return held.verdict.exit_code


@certify.command()
@click.argument("problem", type=PATH)
@click.option("-o", "output", type=PATH, required=True, metavar="X.NPZ", help="Better factors.")
@click.option("--certificate", type=PATH, metavar="X.CERT", help="Write their certificate.")
@common
def improve(options: Options, problem: Path, output: Path, certificate: Path | None) -> int:
    """Lower the objective from the factors of PROBLEM, and certify where it ends."""
    held = files.load(problem)
    guard([output, certificate], held.inputs)
    start = monotonic()
    with progress(options.budget) as tell:
        found = improved_from(
            held.problem, held.factors, q=held.q, **options.epsilon(held), **options.search(tell)
        )
    arrays = dict(named(found.factors))
    arrays |= {f"q{k}": x for k, x in enumerate(found.q)}
    written: dict[str, Written | None] = {"factors": stored(arrays, output)}
    if certificate is not None:
        written["certificate"] = saved(found.result.certificate, certificate)
    told = {"objective": found.objective, "slices": found.factors[0].shape[-1]}
    shown = of_training(held.multiple, of_result(found.result, monotonic() - start))
    options.show({**shown, **told}, **written)
    return found.result.verdict.exit_code


@certify.command()
@click.argument("problem", type=PATH)
@click.argument("fits", type=PATH, nargs=-1)
@click.option("-o", "output", type=PATH, metavar="PLOT.PNG", help="Draw the fits.")
@click.option("--certificate", type=PATH, metavar="X.CERT", help="Write the bound's certificate.")
@common
def restarts(
    options: Options,
    problem: Path,
    fits: tuple[Path, ...],
    output: Path | None,
    certificate: Path | None,
) -> int:
    """Compare the factors of PROBLEM with other FITS of it, against one lower bound.

    Fit 0 is [factors] of PROBLEM, then its [[restarts]], then FITS: .npz or .safetensors
    files of U, V, X2, ...
    """
    held = files.load(problem)
    guard([output, certificate], (*held.inputs, *fits))
    if output is not None:
        plottable(output)
    every = [held.factors, *held.restarts, *(files.load_factors(f, held) for f in fits)]
    q = None if held.q is None else [held.q, *[None] * (len(every) - 1)]
    start = monotonic()
    with progress(options.budget) as tell:
        found = restart_report(
            held.problem, every, q=q, **options.epsilon(held), **options.search(tell)
        )
    written: dict[str, Written | None] = {}
    if output is not None:
        written["plot"] = Written(output, found.plot(output))
    if certificate is not None:
        written["certificate"] = saved(found.certificate, certificate)
    told = {**found.told(), "seconds": round(monotonic() - start, 3)}
    if options.json:
        as_json(told, written)
    else:
        the_fits(found, written)
    return found.verdict.exit_code


@certify.command()
@click.argument("folder", type=PATH, default="certify-demo")
@common
def demo(options: Options, folder: Path) -> int:
    """Check real models on real data; every file is left in FOLDER (./certify-demo).

    The problems bring their own epsilon and budget: --rtol, --atol and --budget change
    nothing here.
    """
    with progress(1.0, shared) as tell:
        rows = demonstration.run(folder, seed=options.seed, progress=tell)
    if options.json:
        for row in rows:
            as_json(row.told(), {})
    else:
        table(demonstration.table(rows))
        click.echo(f"{len(rows)} certificates are in {folder}")
    wrong = [row.model for row in rows if not row.as_expected]
    return ended(f"unexpected verdict: {', '.join(wrong)}", DEFECT) if wrong else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run(certify, arguments)
