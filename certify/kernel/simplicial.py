"""Simplicial cones of one short factor, and the walk through a tree of them in integers."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, product
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
KNOWN = 1 << 12  # vertex bounds in the cache: many cones share a generator


class ConeForm(NamedTuple):
    """h(z) = A z + sum over i of w_i (f_i . z)_+, and g(z) = unit sup { <x, h(z)> : |x| <= 1 }.

    short   the norm of z; other: the norm of x; both with their cones
    linear  A, (outputs, d); bent: (f_i, w_i), of sizes d and outputs
    tree    in preorder from the roots: 0 is a leaf, c > 0 a split of the c-th pair of generators
    kinks   if there are any, g is the maximum over the rows k of kinks of the form in which f_i - k
            replaces f_i and A - p k^T replaces A
    pull    p, one number for each output; without it p = 0
    """

    short: Norm
    other: Norm
    linear: Rows
    bent: Sequence[tuple[Ints, Ints]]
    unit: Fraction
    tree: Ints = ()
    kinks: Rows = ()
    pull: Ints = ()

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
    pairs = [*combinations(range(form.short.size), 2)]
    while waiting:
        cone = waiting.pop()
        if code := next(codes):
            waiting += halves(form, cone, *pairs[code - 1], known)
        else:
            yield cone


def power_form(norm: Norm, unit: Fraction = Fraction(1), tree: Ints = ()) -> ConeForm:
    """Return the form of a symmetric tensor over x >= 0: no linear part, no bent points."""
    zero = [[0] * norm.size]
    return ConeForm(replace(norm, cone="+"), L2(1), zero, (), unit, tree)


def over_powers(form: ConeForm, orthants: Iterable[Ints], order: int) -> Fraction:
    """Prove sup { A(x, ..., x) : x >= 0, |x| <= 1 } <= the largest bound of a leaf, for each A.

    orthants  the tensor A of each root: symmetric, with `order` modes, row-major

    On the cone of x = sum a_j g_j, a >= 0, A(x, ..., x) is the sum of a_i ... a_k A(g_i, ..., g_k).
    If n_j > 0, t >= 0 and A(g_i, ..., g_k) <= t n_i ... n_k for all generators, this is at most
    t (sum a_j n_j)^K = t (y . x)^K <= t |y|_*^K, where y . g_j = n_j.  Here n_j is about |g_j|.
    For linf, y is also 1 at the 1, 2, ... largest coordinates on the cone, and 0 elsewhere.
    """
    best, codes = Fraction(0), iter(form.tree)
    for a in orthants:
        for cone in leaf_cones(form, orthant(form, (1,) * form.short.size), codes):
            best = max(best, power_leaf(form, cone, a, order))
    return form.unit * best


def power_leaf(form: ConeForm, cone: Cone, a: Ints, order: int) -> Fraction:
    """Return the bound t |y|_*^K of a cone, as in `over_powers`; lengths are times 2^FINE."""
    d = form.short.size
    for _ in range(order):  # contract the first mode of A with each generator; append it
        rest = len(a) // d
        a = [
            sum(g[i] * a[i * rest + k] for i in range(d))
            for k in range(rest)
            for g in cone.generators
        ]
    slopes: list[tuple[Ints, int]] = [(cone.lengths, slope_norm(form, cone, cone.lengths))]
    slopes += flat_slopes(cone) if isinstance(form.short, LInf) else []
    best = list[Fraction]()
    for n, long in slopes:
        sizes = [1]
        for _ in range(order):
            sizes = [x * size for x in sizes for size in n]
        t = max(Fraction(x, size) for x, size in zip(a, sizes, strict=True))
        best.append(t * Fraction(long) ** order)
    return min(best)  # a bound below 0 is no better than 0


def flat_slopes(cone: Cone) -> Iterator[tuple[list[int], int]]:
    """Yield (y . g_j for each j, |y|_1), y = 1 at the largest coordinates of sum g_j / |g_j|_2."""
    deep = max(cone.sizes)
    even = [[x << deep - e for x in g] for g, e in zip(cone.generators, cone.sizes, strict=True)]
    total = [*map(sum, zip(*even, strict=True))]
    n = [0] * len(cone.generators)
    for count, k in enumerate(sorted(range(len(total)), key=lambda k: -total[k]), 1):
        n = [x + g[k] for x, g in zip(n, cone.generators, strict=True)]
        if min(n) > 0:
            yield n, count


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
    above, of = 0, 1  # the largest c_j / s_j: the smallest factor for all of s
    for low, high in zip(c, s, strict=True):
        if high > 0 and low * of > above * high:
            above, of = low, high
    return [-(-above * x // of) for x in s]


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
