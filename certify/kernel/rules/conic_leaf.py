"""The bound of one leaf of rule `conic`: a form, its multipliers and their costs."""

from array import array
from dataclasses import dataclass
from fractions import Fraction

from ..arithmetic import Arithmetic, H
from ..arrays import Array, Arrays, on_diagonal, unpacked
from ..budget import FRACTION
from ..errors import demand
from ..fields import Json, shift_of
from ..norms import LInf, Norm
from ..spaces import Pair
from .witness import largest_eigenvalue


@dataclass(frozen=True)
class Leaf:
    """A part of the feasible set: where some cuts have a sign and some coordinates agree.

    z = (u, v), or u alone for a symmetric atom; k coordinates
    cuts     pairs (row of the array "cuts", 1 or -1): sign * (row . z) >= 0
    classes  for each coordinate (smallest coordinate of its class, sign): z_i = sign * z_c;
             sign 0 where z_i = 0, by the cone or outside a group
    """

    cuts: tuple[tuple[int, int], ...]
    classes: tuple[tuple[int, int], ...]

    @property
    def heads(self) -> list[int]:
        """The coordinates that name the classes; y has one entry for each."""
        return [i for i, (c, sign) in enumerate(self.classes) if sign and c == i]


def leaf_bound(
    ar: Arithmetic[H], pair: Pair, whole: tuple[H, Array], step: tuple[Json, Leaf], given: Arrays
) -> Fraction:
    """Prove the bound of one leaf.

    G = hat(W) + B^T N B - Diag(D) - A^T S A, restricted to z_i = sign * z_c, and G <= t I.
    B^T N B is nonnegative on the leaf: N >= 0, and B z >= 0 there (signed coordinates,
    then cuts).  So z^T hat(W) z <= z^T Diag(D) z + z^T A^T S A z + t |z|^2, each bounded
    over the unit balls by its cost.  A pair has u^T W v = 1/2 z^T hat(W) z.
    """
    (hat, cuts), (node, leaf) = whole, step
    t, where = node["leaf"], "proof.polar.nodes"
    demand(type(t) is int and t >= 0, where, "outside", t)
    g = restricted(ar, leaf, nonnegative_part(ar, pair, (hat, cuts), (f"N{t}", leaf), given))
    place = {i: at for at, i in enumerate(leaf.heads)}
    k = len(place)
    ar.budget.hold(2 * k * k, "a leaf")
    cost, wide, diagonal = Fraction(0), Fraction(0), [0.0] * k
    if f"D{t}" in given.arrays:
        diagonal = list(given.get(f"D{t}", (k,)).data)
        g = ar.subtract(g, ar.load(on_diagonal(diagonal)))
    for name, n, first in sides_of(pair):
        mine = {i - first: at for i, at in place.items() if first <= i < first + n.size}
        d = [Fraction(diagonal[mine[i]] if i in mine else 0) for i in range(n.size)]
        part, g = entries_part(ar, (n, f"S{t}.{name}", d), (g, mine, k), given)
        cost += part
        wide += Fraction(len(mine)) if isinstance(n, LInf) else n.widest  # merged counts once
    top = largest_eigenvalue(ar, g, shift_of(node, f"{where}.shift"), given, f"L{t}")
    return (cost + top * wide) / (1 if pair.symmetric else 2)


def sides_of(pair: Pair) -> tuple[tuple[str, Norm, int], ...]:
    """Return (name, norm, first coordinate) of each part of z."""
    left = ("left", pair.left, 0)
    return (left,) if pair.symmetric else (left, ("right", pair.right, pair.at.m))


