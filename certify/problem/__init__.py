"""The problem: what was minimized, and its best offsets."""

from .problem import Problem, Values, as_problem
from .stationary import StationaryLam

__all__ = ["Problem", "StationaryLam", "Values", "as_problem"]
