"""A process and all that it has started, on every system."""

import os
import signal
from collections.abc import Iterable
from contextlib import suppress

import psutil


def descendants(leader: int) -> set[psutil.Process]:
    """Return the processes that `leader` has started, and those that they have started."""
    with suppress(psutil.Error):
        return set(psutil.Process(leader).children(recursive=True))
    return set()


def kill(leader: int, known: Iterable[psutil.Process] = ()) -> None:
    """Kill the process `leader` and its family.

    Where the system has groups of processes, the family is the group that `leader` leads.
    Elsewhere (Windows) it is what descends from `leader` now, and `known`, what did before: a
    process whose parent has ended descends from nothing.
    """
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(leader, signal.SIGKILL)
        return
    for process in {*known, *descendants(leader)}:
        with suppress(psutil.Error):
            process.kill()
    with suppress(psutil.Error):
        psutil.Process(leader).kill()