def nonnegative_part(
    ar: Arithmetic[H], pair: Pair, whole: tuple[H, Array], step: tuple[str, Leaf], given: Arrays
) -> H:
    """Return hat(W) + B^T N B; N packed, over signed coordinates and then the leaf's cuts."""
    (hat, cuts), (name, leaf) = whole, step
    if name not in given.arrays:
        return hat
    k = cuts.shape[1]
    ar.budget.hold(4 * k * (k + len(leaf.cuts)), "products of nonnegative rows")
    signed = [
        (f + i, x) for _, n, f in sides_of(pair) for i in range(n.size) if (x := n.sign(i)) in "+-"
    ]
    p, q = len(signed), len(signed) + len(leaf.cuts)
    a = given.get(name, (q * (q + 1) // 2,))
    demand(min(a.data, default=0.0) >= 0, f"proof.{name}", "sign", min(a.data, default=0.0))
    full = unpacked(a, q)
    square, across = array("d", bytes(8 * k * k)), array("d", bytes(8 * k * (q - p)))
    for a_, (i, x) in enumerate(signed):
        for b_, (j, y) in enumerate(signed):
            square[i * k + j] = full[a_ * q + b_] if x == y else -full[a_ * q + b_]
        for c in range(p, q):
            across[i * (q - p) + c - p] = full[a_ * q + c] if x == "+" else -full[a_ * q + c]
    g = ar.add(hat, ar.load(Array((k, k), square)))
    return (
        g if p == q else ar.add(g, cut_part(ar, (cuts, leaf), Array((k, q - p), across), full, p))
    )


def cut_part(
    ar: Arithmetic[H], by: tuple[Array, Leaf], across: Array, full: list[float], p: int
) -> H:
    """Return E N12 C + (E N12 C)^T + C^T N22 C; the rows of C are the leaf's cuts."""
    cuts, leaf = by
    k, c = cuts.shape[1], len(leaf.cuts)
    q = p + c
    rows = [[s * x for x in cuts.data[e * k : e * k + k]] for e, s in leaf.cuts]
    C = ar.load(Array((k, c), array("d", [row[i] for i in range(k) for row in rows])))
    N12 = ar.load(across)
    N22 = ar.load(
        Array((c, c), array("d", [full[(p + i) * q + p + j] for i in range(c) for j in range(c)]))
    )
    out = ar.add(ar.multiply(N12, C), ar.multiply(C, N12))
    return ar.add(out, ar.multiply(ar.multiply(C, N22), C))


def restricted(ar: Arithmetic[H], leaf: Leaf, g: H) -> H:
    """Return M^T G M, where z = M y on the leaf's classes; G itself when nothing is merged."""
    k = len(leaf.classes)
    heads = leaf.heads
    if len(heads) == k:
        return g
    ar.budget.hold(k * len(heads), "merged coordinates")
    flat = array("d", bytes(8 * k * len(heads)))
    place = {c: r for r, c in enumerate(heads)}
    for i, (c, sign) in enumerate(leaf.classes):
        if sign:
            flat[place[c] * k + i] = sign
    M = ar.load(Array((len(heads), k), flat))
    return ar.multiply(ar.multiply(M, g), M)


def entries_part(
    ar: Arithmetic[H],
    what: tuple[Norm, str, list[Fraction]],
    where: tuple[H, dict[int, int], int],
    given: Arrays,
) -> tuple[Fraction, H]:
    """Return (cost of d and S on one side, G - A^T S A), A the coordinates or differences."""
    (n, name, d), (g, mine, k) = what, where
    if name not in given.arrays:
        return n.diagonal_cost(d), g
    demand(n.summed, f"proof.{name}", "wrong_rule", n.name)
    forms = n.forms()
    size = len(forms)
    ar.budget.hold((k + size) * size, "multipliers of entries")
    ar.budget.spend(2 * FRACTION * size * size, "multipliers of entries")
    full = unpacked(given.get(name, (size * (size + 1) // 2,)), size)
    A = array("d", bytes(8 * k * size))
    for r, form in enumerate(forms):
        for i, x in form:
            if i in mine:
                A[mine[i] * size + r] += x
    a, inside = ar.load(Array((k, size), A)), ar.load(Array((size, size), array("d", full)))
    g = ar.subtract(g, ar.multiply(ar.multiply(a, inside), a))
    return n.entries_cost(*n.largest_entries(d, full)), g
