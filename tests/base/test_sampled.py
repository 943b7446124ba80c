"""Some entries of a product: the same sums, however many are gathered at once."""

import numpy as np
import pytest

from certify.base import sampled

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("r", [0, 1, 5])
@pytest.mark.parametrize("count", [0, 1, 23])
def test_entries_are_those_of_the_product_in_parts_of_any_size(monkeypatch, r, count):
    left, right = RNG.standard_normal((9, r)), RNG.standard_normal((7, r))
    rows, cols = RNG.integers(9, size=count), RNG.integers(7, size=count)
    whole = sampled.sampled_product(left, right, rows, cols)
    assert np.allclose(whole, (left @ right.T)[rows, cols], rtol=1e-14, atol=1e-14)
    for part, size in ((4, 16 * max(r, 1)), (5, 0)):
        monkeypatch.setattr(sampled, "PART", part)
        monkeypatch.setattr(sampled, "BYTES", size)
        assert np.array_equal(sampled.sampled_product(left, right, rows, cols), whole)
