"""Rule `cones`: branch and bound over simplicial cones of a factor with few coordinates."""

import math
from fractions import Fraction
from itertools import product

from ..arithmetic import Arithmetic, H
from ..arrays import Arrays, dyadic
from ..budget import FRACTION
from ..errors import demand
from ..evidence import Evidence
from ..fields import index
from ..norms import L2, SIGNS
from ..scalars import power
from ..simplicial import ConeForm, TreeSpan, over_powers, power_form
from ..spaces import Modes, Network, Pair

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
    codes, span = read_tree(form.short.size, form.number, given)
    return ar.cones(form._replace(tree=codes), span)


def read_tree(d: int, roots: int, given: Arrays) -> tuple[list[int], TreeSpan]:
    """Read a tree and its span: eight codes in each integer, the first code in the lowest byte.

    The tree ends with its last leaf; the rest of the last integer must be zeros.
    """
    demand(d <= SHORT, "proof.polar.rule", "wrong_rule", f"{d} coordinates")
    words = given.get("tree", (None,), "q").data
    codes = [x >> shift & 255 for x in words for shift in range(0, 64, 8)]
    pairs = d * (d - 1) // 2
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


def power_cones(ar: Arithmetic[H], modes: Modes, w: H, proof: Evidence) -> Fraction:
    """Prove sup <W, x o ... o x> <= the largest bound of a cone, W symmetric.

    On the orthant with signs s, x = s z with z >= 0, and the tensor in z has the entries
    s_i ... s_k W, each at the larger end of its interval.  For an even order x and -x have the
    same value, so half of the orthants are enough if x is free.
    """
    norm, order = modes.norms[0], len(modes.norms)
    demand(modes.symmetric, "proof.polar.rule", "wrong_rule", "factors that differ")
    d = norm.size
    signs = [SIGNS[norm.sign(k)] for k in range(d)]
    if order % 2 == 0 and all(len(s) == 2 for s in signs):
        signs[0] = (1,)
    codes, span = read_tree(d, math.prod(map(len, signs)), proof.given)
    ar.budget.hold(span.waiting * d * (2 * d + 4), "cones that wait", 2 * span.depth)
    work = (order + FRACTION) * d ** (order + 1)
    ar.budget.spend((len(codes) + order**2 * span.long) * work, "cones")
    lows, highs, e = ar.spans(ar.unfold(w, modes.at, range(order), 1))
    ends = [*zip(lows, highs, strict=True)]
    orthants = (
        [
            high if math.prod(each) > 0 else -low
            for each, (low, high) in zip(product(s, repeat=order), ends, strict=True)
        ]
        for s in product(*signs)
    )
    return over_powers(power_form(norm, power(e), codes), orthants, order)
