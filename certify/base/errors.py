"""Errors of the caller; each message is a sentence with the wrong value."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# what Python raises for values of a wrong kind; our own errors are ValueErrors
MALFORMED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
INTERRUPTED, INTERRUPTED_EXIT = "interrupted; no file is half-written", 130  # by Ctrl-C


class InputError(ValueError):
    """The input is wrong; the message says what was expected, and what was given."""


@contextmanager
def accessing(path: str | Path, how: str) -> Iterator[None]:
    """Replace an OSError of the body by an InputError.

    how  the verb of the message: read, write, make or run
    """
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot {how} {path}: {error.strerror or error}") from None


class NotCoveredError(ValueError):
    """The proved checker does not cover this question or proof; the kernel may."""


class OutOfScopeError(ValueError):
    """The theory does not cover the question; the message names the cure."""


def brief(error: BaseException) -> str:
    """Return the first line of another library's message, without its full stop."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
