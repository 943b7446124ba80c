"""Branch and bound on the relaxation: the sign of w^T s first, then cuts in the space of u."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from certify.base.arrays import Array
from certify.base.checkpoint import CHECKPOINT
from certify.polar.layer_query import LayerQuery
from certify.polar.query import Proposal, in_floats
from certify.polar.relaxation.layer_admm import Relaxed
from certify.polar.relaxation.layer_leaf import leaf, nil
from certify.polar.relaxation.layer_multiplier import LayerMultiplier
from certify.polar.relaxation.row_bounds import RowBound

from .layer_parts import Bounder, Cut, Grown, allowance, bounder
from .tree import Limits, grow

GAP = 2.0**-20  # relative: a bound this near a found value is not worth more parts
FAR = 2.0**-7  # a target this far below a found value is not worth a tree
EDGE = 1e-9  # relative slack left for the last roundings of a leaf
FOURTH = 240  # binary exponents of F whose fourth powers are floats
SIGNED = 3  # parts of the tree that splits the sign of w^T s alone


def limits(query: LayerQuery, lower: float = 0.0) -> Limits:
    """Return when to stop."""
    target = max(query.target or 0.0, lower * (1 + GAP), 0.0)
    stop = Limits(target, GAP, allowance(query)[0], query.expired)
    return replace(
        stop, key=query.key("relaxation"), kinds=(Cut, LayerMultiplier, Relaxed, RowBound)
    )


def grow_tree(query: LayerQuery, lower: float = 0.0, tree: Grown | None = None) -> Grown:
    """Grow a new tree, or a given one further; lower: a value that is attained.

    Without a requested number of parts, a target far below an attained value is given up
    after the split by sign: no tree can prove it.
    """
    solve, stop = bounder(query), limits(query, lower)
    with threadpool_limits(1, user_api="blas"):
        if tree is None:
            tree = grow(solve, replace(stop, nodes=1))
        value = max(tree.lower, lower)
        refuted = query.target is not None and value > query.target * (1 + FAR)
        if query.nodes is None:  # in addition to those of the given tree
            stop = replace(stop, nodes=SIGNED if refuted else stop.nodes + len(tree.nodes) - 1)
        return grow(solve, stop, tree)


def keep_tree(query: LayerQuery, tree: Grown) -> None:
    """Keep a tree, from which the next one of the query grows."""
    checkpoint, stop = CHECKPOINT.get(), limits(query)
    if checkpoint is not None:
        checkpoint.keep(f"tree.{stop.key}", lambda: tree, now=True)


@in_floats
def proposal(query: LayerQuery, lower: float = 0.0) -> Proposal:
    """Return the bound of the tree with its proof; infinite outside the range of floats."""
    if query.beyond(FOURTH):
        return Proposal(np.inf)
    tree = grow_tree(query, lower)
    with threadpool_limits(1, user_api="blas"):
        aim = limits(query, max(lower, tree.lower)).target
        return Proposal(*proof_of(bounder(query), tree, aim), open=tree.open(aim))


def proof_of(solver: Bounder, tree: Grown, aim: float) -> tuple[float, dict[str, Any]]:
    """Return (bound, proof) of a tree: every leaf as coarse as the worst allows.

    A tree of one output is cut by the sign of w^T s.  Each sign e of v has its own cut there, with
    the part where e w^T s >= 0, and beyond it nothing to gain.
    """
    goal = max(tree.upper * (1 + EDGE), aim)
    signed = bool(tree.nodes[0].children) and solver.query.W.shape[1] == 1
    signs = solver.query.signs() if signed else ()
    firsts = first_nodes(solver, signs)
    nodes: list[dict[str, Any]] = [{} for _ in range(firsts.stop * signed)]
    cuts = [tree.nodes[1].path[0].normal] if signed else list[Array]()
    tops, arrays = [0.0], dict[str, Any]()
    places = places_of(tree, len(nodes))

    def add(made: dict[str, Any], bound: float) -> None:
        """Append a leaf."""
        t = len(tops) - 1
        nodes.append({"leaf": t, **made["node"]})
        arrays.update({f"{name}{t}": x for name, x in made["arrays"].items()})
        tops.append(bound)

    for node in tree.nodes[signed:]:
        ends = [places[k] for k in node.children]
        if ends:
            nodes.append({"cut": len(cuts), "plus": ends[0], "minus": ends[1]})
            cuts.append(tree.nodes[node.children[0]].path[-1].normal)
        elif node.solved.witness is None:
            add(*nil(solver.form, cuts[0]))
        else:
            rows = node.solved.witness.row_bounds
            for x in rows:
                nodes.append(x.node(len(nodes) + 1))
            cut_rows = solver.cuts(node.path)
            add(*leaf(solver.at(node.path, rows), cut_rows, node.solved.witness, goal))
    plus, minus = tree.nodes[0].children or (0, 0)
    for first, sign in zip(firsts, signs, strict=True):
        sides = {1: places[plus], -1: places[minus]}
        if solver.excluded_sign != -sign:
            sides[-sign] = len(nodes)
            add(*nil(solver.form, cuts[0]))
        nodes[first : first + firsts.step] = nodes_of_sign(solver, first, sides)
    if signed:
        nodes[0] = {"signs": [*firsts]}
    if cuts:
        arrays["cuts"] = np.array(cuts)
    return max(tops), {"rule": "network", "nodes": nodes, **arrays}


def first_nodes(solver: Bounder, signs: Sequence[int]) -> range:
    """Return the place of the first node of each sign: of the ranges of a free bias, or its cut."""
    step = len(solver.form.bias_ranges) + 1
    return range(1, 1 + len(signs) * step, step)


def nodes_of_sign(solver: Bounder, first: int, sides: Mapping[int, int]) -> list[dict[str, Any]]:
    """Return the nodes of a sign: the ranges of a free bias, and its cut."""
    chain = [x.node(first + t) for t, x in enumerate(solver.form.bias_ranges, 1)]
    return [*chain, {"cut": 0, "plus": sides[1], "minus": sides[-1]}]


def places_of(tree: Grown, first: int) -> list[int]:
    """Return the place of each part in a proof: before a leaf are the bounds of its rows.

    first  nodes are in the place of the root, if its parts are signs
    """
    sizes = [len(x.solved.witness.row_bounds) + 1 if x.solved.witness else 1 for x in tree.nodes]
    return [0, *accumulate([first or sizes[0], *sizes[1:]])]
