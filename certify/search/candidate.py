"""A point of a search: factors, with their offsets and objective."""

from dataclasses import dataclass

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import Array, Bools
from certify.norms import Gauge
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
    """Return these factors as a candidate, with the best offsets unless q is given."""
    q = problem.best_offsets(factors) if q is None else q
    return Candidate(factors, q, problem.objective(factors, q))


def widen(factors: Factors, size: int) -> Factors:
    """Append components of zeros up to a size."""
    more = max(size - factors[0].shape[-1], 0)
    return tuple(np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, more)]) for x in factors)


def nonzero(factors: Factors) -> Bools:
    """Return which components have no part that is zero.

    The penalty does not show it: a hidden unit of an unpriced bias alone is a constant, not zero.
    """
    parts = [x.any(axis=tuple(range(x.ndim - 1))) for x in factors]
    return np.asarray(np.all(parts, axis=0))


def draw_inside(norm: Gauge, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Return a random factor inside the norm's cone."""
    x = rng.standard_normal(shape)
    return norm.project_cone(np.abs(x) if norm.nonneg else x)


def lowest(states: list[Candidate]) -> Candidate:
    """Return the candidate of the lowest finite objective."""
    return min(states, key=lambda s: s.value if np.isfinite(s.value) else np.inf)


def largest(problem: Problem, s: Candidate, size: int) -> Candidate:
    """Keep the components of largest theta."""
    keep = np.sort(np.argsort(-problem.atom.theta(s.factors), kind="stable")[:size])
    return evaluate(problem, tuple(x[:, keep] for x in s.factors))
