"""The choice and the order of the bounds of a tensor's polar."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from math import prod
from time import monotonic

import numpy as np

from .ascent.products import attain
from .branching.factors import cones_proposal, few_factors
from .branching.products import branch
from .methods._slices import axis_of, largest_slice, matrix, sliced_symmetric
from .methods.corners import kept_axis, largest_corner
from .product_query import ProductQuery
from .query import Proposal
from .relaxation.copies import height, solve_copies, with_copies
from .relaxation.product_admm import Relaxed, solve
from .relaxation.product_leaf import one_leaf
from .relaxation.products import ProductForm
from .relaxation.steps import Stop

CLOSE = 1e-10  # relative: a bound this near a found value is not worth more work
LARGEST = 2600  # rows of a relaxation worth its steps
EFFORT = 2e9  # of a solve, in squares of its size
STEPS, STALLED = 2000, 1e-9  # of a relaxation, and the relative gain that ends it
COPIED = 2e10  # effort of the next level without a deadline, in cubes of its size
FEWEST = 200  # steps worth beginning
PARTS, LEAST = 31, 7  # parts of a tree at most, and of the smallest worth growing
HELD = 10_000_000  # numbers in the leaves of a tree that a deadline ends
STEP = 6e-10  # seconds of an ordinary core in the first step of a relaxation, by its size cubed
TREE = 3e5  # effort of a part, in cubes of its size; of larger ones there are fewer
FAR = 2.0**-7  # a target this far below a found value is not worth a tree
CLIMBS, CONES = 0.3, 0.7  # shares of the time for ascents, which help others to begin, and cones
NEAR = 1e-7  # relative: a tree ends this near a found value


def propose(query: ProductQuery) -> Proposal:
    """Return the smallest bound found, with its proof by one of the kernel's rules."""
    if query.T.ndim == 2:  # noqa: PLR2004  a matrix
        return matrix(query)
    if not query.symmetric and kept_axis(query.gauges, query.T.shape) >= 0:
        return largest_corner(query.T, query.gauges).proposal
    axis = axis_of(query)
    if axis is None:
        return relaxation_bound(query)
    if not query.symmetric:
        return largest_slice(query, axis, propose)
    return min(
        sliced_symmetric(query, axis, propose), relaxation_bound(query), key=lambda p: p.upper
    )


def relaxation_bound(query: ProductQuery) -> Proposal:
    """Return the smallest bound of the relaxations, then of a tree of cases on the best."""
    value, xs = attain(
        query.T,
        query.gauges,
        symmetric=query.symmetric,
        seed=query.seed,
        starts=query.starts,
        expired=replace(query, deadline=part_of_time(query, CLIMBS)).expired,
    )
    warm_query = replace(query, starts=[*query.starts, xs])
    goal = aim(query, value)
    best, tight = Proposal(np.inf), None
    if few_factors(query):
        best = cones_proposal(replace(query, deadline=part_of_time(query, CONES)), goal)
        if best.upper <= goal * (1 + NEAR) or query.expired():
            return best
    for form in forms(warm_query):
        solution = solve_form(form, goal)
        proof = one_leaf(form, solution.best)
        if proof is not None and proof.upper < best.upper:
            best, tight = proof, (form, solution)
        if best.upper <= goal or query.expired():
            return best
    refuted = query.target is not None and value > query.target * (1 + FAR)
    if tight is None or refuted:
        return best
    tries = [best, *deeper(*tight, best.upper, goal)]
    late = few_factors(query, late=True) and not few_factors(query)
    cases_first = query.gauges[0].cubic  # of linf cases are the better ones in little time
    for by_cones in (not cases_first, cases_first) if late else (False,):
        if min(p.upper for p in tries) <= goal * (1 + NEAR):
            break
        in_time = replace(query, deadline=part_of_time(query, CONES))
        tries += [cones_proposal(in_time, goal)] if by_cones else bound_by_cases(*tight, goal)
    return min(tries, key=lambda p: p.upper)


def part_of_time(query: ProductQuery, part: float) -> float | None:
    """Return when a part of the time that is left ends."""
    return None if query.deadline is None else monotonic() + part * query.time_left()


def aim(query: ProductQuery, value: float) -> float:
    """Return the bound that is enough: the target, or the attained value with a margin."""
    near = max(value, 0.0) * (1 + CLOSE)
    return near if query.target is None else max(near, query.target)


