"""The problem: what was minimized, and its best offsets."""

from .problem import Problem, Values

__all__ = ["Problem", "Values"]
