"""Rule `network`: a tree of cases for a layer that sums its rows.

sup |W^T pool(s(F u))|_2 over |u| <= 1
"""

from array import array
from fractions import Fraction
from functools import partial

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
from .tree import nodes_of, parts_of, paths_of, walk
from .witness import SIGNS


def network(ar: Arithmetic[H], net: Network, w: H, proof: Json, given: Arrays) -> Fraction:
    """Prove sup |W^T pool(s(F u))|_2 over |u| <= 1 <= the largest bound over a tree of cases.

    Over the u where the last `net.inside` rows are >= 0; these are first on every path.

    {"signs": [i, j]}, at the root and for one output: w^T s and -w^T s by themselves (one
    child where v has a sign).  {"row": i, "plus": a, "minus": b} splits at f_i . u >= 0 and <= 0,
    {"cut": c, ...} at a . x >= 0 and <= 0 for any row a of "cuts" over x = (p, u), p =
    (F u)_+: both children together are everything.  {"cell": ...} is `cell_bound`,
    {"leaf": t, ...} is `network_leaf`.
    """
    nodes = nodes_of(proof)
    m, d = net.features.shape
    leaf = 2 * m * m * (m + d) + 3 * MADE * (m + d) ** 2
    ar.budget.afford(parts_of(nodes) * leaf, "the leaves of a tree")
    cells = parts_of(nodes, "cell") * 2 * FRACTION * m * (d + 1)
    ar.budget.spend(cells, "the cells of a tree")
    ar.budget.spend(PATH * paths_of(nodes), "the paths of a tree")
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
    splits = dict.fromkeys(("signs", "row", "cut"), partial(branches, case))
    best = Fraction(0)
    for node, path in walk(nodes, splits, Region(0, inside), ("cell", "leaf")):
        if "cell" in node:
            best = max(best, cell_bound(case, path, node))
        else:
            best = max(best, network_leaf(ar, case, (path, node), given))
    return best


def branches(case: Case[H], node: Json, path: Region, where: str) -> list[Region]:
    """Return what holds at each child of a node; signs are asked for at the root."""
    if "signs" in node:
        root = path.sign == 0 and len(path.cuts) == case.net.inside
        demand(case.net.right.size == 1 and root, where, "tree", "signs")
        return [path._replace(sign=s) for s in SIGNS[case.net.right.cone]]
    kind = "row" if "row" in node else "cut"
    limit = (case.net.features if kind == "row" else case.cuts).shape[0]
    index = node[kind]
    demand(type(index) is int and 0 <= index < limit, where, "outside", index)
    return [path._replace(cuts=(*path.cuts, (kind, index, s))) for s in (1, -1)]
