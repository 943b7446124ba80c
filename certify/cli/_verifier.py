"""The command `verifier`, which writes the kernel as one file that runs alone."""

import io
import os
import zipfile
from pathlib import Path

import click

from certify import kernel
from certify.pipeline.certificate.file import write_atomically

from ._options import PATH
from ._output import guard

FOLDER = Path(kernel.__file__).parent
FIRST = (1980, 1, 1, 0, 0, 0)  # the earliest date in an archive; fixed, so that bytes are too
UNIX, READABLE = 3, 0o644 << 16


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
