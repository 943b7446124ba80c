"""Methods that bound a pair's polar from above; one file each."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import chain

import numpy as np

from certify.base.registry import load
from certify.polar.query import Method, PolarQuery, Proposal, least

from ._symmetric import leaves
from .branch import is_open

METHODS = load(__name__, Method)
TREES = 2048  # coordinates of a tree of cases; its leaves take the cube of that
ANY = 1_000_000  # parts: as many as the time allows


def smallest(query: PolarQuery) -> Proposal:
    """Return the smallest bound of the methods that apply; `spectral` always does."""
    return least(query.target, proposals(query))


def proposals(query: PolarQuery) -> Iterator[Proposal | None]:
    """Yield the bounds of the methods that apply, the cheapest first.

    A method whose numbers leave the range of floats yields none.
    """
    for method in sorted((m() for m in METHODS.values()), key=lambda m: m.cost):
        with suppress(np.linalg.LinAlgError):
            if method.applies(query):
                yield method.propose(query)


def within_budget(query: PolarQuery, propose: Callable[[PolarQuery], Proposal]) -> Proposal:
    """Return the proposal; if only a deadline limits the effort, grow a tree until then."""
    proposal, longer = propose(query), replace(query, nodes=ANY)
    if query.nodes is not None or query.deadline is None or query.expired():
        return proposal
    if not is_open(longer) and not METHODS["cones"]().applies(longer):
        return proposal
    return min(proposal, propose(longer), key=lambda p: p.upper)


def smallest_symmetric(query: PolarQuery) -> Proposal:
    """Return the smallest bound: by a leaf, by the methods for x^T W x, by those for u^T W v.

    The last methods apply because u = v is a special case; they serve large sizes and l1.
    """
    best = Proposal(np.inf)
    if query.W.shape[0] <= TREES:
        best = least(query.target, chain(leaves(query), proposals(query)))
    if best.upper == np.inf or query.left.axial:
        others = proposals(replace(query, symmetric=False, nodes=1))
        best = least(query.target, chain([best], others))
    return best
