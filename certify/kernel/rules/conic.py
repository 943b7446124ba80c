"""Rule `conic`: a tree of cases for a pair of norms, each leaf a bound of a quadratic form."""

from array import array
from fractions import Fraction

from ..arithmetic import Arithmetic, H
from ..arrays import Array, Arrays
from ..budget import HELD, MADE, PATH
from ..errors import RejectedError, demand
from ..fields import Json
from ..norms import Groups, LInf, Norm
from ..patterns import Pattern
from ..spaces import Pair
from .conic_leaf import Leaf, leaf_bound, sides_of
from .tree import nodes_of, parts_of, paths_of, walk

SPLITS = ("cut", "equal", "groups")


def conic(ar: Arithmetic[H], pair: Pair, w: H, proof: Json, given: Arrays) -> Fraction:
    """Prove sup <W, phi> <= the largest of the leaves' bounds, over a tree of cases.

    {"cut": c, "plus": i, "minus": j} splits at a . z >= 0 and a . z <= 0, a any row: both
    together are everything.  {"equal": [p, q], ...} splits at z_p = z_q and z_p = -z_q, for
    two free coordinates of one linf side: <W, phi> is convex in that factor, so a maximizer
    over the cube is a vertex, where they agree up to sign.  {"groups": "left", "each": [...]}
    has a child for each group of a sum of groups' norms: for the same reason a maximizer is
    an extreme point, which is zero outside one group.  {"leaf": t, ...} bounds.
    "boxed" sides are first written as free cubes (`boxed`).
    """
    k = pair.at.m if pair.symmetric else pair.at.m + pair.at.n
    nodes = nodes_of(proof)
    ar.budget.afford(parts_of(nodes) * 3 * MADE * k * k, "the leaves of a tree")
    ar.budget.spend(PATH * paths_of(nodes) + HELD * k * len(nodes), "the paths of a tree")
    hat = ar.symmetric(w, pair.at) if pair.symmetric else ar.hat(w, pair.at)
    pair, hat, rows = boxed(ar, pair, hat, proof.get("boxed", []))
    k, own = sum(n.size for _, n, _ in sides_of(pair)), len(rows)
    cuts = given.get("cuts", (None, k)) if "cuts" in given.arrays else Array((0, k), array("d"))
    cuts = Array(
        (own + cuts.shape[0], k), array("d", [x for r in rows for x in r]) + array("d", cuts.data)
    )
    zeros = [n.sign(i) == "0" for _, n, _ in sides_of(pair) for i in range(n.size)]
    start = tuple((i, int(not zero)) for i, zero in enumerate(zeros))
    count = own, cuts.shape[0]
    splits = dict.fromkeys(SPLITS, lambda node, leaf, _: parted(pair, leaf, node, count))
    best = Fraction(0)
    for node, leaf in walk(nodes, splits, Leaf(tuple((c, 1) for c in range(own)), start)):
        best = max(best, leaf_bound(ar, pair, (hat, cuts), (node, leaf), given))
    return best


def boxed(
    ar: Arithmetic[H], pair: Pair, hat: H, sides: object
) -> tuple[Pair, H, list[list[float]]]:
    """Write cubes with signs as free cubes of one more coordinate s_0 = 1.

    u_i = (s_0 + s_i)/2 in [0, 1], (s_i - s_0)/2 in [-1, 0], s_i in [-1, 1], or 0: with
    z = R z' the form is z'^T R^T hat R z'.  A vertex of u is one of s.  The rows s_0 + s_i
    and s_0 - s_i are nonnegative, so that their products join the multipliers.
    """
    held = sides_of(pair)
    names = [name for name, n, _ in held if isinstance(n, LInf) and not pair.symmetric]
    known = isinstance(sides, list) and all(sides.count(x) == 1 and x in names for x in sides)
    demand(known, "proof.polar.boxed", "wrong_rule", sides)
    boxes = [name in sides for name, _, _ in held] if isinstance(sides, list) else []
    if not any(boxes):
        return pair, hat, []
    width, first = sum(n.size for _, n, _ in held) + sum(boxes), 0
    ar.budget.hold(4 * width * width, "free cubes")
    entries: list[list[tuple[int, float]]] = []
    rows: list[list[float]] = []
    for (_, n, _), box in zip(held, boxes, strict=True):
        entries += [unmixed(n, i, first, box=box) for i in range(n.size)]
        rows += box_rows(first, n.size, width) if box else []
        first += n.size + box
    k = len(entries)
    flat = array("d", bytes(8 * width * k))
    for at, found in enumerate(entries):
        for j, x in found:
            flat[j * k + at] = x
    R = ar.load(Array((width, k), flat))
    left, right = (
        LInf(n.size + 1) if box else n for (_, n, _), box in zip(held, boxes, strict=True)
    )
    new = Pair(Pattern(left.size, right.size), left, right)
    return new, ar.multiply(ar.multiply(R, hat), R), rows


