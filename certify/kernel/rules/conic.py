"""Rule `conic`: a tree of cases for a pair of norms; each leaf bounds a quadratic form."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

from ..arithmetic import Arithmetic, H
from ..arrays import Arrays, matrix, rows_of, transposed, unpacked
from ..budget import FRACTION, HELD, MADE
from ..errors import RejectedError, demand
from ..evidence import Evidence
from ..fields import Json, as_list, index
from ..norms import Groups, LInf, Norm
from ..patterns import Pattern
from ..spaces import Pair
from .forms import Limits, congruent, form_bound, with_facts
from .tree import NODES, End, largest

Row = Sequence[float]  # the coefficients a of a linear function a . z


@dataclass(frozen=True)
class Leaf:
    """A part of the feasible set, on which some cuts have a sign and some coordinates agree.

    z = (u, v), or u alone for a symmetric atom
    cuts     pairs (row, 1 or -1): sign * (row . z) >= 0
    classes  for each coordinate (smallest coordinate c of its class, sign): z_i = sign * z_c;
             sign 0 if z_i = 0, by the cone or outside a group
    """

    cuts: tuple[tuple[Row, int], ...]
    classes: tuple[tuple[int, int], ...]

    @property
    def heads(self) -> list[int]:
        """The smallest coordinate of each class."""
        return [i for i, (c, sign) in enumerate(self.classes) if sign and c == i]


def conic(ar: Arithmetic[H], pair: Pair, w: H, proof: Evidence) -> Fraction:
    """Prove sup <W, phi> <= the largest of the leaves' bounds, over a tree of cases.

    {"cut": c, "plus": i, "minus": j} splits into a . z >= 0 and a . z <= 0 for a row a; the two
    cover everything.  {"equal": [p, q], ...} splits into z_p = z_q and z_p = -z_q, for two free
    coordinates of one linf side: <W, phi> is convex in that factor, so some maximizer over the
    cube is a vertex, where they agree up to sign.  {"groups": "left", "each": [...]} has a child
    for each group of a sum of groups' norms: for the same reason some maximizer is an extreme
    point, which is zero outside one group.  {"leaf": t, ...} is bounded by `leaf_bound`.
    "boxed" sides are first written as free cubes (`free_cubes`).
    """
    k, fields = pair.at.m if pair.symmetric else pair.at.m + pair.at.n, proof.fields
    ar.budget.spend(HELD * k * len(as_list(fields.get("nodes", []), NODES)), "the parts of a tree")
    hat = ar.symmetric(w, pair.at) if pair.symmetric else ar.hat(w, pair.at)
    pair, hat, boxes = free_cubes(ar, pair, hat, fields.get("boxed", []))
    k = sum(n.size for _, n, _ in sides_of(pair))
    cuts = proof.given.find("cuts", (None, k))
    narrow = partial(split_cut, pair, rows_of(cuts) if cuts else [])
    splits = {"cut": narrow, "equal": narrow, "groups": partial(split_groups, pair)}
    signs = [n.sign(i) for _, n, _ in sides_of(pair) for i in range(n.size)]
    start = Leaf(
        tuple((row, 1) for row in boxes),
        tuple((i, int(sign != "0")) for i, sign in enumerate(signs)),
    )
    leaf = End(3 * MADE * k * k, partial(leaf_bound, ar, (pair, hat), proof))
    return largest(ar, fields, splits, start, {"leaf": leaf})


def sides_of(pair: Pair) -> tuple[tuple[str, Norm, int], ...]:
    """Return (name, norm, first coordinate) of each part of z."""
    left = ("left", pair.left, 0)
    return (left,) if pair.symmetric else (left, ("right", pair.right, pair.at.m))


def free_cubes(ar: Arithmetic[H], pair: Pair, hat: H, boxes: object) -> tuple[Pair, H, list[Row]]:
    """Write cubes with signs as free cubes with one more coordinate s_0 = 1.

    A coordinate u_i in [0, 1] is (s_0 + s_i)/2, in [-1, 0] it is (s_i - s_0)/2, and in [-1, 1] it
    is s_i.  With z = R z' the form is z'^T R^T hat R z'; a vertex in u is a vertex in s.  The rows
    s_0 + s_i and s_0 - s_i are nonnegative, so their products are multipliers too.
    """
    sides = sides_of(pair)
    names = [name for name, n, _ in sides if isinstance(n, LInf) and not pair.symmetric]
    known = isinstance(boxes, list) and all(boxes.count(x) == 1 and x in names for x in boxes)
    demand(known, "proof.polar.boxed", "wrong_rule", boxes)
    if not isinstance(boxes, list) or not boxes:
        return pair, hat, []
    width, first = sum(n.size + (name in boxes) for name, n, _ in sides), 0
    ar.budget.hold(4 * width * width, "free cubes")
    old, rows, norms = [], [], []
    for name, n, _ in sides:
        box = name in boxes
        old += [coordinate_row(n, i, first, box=box) for i in range(n.size)]
        inner = range(first + 1, first + 1 + n.size) if box else ()
        rows += [[(first, 1.0), (i, x)] for i in inner for x in (1.0, -1.0)]
        norms.append(LInf(n.size + 1) if box else n)
        first += n.size + box
    turned = ar.load(transposed(matrix(old, width)))
    left, right = norms
    new = Pair(Pattern(left.size, right.size), left, right)
    return new, congruent(ar, turned, hat), rows_of(matrix(rows, width))


def coordinate_row(n: Norm, i: int, first: int, *, box: bool) -> list[tuple[int, float]]:
    """Return coordinate i of a side as [(coordinate of z', factor)]."""
    if not box:
        return [(first + i, 1.0)]
    s = first + 1 + i
    signs = {"*": [(s, 1.0)], "+": [(first, 0.5), (s, 0.5)], "-": [(first, -0.5), (s, 0.5)]}
    return signs.get(n.sign(i), [])


def split_groups(pair: Pair, node: Json, leaf: Leaf, where: str) -> list[Leaf]:
    """Return for each group the part where a side's coordinates outside the group are zero."""
    sides = [s for s in sides_of(pair) if s[0] == node["groups"] and not pair.symmetric]
    _, n, first = sides[0] if sides else ("", None, 0)
    if not isinstance(n, Groups) or n.outer != "l1":
        raise RejectedError(where, "wrong_rule", f"groups {node['groups']}")
    out = []
    for g in sorted(set(n.groups)):
        away = {first + i for i, other in enumerate(n.groups) if other != g}
        kept = ((i, 0) if i in away else entry for i, entry in enumerate(leaf.classes))
        out.append(Leaf(leaf.cuts, tuple(kept)))
    return out


def split_cut(pair: Pair, cuts: Sequence[Row], node: Json, leaf: Leaf, where: str) -> list[Leaf]:
    """Return both parts of a cut, or of a split into equal and opposite coordinates."""
    if "cut" in node:
        cut = cuts[index(node["cut"], len(cuts), where)]
        return [Leaf((*leaf.cuts, (cut, side)), leaf.classes) for side in (1, -1)]
    ends = node["equal"]
    demand(isinstance(ends, list) and len(ends) == 2, where, "outside", ends)
    sides = [vertex_side(pair, i) for i in ends]
    demand(sides[0] == sides[1] >= 0, where, "wrong_rule", f"equal {ends}")
    (a, s), (b, t) = (leaf.classes[i] for i in ends)
    demand(a != b, where, "tree", f"equal {ends} twice")
    low, high = min(a, b), max(a, b)
    return [  # z_high = e z_low
        Leaf(leaf.cuts, tuple((low, x * e) if c == high else (c, x) for c, x in leaf.classes))
        for e in (s * t, -s * t)
    ]


def vertex_side(pair: Pair, i: object) -> int:
    """Return the side (0 or 1) of a free coordinate of a linf norm, or -1 for any other."""
    m, n = pair.at.m, pair.at.n
    if pair.symmetric or type(i) is not int or not 0 <= i < m + n:
        return -1
    side, k = (pair.left, i) if i < m else (pair.right, i - m)
    return int(i >= m) if isinstance(side, LInf) and side.sign(k) == "*" else -1


def leaf_bound(
    ar: Arithmetic[H], whole: tuple[Pair, H], proof: Evidence, leaf: Leaf, node: Json
) -> Fraction:
    """Prove the bound of one leaf.

    Let G = hat(W) + B^T N B - Diag(D) - A^T S A, restricted to z_i = sign * z_c, and G <= t I.
    On the leaf z^T B^T N B z >= 0, as N >= 0 and B z >= 0 (signed coordinates, then cuts).  So
    z^T hat(W) z <= z^T Diag(D) z + z^T A^T S A z + t |z|^2, and each term is bounded over the unit
    balls.  For a pair u^T W v = 1/2 z^T hat(W) z.
    """
    (pair, g), witness = whole, proof.leaf(node)
    if f"N{witness.mark}" in witness.given.arrays:
        g = with_facts(ar, g, signed_facts(ar, pair, leaf), witness)
    place = {i: at for at, i in enumerate(leaf.heads)}
    k = len(place)
    if k < len(leaf.classes):
        ar.budget.hold(k * len(leaf.classes), "merged coordinates")
        merged = [[(place[c], sign)] if sign else [] for c, sign in leaf.classes]
        g = congruent(ar, ar.load(transposed(matrix(merged, k))), g)
    ar.budget.hold(2 * k * k, "a leaf")
    stored = witness.find("D", k)
    diagonal = stored.data if stored else [0.0] * k
    cost, wide = Fraction(0), Fraction(0)
    for name, n, first in sides_of(pair):
        mine = {i - first: at for i, at in place.items() if first <= i < first + n.size}
        d = [Fraction(diagonal[mine[i]] if i in mine else 0) for i in range(n.size)]
        part, g = entries_part(ar, (n, f"S{witness.mark}.{name}", d), (g, mine, k), witness.given)
        cost += part
        wide += Fraction(len(mine)) if isinstance(n, LInf) else n.widest  # a class counts once
    bound = form_bound(ar, g, witness, Limits(wide, diagonal, cost))
    return bound / (1 if pair.symmetric else 2)


def signed_facts(ar: Arithmetic[H], pair: Pair, leaf: Leaf) -> H:
    """Return B^T: sign * z_i >= 0 of the signed coordinates, then the leaf's cuts."""
    sides, rows = sides_of(pair), []
    for _, n, first in sides:
        signs = ((first + i, n.sign(i)) for i in range(n.size))
        rows += [[(i, 1.0 if x == "+" else -1.0)] for i, x in signs if x in "+-"]
    k = sum(n.size for _, n, _ in sides)
    ar.budget.hold(4 * k * (k + len(leaf.cuts)), "products of nonnegative rows")
    rows += [[(i, sign * x) for i, x in enumerate(row)] for row, sign in leaf.cuts]
    return ar.load(transposed(matrix(rows, k)))


def entries_part(
    ar: Arithmetic[H],
    what: tuple[Norm, str, list[Fraction]],
    where: tuple[H, dict[int, int], int],
    given: Arrays,
) -> tuple[Fraction, H]:
    """Return (bound of d and S on one side, G - A^T S A), A the norm's `forms`."""
    (n, name, d), (g, mine, k) = what, where
    if name not in given.arrays:
        return n.diagonal_cost(d), g
    demand(n.summed, f"proof.{name}", "wrong_rule", n.name)
    forms = [[(mine[i], x) for i, x in form if i in mine] for form in n.forms()]
    size = len(forms)
    ar.budget.hold((k + size) * size, "multipliers of entries")
    ar.budget.spend(2 * FRACTION * size * size, "multipliers of entries")
    full = unpacked(given.get(name, (size * (size + 1) // 2,)), size)
    turned = ar.load(transposed(matrix(forms, k)))
    g = ar.subtract(g, congruent(ar, turned, ar.load(full)))
    return n.entries_cost(*n.largest_entries(d, full.data)), g
