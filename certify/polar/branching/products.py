"""Branch and bound on the relaxation: cases x^T Q x >= 0 and <= 0 of one mode's factor.

    sup over all products <= max over the leaves of their bounds

Q = sym(a b^T), a and b the two leading eigenvectors of the relaxation's optimal X reduced to
a mode: for X a mixture of u u^T and v v^T it is u u^T - v v^T, which separates the two.
"""

from dataclasses import replace
from math import inf, prod
from typing import Any, TypeAlias

import numpy as np
from threadpoolctl import threadpool_limits

from certify.base.arrays import Array
from certify.polar.query import Proposal
from certify.polar.relaxation.cut import Cut
from certify.polar.relaxation.product_admm import ProductMultiplier, Relaxed, Warm, solve
from certify.polar.relaxation.product_leaf import LeafArrays, proposal, write_leaf
from certify.polar.relaxation.products import ProductForm, pin
from certify.polar.relaxation.steps import Stop

from .tree import Limits, Solve, Solved, Tree, grow

STEPS = 600  # of a part
STALLED = 1e-5  # relative gain of a part under which it is split
FIRST, GAIN = 7, 0.04  # parts, and the share of the way to the goal they must gain for more
# where no deadline says how long to go on

Grown: TypeAlias = Tree[Cut, Warm, ProductMultiplier]


def branch(form: ProductForm, root: Relaxed, goal: float, nodes: int) -> Proposal | None:
    """Return the bound of a tree of at most `nodes` parts; None if a part has no proof.

    A tree that gains little at first is given up, unless there is a deadline to use.

    The multiplier N of the root serves all parts.
    """
    fixed = pin(form, root.best.J)
    start = root if fixed is form else root._replace(warm=None)
    limits = Limits(goal, 0.0, nodes, form.query.expired, workers=1)
    with threadpool_limits(1, user_api="blas"):
        bound = bounder(fixed, start)
        tree = grow(bound, replace(limits, nodes=min(FIRST, nodes)))
        first, timed = tree.nodes[0].solved.upper, form.query.deadline is not None
        if timed or first - tree.upper > GAIN * (first - goal):
            tree = grow(bound, limits, tree)
    made = proof_of(fixed, tree)
    return made and replace(made, open=tree.open(goal))


def bounder(form: ProductForm, root: Relaxed) -> Solve[Cut, Warm, ProductMultiplier]:
    """Return the function that bounds a part; the whole is `root`."""
    whole = form.program()

    def _solve(path: tuple[Cut, ...], warm: Warm | None, aim: float) -> Solved[Any, Any, Any]:
        if not path and root.warm is not None:
            relaxed = root
        else:
            stop = Stop(form.goal(aim), STEPS, STALLED, form.query.expired)
            start = form.start() if warm is None else warm
            relaxed = solve(replace(whole, cuts=path), stop, start)
        cut = best_cut(form, relaxed.X)
        both = None if cut is None else (cut, replace(cut, sign=-1))
        upper = form.value(relaxed.best.bound)
        return Solved(upper, relaxed.best, -inf, None, both, relaxed.warm)

    return _solve


def best_cut(form: ProductForm, X: Array) -> Cut | None:
    """Return the cut whose smaller violation by X, of both sides, is the largest.

    None if no mode has two directions.  For a factor alone in its group a cut is one number, which
    is 0 at X: neither side is violated.
    """
    best, cut = -inf, None
    for (first, at), group in zip(form.blocks(), form.groups, strict=True):
        block = X[first : first + at.size, first : first + at.size]
        dims = [form.query.T.shape[m] for m in group]
        for k, m in enumerate(group):
            a, n, b = prod(dims[:k]), dims[k], prod(dims[k + 1 :])
            R = np.einsum("xiyxjy->ij", block.reshape(a, n, b, a, n, b))
            values, vectors = np.linalg.eigh(R)
            if n == 1 or not values[-2] > 0:
                continue
            Q = np.outer(vectors[:, -1], vectors[:, -2])
            Q = Q + Q.T
            tried = Cut(Q / np.linalg.norm(Q), 1, m, first, (a, n, b))
            ends = np.linalg.eigvalsh(tried.reduce(X))
            if min(-ends[0], ends[-1]) > best:
                best, cut = min(-ends[0], ends[-1]), tried
    return cut


def proof_of(form: ProductForm, tree: Grown) -> Proposal | None:
    """Return the bound of a tree with its proof."""
    inner = [k for k, node in enumerate(tree.nodes) if node.children]
    split = {k: s for s, k in enumerate(inner)}
    cuts: list[Cut] = []
    nodes: list[dict[str, Any]] = []
    leaves: list[LeafArrays] = []
    for k, node in enumerate(tree.nodes):
        if node.children:
            plus, minus = node.children
            nodes.append({"split": split[k], "plus": plus, "minus": minus})
            cuts.append(tree.nodes[plus].path[-1])
            continue
        t = len(leaves)
        above = [(split[i], cut) for i, cut in zip(ancestors(tree, k), node.path, strict=True)]
        leaf = write_leaf(form, node.solved.witness, t, above)
        if leaf is None:
            return None
        leaves.append(leaf)
        nodes.append({"leaf": t} | leaf.node)
    return proposal(form, leaves, nodes, cuts)


def ancestors(tree: Grown, k: int) -> list[int]:
    """Return the parts above part k, from the root."""
    out: list[int] = []
    while (k := tree.nodes[k].parent) >= 0:
        out.insert(0, k)
    return out
