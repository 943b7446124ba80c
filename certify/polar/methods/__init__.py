"""Methods that bound the polar from both sides; one file each."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from certify.base.registry import load
from certify.polar.query import Matrix, Method, PolarBound, PolarQuery, Proposal, exact_text

from ._symmetric import leaves
from .branch import is_open

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

METHODS = load(__name__, Method)
TREES = 2048  # coordinates of a tree of cases; its leaves take the cube of that
ANY = 1_000_000  # parts: as many as the time allows
NEAR = 2.0**-30  # relative: a bound this near its target is not worth more work


def smallest(query: PolarQuery) -> Proposal:
    """Return the smallest bound of the methods that apply; `spectral` always does."""
    methods = sorted((m() for m in METHODS.values()), key=lambda m: m.cost)
    best = Proposal(np.inf)
    for method in methods:
        if method.cost and query.target is not None and best.upper <= query.target * (1 + NEAR):
            break
        proposal = attempt(method, query)
        best = min(best, proposal or best, key=lambda p: p.upper)
    return best


def within_budget(query: PolarQuery, propose: Callable[[PolarQuery], Proposal]) -> Proposal:
    """Return what is proposed; where a deadline alone limits it, a tree grows until then, too."""
    proposal, longer = propose(query), replace(query, nodes=ANY)
    if query.nodes is not None or query.deadline is None or query.expired():
        return proposal
    if not is_open(longer) and not METHODS["cones"]().applies(longer):
        return proposal
    return min(proposal, propose(longer), key=lambda p: p.upper)


def attempt(method: Method, query: PolarQuery) -> Proposal | None:
    """Return a method's bound; None if it does not apply, or its numbers leave the floats."""
    try:
        return method.propose(query) if method.applies(query) else None
    except np.linalg.LinAlgError:
        return None


def smallest_symmetric(query: PolarQuery) -> Proposal:
    """Return the smallest bound: by a leaf, by the methods for x^T W x, by those for u^T W v.

    The last ones hold because u = v is a special case; they serve large sizes and l1.
    """
    tries: list[Proposal | None] = []
    if query.W.shape[0] <= TREES:
        tries += [*leaves(query), *proposals(query)]
    if not any(tries) or query.left.axial:
        tries += proposals(replace(query, symmetric=False, nodes=1))
    return min((p for p in tries if p), key=lambda p: p.upper)


def proposals(query: PolarQuery) -> list[Proposal | None]:
    """Return what the registered methods propose."""
    return [m().propose(query) for m in METHODS.values() if m().applies(query)]
