"""The kernel's products of vectors and hidden layers are those of the theorems, in fractions.

Each definition of `Multipliers.v`, `Network.v` and `NetworkLeaf.v` is written again by the plainest
loops, and the kernel's answer is compared with it on random dyadic inputs.
"""

from array import array
from collections import Counter
from fractions import Fraction
from itertools import product
from math import prod

from hypothesis import given
from hypothesis import strategies as st

from certify.kernel.arrays import Array, Arrays
from certify.kernel.evidence import Evidence
from certify.kernel.exact import Exact
from certify.kernel.norms import L2, Biased, plain
from certify.kernel.patterns import Pattern
from certify.kernel.rules.network import Case, Region, cell_bound, cone_rows, facts
from certify.kernel.rules.transpose import Group
from certify.kernel.scalars import power, root
from certify.kernel.spaces import Network

DYADIC = st.builds(lambda n, k: n / 2**k, st.integers(-40, 40), st.integers(0, 5))


# --- products of vectors -----------------------------------------------------------------


@st.composite
def groups(draw):
    """Return a group of up to three modes, perhaps with a copy, perhaps all of them one vector."""
    one = draw(st.booleans())
    count = draw(st.integers(1, 3))
    sizes = (
        [draw(st.integers(1, 2))] * count
        if one
        else draw(st.lists(st.integers(1, 3), min_size=count, max_size=count))
    )
    norms = [plain(draw(st.sampled_from(("l1", "l2", "linf", "l2+"))), n) for n in sizes]
    modes = [*range(count)]
    if not one and draw(st.booleans()):
        again = draw(st.sampled_from(modes))
        modes.append(again)
        norms.append(norms[again])
    return Group("rows", tuple(modes), tuple(norms), 0, one)


@st.composite
def products(draw):
    """Return a group and the coordinates of its vectors."""
    group = draw(groups())
    vectors = {}
    for mode, n in zip(group.modes, group.norms, strict=True):
        who = 0 if group.one else mode
        vectors.setdefault(who, draw(st.lists(DYADIC, min_size=n.size, max_size=n.size)))
    return group, vectors


def vector_of(group, place):
    """`vec` of the theorems."""
    return 0 if group.one else group.modes[place]


def monomial(group, vectors, a):
    return prod(
        (Fraction(vectors[vector_of(group, p)][i]) for p, i in enumerate(a)), start=Fraction(1)
    )


def partner(group, a, b):
    """`low` and `high`: the first half of each vector's sorted coordinates, and the second."""
    places = range(len(a))
    own = {
        v: [p for p in places if vector_of(group, p) == v]
        for v in {vector_of(group, p) for p in places}
    }
    both = {v: sorted([a[p] for p in ps] + [b[p] for p in ps]) for v, ps in own.items()}
    at = {p: (v, k) for v, ps in own.items() for k, p in enumerate(ps)}
    low = tuple(both[at[p][0]][at[p][1]] for p in places)
    high = tuple(both[at[p][0]][len(own[at[p][0]]) + at[p][1]] for p in places)
    return low, high


@given(products())
def test_a_partner_is_that_of_the_theorem_and_has_the_same_monomial(case):
    group, vectors = case
    every = [*product(*map(range, group.sizes))]
    for a in every:
        for b in every:
            c, d = group.partner(a, b)
            assert (c, d) == partner(group, a, b)
            values = [monomial(group, vectors, x) for x in (a, b, c, d)]
            assert values[0] * values[1] == values[2] * values[3]


@given(products(), st.data())
def test_null_multipliers_are_placed_as_in_the_theorem(case, data):
    group, vectors = case
    pairs, n = group.pairs(canonical=False), group.count
    values = data.draw(st.lists(DYADIC, min_size=len(pairs.a), max_size=len(pairs.a)))
    held = Exact().placed(Array((len(values),), array("d", values)), pairs, n)
    expected = Counter()
    for k, a, b, c, d in zip(map(Fraction, values), *pairs, strict=True):
        for place in {(a, b), (b, a)}:
            expected[place] += k
        lost = k / 2 if a == b else k
        expected[c, d] -= lost
        expected[d, c] -= lost
    found = [[held.ints[i * n + j] * power(held.exp) for j in range(n)] for i in range(n)]
    assert found == [[expected[i, j] for j in range(n)] for i in range(n)]
    x = [monomial(group, vectors, a) for a in product(*map(range, group.sizes))]
    assert sum(found[i][j] * x[i] * x[j] for i in range(n) for j in range(n)) == 0


@given(groups(), st.data())
def test_the_cost_of_a_diagonal_is_the_least_that_the_theorem_asks_for(group, data):
    d = data.draw(st.lists(DYADIC, min_size=group.count, max_size=group.count))
    every = [*product(*map(range, group.sizes))]
    simple = [p for p, n in enumerate(group.norms) if n.name != "linf"]
    sums = [
        sum(
            max(Fraction(v), Fraction(0))
            for b, v in zip(every, d, strict=True)
            if all(b[p] == a[p] for p in simple)
        )
        for a in every
    ]
    assert group.cost([*map(Fraction, d)]) == max(sums)
    assert group.wide == prod(n.size if n.name == "linf" else 1 for n in group.norms)


# --- hidden layers -----------------------------------------------------------------------


