"""Bounds of the polar sup { <W, phi(x)> : theta(x) <= 1 } from both sides, for every family."""

from .ask import Ask, Matrix, Method, PolarBound, Proposal, exact_text
from .methods import METHODS, smallest, smallest_symmetric, within_budget

__all__ = [
    "METHODS",
    "Ask",
    "Matrix",
    "Method",
    "PolarBound",
    "Proposal",
    "exact_text",
    "smallest",
    "smallest_symmetric",
    "within_budget",
]
