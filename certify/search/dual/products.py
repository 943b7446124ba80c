"""Lower bounds from the dual points of a search among the factors of a matrix or a tensor."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import prod
from time import monotonic

import numpy as np

from certify.base.arrays import Array
from certify.polar import Proposal
from certify.polar.eigen import on_grid
from certify.polar.methods.branch import grow_tree, proposal
from certify.polar.product_query import ProductQuery
from certify.polar.query import PolarQuery
from certify.polar.relaxation.pair_admm import repair
from certify.polar.relaxation.pair_leaf import leaf
from certify.polar.relaxation.pairs import cell, of_pair
from certify.polar.relaxation.product_admm import ProductMultiplier
from certify.polar.relaxation.product_leaf import one_leaf
from certify.polar.relaxation.products import GRID
from certify.polar.relaxation.products import ProductForm as Relaxation
from certify.problem import Problem
from certify.search.coordinates.compress import compress
from certify.search.coordinates.products import is_nonnegative
from certify.search.search_result import SearchResult

from . import joint_cases, scaling
from .joint import Joint, Pair, polish, simple
from .joint_cases import BoundedCases
from .joint_layers import bound_or_polish
from .kinks import has_kinks
from .points import Dual, Run, best, dual_at, dual_of, inside_point

LARGEST = 500  # rows of a relaxation whose steps are quick
STEPS, EFFORT = 1500, 5e10  # of a polish, and in cubes of its size
LEAST = 3  # modes of a tensor whose polar has no closed form
FURTHER = 2.0  # factor of a matrix's stored dual point: a tree may bound its polar below lam
EDGE = 1e-9  # relative slack for the last roundings of a leaf
POLISHING = 0.4  # share of the time left
ONE_CASE, CASES = 1000, 200  # rows and columns up to which one case is quick, and several are
SHORT = 20  # shorter side up to which a tree for one W may close the gap of a loose relaxation
CASES_SHARES = 0.7, 0.95  # of the time left: for the cases, and when the last tree ends
MORE = 4096  # parts of that tree at most, inner ones included
LOOSE = 2e-3  # relative gap of one relaxation under which a tree for its W alone closes it sooner
ENOUGH = 0.5  # of epsilon: the gap at which no further dual point is tried


def bound_all(run: Run, result: SearchResult) -> list[Dual | None]:
    """Bound by the dual points of a search; its components are where the polar is attained.

    If the gap stays open, dual points are looked for that their own relaxations bound well.
    """
    at_best = replace(run, start=result.best)
    tries: list[Dual | None] = []
    for dual in attempts(at_best, result):
        tries.append(dual)
        top = best(tries)
        if top is not None and result.best.value - top.value <= ENOUGH * run.epsilon:
            break
    return tries


def attempts(run: Run, result: SearchResult) -> Iterator[Dual | None]:
    """Yield dual points, each needed only if those before left the gap open."""
    if is_beyond_trees(run.problem):  # where one case proves more than a tree of these
        yield from polish_cases(run)
        return
    duals, loss = result.duals, run.problem.loss
    lost = any(not loss.dual_value(W) >= loss.dual_value(0 * W) for W in duals)  # its floats
    if not duals or lost or has_kinks(run.problem):  # there a smoothed search has its own slopes
        duals = (*duals, dual_at(run.problem, result.best))
    for W in duals:
        yield from bound_or_polish(run, W)
    yield from polish_cases(run) if has_cases(run.problem) else polish_jointly(run, duals[0])


def polish_jointly(run: Run, W: Array) -> Iterator[Dual]:
    """Yield dual points polished together with a relaxation, the quickest relaxation first."""
    if not simple(run.problem):
        return
    small = None if run.problem.atom.family == "pairs" else compress(run.problem)
    problem = run.problem if small is None else small.problem
    expired = patience(run)
    for rows in groups(problem, None if small is None else small.mode):
        form = relaxation(problem, rows)
        joint = Joint(problem, form, W if small is None else small.field_down(W))
        run.clock.tell("dual point of a relaxation", run.start.value)
        pair = polish(joint, int(min(STEPS, EFFORT / form.size**3)), run.start.value, expired)
        if pair is None:
            return
        up = pair if small is None else pair._replace(W=small.field_up(pair.W))
        dual = proved_point(run.problem, up, rows)
        if dual is not None:
            yield dual
        if expired():
            return


def polish_cases(run: Run) -> Iterator[Dual | None]:
    """Yield dual points polished together with a tree of cases, of more and more of them.

    A large matrix has one case, the relaxation.  At the end W does not change any more, and the
    tree of the last cases grows further, where its bounds are worst.
    """
    problem = run.problem
    most = joint_cases.COUNTS[-1] if sum(problem.loss.dims) <= CASES else 1
    rest, now = run.clock.until_end(), monotonic()
    first, last = (now + share * rest for share in CASES_SHARES)
    top, wanted = run.start, run.start.value - ENOUGH * run.epsilon
    run.clock.tell("dual point of a tree", top.value)

    def left() -> float:
        """Return the seconds left of the share of the cases."""
        return 0.0 if run.clock.expired() else first - monotonic()

    best: BoundedCases | None = None
    for found in joint_cases.polish(problem, top.factors, (wanted, most), left):
        best = max(found, best or found, key=lambda stage: stage.value)
        near = top.value - found.value <= LOOSE * abs(top.value)
        if len(found.leaves) == 1:
            yield prove_cases(problem, found)
            if near:  # a tree for its W alone closes it sooner
                return
        elif near:
            break
    if len(found.leaves) == 1:
        return
    deadline = None if last == np.inf else last
    dual = prove_cases(problem, found, MORE if found.value < wanted else 0, deadline)
    yield dual
    if best and (dual is None or dual.value < best.value):  # the last stage was cut short
        yield prove_cases(problem, best)


def is_beyond_trees(problem: Problem) -> bool:
    """Whether several cases are quick, and a tree for one W closes no gap of a loose relaxation."""
    dims = problem.loss.dims
    return has_cases(problem) and sum(dims) <= CASES and min(dims) > SHORT


def has_cases(problem: Problem) -> bool:
    """Whether `joint_cases` knows the problem: a matrix, nonnegative factors of l2 norms."""
    loss = problem.loss
    return is_nonnegative(problem) and not loss.rowwise and sum(loss.dims) <= ONE_CASE


def prove_cases(
    problem: Problem, found: BoundedCases, nodes: int = 0, deadline: float | None = None
) -> Dual | None:
    """Return a dual point with the tree that proves its polar, grown to `nodes` parts."""
    point = inside_point(problem, found.W)
    if point is None:
        return None
    W, (left, right) = problem.loss.observed.tensor(point.W), problem.atom.gauges
    query = PolarQuery(W, left, right, problem.lam, deadline=deadline, nodes=nodes)
    polar = proposal(query, grow_tree(query, joint_cases.tree_of(problem, W, found)))
    return dual_of(problem, point, polar)


def patience(run: Run) -> Callable[[], bool]:
    """Return whether the polish's share of the time left is spent, or the minute of no budget."""
    left = run.clock.left()
    until = np.inf if left is None else monotonic() + POLISHING * left
    return lambda: monotonic() > until or run.clock.expired()


