"""Rule `cones`: branch and bound over simplicial cones of a factor with few coordinates."""

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product

from ..arithmetic import Arithmetic, H
from ..arrays import Arrays, dyadic
from ..budget import FRACTION
from ..errors import demand
from ..evidence import Evidence
from ..fields import index
from ..norms import L2, SIGNS, LInf, Norm
from ..scalars import power
from ..simplicial import ConeForm, TreeSpan, over_products, product_form
from ..spaces import Modes, Network, Pair
from .corners import ends_of, is_free

SHORT = 16  # coordinates of the short factor, at most: there is a cone for each orthant
BITS = 24  # by which the grid of the data is refined, so that rounding a slope costs little


def cones(ar: Arithmetic[H], pair: Pair, w: H, proof: Evidence) -> Fraction:
    """Prove sup <W, u v^T> <= the largest bound of a cone of u ("axis" 0) or of v (1)."""
    axis = index(proof.fields.get("axis"), 2, "proof.polar.axis", "axis")
    demand(not pair.symmetric, "proof.polar.axis", "axis", axis)
    return tree_bound(ar, pair_form(ar, pair, w, axis), proof.given)


def pair_form(ar: Arithmetic[H], pair: Pair, w: H, axis: int) -> ConeForm:
    """Return the form of W^T u (axis 0) or W v (1).

    For the short factor z, g(z) = sup { <x, W z> : |x| <= 1 } is convex and homogeneous, so on a
    cone it is at most the linear function with its values at the generators.
    """
    short, other = (pair.right, pair.left) if axis else (pair.left, pair.right)
    rows, e = ar.exact_lines(w, 1 - axis, pair.at)
    return ConeForm(short, other, [*rows], (), power(e))


def layer_cones(ar: Arithmetic[H], net: Network, w: H, proof: Evidence) -> Fraction:
    """Prove sup |W^T pool(s(F u))|, in the dual norm of v, <= the largest bound of a cone of u."""
    return tree_bound(ar, layer_form(ar, net, w), proof.given)


def layer_form(ar: Arithmetic[H], net: Network, w: H) -> ConeForm:
    """Return the form of W^T pool(s(F u)) in u, s(z) = a z + (1 - a) z_+.

    On a cone where f_i . u has one sign, s(f_i . u) is linear.  Some maximizer has an unpriced
    bias b at a kink, where f_k . u + c b = 0 for some k: between kinks <W, s(F u + c b) v^T> is
    linear in b, and beyond all of them it is constant, as each column of W sums to zero.  At the
    kink f_i . u + c b = (f_i - f_k) . u, so for each k the form depends on u alone.
    """
    (m, d), a = net.features.shape, net.slope
    columns, e = ar.exact_lines(w, 1, net.at)
    lines, size = [*columns], d - net.free
    demand(size > 0, "proof.polar.rule", "wrong_rule", "no priced coordinate")
    ar.budget.hold(m * (2 * d + net.right.size), "rows and their weights")
    flat, fine = dyadic(net.features.data)
    ints = [[x << BITS for x in flat[i * d : i * d + size]] for i in range(m)]
    below, above = a.numerator, a.denominator - a.numerator
    weights = [[column[k] for column in lines] for k in net.samples]
    bent = [(f, [above * x for x in c]) for f, c in zip(ints, weights, strict=True) if any(c)]
    linear = [
        [below * sum(c[t] * f[j] for f, c in zip(ints, weights, strict=True)) for j in range(size)]
        for t in range(net.right.size)
    ]
    unit = power(e + fine - BITS) / a.denominator
    if not net.free:
        return ConeForm(net.left, net.right, linear, bent, unit)
    kinks = [*dict.fromkeys(map(tuple, ints))]
    pull = [below * sum(c) for c in zip(*weights, strict=True)]
    return ConeForm(L2(size), net.right, linear, bent, unit, kinks=kinks, pull=pull)


def tree_bound(ar: Arithmetic[H], form: ConeForm, given: Arrays) -> Fraction:
    """Bound a form over the cones of a tree."""
    codes, span = read_tree(form, form.number, given)
    return ar.cones(form._replace(tree=codes), span)