def box_rows(first: int, size: int, width: int) -> list[list[float]]:
    """Return the rows s_0 + s_i and s_0 - s_i of a box whose s_0 is at `first`."""
    out = []
    for i in range(first + 1, first + 1 + size):
        for x in (1.0, -1.0):
            row = [0.0] * width
            row[first], row[i] = 1.0, x
            out.append(row)
    return out


def unmixed(n: Norm, i: int, first: int, *, box: bool) -> list[tuple[int, float]]:
    """Return coordinate i of a side as [(coordinate of z', factor)]."""
    if not box:
        return [(first + i, 1.0)]
    s = first + 1 + i
    signs = {"*": [(s, 1.0)], "+": [(first, 0.5), (s, 0.5)], "-": [(first, -0.5), (s, 0.5)]}
    return signs.get(n.sign(i), [])


def parted(pair: Pair, leaf: Leaf, node: Json, count: tuple[int, int]) -> list[Leaf]:
    """Return the parts of a leaf that a node's children stand for; they cover it."""
    if "groups" not in node:
        return [narrowed(pair, leaf, (node, side), count) for side in (1, -1)]
    found = [s for s in sides_of(pair) if s[0] == node["groups"] and not pair.symmetric]
    _, n, first = found[0] if found else ("", None, 0)
    if not isinstance(n, Groups) or n.outer != "l1":
        raise RejectedError("proof.polar.nodes", "wrong_rule", f"groups {node['groups']}")
    out = []
    for g in sorted(set(n.groups)):
        inside = [first + i for i, other in enumerate(n.groups) if other == g]
        away = {first + i for i in range(n.size)} - set(inside)
        classes = enumerate(leaf.classes)
        kept = tuple((i, 0) if i in away else (c, x) for i, (c, x) in classes)
        out.append(Leaf(leaf.cuts, kept))
    return out


def narrowed(pair: Pair, leaf: Leaf, step: tuple[Json, int], count: tuple[int, int]) -> Leaf:
    """Return the part of a leaf on one side of a split; count = (boxes' rows, all rows)."""
    (node, side), (own, rows) = step, count
    if "cut" in node:
        c = node["cut"]
        inside = type(c) is int and 0 <= c < rows - own
        demand(inside, "proof.polar.nodes", "outside", f"cut {c}")
        return Leaf((*leaf.cuts, (own + c, side)), leaf.classes)
    ends = node["equal"]
    demand(isinstance(ends, list) and len(ends) == 2, "proof.polar.nodes", "outside", ends)
    sides = [vertex_side(pair, i) for i in ends]
    demand(sides[0] == sides[1] >= 0, "proof.polar.nodes", "wrong_rule", f"equal {ends}")
    (a, s), (b, t) = (leaf.classes[i] for i in ends)
    demand(a != b, "proof.polar.nodes", "tree", f"equal {ends} twice")
    low, high = min(a, b), max(a, b)
    turn = side * s * t  # z_high = turn * z_low
    moved = tuple((low, x * turn) if c == high else (c, x) for c, x in leaf.classes)
    return Leaf(leaf.cuts, moved)


def vertex_side(pair: Pair, i: object) -> int:
    """Return the side of a free coordinate under linf; -1 for any other."""
    m, n = pair.at.m, pair.at.n
    if pair.symmetric or type(i) is not int or not 0 <= i < m + n:
        return -1
    side, k = (pair.left, i) if i < m else (pair.right, i - m)
    return int(i >= m) if isinstance(side, LInf) and side.sign(k) == "*" else -1
