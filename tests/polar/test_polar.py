"""The polar of every pair of norms: enclosed, attained, dominating, and symmetric.

No comparison here with a brute-force value allows for rounding: vectors have small integer
entries, so what they earn and their squared norms are exact.
"""

from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import sparse

from certify import RejectedError
from certify.atoms import RankOne
from certify.base.rigor.flint import Flint
from certify.kernel.arrays import Arrays
from certify.kernel.evidence import Evidence
from certify.kernel.norms import plain
from certify.kernel.rules.matrices import POLAR_RULES
from certify.kernel.spaces import Pair
from certify.norms import gauge
from certify.polar import METHODS, PolarQuery, Proposal, smallest_symmetric, within_budget
from certify.polar.methods import ANY, corners
from certify.polar.proved import proved_above, split, stored_entries, tensor_above
from certify.polar.query import least
from problems import _truth
from tests.strategies import PAIRS, arrays, masks, powers, shapes, stored, vectors
from tests.tolerance import exact_square, fractions

SHARP = 2.0**-36  # relative: the first margin above sigma_1^2 at which a Cholesky completes
TINY = 2.0**-268  # what underflow adds: two square roots of 2^-1074, the least float
CLOSED = [pair for pair in PAIRS if pair == ("l2", "l2") or any(k[:2] == "l1" for k in pair)]
each_pair = pytest.mark.parametrize("pair", PAIRS, ids="x".join)
each_closed = pytest.mark.parametrize("pair", CLOSED, ids="x".join)
each_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
matrices = shapes.flatmap(arrays)


def dominates(upper, W, pair):
    """Assert u^T W v <= upper |u| |v| for every pair of test vectors, exactly."""
    (U, a), (V, b) = (vectors(key, d) for key, d in zip(pair, W.shape, strict=True))
    earned = np.maximum(U @ W @ V.T, 0.0)
    ratio = earned / np.sqrt(np.outer(a, b))
    bound = Fraction(upper) ** 2
    for i, j in np.argwhere(ratio >= ratio.max() * (1 - 2.0**-40)):
        assert Fraction(earned[i, j]) ** 2 <= bound * Fraction(a[i]) * Fraction(b[j])
    assert upper >= 0


def attained(bound, W, pair):
    """Assert that the witness earns the lower bound, exactly."""
    u, v = bound.witness
    assert all(gauge(k).admits(x) for k, x in zip(pair, (u, v), strict=True))
    rows = [sum(map(Fraction.__mul__, fractions(row), fractions(v))) for row in W]
    earned = sum(map(Fraction.__mul__, fractions(u), rows))
    price = exact_square(pair[0], u) * exact_square(pair[1], v)
    lower = Fraction(bound.lower)
    if lower > 0:
        assert earned > 0
        assert earned**2 >= lower**2 * price
    else:
        assert earned >= 0 or earned**2 <= lower**2 * price


def same(one, other, pair, scale=1.0):
    """Assert that two enclosures are of one number, and are sharp where it is closed."""
    assert one.lower * scale <= other.upper
    assert other.lower <= one.upper * scale
    if pair in CLOSED and one.lower > 0:
        assert abs(one.upper * scale - other.upper) <= SHARP * other.upper


@pytest.mark.sampled(1000)
@each_pair
@given(W=matrices)
def test_the_upper_bound_dominates_every_slice(pair, W):
    dominates(RankOne(*pair).polar(W).upper, W, pair)


@pytest.mark.sampled(1000)
@each_pair
@given(W=matrices)
def test_the_lower_bound_is_attained_by_the_witness(pair, W):
    bound = RankOne(*pair).polar(W)
    assert bound.lower <= bound.upper
    attained(bound, W, pair)


@each_closed
@given(W=matrices)
def test_a_closed_polar_is_enclosed_sharply(pair, W):
    bound = RankOne(*pair).polar(W)
    low = max(bound.lower, 0.0)  # the zero slice earns 0
    assert bound.upper - low <= max(SHARP * bound.upper, TINY)