@st.composite
def layers(draw):
    """Return a network of one output, its weights on the rows of F, and a path of rows."""
    rows, d = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    flat = draw(st.lists(DYADIC, min_size=rows * d, max_size=rows * d))
    free = draw(st.booleans()) and d > 1
    if free:
        flat = [2.0 if k % d == d - 1 else x for k, x in enumerate(flat)]
    slope = Fraction(draw(st.sampled_from((-1.0, 0.0, 0.25, 1.0))))
    left = Biased(d) if free else L2(d)
    net = Network(
        Pattern(rows, 1),
        Array((rows, d), array("d", flat)),
        range(rows),
        slope,
        left,
        plain("l2", 1),
    )
    omega = [Fraction(x) for x in draw(st.lists(DYADIC, min_size=rows, max_size=rows))]
    cuts = draw(
        st.lists(
            st.tuples(st.just("row"), st.integers(0, rows - 1), st.sampled_from((1, -1))),
            max_size=3,
        )
    )
    return Case(net, None, omega, ()), Region(draw(st.sampled_from((1, -1))), tuple(cuts))


def hexed(x):
    return float(x).hex()


@given(layers(), st.data())
def test_a_cell_is_the_line_and_the_amount_of_the_theorem(case, data):
    case, path = case
    net, a = case.net, case.net.slope
    signs = {i: s for _, i, s in path.cuts}
    weight = st.sampled_from((0.0, 0.25, 1.0))
    rho = {i: float(max(a, Fraction(data.draw(weight)))) for i in range(len(case.omega))}
    mu = [data.draw(weight) for _ in path.cuts]
    node = {
        "cell": 0,
        "rho": [[i, hexed(x)] for i, x in rho.items()],
        "mu": [[k, hexed(x)] for k, x in enumerate(mu)],
    }
    total, extra = [], Fraction(0)
    for i, weighed in enumerate(case.omega):
        w = path.sign * weighed
        if i in signs:
            total.append(w * (1 if signs[i] > 0 else a))
        elif w < 0:
            total.append(w * Fraction(rho[i]))
        else:
            total.append(w * (1 + a) / 2)
            extra += w * (1 - a) / 2 * case.net.radii[i]
    for (_, i, s), m in zip(path.cuts, mu, strict=True):
        total[i] += s * Fraction(m)
    c = [
        sum(t * row[j] for t, row in zip(total, case.rows, strict=True))
        for j in range(net.features.shape[1])
    ]
    bias = abs(c.pop()) * case.net.reach if net.free else Fraction(0)
    top = root(sum((x * x for x in c), Fraction(0)))
    assert top.lo + bias + extra <= cell_bound(Exact(), case, path, node) <= top.hi + bias + extra


@given(layers(), st.booleans(), st.data())
def test_the_facts_of_a_leaf_are_the_rows_of_the_theorem_at_a_point(case, radial, data):
    case, path = case
    m, d = case.net.features.shape
    tau = data.draw(st.sampled_from((0.5, 1.0, 4.0)))
    u = [Fraction(x) for x in data.draw(st.lists(DYADIC, min_size=d, max_size=d))]
    s = Fraction(data.draw(st.integers(0, 3)))
    B = facts(case, path, tau, radial=radial, ranges=radial)
    width = m + d + radial
    z = [sum(x * y for x, y in zip(row, u, strict=True)) for row in case.rows]
    p = [max(x, Fraction(0)) for x in z]
    x = [*(v / Fraction(tau) for v in p), *u, *([s] if radial else [])]
    found = [
        sum(Fraction(B.data[k * width + j]) * x[j] for j in range(width)) for k in range(B.shape[0])
    ]
    expected = [*p, *(v - w for v, w in zip(p, z, strict=True))]
    assert found[: 2 * m] == expected
    rest = found[2 * m :]
    if radial:
        assert rest[0] == s
        far = [(rest[1 + i] + p[i], rest[1 + m + i] + p[i] - z[i]) for i in range(m)]
        assert all(v == w for v, w in far)
        assert all(v >= r * s for (v, _), r in zip(far, case.net.radii, strict=True))
        rest = rest[1 + 2 * m :]
    assert rest == [sign * z[i] for _, i, sign in path.cuts]


@given(layers(), st.data())
def test_the_rows_of_a_cone_are_those_of_the_theorem_at_a_point(case, data):
    case, path = case
    m, d = case.net.features.shape
    h, size = 2 * m + len(path.cuts), d - case.net.free
    y = [data.draw(st.lists(DYADIC, min_size=size, max_size=size)) for _ in range(h)]
    t = [sum(map(abs, line)) + data.draw(st.sampled_from((0.0, 0.5))) for line in y]
    flat = array("d", [x for line, top in zip(y, t, strict=True) for x in (*line, top)])
    given_ = Arrays({"Y7": Array((h, size + 1), flat)}, "proof")
    L = cone_rows(Exact(), case, path, Evidence({}, given_, "", "7"))
    x = [Fraction(v) for v in data.draw(st.lists(DYADIC, min_size=d + 1, max_size=d + 1))]
    u, s, width = x[:size], x[-1], d + 1
    assert L.shape == (h, width)
    for k in range(h):
        found = sum(Fraction(L.data[k * width + j]) * x[j] for j in range(width))
        assert found == t[k] * s - sum(Fraction(a) * b for a, b in zip(y[k], u, strict=True))
