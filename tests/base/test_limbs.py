"""Gram matrices and bounds of eigenvalues by digits are those of the kernel's own integers."""

from array import array
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certify.base.rigor import flint, limbs
from certify.base.rigor.flint import Flint
from certify.kernel.arrays import Array
from certify.kernel.exact import Exact, Grid
from certify.kernel.patterns import Pattern
from certify.polar.eigen import pack_triangle

EDGES = [0, 1, -1, 2**25, -(2**25), 2**40 - 1, 1 - 2**40, 2**61, -(2**61), 2**62 - 1, 1 - 2**62]


def thin_field(rng, m, n, bits):
    """Return a field of few observed entries, and where they are."""
    rows, cols = np.nonzero(rng.random((m, n)) < 0.1)
    at = Pattern(m, n, array("q", rows.tolist()), array("q", cols.tolist()))
    ints = [int(x) for x in rng.integers(-(2**bits), 2**bits, len(rows))]
    return Grid(ints, -37, (len(rows),)), at


@given(
    x=st.lists(st.sampled_from(EDGES) | st.integers(1 - 2**62, 2**62 - 1), min_size=1),
    b=st.integers(2, 26),
)
def test_digits_are_the_number(x, b):
    found = limbs.digits(np.array(x, dtype=np.int64), b)
    assert [sum(int(d[k]) << b * a for a, d in enumerate(found)) for k in range(len(x))] == x
    assert all((-(2 ** (b - 1)) <= d).all() and (d < 2 ** (b - 1)).all() for d in found)


@given(products=st.integers(0, 2**40))
def test_a_sum_of_products_of_two_digits_each_fits_a_float(products):
    b = limbs.digit_bits(products)
    assert products * 4**b <= 2**53
    assert max(products, 1) * 4 ** (b + 1) > 2**52


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("bits", [3, 30, 53])
def test_the_gram_matrix_of_a_sparse_field_is_that_of_the_kernel(axis, bits):
    rng = np.random.default_rng(bits)
    x, at = thin_field(rng, 70, 50, bits)
    found, true = (ar.gram(x, axis, at) for ar in (Flint(), Exact()))
    assert isinstance(found[0], limbs.WideGrid)
    assert (found[0].ints, found[0].exp, found[0].shape) == (
        true[0].ints,
        true[0].exp,
        true[0].shape,
    )
    assert true[0].bits <= found[0].bits <= max(true[0].bits, limbs.LOW) + 2
    assert found[1] == 0


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("often", [0.8, 1.0])
def test_the_gram_matrix_of_a_dense_field_is_that_of_the_kernel(axis, often, monkeypatch):
    rng = np.random.default_rng(axis)
    rows, cols = np.nonzero(rng.random((7, 5)) < often)
    at = Pattern(7, 5, array("q", rows.tolist()), array("q", cols.tolist()))
    at = at if often < 1 else Pattern(7, 5)
    ints = [int(x) for x in rng.integers(-(2**53), 2**53, len(rows))]
    x = Grid(ints, -37, (len(rows),))
    assert not isinstance(Flint().gram(x, axis, at)[0], limbs.WideGrid)  # of few rows
    monkeypatch.setattr(flint, "WIDE", 5)
    found, true = (ar.gram(x, axis, at)[0] for ar in (Flint(), Exact()))
    assert isinstance(found, limbs.WideGrid)
    assert (found.ints, found.exp, found.shape) == (true.ints, true.exp, true.shape)


def test_digits_of_the_largest_size_in_every_entry_are_summed_exactly():
    """Of a full column: c products of the largest digits, and of their sums."""
    m, n, x = 96, 60, 2**40 - 1
    rows = [i for i in range(m) for j in range(2)]
    cols = [j or 1 + i % (n - 1) for i in range(m) for j in (0, 1)]
    at = Pattern(m, n, array("q", rows), array("q", cols))
    for ints in ([x] * len(rows), [-x] * len(rows), [x - k for k in range(len(rows))]):
        grid = Grid(ints, 0, (len(ints),))
        assert Flint().gram(grid, 1, at)[0].ints == Exact().gram(grid, 1, at)[0].ints


@pytest.mark.parametrize("bits", [61, 62, 70])
def test_numbers_that_are_too_wide_are_left_to_the_kernel(bits):
    x, at = thin_field(np.random.default_rng(0), 40, 50, 20)
    x = Grid([v << bits - 20 for v in x.ints], 0, x.shape)
    assert Flint().gram(x, 1, at) == Exact().gram(x, 1, at)


def factor_of(G):
    """Return a shift above the eigenvalues of G, and a packed Cholesky factor, nearly."""
    top = 1.01 * float(np.linalg.eigvalsh(G)[-1])
    packed = pack_triangle(np.linalg.cholesky(top * np.eye(len(G)) - G))
    return Fraction(top), Array(packed.shape, array("d", packed.tolist()))


@pytest.mark.parametrize(("bits", "seed"), [(20, 0), (40, 1), (53, 2)])
def test_a_bound_of_eigenvalues_is_that_of_the_kernel(bits, seed, monkeypatch):
    monkeypatch.setattr(flint, "WIDE", 2)
    rng = np.random.default_rng(seed)
    x, at = thin_field(rng, 70, 50, bits)
    lists = Exact().gram(x, 1, at)[0]
    G = np.array([float(v * Fraction(2) ** lists.exp) for v in lists.ints])
    shift, L = factor_of(G.reshape(50, 50))
    wide = Flint().gram(x, 1, at)[0]
    true = Exact().top(lists, shift, L)
    calls = []
    monkeypatch.setattr(
        flint, "bound_top", lambda *a: calls.append(limbs.bound_top(*a)) or calls[-1]
    )
    assert Flint().top(wide, shift, L) == Flint().top(lists, shift, L) == true
    assert calls == [true, true]
    loose = Array(L.shape, array("d", (1.5 * v for v in L.data)))  # far from a factor
    assert Flint().top(wide, shift, loose) == Exact().top(lists, shift, loose)
    assert Flint().top(wide, shift, None) == Exact().top(lists, shift, None)


