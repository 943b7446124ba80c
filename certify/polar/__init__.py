"""Methods that bound the polar from both sides; one file each."""

from certify._registry import load

from ._base import Ask, Matrix, Method, PolarBound, Proposal, exact_text

__all__ = ["METHODS", "Ask", "Matrix", "Method", "PolarBound", "Proposal", "exact_text"]

METHODS = load(__name__, Method)
