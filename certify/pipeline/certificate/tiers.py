"""Which arithmetic the kernel's rules are run in: exact where that takes seconds."""

import math
from typing import Any

from certify.base.rigor.flint import Flint
from certify.base.rigor.rounded import Rounded
from certify.kernel.arithmetic import Arithmetic
from certify.losses import KullbackLeibler, Logistic, Poisson
from certify.problem import Problem
from certify.problem.proof_time import EXACT, work_of

EXACT_ENTRIES, EXACT_SIDE = 400_000, 400  # up to here exact integers take seconds
EXACT_LOGS = 25_000  # entries, where each has logarithms
LOGS = (KullbackLeibler, Logistic, Poisson)
LONG, MINUTES = 10.0, 120.0  # seconds that are told of, and in minutes


def arithmetic(problem: Problem, tier: str | None = None) -> Arithmetic[Any]:
    """Return the arithmetic of a tier; by default exact where that takes seconds."""
    most = EXACT_LOGS if isinstance(problem.loss, LOGS) else EXACT_ENTRIES
    small = math.prod(problem.loss.dims) <= most and narrow(problem.loss.dims)
    return Flint() if (tier or ("exact" if small else "rounded")) == "exact" else Rounded()


def narrow(dims: tuple[int, ...]) -> bool:
    """Whether exact matrices of the polar's proof are small: of a tensor, two modes' products."""
    first, *rest = sorted(dims)
    return (first if len(rest) == 1 else first * rest[0]) <= EXACT_SIDE


def exact_seconds(problem: Problem, size: int) -> float:
    """Return about what the largest singular value of a sparse W takes, exactly, on one core.

    Gram matrix and L L^T in digits, and the entries of factors with `size` components; 0: not told.
    """
    if problem.loss.observed.full:
        return 0.0
    return work_of(problem, EXACT, components=size).alone()


def advance_notice(problem: Problem, size: int) -> str:
    """Say how long an exact verification takes, where that is long."""
    seconds = exact_seconds(problem, size)
    if seconds < LONG:
        return ""
    time = f"{seconds / 60:.0f} minutes" if seconds >= MINUTES else f"{seconds:.0f} seconds"
    return f"about {time} of a core in exact integers; --tier rounded is several times faster\n"
