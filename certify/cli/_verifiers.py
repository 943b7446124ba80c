"""The commands `verifier`, which writes the kernel as one file, and `checker build`."""

import io
import os
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

import click

from certify import kernel
from certify.base.errors import InputError
from certify.pipeline.certificate.checked import CLOSED, built, files, sources
from certify.pipeline.certificate.file import write_atomically

from ._options import PATH
from ._output import guard

FOLDER = Path(kernel.__file__).parent
FIRST = (1980, 1, 1, 0, 0, 0)  # the earliest date in an archive; fixed, so that bytes are too
UNIX, READABLE = 3, 0o644 << 16
TOOLS = ("make", "coqc", "ocamlfind")
INSTALL = (
    "on Debian and Ubuntu: apt-get update; apt-get install make coq libcoq-mathcomp "
    "libcoq-mathcomp-zify libcoq-mathcomp-algebra-tactics ocaml ocaml-findlib libzarith-ocaml-dev "
    "libsha-ocaml-dev"
)


def archive() -> bytes:
    """Return a zip archive of the kernel's modules that Python can run."""
    out = io.BytesIO()
    modules = {p.relative_to(FOLDER).as_posix(): p for p in FOLDER.rglob("*.py")}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as made:
        for name in sorted(modules):
            entry = zipfile.ZipInfo(name, FIRST)
            entry.create_system, entry.external_attr = UNIX, READABLE
            made.writestr(entry, modules[name].read_bytes())
    return out.getvalue()


@click.command()
@click.option("-o", "output", type=PATH, required=True, metavar="VERIFY.PYZ", help="The file.")
def verifier(output: Path) -> int:
    """Write the verifier as one file that needs Python and nothing else.

    The file is a zip archive of the modules of certify/kernel, unchanged and readable.  Run it
    as python -I -S verify.pyz x.cert: the output is the same.

    Example: certify verifier -o verify.pyz
    """
    guard([output], [])
    blob = archive()
    write_atomically(Path(os.path.realpath(output)), blob)
    click.echo(f"{output} written, {len(blob):,} bytes")
    return 0


@click.group(no_args_is_help=False)
def checker() -> None:
    """Build the proved checker, which `verify --tier checked` asks.

    Example: certify checker build
    """


@checker.command()
@click.option(
    "-o",
    "output",
    type=PATH,
    metavar="CERTCHECK",
    help="The program; by default where `certify verify --tier checked` looks for it.",
)
def build(output: Path | None) -> int:
    """Check the proofs of the checker, extract it and compile it.

    It takes Coq, OCaml and two minutes of one core; no network.

    Example: certify checker build
    """
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        raise InputError(f"{' and '.join(missing)} not found; {INSTALL}")
    target = built() if output is None else output
    if output is None:
        target.parent.mkdir(parents=True, exist_ok=True)
    guard([target], [])
    size = write_program(target)
    click.echo(f"{target} written, {size:,} bytes; its theorem uses no axiom")
    return 0


def write_program(target: Path) -> int:
    """Build the program in a temporary folder, write it to its target, and return its size."""
    folder = sources()
    with tempfile.TemporaryDirectory() as made:
        for path in files(folder):
            copy = Path(made) / path.relative_to(folder)
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(path.read_bytes())
        at = Path(made) / "checker"
        done = subprocess.run(  # noqa: S603  the user's make, on our sources
            [str(shutil.which("make")), "-s", "-C", str(at)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["make said nothing"])[-1]
            raise InputError(f"the proved checker could not be built: {last}; {INSTALL}")
        if (at / "assumptions.txt").read_text(encoding="utf-8") != CLOSED:
            raise InputError("the proved checker could not be built: its theorem uses an axiom")
        blob = (at / "certcheck").read_bytes()
    real = Path(os.path.realpath(target))
    write_atomically(real, blob)
    real.chmod(0o755)
    return len(blob)
