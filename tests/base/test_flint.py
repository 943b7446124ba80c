"""Integers by FLINT are those of the kernel's own arithmetic."""

from array import array
from fractions import Fraction

import pytest

from certify.base.rigor.flint import Flint
from certify.kernel.arrays import Array
from certify.kernel.exact import Exact

NUMBERS = {
    "zeros": [0.0] * 6,
    "integers": [1.0, -2.0, 3.0, 0.0, 5.0, 2.0**53],
    "fractions": [0.1, -0.75, 2.0**-30, 0.0, 1 / 3, 3.0],
    "large": [2.0**900, -3.0 * 2.0**890, 0.0, 2.0**880, 2.0**900, 2.0**870],
    "small": [5e-324, -1e-310, 2.0**-1060, 0.0, 5e-324, 2.0**-1022],
    "wide": [2.0**900, 5e-324, -0.1, 1.0, 0.0, 2.0**-500],
}


def values(grid):
    return [Fraction(k) * Fraction(2) ** grid.exp for k in grid.ints]


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_taken_exactly(name):
    a = Array((2, 3), array("d", NUMBERS[name]))
    held = Flint().load(a)
    assert values(held) == [*map(Fraction, NUMBERS[name])]
    assert held.shape == (2, 3)
    assert all(type(k) is int for k in held.ints)


@pytest.mark.parametrize("other", NUMBERS)
@pytest.mark.parametrize("name", NUMBERS)
def test_products_are_those_of_the_kernel(name, other):
    a, b = Array((2, 3), array("d", NUMBERS[name])), Array((1, 3), array("d", NUMBERS[other][:3]))
    for left, right in ((a, b), (b, a), (a, a)):
        found, true = (ar.multiply(ar.load(left), ar.load(right)) for ar in (Flint(), Exact()))
        assert values(found) == values(true)
        assert found.shape == true.shape


@pytest.mark.parametrize("sizes", [(2, 0, 3), (0, 3, 2), (2, 3, 0), (0, 0, 0)])
def test_products_of_nothing_are_zeros(sizes):
    m, k, n = sizes
    left, right = (Array((rows, k), array("d", [1.0] * (rows * k))) for rows in (m, n))
    found, true = (ar.multiply(ar.load(left), ar.load(right)) for ar in (Flint(), Exact()))
    assert (values(found), found.shape) == (values(true), true.shape)


@pytest.mark.parametrize("ar", [Exact(), Flint()], ids=["kernel", "flint"])
@pytest.mark.parametrize("places", [(), (3,), (0, 39), (43, 5, 79), range(40)])
def test_products_of_rows_with_few_numbers_are_those_of_loops(ar, places):
    """A row of A without zeros, with a few numbers or with none, times every row of B."""
    left, right = array("d", bytes(8 * 80)), array("d", (x - 50.5 for x in range(120)))
    for place in places:
        left[place] = place - 7.25
    found = ar.multiply(ar.load(Array((2, 40), left)), ar.load(Array((3, 40), right)))
    rows = [[*map(Fraction, x[i : i + 40])] for x in (left, right) for i in range(0, len(x), 40)]
    true = [sum(map(Fraction.__mul__, x, y)) for x in rows[:2] for y in rows[2:]]
    assert (values(found), found.shape) == (true, (2, 3))
