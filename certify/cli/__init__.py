"""The command `certify`: check, verify, improve, restarts, demo.  Exit statuses: _run."""

import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import click

from certify.adapters import files
from certify.base.bar import bar as progress
from certify.pipeline.certificate import verify as recheck
from certify.pipeline.certificate.file import name_factors
from certify.pipeline.certificate.tiers import advance_notice
from certify.pipeline.certificate.verify import CHECKED, TIERS
from certify.pipeline.check import check as decide
from certify.pipeline.improve import improve as improved_from
from certify.pipeline.restarts import plottable
from certify.pipeline.restarts import restarts as compared

from . import _blocks as blocks_of_rows
from . import _show
from . import demo as demonstration
from ._auditing import audit as audit_command
from ._options import PATH, Options, common, with_route, with_scheduler
from ._output import better_arrays, guard, save_arrays, save_certificate
from ._reading import explain, report_of, verify_alone
from ._run import DEFECT, end_with, run
from ._show import OutputFile, of_training, print_rejection
from ._starting import completion, init, versions
from ._verifiers import checker as checker_command
from ._verifiers import verifier


def show_versions(context: click.Context, _option: click.Parameter, value: bool) -> None:  # noqa: FBT001
    """Print the versions and end."""
    if value:
        click.echo(versions())
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=False)
@click.option(
    "--version",
    is_flag=True,
    help="Show versions and exit.",
    is_eager=True,
    expose_value=False,
    callback=show_versions,
)
def certify() -> None:
    """Prove that a factorization is a global optimum, or find a better one."""


@certify.command()
@click.argument("problem", type=PATH)
@click.option("-o", "output", type=PATH, metavar="X.CERT", help="Write the certificate.")
@click.option("--own-size", type=PATH, metavar="X.CERT", help="Also certify it at its own size.")
@click.option("--better", type=PATH, metavar="X.NPZ", help="Write better factors, if found.")
@click.option("--resume", type=PATH, metavar="FILE", help="Save progress here; resume.")
@with_route
@with_scheduler
@common
def check(  # noqa: PLR0913, PLR0917  one for each option
    options: Options,
    problem: Path,
    output: Path | None,
    own_size: Path | None,
    better: Path | None,
    resume: Path | None,
    route: dict[str, Any],
) -> int:
    """Decide whether the factors of PROBLEM (a .toml file) are a global optimum.

    PROBLEM may also describe a table in blocks of rows.

    --own-size writes a second certificate, about models of at most as many components;
    `certify verify --own-size` verifies it.  --resume saves the progress of a long proof and
    continues from it later.  Ctrl-C stops the search and reports the bracket proved so far.

    Example: certify check problem.toml -o x.cert --better better.npz
    """
    if (blocks := files.load_blocks(problem)) is not None:
        given = {"own_size": own_size, "better": better, "resume": resume}
        blocks_of_rows.refuse(**given, **blocks_of_rows.other_route(route))
        return blocks_of_rows.check(options, blocks, output)
    loaded = files.load(problem)
    guard([output, own_size, better, resume], loaded.inputs)
    start = monotonic()
    with progress(options.budget) as tell:
        how = options.search(loaded, tell) | route
        result = decide(loaded.problem, loaded.factors, q=loaded.q, checkpoint=resume, **how)
    written = save_certificate(result.certificate, output)
    written |= save_certificate(result.own_certificate, own_size, "own-size certificate")
    if better is not None:
        written["better factors"] = save_arrays(better_arrays(result.certificate), better)
    fields = of_training(loaded.units, _show.of_result(result, monotonic() - start))
    options.show(fields, **written)
    return result.verdict.exit_code


@certify.command()
@click.argument("certificate", type=PATH)
@click.option("--problem", type=PATH, help="The question: your own problem.toml.")
@click.option("--own-size", is_flag=True, help="It was written by check --own-size.")
@click.option(
    "--tier",
    type=click.Choice((*TIERS, CHECKED)),
    default="exact",
    help="The arithmetic, or the checker that is proved in Coq.",
)
@click.option(
    "--checker",
    "program",
    type=PATH,
    help="The proved checker; by default what `certify checker build` built.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    metavar="N",
    help="Limit on the work of the verification; the default follows from the size of the file.",
)
@with_scheduler
@common
def verify(  # noqa: PLR0913, PLR0917  as click parsed them
    options: Options,
    certificate: Path,
    problem: Path | None,
    own_size: bool,  # noqa: FBT001
    tier: str,
    program: Path | None,
    limit: int | None,
) -> int:
    """Prove what CERTIFICATE claims about your own PROBLEM.

    Without --problem its claim is proved about the arrays that it holds, and the question is
    printed: only you can tell whether it is yours.

    There is no search and nothing random: --budget and --seed have no effect here.  --tier checked
    asks the proved checker (`certify checker`); what it does not cover ends with exit status 3.

    Example: certify verify x.cert --problem problem.toml
    """
    how: dict[str, Any] = {"tier": tier, "limit": limit, "checker": program}
    if problem is None:
        how |= {"own_size": own_size or None, "rtol": options.rtol, "atol": options.atol}
        return verify_alone(options, certificate, how)
    if (blocks := files.load_blocks(problem)) is not None:
        blocks_of_rows.refuse(own_size=own_size, checker=program, limit=limit)
        return blocks_of_rows.verify(options, blocks, certificate, tier)
    loaded = files.load(problem)
    start = monotonic()
    if tier == "exact" and sys.stderr.isatty():
        click.echo(advance_notice(loaded.problem, loaded.factors[0].shape[-1]), nl=False, err=True)
    how |= options.epsilon(loaded) | {"own_size": own_size}
    with progress(), print_rejection(options.json):
        parts = certificate, loaded.problem, loaded.factors
        proof = recheck.verify(*parts, q=loaded.q, **how)
    options.show(of_training(loaded.units, _show.of_proof(proof, monotonic() - start)))
    return proof.verdict.exit_code


