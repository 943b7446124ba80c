"""check, verify and improve of a problem.toml of blocks of rows."""

import os
from pathlib import Path
from time import monotonic
from typing import Any

from certify.adapters.files import LoadedBlocks
from certify.base.bar import bar as progress
from certify.base.errors import InputError
from certify.pipeline import row_blocks
from certify.pipeline.certificate.verify import Proved
from certify.pipeline.row_blocks import Checked
from certify.pipeline.row_blocks.prove import over_what

from ._options import Options
from ._output import guard, save_certificate
from ._show import OutputFile, of_proof, print_rejection

ENGINE = "engine"


def refuse(**options: Any) -> None:  # noqa: ANN401  as click parsed them
    """Raise InputError for the first option that is given; these are not for blocks of rows."""
    for name, value in options.items():
        if value not in (None, False):
            raise InputError(f"--{name.replace('_', '-')} is not for blocks of rows")


def other_route(route: dict[str, Any]) -> dict[str, Any]:
    """Return the method, None for the engine, and the solver."""
    method = None if route["method"] == ENGINE else route["method"]
    return {"method": method, "solver": route["solver"]}


def as_proved(result: Checked, loaded: LoadedBlocks) -> Proved:
    """Return the result in the form of verify()."""
    c = result.certificate
    rules = (c.proof["rule"], "weak_duality")
    bracket, over = (result.lower, result.upper), over_what(loaded.table)
    return Proved(result.verdict, *bracket, c.claim["tier"], rules, over)


def check(options: Options, loaded: LoadedBlocks, output: Path | None) -> int:
    """Prove how good the factors of the fit are."""
    guard([output], loaded.inputs)
    start, epsilon = monotonic(), options.epsilon(loaded)
    result = row_blocks.check(loaded.table, loaded.factors(), **epsilon, seed=options.seed)
    written = save_certificate(result.certificate, output)
    options.show(of_proof(as_proved(result, loaded), monotonic() - start), **written)
    return result.verdict.exit_code


def verify(options: Options, loaded: LoadedBlocks, certificate: Path, tier: str) -> int:
    """Verify a certificate for the blocks and the fit, or for the factors in the certificate."""
    if tier != "rounded":
        raise InputError("blocks of rows are proved in rounded floats only: add --tier rounded")
    start, epsilon = monotonic(), options.epsilon(loaded)
    factors = None if loaded.fit is None else loaded.factors()
    with print_rejection(options.json):
        proof = row_blocks.verify(certificate, loaded.table, factors, **epsilon)
    options.show(of_proof(proof, monotonic() - start))
    return proof.verdict.exit_code


def improve(
    options: Options,
    loaded: LoadedBlocks,
    output: Path,
    certificate: Path | None,
    resume: Path | None,
) -> int:
    """Write better factors to a folder, and their certificate, starting from the fit if any."""
    guard([certificate], loaded.inputs)
    if loaded.fit is not None and os.path.realpath(output) == os.path.realpath(loaded.fit):
        raise InputError(f"cannot write {output}: it is an input of this command")
    start, epsilon = monotonic(), options.epsilon(loaded)
    with progress(options.budget) as tell:
        found = row_blocks.improve(
            loaded.table,
            None if loaded.fit is None else loaded.factors(),
            budget=options.budget,
            progress=tell,
            seed=options.seed,
            folder=output,
            checkpoint=resume,
            **epsilon,
        )
    files = [*loaded.names(output), output / "V.npy"]
    size = sum(file.stat().st_size for file in files)
    written: dict[str, OutputFile | None] = {"factors": OutputFile(output, size)}
    if certificate is not None:
        whole = row_blocks.embed_factors(found.result.certificate, found.factors)
        written |= save_certificate(whole, certificate)
    fields = of_proof(as_proved(found.result, loaded), monotonic() - start)
    extra = {"objective": found.result.upper, "components": found.factors[1].shape[1]}
    options.show({**fields, **extra}, **written)
    return found.result.verdict.exit_code
