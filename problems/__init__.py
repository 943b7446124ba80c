"""A zoo of problems whose optimum is known, with candidates good and bad."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from certify import Problem, Verdict
from certify.base import registry as _registry
from certify.base.arrays import Array


@dataclass(frozen=True, eq=False)
class Instance:
    """A candidate, and the truth about it.

    problem  what was minimized              factors  the candidate: U (m, r), V (n, r), ...
    q        its offset values, or None: then the best ones for its factors are meant
    optimum  inf over all sizes (at lam = 0: over rank <= r), as the nearest float
    verdict  what is true of the candidate at a relative epsilon of 1e-6
    why      the argument that optimum and verdict are right, independent of certify
    """

    problem: Problem
    factors: tuple[Array, ...]
    q: Sequence[Array] | None
    optimum: float
    verdict: Verdict
    why: str


def names() -> list[str]:
    """Return the files of the zoo."""
    return _registry.names(__name__)


@cache
def load(name: str) -> dict[str, Instance]:
    """Return the cases of problems/<name>.py: at least one good candidate and one bad."""
    cases: dict[str, Instance] = importlib.import_module(f"{__name__}.{name}").cases()
    return cases