@pytest.mark.thorough
@pytest.mark.parametrize("pair", [p for p in PAIRS if p not in CLOSED], ids="x".join)
@example(W=np.array([[-7.0], [0.0]]))
@example(W=np.array([[3.0, 4.0, -20.0]]))
@given(W=st.tuples(st.integers(1, 3), st.integers(1, 3)).flatmap(arrays))
def test_a_nonnegative_polar_encloses_the_value_found_by_enumeration(pair, W):
    turned = W.T if pair == ("l2+", "l2") else W
    top = _truth.nonnegative_top(turned, both=pair == ("l2+", "l2+"))
    bound = RankOne(*pair).polar(W)
    assert bound.lower <= top * (1 + 2.0**-40)  # the enumeration takes singular values
    assert bound.upper >= top * (1 - 2.0**-40)  # from floats of 52 bits
    assert max(bound.lower, 0.0) >= top * (1 - SHARP)  # no excuse at this size


@pytest.mark.thorough
@each_pair
@given(W=matrices, data=st.data())
def test_stored_entries_have_the_polar_of_the_full_matrix(pair, W, data):
    mask = data.draw(masks(W.shape))
    held = np.where(mask, W, 0.0)
    full, listed = RankOne(*pair).polar(held), RankOne(*pair).polar(stored(W, mask))
    same(full, listed, pair)
    dominates(listed.upper, held, pair)
    attained(listed, held, pair)


@pytest.mark.sampled(1000)
@each_pair
@given(W=matrices, data=st.data())
def test_permuting_and_padding_leave_the_polar(pair, W, data):
    m, n = W.shape
    turned = W[data.draw(st.permutations(range(m)))][:, data.draw(st.permutations(range(n)))]
    atom, one = RankOne(*pair), RankOne(*pair).polar(W)
    same(one, atom.polar(turned), pair)
    same(one, atom.polar(np.pad(W, ((0, 1), (0, 2)))), pair)


@pytest.mark.sampled(1000)
@each_pair
@given(W=matrices, data=st.data())
def test_flipping_signs_of_a_free_side_leaves_the_polar(pair, W, data):
    signs = [
        np.ones(d) if key.endswith("+") else np.array(data.draw(st.tuples(*[SIGNS] * d)))
        for key, d in zip(pair, W.shape, strict=True)
    ]
    same(RankOne(*pair).polar(W), RankOne(*pair).polar(np.outer(*signs) * W), pair)


SIGNS = st.sampled_from([-1.0, 1.0])


@pytest.mark.sampled(1000)
@each_pair
@given(W=matrices, e=powers)
def test_transposing_and_scaling_carry_the_polar(pair, W, e):
    one = RankOne(*pair).polar(W)
    same(one, RankOne(*pair[::-1]).polar(W.T), pair)
    same(one, RankOne(*pair).polar(W * 2.0**e), pair, scale=2.0**e)


@pytest.mark.sampled(5)
@pytest.mark.parametrize("e", [-1000, -500, -300, 300, 500, 1000])
@each_pair
def test_matrices_of_extreme_size_are_bounded(pair, e):
    W = np.array([[1.0, -2.0], [3.0, 0.5]])
    for held in (np.ldexp(W, e), sparse.csr_array(np.ldexp(W, e))):
        same(RankOne(*pair).polar(W), RankOne(*pair).polar(held), pair, scale=2.0**e)


@pytest.mark.thorough
@given(W=arrays((4, 3)), data=st.data())
def test_an_orthogonal_transform_leaves_the_polar_of_l2_norms(W, data):
    order = data.draw(st.permutations(range(4)))
    turn = _truth.HADAMARD[order]
    one = RankOne("l2", "l2").polar(W)
    same(one, RankOne("l2", "l2").polar(turn @ W), ("l2", "l2"))
    same(one, RankOne("l2", "l2").polar(W.T @ turn), ("l2", "l2"))
    half = RankOne("l2", "l2+")
    same(half.polar(W), half.polar(turn @ W), ("l2", "l2+"))


@pytest.mark.sampled(1000)
@each_pair
@given(data=st.data(), shape=shapes)
def test_the_polar_is_subadditive_and_falls_with_the_cone(pair, data, shape):
    A, B = data.draw(arrays(shape)), data.draw(arrays(shape))
    atom, free = RankOne(*pair), RankOne(*(k.rstrip("+") for k in pair))
    assert atom.polar(A + B).lower <= (atom.polar(A).upper + atom.polar(B).upper) * (1 + 2.0**-50)
    assert atom.polar(A).lower <= free.polar(A).upper


