"""Every loss, found by the registry, is a convex conjugate pair over its observed entries."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from certify import InputError
from certify.losses import LOSSES, Squared

from .strategies import arrays, dyadics, losses, masks, shapes, stored
from .tolerance import fractions, rounding

each_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def pairing(W, Z):
    return float(np.vdot(W, Z))


@each_loss
@given(data=st.data(), shape=shapes)
def test_fenchel_young_holds_with_equality_exactly_at_the_gradient(loss, data, shape):
    held = data.draw(losses(loss, shape))
    Z, G = (data.draw(arrays(held.data.shape)) for _ in range(2))
    W = -held.gradient(Z)
    size = 2.0 if held.scale is None else 1 + held.scale + 1 / held.scale
    slack = rounding(size * (Z * Z + G * G + held.data**2), flops=8 * Z.size)
    assert abs(held.value(Z) + pairing(W, Z) - held.dual_value(W)) <= slack
    assert held.value(Z) + pairing(G, Z) - held.dual_value(G) >= -slack


@each_loss
@given(data=st.data(), shape=shapes)
def test_the_gradient_is_the_slope_of_the_value(loss, data, shape):
    held = data.draw(losses(loss, shape))
    Z, D = (data.draw(arrays(held.data.shape)) for _ in range(2))
    ahead, behind = held.value(Z + D), held.value(Z - D)
    slack = rounding(ahead, behind, flops=8 * Z.size)
    assert held.value(Z) <= (ahead + behind) / 2 + slack
    slope = pairing(held.gradient(Z), D)
    assert ahead >= held.value(Z) + slope - slack
    assert behind >= held.value(Z) - slope - slack


@each_loss
@given(data=st.data(), shape=shapes)
def test_a_loss_is_zero_at_its_data(loss, data, shape):
    held = data.draw(losses(loss, shape))
    assert held.value(held.data) == 0
    assert not held.gradient(held.data).any()


@given(data=st.data(), shape=shapes)
def test_squared_is_the_weighted_sum_of_its_definition(data, shape):
    held = data.draw(losses(Squared, shape))
    Z = data.draw(arrays(held.data.shape))
    weights = np.ones(held.data.shape) if held.scale is None else held.scale
    triples = zip(*map(fractions, (weights, Z, held.data)), strict=True)
    truth = sum((w * (z - y) ** 2 for w, z, y in triples), Fraction(0)) / 2
    assert Fraction(held.value(Z)) == truth  # dyadic numbers: nothing is rounded


@given(data=st.data(), shape=shapes)
def test_a_mask_stored_entries_and_zero_weights_observe_the_same(data, shape):
    Y, mask = data.draw(arrays(shape)), data.draw(masks(shape))
    hidden = np.where(mask, Y, np.nan)
    ways = [Squared(hidden, mask=mask), Squared(stored(Y, mask)), Squared(Y, weights=1.0 * mask)]
    for held in ways:
        assert held.observed.full == mask.all()
        assert np.array_equal(held.data, ways[0].data)
        assert all(map(np.array_equal, held.observed.listed, np.nonzero(mask)))


@given(data=st.data(), shape=shapes)
def test_stored_zeros_and_duplicate_free_orders_do_not_matter(data, shape):
    Y, mask = data.draw(arrays(shape, dyadics(-1, 1))), data.draw(masks(shape))
    rows, cols = np.nonzero(mask)
    turned = sparse.coo_array((Y[rows, cols][::-1], (rows[::-1], cols[::-1])), shape=shape)
    for held in (Squared(turned), Squared(turned.tocsc()), Squared(turned.tocsr())):
        assert held.observed.size == mask.sum()
        assert np.array_equal(held.data.reshape(-1), Y[mask])


def test_integers_and_booleans_are_taken_exactly():
    assert Squared(np.array([[1, -2]])).data.tolist() == [[1.0, -2.0]]
    assert Squared(np.array([[True, False]])).data.tolist() == [[1.0, 0.0]]


WRONG = {
    "nan": (([[1.0, np.nan]],), {}, r"got nan at \[0, 1\]"),
    "infinite": (([[-np.inf]],), {}, "got -inf"),
    "complex": (([[1j]],), {}, "complex128"),
    "text": (([["a"]],), {}, "dtype <U1"),
    "object": ((np.array([[None]]),), {}, "object"),
    "ragged": (([[1.0], [1.0, 2.0]],), {}, "rectangular"),
    "vector": (([1.0],), {}, r"shape \(1,\)"),
    "empty": ((np.zeros((0, 3)),), {}, r"shape \(0, 3\)"),
    "big integer": (([[2**53 + 1]],), {}, "9007199254740993"),
    "weights negative": (([[1.0]],), {"weights": [[-2.0]]}, "got -2.0"),
    "weights shape": (([[1.0]],), {"weights": [1.0]}, r"got \(1,\)"),
    "weights nan": (([[1.0]],), {"weights": [[np.nan]]}, "nan"),
    "all weights zero": (([[1.0]],), {"weights": [[0.0]]}, "no observed entry"),
    "mask dtype": (([[1.0]],), {"mask": [[1]]}, "int64"),
    "mask shape": (([[1.0]],), {"mask": [True]}, r"\(1,\)"),
    "mask empty": (([[1.0]],), {"mask": [[False]]}, "no observed entry"),
    "sparse mask": (
        (sparse.eye_array(2, format="csr"),),
        {"mask": np.ones((2, 2), bool)},
        "stored entries",
    ),
    "sparse empty": ((sparse.csr_array((2, 2)),), {}, "no stored entry"),
    "sparse no rows": ((sparse.csr_array((0, 2)),), {}, "must not be empty"),
    "sparse nan": ((sparse.csr_array([[np.nan]]),), {}, "nan"),
    "sparse twice": (
        (sparse.coo_array(([1.0, 2.0], ([0, 0], [1, 1])), shape=(2, 2)),),
        {},
        r"\[0, 1\] stored more than once",
    ),
    "sparse weights": (
        (sparse.csr_array(np.eye(2)),),
        {"weights": sparse.csr_array(np.eye(2, k=1))},
        "1 others",
    ),
    "sparse diagonals": ((sparse.eye_array(2),), {}, "dia"),
}


@pytest.mark.parametrize(("given_", "named", "said"), WRONG.values(), ids=WRONG)
def test_wrong_data_are_refused_with_the_wrong_value(given_, named, said):
    with pytest.raises(InputError, match=said):
        Squared(*given_, **named)
