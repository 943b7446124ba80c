"""The processors that this process may use, which are often fewer than the machine has."""

import os
from math import inf
from pathlib import Path

QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of a container, in Linux's second version of groups


def usable_cores() -> int:
    """Return the number of processors that this process may use, at least 1.

    These are the ones that it is bound to, where the system tells (Linux), and no more than the
    quota of its container allows.
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(int(min(bound or 1, quota())), 1)


def quota() -> float:
    """Return how many processors' time the container may use; infinity without a limit."""
    try:
        time, period = QUOTA.read_text("ascii").split()
        return int(time) / int(period)
    except (OSError, ValueError):  # no such file, or "max"
        return inf
