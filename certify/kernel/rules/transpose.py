"""Rule `transpose`: a relaxation of the products of two groups of a tensor's modes."""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import product
from typing import Any

from ..arithmetic import Arithmetic, H, Pairs, Place
from ..arrays import Array, Arrays, on_diagonal
from ..budget import FRACTION, HELD, MADE
from ..errors import demand
from ..evidence import Evidence
from ..fields import Json, as_list
from ..norms import LInf, Norm
from ..patterns import Pattern
from ..scalars import root
from ..spaces import Modes
from .forms import Limits, form_bound, symmetric_array
from .tree import ROOT, End, Signed, largest, signed_splits
from .witness import modes_of, of_signs


@dataclass(frozen=True)
class Group:
    """Some modes of a tensor; its vector is the product of their factors.

    name    "rows" or "cols", in the names of its multipliers
    modes   a mode that is there twice has a copy of its factor
    first   the first of its rows in the matrix that is bounded
    one     all factors are the same vector
    """

    name: str
    modes: tuple[int, ...]
    norms: tuple[Norm, ...]
    first: int
    one: bool

    @property
    def places(self) -> list[list[int]]:
        """The places of each different factor in the product."""
        places: dict[int, list[int]] = {}
        for at, mode in enumerate(self.modes):
            places.setdefault(0 if self.one else mode, []).append(at)
        return list(places.values())

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of the modes."""
        return tuple(n.size for n in self.norms)

    @property
    def count(self) -> int:
        """The length of the product."""
        return math.prod(self.sizes)

    @property
    def wide(self) -> Fraction:
        """A bound of the squared l2 norm of the product."""
        return math.prod((n.widest for n in self.norms), start=Fraction(1))

    def cost(self, d: Sequence[Fraction]) -> Fraction:
        """Bound sup of sum d_a x_a^2 over the products x.

        The squares of a factor's coordinates are each at most 1 (linf), or their sum is at most
        `widest` (1 for l1, l2).  So the bound is the largest sum of the d_a^+ over the indices of
        the linf modes, for fixed indices of the others, times their `widest`.
        """
        sums: dict[tuple[int, ...], Fraction] = {}
        for a, v in zip(product(*map(range, self.sizes)), d, strict=True):
            at = tuple(i for i, n in zip(a, self.norms, strict=True) if not isinstance(n, LInf))
            sums[at] = sums.get(at, Fraction(0)) + max(v, Fraction(0))
        wide = math.prod(
            (n.widest for n in self.norms if not isinstance(n, LInf)), start=Fraction(1)
        )
        return max(sums.values()) * wide

    def partner(self, a: tuple[int, ...], b: tuple[int, ...]) -> tuple[Any, Any]:
        """Return the representative of all pairs of multi-indices with the same monomial.

        The indices of each factor are sorted; the smaller half goes to the first multi-index.
        """
        c, d = list(a), list(b)
        for positions in self.places:
            both = sorted([a[at] for at in positions] + [b[at] for at in positions])
            for at, low, high in zip(positions, both, both[len(positions) :], strict=False):
                c[at], d[at] = low, high
        return tuple(c), tuple(d)

    def pairs(self, *, canonical: bool) -> Pairs:
        """List pairs a <= b of multi-indices in row-major order, with their partners.

        canonical  the pairs a < b that are their own partners, and whose monomial is >= 0 (each
                   factor has a sign, or enters as a square); else the pairs that are not their own
                   partners
        """
        every = [*product(*map(range, self.sizes))]
        flat = {index: at for at, index in enumerate(every, self.first)}
        out: list[list[int]] = [[], [], [], []]
        signed = [n.cone != "*" for n in self.norms]
        for at, a in enumerate(every):
            for b in every[at:]:
                c, d = self.partner(a, b)
                if canonical == ((a, b) != (c, d)):
                    continue
                fits = zip(a, b, signed, strict=True)
                if canonical and (a == b or not all(s or i == j for i, j, s in fits)):
                    continue
                for column, index in zip(out, (a, b, c, d), strict=True):
                    column.append(flat[index])
        return Pairs(out[0], out[1]) if canonical else Pairs(*out)


def transpose(ar: Arithmetic[H], modes: Modes, w: H, proof: Evidence) -> Fraction:
    """Prove sup <W, x1 o ... o xK> by a relaxation of the products of two groups of modes.

    S is W + N unfolded: its rows belong to the products x of the modes "rows", its columns to the
    products y of the others.  N has the sign of the product of all factors, so <N, phi> >= 0.  J
    stands for multipliers with x^T J x >= 0 on products (`leaf_of_products`).

        gram     S S^T + J <= Diag(D) + t I         x^T S y <= |S^T x| |y|
        hat      [[J, S], [S^T, J']] <= Diag(D) + t I    x^T S y <= 1/2 z^T hat z, z = (x, y)
        square   (S + S^T)/2 + J <= Diag(D) + t I   all factors one, y = x

    and `Group.cost` and `Group.wide` bound the squares of x and y.

    "copies", modes among the rows with an l2 norm, appends their factors to x once more, in the
    form gram, which is then S S^T (x) I + J.  Some maximizer has l2 factors of norm 1, so |S^T x|^2
    is the same; monomials with a factor twice have more null multipliers.

    The nodes are a tree of cases: {"split": s, "plus": i, "minus": j} splits into v^T Q v >= 0 and
    v^T Q v <= 0, for the factor v of the mode splits[s] and a symmetric matrix Q; the two cover
    everything.
    """
    form, at = str(proof.fields.get("form")), modes.at
    demand(form in ("gram", "hat", "square"), "proof.polar.form", "unknown", form)
    groups, s = group_modes(ar, modes, w, proof)
    rows, cols = groups
    if form == "square":
        half = modes.symmetric and rows.count == cols.count and len(rows.modes) * 2 == len(at.dims)
        demand(half, "proof.polar.form", "wrong_rule", "square needs half of a symmetric tensor")
    used = (rows, cols) if form == "hat" else (rows,)
    k = sum(g.count for g in used)
    copies = rows.modes[len(modes.norms) - len(cols.modes) :]
    ar.budget.hold(k * k, "a relaxation")
    has_pairs = any(name[:1] in "KP" for name in proof.given.arrays)
    ar.budget.afford(has_pairs * 8 * HELD * max(g.count**2 for g in used), "pairs of products")
    demand(not copies or form == "gram", "proof.polar.copies", "wrong_rule", form)
    if form == "gram":
        base = repeat_modes(ar, ar.multiply(s, s), rows, len(copies))
    else:
        corner = Pattern(rows.count, cols.count)
        base = ar.hat(s, corner) if form == "hat" else ar.symmetric(s, corner)
    splits = as_list(proof.fields.get("splits", []), "proof.polar.splits")
    end = End(3 * MADE * k * k, partial(leaf_of_products, ar, (used, base, splits), proof))
    best = largest(ar, proof.fields, signed_splits(len(splits)), ROOT, {"leaf": end})
    if form == "gram":
        return root(best * cols.wide).hi
    return best / 2 if form == "hat" else best


def group_modes(
    ar: Arithmetic[H], modes: Modes, w: H, proof: Evidence
) -> tuple[tuple[Group, Group], H]:
    """Return the two groups of modes, and W + N unfolded."""
    count, at, given = len(modes.norms), modes.at, proof.given
    left = tuple(modes_of(proof.fields.get("rows"), count, "proof.polar.rows"))
    right = tuple(i for i in range(count) if i not in left)
    order, first = left + right, math.prod(at.sizes[i] for i in left)
    s = ar.unfold(w, at, order, first)
    if "N" in given.arrays:
        whole, places = Pattern(at.m, at.n, dims=at.dims), product(*map(range, at.sizes))
        n = of_signs(ar, given.get("N", (at.m * at.n,)), "N", places, modes.norms)
        s = ar.add(s, ar.unfold(n, whole, order, first))
    again = proof.fields.get("copies", [])
    good = isinstance(again, list) and all(type(i) is int and i in left for i in again)
    demand(good, "proof.polar.copies", "axis", again)
    norms = [modes.norms[i].name for i in again]
    demand(set(norms) <= {"l2"}, "proof.polar.copies", "wrong_rule", norms)
    made = [
        Group(name, members, tuple(modes.norms[i] for i in members), start, modes.symmetric)
        for name, members, start in (("rows", (*left, *again), 0), ("cols", right, first))
    ]
    return (made[0], made[1]), s


def repeat_modes(ar: Arithmetic[H], g: H, rows: Group, count: int) -> H:
    """Return G (x) I for the last `count` modes of a group."""
    for at in range(len(rows.modes) - count, len(rows.modes)):
        sizes = rows.sizes[: at + 1]
        ar.budget.hold(math.prod(sizes) ** 2, "copies")
        one = ar.load(on_diagonal([1.0] * sizes[-1]))
        g = ar.kronecker(one, g, Place(at, sizes, 0, math.prod(sizes)))
    return g


def leaf_of_products(
    ar: Arithmetic[H],
    whole: tuple[Sequence[Group], H, list[Any]],
    proof: Evidence,
    path: Signed,
    node: Json,
) -> Fraction:
    """Prove base + J <= Diag(D) + t I on a leaf, and so the bound of z^T base z (`form_bound`).

    z^T J z >= 0 for the products z of the groups, where J is the sum of

        K      null multipliers: a number k at (a, b), and -k at a pair (c, d) with the same
               monomial x_a x_b = x_c x_d; halved on the diagonal, so that z^T K z = 0
        P      numbers >= 0 at pairs whose monomial is >= 0
        F      for a split s on the path, sign * Q (x) F F^T: (sign v^T Q v) |F^T y|^2 >= 0
    """
    (groups, g, splits), witness, given = whole, proof.leaf(node), proof.given
    k, t = sum(x.count for x in groups), witness.mark
    for group in groups:
        for letter, canonical in (("K", False), ("P", True)):
            name = f"{letter}{t}.{group.name}"
            if name not in given.arrays:
                continue
            ar.budget.hold(8 * group.count**2, "pairs of products")
            pairs = group.pairs(canonical=canonical)
            values = given.get(name, (len(pairs.a),))
            least = min(values.data, default=0.0)
            demand(letter == "K" or least >= 0, f"proof.{name}", "sign", least)
            g = ar.add(g, ar.placed(values, pairs, k))
    for s, sign in path:
        if f"F{t}.{s}" in given.arrays:
            g = ar.add(g, split_part(ar, groups, (splits[s], s, sign, t), given))
    wide = sum((x.wide for x in groups), Fraction(0))
    diagonal = witness.find("D", k)
    if diagonal is None:
        return form_bound(ar, g, witness, Limits(wide))
    ar.budget.hold(k * k, "a diagonal")
    ar.budget.spend(2 * FRACTION * k, "the cost of a diagonal")
    d = [*map(Fraction, diagonal.data)]
    cost = sum((x.cost(d[x.first : x.first + x.count]) for x in groups), Fraction(0))
    return form_bound(ar, g, witness, Limits(wide, diagonal.data, cost))


def split_part(
    ar: Arithmetic[H], groups: Sequence[Group], what: tuple[object, int, int, str], given: Arrays
) -> H:
    """Return sign * Q (x) F F^T in its group's block."""
    mode, s, sign, t = what
    home = next((g for g in groups if mode in g.modes), None)
    demand(type(mode) is int and home is not None, f"proof.polar.splits[{s}]", "axis", mode)
    group = home or groups[0]
    at = group.modes.index(int(str(mode)))
    d = group.sizes[at]
    q = symmetric_array(given, f"Q{s}", d)
    block = ar.load(Array((d, d), array("d", (sign * x for x in q.data))))
    f = ar.load(given.get(f"F{t}.{s}", (group.count // d, None)))
    k = sum(x.count for x in groups)
    return ar.kronecker(block, ar.multiply(f, f), Place(at, group.sizes, group.first, k))
