"""The problem: what was minimized, and its best offsets."""

from .best_offsets import Values
from .problem import Problem, as_problem
from .stationary import StationaryLam

__all__ = ["Problem", "StationaryLam", "Values", "as_problem"]
