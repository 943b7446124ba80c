"""The arithmetic for the kernel's rules: exact if that takes seconds only."""

import math
from typing import Any

from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.kernel.arithmetic import Arithmetic
from certify.losses import KullbackLeibler, Logistic, Poisson
from certify.problem import Problem
from certify.problem.proof_time import EXACT, work_of

EXACT_ENTRIES, EXACT_SIDE = 400_000, 400  # up to these sizes exact integers take seconds
EXACT_LOGS = 25_000  # the most entries with logarithms
LOGS = (KullbackLeibler, Logistic, Poisson)
LONG, MINUTES = 10.0, 120.0  # seconds from which a time is announced; from which in minutes


def arithmetic(problem: Problem, tier: str | None = None) -> Arithmetic[Any]:
    """Return the arithmetic of a tier; by default exact if that takes seconds only."""
    most = EXACT_LOGS if isinstance(problem.loss, LOGS) else EXACT_ENTRIES
    first, *rest = sorted(problem.loss.dims)
    side = first if len(rest) == 1 else first * rest[0]  # of the matrices in the polar's proof
    small = math.prod(problem.loss.dims) <= most and side <= EXACT_SIDE
    return Flint() if (tier or ("exact" if small else "rounded")) == "exact" else Rounded()


def exact_seconds(problem: Problem, size: int) -> float:
    """Return about the seconds of one core for the exact polar of a sparse W; 0 for other data.

    They are for its Gram matrix and L L^T, and for the entries of factors with `size` components.
    """
    if problem.loss.observed.full:
        return 0.0
    return work_of(problem, EXACT, components=size).alone()


def advance_notice(problem: Problem, size: int) -> str:
    """Say how long an exact verification takes, if that is long."""
    seconds = exact_seconds(problem, size)
    if seconds < LONG:
        return ""
    time = f"{seconds / 60:.0f} minutes" if seconds >= MINUTES else f"{seconds:.0f} seconds"
    return f"about {time} of a core in exact integers; --tier rounded is several times faster\n"
