"""Simplicial cones of one short factor: the exact walk through their tree."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import combinations, product
from math import ceil
from operator import mul
from typing import NamedTuple

from .norms import L2, Norm
from .scalars import power, root

Ints = Sequence[int]
Rows = Sequence[Ints]
SIGNS = {"*": (1, -1), "+": (1,), "-": (-1,), "0": (1,)}
FINE = 64  # bits of the largest vertex bound on the grid of y; sharpness, never truth


class ConeForm(NamedTuple):
    """h(z) = unit (A z + sum over i of w_i (f_i . z)_+), and g(z) = sup { <x, h(z)> : |x| <= 1 }.

    short, reach  the norm of z; an unpriced bias, its last coordinate, has |b| <= reach
    other         the norm of x, with its cone
    linear        A, (outputs, d); bent: (f_i, w_i), of sizes d and outputs
    level         where norms take one as evidence
    tree          preorder from the roots: 0 is a leaf, c the split of the c-th pair of generators
    """

    short: Norm
    reach: Fraction
    other: Norm
    linear: Rows
    bent: Sequence[tuple[Ints, Ints]]
    unit: Fraction
    level: Fraction | None = None
    tree: Ints = ()

    def roots(self) -> Iterator[tuple[int, ...]]:
        """Yield the orthants that cover the cone of z; half of them where g is even."""
        signs = [SIGNS[self.short.sign(k)] for k in range(self.short.size)]
        norms = self.short, self.other
        if not self.bent and all(n.sign(k) == "*" for n in norms for k in range(n.size)):
            signs[0] = (1,)
        return product(*signs)


class Cone(NamedTuple):
    """{ sum a_j g_j : a >= 0 }; the dual rows have r_j . g_k = 0 for k != j, 2^(e_j) for k = j.

    linear   of each generator, what is linear on the cone; bent: (w_i, f_i . g_j for each j)
    lengths  of the generators, about; bounds: their c_j where no point is bent anywhere
    """

    generators: list[Ints]
    rows: list[Ints]
    exps: list[int]
    linear: list[Ints]
    bent: Sequence[tuple[Ints, Ints]]
    lengths: list[Fraction]
    bounds: list[Fraction]

    def sizes(self) -> list[int]:
        """Return about the binary logarithm of each generator's length."""
        return [sum(map(mul, g, g)).bit_length() // 2 for g in self.generators]


def over_cones(form: ConeForm) -> Fraction:
    """Prove sup { g(z) : |z| <= 1, z in its cone } <= the largest bound of a leaf.

    A split of g_i, g_j puts m = 2^p g_i + 2^q g_j, for any p and q, in the place of one and of the
    other: { a_i g_i + a_j g_j } is both children together.
    """
    best, codes = Fraction(0), iter(form.tree)
    pairs = [*combinations(range(form.short.size), 2)]
    waiting = [orthant(form, signs) for signs in form.roots()][::-1]
    while waiting:
        cone = waiting.pop()
        if code := next(codes):
            waiting += halves(form, cone, *pairs[code - 1])
        else:
            best = leaf(form, cone, best)
    return best


def orthant(form: ConeForm, signs: Ints) -> Cone:
    """Return the cone of the unit vectors with these signs."""
    unit = [[s if k == j else 0 for k in range(len(signs))] for j, s in enumerate(signs)]
    linear = [[s * row[j] for row in form.linear] for j, s in enumerate(signs)]
    bent = [(w, [*map(mul, f, signs)]) for f, w in form.bent]
    lengths = [length(form, g) for g in unit]
    bounds = [] if form.bent else [*map(partial(vertex_bound, form), linear, lengths)]
    return fix_signs(Cone([*unit], [*unit], [0] * len(signs), [*linear], bent, lengths, bounds))


def fix_signs(cone: Cone) -> Cone:
    """Move what has one sign on the cone, (f . z)_+ = f . z or 0, to the linear part."""
    linear, bent = [*cone.linear], []
    for w, at in cone.bent:
        if min(at) < 0 < max(at):
            bent.append((w, at))
        elif max(at) > 0:
            for j, v in enumerate(at):
                linear[j] = [x + v * y for x, y in zip(linear[j], w, strict=True)]
    return cone._replace(linear=linear, bent=bent)


def halves(form: ConeForm, cone: Cone, i: int, j: int) -> Iterator[Cone]:
    """Yield the cones with m in the place of g_j and of g_i; p and q make them about as long."""
    sizes = cone.sizes()
    shift = {i: max(0, sizes[j] - sizes[i]), j: max(0, sizes[i] - sizes[j])}

    def met(x: Sequence[Ints]) -> list[int]:
        """Return 2^p x_i + 2^q x_j."""
        return [(a << shift[i]) + (b << shift[j]) for a, b in zip(x[i], x[j], strict=True)]

    generator, linear = met(cone.generators), met(cone.linear)
    size = length(form, generator)
    bound = Fraction(0) if form.bent else vertex_bound(form, linear, size)
    for at, kept in ((j, i), (i, j)):
        new = Cone(
            [*cone.generators],
            [*cone.rows],
            [*cone.exps],
            [*cone.linear],
            (),
            [*cone.lengths],
            [*cone.bounds],
        )
        new.generators[at], new.linear[at], new.lengths[at] = generator, linear, size
        if new.bounds:
            new.bounds[at] = bound
        new.exps[at] += shift[at]  # r_at . m = 2^shift r_at . g_at; r_kept is made orthogonal to m
        more = new.exps[at] - new.exps[kept] - shift[kept]
        a, b = max(0, more), max(0, -more)
        new.exps[kept] += a
        pair = zip(cone.rows[kept], cone.rows[at], strict=True)
        new.rows[kept] = [(x << a) - (y << b) for x, y in pair]
        bent: list[tuple[Ints, Ints]] = []
        for w, x in cone.bent:
            values = [*x]
            values[at] = (x[i] << shift[i]) + (x[j] << shift[j])
            bent.append((w, values))
        yield fix_signs(new._replace(bent=bent))


def leaf(form: ConeForm, cone: Cone, best: Fraction) -> Fraction:
    """Return the larger of `best` and a bound of g on the cone within the unit ball.

    g(sum a_j g_j) <= sum a_j c_j with the vertex bounds c_j, so any y with y . g_j >= c_j
    has g(z) <= y . z <= |y|_*.  Two such y: equal to c_j, and to n_j max c/n, n_j = |g_j|.
    """
    c = cone.bounds or vertex_bounds(form, cone)
    first = dual_norm(form, cone, c)
    if first <= best:
        return best
    top = max(x / y for x, y in zip(c, cone.lengths, strict=True))
    return max(best, min(first, dual_norm(form, cone, [top * x for x in cone.lengths])))


def length(form: ConeForm, g: Ints) -> Fraction:
    """Return about |g|, not zero: any such number is as true."""
    n = form.short.lengths(g)[0].hi
    return max(n, abs(g[-1]) / form.reach) if form.reach else n or Fraction(1)


def vertex_bounds(form: ConeForm, cone: Cone) -> list[Fraction]:
    """Return c with g(sum a_j g_j) <= sum a_j c_j over a >= 0.

    On the cone (f . z)_+ is at most sum a_j (f . g_j)_+, and at least s f . z for any 0 <= s <= 1,
    here s = sum_j (f . g_j)_+ / sum_j |f . g_j|, the g_j about as long.  A weight takes one of them
    up and the other down: low <= h <= high, both linear in a, and the dual norm of the largest
    that lies between is convex and monotone.
    """
    high, low = ([[*x] for x in cone.linear] for _ in range(2))
    sizes = cone.sizes()
    for w, at in cone.bent:
        even = [v << max(sizes) - s for v, s in zip(at, sizes, strict=True)]
        rise, size = sum(v for v in even if v > 0), sum(map(abs, even))
        for j, v in enumerate(at):
            above, below = max(v, 0), v * rise // size
            for k, x in enumerate(w):
                high[j][k] += max(x * above, x * below)
                low[j][k] += min(x * above, x * below)
    return [largest_support(form, *x) for x in zip(high, low, cone.lengths, strict=True)]


def vertex_bound(form: ConeForm, linear: Ints, size: Fraction) -> Fraction:
    """Return the bound of g at a generator of this length where h is linear."""
    return largest_support(form, linear, linear, size)


def largest_support(form: ConeForm, high: Ints, low: Ints, size: Fraction) -> Fraction:
    """Bound sup { <x, h> : |x| <= 1, x in its cone } over unit low <= h <= unit high."""
    other, p = form.other, []
    for k, (a, b) in enumerate(zip(high, low, strict=True)):
        sign = other.sign(k)
        p.append(max(a if sign in "*+" else 0, -b if sign in "*-" else 0, 0))
    if isinstance(other, L2):
        return form.unit * root(Fraction(sum(map(mul, p, p)))).hi
    level = None if form.level is None else form.level * size / form.unit
    return form.unit * replace(other, cone="+").dual_norm([*map(Fraction, p)], (), level)


def dual_norm(form: ConeForm, cone: Cone, c: Sequence[Fraction]) -> Fraction:
    """Bound sup { y . z : |z| <= 1 } for a y with y . g_j >= c_j: y = sum c_j r_j / 2^(e_j).

    c_j is rounded up to integers times 2^e.
    """
    top, deep = max(c), max(cone.exps)
    e = top.numerator.bit_length() - top.denominator.bit_length() - FINE
    ints = [ceil(x / power(e)) << (deep - k) for x, k in zip(c, cone.exps, strict=True)]
    columns = zip(*cone.rows, strict=True)
    y: list[Fraction] = [sum(map(mul, ints, x)) * power(e - deep) for x in columns]
    if form.reach:
        return form.short.support([*map(abs, y[:-1])]) + form.reach * abs(y[-1])
    return form.short.dual_norm(y, (), form.level)
