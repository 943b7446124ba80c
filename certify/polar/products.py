"""Which bound of a tensor's polar to try, and in what order."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from math import prod

import numpy as np

from .ascent.products import attain
from .ask import Proposal
from .branching.products import branched
from .methods._slices import axis_of, matrix, sliced, sliced_symmetric
from .product_ask import TensorAsk
from .relaxation.copies import copied, height, solved
from .relaxation.product_admm import Relaxed, Stop, solve
from .relaxation.product_leaf import one_leaf
from .relaxation.products import Form

CLOSE = 1e-10  # relative: a bound this near a found value is not worth more work
LARGEST = 2600  # rows of a relaxation worth its steps
EFFORT = 2e9  # of a solve, in squares of its size
STEPS = 2000
COPIED = 2e10  # of the next level where nobody said how long it may take, in cubes of its size
FEWEST = 200  # steps worth beginning
PARTS, LEAST = 31, 7  # parts of a tree at most, and of the smallest worth growing
MANY = 511  # parts at most, where a deadline ends the tree
TREE = 3e5  # of a part, in cubes of its size; larger ones are fewer
FAR = 2.0**-7  # a target this far below a found value is not worth a tree
NEAR = 1e-7  # relative: a tree ends this near a found value


def propose(ask: TensorAsk) -> Proposal:
    """Return the smallest bound found, with its proof by one of the kernel's rules."""
    if ask.T.ndim == 2:  # noqa: PLR2004  a matrix
        return matrix(ask)
    axis = axis_of(ask)
    if axis is None:
        return relaxed(ask)
    if not ask.symmetric:
        return sliced(ask, axis, propose)
    return min(sliced_symmetric(ask, axis, propose), relaxed(ask), key=lambda p: p.upper)


def relaxed(ask: TensorAsk) -> Proposal:
    """Return the smallest bound of the relaxations, then of a tree of cases on the best."""
    value, xs = attain(
        ask.T,
        ask.gauges,
        symmetric=ask.symmetric,
        seed=ask.seed,
        starts=ask.starts,
        expired=ask.expired,
    )
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
    hopeless = ask.target is not None and value > ask.target * (1 + FAR)
    if tight is None or hopeless:
        return best
    tries = [best, *deeper(*tight, best.upper, goal)]
    if min(p.upper for p in tries) > goal * (1 + NEAR):
        tries += parted(*tight, goal)
    return min(tries, key=lambda p: p.upper)


def aim(ask: TensorAsk, value: float) -> float:
    """Return the bound that would do: the target, or the found value with a margin."""
    near = max(value, 0.0) * (1 + CLOSE)
    return near if ask.target is None else max(near, ask.target)


def bounded(form: Form, goal: float) -> Relaxed:
    """Return the end of the solve of one form; one mode alone has no multipliers to find."""
    alone = len(form.groups) == len(form.rows) == 1 and not any(form.classes()[1])
    steps = 0 if alone else int(min(STEPS, EFFORT / form.size**2))
    stop = Stop(form.goal(goal), steps, expired=form.ask.expired)
    return solve(form.program(), stop, form.start())


def deeper(form: Form, root: Relaxed, bound: float, goal: float) -> Iterator[Proposal]:
    """Yield the bounds of the next level: products with a factor once more, then with two."""
    effort = COPIED if form.ask.deadline is None else np.inf
    for held in copied(form, LARGEST):
        if bound <= goal * (1 + NEAR) or held.ask.expired():
            return
        steps = int(min(2 * STEPS, effort / height(held) ** 3))
        if steps < FEWEST:
            return
        stop = Stop(held.goal(goal), steps, expired=held.ask.expired)
        proof = one_leaf(held, solved(held, stop, root.best).best)
        if proof is not None:
            bound = min(bound, proof.upper)
            yield proof


def parted(form: Form, root: Relaxed, goal: float) -> list[Proposal]:
    """Return the bound by cases, where the effort allows a few; more if there is a deadline."""
    parts = PARTS if form.ask.deadline is None else MANY
    nodes = int(min(parts, parts * TREE / form.size**3))
    if nodes < LEAST or root.warm is None or form.value(root.best.bound) <= goal * (1 + NEAR):
        return []
    found = branched(form, root, goal * (1 + NEAR), nodes)
    return [] if found is None else [found]


def forms(ask: TensorAsk) -> Iterator[Form]:
    """Yield forms, the most promising first."""
    order = ask.T.ndim
    if ask.symmetric:
        yield from symmetric_forms(ask)
        return
    plain = [g.free and not g.cubic for g in ask.gauges]
    by_size = sorted(range(order), key=lambda k: (plain[k], ask.T.shape[k], k))
    hat = not plain[by_size[-1]]  # signs and cubes are worth most in one group, if there is room
    main = Form(ask, tuple(sorted(by_size[:-1])), "hat" if hat else "gram")
    if order > 3:  # noqa: PLR2004  cheap ones first
        held = sorted([*plain_forms(ask), main, *halves(ask)], key=lambda form: form.size)
    else:
        held = [main, *plain_forms(ask)] if hat or main.size > LARGEST else [main]
    yield from (f for f in held if f.size <= LARGEST or len(f.rows) == 1)


def plain_forms(ask: TensorAsk) -> list[Form]:
    """Return the Gram matrices of the two smallest modes, and of the smallest alone."""
    by_size = sorted(range(ask.T.ndim), key=lambda k: (ask.T.shape[k], k))
    two = Form(ask, tuple(sorted(by_size[:2])), "gram")
    return [two, Form(ask, (by_size[0],), "gram")]


def halves(ask: TensorAsk) -> list[Form]:
    """Return the smallest two hats with two modes and more on both sides."""
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

    return [Form(ask, rows, "hat") for rows in sorted(held, key=_size)[:2]]


def symmetric_forms(ask: TensorAsk) -> Iterator[Form]:
    """Yield the square form for even order; for odd order the larger half against the rest."""
    order, hat = ask.T.ndim, not ask.gauges[0].free
    half = tuple(range((order + 1) // 2))
    kinds = ["square"] if order % 2 == 0 else ["hat"] if hat else ["gram"]
    if order % 2 and order > 3 and not hat:  # noqa: PLR2004  the other group has multipliers too
        kinds.append("hat")
    held = [f for f in (Form(ask, half, kind) for kind in kinds) if f.size <= LARGEST]
    yield from held or [Form(ask, (0,), "gram")]
