"""The problem: what was minimized, and its best offsets."""

from .problem import Problem, Values, stated
from .stationary import StationaryLam

__all__ = ["Problem", "StationaryLam", "Values", "stated"]
