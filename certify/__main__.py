"""The command `certify`, also as `python -m certify`; a Ctrl-C while it starts ends it quietly."""

import sys
from collections.abc import Sequence

from .base.errors import INTERRUPTED, INTERRUPTED_EXIT


def main(arguments: Sequence[str] | None = None) -> int:
    """Import and run the command, and return its exit status."""
    try:
        from .cli import main as command  # noqa: PLC0415  seconds, in which Ctrl-C may come
    except KeyboardInterrupt:
        if sys.stderr is not None:
            sys.stderr.write(f"certify: {INTERRUPTED}\n")
        return INTERRUPTED_EXIT
    return command(arguments)


if __name__ == "__main__":
    sys.exit(main())
