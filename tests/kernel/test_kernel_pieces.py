"""Small pieces of the kernel, each against its definition."""

import itertools
import math
import sys
from array import array
from fractions import Fraction
from types import SimpleNamespace

import pytest

from certify import RejectedError
from certify.kernel import exp_log
from certify.kernel.arrays import Array, Arrays, filled, on_diagonal
from certify.kernel.budget import Budget
from certify.kernel.evidence import Dual, Evidence, slice_arrays
from certify.kernel.exact import Exact, Grid
from certify.kernel.exp_log import FINE, GUARD, LN2, ONE, exp_at
from certify.kernel.fields import only
from certify.kernel.losses import LOSSES
from certify.kernel.losses.likelihoods import enclosed_apart
from certify.kernel.metered import Metered
from certify.kernel.norms import L1, L2, Biased, Elastic, Groups, Variation, outside_cone, plain
from certify.kernel.offsets import Column, Intercept, Linear, Mode
from certify.kernel.patterns import Pattern
from certify.kernel.rules.network import float_above
from certify.kernel.rules.polar import polar_bound
from certify.kernel.rules.witness import meets
from certify.kernel.scalars import Enclosure, exactly, root
from certify.kernel.spaces import Deep, Modes
from certify.kernel.statement import stated_pair
from certify.kernel.values import raised_to, theta, thetas
from certify.losses import LOSSES as OURS

HALF = Fraction(1, 2)


def test_a_sum_of_enclosures_has_the_sums_of_the_ends():
    found = Enclosure(Fraction(1), Fraction(2)).plus(Enclosure(Fraction(10), Fraction(20)))
    assert found == Enclosure(Fraction(11), Fraction(22))


# |(1, 1)| = 1/2 * 2 + 1/2 * sqrt(2) in the elastic norm: neither it nor its square is rational
ELASTIC = Elastic(2, alpha=HALF)
SIZE = tuple(1 + end / 2 for end in root(Fraction(2), 512))


@pytest.mark.parametrize("form", ["product", "sum"])
@pytest.mark.parametrize("count", [2, 3])
def test_theta_of_irrational_norms_is_enclosed(form, count):
    asked = SimpleNamespace(space=SimpleNamespace(norms=(ELASTIC,) * count), form=form)
    found = theta(asked, [[1.0, 1.0]] * count)
    assert found.lo <= SIZE[0] ** count <= SIZE[1] ** count <= found.hi
    assert found.hi <= found.lo * (1 + Fraction(1, 2**100))


@pytest.mark.parametrize("form", ["product", "sum"])
def test_a_square_that_is_enclosed_encloses_theta_of_an_l2_norm_and_of_no_other(form):
    wide = Enclosure(Fraction(24), Fraction(26))  # of 25, the true square
    line = [array("d", [3.0, 4.0])]
    for norms, ends in (((L2(2), L2(2)), (24, 26)), ((L1(2), L1(2)), (49, 49))):
        asked = SimpleNamespace(space=SimpleNamespace(norms=norms), form=form)
        found = theta(asked, line * 2, lambda _x: wide)
        slack = Fraction(1, 2**100)
        assert ends[0] - slack <= found.lo <= ends[0]
        assert ends[1] <= found.hi <= ends[1] + slack
        mixed = thetas(asked, [Array((2, 1), line[0])] * 2, lambda _x: wide)
        assert mixed == found
    biased = SimpleNamespace(space=SimpleNamespace(norms=(Biased(2), Biased(2))), form=form)
    assert theta(biased, line * 2, lambda _x: wide) == exactly(Fraction(9))
    assert Metered(Exact(), Budget()).square(line[0]) == exactly(Fraction(25))


@pytest.mark.parametrize(("outer", "wanted"), [("l1", 5 + 13), ("linf", 13)])
def test_groups_are_added_or_the_largest_is_taken(outer, wanted):
    n = Groups(4, outer=outer, groups=(0, 0, 1, 1))
    for x in ([3.0, 4.0, 5.0, 12.0], [5.0, 12.0, 3.0, 4.0]):
        size, square = n.lengths(x)
        assert size.lo <= wanted <= size.hi <= size.lo * (1 + Fraction(1, 2**100))
        assert square.lo <= wanted**2 <= square.hi


def test_covariates_are_summed_on_both_grids():
    raw, design = Array((2,), array("d", [1.5, 2.5])), Array((2, 1), array("d", [0.25, 0.75]))
    dual = Dual(Exact().load(raw), raw, ())
    found = Linear(design=design).adjoint(Exact(), Pattern(2, 1), dual)
    assert found == [Fraction(3, 2) / 4 + Fraction(5, 2) * 3 / 4]


@pytest.mark.parametrize("o", [Column(), Intercept(), Mode(), Linear(design=filled((2, 3), 1.0))])
def test_the_width_of_an_offset_is_that_of_its_factors(o):
    at = Pattern(2, 4)
    left, right = o.factors(filled(o.shape(at), 1.0), at)
    assert left.shape == (2, o.width)
    assert right.shape == (4, o.width)


