"""Simplicial cones of one short factor, and the walk through a tree of them in integers."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate, combinations, pairwise, product, zip_longest
from math import ceil, floor, isqrt, prod
from operator import mul
from typing import NamedTuple, TypeVar

from .norms import L2, SIGNS, LInf, Norm
from .scalars import power

T = TypeVar("T")
Ints = Sequence[int]
Rows = Sequence[Ints]
Known = dict[tuple[int, ...], int]
FINE = 64  # lengths and bounds are integers times 2^-FINE, rounded up; affects sharpness only
STEEP = 32  # bits of a slope between 0 and 1; affects sharpness only
SWEEPS = 3  # over the coordinates, to shorten a slope; affects sharpness only
LEVEL = 20  # bits between the n_j of one factor, at most; affects sharpness only
KNOWN = 1 << 12  # vertex bounds in the cache: many cones share a generator


class ConeForm(NamedTuple):
    """h(z) = A z + sum over i of w_i (f_i . z)_+, and g(z) = unit sup { <x, h(z)> : |x| <= 1 }.

    short   the norm of z; other: the norm of x; both with their cones
    linear  A, (outputs, d); bent: (f_i, w_i), of sizes d and outputs
    tree    in preorder from the roots: 0 is a leaf, c > 0 a split of the c-th pair of generators
    kinks   if there are any, g is the maximum over the rows k of kinks of the form in which f_i - k
            replaces f_i and A - p k^T replaces A
    pull    p, one number for each output; without it p = 0
    sizes   of the parts of z, if it has several: each generator is in one of them
    modes   of a tensor: of each mode but the last, the part of z that is its factor
    """

    short: Norm
    other: Norm
    linear: Rows
    bent: Sequence[tuple[Ints, Ints]]
    unit: Fraction
    tree: Ints = ()
    kinks: Rows = ()
    pull: Ints = ()
    sizes: Ints = ()
    modes: Ints = ()

    @property
    def parts(self) -> list[range]:
        """The coordinates of each part."""
        ends = [*accumulate(self.sizes or [self.short.size], initial=0)]
        return [range(a, b) for a, b in pairwise(ends)]

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The pairs of generators between which a cone is split."""
        return [p for part in self.parts for p in combinations(part, 2)]

    @property
    def signs(self) -> list[tuple[int, ...]]:
        """The signs of each coordinate in the orthants; if g is even the first has one sign."""
        signs = [SIGNS[self.short.sign(k)] or (1,) for k in range(self.short.size)]
        norms = self.short, self.other
        if not self.bent and all(n.sign(k) == "*" for n in norms for k in range(n.size)):
            signs[0] = (1,)
        return signs

    @property
    def number(self) -> int:
        """The number of roots."""
        return prod(map(len, self.signs)) * (len(self.kinks) or 1)

    def roots(self) -> Iterator[tuple[Ints, tuple[int, ...]]]:
        """Yield each kink with each orthant; the orthants cover the cone of z (or half, g even)."""
        return product(self.kinks or [[0] * self.short.size], product(*self.signs))


class TreeSpan(NamedTuple):
    """The size of a tree of cones: the memory of its walk, and the length of its integers.

    waiting  the largest number of cones of one root that wait at a time
    depth    the largest number of splits above a leaf
    long     the sum of floor(depth / 1024)^2 over all nodes.  A split makes generators and their
             dual rows a bit or two longer, so the work of products grows by the square
    """

    waiting: int
    depth: int = 0
    long: int = 0


class Cone(NamedTuple):
    """{ sum a_j g_j : a >= 0 }; the dual rows have r_j . g_k = 0 for k != j, 2^(e_j) for k = j.

    sizes    about the binary logarithm of |g|_2 of each generator; lengths: about |g|
    linear   the linear part of h at each generator; bent: (w_i, f_i . g_j for each j) of the rest
    bounds   the vertex bound c_j of each generator, if the form has no bent points
    """

    generators: list[Ints]
    rows: list[Ints]
    exps: list[int]
    sizes: list[int]
    lengths: list[int]
    linear: list[Ints]
    bounds: list[int]
    bent: Sequence[tuple[Ints, Ints]]


