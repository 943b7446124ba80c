"""Rule `network`: a tree of cases for a layer that sums its rows.

sup |W^T pool(s(F u))|_2 over |u| <= 1
"""

from array import array
from fractions import Fraction
from typing import Any

from ..arithmetic import Arithmetic, H
from ..arrays import Array, Arrays
from ..budget import FRACTION, MADE, PATH
from ..errors import demand
from ..fields import Json
from ..scalars import power
from ..spaces import Network
from .cells import cell_bound
from .network_leaf import network_leaf
from .regions import Case, Region, pull_back
from .tree import children, node_of, parts_of, paths_of
from .witness import SIGNS


def network(ar: Arithmetic[H], net: Network, w: H, proof: Json, given: Arrays) -> Fraction:
    """Prove sup |W^T pool(s(F u))|_2 over |u| <= 1 <= the largest bound over a tree of cases.

    Over the u where the last `net.inside` rows are >= 0; these are first on every path.

    {"signs": [i, j]}, at the root and for one output: w^T s and -w^T s by themselves (one
    child where v has a sign).  {"row": i, "plus": a, "minus": b} splits at f_i . u >= 0 and <= 0,
    {"cut": c, ...} at a . x >= 0 and <= 0 for any row a of "cuts" over x = (p, u), p =
    (F u)_+: both children together are everything.  {"cell": ...} is `cell_bound`,
    {"leaf": t, ...} is `network_leaf`.  A child comes after its parent and has one parent.
    """
    nodes = proof.get("nodes")
    demand(isinstance(nodes, list) and bool(nodes), "proof.polar.nodes", "list", "no node")
    listed: list[Any] = list(nodes or [])
    m, d = net.features.shape
    leaf = 2 * m * m * (m + d) + 3 * MADE * (m + d) ** 2
    ar.budget.afford(parts_of(listed) * leaf, "the leaves of a tree")
    cells = parts_of(listed, "cell") * 2 * FRACTION * m * (d + 1)
    ar.budget.spend(cells, "the cells of a tree")
    ar.budget.spend(PATH * paths_of(listed), "the paths of a tree")
    ar.budget.spend(3 * FRACTION * m * d, "rows in fractions")
    known = "cuts" in given.arrays
    cuts = given.get("cuts", (None, m + d)) if known else Array((0, m + d), array("d"))
    omega: list[Fraction] = []
    if net.right.size == 1:
        lines, e = ar.exact_lines(w, 1, net.at)
        omega = [v * power(e) for v in next(iter(lines))]
        omega = [omega[k] if k >= 0 else Fraction(0) for k in net.samples]
    case = Case(net, pull_back(ar, net, w), omega, cuts)
    inside = tuple(("row", i, 1) for i in range(m - net.inside, m))
    waiting: list[tuple[int, Region]] = [(0, Region(0, inside))]
    best, seen = Fraction(0), set[int]()
    while waiting:
        at, path = waiting.pop()
        where = f"proof.polar.nodes[{at}]"
        demand(at not in seen, where, "tree", "two parents")
        seen.add(at)
        node = node_of(listed, at, ("signs", "row", "cut", "cell", "leaf"))
        if "cell" in node:
            best = max(best, cell_bound(case, path, node))
        elif "leaf" in node:
            best = max(best, network_leaf(ar, case, (path, node), given))
        else:
            waiting += branches(case, path, node, (at, len(listed)))
    met = f"{len(seen)} of {len(listed)} nodes met"
    demand(len(seen) == len(listed), "proof.polar.nodes", "tree", met)
    return best


def branches(
    case: Case[H], path: Region, node: Json, where: tuple[int, int]
) -> list[tuple[int, Region]]:
    """Return the children of a node with what holds in each."""
    at, count = where
    name = f"proof.polar.nodes[{at}]"
    if "signs" in node:
        demand(case.net.right.size == 1 and at == 0, name, "tree", "signs")
        found = children({"groups": 0, "each": node["signs"]}, at, count)
        signs = SIGNS[case.net.right.cone]
        demand(len(found) == len(signs), name, "tree", found)
        return [(c, path._replace(sign=s)) for c, s in zip(found, signs, strict=True)]
    kind = "row" if "row" in node else "cut"
    limit = (case.net.features if kind == "row" else case.cuts).shape[0]
    index = node[kind]
    demand(type(index) is int and 0 <= index < limit, name, "outside", index)
    found = children({k: node.get(k) for k in ("plus", "minus")}, at, count)
    demand(len(found) == 2, name, "tree", found)
    pairs = zip(found, (1, -1), strict=True)
    return [(c, path._replace(cuts=(*path.cuts, (kind, index, s)))) for c, s in pairs]
