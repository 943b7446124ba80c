"""The state of column generation: the best factors, dual points and the steps left."""

from dataclasses import dataclass, field

import numpy as np

from certify.atoms import Factors
from certify.base.arrays import Array
from certify.base.clock import Clock
from certify.problem import Problem, Values

from .candidate import Candidate
from .dual import scaling

MISSED = 1e-9  # relative: a lower bound this far above the best value is false


@dataclass
class Search:
    """The state of a search.

    best      the point of the lowest objective
    lower, W  the highest dual value, and its dual point before it is scaled
    steps     the steps left: counted, so that a search without a budget is repeatable
    goal      a search at one size is useless if it ends above this objective
    history   (name of the step, point) of each improvement
    """

    problem: Problem
    clock: Clock
    best: Candidate
    W: Array | None = None
    lower: float = -np.inf
    steps: int = 10_000
    goal: float = np.inf
    history: list[tuple[str, Candidate]] = field(default_factory=list)

    @property
    def gap(self) -> float:
        """The gap between the best objective and the best dual value."""
        return self.best.value - self.lower

    @property
    def duals(self) -> tuple[Array, ...]:
        """The best dual point, if there is one."""
        return () if self.W is None else (self.W,)

    def over(self) -> bool:
        """Whether the budget or the steps are spent."""
        return self.steps <= 0 or self.clock.expired()

    def note(self, name: str, factors: Factors, q: Values) -> Candidate:
        """Evaluate a point, keep it if it is the best, and return it."""
        return self.keep(name, Candidate(factors, q, self.problem.objective(factors, q)))

    def keep(self, name: str, now: Candidate) -> Candidate:
        """Keep a point if it is the best; return it."""
        if now.value < self.best.value or not np.isfinite(self.best.value):
            self.best = now
            self.history.append((name, now))
            self.clock.tell(name, now.value)
        return now

    def weigh(self, W: Array, polar: float) -> None:
        """Keep a dual point if its best multiple has the highest dual value.

        A value above the best objective shows that the polar is larger than `polar`.
        """
        problem = self.problem
        dual = problem.loss.clip_dual(W)
        value = scaling.value(problem, dual, scaling.best_scale(problem, dual, polar))
        over = value - self.best.value > MISSED * abs(value)
        if over and self.lower == -np.inf:
            self.W = dual
        elif self.W is None or (value > self.lower and not over):
            self.W, self.lower = dual, value
