"""Run a command; it ends with an exit status and at most one sentence.

0, 10 ... 14  the verdict       20  the certificate is rejected    130  Ctrl-C
2  the caller's input is wrong   1  a defect of certify            141  output pipe closed
3  the proved checker does not cover it (verify --tier checked)
"""

import io
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path

import click

from certify.base.errors import (
    INTERRUPTED,
    INTERRUPTED_EXIT,
    InputError,
    NotCoveredError,
    OutOfScopeError,
)
from certify.kernel.errors import RejectedError
from certify.pipeline.certificate.checked import NOT_COVERED_EXIT
from certify.pipeline.certificate.verdict import REJECTED_EXIT, Verdict

DEFECT, WRONG_INPUT, CLOSED = 1, 2, 141
ENDINGS = (
    (RejectedError, "rejected: ", REJECTED_EXIT),
    (OutOfScopeError, "out of scope: ", Verdict.OUT_OF_SCOPE.exit_code),
    (NotCoveredError, "not covered: ", NOT_COVERED_EXIT),
    (InputError, "", WRONG_INPUT),
    (MemoryError, "not enough memory for these sizes: ", WRONG_INPUT),
)
LONGEST = 600  # characters of a sentence; values in a hostile file may be megabytes


def run(command: click.Command, arguments: Sequence[str] | None) -> int:
    """Run a click command and return the exit status; never a traceback unless debugging."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    prepare()
    try:
        status = invoke(command, given)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return end_with(INTERRUPTED, INTERRUPTED_EXIT)
    except BrokenPipeError:
        drop_output()
        return CLOSED
    except Exception as error:  # noqa: BLE001  a defect becomes one sentence and a status
        if "--debug" in given or os.environ.get("CERTIFY_DEBUG"):
            traceback.print_exc()
        drop_output()
        return end_with(*explain_error(error))
    return status


def invoke(command: click.Command, given: list[str]) -> int:
    """Parse and run.  click's own `main` would turn a closed pipe into status 1."""
    try:
        with command.make_context("certify", given) as context:
            return int(command.invoke(context) or 0)
    except click.exceptions.Exit as done:  # --help and --version
        return done.exit_code


def prepare() -> None:
    """Silence the warnings of other libraries, and make any file name printable.

    A stream that the shell closed (`>&-`) is replaced by the null device.
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  stays open
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def drop_output() -> None:
    """Redirect a closed stdout to the null device, so that the last flush does not fail."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def explain_error(error: Exception) -> tuple[str, int]:
    """Return the sentence and the exit status of an exception."""
    if isinstance(error, click.UsageError):
        at = error.ctx.command_path if error.ctx else "certify"
        return f"{error.format_message().rstrip('.')} (see {at} --help)", WRONG_INPUT
    if isinstance(error, OSError):
        return f"{error.filename or 'output'}: {error.strerror or error}", WRONG_INPUT
    for kind, opening, status in ENDINGS:
        if isinstance(error, kind):
            return f"{opening}{error}", status
    text = f"{type(error).__name__}: {error}".strip(": ")
    cure = "please report it with the command and its input (--debug shows where)"
    return f"defect of certify, {text}; {cure}", DEFECT


def end_with(sentence: str, status: int) -> int:
    """Print one sentence on stderr, if it is open, and return the status."""
    try:
        click.echo(f"certify: {printable(sentence)}", err=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    return status


def printable(text: str) -> str:
    """Return text on one line, without control characters, no longer than LONGEST."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 3]}..."
