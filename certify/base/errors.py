"""The caller's mistakes, each a sentence with the wrong value in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InputError(ValueError):
    """The input is wrong: what was wanted, and what was got."""


@contextmanager
def accessing(path: str | Path, how: str) -> Iterator[None]:
    """Raise InputError, in place of an OSError of the block, that one cannot read the path.

    how is the verb: read, write, make or run.
    """
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot {how} {path}: {error.strerror or error}") from None


class NotCoveredError(ValueError):
    """The proved checker does not know this question or proof; the kernel may."""


class OutOfScopeError(ValueError):
    """The theory does not cover the question; the message names the cure."""
