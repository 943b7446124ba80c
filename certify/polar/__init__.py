"""Bounds of the polar sup { <W, phi(x)> : theta(x) <= 1 } from both sides, for every family."""

from .methods import METHODS, smallest, smallest_symmetric, within_budget
from .query import Matrix, Method, PolarBound, PolarQuery, Proposal, exact_text

__all__ = [
    "METHODS",
    "Matrix",
    "Method",
    "PolarBound",
    "PolarQuery",
    "Proposal",
    "exact_text",
    "smallest",
    "smallest_symmetric",
    "within_budget",
]