def test_a_power_of_a_norm_is_that_of_its_enclosures():
    size, square = Enclosure(Fraction(2), Fraction(3)), Enclosure(Fraction(4), Fraction(9))
    for k in range(1, 6):
        assert raised_to(k, size, square) == Enclosure(Fraction(2) ** k, Fraction(3) ** k)


@pytest.mark.parametrize(("cone", "wide"), [("*", 1), ("+", 1), ("0+", 1), ("*0", 1), ("00", 0)])
def test_the_widest_point_of_an_l2_ball_has_length_1_unless_its_cone_is_0(cone, wide):
    assert L2(2, cone).widest == wide


@pytest.mark.parametrize("cone", "*+-0")
def test_a_factor_of_no_columns_is_in_every_cone(cone):
    for cones in (cone, cone * 3):
        assert outside_cone(L2(3, cones), filled((3, 0), 0.0)) is None


LABELS = {
    "poisson": [0.0, 3.0],
    "kullback_leibler": [0.0, 3.0],
    "logistic": [0.0, 1.0],
    "hinge": [-1.0, 1.0],
    "squared_hinge": [-1.0, 1.0],
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_are_all_of_the_domain(name):
    loss = LOSSES[name]()
    good = LABELS[name]
    assert loss.labels(good, 2)
    for bad in (0.5, -2.0) if name not in ("poisson", "kullback_leibler") else (-1.0, -0.5):
        assert not loss.labels([bad, *good], 3)
        assert not loss.labels([*good, bad], 3)


def test_classes_are_rows_of_one_one():
    labels = LOSSES["softmax"]().labels
    assert labels([0.0, 1.0, 1.0, 0.0], 2)
    for bad in ([0.0, 1.0, 1.0, 1.0], [0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.5, 0.5]):
        assert not labels(bad, 2)


@pytest.mark.parametrize("name", ["squared", "huber", "quantile", "absolute"])
def test_any_number_is_a_value_to_fit(name):
    held = {"huber": (Fraction(1),), "quantile": (HALF,)}.get(name, ())
    assert LOSSES[name](*held).labels([-2.5, 0.0, 7.0], 3)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_defined_where_it_is_convex(name):
    make, intervals = LOSSES[name], OURS[name].intervals
    assert list(intervals) == [make.parameter] * bool(getattr(make, "parameter", ""))
    for low, high in intervals.values():
        ends = [Fraction(x) for x in (low, high) if x < math.inf]
        assert make(ends[0] + HALF).defined
        assert not any(make(x).defined for x in (ends[0] - 1, *ends, ends[-1] + len(ends) - 1))
    assert intervals or make().defined


def test_the_logarithm_of_two_is_enclosed():
    lo, hi = LN2
    terms = [Fraction(1, k * 2**k) for k in range(1, 260)]  # ln 2 = sum of 1 / (k 2^k)
    assert Fraction(lo, ONE << GUARD) <= sum(terms) + Fraction(2, 2**260)
    assert sum(terms) <= Fraction(hi, ONE << GUARD)
    assert hi - lo < 1000


@pytest.mark.parametrize("x", [1, 100, 10_000, -1, -100, -10_000])
def test_exp_holds_for_any_enclosure_of_the_logarithm_of_two(x, monkeypatch):
    lo, hi, k = exp_at(x << FINE)
    wide = 1 << 24  # units of 2**-DEEP
    monkeypatch.setattr(exp_log, "LN2", (LN2[0] - wide, LN2[1] + wide))
    low, high, other = exp_at(x << FINE)
    assert other == k
    assert low <= lo <= hi <= high


def test_a_vertex_of_the_total_variation_ball_costs_what_it_holds():
    # a star of four edges: degrees 4, 1, 1, 1, 1, so k^2 = 20
    n = Variation(5, rho=HALF, ends=(0, 1, 0, 2, 0, 3, 0, 4))
    d, s = Fraction(1), Fraction(100)
    wanted = (d + s * 20) / (1 + HALF * root(Fraction(20)).lo) ** 2
    assert n.entries_cost(d, s) == wanted


@pytest.mark.parametrize("kind", [int, Fraction])
def test_a_vector_between_two_earns_at_most_the_larger_end(kind):
    ends = [(low, high) for low in range(-3, 4) for high in range(low, 4)]
    lows, highs = ([kind(x) for x in each] for each in zip(*ends, strict=True))
    for cone, xs in {"*": (-1, 0, 1), "+": (0, 1), "-": (-1, 0), "0": (0,)}.items():
        norm = L2(len(ends), cone)
        assert norm.met(highs, lows) == [max(y * x for y in pair for x in xs) for pair in ends]
        assert norm.met(lows) == [max(y * x for x in xs) for y in lows]


def test_two_cones_meet_where_every_product_has_the_sign():
    members = {"*": (-1, 0, 1), "+": (0, 1), "-": (-1, 0), "0": (0,)}
    for x, a, b in itertools.product((-2.0, 2.0), members, members):
        true = all(x * u * v >= 0 for u in members[a] for v in members[b])
        assert meets(x, a, b) == true


SYMMETRIC = {"kind": "symmetric", "left": "l2", "right": "l2", "form": "product"}


def test_a_symmetric_atom_has_one_norm_and_one_size():
    arrays = Arrays({}, "statement")
    assert stated_pair(SYMMETRIC, arrays, Pattern(3, 3)).symmetric
    for atom, at in ((SYMMETRIC, Pattern(3, 4)), (SYMMETRIC | {"right": "l1"}, Pattern(3, 3))):
        with pytest.raises(RejectedError) as refused:
            stated_pair(atom, arrays, at)
        assert (refused.value.where, refused.value.code) == ("statement.atom", "symmetric")


def test_a_sum_of_parts_of_other_exponents_is_enclosed():
    parts = [(-3, 5, 0), (1, 1, -300), (2**70, 2**70 + 1, 40)]
    found = enclosed_apart(parts)
    lo, hi = (sum(Fraction(p[k]) * Fraction(2) ** p[2] for p in parts) for k in (0, 1))
    assert found.lo <= lo <= hi <= found.hi
    assert found.hi - found.lo <= (hi - lo) * (1 + Fraction(1, 2**100)) + Fraction(1, 2**50)


def test_nested_sums_of_squares_over_weights_are_to_a_unit():
    ar = Exact()
    x, w = Grid([3, 5], 0, (2,)), Array((2,), array("d", [3.0, 7.0]))
    found = ar.squares_over(x, w)
    true = Fraction(9, 3) + Fraction(25, 7)
    assert found.lo <= true <= found.hi
    assert found.hi - found.lo <= 2 * Fraction(1, 2**192) / 7


def test_arrays_of_slices_are_those_whose_name_starts_with_a_number():
    one = filled((1,), 1.0)
    names = ("s0.W", "s12.L0", "scale.left", "s", "s.W", "t1.W", "s1")
    found = slice_arrays(Arrays(dict.fromkeys(names, one), "proof"))
    assert {t: [*held.arrays] for t, held in found.items()} == {0: ["W"], 12: ["L0"]}


@pytest.mark.parametrize("stated", [[], ["kind"], "kind", 7])
def test_what_is_no_object_has_no_known_fields(stated):
    only({"kind": 1}, {"kind"}, "statement.atom")
    with pytest.raises(RejectedError) as refused:
        only(stated, {"kind"}, "statement.atom")
    assert (refused.value.where, refused.value.code) == ("statement.atom", "json")


def test_slices_of_other_sizes_are_bounded_by_their_longest_row():
    values = [float(k * k % 17) for k in range(24)]
    at, norms = Pattern(2, 12, dims=(2, 3, 4)), (plain("l1", 2), plain("l1", 3), plain("l2", 4))
    ar, each = Exact(), [{"rule": "lines"}] * 2
    w, proof = (
        ar.load(Array((24,), array("d", values))),
        {"rule": "slices", "axis": 0, "each": each},
    )
    bound = polar_bound(ar, Modes(at, norms), w, Evidence(proof, Arrays({}, "proof")))
    longest = max(sum(Fraction(v) ** 2 for v in values[k : k + 4]) for k in range(0, 24, 4))
    assert longest <= bound**2 <= longest * (1 + Fraction(1, 2**100))


def test_a_flow_bounds_what_it_moves():
    n, y = Variation(2, rho=Fraction(1), ends=(0, 1)), [HALF / 2, -HALF / 2]
    assert n.dual_norm(y, [HALF / 2], None) == HALF / 2
    assert n.dual_norm(y, [], None) == root(Fraction(1, 8)).hi


def test_a_slope_multiplies_once_for_each_hidden_layer():
    at, features = Pattern(1, 1), filled((1, 1), 1.0)
    for slope, hidden, wanted in ((3, 1, 3), (-3, 2, 9), (Fraction(1, 3), 2, 1), (3, 3, 27)):
        assert Deep(at, features, (1,) * (hidden + 2), Fraction(slope)).steep == wanted


def test_a_diagonal_matrix_has_the_numbers_of_its_shape():
    held = on_diagonal([1.0, 2.0, 3.0])
    assert held.shape == (3, 3)
    assert held.data.tolist() == [1.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 3.0]


def test_a_float_above_a_rational_is_finite():
    largest = Fraction(sys.float_info.max)
    for x in (Fraction(1, 3), Fraction(0), largest / 2 - 1):
        assert x < Fraction(float_above(x, "proof")) <= largest
    with pytest.raises(RejectedError, match="overflow"):
        float_above(largest / 2, "proof")