@pytest.mark.parametrize("form", ["product", "sum"])
def test_both_forms_have_one_polar(form):
    W = np.array([[3.0, -1.0], [0.5, 2.0]])
    one, other = RankOne("l2", "l2+", form).polar(W), RankOne("l2", "l2+").polar(W)
    assert (one.lower, one.upper) == (other.lower, other.upper)


@pytest.mark.sampled(10)
@each_method
@each_pair
@given(W=matrices)
def test_a_method_that_applies_proposes_what_the_kernel_proves(method, pair, W):
    query = PolarQuery(W, gauge(pair[0]), gauge(pair[1]))
    if not method().applies(query):
        return
    found = method().propose(query)
    assert found is not None
    at, flat = stored_entries(W)
    text, extra = split(found.proof)
    rule, ar = POLAR_RULES[text["rule"]], Flint()
    w = ar.load(located_array(flat))
    exact = rule(
        ar,
        Pair(at, plain(pair[0], at.m), plain(pair[1], at.n)),
        w,
        Evidence(text, Arrays(extra, "proof")),
    )
    dominates(exact, W, pair)
    rounded = proved_above(W, pair, found.proof)
    dominates(rounded, W, pair)
    assert max(float(exact), rounded) <= max(found.upper * (1 + SHARP), TINY)


def located_array(flat):
    """Hand a field to the kernel."""
    return split({"N": flat})[1]["N"]


@each_pair
def test_some_method_applies_to_every_pair(pair):
    query = PolarQuery(np.eye(2), gauge(pair[0]), gauge(pair[1]))
    assert any(m().applies(query) for m in METHODS.values())


@each_method
@each_pair
def test_a_method_that_does_not_apply_is_refused_by_the_kernel(method, pair):
    W = np.array([[3.0, -1.0], [0.5, 2.0]])
    query = PolarQuery(W, gauge(pair[0]), gauge(pair[1]))
    if method().applies(query):
        return
    home = {"lines": ("l1", "l1"), "spectral": ("l2", "l2"), "corners": ("l2", "linf")}
    # others bound signed factors
    own = home.get(method.__module__.rpartition(".")[2], ("l2+", "l2+"))
    found = method().propose(PolarQuery(W, gauge(own[0]), gauge(own[1])))
    proof = found.proof
    if proof["rule"] == "cones" or (proof["rule"] == "spectral" and "N" not in proof):
        dominates(proved_above(W, pair, proof), W, pair)  # a theorem for every pair, only loose
        return
    if proof["rule"] not in ("lines", "corners") and all(k.endswith("+") for k in pair):
        dominates(proved_above(W, pair, proof), W, pair)
        return
    with pytest.raises(RejectedError) as refused:
        proved_above(W, pair, proof)
    assert refused.value.code == ("shape" if proof["rule"] == "conic" else "wrong_rule")


# Top eigenvalue alone in its block: LAPACK's range driver returns nothing for some of these.
BLOCKS = [
    [[2.0, 0, 0], [0, 1, 0], [0, 1, 1]],
    [[0.0, 1, 0], [-2, 1, 1], [0, 0, 0]],
    [[2.0, 4, -4], [-2, 0, -4], [0, 0, 0]],
    [[1.0, -4, 3], [-1, -3, -2], [0, 0, 0]],
    [[-4.0, 1, 3], [2, -3, -1], [0, 0, 0]],
]


@pytest.mark.parametrize("W", BLOCKS, ids=range(len(BLOCKS)))
@each_pair
def test_a_matrix_whose_gram_matrix_has_blocks_is_bounded(pair, W):
    held = np.array(W)
    bound = RankOne(*pair).polar(held)
    dominates(bound.upper, held, pair)
    attained(bound, held, pair)


@each_pair
def test_nothing_earns_nothing(pair):
    for W in (np.zeros((2, 3)), sparse.csr_array((2, 3))):
        bound = RankOne(*pair).polar(W)
        assert bound.lower <= 0 <= bound.upper <= TINY


