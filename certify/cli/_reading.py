"""Commands that read a certificate; they verify it again without a search."""

import shlex
from pathlib import Path
from time import monotonic
from typing import Any

import click

from certify.base.bar import bar as progress
from certify.base.errors import InputError
from certify.kernel.fields import Json
from certify.kernel.statement import known_format
from certify.pipeline import report
from certify.pipeline.certificate.file import Certificate
from certify.pipeline.certificate.question import question
from certify.pipeline.certificate.verify import TIERS, verify
from certify.pipeline.report import Facts, facts, in_words
from certify.pipeline.report.words import question_text
from certify.pipeline.row_blocks.question import FORMAT as BLOCKS

from ._options import PATH, Options, common
from ._output import guard
from ._show import OutputFile, as_json, of_proof, print_rejection

ALONE = "not with your own data and factors: certify verify {} --problem problem.toml does that"


@click.command("report")
@click.argument("certificate", type=PATH)
@click.option(
    "-o", "output", type=PATH, metavar="X.HTML", help="By default next to the certificate."
)
@click.option("--tier", type=click.Choice(TIERS), help="By default the one that the claim names.")
@click.option(
    "--own-size",
    "own",
    type=PATH,
    metavar="OWN.CERT",
    help="The second certificate of the same factors.",
)
@common
def report_of(
    options: Options, certificate: Path, output: Path | None, tier: str | None, own: Path | None
) -> int:
    """Verify CERTIFICATE again and write a report, one HTML page.

    The page needs no network and no scripts.  There is no search: --budget, --seed, --rtol
    and --atol have no effect here.

    Example: certify report x.cert -o x.html
    """
    target = certificate.with_suffix(".html") if output is None else output
    guard([target], [certificate] if own is None else [certificate, own])
    report.demand_page(target)
    start = monotonic()
    proof = verify_file(options, certificate, tier)
    at_size = None if own is None else verify_file(options, own, tier)
    size = report.save(proof, target, certificate.name, at_size)
    options.show(of_proof(proof.proved, monotonic() - start), report=OutputFile(target, size))
    return proof.verdict.exit_code


@click.command()
@click.argument("certificate", type=PATH)
@click.option("--tier", type=click.Choice(TIERS), help="By default the one that the claim names.")
@common
def explain(options: Options, certificate: Path, tier: str | None) -> int:
    """Verify CERTIFICATE again and explain its question, its proof and what is left open.

    Example: certify explain x.cert
    """
    start = monotonic()
    proof = verify_file(options, certificate, tier)
    sections = in_words(proof)
    if options.json:
        as_json({**of_proof(proof.proved, monotonic() - start), **sections}, {})
    else:
        for name, text in sections.items():
            click.echo(f"{name.capitalize()}: {text}")
    return proof.verdict.exit_code


def verify_alone(options: Options, path: Path, how: dict[str, Any]) -> int:
    """Prove what a certificate claims about its own arrays, and print the question.

    how   tier, limit, checker, own_size, rtol and atol of verify()
    """
    start = monotonic()
    with progress(), print_rejection(options.json):
        certificate = Certificate.load(path, known=of_one_problem)
        proof = verify(certificate, **how)
    read = Facts(certificate, question(certificate), proof, certificate)
    fields = {"question": question_text(read), "compared": ALONE.format(shlex.quote(str(path)))}
    options.show({**of_proof(proof, monotonic() - start), **fields})
    return proof.verdict.exit_code


def of_one_problem(stated: Json) -> None:
    """Raise InputError for a certificate of blocks of rows; reject other formats as usual."""
    if stated.get("format") == BLOCKS:
        cure = "add --problem, which names the blocks, and --tier rounded"
        raise InputError(f"this certificate is about a table in blocks of rows: {cure}")
    known_format(stated)


def verify_file(options: Options, certificate: Path, tier: str | None) -> Facts:
    """Return the facts that a file proves; with --json a rejection is printed as a line."""
    with print_rejection(options.json):
        return facts(Certificate.load(certificate), tier)