def over_cones(form: ConeForm) -> Fraction:
    """Prove sup { g(z) : |z| <= 1, z in its cone } <= the largest bound of a leaf."""
    best, codes = 0, iter(form.tree)
    for kink, signs in form.roots():
        for cone in leaf_cones(form, orthant(form, signs, kink), codes):
            best = leaf(form, cone, best)
    return form.unit * best * power(-FINE)


def leaf_cones(form: ConeForm, root: Cone, codes: Iterator[int]) -> Iterator[Cone]:
    """Yield the leaves below a root, which together cover it; take their codes in preorder.

    A split of g_i, g_j has two children, in which m = 2^p g_i + 2^q g_j replaces g_j and g_i.  For
    any p and q the children together are the parent: m divides the plane cone of g_i and g_j.
    """
    waiting, known = [root], Known()
    pairs = form.pairs
    while waiting:
        cone = waiting.pop()
        if code := next(codes):
            waiting += halves(form, cone, *pairs[code - 1], known)
        else:
            yield cone


def product_form(
    norms: Sequence[Norm], last: Norm, modes: Ints, unit: Fraction = Fraction(1), tree: Ints = ()
) -> ConeForm:
    """Return the form of a tensor over factors >= 0: no linear part, no bent points.

    norms  one for each different factor, all of one kind; last: the norm of the last mode
    """
    sizes = [norm.size for norm in norms]
    short = replace(norms[0], size=sum(sizes), cone="+")
    zero = [[0] * short.size] * last.size
    return ConeForm(short, last, zero, (), unit, tree, sizes=sizes, modes=modes)


def over_products(form: ConeForm, orthants: Iterable[Sequence[Ints]]) -> Fraction:
    """Prove sup { <A(x_1, ..., x_K), v> : x_k >= 0, |x_k| <= 1, |v| <= 1 } <= the largest bound of
    a leaf, for each A.

    orthants  of each root A, or its largest and its least entries: row-major, the mode of v last

    Modes of one part have the same factor.  On the cone of z the factors are x_k = sum a_j g_j,
    a >= 0, with the generators of their part, and <A(x_1, ..., x_K), v> is the sum of
    a_i ... b_l <A(g_i, ..., g_l), v>, where this is at most c = |A(g_i, ..., g_l)|_* if all
    numbers are >= 0.  If n_j > 0, t >= 0 and c <= t n_i ... n_l for all generators, the sum is at
    most t (y_1 . x_1) ... (y_K . x_K) <= t |y_1|_* ... |y_K|_*, where y_k . g_j = n_j.
    Some n are tried: n_j about |g_j|; if the factors differ, in turn for each of them the least
    that c allows; for linf, all y_k = 1 at their 1, 2, ... largest coordinates, 0 elsewhere.
    """
    best, codes = Fraction(0), iter(form.tree)
    for ends in orthants:
        for cone in leaf_cones(form, orthant(form, (1,) * form.short.size), codes):
            best = max(best, product_leaf(form, cone, ends, best))
    return form.unit * best * power(-FINE)


def product_leaf(form: ConeForm, cone: Cone, ends: Sequence[Ints], best: Fraction) -> Fraction:
    """Return the bound t |y_1|_* ... |y_K|_* of a cone times 2^FINE, or one that is at most best.

    c and n are times 2^FINE.
    """
    parts = form.parts
    corners, columns = [*product(*(parts[k] for k in form.modes))], []
    for entries in ends:
        a = entries
        for part in (parts[k] for k in form.modes):
            inside = [cone.generators[j][part.start : part.stop] for j in part]
            rest = len(a) // len(part)  # contract the first mode of A with each; append it
            a = [sum(map(mul, g, a[i::rest])) for i in range(rest) for g in inside]
        columns.append([a[p :: len(corners)] for p in range(len(corners))])
    c = [vertex_bound(form, *x) for x in zip(columns[0], columns[-1], strict=True)]
    least = []
    for n in product_slopes(form, cone, corners, c):
        t = largest_ratio((x, prod([n[j] for j in at])) for x, at in zip(c, corners, strict=True))
        long = [slope_norm(form, cone, [x * (j in p) for j, x in enumerate(n)]) for p in parts]
        least.append(t * prod([long[k] for k in form.modes]))
        if least[-1] <= best:
            break
    return min(least)


