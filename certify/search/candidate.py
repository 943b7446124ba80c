"""A point of a search: factors, with their offsets and objective."""

from dataclasses import dataclass

import numpy as np

from certify.atoms import Factors
from certify.problem import Problem, Values


@dataclass(frozen=True)
class Candidate:
    """Factors, offset values and their objective in floats."""

    factors: Factors
    q: Values
    value: float

    @property
    def size(self) -> int:
        """The number of components."""
        return int(self.factors[0].shape[-1])


Goal = tuple[float, Candidate | None]  # epsilon, and the optimum over all sizes if it is known


def evaluate(problem: Problem, factors: Factors, q: Values | None = None) -> Candidate:
    """Return the candidate of these factors, with the best offsets unless given."""
    q = problem.best_offsets(factors) if q is None else q
    return Candidate(factors, q, problem.objective(factors, q))


def widen(factors: Factors, size: int) -> Factors:
    """Return the factors with components of zeros, up to a size."""
    more = max(size - factors[0].shape[-1], 0)
    return tuple(np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, more)]) for x in factors)


def lowest(states: list[Candidate]) -> Candidate:
    """Return the candidate of the lowest objective; one that is not finite comes last."""
    return min(states, key=lambda s: s.value if np.isfinite(s.value) else np.inf)


def largest(problem: Problem, s: Candidate, size: int) -> Candidate:
    """Keep the components of largest theta."""
    keep = np.sort(np.argsort(-problem.atom.theta(s.factors), kind="stable")[:size])
    return evaluate(problem, tuple(x[:, keep] for x in s.factors))