def read_tree(form: ConeForm, roots: int, given: Arrays) -> tuple[list[int], TreeSpan]:
    """Read a tree and its span: eight codes in each integer, the first code in the lowest byte.

    The tree ends with its last leaf; the rest of the last integer must be zeros.
    """
    d = form.short.size
    demand(d <= SHORT, "proof.polar.rule", "wrong_rule", f"{d} coordinates")
    words = given.get("tree", (None,), "q").data
    codes = [x >> shift & 255 for x in words for shift in range(0, 64, 8)]
    pairs = len(form.pairs)
    left, waiting, most, used = roots, list[int](), 1, 0  # the depth of each cone that waits
    deepest = long = 0
    while (left or waiting) and used < len(codes):
        code = codes[used]
        demand(code <= pairs, "proof.tree", "outside", code)
        left, depth = (left, waiting.pop()) if waiting else (left - 1, 0)
        waiting += [depth + 1] * 2 if code else []
        most, deepest, used = max(most, len(waiting)), max(deepest, depth), used + 1
        long += (depth >> 10) ** 2
    rest = codes[used:]
    whole = not left and not waiting and len(rest) < 8 and not any(rest)
    left += len(waiting)
    demand(whole, "proof.tree", "tree", f"{left} cones and {len(rest)} codes are left")
    return codes[:used], TreeSpan(most, deepest, long)


def product_cones(ar: Arithmetic[H], modes: Modes, w: H, proof: Evidence) -> Fraction:
    """Prove sup <W, x1 o ... o xK> <= the largest bound of a cone of all factors but one.

    That is the factor of the mode "axis"; a symmetric W has none.  On the orthants with signs s the
    factors are s z with z >= 0, and the tensor in z has the entries s_i ... s_k W.
    """
    axis = proof.fields.get("axis")
    if modes.symmetric:
        demand(axis is None, "proof.polar.axis", "axis", axis)
    else:
        axis = index(axis, len(modes.norms), "proof.polar.axis", "axis")
    form, signs, order = factor_form(modes.norms, axis)
    turn, d, m = form.modes, form.short.size, form.other.size
    codes, span = read_tree(form, math.prod(len(s) for x in signs for s in x), proof.given)
    ar.budget.hold(span.waiting * d * (2 * d + 3 + m), "cones that wait", 2 * span.depth)
    lows, highs, e = ar.spans(ar.unfold(w, modes.at, order, 1))
    ends = [*zip(highs, lows, strict=True)]
    sides = 1 if form.other.cone == "+" or lows == highs else 2  # largest entries, least ones
    work = node_work(form, len(ends), max(x.bit_length() for x in (*lows, *highs)))
    ar.budget.spend((len(codes) + len(turn) ** 2 * span.long) * work, "cones")

    def tensors() -> Iterator[list[list[int]]]:
        """Yield the largest entries of the tensor of each orthant, and the least ones."""
        for x in product(*(product(*s) for s in signs)):
            flips = [math.prod(s) for s in product(*(x[k] for k in turn)) for _ in range(m)]
            both = [p if s > 0 else (-p[1], -p[0]) for s, p in zip(flips, ends, strict=True)]
            yield [[p[side] for p in both] for side in range(sides)]

    return over_products(form._replace(unit=power(e), tree=codes), tensors())


def node_work(form: ConeForm, entries: int, bits: int) -> int:
    """Return the units of a cone of factors, for a tensor of so many entries of so many bits.

    Contractions with all generators, for v >= 0 of one side, else of both; a dual norm for each
    choice of generators; and for each slope a ratio for each choice.  Of factors that differ, each
    slope takes an integer division for each factor and choice.
    """
    count, most, last = len(form.sizes), max(form.sizes), form.other
    sums = len(form.modes) * entries * (1 if last.cone == "+" else 2)
    choices = entries // last.size
    norms = choices if last.line == "root" else entries
    passes = 2 + (count > 1) * count**2 + isinstance(form.short, LInf) * most
    work = most * sums + FRACTION * (norms + passes * (choices + form.short.size))
    return work * (1 + (bits >> 8))


def factor_form(
    norms: Sequence[Norm], axis: int | None
) -> tuple[ConeForm, list[list[tuple[int, ...]]], list[int]]:
    """Return the form of all factors but that of a mode, and the order of the modes with it last.

    Also return the signs of the coordinates of each factor; of x and -x one is enough if other
    modes can take the sign.  A symmetric tensor (axis None) has one factor, and the last one is a
    number in [0, 1].
    """
    order, count = [*range(len(norms))], len(norms)
    if axis is None:
        return (
            product_form(norms[:1], L2(1, "+"), [0] * count),
            ends_of(norms[:1], SIGNS, absorbed=count % 2 == 0),
            order,
        )
    order.append(order.pop(axis))
    *short, last = (norms[k] for k in order)
    kinds = sorted({n.name for n in short})
    demand(len(kinds) == 1, "proof.polar.rule", "wrong_rule", kinds)
    signs = ends_of(short, SIGNS, absorbed=is_free(last))
    return product_form(short, last, [*range(count - 1)]), signs, order