@pytest.mark.parametrize("far", [-200, -60, -45, 60, 200])
def test_a_factor_or_a_shift_on_a_far_grid_is_left_to_the_kernel_or_summed_exactly(
    far, monkeypatch
):
    monkeypatch.setattr(flint, "WIDE", 2)
    x, at = thin_field(np.random.default_rng(3), 30, 20, 40)
    wide, lists = (ar.gram(x, 1, at)[0] for ar in (Flint(), Exact()))
    L = Array((210,), array("d", (float(k) * 2.0**far for k in range(210))))
    for shift in (Fraction(7), Fraction(3) * Fraction(2) ** far, 7 + Fraction(1, 2**91)):
        assert Flint().top(wide, shift, L) == Exact().top(lists, shift, L)


def test_a_factor_that_no_int64_holds_is_left_to_the_kernel(monkeypatch):
    monkeypatch.setattr(flint, "WIDE", 2)
    g = Grid([3, 1, 1, 2], 0, (2, 2))
    L = Array((3,), array("d", [1.0, 2.0**-80, 1.0]))
    assert Flint().top(g, Fraction(5), L) == Exact().top(g, Fraction(5), L)


@pytest.mark.parametrize("bits", [113, 114, 115, 200])
def test_a_matrix_that_no_halves_hold_is_left_to_the_kernel(bits, monkeypatch):
    monkeypatch.setattr(flint, "WIDE", 2)
    g = Grid([2**bits - 1, 1, 1, 1 - 2**bits], 0, (2, 2))
    L, shift = Array((3,), array("d", [1.0, 0.0, 1.0])), Fraction(2) ** bits
    assert (limbs.halves_of(g) is None) == (bits > limbs.LOW + limbs.HIGH)
    assert Flint().top(g, shift, L) == Exact().top(g, shift, L)


@pytest.mark.parametrize("axis", [0, 1])
def test_the_gram_matrix_of_long_lines_of_the_largest_digits_is_that_of_the_kernel(
    axis, monkeypatch
):
    """Sums of 200 products of 50 bits: no float holds them if digits are cut for two products."""
    monkeypatch.setattr(flint, "WIDE", 2)
    x = Grid([2**25 - 1 - k for k in range(400)], 0, (400,))
    at = Pattern(200, 2) if axis else Pattern(2, 200)
    found, true = (ar.gram(x, axis, at)[0] for ar in (Flint(), Exact()))
    assert isinstance(found, limbs.WideGrid)
    assert found.ints == true.ints


def test_more_terms_than_an_int64_holds_are_refused():
    x = 2**53 - 1
    T = np.full((1, 1), float(x))
    assert limbs.add_up([(T, 61)] * limbs.TERMS, 0, 1).row_sums() == [limbs.TERMS * x << 61]
    assert limbs.add_up([(T, 61)] * (limbs.TERMS + 1), 0, 1) is None
    assert limbs.add_up([(T, 62)], 0, 1) is None  # one that is too wide
    assert (limbs.TERMS + 3) << limbs.HIGH <= 2**63  # with G, a shift and a carry


def test_halves_that_a_shift_would_make_too_wide_are_refused():
    held = limbs.Halves(np.array([[2**57 + 1]]), np.array([[2**56 - 1]]), 0)
    assert held.at(0) is not None
    assert [held.at(-up) for up in (1, 6, 7)] == [None] * 3


def test_a_long_row_of_the_widest_halves_is_summed_exactly():
    high, low = np.full((1, 1024), 2**62), np.full((1, 1024), 2**56 - 1)
    assert limbs.Halves(high, low, 0).row_sums() == [1024 * ((2**62 << 56) + 2**56 - 1)]
    assert limbs.Halves(-high, low, 0).row_sums() == [1024 * ((2**62 << 56) - 2**56 + 1)]


@pytest.mark.parametrize("bits", [113, 114, 115, 118, 119, 120, 200])
def test_a_shift_that_no_halves_hold_is_left_to_the_kernel(bits, monkeypatch):
    monkeypatch.setattr(flint, "WIDE", 2)
    g = Grid([-(2**113), 1, 1, -(2**113)], 0, (2, 2))
    L, shift = Array((3,), array("d", [1.0, 0.0, 1.0])), Fraction(2**bits - 1)
    assert Flint().top(g, shift, L) == Exact().top(g, shift, L)


@given(
    values=st.lists(
        st.sampled_from(EDGES) | st.integers(-(2**113), 2**113), min_size=9, max_size=9
    ),
    up=st.integers(0, 60),
)
def test_halves_are_their_numbers(values, up):
    held = limbs.halves_of(Grid(values, 5, (3, 3)))
    assert limbs.WideGrid(held).ints == values
    assert held.row_sums() == [sum(map(abs, values[k : k + 3])) for k in (0, 3, 6)]
    assert held.largest_row() == 32 * max(held.row_sums())
    moved = held.at(5 - up)
    if moved is not None:
        assert limbs.WideGrid(moved).ints == [v << up for v in values]
    assert moved is not None or up > 0
    assert held.at(6) is None
