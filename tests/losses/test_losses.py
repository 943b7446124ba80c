"""Every loss, found by the registry, is a convex conjugate pair over its observed entries."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from certify import InputError
from certify.losses import LOSSES, Loss, Squared
from certify.losses._entrywise import Entrywise, product_below
from certify.losses._roots import rising_zero
from tests import references
from tests.strategies import arrays, dyadics, fields, losses, masks, shapes, stored
from tests.tolerance import fractions, rounding

each_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def pairing(W, Z):
    return float(np.vdot(W, Z))


def size_of(held, *fields):
    """Return a bound of every term that a value or a dual value of this loss sums.

    c (1 + |y| + e^|x|)^2 covers products, squares and e^z; |ln q| of a rounded q is below 37.
    """
    c = np.ones(held.data.shape) if held.scale is None else held.scale
    alone = held.name != "softmax" or held.scale is None
    c = c.reshape(held.data.shape) if alone else c[:, None]
    grow = np.exp if held.name in ("poisson", "softmax") else np.square
    terms = sum(grow(np.abs(x)) for x in fields)
    return (c + 1 / c) * (37 + np.abs(held.data) + terms) ** 2


@each_loss
@given(data=st.data(), shape=shapes)
def test_fenchel_young_holds_with_equality_exactly_at_the_gradient(loss, data, shape):
    held = data.draw(losses(loss, shape))
    Z, G = data.draw(fields(held)), held.clip_dual(data.draw(arrays(held.data.shape)))
    W = -held.gradient(Z)
    slack = rounding(size_of(held, Z, G), flops=8 * Z.size)
    assert abs(held.value(Z) + pairing(W, Z) - held.dual_value(W)) <= slack
    assert held.value(Z) + pairing(G, Z) - held.dual_value(G) >= -slack
    assert slack <= rounding(1e9, flops=8 * Z.size)


@pytest.mark.sampled(3)
@each_loss
@given(data=st.data(), shape=shapes)
def test_the_gradient_is_a_slope_of_a_convex_value(loss, data, shape):
    held = data.draw(losses(loss, shape))
    Z, X = data.draw(fields(held)), data.draw(fields(held))
    slack = rounding(size_of(held, Z, X), flops=8 * Z.size)
    assert held.value((Z + X) / 2) <= (held.value(Z) + held.value(X)) / 2 + slack
    slope = pairing(held.gradient(Z), X - Z)
    assert held.value(X) >= held.value(Z) + slope - slack


@each_loss
@given(data=st.data(), shape=shapes)
def test_the_curvature_bounds_how_fast_the_gradient_turns(loss, data, shape):
    held = data.draw(losses(loss, shape))
    Z, X = data.draw(fields(held)), data.draw(fields(held))
    turn = np.linalg.norm(held.gradient(Z) - held.gradient(X))
    slack = rounding(size_of(held, Z, X), flops=8)
    near = np.linalg.norm(Z - X)
    assert held.curvature > 0
    assert not near or turn <= held.curvature * near + slack
    assert held.smooth or held.curvature == np.inf


@each_loss
@given(data=st.data(), shape=shapes, t=dyadics(1))
def test_the_proximal_map_is_where_its_own_slope_is_a_slope(loss, data, shape, t):
    held = data.draw(losses(loss, shape))
    Z = data.draw(arrays(held.data.shape))
    X = held.prox(Z, t)
    W = held.clip_dual((X - Z) / t)
    slack = rounding(size_of(held, Z, X) * (1 + 1 / t), flops=64 * Z.size)
    assert np.abs(W - (X - Z) / t).max() <= slack
    assert held.value(X) + pairing(W, X) - held.dual_value(W) <= slack


@each_loss
@given(data=st.data(), shape=shapes)
def test_the_domain_of_the_dual_value_is_exact(loss, data, shape):
    held = data.draw(losses(loss, shape))
    W = data.draw(arrays(held.data.shape, st.floats(-4, 4)))
    moved = held.clip_dual(W)
    assert references.inside(held, moved)
    assert np.isfinite(held.dual_value(moved))
    assert (held.dual_value(W) > -np.inf) == references.inside(held, W)
    if held.name != "softmax":  # its nearest float field is only near: rows sum to zero exactly
        assert np.array_equal(moved, W) == references.inside(held, W)


@each_loss
@given(data=st.data(), shape=shapes)
def test_one_float_beyond_the_end_of_the_domain_is_outside(loss, data, shape):
    held = data.draw(losses(loss, shape))
    k = data.draw(st.integers(0, held.data.size - 1))
    for far in (-1e6, 1e6):
        end = held.clip_dual(np.full(held.data.shape, far))
        if held.name == "softmax" or end.flat[k] == far:
            continue
        end.flat[k] = np.nextafter(end.flat[k], far)
        assert not references.inside(held, end)
        assert held.dual_value(end) == -np.inf


@each_loss
@given(data=st.data(), shape=shapes)
def test_values_and_dual_values_are_those_of_100_digits(loss, data, shape):
    held = data.draw(losses(loss, shape))
    Z = data.draw(fields(held))
    W = held.clip_dual(data.draw(arrays(held.data.shape)))
    slack = rounding(size_of(held, Z, W), flops=8 * Z.size)
    assert abs(held.value(Z) - float(references.value(held, Z))) <= slack
    assert abs(held.dual_value(W) - float(references.dual(held, W))) <= slack


FAR = st.sampled_from([-1e300, -1e5, -800.0, -1e-300, 0.0, 1e-300, 800.0, 1e5, 1e300])


@each_loss
@given(data=st.data(), shape=shapes)
def test_fits_of_any_size_give_no_warning_and_no_nan(loss, data, shape):
    held = data.draw(losses(loss, shape))
    Z = data.draw(arrays(held.data.shape, FAR))
    assert not np.isnan(held.value(Z))
    assert np.isfinite(held.prox(Z, 0.5)).all()
    W = -held.gradient(np.abs(Z) + 1e-300 if held.name == "kullback_leibler" else Z)
    if np.isfinite(W).all():
        assert not np.isnan(held.dual_value(W))


@pytest.mark.parametrize("name", ["squared", "huber", "absolute", "quantile", "kullback_leibler"])
@given(data=st.data(), shape=shapes)
def test_a_distance_is_zero_at_its_data(name, data, shape):
    held = data.draw(losses(LOSSES[name], shape))
    assert held.value(held.data) == 0
    assert not held.gradient(held.data)[held.data != 0].any()


@each_loss
@given(data=st.data(), shape=shapes)
def test_no_loss_is_below_its_dual_value_at_zero(loss, data, shape):
    held = data.draw(losses(loss, shape))
    Z = data.draw(fields(held))
    least = held.dual_value(np.zeros(held.data.shape))
    assert held.value(Z) >= least - rounding(size_of(held, Z), flops=8 * Z.size)
    assert least <= 0 or held.name == "poisson"


normal = st.floats(2.0**-1022, 2.0**500) | st.floats(0.5, 2.0)


@given(a=normal, b=normal | st.just(0.0) | st.just(np.inf))
def test_a_product_is_rounded_down_and_by_less_than_two_floats(a, b):
    low = float(product_below(a, b))
    if np.isinf(b):
        assert np.isinf(low)
        return
    exact = Fraction(a) * Fraction(b)
    assert Fraction(low) <= exact
    assert exact < Fraction(np.nextafter(np.nextafter(low, np.inf), np.inf))
    if 2.0**-400 < a * b < 2.0**400:  # nothing underflows: the very largest
        assert exact < Fraction(np.nextafter(low, np.inf))


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


def test_a_list_of_weights_is_that_of_entries_stored_row_by_row():
    """In another order nobody knows whose weight is whose, unless all are equal."""
    at, weights = ([1, 0, 0], [0, 1, 0]), np.array([3.0, 2.0, 1.0])
    mixed = sparse.coo_array((np.array([6.0, 5.0, 4.0]), at), shape=(2, 2))
    with pytest.raises(InputError, match="Y does not store its entries row by row"):
        Squared(mixed, weights=weights)
    beside = sparse.coo_array((weights, at), shape=(2, 2))
    for held in (Squared(mixed.tocsr(), weights=weights[::-1]), Squared(mixed, weights=beside)):
        assert held.data.tolist() == [4.0, 5.0, 6.0]
        assert held.scale.tolist() == [1.0, 2.0, 3.0]
    assert Squared(mixed, weights=np.full(3, 2.0)).scale.tolist() == [2.0, 2.0, 2.0]


def test_integers_and_booleans_are_taken_exactly():
    assert Squared(np.array([[1, -2]])).data.tolist() == [[1.0, -2.0]]
    assert Squared(np.array([[True, False]])).data.tolist() == [[1.0, 0.0]]


class Missing:
    """A missing number, as pandas writes it."""

    def __repr__(self):
        return "<NA>"


NA = Missing()
WRONG = {
    "nan": (([[1.0, np.nan]],), {}, r"got nan at \[0, 1\]"),
    "infinite": (([[-np.inf]],), {}, "got -inf"),
    "complex": (([[1j]],), {}, "complex128"),
    "text": (([["a"]],), {}, "dtype <U1"),
    "object": ((np.array([["x", 1]], dtype=object),), {}, r"got 'x' at \[0, 0\] \(dtype object\)$"),
    "missing": (([[1.0, None]],), {}, r"got None at \[0, 1\] .*: put NaN where .* need a mask"),
    "missing in pandas": (([[1.0, NA]],), {}, r"got <NA> at \[0, 1\] .*: put NaN where"),
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
    "sparse list of weights by columns": (
        (sparse.csc_array(np.ones((2, 3))[:, :2] + 1),),
        {"weights": [1.0, 2.0, 3.0, 4.0]},
        "give weights as a sparse matrix, or Y and weights sorted by rows",
    ),
    "sparse diagonals": ((sparse.eye_array(2),), {}, "dia"),
}


@pytest.mark.parametrize(("given_", "named", "said"), WRONG.values(), ids=WRONG)
def test_wrong_data_are_refused_with_the_wrong_value(given_, named, said):
    with pytest.raises(InputError, match=said):
        Squared(*given_, **named)


DOMAIN = {
    "logistic of signs": (LOSSES["logistic"], ([[1.0, -1.0]],), r"got -1.0; .* \(Y \+ 1\) / 2"),
    "logistic of shares": (LOSSES["logistic"], ([[0.5, 1.0]],), r"0 and 1 only, got 0\.5$"),
    "hinge of bits": (LOSSES["hinge"], ([[1.0, 0.0]],), r"got 0.0; .* 2 Y - 1"),
    "hinge of counts": (LOSSES["hinge"], ([[1.0, 2.0]],), r"-1 and 1 only, got 2\.0$"),
    "margins of bits": (LOSSES["squared_hinge"], ([[0.0]],), "2 Y - 1"),
    "negative counts": (LOSSES["poisson"], ([[1.0, -2.0]],), r">= 0, got -2\.0"),
    "negative means": (LOSSES["kullback_leibler"], ([[1.0, -2.0]],), r">= 0, got -2\.0"),
    "delta 0": (LOSSES["huber"], ([[1.0]], 0.0), "delta must be a finite number > 0, got 0.0"),
    "delta infinite": (LOSSES["huber"], ([[1.0]], np.inf), "delta must be .* got inf"),
    "tau 0": (LOSSES["quantile"], ([[1.0]], 0), "tau must be .* got 0"),
    "tau 1": (LOSSES["quantile"], ([[1.0]], 1), r"tau must be between 0 and 1, got 1\.0"),
    "softmax of shares": (LOSSES["softmax"], ([[0.5, 0.5]],), r"row 0 is \[0\.5, 0\.5\]"),
    "two classes": (LOSSES["softmax"], ([[0.0, 1.0], [1.0, 1.0]],), r"row 1 is \[1\.0, 1\.0\]"),
    "no class": (LOSSES["softmax"], ([[0.0, 0.0]],), r"row 0 is \[0\.0, 0\.0\]"),
    "softmax sparse": (LOSSES["softmax"], (sparse.csr_array(np.eye(2)),), "toarray"),
    "softmax empty": (LOSSES["softmax"], (np.zeros((0, 2)),), "must not be empty"),
    "softmax weights": (LOSSES["softmax"], ([[1.0, 0.0]], [[1.0, 1.0]]), r"shape \(1,\)"),
    "softmax weight 0": (LOSSES["softmax"], ([[1.0, 0.0]], [0.0]), "leave such rows out"),
}


@pytest.mark.parametrize(("loss", "given_", "said"), DOMAIN.values(), ids=DOMAIN)
def test_data_outside_a_losss_domain_are_refused_with_the_cure(loss, given_, said):
    with pytest.raises(InputError, match=said):
        loss(*given_)


@pytest.mark.parametrize("loss", [x for x in LOSSES.values() if x is not Squared])
def test_zeros_that_a_loss_does_not_count_are_refused_in_one_sentence(loss):
    said = rf"^{loss.__name__} takes no zeros: only Squared counts .* a dense Y contains them$"
    with pytest.raises(InputError, match=said):
        loss([[1.0]], zeros="observed")
    with pytest.raises(TypeError, match="unexpected keyword argument 'zero'"):
        loss([[1.0]], zero="observed")


def test_a_loss_of_ones_own_may_take_zeros():
    class Own(Loss):
        name = "own"

        def __init__(self, zeros):
            self.zeros = zeros

        value = gradient = dual_value = arrays = None

    assert Own(zeros=2).zeros == 2


def test_what_is_hidden_need_not_be_a_label():
    Y = np.array([[1.0, np.nan], [0.0, 1.0]])
    assert LOSSES["logistic"](Y, mask=~np.isnan(Y)).observed.size == 3


@each_loss
@given(data=st.data(), shape=shapes)
def test_a_statement_names_the_loss_and_its_number(loss, data, shape):
    held = data.draw(losses(loss, shape))
    said = held.statement()
    numbers = {name: getattr(held, name).hex() for name in loss.intervals}
    assert said == ({"kind": loss.name} | numbers if numbers else loss.name)
    assert np.array_equal(held.arrays()["Y"], held.data.reshape(-1))


def test_a_loss_of_the_callers_own_needs_four_methods():
    class Own(Loss):
        name = "own"
        value = gradient = dual_value = arrays = None

    assert Own().curvature == np.inf
    assert Own().clip_dual(3.0) == 3.0
    assert not Own().outside(np.ones(2))
    with pytest.raises(NotImplementedError, match="Own has no proximal map"):
        Own().prox(np.ones(2), 1.0)


def test_newton_ends_where_the_function_is_zero():
    target = np.array([0.0, 0.5, 27.0])
    found = rising_zero(lambda x: (x**3 - target, 3 * x**2), np.full(3, -1.0), np.full(3, 9.0))
    assert np.abs(found - np.cbrt(target)).max() <= 2.0**-45


@pytest.mark.parametrize("tau", [0.1, 0.3, 0.7, 2.0**-60, 1 - 2.0**-53])
def test_the_upper_slope_of_a_quantile_is_rounded_towards_zero(tau):
    low, high = LOSSES["quantile"]([[1.0]], tau).ends()
    assert high == tau
    assert -low <= 1 - Fraction(tau) < Fraction(np.nextafter(-low, 2.0))


@given(st.integers(0, 2**32 - 1))
def test_slopes_times_weights_are_inside_the_domain(seed):
    rng = np.random.default_rng(seed)
    Y, c, far = rng.standard_normal((3, 3)), rng.random((3, 3)) + 0.01, 50 * np.ones((3, 3))
    for held in (LOSSES["huber"](Y, 0.3, c), LOSSES["quantile"](Y, 0.1, c)):
        for Z in (far, -far):
            assert references.inside(held, -held.gradient(Z))
    rows = LOSSES["softmax"](np.eye(3), c[0])
    scores = np.where(np.eye(3) == 1, -60.0, rng.standard_normal((3, 3)))
    assert references.inside(rows, -rows.gradient(scores))
    assert references.inside(rows, rows.clip_dual(rng.standard_normal((3, 3))))


SMOOTH = [x for x in LOSSES.values() if x.smooth and issubclass(x, Entrywise)]
each_smooth = pytest.mark.parametrize("loss", SMOOTH, ids=lambda x: x.name)


@each_smooth
@given(data=st.data(), shape=shapes)
@np.errstate(all="ignore")
def test_a_part_of_a_loss_is_that_loss_of_some_entries(loss, data, shape):
    held = data.draw(losses(loss, shape))
    Z, W = (x.reshape(-1) for x in (data.draw(fields(held)), -held.gradient(held.data)))
    at = np.arange(Z.size)[::-2]
    part = held.restrict(at)
    both = held.data, held.field_weights
    flat = [np.broadcast_to(x, held.data.shape).reshape(-1) for x in both]
    assert np.array_equal(part.data, flat[0][at])
    assert np.array_equal(np.broadcast_to(part.field_weights, at.shape), flat[1][at])
    for method in (Entrywise.each, Entrywise.slope, Entrywise.second_derivative):
        of = method.__name__
        whole = getattr(held, of)(Z.reshape(held.data.shape)).reshape(-1)
        assert np.array_equal(getattr(part, of)(Z[at]), whole[at])
    whole = held.each_dual(W.reshape(held.data.shape), held.field_weights).reshape(-1)
    assert np.array_equal(part.each_dual(W[at], part.field_weights), whole[at], equal_nan=True)
    held.clip_dual(Z.reshape(held.data.shape))  # which keeps the whole domain
    rough = held.restrict(slice(0, 1), np.float32)
    assert rough.clip_dual(np.zeros(1)).shape == (1,)
    narrow = Z[:1].astype(np.float32)
    for x in (rough.each(narrow), rough.slope(narrow), rough.second_derivative(narrow), rough.data):
        assert x.dtype == np.float32


@each_smooth
@given(data=st.data(), shape=shapes)
@np.errstate(all="ignore")
def test_the_sum_of_entries_is_the_loss(loss, data, shape):
    held = data.draw(losses(loss, shape))
    Z = data.draw(fields(held))
    slack = rounding(size_of(held, Z), flops=8 * Z.size)
    assert abs((held.field_weights * held.each(Z)).sum() - held.value(Z)) <= slack
    assert np.abs(held.field_weights * held.slope(Z) - held.gradient(Z)).max() <= slack
    W = -held.gradient(Z)
    assert abs(held.each_dual(W, held.field_weights).sum() - held.dual_value(W)) <= slack


BENT = {  # data, fit, and h'' there: from above where a step needs that
    "squared": (2.0, -1.0, 1.0),
    "huber": (0.0, 4.0, 0.25),
    "logistic": (1.0, np.log(3.0), 3 / 16),
    "poisson": (1.0, np.log(3.0), 3.0),
    "kullback_leibler": (3.0, 2.0, 0.75),
    "squared_hinge": (1.0, 0.5, 2.0),
}
FLAT = {  # where it is another
    "squared": (2.0, 9.0, 1.0),
    "huber": (0.0, 0.5, 1.0),
    "logistic": (0.0, 0.0, 0.25),
    "poisson": (5.0, 0.0, 5.0),
    "kullback_leibler": (0.0, 2.0, 0.0),
    "squared_hinge": (1.0, 1.5, 0.0),
}


@pytest.mark.parametrize("table", [BENT, FLAT], ids=["bent", "flat"])
@pytest.mark.parametrize("name", BENT)
def test_the_second_derivative_is_known(name, table):
    loss, (y, z, wanted) = LOSSES[name], table[name]
    held = loss(np.full((1, 1), y), **({"delta": 1.0} if loss.name == "huber" else {}))
    assert np.isclose(held.second_derivative(np.full((1, 1), z))[0, 0], wanted, rtol=1e-14)


@each_smooth
@given(data=st.data())
def test_the_second_derivative_is_at_least_the_true_one(loss, data):
    """At a kink of the slope it is that of the flatter side; 100 digits give its differences."""
    held = data.draw(losses(loss, (1, 1)).filter(lambda x: x.scale is None and x.data.size))
    z, t = data.draw(fields(held)), references.number(references.parameter(held) or 0)
    step, y = references.number(Fraction(1, 2**100)), references.number(held.data.item())
    h = [
        references.VALUES[loss.name](references.number(z.item()) + k * step, y, t)
        for k in range(-2, 3)
    ]
    true = min(h[k] - 2 * h[k + 1] + h[k + 2] for k in (0, 2)) / step**2
    told = held.second_derivative(z).item()
    assert true <= told * (1 + 1e-12) + 1e-12
    assert told <= held.curve