def solve_form(form: ProductForm, goal: float) -> Relaxed:
    """Return the end of the solve of one form; one mode alone has no multipliers to find."""
    alone = len(form.groups) == len(form.rows) == 1 and not any(form.classes()[1])
    steps = 0 if alone else int(min(STEPS, EFFORT / form.size**2))
    stop = Stop(form.goal(goal), steps, STALLED, form.query.expired)
    return solve(form.program(), stop, form.start())


def deeper(form: ProductForm, root: Relaxed, bound: float, goal: float) -> Iterator[Proposal]:
    """Yield the bounds of the next level: products with a factor once more, then with two."""
    effort = COPIED if form.query.deadline is None else np.inf
    for larger in with_copies(form, LARGEST):
        late = STEP * height(larger) ** 3 > larger.query.time_left()
        if bound <= goal * (1 + NEAR) or late or larger.query.expired():
            return
        steps = int(min(2 * STEPS, effort / height(larger) ** 3))
        if steps < FEWEST:
            return
        stop = Stop(larger.goal(goal), steps, STALLED, larger.query.expired)
        proof = one_leaf(larger, solve_copies(larger, stop, root.best).best)
        if proof is not None:
            bound = min(bound, proof.upper)
            yield proof


def bound_by_cases(form: ProductForm, root: Relaxed, goal: float) -> list[Proposal]:
    """Return the bound by cases: where the effort allows a few, or until a deadline."""
    nodes = int(min(PARTS, PARTS * TREE / form.size**3))
    if form.query.deadline is not None:
        nodes = HELD // form.size**2
    if nodes < LEAST or root.warm is None or form.value(root.best.bound) <= goal * (1 + NEAR):
        return []
    proposal = branch(form, root, goal * (1 + NEAR), nodes)
    return [] if proposal is None else [proposal]


def forms(query: ProductQuery) -> Iterator[ProductForm]:
    """Yield forms, the most promising first."""
    order = query.T.ndim
    if query.symmetric:
        yield from symmetric_forms(query)
        return
    plain = [g.free and not g.cubic for g in query.gauges]
    by_size = sorted(range(order), key=lambda k: (plain[k], query.T.shape[k], k))
    hat = not plain[by_size[-1]]  # signs and cubes are worth most in one group, if there is room
    main = ProductForm(query, tuple(sorted(by_size[:-1])), "hat" if hat else "gram")
    if order > 3:  # noqa: PLR2004  cheap ones first
        candidates = sorted([*plain_forms(query), main, *halves(query)], key=lambda form: form.size)
    else:
        candidates = [main, *plain_forms(query)] if hat or not is_affordable(main) else [main]
    yield from (f for f in candidates if is_affordable(f) or len(f.rows) == 1)


def is_affordable(form: ProductForm) -> bool:
    """Whether a relaxation is small enough, and leaves time for its first step."""
    return form.size <= LARGEST and STEP * form.size**3 <= form.query.time_left()


def plain_forms(query: ProductQuery) -> list[ProductForm]:
    """Return the Gram matrices of the two smallest modes, and of the smallest alone."""
    by_size = sorted(range(query.T.ndim), key=lambda k: (query.T.shape[k], k))
    two = ProductForm(query, tuple(sorted(by_size[:2])), "gram")
    return [two, ProductForm(query, (by_size[0],), "gram")]


def halves(query: ProductQuery) -> list[ProductForm]:
    """Return the smallest two hats with two modes and more on both sides."""
    order, shape = query.T.ndim, query.T.shape
    subsets = [
        rows
        for count in range(2, order // 2 + 1)
        for rows in combinations(range(order), count)
        if 0 in rows or 2 * count < order
    ]
    whole = prod(shape)

    def size(rows: tuple[int, ...]) -> int:
        p: int = prod(shape[k] for k in rows)
        return p + whole // p

    return [ProductForm(query, rows, "hat") for rows in sorted(subsets, key=size)[:2]]


def symmetric_forms(query: ProductQuery) -> Iterator[ProductForm]:
    """Yield the square form for even order; for odd order the larger half against the rest."""
    order, hat = query.T.ndim, not query.gauges[0].free
    half = tuple(range((order + 1) // 2))
    kinds = ["square"] if order % 2 == 0 else ["hat"] if hat else ["gram"]
    if order % 2 and order > 3 and not hat:  # noqa: PLR2004  the other group has multipliers too
        kinds.append("hat")
    candidates = [f for f in (ProductForm(query, half, kind) for kind in kinds) if is_affordable(f)]
    yield from candidates or [ProductForm(query, (0,), "gram")]