def proved_point(problem: Problem, pair: Pair, rows: tuple[int, ...]) -> Dual | None:
    """Return a dual point with its proof; gram: lam I - J >= S S^T / lam."""
    if problem.atom.family == "pairs":
        return proved_pair(problem, pair)
    point = inside_point(problem, pair.W)
    if point is None:
        return None
    form = relaxation(problem, rows, problem.loss.observed.tensor(point.W))
    N = None if pair.N is None else on_grid(pair.N, GRID)
    lone = problem.atom.gauges[form.columns[0]]
    if lone.free:  # else the lone mode has multipliers of its own
        p = form.lengths[0]
        form, J = replace(form, form="gram", N=N), problem.lam * pair.J[:p, :p]
    else:
        form, J = replace(form, N=N), pair.J
    polar = one_leaf(form, ProductMultiplier(J, np.zeros(1), 0.0))
    return None if polar is None else dual_of(problem, point, polar)


def proved_pair(problem: Problem, pair: Pair) -> Dual | None:
    """Return a dual point of a matrix, and its multiplier as the one leaf of a conic proof."""
    s = min(FURTHER, scaling.best_scale(problem, pair.W, problem.lam / FURTHER))
    point = inside_point(problem, s * pair.W)
    if point is None:
        return None
    root = cell(of_pair(problem.loss.observed.tensor(point.W), *problem.atom.gauges), ())
    J, m = s * pair.J, problem.loss.dims[0]
    if pair.N is not None:
        J[:m, m:] = s * pair.N
        J[m:, :m] = J[:m, m:].T
    multiplier = repair(root, np.where(root.signed_pairs, np.maximum(J, 0.0), 0.0), np.zeros(1))
    made, upper = leaf(root, multiplier, multiplier.bound * (1 + EDGE), 0)
    polar = Proposal(upper, {"rule": "conic", "nodes": [made["node"]], **made["arrays"]})
    return dual_of(problem, point, polar)


def has_relaxation(problem: Problem) -> bool:
    """Whether norms are l2, each free or of one sign, in a tensor or a matrix that has a sign.

    Beside a mode of one sign, all signs are + unless one is free.
    """
    atom = problem.atom
    tensor = atom.family == "products" and atom.parts > 1 and len(problem.loss.dims) >= LEAST
    if not (tensor or atom.family == "pairs"):
        return False
    free = [g.free for g in atom.gauges]
    plain = all(g.spherical and (g.free or g.cone in ("+", "-")) for g in atom.gauges)
    signs = any(free) or all(g.nonneg for g in atom.gauges)
    return plain and signs and (tensor or not all(free))


def groups(problem: Problem, alone: int | None = None) -> list[tuple[int, ...]]:
    """Return groups of all modes but one, the smallest first; of a matrix its rows.

    alone: the mode that must be outside.
    """
    dims = problem.loss.dims
    if not has_relaxation(problem):
        return []
    if problem.atom.family == "pairs":
        return [(0,)] if sum(dims) <= LARGEST else []
    left = range(len(dims)) if alone is None else [alone]
    size = prod(dims)
    lone = [k for k in left if size // dims[k] + dims[k] <= LARGEST]
    lone.sort(key=lambda k: (size // dims[k], k))
    return [tuple(m for m in range(len(dims)) if m != k) for k in lone]


def relaxation(problem: Problem, rows: tuple[int, ...], T: Array | None = None) -> Relaxation:
    """Return the relaxation of a group of modes against the one left."""
    atom, dims = problem.atom, problem.loss.dims
    return Relaxation(ProductQuery(np.zeros(dims) if T is None else T, atom.gauges), rows, "hat")