@each_pair
def test_a_negative_matrix_earns_nothing_from_two_nonnegative_factors(pair):
    W = -np.array([[1.0, 2.0], [3.0, 0.5]])
    bound = RankOne(*pair).polar(W)
    dominates(bound.upper, W, pair)
    both = all(k.endswith("+") for k in pair)
    assert (bound.upper <= TINY) == both


@each_pair
def test_the_same_question_has_the_same_answer(pair):
    W = np.array([[3.0, -4.0, 2.0], [-2.0, 2.0, 3.0]])
    one, two = (RankOne(*pair).polar(W, seed=3) for _ in range(2))
    assert (one.lower, one.upper) == (two.lower, two.upper)
    assert all(map(np.array_equal, one.witness, two.witness))


@each_pair
def test_no_time_still_gives_a_bound(pair):
    W = np.array([[3.0, -4.0, 2.0], [-2.0, 2.0, 3.0]])
    bound = RankOne(*pair).polar(W, budget=0.0)
    dominates(bound.upper, W, pair)
    attained(bound, W, pair)


def test_a_budget_is_spent_on_a_tree_where_the_relaxation_is_loose(monkeypatch):
    monkeypatch.setattr(corners, "MOST", 0)  # as for cubes of more coordinates
    W = np.random.default_rng(0).integers(-4, 5, (8, 7)).astype(float)
    truth = max(np.abs(np.array(x) @ W).sum() for x in product((-1, 1), repeat=8))
    root, tree = (RankOne("linf", "linf").polar(W, budget=given) for given in (None, 60.0))
    assert truth <= tree.upper <= (1 + 1e-6) * truth < 0.9 * root.upper
    assert tree.lower == pytest.approx(truth)


@pytest.mark.parametrize(
    ("limits", "nodes"),
    [
        ({"deadline": np.inf}, [None, ANY]),
        ({"deadline": np.inf, "nodes": 5}, [5]),
        ({"deadline": -np.inf}, [None]),
        ({}, [None]),
    ],
)
@pytest.mark.parametrize("symmetric", [False, True])
def test_a_deadline_alone_allows_any_number_of_parts(limits, nodes, symmetric):
    norm, asked = gauge("l2+"), []

    def propose(query):
        asked.append(query.nodes)
        return Proposal(3.0 - len(asked))

    found = within_budget(PolarQuery(np.eye(3), norm, norm, symmetric=symmetric, **limits), propose)
    assert asked == nodes
    assert found.upper == 3.0 - len(nodes)


@pytest.mark.parametrize(
    ("target", "upper", "count"),
    [(None, 1.0, 5), (2.0, 2.0, 3), (2.0 - 2.0**-32, 2.0, 3), (1.9, 1.0, 4), (0.5, 1.0, 5)],
)
def test_no_bound_is_tried_after_one_near_the_target(target, upper, count):
    tried = []

    def bounds():
        for x in (3.0, None, 2.0, 1.0, 4.0):
            tried.append(x)
            yield x and Proposal(x)

    assert least(target, bounds()).upper == upper
    assert len(tried) == count


def test_nothing_is_tried_after_a_leaf_that_meets_the_target():
    norm, W = gauge("l2+"), np.array([[2.0, -1.0], [-1.0, 1.0]])
    query = PolarQuery(W, norm, norm, target=9.0, symmetric=True)
    assert smallest_symmetric(query).proof.keys() == {"rule", "nodes", "L0"}  # the first: N = 0
    closer = smallest_symmetric(replace(query, target=None))
    assert closer.upper < smallest_symmetric(query).upper


def test_a_bound_is_proved_in_the_arithmetic_that_is_asked_for():
    class Other(Flint):
        def load(self, _):
            raise NotImplementedError("asked")

    W = np.diag([2.0, 1.0])
    proof = RankOne("l2", "l2").propose(W, 0.0, 0, None).proof
    assert proved_above(W, ("l2", "l2"), proof, arithmetic=Flint()) == pytest.approx(2.0)
    with pytest.raises(NotImplementedError, match="asked"):
        proved_above(W, ("l2", "l2"), proof, arithmetic=Other())
    said = {"kind": "cp", "norms": ["l2", "l2"], "symmetric": False, "form": "product"}
    with pytest.raises(NotImplementedError, match="asked"):
        tensor_above(W, said, proof, Other())