@certify.command()
@click.argument("problem", type=PATH)
@click.option("-o", "output", type=PATH, required=True, metavar="X.NPZ", help="Better factors.")
@click.option("--certificate", type=PATH, metavar="X.CERT", help="Write their certificate.")
@click.option(
    "--resume", type=PATH, metavar="FOLDER", help="For blocks of rows: save progress here; resume."
)
@with_route
@with_scheduler
@common
def improve(  # noqa: PLR0913, PLR0917  one for each option
    options: Options,
    problem: Path,
    output: Path,
    certificate: Path | None,
    resume: Path | None,
    route: dict[str, Any],
) -> int:
    """Lower the objective, starting from the factors of PROBLEM, and certify the result.

    Example: certify improve problem.toml -o better.npz --certificate better.cert
    """
    if (blocks := files.load_blocks(problem)) is not None:
        blocks_of_rows.refuse(**blocks_of_rows.other_route(route))
        return blocks_of_rows.improve(options, blocks, output, certificate, resume)
    if resume is not None:
        raise click.UsageError("--resume of improve is for blocks of rows")
    loaded = files.load(problem)
    guard([output, certificate], loaded.inputs)
    start = monotonic()
    with progress(options.budget) as tell:
        how = options.search(loaded, tell) | route
        outcome = improved_from(loaded.problem, loaded.factors, q=loaded.q, **how)
    arrays = dict(name_factors(outcome.factors))
    arrays |= {f"q{k}": x for k, x in enumerate(outcome.q)}
    written = {"factors": save_arrays(arrays, output)}
    written |= save_certificate(outcome.result.certificate, certificate)
    extra = {"objective": outcome.objective, "components": outcome.factors[0].shape[-1]}
    shown = of_training(loaded.units, _show.of_result(outcome.result, monotonic() - start))
    options.show({**shown, **extra}, **written)
    return outcome.result.verdict.exit_code


@certify.command()
@click.argument("problem", type=PATH)
@click.argument("fits", type=PATH, nargs=-1)
@click.option(
    "-o",
    "output",
    type=PATH,
    metavar="PLOT",
    help="Draw the fits: .png, .svg, .pdf; .html with the tables.",
)
@click.option("--certificate", type=PATH, metavar="X.CERT", help="Write the bound's certificate.")
@click.option("--sizes", is_flag=True, help="Also bracket each number of components.")
@common
def restarts(  # noqa: PLR0913  one for each option
    options: Options,
    problem: Path,
    fits: tuple[Path, ...],
    output: Path | None,
    certificate: Path | None,
    *,
    sizes: bool,
) -> int:
    """Compare the factors of PROBLEM with other FITS of it, against one lower bound.

    Fit 0 is [factors] of PROBLEM, then its [[restarts]], then FITS: .npz or .safetensors
    files of U, V, X2, ...

    Example: certify restarts problem.toml fit1.npz fit2.npz -o fits.html
    """
    loaded = files.load(problem)
    guard([output, certificate], (*loaded.inputs, *fits))
    if output is not None:
        plottable(output)
    every = [loaded.factors, *loaded.restarts, *(files.load_factors(f, loaded) for f in fits)]
    q = None if loaded.q is None else [loaded.q, *[None] * (len(every) - 1)]
    start = monotonic()
    with progress(options.budget) as tell:
        report = compared(loaded.problem, every, q=q, sizes=sizes, **options.search(loaded, tell))
    written: dict[str, OutputFile | None] = {}
    if output is not None:
        written["plot"] = OutputFile(output, report.plot(output))
    written |= save_certificate(report.certificate, certificate)
    summary = {**report.as_dict(), "seconds": round(monotonic() - start, 3)}
    if options.json:
        _show.as_json(summary, written)
    else:
        _show.the_fits(report, written)
    return report.verdict.exit_code


@certify.command("demo")
@click.argument("folder", type=PATH, default="certify-demo")
@common
def demonstrate(options: Options, folder: Path) -> int:
    """Check real models on real data; all files are written to FOLDER (./certify-demo).

    Each model has its own tolerance and budget: --rtol, --atol and --budget have no effect.

    Example: certify demo
    """
    with progress(1.0, _show.show_share) as tell:
        rows = demonstration.run(folder, seed=options.seed, progress=tell)
    if options.json:
        for row in rows:
            _show.as_json(row.as_dict(), {})
    else:
        _show.table(demonstration.table(rows))
        click.echo(demonstration.tolerance_note(rows))
        click.echo(f"{len(rows)} certificates are in {folder}")
    wrong = [row.model for row in rows if not row.as_expected]
    return end_with(f"unexpected verdict: {', '.join(wrong)}", DEFECT) if wrong else 0


for command in (audit_command, checker_command, completion, explain, init, report_of, verifier):
    certify.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run(certify, arguments)
