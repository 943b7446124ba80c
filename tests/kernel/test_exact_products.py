"""Products of integer matrices are those of the definition, packed or not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.kernel import exact
from certify.kernel.exact import Exact, Grid


def matrices(m, k, bits):
    """Draw integers of so many bits: many at the ends, where digits would overflow first."""
    end = 2**bits - 1
    held = st.one_of(st.sampled_from([0, end, -end]), st.integers(-end, end))
    return st.lists(held, min_size=m * k, max_size=m * k).map(lambda v: Grid(v, -3, (m, k)))


def defined(a, b):
    """Return sum_c A_ic B_jc, entry by entry."""
    (m, k), n = a.shape, b.shape[0]
    rows, others = ([x.ints[i * k : i * k + k] for i in range(r)] for x, r in ((a, m), (b, n)))
    return [sum(v * w for v, w in zip(x, y, strict=True)) for x in rows for y in others]


sizes = st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(0, 9))
pairs = st.tuples(sizes, st.integers(1, 70), st.integers(1, 70)).flatmap(
    lambda t: st.tuples(matrices(t[0][0], t[0][2], t[1]), matrices(t[0][1], t[0][2], t[2]))
)


@given(pairs)
def test_both_ways_are_the_definition(pair):
    a, b = pair
    size = (a.bits + b.bits + a.shape[1].bit_length()) // 8 + 1
    found = Exact().multiply(a, b)
    assert (found.exp, found.shape) == (-6, (a.shape[0], b.shape[0]))
    assert found.ints == exact._packed(a, b, size) == exact._plain(a, b, size) == defined(a, b)


@pytest.mark.parametrize("bits", range(1, 18))
@pytest.mark.parametrize("k", [1, 3, 7])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_sums_fit_their_digits(bits, k, sign):
    end = 2**bits - 1
    a, b = Grid([end] * 9 * k, 0, (9, k)), Grid([sign * end] * 8 * k, 0, (8, k))
    assert Exact().multiply(a, b).ints == [sign * k * end * end] * 72


def test_few_rows_and_wide_entries_are_multiplied_one_by_one(monkeypatch):
    used = []
    for name in ("_packed", "_plain"):
        way = getattr(exact, name)
        monkeypatch.setattr(exact, name, lambda *x, n=name, w=way: used.append(n) or w(*x))
    for m, n, bits in ((8, 8, 60), (7, 8, 60), (8, 7, 60), (8, 8, 400)):
        a, b = Grid([2**bits - 1] * m, 0, (m, 1)), Grid([1] * n, 0, (n, 1))
        assert Exact().multiply(a, b).ints == [2**bits - 1] * m * n
    assert used == ["_packed", "_plain", "_plain", "_plain"]
