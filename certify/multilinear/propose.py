"""Which bound of a tensor's polar to try, and in what order."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from math import prod

import numpy as np

from certify.polar import Proposal

from ._base import TensorAsk
from ._program import Relaxed, Stop, solve
from .ascent import attain
from .cuts import branched
from .proof import one_leaf
from .slices import axis_of, matrix, sliced
from .transpose import Form

CLOSE = 1e-10  # relative: a bound this near a found value is not worth more work
LARGEST = 1300  # rows of a relaxation worth its steps
EFFORT = 1e12  # of a solve, in cubes of its size
STEPS = 2000
PARTS, LEAST = 63, 7  # parts of a tree at most, and of the smallest worth growing
TREE = 1e7  # of a tree, in cubes of its size
NEAR = 1e-7  # relative: a tree ends this near a found value


def propose(ask: TensorAsk) -> Proposal:
    """Return the smallest bound found, with its proof by one of the kernel's rules."""
    if ask.T.ndim == 2:  # noqa: PLR2004  a matrix
        return matrix(ask)
    axis = axis_of(ask)
    if axis is None:
        return relaxed(ask)
    found = sliced(ask, axis, propose)
    return min(found, relaxed(ask), key=lambda p: p.upper) if ask.symmetric else found


def relaxed(ask: TensorAsk) -> Proposal:
    """Return the smallest bound of the relaxations, then of a tree of cases on the best."""
    value, xs = attain(ask.T, ask.gauges, symmetric=ask.symmetric, seed=ask.seed, starts=ask.starts)
    held = replace(ask, starts=[*ask.starts, xs])
    goal = aim(ask, value)
    best, tight = Proposal(np.inf), None
    for form in forms(held):
        found = bounded(form, goal)
        proof = one_leaf(form, found.best)
        if proof is not None and proof.upper < best.upper:
            best, tight = proof, (form, found)
        if best.upper <= goal or ask.expired():
            return best
    return best if tight is None else min(best, *parted(*tight, goal), key=lambda p: p.upper)


def aim(ask: TensorAsk, value: float) -> float:
    """Return the bound that would do: the target, or the found value with a margin."""
    near = max(value, 0.0) * (1 + CLOSE)
    return near if ask.target is None else max(near, ask.target)


def bounded(form: Form, goal: float) -> Relaxed:
    """Return the end of the solve of one form; without steps if it is too large."""
    steps = int(min(STEPS, EFFORT / form.size**3)) if form.size <= LARGEST else 0
    stop = Stop(form.goal(goal), steps, expired=form.ask.expired)
    return solve(form.program(), stop, form.start())


def parted(form: Form, root: Relaxed, goal: float) -> list[Proposal]:
    """Return the bound by cases, where the effort allows a few."""
    nodes = int(min(PARTS, TREE / form.size**3))
    if nodes < LEAST or root.warm is None:
        return [Proposal(np.inf)]
    found = branched(form, root, goal * (1 + NEAR), nodes)
    return [Proposal(np.inf)] if found is None else [found]


def forms(ask: TensorAsk) -> Iterator[Form]:
    """Yield forms, the most promising first."""
    order = ask.T.ndim
    if ask.symmetric:
        yield from symmetric_forms(ask)
        return
    by_size = sorted(range(order), key=lambda k: (ask.T.shape[k], k))
    hat = any(g.name == "linf" for g in ask.gauges) or not any(g.free for g in ask.gauges)
    groups = [tuple(sorted(by_size[:-1]))]
    if order > 3:  # noqa: PLR2004  matrices and third-order tensors have one good grouping
        groups += halves(ask)
    for rows in groups:
        form = Form(ask, rows, "hat" if hat or len(rows) < order - 1 else "gram")
        if form.size <= LARGEST:
            yield form
    yield Form(ask, tuple(sorted(by_size[:2])), "gram")


def halves(ask: TensorAsk) -> list[tuple[int, ...]]:
    """Return groups of two modes and more on both sides, the smallest matrix first."""
    order, shape = ask.T.ndim, ask.T.shape
    held = [
        rows
        for count in range(2, order // 2 + 1)
        for rows in combinations(range(order), count)
        if 0 in rows or 2 * count < order
    ]
    whole = prod(shape)

    def _size(rows: tuple[int, ...]) -> int:
        p: int = prod(shape[k] for k in rows)
        return p + whole // p

    return sorted(held, key=_size)[:2]


def symmetric_forms(ask: TensorAsk) -> Iterator[Form]:
    """Yield the square form for even order; for odd order the larger half against the rest."""
    order, hat = ask.T.ndim, not ask.gauges[0].free
    half = tuple(range((order + 1) // 2))
    if order % 2 == 0:
        yield Form(ask, half, "square")
        return
    yield Form(ask, half, "hat" if hat else "gram")
    if order > 3:  # noqa: PLR2004  then the other group has multipliers of its own
        yield from (f for f in [Form(ask, half, "hat")] if not hat and f.size <= LARGEST)