def product_slopes(form: ConeForm, cone: Cone, corners: Rows, c: Ints) -> Iterator[Sequence[int]]:
    """Yield the n of `over_products`.

    corners  the generators of each c
    """
    yield cone.lengths
    parts, count = form.parts, len(form.modes)
    if isinstance(form.short, LInf):
        yield from flat_slopes(cone, parts)
    for first in range(count if 1 < count == len(parts) else 0):
        n = [*cone.lengths]
        for k in (*range(first, count), *range(first)):
            rates = dict.fromkeys(parts[k], 0)
            for x, at in zip(c, corners, strict=True):
                rates[at[k]] = max(rates[at[k]], (x << count * FINE) // prod([n[j] for j in at]))
            level = max(rates.values()) >> LEVEL
            for j, rate in rates.items():
                n[j] = (n[j] * max(rate, level) >> FINE) + 1
        yield n


def flat_slopes(cone: Cone, parts: Sequence[range]) -> Iterator[list[int]]:
    """Yield y . g_j for each j, y = 1 at the largest coordinates of sum g_j / |g_j|_2 of each part.

    Of all parts at once as many; of a part with fewer coordinates, all.
    """
    deep, n = max(cone.sizes), [0] * len(cone.sizes)
    pairs = [*zip(cone.generators, cone.sizes, strict=True)]
    total = [sum([g[k] << deep - e for g, e in pairs]) for k in range(len(n))]
    for largest in zip_longest(*(sorted(part, key=lambda k: -total[k]) for part in parts)):
        steps = [sum([g[k] for k in largest if k is not None]) for g in cone.generators]
        n = [x + (step << FINE) for x, step in zip(n, steps, strict=True)]
        if min(n) > 0:
            yield n


def largest_ratio(pairs: Iterable[tuple[int, int]]) -> Fraction:
    """Return the largest x / y of pairs with y > 0, or 0."""
    above, below = 0, 1
    for x, y in pairs:
        if x * below > above * y:
            above, below = x, y
    return Fraction(above, below)


def orthant(form: ConeForm, signs: Ints, kink: Ints = ()) -> Cone:
    """Return the cone of the unit vectors with these signs; the form is that of a kink."""
    kink, pull = kink or [0] * len(signs), form.pull or [0] * len(form.linear)
    unit = [[s if k == j else 0 for k in range(len(signs))] for j, s in enumerate(signs)]
    rows = [*zip(form.linear, pull, strict=True)]
    linear = [[s * (row[j] - p * kink[j]) for row, p in rows] for j, s in enumerate(signs)]
    bent = [
        (w, [s * (x - k) for x, k, s in zip(f, kink, signs, strict=True)]) for f, w in form.bent
    ]
    lengths = [length(form, g) for g in unit]
    bounds = [] if form.bent else [vertex_bound(form, h, h) for h in linear]
    zeros = [0] * len(signs)
    return fix_signs(Cone([*unit], [*unit], zeros, [*zeros], lengths, [*linear], bounds, bent))


def fix_signs(cone: Cone) -> Cone:
    """Move each point with one sign on the cone, (f . z)_+ = f . z or 0, to the linear part."""
    linear, bent = [*cone.linear], []
    for point in cone.bent:
        w, at = point
        if max(at) <= 0:
            continue
        if min(at) < 0:
            bent.append(point)
        else:
            for j, v in enumerate(at):
                linear[j] = [x + v * y for x, y in zip(linear[j], w, strict=True)]
    return cone._replace(linear=linear, bent=bent)


def halves(form: ConeForm, cone: Cone, i: int, j: int, known: Known) -> Iterator[Cone]:
    """Yield the cones in which m = 2^p g_i + 2^q g_j replaces g_j and g_i.

    p and q make both terms about equally long.
    known  the vertex bounds of generators below the same root, if the form has no bent points
    """
    ahead = cone.sizes[i] - cone.sizes[j]
    shift = {i: max(0, -ahead), j: max(0, ahead)}

    def met(x: Sequence[Ints]) -> list[int]:
        """Return 2^p x_i + 2^q x_j."""
        return [(a << shift[i]) + (b << shift[j]) for a, b in zip(x[i], x[j], strict=True)]

    generator, linear = met(cone.generators), met(cone.linear)
    size, long = binary_size(generator), length(form, generator)
    bound = 0 if form.bent else bound_once(form, generator, linear, known)
    across = [(x[i] << shift[i]) + (x[j] << shift[j]) for _, x in cone.bent]
    for at, kept in ((j, i), (i, j)):
        exps, rows = [*cone.exps], [*cone.rows]
        exps[at] += shift[at]  # r_at . m = 2^shift r_at . g_at; r_kept is made orthogonal to m
        more = exps[at] - exps[kept] - shift[kept]
        a, b = max(0, more), max(0, -more)
        exps[kept] += a
        pair = zip(rows[kept], rows[at], strict=True)
        rows[kept] = [(x << a) - (y << b) for x, y in pair]
        new = Cone(
            put(cone.generators, at, generator),
            rows,
            exps,
            put(cone.sizes, at, size),
            put(cone.lengths, at, long),
            put(cone.linear, at, linear),
            put(cone.bounds, at, bound) if cone.bounds else [],
            [(w, put(x, at, y)) for (w, x), y in zip(cone.bent, across, strict=True)],
        )
        yield fix_signs(new)


def bound_once(form: ConeForm, g: Ints, linear: Ints, known: Known) -> int:
    """Return the vertex bound of a generator, from the cache if it is there."""
    key = (*g,)
    if key not in known:
        if len(known) >= KNOWN:
            known.clear()
        known[key] = vertex_bound(form, linear, linear)
    return known[key]


def put(values: Sequence[T], at: int, value: T) -> list[T]:
    """Return a copy with a new value at one place."""
    return [*values[:at], value, *values[at + 1 :]]


def leaf(form: ConeForm, cone: Cone, best: int) -> int:
    """Return the larger of `best` and a bound of g / unit on the cone within the unit ball.

    g(sum a_j g_j) <= sum a_j c_j for the vertex bounds c_j, so g(z) <= y . z <= |y|_* for any y
    with y . g_j >= c_j.  Three such y are tried, with y . g_j equal to c_j, to n_j max c/n for n_j
    about |g_j|, and to the s_j >= c_j of `raise_slopes`.
    """
    c = cone.bounds or vertex_bounds(form, cone)
    first = slope_norm(form, cone, c)
    if first <= best:
        return best
    top = max((x << FINE) // n + 1 for x, n in zip(c, cone.lengths, strict=True))
    even = slope_norm(form, cone, [-(-top * n >> FINE) for n in cone.lengths])
    short = slope_norm(form, cone, raise_slopes(cone, c))
    return max(best, min(first, even, short))


def raise_slopes(cone: Cone, c: Ints) -> list[int]:
    """Return s >= c with a shorter y = sum s_j r_j / 2^(e_j), by coordinate descent in |y|_2.

    y . g_j = s_j.  At last y is multiplied by the smallest factor that keeps s >= c.
    """
    deep, s = max(cone.exps), [*c]
    rows = [[x << deep - e for x in r] for r, e in zip(cone.rows, cone.exps, strict=True)]
    squares = [sum(map(mul, r, r)) for r in rows]
    y = [sum(map(mul, c, x)) for x in zip(*rows, strict=True)]
    for _ in range(SWEEPS):
        for j, r in enumerate(rows):
            step = max(-(sum(map(mul, r, y)) // squares[j]), c[j] - s[j])
            y = [v + step * x for v, x in zip(y, r, strict=True)]
            s[j] += step
    least = largest_ratio((low, high) for low, high in zip(c, s, strict=True) if high > 0)
    return [-(-least.numerator * x // least.denominator) for x in s]


def binary_size(g: Ints) -> int:
    """Return about the binary logarithm of |g|_2."""
    squared: int = sum(map(mul, g, g))
    return squared.bit_length() // 2


def length(form: ConeForm, g: Ints) -> int:
    """Return about |g| times 2^FINE, at least 1; the bounds hold for any such number."""
    if isinstance(form.short, L2):
        return isqrt(sum(map(mul, g, g)) << 2 * FINE)
    return floor(form.short.lengths(g)[0].hi * (1 << FINE)) or 1 << FINE


def vertex_bounds(form: ConeForm, cone: Cone) -> list[int]:
    """Return c with g(sum a_j g_j) <= unit sum a_j c_j over a >= 0.

    On the cone (f . z)_+ is at most sum a_j (f . g_j)_+, and at least s f . z for any 0 <= s <= 1;
    here s = sum_j (f . g_j)_+ / sum_j |f . g_j| for g_j of about one length.  A weight w > 0 needs
    the first for an upper bound of w (f . z)_+ and the second for a lower one, w < 0 conversely.
    So low <= h <= high, both linear in a.  The p of `vertex_bound` is convex in a and its bound
    increases with p, so the bound is convex and homogeneous in a.
    """
    if not cone.bent:
        return [vertex_bound(form, h, h) for h in cone.linear]
    even = [max(cone.sizes) - s for s in cone.sizes]
    slopes = []  # times 2^STEEP, rounded down
    for _, at in cone.bent:
        near = [v << e for v, e in zip(at, even, strict=True)]
        rise = sum([v for v in near if v > 0])
        slopes.append((rise << STEEP) // (2 * rise - sum(near)))
    above, below = [], []  # w_+ and w_- of each output
    for weights in zip(*(w for w, _ in cone.bent), strict=True):
        above.append([max(w, 0) for w in weights])
        below.append([min(w, 0) for w in weights])
    c = []
    for v, x in zip(zip(*(at for _, at in cone.bent), strict=True), cone.linear, strict=True):
        most, least = [max(x, 0) for x in v], [*map(mul, v, slopes)]
        high, low = [], []
        for y, p, q in zip(x, above, below, strict=True):
            high.append(y + sum(map(mul, p, most)) - (-sum(map(mul, q, least)) >> STEEP))
            low.append(y + sum(map(mul, q, most)) + (sum(map(mul, p, least)) >> STEEP))
        c.append(vertex_bound(form, high, low))
    return c


def vertex_bound(form: ConeForm, high: Ints, low: Ints) -> int:
    """Bound sup { <x, h> : |x| <= 1, x in its cone } over low <= h <= high.

    It is at most sup { <p, |x|> }, p = norm.met(high, low).
    """
    norm = form.other
    if high is low and not isinstance(norm, L2):
        return ceil(norm.bound_dual([*map(Fraction, high)]) * (1 << FINE))
    p = norm.met(high, low)
    if isinstance(norm, L2):
        return root_above(sum(map(mul, p, p)) << 2 * FINE)
    return ceil(norm.support([*map(Fraction, p)]) * (1 << FINE))


def slope_norm(form: ConeForm, cone: Cone, c: Ints) -> int:
    """Bound sup { y . z : |z| <= 1 } for the y with y . g_j = c_j: y = sum c_j r_j / 2^(e_j)."""
    deep = max(cone.exps)
    at = [x << (deep - e) for x, e in zip(c, cone.exps, strict=True)]
    y = [sum(map(mul, at, x)) for x in zip(*cone.rows, strict=True)]  # times 2^(FINE + deep)
    if isinstance(form.short, L2):
        p = form.short.met(y)
        return -(-root_above(sum(map(mul, p, p))) >> deep)
    unit = power(-FINE - deep)
    return ceil(form.short.bound_dual([v * unit for v in y]) * (1 << FINE))


def root_above(x: int) -> int:
    """Return the square root of an integer, rounded up."""
    r = isqrt(x)
    return r + (r * r < x)
